package security

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// TOTP is an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s). A person has
// at most one. Until it is confirmed by a code it neither asks for anything nor
// proves anything.
type TOTP struct {
	ID          id.Factor
	User        id.User
	Sealed      []byte    // the secret, sealed for this row
	Key         string    // name of the key it is sealed under
	CreatedAt   time.Time // when the secret was made
	ConfirmedAt time.Time // zero: waits to be confirmed
	LastStep    int64     // the last time step that was accepted; no earlier one is any more
	LastUsedAt  time.Time // zero: never

	// Failures is how many wrong codes came one after the other, over all
	// devices. SuspendedUntil is until when no code is accepted because of them.
	Failures       int
	SuspendedUntil time.Time
}

// Passkey is a WebAuthn credential (Level 3). Its private key is with the person.
type Passkey struct {
	ID           id.Factor
	User         id.User
	Name         string
	CredentialID []byte // at most 1,023 bytes; unique over all people
	Data         []byte // the credential as the WebAuthn library keeps it, in JSON
	SignCount    uint32 // 0: the authenticator does not count
	BackedUp     bool   // synchronised, so that losing a device does not lose it
	CreatedAt    time.Time
	LastUsedAt   time.Time // zero: never
}

// PendingSignIn is somebody who has proven a first factor and has yet to prove
// the second. It opens nothing else.
type PendingSignIn struct {
	Hash      Hash // of its token, which is in a cookie or with the client
	User      id.User
	Version   int64 // of the credential it was begun under
	Method    audit.Factor
	Proofs    audit.Proofs
	Tries     int
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Ceremony is a WebAuthn challenge that waits to be signed.
type Ceremony struct {
	Challenge Hash    // SHA-256 of the challenge
	Purpose   Purpose // what the signature may be used for, and nothing else
	User      id.User // zero for a sign-in that begins with the passkey
	Session   id.Session
	Pending   Hash   // of the half-finished sign-in it belongs to
	Data      []byte // what the WebAuthn library wants to see again, in JSON
	ExpiresAt time.Time
}

// Purpose says what a passkey is asked for.
type Purpose string

// The purposes.
const (
	ForSignIn         Purpose = "sign_in"
	ForSecondFactor   Purpose = "second_factor"
	ForReauthenticate Purpose = "reauthenticate"
	ForRegistration   Purpose = "registration"
)

// EmailCode is a code mailed to somebody signed in who has nothing else to prove
// who they are with. A person has at most one.
type EmailCode struct {
	User      id.User
	Session   id.Session // the only one it is good for
	Hash      Hash       // keyed
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Alert is a mailed "this wasn't me" link, about one sign-in.
type Alert struct {
	Hash       Hash
	User       id.User
	SignedInAt time.Time
	ExpiresAt  time.Time
}

// Seen is what is known of a person's earlier sign-ins.
type Seen struct {
	Any     bool // there were some
	Device  bool // some from this device
	Country bool // some from this country

	// LastSeenAt is when NoteSeen noted this device in this country last; zero:
	// never.
	LastSeenAt time.Time
}

// TwoFactorObserver is told whose two-factor was turned on or off, in the
// transaction that did so, which fails if it returns an error: it does nothing
// beside writing to the same database, with the context that it is given. It is
// safe for concurrent use. orgs.Service is one.
type TwoFactorObserver interface {
	SecondFactorChanged(ctx context.Context, actor audit.Actor, user id.User, on bool, now time.Time) error
}

type nobody struct{}

func (nobody) SecondFactorChanged(context.Context, audit.Actor, id.User, bool, time.Time) error {
	return nil
}

// FactorReader is the part of [Reader] about second factors.
type FactorReader interface {
	// TOTP returns a person's authenticator app, confirmed or not, else
	// ErrFactorNotFound.
	TOTP(ctx context.Context, user id.User) (TOTP, error)

	// TOTPKeys returns the names of all keys that secrets are sealed under.
	TOTPKeys(ctx context.Context) ([]string, error)

	// BackupCodes returns how many unspent ones a person has.
	BackupCodes(ctx context.Context, user id.User) (int, error)

	// Passkeys returns all passkeys of a person, the oldest first.
	Passkeys(ctx context.Context, user id.User) ([]Passkey, error)

	// PendingByToken returns a half-finished sign-in that TryPending would accept
	// at now, else ErrSignInExpired.
	PendingByToken(ctx context.Context, hash Hash, now time.Time, tries int) (PendingSignIn, error)

	// Seen reports what is known of a device (zero: none) and of a country (ISO
	// 3166-1 alpha-2; "": unknown, which no sign-in was from). Of a zero user
	// nothing is known.
	Seen(ctx context.Context, user id.User, device Hash, country string) (Seen, error)

	// PersonSeen is PersonByEmail, and Seen of who was found, in one look-up. It is
	// made for addresses that nobody has as well, see ErrPersonNotFound there.
	PersonSeen(ctx context.Context, key string, device Hash, country string) (Person, Seen, error)

	// AlertByHash returns a link that SpendAlert would accept at now, else
	// ErrLinkGone.
	AlertByHash(ctx context.Context, hash Hash, now time.Time) (Alert, error)
}

// FactorTx is the part of [Tx] about second factors.
type FactorTx interface {
	// PutTOTP stores an unconfirmed authenticator app in place of an earlier
	// unconfirmed one. ErrTOTPEnabled if a confirmed one is there. What comes
	// after CreatedAt in t does not count.
	PutTOTP(ctx context.Context, t TOTP) error

	// ConfirmTOTP confirms the app with this ID, if it is still there,
	// unconfirmed, and was made after madeSince. step is the time step of the code
	// that confirmed it, which is thereby used up, at now. Of concurrent callers one
	// succeeds; all others get ErrFactorNotFound.
	ConfirmTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now, madeSince time.Time) error

	// AdvanceTOTP uses up the time step of a code, and all before it, and sets
	// Failures to zero. It reports whether it did: not if that step, or a later
	// one, was used before, or the app is another one by now, unconfirmed or
	// suspended at now.
	AdvanceTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now time.Time) (bool, error)

	// FailTOTP counts a wrong code against a confirmed app and returns how many
	// there have been since the last right one. With a non-zero until, when that
	// number is a multiple of limit, no code is accepted before until; a suspension
	// that lasts longer stays. Without a confirmed app it returns 0.
	FailTOTP(ctx context.Context, user id.User, limit int, until time.Time) (int, error)

	// ResealTOTP replaces the sealed secret if it still is old, and reports
	// whether it did. key is the name of the key it is sealed under now.
	ResealTOTP(ctx context.Context, user id.User, totp id.Factor, old, sealed []byte, key string) (bool, error)

	// DeleteTOTP removes a person's app, confirmed or not. ErrFactorNotFound if
	// there is none.
	DeleteTOTP(ctx context.Context, user id.User) error

	// ReplaceBackupCodes removes all backup codes of a person and stores these,
	// as keyed hashes.
	ReplaceBackupCodes(ctx context.Context, user id.User, hashes []Hash, now time.Time) error

	// DropBackupCodes removes the codes that were made at since or later, spent or
	// not, and returns how many unspent ones went.
	DropBackupCodes(ctx context.Context, user id.User, since time.Time) (int, error)

	// SpendBackupCode uses up one code of the person and returns how many are
	// left. Of concurrent callers with the same code one succeeds; all others get
	// ErrInvalidCode.
	SpendBackupCode(ctx context.Context, user id.User, hash Hash, now time.Time) (left int, err error)

	// InsertPasskey stores a passkey. ErrPasskeyTaken if the credential is
	// stored already, for whomever.
	InsertPasskey(ctx context.Context, p Passkey) error

	// UsePasskey stores Data, SignCount, BackedUp and LastUsedAt of p if the
	// stored SignCount still is counted, and reports whether it did.
	UsePasskey(ctx context.Context, p Passkey, counted uint32) (bool, error)

	// RenamePasskey returns ErrFactorNotFound if it is not this person's.
	RenamePasskey(ctx context.Context, user id.User, passkey id.Factor, name string) error

	// DeletePasskey removes a passkey of this person, else ErrFactorNotFound.
	DeletePasskey(ctx context.Context, user id.User, passkey id.Factor) (Passkey, error)

	// InsertCeremony stores a challenge.
	InsertCeremony(ctx context.Context, c Ceremony) error

	// SpendCeremony uses up a challenge that has not expired at now, whatever
	// it is for. Of concurrent callers one succeeds; all others get
	// ErrCeremonyGone.
	SpendCeremony(ctx context.Context, challenge Hash, now time.Time) (Ceremony, error)

	// InsertPending stores a half-finished sign-in with no tries made.
	InsertPending(ctx context.Context, p PendingSignIn) error

	// TryPending counts a try before it is made, and returns the sign-in with
	// that try counted. ErrSignInExpired if it is unknown, spent, expired at now,
	// made under another Version, its person deleted, or tries were made before.
	// Concurrent callers make no more than that many between them.
	TryPending(ctx context.Context, hash Hash, now time.Time, tries int) (PendingSignIn, error)

	// SpendPending ends a half-finished sign-in that has come to its end, under
	// the conditions of TryPending but for the number of tries. Of concurrent
	// callers one succeeds; all others get ErrSignInExpired.
	SpendPending(ctx context.Context, hash Hash, now time.Time) (PendingSignIn, error)

	// PutEmailCode stores a code with no tries made; an earlier one of the person
	// is void.
	PutEmailCode(ctx context.Context, c EmailCode) error

	// SpendEmailCode counts a try, from whichever session, and uses the code up if
	// hash is that of the person's code for this session. ErrInvalidCode if it is not, there is none,
	// it has expired at now, or tries were made before. Of concurrent callers
	// with the right code one succeeds.
	SpendEmailCode(ctx context.Context, user id.User, session id.Session, hash Hash, now time.Time, tries int) error

	// NoteSeen remembers a sign-in from a device and a country, either of which
	// may be unknown. The 200 pairs that were seen last are kept.
	NoteSeen(ctx context.Context, user id.User, device Hash, country string, now time.Time) error

	// ForgetSeen forgets all devices and countries of a person.
	ForgetSeen(ctx context.Context, user id.User) error

	// InsertAlert stores a link.
	InsertAlert(ctx context.Context, a Alert) error

	// SpendAlert uses up a link that is unspent and unexpired at now, whatever
	// became of the credential meanwhile. Of concurrent callers one succeeds; all
	// others get ErrLinkGone.
	SpendAlert(ctx context.Context, hash Hash, now time.Time) (Alert, error)

	// PurgeFactors removes up to limit challenges, half-finished sign-ins, codes
	// and links that expired before now, apps that were not confirmed for an hour
	// and devices not seen for 400 days. Returns how many rows went.
	PurgeFactors(ctx context.Context, now time.Time, limit int) (int, error)
}
