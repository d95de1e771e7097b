package accounts

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// DeletedUser is a person whose account is deleted, and who is not removed yet.
type DeletedUser struct {
	User
	DeletedAt time.Time
	PurgeAt   time.Time // until then the account can be restored; zero: it is being removed
}

// PurgeKind says what is removed.
type PurgeKind string

// The kinds.
const (
	PurgeUser PurgeKind = "user"
	PurgeOrg  PurgeKind = "org"
)

// Subject is who or what is removed: the bytes of an identifier.
type Subject = [16]byte

// Purge is the removal of a person or an organization, and how far it has come.
type Purge struct {
	ID           id.Receipt // of its own: it says nothing of the subject
	Kind         PurgeKind
	Subject      Subject // zero once it is finished
	Step         int     // how many steps are done
	Removed      Removed
	StartedAt    time.Time
	ClaimedUntil time.Time // until then whoever works on it has it
	FinishedAt   time.Time // zero: under way
}

// Removed counts what was removed, by kind: "sessions", "addresses" …
type Removed map[string]int

// Add counts what more has removed too.
func (r Removed) Add(more Removed) {
	for kind, n := range more {
		if n > 0 {
			r[kind] += n
		}
	}
}

// DeletionReader is what can be read of people who are deleted. They are nobody
// everywhere else.
type DeletionReader interface {
	// DeletedUser returns a person who is deleted, also one who is being removed,
	// else ErrUserNotFound.
	DeletedUser(ctx context.Context, user id.User) (DeletedUser, error)

	// DueUsers returns up to limit people, in the order of their ID, behind after
	// (zero: from the start), who are deleted and have a PurgeAt of now or earlier,
	// or whose removal was begun and is claimed by nobody at now.
	DueUsers(ctx context.Context, now time.Time, after id.User, limit int) ([]id.User, error)

	// AddressesOf returns each address by which the person, who may be deleted, is
	// found anywhere: the present one, those that are reserved for them and those of
	// requests to change it, as they were typed and in canonical form.
	AddressesOf(ctx context.Context, user id.User) ([]string, error)

	// PurgeBegun reports whether the removal of a subject is under way.
	PurgeBegun(ctx context.Context, subject Subject) (bool, error)

	// Receipts returns up to limit removals that are finished, in the order of
	// their ID, which is that of their beginning, behind after (zero: from the start).
	Receipts(ctx context.Context, after id.Receipt, limit int) ([]Purge, error)
}

// DeletionTx is where people are deleted, restored and removed.
type DeletionTx interface {
	// MarkDeleted makes a person nobody, until purgeAt restorable. The address stays
	// taken. ErrUserNotFound.
	MarkDeleted(ctx context.Context, user id.User, now, purgeAt time.Time) error

	// LockDeleted is DeletedUser, and keeps everybody else from changing the row
	// until the transaction ends.
	LockDeleted(ctx context.Context, user id.User) (DeletedUser, error)

	// MarkRestored undoes MarkDeleted, else ErrUserNotFound: nobody, not deleted, or
	// being removed.
	MarkRestored(ctx context.Context, user id.User, now time.Time) error

	// InsertPurge begins a removal. There is no way back for its subject: a person
	// is found by no way of signing in any more, and RestoreOrg of an organization is
	// refused. A second one of the same subject is refused.
	InsertPurge(ctx context.Context, p Purge) error

	// ClaimPurge returns the removal of a subject that is under way and claimed by
	// nobody at now, and claims it until then; else ErrNoPurge. Of concurrent callers
	// one succeeds.
	ClaimPurge(ctx context.Context, subject Subject, now, until time.Time) (Purge, error)

	// AdvancePurge stores Removed and ClaimedUntil, and that Step is done, if the one
	// before it was the last, else ErrNoPurge. With FinishedAt it is a receipt from
	// then on, without its subject.
	AdvancePurge(ctx context.Context, p Purge) error

	// RemoveMail removes what waits to be sent to these addresses, and what is noted
	// of letters that went there, without regard to case. Returns how many rows went.
	RemoveMail(ctx context.Context, addresses []string) (int, error)

	// RemoveUser removes a person whose removal was begun, with all that this domain
	// keeps of them, and requests for an account at these addresses. The addresses
	// are free from then on. Rows of other domains that refer to the person keep it
	// from happening. ErrUserNotFound.
	RemoveUser(ctx context.Context, user id.User, addresses []string) (Removed, error)
}
