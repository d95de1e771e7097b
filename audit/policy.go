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

// ErrEnrollmentRequired is returned to a session that is good for enrolling a
// second factor alone.
var ErrEnrollmentRequired = fault.New(fault.Forbidden, "second_factor_enrollment_required", "enrol a second factor first")

// ErrAccountDeleted is returned to a session of somebody whose account is deleted:
// it is good for restoring the account alone.
var ErrAccountDeleted = fault.New(fault.Forbidden, "account_deleted", "the account is deleted; restore it first")

// Limit says that a session is good for some things only.
type Limit string

// EnrollmentOnly is the limit of somebody who must have a second factor and has
// none: such a session reaches what a [Rule] opens to it by Enrollment.
const EnrollmentOnly Limit = "second_factor_enrollment"

// RestoreOnly is the limit of somebody whose account is deleted and can still be
// restored: such a session reaches what a [Rule] opens to it by Restoring.
const RestoreOnly Limit = "restore"

// Err returns what a limited session is told where it is good for nothing; nil for
// no limit.
func (l Limit) Err() error {
	switch l {
	case "":
		return nil
	case RestoreOnly:
		return ErrAccountDeleted
	}
	return ErrEnrollmentRequired
}

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

	// Role is the least role in the organization that the request names. It is
	// checked by the service, inside the transaction, as is StepUp then: whether
	// there is such an organization is said first, and to its members alone.
	Role string

	// Enrollment opens it to a session that is good for enrolling a second
	// factor alone.
	Enrollment bool

	// Restoring opens it to a session that is good for restoring a deleted account
	// alone.
	Restoring bool
}

// admits reports whether the rule is open to a session with this limit.
func (r Rule) admits(l Limit) bool {
	return l == "" || l == EnrollmentOnly && r.Enrollment || l == RestoreOnly && r.Restoring
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
	if !rule.admits(a.Limited) {
		return a.Limited.Err()
	}
	if rule.StepUp && rule.Role == "" {
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
	if a.Proofs.fresh(a.SecondFactor, now, maxAge) {
		return nil
	}
	return &StepUpError{MaxAge: maxAge, Methods: a.StepUpMethods()}
}

// StepUpMethods returns what would prove anew who a is: the second factor where
// two-factor is on, else what the person has, and a mailed code where that is
// nothing.
func (a Actor) StepUpMethods() []Factor {
	var m []Factor
	switch {
	case a.HasTOTP:
		m = []Factor{TOTP, BackupCode}
	case a.HasPassword && !a.SecondFactor:
		m = []Factor{Password}
	}
	if a.HasPasskey {
		m = append(m, Passkey)
	}
	if len(m) == 0 {
		m = []Factor{EmailCode}
	}
	return m
}
