package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type org struct {
	ID             string     `json:"id"`
	Slug           string     `json:"slug"`
	Name           string     `json:"name"`
	LogoURL        *string    `json:"logo_url" doc:"A PNG, for anybody to show. Null: none was uploaded"`
	DefaultProject *string    `json:"default_project_id"`
	Role           string     `json:"role" enum:"owner,admin,member,viewer"`
	Permissions    []string   `json:"permissions" doc:"What this role may do here"`
	Plan           string     `json:"plan,omitempty" doc:"To the Owner"`
	CreatedAt      time.Time  `json:"created_at"`
	DeletedAt      *time.Time `json:"deleted_at,omitempty"`
}

func (a *API) orgOf(c *call, v orgs.OrgView) (*org, error) {
	plan, err := a.c.Flows.Orgs.PlanOf(c.ctx(), v)
	if err != nil {
		return nil, err
	}
	out := &org{
		ID: v.ID.String(), Slug: v.Slug, Name: v.Name, LogoURL: a.logoOf(v.Org), Role: string(v.Membership.Role),
		Plan: plan, CreatedAt: v.CreatedAt, DeletedAt: instant(v.DeletedAt), Permissions: []string{},
	}
	if v.DefaultProject != "" {
		out.DefaultProject = &v.DefaultProject
	}
	for _, p := range a.c.Flows.Orgs.Permissions(v.Membership.Role) {
		out.Permissions = append(out.Permissions, string(p))
	}
	return out, nil
}

type logo struct {
	LogoURL *string `json:"logo_url"`
}

// logoOf returns the address of the logo that an organization has uploaded. A
// deleted one shows none.
func (a *API) logoOf(o orgs.Org) *string {
	return a.logoURL(o.LogoKey, o.LogoUploaded && o.DeletedAt.IsZero())
}

func (a *API) logoURL(key string, uploaded bool) *string {
	if !uploaded {
		return nil
	}
	address := a.pictureURL("/logos/", key)
	return &address
}

var putLogo = receives(func(a *API, c *call) (*logo, error) {
	v, err := a.c.Flows.Orgs.UploadLogo(c.ctx(), c.actor(), ref(c), c.r.Body)
	if err != nil {
		return nil, err
	}
	return &logo{a.logoOf(v.Org)}, nil
})

func (a *API) deleteLogo(c *call) (*nothing, error) {
	_, err := a.c.Flows.Orgs.RemoveLogo(c.ctx(), c.actor(), ref(c))
	return nil, err
}

// moved leads a member who asks by a former slug to the present one.
func (a *API) moved(c *call, err error) bool {
	var m *orgs.MovedError
	if !errors.As(err, &m) {
		return false
	}
	to := *c.r.URL
	to.Path = strings.Replace(to.Path, "/orgs/"+c.r.PathValue("org"), "/orgs/"+m.Slug, 1)
	http.Redirect(c.w, c.r, (&url.URL{Path: to.Path, RawQuery: to.RawQuery}).String(), http.StatusPermanentRedirect)
	return true
}

func ref(c *call) string { return c.r.PathValue("org") }

type createOrg struct {
	Name string `json:"name"`
	Slug string `json:"slug,omitempty" doc:"3–48 of a–z, 0–9 and inner hyphens; made from the name if it is left out"`
}

func (a *API) createOrg(c *call, in createOrg) (*org, error) {
	v, err := a.c.Flows.Orgs.Create(c.ctx(), c.actor(), orgs.NewOrg{Name: in.Name, Slug: in.Slug})
	if err != nil {
		return nil, err
	}
	return a.orgOf(c, v)
}

func (a *API) getOrg(c *call) (*org, error) {
	v, err := a.c.Flows.Orgs.Get(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	return a.orgOf(c, v)
}

type patchOrg struct {
	Name           *string `json:"name,omitempty"`
	Slug           *string `json:"slug,omitempty"`
	DefaultProject *string `json:"default_project_id,omitempty" doc:"Empty: none"`
}

func (a *API) patchOrg(c *call, in patchOrg) (*org, error) {
	v, err := a.c.Flows.Orgs.Update(c.ctx(), c.actor(), ref(c), orgs.Patch{Name: in.Name, Slug: in.Slug, DefaultProject: in.DefaultProject})
	if err != nil {
		return nil, err
	}
	return a.orgOf(c, v)
}

type confirm struct {
	Confirm string `json:"confirm" doc:"The slug"`
}

type purge struct {
	PurgeAt time.Time `json:"purge_at"`
}

func (a *API) deleteOrg(c *call, in confirm) (*purge, error) {
	at, err := a.c.Flows.Orgs.Delete(c.ctx(), c.actor(), ref(c), in.Confirm)
	if err != nil {
		return nil, err
	}
	return &purge{at}, nil
}

func (a *API) restoreOrg(c *call) (*nothing, error) {
	return nil, a.c.Flows.Orgs.Restore(c.ctx(), c.actor(), ref(c))
}

type member struct {
	UserID       string    `json:"user_id"`
	Name         string    `json:"name"`
	AvatarURL    string    `json:"avatar_url"`
	Role         string    `json:"role" enum:"owner,admin,member,viewer"`
	JoinedAt     time.Time `json:"joined_at"`
	Email        string    `json:"email,omitempty" doc:"To Admins"`
	SecondFactor *bool     `json:"second_factor,omitempty" doc:"To Admins: two-factor or a passkey"`
}

type memberList struct {
	Items      []member `json:"items"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

func (a *API) memberOf(m orgs.MemberView, full bool) member {
	out := member{
		UserID: m.User.String(), Name: m.Person.Name, AvatarURL: a.avatarURL(m.Person.AvatarKey),
		Role: string(m.Role), JoinedAt: m.JoinedAt,
	}
	if full {
		out.Email, out.SecondFactor = m.Person.Email, &m.Person.TwoFactor
	}
	return out
}

func (a *API) members(c *call) (*memberList, error) {
	cursor, limit, err := c.page()
	if err != nil {
		return nil, err
	}
	list, err := a.c.Flows.Orgs.Members(c.ctx(), c.actor(), ref(c), c.r.URL.Query().Get("q"), cursor, limit)
	if err != nil {
		return nil, err
	}
	out := &memberList{Items: make([]member, 0, len(list.Items)), NextCursor: list.Next}
	for _, m := range list.Items {
		out.Items = append(out.Items, a.memberOf(m, list.Full))
	}
	return out, nil
}

type setRole struct {
	Role string `json:"role" enum:"admin,member,viewer"`
}

func (a *API) setRole(c *call, in setRole) (*member, error) {
	user, err := id.ParseUser(c.r.PathValue("user"))
	if err != nil {
		return nil, err
	}
	m, err := a.c.Flows.Orgs.SetRole(c.ctx(), c.actor(), ref(c), user, in.Role)
	if err != nil {
		return nil, err
	}
	out := a.memberOf(m, true)
	return &out, nil
}

func (a *API) removeMember(c *call) (*nothing, error) {
	user, err := id.ParseUser(c.r.PathValue("user"))
	if err != nil {
		return nil, err
	}
	return nil, a.c.Flows.Orgs.Remove(c.ctx(), c.actor(), ref(c), user)
}

type transfer struct {
	UserID  string `json:"user_id"`
	Confirm string `json:"confirm" doc:"The slug"`
}

func (a *API) transfer(c *call, in transfer) (*nothing, error) {
	if in.UserID == "" {
		return nil, fault.Fields{{Name: "user_id", Code: "required", Message: "is required"}}
	}
	user, err := id.ParseUser(in.UserID)
	if err != nil {
		user = id.User{} // nobody, which is said after whether the caller may ask
	}
	return nil, a.c.Flows.Orgs.TransferOwnership(c.ctx(), c.actor(), ref(c), user, in.Confirm)
}

type orgRole struct {
	ID        string     `json:"id"`
	Slug      string     `json:"slug"`
	Name      string     `json:"name"`
	LogoURL   *string    `json:"logo_url" doc:"A PNG, for anybody to show. Null: none was uploaded"`
	Role      string     `json:"role" enum:"owner,admin,member,viewer"`
	DeletedAt *time.Time `json:"deleted_at,omitempty"`
	PurgeAt   *time.Time `json:"purge_at,omitempty"`
}

type orgList struct {
	Items []orgRole `json:"items"`
}

func (a *API) myOrgs(c *call) (*orgList, error) {
	all, err := a.c.Flows.Orgs.List(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &orgList{Items: make([]orgRole, 0, len(all))}
	for _, v := range all {
		out.Items = append(out.Items, orgRole{
			v.ID.String(), v.Slug, v.Name, a.logoOf(v.Org), string(v.Membership.Role), instant(v.DeletedAt), instant(v.PurgeAt),
		})
	}
	return out, nil
}

func (a *API) joinable(c *call) (*orgList, error) {
	all, err := a.c.Flows.Orgs.Joinable(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &orgList{Items: make([]orgRole, 0, len(all))}
	for _, j := range all {
		out.Items = append(out.Items, orgRole{ID: j.Org.ID.String(), Slug: j.Org.Slug, Name: j.Org.Name, LogoURL: a.logoOf(j.Org), Role: string(j.Role)})
	}
	return out, nil
}

func (a *API) join(c *call) (*org, error) {
	j, err := a.c.Flows.Orgs.Join(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	return a.orgOf(c, j.OrgView)
}

type project struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url,omitempty" doc:"Where it is shown"`
}

type projectList struct {
	Items []project `json:"items"`
}

func (a *API) projects(c *call) (*projectList, error) {
	all, err := a.c.Flows.Orgs.Projects(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	out := &projectList{Items: make([]project, 0, len(all))}
	for _, p := range all {
		out.Items = append(out.Items, project(p))
	}
	return out, nil
}

type securityPolicy struct {
	RequireSecondFactor bool       `json:"require_second_factor"`
	GraceUntil          *time.Time `json:"grace_until" doc:"From when on; within 90 days. Left out: at once"`
	AffectedCount       int        `json:"affected_count" doc:"Members without a second factor"`
	Affected            []member   `json:"affected,omitzero" doc:"With ?preview=: the first 50 of them, by name"`
}

func (a *API) securityPolicy(c *call) (*securityPolicy, error) {
	p, affected, err := a.c.Flows.Orgs.SecurityPolicy(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	out := &securityPolicy{RequireSecondFactor: p.RequireSecondFactor, GraceUntil: instant(p.GraceUntil), AffectedCount: affected.Count}
	if !c.r.URL.Query().Has("preview") {
		return out, nil
	}
	out.Affected = []member{}
	for _, m := range affected.Members {
		out.Affected = append(out.Affected, a.memberOf(m, true))
	}
	return out, nil
}

type putSecurityPolicy struct {
	RequireSecondFactor bool       `json:"require_second_factor"`
	GraceUntil          *time.Time `json:"grace_until,omitempty" doc:"From when on; within 90 days. Left out: at once"`
}

func (a *API) putSecurityPolicy(c *call, in putSecurityPolicy) (*securityPolicy, error) {
	p := orgs.SecurityPolicy{RequireSecondFactor: in.RequireSecondFactor}
	if in.GraceUntil != nil {
		p.GraceUntil = *in.GraceUntil
	}
	if _, err := a.c.Flows.Orgs.SetSecurityPolicy(c.ctx(), c.actor(), ref(c), p); err != nil {
		return nil, err
	}
	return a.securityPolicy(c)
}
