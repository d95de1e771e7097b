package security

import (
	"context"
	"net/netip"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// Hash is the SHA-256 of a session token or a link's token. Tokens themselves
// are never stored.
type Hash = [32]byte

// PasswordHash is an argon2id hash in PHC form. It does not print itself.
type PasswordHash string

// String hides the hash from fmt and slog.
func (PasswordHash) String() string { return "[hash]" }

// GoString hides the hash from %#v.
func (PasswordHash) GoString() string { return "[hash]" }

// Person is what signing in needs to know of somebody: the account, written by
// package accounts, and the credential, written here.
type Person struct {
	ID       id.User
	Name     string
	Email    string
	Timezone string
	Locale   string

	PasswordHash      PasswordHash // "": has none
	PasswordChangedAt time.Time    // zero: has none

	TwoFactor bool // an authenticator app is confirmed: two-factor is on
	Passkeys  int  // how many

	// Version changes with every change of a credential. Sessions, half-finished
	// flows and links carry the version they were made under, and are void under
	// another.
	Version int64

	// Sessions is how many sessions are stored, also ended ones that have not
	// been removed yet. LockPerson alone counts them.
	Sessions int

	// RestorableUntil is set for somebody whose account is deleted and can be
	// restored until then: they can sign in, to do that and nothing else.
	RestorableUntil time.Time
}

// deleted reports whether somebody's account is deleted.
func (p Person) deleted() bool { return !p.RestorableUntil.IsZero() }

// gone reports whether somebody is nobody at now: the time in which the account
// could be restored is over.
func (p Person) gone(now time.Time) bool { return p.deleted() && !now.Before(p.RestorableUntil) }

// Recipient returns the person as whom a mail goes to.
func (p Person) Recipient() mail.Recipient {
	return mail.Recipient{Address: p.Email, Name: p.Name, Locale: p.Locale, Timezone: p.Timezone}
}

// Session is a sign-in on one device. It holds nothing that opens anything.
type Session struct {
	ID         id.Session
	User       id.User
	Method     audit.Factor // how it began
	Connection string       // of single sign-on; "" otherwise
	Proofs     audit.Proofs
	Version    int64 // of the credential it was made under

	IP        netip.Addr // of the last use
	Place     Place      // of IP; filled in by the service, and not stored
	UserAgent string

	SignedInAt time.Time
	LastUsedAt time.Time // written at most once a minute
	ExpiresAt  time.Time // however active
}

// Login is a session with the person it belongs to: all that authenticating a
// request needs, in one look-up.
type Login struct {
	Session Session
	Person  Person // without PasswordHash; see HasPassword

	HasPassword bool

	// Limited is what the session is good for, and SecondFactor whether step-up
	// asks for the second factor; filled in by the service.
	Limited      audit.Limit
	SecondFactor bool
}

// Reset is a mailed link to set a new password.
type Reset struct {
	Address   Hash // keyed hash of the canonical address it was asked for; never zero
	Hash      Hash
	User      id.User // zero for an address without an account
	Version   int64   // of the credential it was made under
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Reader is what can be read outside of a transaction and inside.
type Reader interface {
	FactorReader

	// PersonByEmail finds who signs in with the canonical address key, else
	// ErrPersonNotFound. Deleted people are found with RestorableUntil, and not at all
	// once their removal has begun; so it is everywhere here.
	PersonByEmail(ctx context.Context, key string) (Person, error)

	// PersonByID returns ErrPersonNotFound for nobody.
	PersonByID(ctx context.Context, user id.User) (Person, error)

	// LoginByToken finds a session by the hash of its token, whatever its state;
	// ErrSessionNotFound if there is none or the person is being removed. This is the
	// hot path: one indexed look-up.
	LoginByToken(ctx context.Context, hash Hash) (Login, error)

	// Sessions returns up to limit sessions of a person that are alive: not past
	// ExpiresAt at now, used after idleSince, of the person's present Version.
	// Newest sign-in first, ID breaking ties; after continues behind that
	// session (zero: from the start).
	Sessions(ctx context.Context, user id.User, now, idleSince time.Time, after id.Session, limit int) ([]Session, error)

	// ResetByHash returns a link that SpendReset would accept at now, else
	// ErrLinkGone.
	ResetByHash(ctx context.Context, hash Hash, now time.Time) (Reset, error)
}

// Store persists credentials and sessions. Implementations must pass
// storetest.Security. A failure of the database is returned as it is.
type Store interface {
	Reader

	// Update runs fn in one transaction; see accounts.Store.Update, whose rules
	// are the same.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error

	// InTransaction reports whether ctx carries a transaction of this store.
	InTransaction(ctx context.Context) bool
}

// Tx is the only place where credentials, factors and sessions are written.
type Tx interface {
	Reader
	FactorTx
	audit.Appender
	mail.Outbox

	// AfterCommit runs fn once the outermost transaction has committed, in order
	// of registration, and never if this one is undone. It is a wake-up call and
	// nothing more: what must happen travels in the transaction itself.
	AfterCommit(fn func(ctx context.Context))

	// LockPerson reads a person and keeps everybody else from changing the
	// credential, TwoFactor and Passkeys until the transaction ends.
	LockPerson(ctx context.Context, user id.User) (Person, error)

	// InsertCredential gives a new person a credential of Version 1. hash may be
	// "": a person without a password.
	InsertCredential(ctx context.Context, user id.User, hash PasswordHash, now time.Time) error

	// SetPassword replaces the hash ("" removes it), and returns the new Version.
	SetPassword(ctx context.Context, user id.User, hash PasswordHash, now time.Time) (version int64, err error)

	// UpgradePassword replaces the hash by a stronger one of the same password,
	// if it still is old, and reports whether it did. The Version stays.
	UpgradePassword(ctx context.Context, user id.User, old, new PasswordHash) (bool, error)

	// BumpVersion voids whatever was made under the present Version, and returns
	// the new one. The session keep (zero: none), if it is the person's, goes
	// over to the new Version.
	BumpVersion(ctx context.Context, user id.User, keep id.Session) (version int64, err error)

	// InsertSession stores a session under the hash of its token.
	InsertSession(ctx context.Context, s Session, hash Hash) error

	// RenewSession stores new Proofs and Version of a session, and with a
	// non-zero hash a new token in place of the old one. ErrSessionNotFound if
	// it has been revoked meanwhile.
	RenewSession(ctx context.Context, s Session, hash Hash) error

	// TouchSession notes a use, unless one after notSince is noted already, and
	// reports whether it did. A session that is gone is no error.
	TouchSession(ctx context.Context, session id.Session, ip netip.Addr, userAgent string, now, notSince time.Time) (bool, error)

	// HoldSession keeps everybody else from ending a session until the transaction
	// ends, else ErrSessionNotFound: it is not stored, or not this person's.
	HoldSession(ctx context.Context, user id.User, session id.Session) error

	// RevokeSession ends one session of the person, else ErrSessionNotFound.
	RevokeSession(ctx context.Context, user id.User, session id.Session) (Session, error)

	// RevokeSessions ends all sessions of the person except one (zero: all), and
	// returns how many ended.
	RevokeSessions(ctx context.Context, user id.User, except id.Session) (int, error)

	// TrimSessions keeps the newest sign-ins of a person, keep of them, and ends
	// the others.
	TrimSessions(ctx context.Context, user id.User, keep int) (int, error)

	// InsertReset stores a link; the former one of the same Address is void from
	// then on, whoever it was for. For nobody (a zero User) it does the same work
	// and waits for the same locks as for somebody.
	InsertReset(ctx context.Context, r Reset) error

	// SpendReset uses up a link that is unspent, unexpired at now, the newest of
	// its Address, and made under the present Version of its User. Of concurrent
	// callers one succeeds; all others get ErrLinkGone.
	SpendReset(ctx context.Context, hash Hash, now time.Time) (Reset, error)

	// VoidAlerts spends all links of a person that say that a sign-in was somebody
	// else's.
	VoidAlerts(ctx context.Context, user id.User, now time.Time) error

	// RemovePerson removes all that this domain keeps of a person, and returns how
	// much of what kind there was: sessions, factors, links, known devices, and the
	// credential.
	RemovePerson(ctx context.Context, user id.User) (map[string]int, error)

	// BumpFailures counts a failure under key, which is a keyed hash, and
	// returns how many there were in the window that ends now, this one
	// included. A window starts with the first failure after the last one ended.
	BumpFailures(ctx context.Context, key Hash, now time.Time, window time.Duration) (int, error)

	// PurgeSessions removes up to limit sessions that expired before now or were
	// last used before idleSince, spent or expired links, and failure counts
	// older than a day. Returns how many rows went.
	PurgeSessions(ctx context.Context, now, idleSince time.Time, limit int) (int, error)
}
