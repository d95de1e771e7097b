package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/upload"
	"github.com/aegisrunner/account-settings/mail"
)

// Limiter bounds how often something may be tried. security.Limiter is one.
type Limiter interface {
	// Take takes one unit from the bucket named key, which holds up to burst
	// units and regains one every interval. It returns how long to wait when
	// the bucket is empty, else zero.
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, err error)
}

// Config configures a [Service].
type Config struct {
	Store   Store       // required
	Sealer  mail.Sealer // required: mails hold live links, exports all there is
	Blobs   BlobStore   // required: where pictures are kept
	Limiter Limiter     // required

	// MAC returns a keyed hash that stays the same for ever: by it entries about
	// addresses that somebody typed are told apart and counted, so that what was
	// typed is never stored. Required; to be that of package security.
	MAC func(purpose string, data []byte) [32]byte

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard

	// Wake is called after a commit that put mail into the outbox. nil: nothing.
	Wake func()

	// StepUpAge is how old the proof for a sensitive action may be. Zero:
	// audit.DefaultStepUpAge.
	StepUpAge time.Duration

	SignUpLifetime      time.Duration // of the mailed link; zero: 24 h
	EmailChangeLifetime time.Duration // of a pending change; zero: 24 h
	UndoLifetime        time.Duration // after a change; zero: 7 × 24 h

	// Retention is how long a deleted account can be restored; zero: 30 × 24 h.
	Retention time.Duration

	// BeforeDeletion is asked, with the person locked, before an account is
	// deleted: the deletion fails with the error that it returns, which is to be one
	// of package fault. It is called inside of the transaction, may be called again,
	// and does nothing beside reading and writing the same database with the context
	// that it is given. It is safe for concurrent use. nil: nothing is asked.
	BeforeDeletion func(ctx context.Context, u User) error

	// DefaultLocale and DefaultTimezone are what a person gets who says nothing.
	// Zero: "en" and "UTC".
	DefaultLocale, DefaultTimezone string

	// Locales says which languages may be chosen. nil: any well-formed tag.
	Locales func(tag string) bool

	// Pictures decodes what people upload; to be that of package orgs, whose logos
	// cost the same memory. nil: one picture at a time, in up to 256 MiB.
	Pictures Pictures

	// Exports say what is kept of a person, for [Service.StartExport]: each in a
	// folder of its own. Their names differ.
	Exports []ExportSource

	// ExportReadme returns what README.txt at the top of an export says. nil: there
	// is none.
	ExportReadme func(u User, e Export) string

	// WakeExports is called after a commit that left something to do for
	// [Service.WorkExports]. nil: nothing.
	WakeExports func()
}

// Service keeps people. It is safe for concurrent use.
type Service struct {
	c        Config
	initials *upload.Initials
}

// New returns a service, or an error that names every missing field.
func New(c Config) (*Service, error) {
	var errs []error
	missing := func(is bool, field string) {
		if is {
			errs = append(errs, errors.New("accounts: Config."+field+" is required"))
		}
	}
	missing(c.Store == nil, "Store")
	missing(c.Sealer == nil, "Sealer")
	missing(c.Blobs == nil, "Blobs")
	missing(c.Limiter == nil, "Limiter")
	missing(c.MAC == nil, "MAC")
	errs = append(errs, checkSources(c.Exports)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.WakeExports == nil {
		c.WakeExports = func() {}
	}
	defaultTo(&c.SignUpLifetime, 24*time.Hour)
	defaultTo(&c.EmailChangeLifetime, 24*time.Hour)
	defaultTo(&c.UndoLifetime, 7*24*time.Hour)
	defaultTo(&c.Retention, 30*24*time.Hour)
	defaultTo(&c.DefaultLocale, "en")
	defaultTo(&c.DefaultTimezone, "UTC")
	if c.BeforeDeletion == nil {
		c.BeforeDeletion = func(context.Context, User) error { return nil }
	}
	if c.Pictures == nil {
		c.Pictures = upload.NewDesk(picture.NewSlots(1))
	}
	return &Service{c: c, initials: upload.NewInitials(picture.Disc)}, nil
}

func defaultTo[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// now is taken once in each operation, and decides everywhere in it.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) allow(a audit.Actor, p audit.Permission, now time.Time) error {
	return policy.Check(a, p, now, s.c.StepUpAge)
}

// refusals is what records them.
func (s *Service) refusals() audit.Refusals {
	return audit.Refusals{Take: s.c.Limiter.Take, Append: func(ctx context.Context, e audit.Entry) error {
		return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.AppendAudit(ctx, e) })
	}}
}

// permit is allow for what is recorded as action when it is refused.
func (s *Service) permit(ctx context.Context, a audit.Actor, p audit.Permission, action audit.Action, now time.Time) error {
	return s.refusals().Record(ctx, a, action, audit.UserTarget(a.User, a.Name), id.Org{}, now, s.allow(a, p, now))
}

// post puts a letter into the outbox of tx.
func (s *Service) post(ctx context.Context, tx Tx, to mail.Recipient, l mail.Letter, now time.Time) error {
	e, err := mail.Seal(s.c.Sealer, to, mail.Urgent, l, now)
	if err != nil {
		return err
	}
	if err := tx.EnqueueMail(ctx, e); err != nil {
		return err
	}
	tx.AfterCommit(func(context.Context) { s.c.Wake() })
	return nil
}

// take asks the limiter, and returns a fault.Retry when the budget is spent. A
// limiter that fails refuses: an unlimited door is worse than a closed one.
func (s *Service) take(ctx context.Context, budget, key string, burst int, every time.Duration) error {
	wait, err := s.c.Limiter.Take(ctx, budget+":"+key, burst, every)
	if err != nil {
		return &fault.Retry{Reason: errors.Join(fault.Unavailable, err), After: 5 * time.Second}
	}
	if wait > 0 {
		return &fault.Retry{Reason: ErrRateLimited, After: wait}
	}
	return nil
}

// takeNetwork bounds what one network may ask of the routes that are open to
// everybody.
func (s *Service) takeNetwork(ctx context.Context, a audit.Actor, what string) error {
	return s.take(ctx, what, clientip.Network(a.IP), 300, time.Second)
}

// mayMail reports whether another mail may go to an address that somebody typed:
// 5 at once, then one every half hour. Callers answer as if it had gone.
func (s *Service) mayMail(ctx context.Context, key string) (bool, error) {
	sum := sha256.Sum256([]byte(key))
	err := s.take(ctx, "mail", hex.EncodeToString(sum[:16]), 5, 30*time.Minute)
	if errors.Is(err, fault.Throttled) {
		return false, nil
	}
	return err == nil, err
}

func deviceOf(a audit.Actor) Device {
	d := device.Parse(a.UserAgent)
	out := Device{Browser: d.Browser, OS: d.OS}
	if a.IP.IsValid() {
		out.IP = a.IP.String()
	}
	return out
}

func (u User) recipient() mail.Recipient {
	return mail.Recipient{Address: u.Email, Name: u.Name, Locale: u.Locale, Timezone: u.Timezone}
}

func (u User) target() audit.Target { return audit.UserTarget(u.ID, u.Name) }
