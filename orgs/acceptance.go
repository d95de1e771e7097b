package orgs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/internal/token"
)

// InvitationView is what the holder of a link may know before answering.
type InvitationView struct {
	Invitation
	OrgName      string
	LogoKey      string
	LogoUploaded bool
	Inviter      string
	HasAccount   bool // the invited address has one
}

// Inspect returns an invitation by its link, and uses nothing up. ErrLinkGone.
func (s *Service) Inspect(ctx context.Context, actor audit.Actor, raw string) (InvitationView, error) {
	now := s.now()
	if err := s.allow(actor, PermInvitationLook, now); err != nil {
		return InvitationView{}, err
	}
	hash, err := s.link(ctx, actor, raw)
	if err != nil {
		return InvitationView{}, err
	}
	i, err := s.c.Store.InvitationByHash(ctx, hash, now)
	if err != nil {
		return InvitationView{}, err
	}
	return s.lookAt(ctx, i, now)
}

func (s *Service) lookAt(ctx context.Context, i Invitation, now time.Time) (InvitationView, error) {
	o, err := s.c.Store.Org(ctx, i.Org)
	if err != nil {
		return InvitationView{}, goneIfMissing(err)
	}
	inviter, err := s.inviter(ctx, s.c.Store, o, i)
	if err != nil {
		return InvitationView{}, err
	}
	v := InvitationView{Invitation: i, OrgName: o.Name, LogoKey: o.LogoKey, LogoUploaded: o.LogoUploaded, Inviter: inviter.Name}
	_, err = s.c.Store.PersonByEmail(ctx, i.EmailKey)
	v.HasAccount = err == nil
	if err != nil && !errors.Is(err, ErrPersonNotFound) {
		return InvitationView{}, err
	}
	return v, nil
}

// inviter returns who invited, if they still may: the organization lives, they
// are an active member, may invite, and have at least the role they gave. Else
// the link is gone.
func (s *Service) inviter(ctx context.Context, from Reader, o Org, i Invitation) (Person, error) {
	if !o.DeletedAt.IsZero() {
		return Person{}, ErrLinkGone
	}
	m, err := from.Member(ctx, o.ID, i.InvitedBy)
	if err != nil {
		return Person{}, goneIfMissing(err)
	}
	if m.Suspended || !m.Role.AtLeast(Role(s.policy[PermInvite].Role)) || !m.Role.AtLeast(i.Role) {
		return Person{}, ErrLinkGone
	}
	return m.Person, nil
}

func goneIfMissing(err error) error {
	if errors.Is(err, fault.NotFound) {
		return ErrLinkGone
	}
	return err
}

func (s *Service) link(ctx context.Context, actor audit.Actor, raw string) (Hash, error) {
	if err := s.take(ctx, "link:"+clientip.Network(actor.IP), 300, time.Second); err != nil {
		return Hash{}, err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return Hash{}, ErrLinkGone
	}
	return secret.Hash(), nil
}

// Accept makes the person who acts a member by a link that was mailed to them.
// ErrWrongRecipient for anybody else; ErrSeatLimit; ErrLinkGone, also when the
// inviter may not invite any more.
func (s *Service) Accept(ctx context.Context, actor audit.Actor, raw string) (Joined, error) {
	return s.answerLink(ctx, actor, raw, Accepted)
}

// Decline says no by a link.
func (s *Service) Decline(ctx context.Context, actor audit.Actor, raw string) error {
	_, err := s.answerLink(ctx, actor, raw, Declined)
	return err
}

// AcceptInspected is Accept for a link that was inspected before, inside the
// transaction that made the person: it asks no limiter.
func (s *Service) AcceptInspected(ctx context.Context, actor audit.Actor, raw string) (Joined, error) {
	secret, ok := token.Parse(raw)
	if !ok {
		return Joined{}, ErrLinkGone
	}
	return s.answer(ctx, actor, secret.Hash(), Accepted)
}

func (s *Service) answerLink(ctx context.Context, actor audit.Actor, raw string, state State) (Joined, error) {
	if err := s.mayAnswer(ctx, actor, state); err != nil {
		return Joined{}, err
	}
	hash, err := s.link(ctx, actor, raw)
	if err != nil {
		return Joined{}, err
	}
	return s.answer(ctx, actor, hash, state)
}

func (s *Service) mayAnswer(ctx context.Context, actor audit.Actor, state State) error {
	action := ActionMemberJoined
	if state == Declined {
		action = ActionInvitationDeclined
	}
	return s.permit(ctx, actor, PermInvitationMine, action, s.now())
}

// Mine returns the invitations that wait for the address of the person who acts.
func (s *Service) Mine(ctx context.Context, actor audit.Actor) ([]InvitationView, error) {
	now := s.now()
	if err := s.allow(actor, PermInvitationMine, now); err != nil {
		return nil, err
	}
	p, err := s.c.Store.Person(ctx, actor.User)
	if err != nil {
		return nil, unauthenticatedIfGone(err)
	}
	all, err := s.c.Store.InvitationsFor(ctx, p.EmailKey, now)
	if err != nil {
		return nil, err
	}
	var out []InvitationView
	for _, i := range all {
		v, err := s.lookAt(ctx, i, now)
		if errors.Is(err, ErrLinkGone) {
			continue // the inviter may not invite any more
		}
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// AnswerMine accepts or declines one of Mine.
func (s *Service) AnswerMine(ctx context.Context, actor audit.Actor, invitation id.Invitation, state State) (Joined, error) {
	if err := s.mayAnswer(ctx, actor, state); err != nil {
		return Joined{}, err
	}
	mine, err := s.Mine(ctx, actor)
	if err != nil {
		return Joined{}, err
	}
	for _, i := range mine {
		if i.ID == invitation {
			return s.answer(ctx, actor, i.Hash, state)
		}
	}
	return Joined{}, ErrInvitationNotFound
}

func unauthenticatedIfGone(err error) error {
	if errors.Is(err, ErrPersonNotFound) {
		return audit.ErrUnauthenticated
	}
	return err
}

// answer ends an invitation. What it says comes from its row alone.
func (s *Service) answer(ctx context.Context, actor audit.Actor, hash Hash, state State) (Joined, error) {
	now := s.now()
	if err := s.allow(actor, PermInvitationMine, now); err != nil {
		return Joined{}, err
	}
	var j Joined
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		i, err := tx.InvitationByHash(ctx, hash, now)
		if err != nil {
			return err
		}
		o, err := tx.LockOrg(ctx, i.Org)
		if err != nil {
			return goneIfMissing(err)
		}
		p, err := tx.Person(ctx, actor.User)
		if err != nil {
			return unauthenticatedIfGone(err)
		}
		if p.EmailKey != i.EmailKey {
			return ErrWrongRecipient
		}
		if i, err = tx.SpendInvitation(ctx, hash, state, p.ID, now); err != nil {
			return err
		}
		if state == Declined {
			return tx.AppendAudit(ctx, did(actor, ActionInvitationDeclined, i.target(), o, now))
		}
		if _, err := s.inviter(ctx, tx, o, i); err != nil {
			return err
		}
		v := OrgView{Org: o, Membership: Membership{Org: o.ID, User: p.ID, Role: i.Role, InvitedBy: i.InvitedBy, JoinedAt: now}}
		j, err = s.join(ctx, tx, actor, v, p, i.Projects, "invitation", now)
		return err
	})
	if err != nil || state == Declined {
		return Joined{}, err
	}
	return j, nil
}

func (s *Service) tellHost(ctx context.Context, org id.Org, user id.User, projects []string) {
	if err := s.c.Projects.Joined(ctx, org, user, projects); err != nil {
		s.c.Log.WarnContext(ctx, "orgs: host not told of a new member", "err", err)
	}
}

// Joined is a membership that has just begun.
type Joined struct {
	OrgView

	// Project is where the new member lands, of the host's directory; "": nowhere
	// in particular. It is the default one, unless the invitation names others and
	// the role does not reach all projects: then the first that it names.
	Project string
}

// Landing returns the project where a new member lands, as the host's directory
// has it now. ok is false if there is none.
func (s *Service) Landing(ctx context.Context, j Joined) (p Project, ok bool, err error) {
	if j.Project == "" {
		return Project{}, false, nil
	}
	all, err := s.c.Projects.Projects(ctx, j.ID)
	if err != nil {
		return Project{}, false, err
	}
	i := slices.IndexFunc(all, func(p Project) bool { return p.ID == j.Project })
	if i < 0 {
		return Project{}, false, nil
	}
	return all[i], true, nil
}

// join adds a member to an organization that is locked. The seat of an
// invitation that was just accepted is not counted any more.
func (s *Service) join(ctx context.Context, tx Tx, actor audit.Actor, v OrgView, p Person, projects []string, by string, now time.Time) (Joined, error) {
	if len(projects) == 0 && v.DefaultProject != "" {
		projects = []string{v.DefaultProject}
	}
	j := Joined{OrgView: v}
	if len(projects) > 0 {
		j.Project = projects[0]
		if v.DefaultProject != "" && (v.Membership.Role.AtLeast(Admin) || slices.Contains(projects, v.DefaultProject)) {
			j.Project = v.DefaultProject
		}
		// The host is told after the commit, which it cannot undo.
		tx.AfterCommit(func(ctx context.Context) { s.tellHost(ctx, v.ID, p.ID, projects) })
	}
	if err := tx.InsertMember(ctx, v.Membership); err != nil {
		return Joined{}, err
	}
	if err := s.seatFree(ctx, tx, v.ID, now); err != nil {
		return Joined{}, err
	}
	entry := did(actor, ActionMemberJoined, userTarget(p), v.Org, now,
		audit.Change{Field: "role", After: string(v.Membership.Role)}, audit.Change{Field: "by", After: by})
	return j, tx.AppendAudit(ctx, entry)
}
