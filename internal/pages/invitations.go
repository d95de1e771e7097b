package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/orgs"
)

const (
	acceptPath      = "/invitations/accept"
	invitationsPath = "/settings/invitations"
)

// acceptPage shows what a link invites to. Whoever has it may look; the address
// that it is for may answer.
func (s *Site) acceptPage(v *visit) error {
	if done, err := s.shownDone(v); done || err != nil {
		return err
	}
	return s.showInvitation(v, http.StatusOK, v.r.URL.Query().Get("token"), Form{})
}

func (s *Site) showInvitation(v *visit, status int, raw string, f Form) error {
	i, err := s.c.Flows.Orgs.Inspect(v.r.Context(), v.actor(), raw)
	if err != nil {
		return s.gone(v, err, "invitation")
	}
	me, err := s.visitor(v)
	if err != nil {
		return err
	}
	view := AcceptInvitation{
		Form: f, Token: raw, Org: i.OrgName, LogoURL: s.logo(i.LogoKey, "128"), Inviter: i.Inviter, Role: string(i.Role), Email: i.Email,
		ExpiresAt: i.ExpiresAt, HasAccount: i.HasAccount,
	}
	if me != nil {
		view.As, view.Right = me.Email, sameAddress(*me, i.EmailKey)
	}
	return s.render(v, status, me, view)
}

func sameAddress(u accounts.User, key string) bool {
	a, err := address.Parse(u.Email)
	return err == nil && a.Key == key
}

// answering recognises who sends a form of a page that is open to all; whoever is
// not signed in any more is led back to that page, which keeps its link.
func (s *Site) answering(v *visit, raw string) (bool, error) {
	caller, err := s.c.Sessions.Authenticate(v.r)
	if err != nil && !errors.Is(err, audit.ErrUnauthenticated) {
		return false, err
	}
	if !caller.Actor.SignedIn() {
		s.redirect(v, acceptPath, url.Values{"token": {raw}})
		return false, nil
	}
	v.caller = caller
	return true, nil
}

func (s *Site) accept(v *visit) error {
	raw := v.form.Get("token")
	if ok, err := s.answering(v, raw); !ok {
		return err
	}
	j, err := s.c.Flows.Orgs.Accept(v.r.Context(), v.actor(), raw)
	if err != nil {
		return s.refusedInvitation(v, err, raw)
	}
	s.welcome(v, j)
	return nil
}

// welcome leads a new member to the organization, which leads on to the project.
func (s *Site) welcome(v *visit, j orgs.Joined) {
	q := url.Values{"saved": {"joined"}}
	if j.Project != "" {
		q.Set("project", j.Project)
	}
	s.redirect(v, inOrg(generalPath, j.Slug), q)
}

func (s *Site) decline(v *visit) error {
	raw := v.form.Get("token")
	if ok, err := s.answering(v, raw); !ok {
		return err
	}
	if err := s.c.Flows.Orgs.Decline(v.r.Context(), v.actor(), raw); err != nil {
		return s.refusedInvitation(v, err, raw)
	}
	return s.done(v, acceptPath, "invitation_declined", "")
}

// refusedInvitation says on the page why an answer was not taken.
func (s *Site) refusedInvitation(v *visit, err error, raw string) error {
	if errors.Is(err, orgs.ErrWrongRecipient) { // as the page itself says
		return s.showInvitation(v, http.StatusForbidden, raw, Form{})
	}
	if errors.Is(err, fault.Gone) {
		return s.gone(v, err, "invitation")
	}
	form, status, err := refused(forTheInvited(err))
	if err != nil {
		return err
	}
	return s.showInvitation(v, status, raw, form)
}

// What the services say of a plan and its members reads differently to somebody
// who is about to become one.
var (
	errNoSeatForMe = fault.New(fault.Limit, "invitation_full", "pages: no seat for who was invited")
	errAmMember    = fault.New(fault.Conflict, "invitation_member", "pages: who was invited is a member")
)

func forTheInvited(err error) error {
	switch {
	case errors.Is(err, orgs.ErrSeatLimit):
		return errNoSeatForMe
	case errors.Is(err, orgs.ErrAlreadyMember):
		return errAmMember
	}
	return err
}

func (s *Site) invitationsPage(v *visit) error {
	return s.invitations(v, http.StatusOK, func(p *Invitations) {
		if v.r.URL.Query().Get("saved") == "declined" {
			p.Saved = "declined"
		}
	})
}

func (s *Site) invitations(v *visit, status int, change func(*Invitations)) error {
	mine, err := s.c.Flows.Orgs.Mine(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	var view Invitations
	for _, i := range mine {
		view.Items = append(view.Items, WaitingInvitation{
			ID: i.ID.String(), Org: i.OrgName, LogoURL: s.logo(i.LogoKey, "128"), Inviter: i.Inviter, Role: string(i.Role), ExpiresAt: i.ExpiresAt,
		})
	}
	if view.Open, err = s.joinable(v); err != nil {
		return err
	}
	change(&view)
	return s.render(v, status, &me, view)
}

// answerMine answers one of the list. One that is not there any more has expired,
// or was revoked or answered elsewhere: the list then shows what there is.
func (s *Site) answerMine(v *visit, state orgs.State) (orgs.Joined, bool, error) {
	i, err := id.ParseInvitation(v.form.Get("invitation"))
	if err != nil {
		err = orgs.ErrInvitationNotFound
	}
	var j orgs.Joined
	if err == nil {
		j, err = s.c.Flows.Orgs.AnswerMine(v.r.Context(), v.actor(), i, state)
	}
	if err == nil {
		return j, true, nil
	}
	form, status := Form{Code: "link_gone"}, http.StatusGone
	if !errors.Is(err, orgs.ErrInvitationNotFound) && !errors.Is(err, fault.Gone) {
		if form, status, err = refused(forTheInvited(err)); err != nil {
			return j, false, err
		}
	}
	return j, false, s.invitations(v, status, func(p *Invitations) { p.Form = form })
}

func (s *Site) acceptMine(v *visit) error {
	j, done, err := s.answerMine(v, orgs.Accepted)
	if done {
		s.welcome(v, j)
	}
	return err
}

func (s *Site) declineMine(v *visit) error {
	_, done, err := s.answerMine(v, orgs.Declined)
	if done {
		s.redirect(v, invitationsPath, url.Values{"saved": {"declined"}})
	}
	return err
}
