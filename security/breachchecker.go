package security

import "context"

// BreachChecker tells whether a password is known from breaches, as NIST
// SP 800-63B, section 3.1.1.2, asks to check. Implementations are safe for
// concurrent use, keep and log nothing of the password, and let nothing leave
// the process from which it could be told.
type BreachChecker interface {
	// Breached is given the password as it will be hashed. An error means
	// unknown: the caller goes on as though it were not known, with a line in the
	// log that names the error alone, so that an outage elsewhere keeps nobody
	// from a password. It returns when ctx ends.
	Breached(ctx context.Context, password string) (bool, error)
}
