package orgs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/upload"
	"github.com/aegisrunner/account-settings/mail"
)

// Limiter bounds how often something may be tried; see security.Limiter, which
// is one.
type Limiter interface {
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, err error)
}

// Config configures a [Service].
type Config struct {
	Store  Store       // required
	Sealer mail.Sealer // required: mails hold live links

	// MAC returns a keyed hash that stays the same for ever. Required.
	MAC func(purpose string, data []byte) [32]byte

	Limiter Limiter   // required; shared with the other domains
	Blobs   BlobStore // required: where logos are kept

	// Pictures decodes what people upload; to be that of package accounts, whose
	// pictures cost the same memory. nil: one logo at a time, in up to 256 MiB.
	Pictures Pictures

	// Entitlements tells what plans include. nil: everything, for everybody.
	Entitlements Entitlements

	// Projects is the host's directory. nil: there are no projects.
	Projects ProjectDirectory

	// Domains asks DNS. nil: the resolver of this machine.
	Domains DomainVerifier

	// Roles asks for another role than the default policy does.
	Roles map[audit.Permission]Role

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard

	// Wake is called after a commit that put mail into the outbox. nil: nothing.
	Wake func()

	// WakeImports is called after a commit that left rows of an import waiting, as
	// [Service.WorkImports] is then due. nil: nothing.
	WakeImports func()

	// StepUpAge is how old the proof for a sensitive action may be. Zero:
	// audit.DefaultStepUpAge.
	StepUpAge time.Duration

	// InvitationLifetime is that of a mailed link; zero: 7 days.
	InvitationLifetime time.Duration

	// SlugQuarantine is how long a former slug leads to its organization; zero: 90
	// days. Retention is how long a deleted one can be restored; zero: 30 days.
	SlugQuarantine, Retention time.Duration
}

// Service keeps organizations. It is safe for concurrent use.
type Service struct {
	c        Config
	policy   audit.Policy
	initials *upload.Initials
}

// New returns a service, or an error that names every missing or wrong field.
func New(c Config) (*Service, error) {
	var errs []error
	missing := func(is bool, field string) {
		if is {
			errs = append(errs, errors.New("orgs: Config."+field+" is required"))
		}
	}
	missing(c.Store == nil, "Store")
	missing(c.Sealer == nil, "Sealer")
	missing(c.MAC == nil, "MAC")
	missing(c.Limiter == nil, "Limiter")
	missing(c.Blobs == nil, "Blobs")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.WakeImports == nil {
		c.WakeImports = func() {}
	}
	if c.Entitlements == nil {
		c.Entitlements = everything{}
	}
	if c.Projects == nil {
		c.Projects = noProjects{}
	}
	if c.Domains == nil {
		c.Domains = Resolver{}
	}
	if c.Pictures == nil {
		c.Pictures = upload.NewDesk(picture.NewSlots(1))
	}
	for field, value := range map[*time.Duration]time.Duration{
		&c.StepUpAge: audit.DefaultStepUpAge, &c.InvitationLifetime: 7 * day, &c.SlugQuarantine: 90 * day, &c.Retention: 30 * day,
	} {
		if *field == 0 {
			*field = value
		}
	}
	p, err := policyWith(c.Roles)
	if err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Service{c: c, policy: p, initials: upload.NewInitials(picture.Tile)}, nil
}

const day = 24 * time.Hour

// Policy returns what each permission needs, with the host's roles.
func (s *Service) Policy() audit.Policy { return s.policy }

func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) allow(a audit.Actor, p audit.Permission, now time.Time) error {
	return s.policy.Check(a, p, now, s.c.StepUpAge)
}

// admit finds the organization that ref names and checks what the actor may do
// there, in this order: signed in, such an organization, the role, the demand for
// a second factor, the plan, a fresh proof. From the role on, the organization is
// returned beside an error.
func (s *Service) admit(ctx context.Context, from Reader, a audit.Actor, ref string, perm audit.Permission, now time.Time) (OrgView, error) {
	if err := s.allow(a, perm, now); err != nil {
		return OrgView{}, err
	}
	v, err := from.View(ctx, a.User, ref)
	if err != nil {
		return OrgView{}, err
	}
	if _, err := uuid.Parse(ref); err != nil && ref != v.Slug {
		return OrgView{}, &MovedError{Slug: v.Slug}
	}
	if deleted := !v.DeletedAt.IsZero(); deleted != (perm == PermOrgRestore) {
		if deleted {
			return OrgView{}, ErrOrgNotFound
		}
		if err := s.permitted(ctx, v, a, perm, now); err != nil {
			return v, err
		}
		return v, ErrNotDeleted
	}
	return v, s.permitted(ctx, v, a, perm, now)
}

func (s *Service) permitted(ctx context.Context, v OrgView, a audit.Actor, perm audit.Permission, now time.Time) error {
	rule := s.policy[perm]
	if !v.Membership.Role.AtLeast(Role(rule.Role)) {
		return ErrForbidden
	}
	if v.demands(now) && !a.SecondFactor && a.Proofs.Passkey.IsZero() && perm != PermLeave {
		return audit.ErrEnrollmentRequired
	}
	if f := FeatureOf(perm); f != "" {
		if err := s.c.Entitlements.Require(ctx, v.ID, f); err != nil {
			return err
		}
	}
	if rule.StepUp {
		return a.RequireStepUp(now, s.c.StepUpAge)
	}
	return nil
}

// demands reports whether members need two factors at now.
func (o Org) demands(now time.Time) bool {
	return o.RequireSecondFactor && !now.Before(o.GraceUntil)
}

// change runs fn with the organization locked, after what the actor may do was
// checked under that lock: rights that are taken away meanwhile count. What is
// refused is recorded.
func (s *Service) change(ctx context.Context, a audit.Actor, ref string, what attempt, now time.Time,
	fn func(ctx context.Context, tx Tx, v OrgView) error,
) error {
	in, err := s.changeFor(ctx, a, ref, what.perm, now, fn)
	return s.refused(ctx, a, in, what, now, err)
}

// changeFor is change for a job that acts for somebody: what is refused was not
// tried by them just now, and is not recorded.
func (s *Service) changeFor(ctx context.Context, a audit.Actor, ref string, perm audit.Permission, now time.Time,
	fn func(ctx context.Context, tx Tx, v OrgView) error,
) (in OrgView, err error) {
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
		if in, err = s.admit(ctx, tx, a, ref, perm, now); err != nil {
			return err
		}
		if _, err := tx.LockOrg(ctx, in.ID); err != nil {
			return err
		}
		if in, err = s.admit(ctx, tx, a, in.ID.String(), perm, now); err != nil {
			return err
		}
		return fn(ctx, tx, in)
	})
	return in, err
}

// post puts a letter into the outbox of tx.
func (s *Service) post(ctx context.Context, tx Tx, to mail.Recipient, l mail.Letter, now time.Time) error {
	return s.postWith(ctx, tx, mail.Urgent, to, l, now)
}

func (s *Service) postWith(ctx context.Context, tx Tx, u mail.Urgency, to mail.Recipient, l mail.Letter, now time.Time) error {
	e, err := mail.Seal(s.c.Sealer, to, u, l, now)
	if err != nil {
		return err
	}
	if err := tx.EnqueueMail(ctx, e); err != nil {
		return err
	}
	tx.AfterCommit(func(context.Context) { s.c.Wake() })
	return nil
}

// take takes from a bucket.
func (s *Service) take(ctx context.Context, key string, burst int, every time.Duration) error {
	wait, err := s.c.Limiter.Take(ctx, key, burst, every)
	switch {
	case err != nil:
		s.c.Log.ErrorContext(ctx, "orgs: limiter failed, attempt refused", "err", err)
		return &fault.Retry{Reason: errors.Join(fault.Unavailable, err), After: 5 * time.Second}
	case wait > 0:
		return &fault.Retry{Reason: ErrRateLimited, After: wait}
	}
	return nil
}

func (o Org) target() audit.Target {
	return audit.Target{Kind: "org", ID: o.ID.String(), Name: o.Name}
}

func did(a audit.Actor, action audit.Action, t audit.Target, o Org, now time.Time, changes ...audit.Change) audit.Entry {
	return a.Did(action, t, now, changes...).InLogOf(o.ID)
}

func userTarget(p Person) audit.Target { return audit.UserTarget(p.ID, p.Name) }

// Project is one of the host's.
type Project struct {
	ID   string // at most 255 bytes
	Name string

	// URL is where the host shows it: a path, or an absolute address. "": the pages
	// do not lead there.
	URL string
}

// ProjectDirectory lists the projects of organizations, which belong to the
// host. It is called outside of transactions, and Joined after the commit of the
// one in which somebody joined. Implementations are safe for concurrent use.
type ProjectDirectory interface {
	// Projects returns all projects of an organization, by name.
	Projects(ctx context.Context, org id.Org) ([]Project, error)

	// Joined is called once somebody has joined an organization, with the projects
	// that the invitation named, or the default one: not at all if there is none,
	// and not again if it fails, which is logged.
	Joined(ctx context.Context, org id.Org, user id.User, projects []string) error
}

type noProjects struct{}

func (noProjects) Projects(context.Context, id.Org) ([]Project, error)     { return nil, nil }
func (noProjects) Joined(context.Context, id.Org, id.User, []string) error { return nil }
