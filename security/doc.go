// Package security keeps how a person proves who they are, and where they are
// signed in: passwords, sessions, fresh proofs and reset links.
//
// # Transactions
//
// What changes something does so in one [Store.Update], together with its audit
// entries and mails. Methods that check a secret return [ErrInTransaction] when
// called inside a transaction: a failed attempt is committed before it is
// returned, which a rollback would erase, and hashing would hold a connection.
//
// # Equal work
//
// Signing in and asking for a reset do the same counted work whether or not the
// address has an account: the same look-ups, the same hash in the same slots,
// the same rows written. Nothing that is returned tells them apart.
//
// # Bounded work
//
// Passwords are hashed in a fixed number of slots with a bounded queue before
// them; what does not fit is refused with [ErrOverloaded] in a [fault.Retry].
//
// # Void at once
//
// A credential has a version that every session and link carries. A change
// makes a new version, and whatever carries the old one is void at the next
// look-up, in the same transaction and on every node.
package security
