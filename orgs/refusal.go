package orgs

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// attempt is what somebody is about to do in an organization, and as what it is
// recorded if it is refused.
type attempt struct {
	perm   audit.Permission
	action audit.Action
	target audit.Target // by its identifier alone; zero: the organization
}

// enter is admit for the beginning of something that goes on with change.
func (s *Service) enter(ctx context.Context, a audit.Actor, ref string, what attempt, now time.Time) (OrgView, error) {
	v, err := s.admit(ctx, s.c.Store, a, ref, what.perm, now)
	if err != nil {
		return OrgView{}, s.refused(ctx, a, v, what, now, err)
	}
	return v, nil
}

// permit is allow for what is not about an organization yet.
func (s *Service) permit(ctx context.Context, a audit.Actor, p audit.Permission, action audit.Action, now time.Time) error {
	return s.refused(ctx, a, OrgView{}, attempt{perm: p, action: action}, now, s.allow(a, p, now))
}

// refused returns err, after it was recorded if it is a refusal that matters: in
// the log of the organization that a is a member of, or, if the session is good
// for nothing here, whatever the organization, in the person's own history. What
// is no organization of theirs is not found, and nothing of it is recorded.
func (s *Service) refused(ctx context.Context, a audit.Actor, v OrgView, what attempt, now time.Time, err error) error {
	target := what.target
	switch {
	case err == nil:
		return nil
	case v.ID.IsZero():
		target = audit.UserTarget(a.User, a.Name)
	case target == audit.Target{}:
		target = v.target()
	}
	refusals := audit.Refusals{Take: s.c.Limiter.Take, Append: s.appendRefusal}
	return refusals.Record(ctx, a, what.action, target, v.ID, now, err)
}

// Refused records that the person who acts was refused an action in the
// organization that ref names before this service was asked to do it, by whoever
// asks May earlier, and returns err; see audit.Refusals.
func (s *Service) Refused(ctx context.Context, actor audit.Actor, ref string, action audit.Action, err error) error {
	v, missing := s.c.Store.View(ctx, actor.User, ref)
	if missing != nil {
		return err // which says so, or is an outage too
	}
	return s.refused(ctx, actor, v, attempt{action: action}, s.now(), err)
}

// appendRefusal stores the entry of a refusal, with the name of what is named by
// its identifier alone, if it is this organization's.
func (s *Service) appendRefusal(ctx context.Context, e audit.Entry) error {
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		name, err := nameOf(ctx, tx, e.Org, e.Target)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if e.Target.Name == "" {
			e.Target.Name = name
		}
		return tx.AppendAudit(ctx, e)
	})
}

func nameOf(ctx context.Context, from Reader, org id.Org, t audit.Target) (string, error) {
	switch t.Kind {
	case "user":
		user, err := id.ParseUser(t.ID)
		if err != nil {
			return "", nil //nolint:nilerr // nobody
		}
		m, err := from.Member(ctx, org, user)
		return m.Person.Name, err
	case "invitation":
		invitation, err := id.ParseInvitation(t.ID)
		if err != nil {
			return "", nil //nolint:nilerr // none
		}
		i, err := from.Invitation(ctx, org, invitation)
		return i.Email, err
	case "domain":
		domain, err := id.ParseDomain(t.ID)
		if err != nil {
			return "", nil //nolint:nilerr // none
		}
		d, err := domainOf(ctx, from, org, domain)
		return d.Name, err
	}
	return "", nil
}
