package security

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/mail"
)

// Token is a session token or a link's token in the clear. It does not print
// itself; Reveal returns the text.
type Token = token.Secret

// Config configures a [Service].
type Config struct {
	Store  Store  // required
	Sealer Sealer // required: mails hold live links, and apps have secrets

	// MAC returns a keyed hash that stays the same for ever: under it failed
	// attempts at unknown addresses are counted, so that what was typed is
	// never stored. Required.
	MAC func(purpose string, data []byte) [32]byte

	Limiter Limiter          // nil: NewMemoryLimiter
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: discard

	// Wake is called after a commit that put mail into the outbox. nil: nothing.
	Wake func()

	Password PasswordRules
	Hashing  Hashing

	// Product is what authenticator apps and passkeys are labelled with. Required.
	Product string

	// RelyingParty is whose passkeys people have. Zero: passkeys are off.
	RelyingParty RelyingParty

	// Geolocator tells where an address is. nil: places are left out.
	Geolocator Geolocator

	// BreachChecker is asked about new passwords. nil: nobody is. When it cannot
	// tell, the password is accepted, and a warning logged.
	BreachChecker BreachChecker

	// RequireSecondFactor asks everybody for two factors: a session of somebody
	// who has none enrolled is good for enrolling one, and little else.
	RequireSecondFactor bool

	// TwoFactor is told whose two-factor was turned on or off. nil: nobody is.
	TwoFactor TwoFactorObserver

	// SessionIdle ends a session that is not used; zero: 14 days.
	// SessionLifetime ends it however active; zero: 90 days.
	SessionIdle, SessionLifetime time.Duration

	// MaxSessions is how many sessions a person may have; the oldest sign-ins
	// end when there are more. Zero: 100.
	MaxSessions int

	// StepUpAge is how old the proof for a sensitive action may be. Zero:
	// audit.DefaultStepUpAge.
	StepUpAge time.Duration

	// ResetLifetime is that of a mailed reset link; zero: 1 h.
	ResetLifetime time.Duration
}

// Service keeps credentials and sessions. It is safe for concurrent use.
type Service struct {
	c        Config
	hasher   *hasher
	passkeys *webauthn.WebAuthn // nil: off
}

// Sealer seals what must not lie open in the database. It is safe for concurrent
// use.
type Sealer interface {
	mail.Sealer

	// KeyOf returns the name of the key that something is sealed under, at most
	// 64 bytes, and whether that is the key that Seal uses.
	KeyOf(sealed []byte) (name string, present bool)
}

// touchEvery is how often the last use of a session is written at most.
const touchEvery = time.Minute

// New returns a service, or an error that names every missing or wrong field.
func New(c Config) (*Service, error) {
	var errs []error
	missing := func(is bool, field string) {
		if is {
			errs = append(errs, errors.New("security: Config."+field+" is required"))
		}
	}
	missing(c.Store == nil, "Store")
	missing(c.Sealer == nil, "Sealer")
	missing(c.MAC == nil, "MAC")
	missing(c.Product == "", "Product")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.Limiter == nil {
		c.Limiter = NewMemoryLimiter(c.Now)
	}
	if c.TwoFactor == nil {
		c.TwoFactor = nobody{}
	}
	defaultTo(&c.SessionIdle, 14*24*time.Hour)
	defaultTo(&c.SessionLifetime, 90*24*time.Hour)
	defaultTo(&c.MaxSessions, 100)
	defaultTo(&c.StepUpAge, audit.DefaultStepUpAge)
	defaultTo(&c.ResetLifetime, time.Hour)
	c.Password = c.Password.withDefaults()
	h, err := newHasher(c.Hashing)
	if err != nil {
		errs = append(errs, err)
	}
	rp, err := newRelyingParty(c.RelyingParty, c.Product)
	if err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Service{c: c, hasher: h, passkeys: rp}, nil
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
	return s.record(ctx, a, action, now, s.allow(a, p, now))
}

// record returns err, after it was recorded if it is a refusal that matters.
func (s *Service) record(ctx context.Context, a audit.Actor, action audit.Action, now time.Time, err error) error {
	return s.refusals().Record(ctx, a, action, audit.UserTarget(a.User, a.Name), id.Org{}, now, err)
}

// Refused records that the person who acts was refused an action before any
// service was asked, by whoever checks the same policies earlier, and returns err;
// see audit.Refusals.
func (s *Service) Refused(ctx context.Context, actor audit.Actor, action audit.Action, err error) error {
	return s.record(ctx, actor, action, s.now(), err)
}

// outside refuses to check a secret inside somebody's transaction.
func (s *Service) outside(ctx context.Context) error {
	if s.c.Store.InTransaction(ctx) {
		return ErrInTransaction
	}
	return nil
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

func (s *Service) deviceOf(ctx context.Context, a audit.Actor) Device {
	d := device.Parse(a.UserAgent)
	out := Device{Browser: d.Browser, OS: d.OS, Place: s.Place(ctx, a.IP).String()}
	if a.IP.IsValid() {
		out.IP = a.IP.String()
	}
	return out
}

func (p Person) target() audit.Target { return audit.UserTarget(p.ID, p.Name) }

// Purge removes what has ended: sessions, links, challenges, codes and counts of
// failures. It may run on any number of nodes at once and be killed at any point.
func (s *Service) Purge(ctx context.Context) error {
	err := s.purge(ctx, func(ctx context.Context, tx Tx, now time.Time, limit int) (int, error) {
		return tx.PurgeSessions(ctx, now, now.Add(-s.c.SessionIdle), limit)
	})
	if err != nil {
		return err
	}
	return s.purge(ctx, func(ctx context.Context, tx Tx, now time.Time, limit int) (int, error) {
		return tx.PurgeFactors(ctx, now, limit)
	})
}

func (s *Service) purge(ctx context.Context, some func(context.Context, Tx, time.Time, int) (int, error)) error {
	const batch = 1000
	for {
		var n int
		now := s.now()
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = some(ctx, tx, now, batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("security: purge: %w", err)
		}
		if n < batch {
			return nil
		}
	}
}
