package accounts

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// Hash is the SHA-256 of a link's token. Tokens themselves are never stored.
type Hash = [32]byte

// User is a person. An account exists only once its address was proven.
type User struct {
	ID         id.User
	ExternalID string // the host's own key; unique, or ""
	Name       string
	Email      string // as typed, for display and for writing to
	EmailKey   string // canonical, unique
	Timezone   string // IANA name
	Locale     string // BCP 47

	AvatarKey      string // random; changes whenever the picture does
	AvatarUploaded bool   // false: drawn from the initials

	CreatedAt time.Time
	UpdatedAt time.Time
}

// SignUp is an address that asked for an account and has yet to prove itself.
// It reserves nothing.
type SignUp struct {
	Hash      Hash
	Email     string
	EmailKey  string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// EmailChange is a request to change an address.
type EmailChange struct {
	ID      id.EmailChange
	User    id.User
	Session id.Session // the request dies with it

	// SignedInAt is when that session began. Undoing a change reaches back to it.
	SignedInAt time.Time

	OldEmail, OldKey string
	NewEmail, NewKey string

	ConfirmHash Hash // mailed to the new address
	UndoHash    Hash // mailed to the old address with the request
	NoticeHash  Hash // mailed to the old address after the change; also undoes

	RequestedAt time.Time
	ExpiresAt   time.Time // not confirmed by then: dead
	ConfirmedAt time.Time // zero while pending
	UndoUntil   time.Time // set with ConfirmedAt
}

// Reader is what can be read outside of a transaction and inside.
type Reader interface {
	ExportReader
	DeletionReader

	// UserByID returns ErrUserNotFound for nobody and for deleted people.
	UserByID(ctx context.Context, user id.User) (User, error)

	// UserByEmail finds the person whose address has the canonical form key;
	// ErrUserNotFound otherwise, also while the address is only reserved.
	UserByEmail(ctx context.Context, key string) (User, error)

	// UserByAvatar finds whose present picture has this key.
	UserByAvatar(ctx context.Context, key string) (User, error)

	// SignUpByHash returns a sign-up that could be spent at now, else ErrLinkGone.
	SignUpByHash(ctx context.Context, hash Hash, now time.Time) (SignUp, error)

	// PendingEmailChange returns the request that ConfirmEmailChange would still
	// accept at now, else ErrNoEmailChange.
	PendingEmailChange(ctx context.Context, user id.User, now time.Time) (EmailChange, error)

	// EmailChangeSince returns the first change of a person that was confirmed at
	// since or later and that UndoEmailChange would still undo at now, else
	// ErrNoEmailChange.
	EmailChangeSince(ctx context.Context, user id.User, since, now time.Time) (EmailChange, error)

	// EmailChangeByHash returns the change that hash would confirm, cancel or
	// undo at now, without doing so; else ErrLinkGone.
	EmailChangeByHash(ctx context.Context, hash Hash, now time.Time) (EmailChange, error)
}

// Store persists people. Implementations must pass storetest.Accounts. A
// failure of the database is returned as it is, never as "not found".
type Store interface {
	Reader

	// Update runs fn in one transaction: committed if fn returns nil, rolled
	// back if it returns an error or panics; the error is fn's own. Inside
	// another Update or InTx of the same database it joins as a savepoint: what
	// it wrote is undone if it fails, and lasts only if the outermost commits.
	//
	// The context that fn gets carries the transaction and must be the only one
	// used inside. After a conflict with another transaction the outermost fn
	// runs again, so fn touches nothing but tx and what it assigns afresh.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is the only place where people are written.
type Tx interface {
	Reader
	ExportTx
	DeletionTx
	audit.Appender
	mail.Outbox

	// AfterCommit runs fn once the outermost transaction has committed, in order
	// of registration, and never if this one is undone. It is a wake-up call and
	// nothing more: what must happen travels in the transaction itself.
	AfterCommit(fn func(ctx context.Context))

	// LockUser reads a person and keeps everybody else from changing the row
	// until the transaction ends.
	LockUser(ctx context.Context, user id.User) (User, error)

	// InsertUser stores a person and takes the address. ErrEmailTaken if it
	// belongs to anybody or is reserved at u.CreatedAt.
	InsertUser(ctx context.Context, u User) error

	// UpdateUser stores everything but the address.
	UpdateUser(ctx context.Context, u User) error

	// ChangeEmail makes email (canonical key) the person's address. With a
	// non-zero reserve nobody else can take the former one until then. Returns
	// ErrEmailTaken if the new one belongs to somebody else or is reserved for
	// somebody else at now.
	ChangeEmail(ctx context.Context, user id.User, email, key string, now, reserve time.Time) error

	// InsertSignUp stores a sign-up.
	InsertSignUp(ctx context.Context, s SignUp) error

	// BumpRequests counts a request under key, which is a keyed hash, and returns
	// how many there were in the window that ends now, this one included. A window
	// starts with the first request after the last one ended. The count may be
	// kept where security.Tx.BumpFailures keeps those of its keys, which are
	// others, and be removed a day after its window began.
	BumpRequests(ctx context.Context, key Hash, now time.Time, window time.Duration) (int, error)

	// SpendSignUp uses up a sign-up that is unspent and not expired at now. Of
	// concurrent callers one succeeds; all others get ErrLinkGone.
	SpendSignUp(ctx context.Context, hash Hash, now time.Time) (SignUp, error)

	// InsertEmailChange stores a request, and ends the person's pending one if
	// there is any.
	InsertEmailChange(ctx context.Context, c EmailChange) error

	// ConfirmEmailChange uses up the request whose ConfirmHash is hash, if it is
	// pending and not expired, its session is still signed in, and the person's
	// credentials have not changed since it was made. It records notice and
	// undoUntil. Of concurrent callers one succeeds; all others get ErrLinkGone.
	ConfirmEmailChange(ctx context.Context, hash, notice Hash, now, undoUntil time.Time) (EmailChange, error)

	// CancelEmailChange ends the person's pending request, else ErrNoEmailChange.
	CancelEmailChange(ctx context.Context, user id.User, now time.Time) (EmailChange, error)

	// UndoEmailChange uses up the request whose UndoHash or NoticeHash is hash:
	// a pending one that has not expired, or a confirmed one until UndoUntil.
	// What it returns tells which. All later changes of the person end with it.
	// Of concurrent callers one succeeds; all others get ErrLinkGone.
	UndoEmailChange(ctx context.Context, hash Hash, now time.Time) (EmailChange, error)

	// DiscardBlob lists the blobs under key for removal once due has come;
	// KeepBlob takes key off that list. See Service.CollectBlobs.
	DiscardBlob(ctx context.Context, key string, due time.Time) error
	KeepBlob(ctx context.Context, key string) error

	// DueBlobs returns up to limit keys that are due for removal.
	DueBlobs(ctx context.Context, now time.Time, limit int) ([]string, error)

	// PurgeLinks removes sign-ups that expired before t, requests that were
	// never confirmed and expired before t, and confirmed ones whose undo time
	// and reservation ended before t. Returns how many rows went.
	PurgeLinks(ctx context.Context, t time.Time) (int, error)
}

// BlobStore keeps pictures and, sealed, exports. Keys are random and a key is written once; a put
// may be repeated with the same bytes. Implementations must pass
// storetest.Blobs.
type BlobStore interface {
	// PutBlob stores data, at most 8 MiB, under a name of a–z, 0–9, '/', '-'
	// and '.', at most 200 bytes.
	PutBlob(ctx context.Context, name, contentType string, data []byte) error

	// Blob returns what was put, or ErrNoBlob.
	Blob(ctx context.Context, name string) (contentType string, data []byte, err error)

	// DeleteBlobs removes every blob whose name begins with prefix. None is no error.
	DeleteBlobs(ctx context.Context, prefix string) error
}
