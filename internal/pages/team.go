package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

const (
	teamPath  = orgPath + "/team"
	ownerPath = teamPath + "/owner"
)

// given are the roles that can be given, the most usual first.
var given = []orgs.Role{orgs.Member, orgs.Admin, orgs.Viewer}

// rolesOf returns the roles that somebody may give.
func rolesOf(mine orgs.Role) []string {
	var out []string
	for _, r := range given {
		if mine.AtLeast(r) {
			out = append(out, string(r))
		}
	}
	return out
}

func (s *Site) teamPage(v *visit) error {
	q := v.r.URL.Query()
	return s.team(v, http.StatusOK, func(p *OrgTeam) {
		switch saved := q.Get("saved"); saved {
		case "role", "owner", "removed", "invited", "resent", "revoked":
			p.Saved = saved
		}
		for i, m := range p.Team.Members {
			p.Team.Members[i].Asking = m.Removable && q.Get("ask") == "remove" && q.Get("member") == m.ID
		}
	})
}

// team shows the page as change leaves it.
func (s *Site) team(v *visit, status int, change func(*OrgTeam)) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgTeam{Slug: o.Slug, Name: o.Name, Invite: InviteCard{Role: string(orgs.Member), Roles: rolesOf(o.Membership.Role)}}
	if view.Team, err = s.teamList(v, o, s.part(v)); err != nil {
		return err
	}
	change(&view)
	view.Invite.Upgrade = o.Membership.Role == orgs.Owner && view.Invite.full()
	return s.render(v, status, &me, view)
}

// part returns the part of the list that is asked for, or that a form came from.
func (s *Site) part(v *visit) TeamList {
	if v.form == nil {
		return listOf(v.r.URL.Query())
	}
	q, err := url.ParseQuery(v.form.Get("here"))
	if err != nil {
		return TeamList{}
	}
	return listOf(q)
}

// teamList reads a part of the list. Invitations stand before the members; where
// more of them are left, the next page goes on with them alone.
func (s *Site) teamList(v *visit, o orgs.OrgView, part TeamList) (TeamCard, error) {
	card, err := s.readTeam(v, o, part)
	if errors.Is(err, fault.Invalid) && part != (TeamList{}) { // a cursor of no use: begin at the start
		return s.readTeam(v, o, TeamList{})
	}
	return card, err
}

// mostInvited is how many invitations a search looks at.
const mostInvited = 200

func (s *Site) readTeam(v *visit, o orgs.OrgView, part TeamList) (TeamCard, error) {
	card := TeamCard{List: part}
	limit := perPage
	if part.Query != "" {
		limit = mostInvited
	}
	// The question is asked on every page: it is also whether the person may.
	invited, more, err := s.c.Flows.Orgs.Invitations(v.r.Context(), v.actor(), o.ID.String(), part.Invited, limit)
	if err != nil {
		return card, err
	}
	if part.Members == "" {
		for _, i := range invited {
			if begins(i.Email, part.Query) {
				card.Invitations = append(card.Invitations, TeamInvitation{
					ID: i.ID.String(), Email: i.Email, Role: string(i.Role), State: string(i.At(s.c.Now())), ExpiresAt: i.ExpiresAt,
				})
			}
		}
		if more != "" && part.Query == "" {
			card.Next = TeamList{Invited: more}
			return card, nil
		}
	}
	list, err := s.c.Flows.Orgs.Members(v.r.Context(), v.actor(), o.ID.String(), part.Query, part.Members, perPage)
	if err != nil {
		return card, err
	}
	for _, m := range list.Items {
		card.Members = append(card.Members, s.teamMember(v, o, m))
	}
	if list.Next != "" {
		card.Next = TeamList{Query: part.Query, Members: list.Next}
	}
	return card, nil
}

func begins(email, prefix string) bool {
	return len(email) >= len(prefix) && strings.EqualFold(email[:len(prefix)], prefix)
}

func (s *Site) teamMember(v *visit, o orgs.OrgView, m orgs.MemberView) TeamMember {
	mine := o.Membership.Role
	row := TeamMember{
		ID: m.User.String(), Name: m.Person.Name, Email: m.Person.Email, Role: string(m.Role), JoinedAt: m.JoinedAt,
		AvatarURL: s.c.Prefix + "/avatars/" + m.Person.AvatarKey + "/128", TwoFactor: m.Person.TwoFactor, Me: m.User == v.actor().User,
	}
	if m.Role == orgs.Owner || !mine.AtLeast(m.Role) {
		return row
	}
	row.Removable = !row.Me && s.mayIn(o, orgs.PermMemberRemove)
	if s.mayIn(o, orgs.PermMemberRole) {
		row.Roles = rolesOf(mine)
		if s.mayIn(o, orgs.PermTransfer) && mine == orgs.Owner {
			row.Roles = append([]string{string(orgs.Owner)}, row.Roles...)
		}
	}
	return row
}

// back goes to the part of the list that a form came from.
func (s *Site) back(v *visit, saved string) error {
	q := s.part(v).values()
	q.Set("saved", saved)
	http.Redirect(v.w, v.r, s.c.Prefix+inOrg(teamPath, v.slug)+"?"+q.Encode()+"#team", http.StatusSeeOther) //nolint:gosec // a path of our own
	return nil
}

func (s *Site) refusedTeam(v *visit, err error, change func(*OrgTeam, Form)) error {
	form, status, err := refused(err)
	if err != nil {
		return err
	}
	return s.team(v, status, func(p *OrgTeam) { change(p, form) })
}

// row passes on what came of a form of a row. What is not there any more was
// removed by somebody else meanwhile, which is what the list then shows.
func (s *Site) row(v *visit, err error, saved string) error {
	switch {
	case err == nil:
		return s.back(v, saved)
	case errors.Is(err, orgs.ErrNotMember), errors.Is(err, orgs.ErrInvitationNotFound):
		return s.team(v, http.StatusConflict, func(p *OrgTeam) { p.Team.Form = Form{Code: "conflict"} })
	}
	return s.refusedTeam(v, err, func(p *OrgTeam, f Form) { p.Team.Form = f })
}

// member returns the member that a form names.
func member(text string) (id.User, error) {
	user, err := id.ParseUser(text)
	if err != nil {
		return user, orgs.ErrNotMember
	}
	return user, nil
}

func (s *Site) changeRole(v *visit) error {
	user, err := member(v.form.Get("member"))
	role := v.form.Get("role")
	if err == nil && role == string(orgs.Owner) { // which is handed over, on a page of its own
		s.redirect(v, inOrg(ownerPath, v.slug), url.Values{"member": {user.String()}})
		return nil
	}
	if err == nil {
		_, err = s.c.Flows.Orgs.SetRole(v.r.Context(), v.actor(), v.slug, user, role)
	}
	return s.row(v, err, "role")
}

func (s *Site) removeMember(v *visit) error {
	user, err := member(v.form.Get("member"))
	if err == nil {
		err = s.c.Flows.Orgs.Remove(v.r.Context(), v.actor(), v.slug, user)
	}
	return s.row(v, err, "removed")
}

func (s *Site) resend(v *visit) error {
	i, err := id.ParseInvitation(v.form.Get("invitation"))
	if err != nil {
		return s.row(v, orgs.ErrInvitationNotFound, "")
	}
	return s.row(v, tooMany(s.c.Flows.Orgs.Resend(v.r.Context(), v.actor(), v.slug, i)), "resent")
}

func (s *Site) revokeInvitation(v *visit) error {
	i, err := id.ParseInvitation(v.form.Get("invitation"))
	if err != nil {
		return s.row(v, orgs.ErrInvitationNotFound, "")
	}
	return s.row(v, s.c.Flows.Orgs.Revoke(v.r.Context(), v.actor(), v.slug, i), "revoked")
}

// errTooManyInvitations says more than that there were too many attempts.
var errTooManyInvitations = fault.New(fault.Throttled, "invitations_limited", "pages: too many invitations")

func tooMany(err error) error {
	if errors.Is(err, orgs.ErrRateLimited) {
		return &fault.Retry{Reason: errTooManyInvitations, After: fault.RetryAfter(err)}
	}
	return err
}

func (s *Site) invite(v *visit) error {
	typed, role := v.form.Get("emails"), v.form.Get("role")
	results, err := s.c.Flows.Orgs.Invite(v.r.Context(), v.actor(), v.slug, orgs.Invite{Emails: addresses(typed), Role: role})
	if err != nil {
		return s.refusedTeam(v, tooMany(err), func(p *OrgTeam, f Form) {
			p.Invite.Form, p.Invite.Emails = f, typed
			if slices.Contains(p.Invite.Roles, role) {
				p.Invite.Role = role
			}
		})
	}
	var failed []string
	var rows []InviteResult
	for _, r := range results {
		rows = append(rows, InviteResult{Email: r.Email, Code: r.Code})
		if r.Code != "" && r.Code != orgs.CodeTwice && r.Code != orgs.ErrAlreadyMember.Code() {
			failed = append(failed, r.Email)
		}
	}
	if !slices.ContainsFunc(rows, func(r InviteResult) bool { return r.Code != "" }) {
		return s.back(v, "invited")
	}
	return s.team(v, http.StatusOK, func(p *OrgTeam) {
		p.Invite.Results, p.Invite.Emails = rows, strings.Join(failed, "\n")
		if slices.Contains(p.Invite.Roles, role) {
			p.Invite.Role = role
		}
	})
}

// full reports whether somebody was not invited because no seat was left.
func (c InviteCard) full() bool {
	seat := orgs.ErrSeatLimit.Code()
	return c.Form.Code == seat || slices.ContainsFunc(c.Results, func(r InviteResult) bool { return r.Code == seat })
}

// addresses takes apart what was pasted: by line, comma, semicolon or space, and
// as mail programs copy it, "Ada Lovelace <ada@example.com>".
func addresses(typed string) []string {
	var out []string
	for _, part := range strings.FieldsFunc(typed, func(r rune) bool { return strings.ContainsRune(",;\r\n\t", r) }) {
		if _, rest, named := strings.Cut(part, "<"); named {
			part, _, _ = strings.Cut(rest, ">")
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// ownerPage asks to confirm that ownership is handed over.
func (s *Site) ownerPage(v *visit) error {
	return s.showOwner(v, http.StatusOK, v.r.URL.Query().Get("member"), Form{}, "")
}

func (s *Site) showOwner(v *visit, status int, to string, f Form, typed string) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	if !s.mayIn(o, orgs.PermTransfer) {
		return orgs.ErrForbidden
	}
	user, err := member(to)
	if err != nil {
		return err
	}
	m, err := s.c.Flows.Store.Orgs().Member(v.r.Context(), o.ID, user)
	if err != nil {
		return err
	}
	if m.Role == orgs.Owner {
		s.redirect(v, inOrg(teamPath, o.Slug), nil)
		return nil
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	return s.render(v, status, &me, OrgOwner{
		Form: f, Slug: o.Slug, OrgName: o.Name, Member: user.String(), Name: m.Person.Name, Email: m.Person.Email,
		AvatarURL: s.c.Prefix + "/avatars/" + m.Person.AvatarKey + "/128", Typed: typed,
	})
}

func (s *Site) handOver(v *visit) error {
	to, typed := v.form.Get("member"), strings.TrimSpace(v.form.Get("confirm"))
	user, err := member(to)
	if err != nil {
		return err
	}
	err = s.c.Flows.Orgs.TransferOwnership(v.r.Context(), v.actor(), v.slug, user, typed)
	if err == nil {
		return s.back(v, "owner")
	}
	if errors.Is(err, audit.ErrEnrollmentRequired) {
		return err
	}
	form, status, err := refused(err)
	if err != nil {
		return err
	}
	return s.showOwner(v, status, to, form, typed)
}
