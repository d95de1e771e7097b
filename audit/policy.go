package audit

import (
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/fault"
)

// DefaultStepUpAge is how long a proof counts as fresh.
const DefaultStepUpAge = 10 * time.Minute

// ErrUnauthenticated is returned when an operation needs a signed-in person.
var ErrUnauthenticated = fault.New(fault.Unauthenticated, "unauthenticated", "nobody is signed in")

// ErrStepUp is what a [StepUpError] wraps.
var ErrStepUp = fault.New(fault.StepUp, "reauthentication_required", "prove a factor again")

// StepUpError asks the person to prove a factor again (RFC 9470).
type StepUpError struct {
	Methods []Factor      // what would do
	MaxAge  time.Duration // how old a proof may be
}

func (e *StepUpError) Error() string { return ErrStepUp.Error() }

// Unwrap returns [ErrStepUp].
func (e *StepUpError) Unwrap() error { return ErrStepUp }

// Permission names one thing that a domain can do, "account.email.change".
type Permission string

// Rule is what a permission needs.
type Rule struct {
	SignedIn bool // a person, by a session
	StepUp   bool // and a fresh proof
}

// Policy is the one table of a package: what each of its permissions needs.
type Policy map[Permission]Rule

// Check reports whether a may do p now. maxAge is how old a step-up proof may
// be; zero means [DefaultStepUpAge]. A permission that is not in the table is a
// mistake in the program and is refused.
func (pol Policy) Check(a Actor, p Permission, now time.Time, maxAge time.Duration) error {
	rule, ok := pol[p]
	if !ok {
		return fmt.Errorf("audit: permission %q is not in the policy", p)
	}
	if !rule.SignedIn {
		return nil
	}
	if !a.SignedIn() {
		return ErrUnauthenticated
	}
	if rule.StepUp {
		return a.RequireStepUp(now, maxAge)
	}
	return nil
}

// RequireStepUp returns a [*StepUpError] unless a proof of a is fresh. maxAge
// zero means [DefaultStepUpAge].
func (a Actor) RequireStepUp(now time.Time, maxAge time.Duration) error {
	if maxAge == 0 {
		maxAge = DefaultStepUpAge
	}
	if a.Proofs.fresh(a.SecondFactor, now.Add(-maxAge)) {
		return nil
	}
	e := &StepUpError{MaxAge: maxAge}
	switch {
	case a.SecondFactor:
		e.Methods = []Factor{TOTP, BackupCode, Passkey}
	case a.HasPassword:
		e.Methods = []Factor{Password}
	default:
		e.Methods = []Factor{EmailCode}
	}
	return e
}
