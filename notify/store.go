package notify

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// Person is what mails need to know of somebody.
type Person struct {
	ID        id.User
	Name      string
	Email     string // as typed
	EmailKey  string // canonical
	Timezone  string // IANA name
	Locale    string // BCP 47
	CreatedAt time.Time
}

// Notice is a mail about an organization that is sent once.
type Notice struct {
	Org   id.Org
	Kind  string // "limit_80", "limit_100" or "billing_failed"; at most 64 characters, as the others
	Name  string // of the metric; "" if there is none
	Cycle string // of billing, or the invoice
}

// Reader is what can be read outside of a transaction and inside. Deleted people
// are nobody.
type Reader interface {
	// Person returns ErrPersonNotFound for nobody and for deleted people.
	Person(ctx context.Context, user id.User) (Person, error)

	// Choices returns what a person has chosen; what is missing was never chosen.
	Choices(ctx context.Context, user id.User) (map[Category]bool, error)
}

// Store persists preferences. Implementations must pass storetest.Notify. A failure
// of the database is returned as it is.
type Store interface {
	Reader

	// Update runs fn in one transaction; see accounts.Store.Update, whose rules
	// are the same.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is the only place where preferences are written.
type Tx interface {
	Reader
	audit.Appender
	mail.Outbox

	// AfterCommit runs fn once the outermost transaction has committed; see
	// accounts.Tx.AfterCommit.
	AfterCommit(fn func(ctx context.Context))

	// LockPerson reads a person and keeps everybody else from locking them until the
	// transaction ends.
	LockPerson(ctx context.Context, user id.User) (Person, error)

	// SetChoice stores a choice in place of the former one. ErrPersonNotFound.
	SetChoice(ctx context.Context, user id.User, c Category, enabled bool, now time.Time) error

	// NoteOnce notes that a mail is sent, and reports whether it was not noted before.
	// Of concurrent callers one is the first.
	NoteOnce(ctx context.Context, n Notice, now time.Time) (first bool, err error)

	// PurgeNotices removes up to limit notices from before t, and returns how many.
	PurgeNotices(ctx context.Context, t time.Time, limit int) (int, error)

	// ForgetPerson removes everything that this package keeps of somebody, deleted
	// or not.
	ForgetPerson(ctx context.Context, user id.User) error
}
