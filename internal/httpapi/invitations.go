package httpapi

import (
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type invite struct {
	Emails   []string `json:"emails" doc:"1–50 addresses"`
	Role     string   `json:"role,omitempty" enum:"admin,member,viewer" doc:"Member if it is left out"`
	Projects []string `json:"project_ids,omitempty"`
}

type invited struct {
	Results []inviteResult `json:"results"`
}

type inviteResult struct {
	Email  string `json:"email"`
	Status string `json:"status" enum:"invited,refused"`
	ID     string `json:"id,omitempty"`
	Code   string `json:"code,omitempty" doc:"Why not: invalid_email, duplicate, already_member, seat_limit, rate_limited"`
}

func (a *API) invite(c *call, in invite) (*invited, error) {
	all, err := a.c.Flows.Orgs.Invite(c.ctx(), c.actor(), ref(c), orgs.Invite{Emails: in.Emails, Role: in.Role, Projects: in.Projects})
	if err != nil {
		return nil, err
	}
	out := &invited{Results: make([]inviteResult, 0, len(all))}
	for _, i := range all {
		r := inviteResult{Email: i.Email, Status: "invited", Code: i.Code}
		if i.Code != "" {
			r.Status = "refused"
		} else {
			r.ID = i.Invitation.String()
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}

type invitation struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Role      string    `json:"role" enum:"admin,member,viewer"`
	State     string    `json:"state" enum:"pending,expired,declined"`
	InvitedBy string    `json:"invited_by" doc:"The identifier of a person"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

type invitationList struct {
	Items      []invitation `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

func (a *API) invitations(c *call) (*invitationList, error) {
	cursor, limit, err := c.page()
	if err != nil {
		return nil, err
	}
	all, next, err := a.c.Flows.Orgs.Invitations(c.ctx(), c.actor(), ref(c), cursor, limit)
	if err != nil {
		return nil, err
	}
	out := &invitationList{Items: make([]invitation, 0, len(all)), NextCursor: next}
	for _, i := range all {
		out.Items = append(out.Items, invitation{
			i.ID.String(), i.Email, string(i.Role), string(i.At(a.c.Now())), i.InvitedBy.String(), i.CreatedAt, i.ExpiresAt,
		})
	}
	return out, nil
}

func (a *API) resendInvitation(c *call) (*nothing, error) {
	which, err := id.ParseInvitation(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return nil, a.c.Flows.Orgs.Resend(c.ctx(), c.actor(), ref(c), which)
}

func (a *API) revokeInvitation(c *call) (*nothing, error) {
	which, err := id.ParseInvitation(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return nil, a.c.Flows.Orgs.Revoke(c.ctx(), c.actor(), ref(c), which)
}

type linkOnly struct {
	Token string `json:"token"`
}

type invitationOrg struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	LogoURL *string `json:"logo_url" doc:"A PNG, for anybody to show. Null: none was uploaded"`
}

type inspected struct {
	ID         string        `json:"id"`
	Org        invitationOrg `json:"org"`
	Inviter    string        `json:"inviter" doc:"The name of the person who invites"`
	Role       string        `json:"role" enum:"admin,member,viewer"`
	Email      string        `json:"email"`
	HasAccount bool          `json:"has_account"`
	ExpiresAt  time.Time     `json:"expires_at"`
}

func (a *API) inspectedOf(v orgs.InvitationView) inspected {
	return inspected{
		ID: v.ID.String(), Org: invitationOrg{v.Org.String(), v.OrgName, a.logoURL(v.LogoKey, v.LogoUploaded)}, Inviter: v.Inviter,
		Role: string(v.Role), Email: v.Email, HasAccount: v.HasAccount, ExpiresAt: v.ExpiresAt,
	}
}

func (a *API) inspectInvitation(c *call, in linkOnly) (*inspected, error) {
	v, err := a.c.Flows.Orgs.Inspect(c.ctx(), c.actor(), in.Token)
	if err != nil {
		return nil, err
	}
	out := a.inspectedOf(v)
	return &out, nil
}

type joined struct {
	Org         *org    `json:"org"`
	ProjectID   *string `json:"project_id" doc:"Where the new member lands; null: nowhere in particular"`
	RedirectURL string  `json:"redirect_url" doc:"A page to go on to: the project's, or that of the organization"`
}

func (a *API) joinedOf(c *call, j orgs.Joined, err error) (*joined, error) {
	if err != nil {
		return nil, err
	}
	o, err := a.orgOf(c, j.OrgView)
	if err != nil {
		return nil, err
	}
	out := &joined{Org: o, RedirectURL: a.c.PublicURL.String() + a.c.Pages + "/settings/orgs/" + j.Slug + "/general"}
	p, ok, err := a.c.Flows.Orgs.Landing(c.ctx(), j)
	if err != nil { // they are a member by now, whatever the host's directory says
		a.c.Log.WarnContext(c.ctx(), "httpapi: projects not asked for", "err", err)
	}
	if ok {
		out.ProjectID = &p.ID
		if to, err := a.c.PublicURL.Parse(p.URL); err == nil && p.URL != "" {
			out.RedirectURL = to.String()
		}
	}
	return out, nil
}

func (a *API) acceptInvitation(c *call, in linkOnly) (*joined, error) {
	v, err := a.c.Flows.Orgs.Accept(c.ctx(), c.actor(), in.Token)
	return a.joinedOf(c, v, err)
}

func (a *API) declineInvitation(c *call, in linkOnly) (*nothing, error) {
	return nil, a.c.Flows.Orgs.Decline(c.ctx(), c.actor(), in.Token)
}

type inspectedList struct {
	Items []inspected `json:"items"`
}

func (a *API) myInvitations(c *call) (*inspectedList, error) {
	all, err := a.c.Flows.Orgs.Mine(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &inspectedList{Items: make([]inspected, 0, len(all))}
	for _, v := range all {
		out.Items = append(out.Items, a.inspectedOf(v))
	}
	return out, nil
}

func (a *API) acceptMine(c *call) (*joined, error) {
	which, err := id.ParseInvitation(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	v, err := a.c.Flows.Orgs.AnswerMine(c.ctx(), c.actor(), which, orgs.Accepted)
	return a.joinedOf(c, v, err)
}

func (a *API) declineMine(c *call) (*nothing, error) {
	which, err := id.ParseInvitation(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	_, err = a.c.Flows.Orgs.AnswerMine(c.ctx(), c.actor(), which, orgs.Declined)
	return nil, err
}

type domain struct {
	ID         string     `json:"id"`
	Domain     string     `json:"domain"`
	Record     dnsRecord  `json:"record" doc:"The TXT record that proves it"`
	VerifiedAt *time.Time `json:"verified_at"`
	AutoJoin   bool       `json:"auto_join"`
	Role       string     `json:"role" enum:"admin,member,viewer"`
	CreatedAt  time.Time  `json:"created_at"`
}

type dnsRecord struct {
	Type  string `json:"type" enum:"TXT"`
	Name  string `json:"name"`
	Value string `json:"value"`
}

func domainOf(d orgs.Domain) domain {
	r := d.Record()
	return domain{d.ID.String(), d.Name, dnsRecord{"TXT", r.Host, r.Value}, instant(d.VerifiedAt), d.AutoJoin, string(d.Role), d.CreatedAt}
}

type domainList struct {
	Items []domain `json:"items"`
}

func (a *API) domains(c *call) (*domainList, error) {
	all, err := a.c.Flows.Orgs.Domains(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	out := &domainList{Items: make([]domain, 0, len(all))}
	for _, d := range all {
		out.Items = append(out.Items, domainOf(d))
	}
	return out, nil
}

type addDomain struct {
	Domain string `json:"domain"`
}

func oneDomain(d orgs.Domain, err error) (*domain, error) {
	if err != nil {
		return nil, err
	}
	out := domainOf(d)
	return &out, nil
}

func (a *API) addDomain(c *call, in addDomain) (*domain, error) {
	return oneDomain(a.c.Flows.Orgs.AddDomain(c.ctx(), c.actor(), ref(c), in.Domain))
}

func (a *API) verifyDomain(c *call) (*domain, error) {
	which, err := id.ParseDomain(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return oneDomain(a.c.Flows.Orgs.VerifyDomain(c.ctx(), c.actor(), ref(c), which))
}

type patchDomain struct {
	AutoJoin *bool   `json:"auto_join,omitempty"`
	Role     *string `json:"role,omitempty" enum:"admin,member,viewer"`
}

func (a *API) patchDomain(c *call, in patchDomain) (*domain, error) {
	which, err := id.ParseDomain(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return oneDomain(a.c.Flows.Orgs.UpdateDomain(c.ctx(), c.actor(), ref(c), which, orgs.DomainPatch{AutoJoin: in.AutoJoin, Role: in.Role}))
}

func (a *API) removeDomain(c *call) (*nothing, error) {
	which, err := id.ParseDomain(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return nil, a.c.Flows.Orgs.RemoveDomain(c.ctx(), c.actor(), ref(c), which)
}
