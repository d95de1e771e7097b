// Package fault is the error vocabulary shared by every package of the module.
//
// A caller that needs only the class of a failure asks for a kind:
//
//	if errors.Is(err, fault.NotFound) { … }
//
// A caller that needs the exact failure asks for the sentinel of the domain,
// such as accounts.ErrLinkGone. Every sentinel wraps exactly one kind and
// carries the stable code that an API client sees.
//
// Rejected input is a [Fields]; "come back later" is a [Retry].
package fault

import (
	"errors"
	"strings"
	"time"
)

// Kinds, to be compared with [errors.Is]. Anything that wraps none of them is
// an internal failure.
var (
	Malformed       = errors.New("malformed request")    // the request cannot be read at all
	Invalid         = errors.New("invalid input")        // readable, and refused field by field
	Unauthenticated = errors.New("unauthenticated")      // nobody is signed in, or the proof was wrong
	StepUp          = errors.New("fresh proof required") // signed in, and asked to prove it again
	Forbidden       = errors.New("forbidden")            // known, and not allowed
	NotFound        = errors.New("not found")            // absent, or not yours to see
	Conflict        = errors.New("conflict")             // refused by the present state
	Gone            = errors.New("gone")                 // a link that is unknown, spent, expired or superseded
	Limit           = errors.New("limit reached")        // a plan or a payment stands in the way
	TooLarge        = errors.New("too large")            // over a documented bound
	Unsupported     = errors.New("unsupported media")    // not a type this accepts
	Throttled       = errors.New("throttled")            // too many attempts; see Retry
	Unavailable     = errors.New("temporarily unable")   // overloaded or an outage; see Retry
)

// Sentinel is an exact failure: one kind, one stable code.
type Sentinel struct {
	kind error
	code string
	text string
}

// New returns a sentinel. code is part of the HTTP contract (snake_case); text
// is for logs and Go programs and says nothing that the caller may not know.
func New(kind error, code, text string) *Sentinel { return &Sentinel{kind, code, text} }

func (s *Sentinel) Error() string { return s.text }

// Unwrap returns the kind.
func (s *Sentinel) Unwrap() error { return s.kind }

// Code returns the stable code.
func (s *Sentinel) Code() string { return s.code }

// Code returns the stable code that err carries, or "".
func Code(err error) string {
	var c interface{ Code() string }
	if errors.As(err, &c) {
		return c.Code()
	}
	return ""
}

// Field is one rejected input field.
type Field struct {
	Name    string         // JSON name of the field, "email"
	Code    string         // stable, for programs: "required", "too_short" …
	Message string         // for people, in English; says what to do
	Params  map[string]any // what a translated message needs: {"min": 8}
}

// Fields is rejected input: errors.Is(err, Invalid) holds. It never holds the
// rejected value, which may be a secret.
type Fields []Field

func (f Fields) Error() string {
	var b strings.Builder
	b.WriteString("invalid input")
	sep := ": "
	for _, x := range f {
		b.WriteString(sep + x.Name + " " + x.Message)
		sep = "; "
	}
	return b.String()
}

// Unwrap makes errors.Is(f, Invalid) hold.
func (f Fields) Unwrap() error { return Invalid }

// Code implements the method that [Code] looks for.
func (f Fields) Code() string { return "validation_failed" }

// Err returns f, or nil when no field was rejected.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Add records a rejected field.
func (f *Fields) Add(name, code, message string) {
	*f = append(*f, Field{Name: name, Code: code, Message: message})
}

// AddFields records every field of err if it is a [Fields], and reports
// whether it was one.
func (f *Fields) AddFields(err error) bool {
	var more Fields
	if !errors.As(err, &more) {
		return false
	}
	*f = append(*f, more...)
	return true
}

// Retry is a refusal that ends by itself: it wraps [Throttled] or [Unavailable].
type Retry struct {
	Reason error         // a sentinel or kind
	After  time.Duration // when to come back, rounded up to a second by HTTP
}

func (r *Retry) Error() string { return r.Reason.Error() + ", retry after " + r.After.String() }

// Unwrap returns the reason.
func (r *Retry) Unwrap() error { return r.Reason }

// RetryAfter returns how long err asks to wait, or zero.
func RetryAfter(err error) time.Duration {
	var r *Retry
	if errors.As(err, &r) {
		return r.After
	}
	return 0
}
