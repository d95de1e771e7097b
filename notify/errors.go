package notify

import "github.com/aegisrunner/account-settings/fault"

// Errors of this package. Rejected input is a [fault.Fields].
var (
	// ErrPersonNotFound: nobody has this identifier, or the person is deleted.
	ErrPersonNotFound = fault.New(fault.NotFound, "not_found", "notify: person not found")

	// ErrOrgNotFound: there is no such organization, or it is deleted.
	ErrOrgNotFound = fault.New(fault.NotFound, "not_found", "notify: organization not found")

	// ErrLink: the token of an unsubscribe link is malformed, altered, somebody
	// else's, or of an address that the person has no more; one answer for all.
	ErrLink = fault.New(fault.NotFound, "not_found", "notify: no such link")

	// ErrLocked: the plan decides, and not the person.
	ErrLocked = fault.New(fault.Conflict, "locked_by_plan", "notify: the plan decides about these mails")

	// ErrStaffOnly: neither the product itself nor the host's staff asks.
	ErrStaffOnly = fault.New(fault.Forbidden, "forbidden", "notify: for the product itself and the host's staff")

	// ErrRateLimited: too many requests. Wrapped in a [fault.Retry].
	ErrRateLimited = fault.New(fault.Throttled, "rate_limited", "notify: too many requests")
)
