// Package problem turns errors into answers: the one place that knows both fault
// kinds and HTTP status codes. The API and the pages both ask it.
package problem

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
)

// Problem is an answer to a request that failed.
type Problem struct {
	Status     int
	Code       string
	Detail     string // for people, in English; never an internal
	Fields     fault.Fields
	Methods    []audit.Factor // of a demand for a fresh proof
	MaxAge     time.Duration
	RetryAfter time.Duration
	Feature    string // of a plan that does not include it
	Plan       string // the smallest one that does
	Internal   bool   // to be logged; the answer shows nothing of it
}

var kinds = []struct {
	kind   error
	status int
	code   string
	detail string
}{
	// An outage beside a refusal is an outage: a refusal that could not be
	// recorded is not given.
	{fault.Unavailable, http.StatusServiceUnavailable, "unavailable", "This cannot be done right now. Try again in a moment."},
	{fault.Throttled, http.StatusTooManyRequests, "rate_limited", "Too many attempts. Wait a little, then try again."},
	{fault.Malformed, http.StatusBadRequest, "malformed", "The request cannot be read."},
	{fault.StepUp, http.StatusUnauthorized, "reauthentication_required", "Prove that it is you, then repeat the request."},
	{fault.Unauthenticated, http.StatusUnauthorized, "unauthenticated", "Sign in first."},
	{fault.NotFound, http.StatusNotFound, "not_found", "There is nothing here."},
	{fault.Forbidden, http.StatusForbidden, "forbidden", "You may not do this."},
	{fault.Limit, http.StatusPaymentRequired, "limit_reached", "The plan does not allow this."},
	{fault.Gone, http.StatusGone, "link_gone", "This link is no longer good. Ask for a new one."},
	{fault.TooLarge, http.StatusRequestEntityTooLarge, "too_large", "What was sent is too large."},
	{fault.Unsupported, http.StatusUnsupportedMediaType, "unsupported_media_type", "This type of content is not accepted here."},
	{fault.Invalid, http.StatusUnprocessableEntity, "validation_failed", "Some of what was sent cannot be accepted."},
	{fault.Conflict, http.StatusConflict, "conflict", "The present state does not allow this."},
}

var details = map[string]string{
	"invalid_code":        "The code is wrong, has expired, or was used before.",
	"invalid_credentials": "The address or the password is wrong.",
	"email_taken":         "This address belongs to another account by now.",
	"cross_origin":        "The request came from another site, or does not say from where.",
	"seat_limit":          "The plan has no seat left.",
	"plan_required":       "The plan does not include this.",
	"owner_required":      "An organization needs its Owner. Hand ownership over first.",
	"slug_taken":          "This slug is taken.",
	"wrong_recipient":     "This invitation is for another address.",
	"domain_unproven":     "The record is not in DNS yet.",
	"domain_taken":        "Another organization has proven this domain.",
	"overloaded":          "Too much to do at this moment. Try again shortly.",
}

// Of returns the answer for err, which is not nil.
func Of(err error) Problem {
	for _, k := range kinds {
		if !errors.Is(err, k.kind) {
			continue
		}
		p := Problem{Status: k.status, Code: k.code, Detail: k.detail, RetryAfter: fault.RetryAfter(err)}
		if c := fault.Code(err); c != "" {
			p.Code = c
		}
		if d := details[p.Code]; d != "" {
			p.Detail = d
		}
		errors.As(err, &p.Fields)
		var step *audit.StepUpError
		if errors.As(err, &step) {
			p.Methods, p.MaxAge = step.Methods, step.MaxAge
		}
		var needs interface{ Needs() (feature, plan string) }
		if errors.As(err, &needs) {
			p.Feature, p.Plan = needs.Needs()
		}
		if (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) && p.RetryAfter == 0 {
			p.RetryAfter = 5 * time.Second
		}
		p.Internal = p.Status == http.StatusServiceUnavailable && p.Code == "unavailable"
		return p
	}
	if outage(err) {
		return Problem{
			Status: http.StatusServiceUnavailable, Code: "unavailable", Internal: true,
			Detail: "This cannot be done right now. Try again in a moment.", RetryAfter: 5 * time.Second,
		}
	}
	return Problem{
		Status: http.StatusInternalServerError, Code: "internal", Internal: true,
		Detail: "Something went wrong on our side.",
	}
}

// errClosed is what a *sql.DB returns once it is closed. The value is not
// exported, and its text is no promise; so one is asked.
var errClosed = sync.OnceValue(func() error {
	db := sql.OpenDB(nowhere{})
	_ = db.Close()
	return db.Ping()
})

type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, driver.ErrBadConn }
func (nowhere) Driver() driver.Driver                        { return nil }

// outage recognises a database that cannot be asked, by what drivers return.
func outage(err error) bool {
	for _, e := range []error{
		driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone,
		context.Canceled, context.DeadlineExceeded, net.ErrClosed, errClosed(),
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	var op net.Error
	if errors.As(err, &op) {
		return true
	}
	// SQLSTATE classes 08 (connection), 53 (resources), 57 (operator
	// intervention), 25006 (a standby), and conflicts that outlasted the retries.
	// What a server refuses a connection with: 28 (who asks), 3D (there is no such
	// database), 55000 (it takes none).
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		switch s := state.SQLState(); {
		case len(s) < 2:
		case s[:2] == "08", s[:2] == "53", s[:2] == "57", s[:2] == "40", s == "25006", s == "55P03",
			s[:2] == "28", s[:2] == "3D", s == "55000":
			return true
		}
	}
	// SQLite primary result codes: busy, locked, readonly, ioerr, full, cantopen.
	var code interface{ Code() int }
	if errors.As(err, &code) {
		switch code.Code() & 0xff {
		case 5, 6, 8, 10, 13, 14:
			return true
		}
	}
	return false
}
