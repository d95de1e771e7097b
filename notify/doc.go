// Package notify keeps which automated mails a person wants, and sends those that
// may be switched off: the weekly digest, warnings about the limits of a plan,
// reminders to somebody who has been away, and news of the product. It also tells
// Owners of payments that failed, which nobody can switch off.
//
// # Preferences
//
// Only what somebody has chosen is stored; all else follows from the plans of the
// person's organizations, today's and not those of the day of the choice. Each
// choice is an entry in the person's history, with what held before: that is the
// trail of consent.
//
// # Unsubscribing
//
// Every mail that may be switched off carries a link that does so with one click
// (RFC 8058). Its token is a MAC over the person, the address and the kind of mail.
// It does not expire, and can do nothing else: it reads nothing, and switches
// nothing on. It is void once the address is another, or the person is gone.
//
// # Transactions and jobs
//
// A letter is queued in the transaction that notes that it was: so it leaves once,
// whatever two nodes, a kill at any point, or a clock that is set back do. What the
// host is asked for a digest is asked outside of transactions.
//
// # Errors
//
// Errors wrap a kind of package fault; the sentinels are below. Failures of the
// store pass through unchanged.
package notify
