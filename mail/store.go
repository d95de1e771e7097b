package mail

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// AddressKey stands for an address that mail does not go to: a keyed hash, so that
// it can be kept for ever without keeping the address.
type AddressKey = [32]byte

// Suppression is why nothing but what somebody asked for goes to an address.
type Suppression string

// The reasons. Of two for one address Complained stands.
const (
	Bounced    Suppression = "bounced"    // there is no such mailbox
	Complained Suppression = "complained" // whoever reads it called our mail spam
)

// Store is the reading side of the outbox. Implementations must pass
// storetest.Mail.
type Store interface {
	// ClaimMail takes up to limit letters that are due at now, the most urgent
	// and then the oldest first, and hides them from every other caller until
	// now+lease. Of concurrent callers each letter goes to one.
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Envelope, error)

	// MailSent blanks a letter and notes when it was delivered.
	MailSent(ctx context.Context, mail id.Mail, now time.Time) error

	// MailFailed counts an attempt and makes the letter due again at next. With
	// a zero next it is given up: kept for inspection, blanked, never claimed.
	// reason holds no content of the letter.
	MailFailed(ctx context.Context, mail id.Mail, now, next time.Time, reason string) error

	// OldestDueMail returns since when the longest waiting letter has been due,
	// or the zero time when none is. For health checks.
	OldestDueMail(ctx context.Context, now time.Time) (time.Time, error)

	// PurgeMail removes letters that were sent or given up before t, and returns
	// how many.
	PurgeMail(ctx context.Context, t time.Time) (int, error)

	// SuppressAddress notes since when, and why, no mail goes to an address. For
	// one that is noted already, Complained takes the place of Bounced, and nothing
	// else changes.
	SuppressAddress(ctx context.Context, address AddressKey, why Suppression, now time.Time) error

	// ReleaseAddress forgets that an address is suppressed, if it is for this
	// reason. One that is not is no error.
	ReleaseAddress(ctx context.Context, address AddressKey, why Suppression) error

	// AddressSuppressed returns why, or "" for an address that is not.
	AddressSuppressed(ctx context.Context, address AddressKey) (Suppression, error)
}
