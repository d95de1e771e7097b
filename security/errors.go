package security

import (
	"errors"

	"github.com/aegisrunner/account-settings/fault"
)

// Errors of this package. Rejected input is a [fault.Fields]; a demand for a
// fresh proof is an [audit.StepUpError].
var (
	// ErrInvalidCredentials: address or password is wrong, and nothing says which.
	ErrInvalidCredentials = fault.New(fault.Unauthenticated, "invalid_credentials", "security: wrong address or password")

	// ErrInvalidCode: not the code that was asked for, or one that was used.
	ErrInvalidCode = fault.New(fault.Unauthenticated, "invalid_code", "security: wrong code")

	// ErrSignInExpired: the half-finished sign-in is over, and has to begin anew.
	ErrSignInExpired = fault.New(fault.Unauthenticated, "unauthenticated", "security: sign-in has expired")

	// ErrCeremonyGone: the passkey was asked too long ago, or has answered.
	ErrCeremonyGone = fault.New(fault.Unauthenticated, "invalid_credentials", "security: challenge is gone")

	// ErrFactorNotFound: no such factor, or not this person's.
	ErrFactorNotFound = fault.New(fault.NotFound, "not_found", "security: factor not found")

	// ErrTOTPEnabled: two-factor is on already.
	ErrTOTPEnabled = fault.New(fault.Conflict, "totp_enabled", "security: two-factor authentication is on")

	// ErrTwoFactorOff: two-factor is off, and what was asked is about it.
	ErrTwoFactorOff = fault.New(fault.Conflict, "two_factor_off", "security: two-factor authentication is off")

	// ErrPasskeysOff: the host has not turned passkeys on.
	ErrPasskeysOff = fault.New(fault.NotFound, "not_found", "security: passkeys are off")

	// ErrOtherFactor: a mailed code is for people who have nothing else.
	ErrOtherFactor = fault.New(fault.Conflict, "other_factor", "security: the person has another factor to prove")

	// ErrPasskeyTaken: the authenticator has registered this credential before.
	ErrPasskeyTaken = fault.New(fault.Conflict, "passkey_taken", "security: passkey is registered already")

	// ErrTooManyPasskeys: the person has as many as one may have.
	ErrTooManyPasskeys = fault.New(fault.Conflict, "too_many_passkeys", "security: too many passkeys")

	// ErrLastFactor: without it the person could not sign in any more.
	ErrLastFactor = fault.New(fault.Conflict, "last_factor", "security: the last way to sign in")

	// ErrSessionNotFound: no such session, or not this person's.
	ErrSessionNotFound = fault.New(fault.NotFound, "not_found", "security: session not found")

	// ErrPersonNotFound never leaves the services.
	ErrPersonNotFound = fault.New(fault.NotFound, "not_found", "security: person not found")

	// ErrLinkGone: unknown, spent, expired or superseded; one answer for all.
	ErrLinkGone = fault.New(fault.Gone, "link_gone", "security: link is gone")

	// ErrRateLimited: too many attempts. Wrapped in a [fault.Retry].
	ErrRateLimited = fault.New(fault.Throttled, "rate_limited", "security: too many attempts")

	// ErrOverloaded: every hash slot and every place in the queue is taken.
	// Wrapped in a [fault.Retry].
	ErrOverloaded = fault.New(fault.Unavailable, "overloaded", "security: too many passwords to check at once")

	// ErrInTransaction: the method checks a secret, and was called inside a
	// transaction, whose rollback would erase the record of a failure and whose
	// connection would be held while hashing.
	ErrInTransaction = errors.New("security: called inside a transaction")
)
