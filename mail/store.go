package mail

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
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
}
