package notify

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/mail"
)

// Limiter bounds how often something may be tried. security.Limiter is one.
type Limiter interface {
	// Take takes one unit from the bucket named key, which holds up to burst
	// units and regains one every interval. It returns how long to wait when
	// the bucket is empty, else zero.
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, err error)
}

// Organization is what this package needs to know of one.
type Organization struct {
	ID    id.Org
	Slug  string
	Name  string
	Owner id.User

	// Paid says that it is on a plan that is not the free one. Without any plans
	// that is every organization: nothing about them is said unasked.
	Paid bool
}

func anyPaid(all []Organization) bool {
	return slices.ContainsFunc(all, func(o Organization) bool { return o.Paid })
}

// Directory tells of organizations. It is called inside transactions and must do
// nothing beside reading the same database. Implementations are safe for concurrent
// use.
type Directory interface {
	// Organizations returns the living organizations that a person is an active
	// member of, by name.
	Organizations(ctx context.Context, user id.User) ([]Organization, error)

	// Organization returns a living organization, else ErrOrgNotFound.
	Organization(ctx context.Context, org id.Org) (Organization, error)
}

// Config configures a [Service].
type Config struct {
	Store     Store       // required
	Sealer    mail.Sealer // required: mails hold links that unsubscribe
	Directory Directory   // required
	Limiter   Limiter     // required

	// MAC returns a keyed hash that stays the same for ever: tokens of unsubscribe
	// links are made with it. Required.
	MAC func(purpose string, data []byte) [32]byte

	// Digest is asked for what a weekly digest says. nil: there are none.
	Digest DigestSource

	// OptInOnly sends digests and nudges to those alone who have asked for them.
	OptInOnly bool

	// PostalAddress says that mails have a postal address in them. Without one
	// digests, nudges and news of the product are not sent: laws about commercial
	// mail want it there (in the United States 15 U.S.C. § 7704(a)(5)(A)).
	PostalAddress bool

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard

	// Wake is called after a commit that put mail into the outbox. nil: nothing.
	Wake func()
}

// Service keeps preferences, and sends the mails that follow from them. It is safe
// for concurrent use.
type Service struct{ c Config }

// New returns a service, or an error that names every missing field.
func New(c Config) (*Service, error) {
	var errs []error
	missing := func(is bool, field string) {
		if is {
			errs = append(errs, errors.New("notify: Config."+field+" is required"))
		}
	}
	missing(c.Store == nil, "Store")
	missing(c.Sealer == nil, "Sealer")
	missing(c.Directory == nil, "Directory")
	missing(c.Limiter == nil, "Limiter")
	missing(c.MAC == nil, "MAC")
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
	return &Service{c: c}, nil
}

// now is taken once in each operation, and decides everywhere in it.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// permit checks a permission, and records as action that it was refused.
func (s *Service) permit(ctx context.Context, a audit.Actor, p audit.Permission, action audit.Action, now time.Time) error {
	refusals := audit.Refusals{Take: s.c.Limiter.Take, Append: func(ctx context.Context, e audit.Entry) error {
		return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.AppendAudit(ctx, e) })
	}}
	return refusals.Record(ctx, a, action, audit.UserTarget(a.User, a.Name), id.Org{}, now, policy.Check(a, p, now, 0))
}

// takeNetwork bounds what one network may ask of what is open to everybody. A
// limiter that fails refuses.
func (s *Service) takeNetwork(ctx context.Context, a audit.Actor, what string) error {
	wait, err := s.c.Limiter.Take(ctx, what+":"+clientip.Network(a.IP), 300, time.Second)
	if err != nil {
		return &fault.Retry{Reason: errors.Join(fault.Unavailable, err), After: 5 * time.Second}
	}
	if wait > 0 {
		return &fault.Retry{Reason: ErrRateLimited, After: wait}
	}
	return nil
}

// post puts a letter into the outbox of tx.
func (s *Service) post(ctx context.Context, tx Tx, to mail.Recipient, urgency mail.Urgency, l mail.Letter, now time.Time) error {
	e, err := mail.Seal(s.c.Sealer, to, urgency, l, now)
	if err != nil {
		return err
	}
	if err := tx.EnqueueMail(ctx, e); err != nil {
		return err
	}
	tx.AfterCommit(func(context.Context) { s.c.Wake() })
	return nil
}

func (u Person) recipient() mail.Recipient {
	return mail.Recipient{Address: u.Email, Name: u.Name, Locale: u.Locale, Timezone: u.Timezone}
}

func (u Person) target() audit.Target { return audit.UserTarget(u.ID, u.Name) }
