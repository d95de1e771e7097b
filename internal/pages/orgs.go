package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/orgs"
)

// The pages of one organization are below orgPath, with its slug.
const (
	orgPath     = "/settings/orgs/{slug}"
	generalPath = orgPath + "/general"
)

// orgRoutes are those of organizations and of invitations to them.
func (s *Site) orgRoutes() {
	s.page(acceptPath, s.acceptPage)
	s.post(acceptPath, s.accept)
	s.post("/invitations/decline", s.decline)
	s.page(invitationsPath, s.signedIn(s.invitationsPage))
	s.post(invitationsPath+"/accept", s.signedIn(s.acceptMine))
	s.post(invitationsPath+"/decline", s.signedIn(s.declineMine))
	s.post(invitationsPath+"/join", s.signedIn(s.joinOrg))
	s.page("/orgs/new", s.signedIn(s.newOrgPage))
	s.post("/orgs/new", s.signedIn(s.createOrg))
	s.page(generalPath, s.signedIn(s.generalPage))
	s.post(generalPath+"/logo", s.signedIn(s.setLogo))
	s.page(teamPath, s.signedIn(s.teamPage))
	s.page(ownerPath, s.signedIn(s.ownerPage))
	s.page(importPath, s.signedIn(s.importPage))
	s.post(importPath, s.signedIn(s.startImport))
	s.page(importPath+"/template.csv", s.signedIn(s.importTemplate))
	s.page(importPath+"/{id}", s.signedIn(s.importReport))
	s.page(policyPath, s.signedIn(s.policyPage))
	s.page(domainsPath, s.signedIn(s.domainsPage))
	s.page(auditPath, s.signedIn(s.auditPage))
	s.page(auditPath+"/export", s.signedIn(s.auditExport))
	s.actionRoutes(map[string]action{
		"/settings/profile/orgs/restore": {run: s.restoreOrg, waiting: "org_restore"},
		generalPath + "/about":           {run: s.saveOrg},
		generalPath + "/logo/remove":     {run: s.removeLogo},
		generalPath + "/leave":           {run: s.leaveOrg},
		generalPath + "/delete":          {run: s.deleteOrg, waiting: "org_delete"},
		teamPath + "/invite":             {run: s.invite},
		teamPath + "/resend":             {run: s.resend},
		teamPath + "/revoke":             {run: s.revokeInvitation},
		teamPath + "/role":               {run: s.changeRole},
		teamPath + "/remove":             {run: s.removeMember},
		ownerPath:                        {run: s.handOver, waiting: "org_owner"},
		policyPath + "/on":               {run: s.policyOn, waiting: "org_policy"},
		policyPath + "/off":              {run: s.policyOff, waiting: "org_policy"},
		domainsPath + "/add":             {run: s.addDomain},
		domainsPath + "/verify":          {run: s.verifyDomain},
		domainsPath + "/join":            {run: s.joinByDomain},
		domainsPath + "/remove":          {run: s.removeDomain},
	})
}

// inOrg puts a slug into the pattern of a path.
func inOrg(pattern, slug string) string {
	return strings.Replace(pattern, "{slug}", url.PathEscape(slug), 1)
}

// patternOf returns the pattern that a path follows, or the path.
func patternOf(path string) string {
	rest, ok := strings.CutPrefix(path, "/settings/orgs/")
	slug, page, more := strings.Cut(rest, "/")
	if !ok || !more || slug == "" {
		return path
	}
	return orgPath + "/" + page
}

// orgPageOf returns the page of an organization whose card a form's address
// belongs to, or "".
func orgPageOf(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/settings/orgs/"), "/")
	if !strings.HasPrefix(path, "/settings/orgs/") || len(parts) < 3 {
		return ""
	}
	return "/settings/orgs/" + parts[0] + "/" + parts[1]
}

// moved leads a member who comes by a former slug to the present one. What a form
// held is not sent on: it was typed for a page that has changed.
func (s *Site) moved(v *visit, m *orgs.MovedError) {
	path := strings.TrimPrefix(v.r.URL.Path, s.c.Prefix)
	q := url.Values{}
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		q = v.r.URL.Query()
	} else {
		path = pageOf(path)
	}
	s.redirect(v, inOrg(patternOf(path), m.Slug), q)
}

// org returns the organization that the address names, by its slug alone.
func (s *Site) org(v *visit) (orgs.OrgView, error) {
	o, err := s.c.Flows.Orgs.Get(v.r.Context(), v.actor(), v.slug)
	if err == nil && o.Slug != v.slug {
		err = &orgs.MovedError{Slug: o.Slug}
	}
	return o, err
}

// myOrgs returns the organizations of the person: those that live, for the menu,
// and those that the Owner can restore.
func (s *Site) myOrgs(v *visit) ([]OrgLink, []DeletedOrg, error) {
	if v.orgs == nil {
		all, err := s.c.Flows.Orgs.List(v.r.Context(), v.actor())
		if err != nil {
			return nil, nil, err
		}
		v.orgs = append([]orgs.OrgView{}, all...)
	}
	var links []OrgLink
	var deleted []DeletedOrg
	for _, o := range v.orgs {
		if !o.DeletedAt.IsZero() {
			deleted = append(deleted, DeletedOrg{ID: o.ID.String(), Name: o.Name, DeletedAt: o.DeletedAt, PurgeAt: o.PurgeAt})
			continue
		}
		links = append(links, OrgLink{
			Slug: o.Slug, Name: o.Name, LogoURL: s.logo(o.LogoKey, "64"), Role: string(o.Membership.Role), Current: o.Slug == v.slug,
			Team: s.mayIn(o, orgs.PermInvite), Domains: s.mayIn(o, orgs.PermDomains), Policy: s.mayIn(o, orgs.PermPolicyView),
			Audit: s.mayIn(o, orgs.PermAuditView),
		})
	}
	return links, deleted, nil
}

// addOrgs puts the organizations of the person into the menu of a page that has
// one.
func (s *Site) addOrgs(v *visit, p *Person, view View) (err error) {
	if p.Limited || view.spec().shell != "settings" {
		return nil
	}
	p.Orgs, _, err = s.myOrgs(v)
	return err
}

// mayIn reports whether the person's role in an organization allows something.
func (s *Site) mayIn(o orgs.OrgView, perm audit.Permission) bool {
	return slices.Contains(s.c.Flows.Orgs.Permissions(o.Membership.Role), perm)
}

func (s *Site) newOrgPage(v *visit) error {
	if limited(v) {
		return audit.ErrEnrollmentRequired
	}
	return s.showNewOrg(v, http.StatusOK, NewOrg{})
}

func (s *Site) showNewOrg(v *visit, status int, view NewOrg) error {
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	return s.render(v, status, &me, view)
}

func (s *Site) createOrg(v *visit) error {
	in := orgs.NewOrg{Name: v.form.Get("name"), Slug: strings.TrimSpace(v.form.Get("slug"))}
	o, err := s.c.Flows.Orgs.Create(v.r.Context(), v.actor(), in)
	if err != nil {
		form, status, err := refused(slugTaken(err))
		if err != nil {
			return err
		}
		return s.showNewOrg(v, status, NewOrg{Form: form, Name: in.Name, Slug: in.Slug})
	}
	s.redirect(v, inOrg(generalPath, o.Slug), url.Values{"saved": {"created"}})
	return nil
}

// slugTaken says of a slug that is taken beside its field.
func slugTaken(err error) error {
	if errors.Is(err, orgs.ErrSlugTaken) {
		return fault.Fields{{Name: "slug", Code: "slug_taken", Message: "is taken"}}
	}
	return err
}

func (s *Site) generalPage(v *visit) error {
	q := v.r.URL.Query()
	return s.general(v, http.StatusOK, func(p *OrgGeneral) {
		if saved := q.Get("saved"); slices.Contains([]string{"about", "logo", "created", "restored", "joined"}, saved) {
			p.Saved = saved
		}
		if p.Saved == "joined" {
			p.Landing = landing(p.About.Projects, q.Get("project"))
		}
		p.People.Leaving = q.Get("ask") == "leave" && !p.People.Stays
	})
}

// landing finds the project that a new member is led to, if the host shows it.
func landing(projects []ProjectOption, project string) *ProjectOption {
	i := slices.IndexFunc(projects, func(p ProjectOption) bool { return p.ID == project && p.URL != "" })
	if i < 0 {
		return nil
	}
	return &projects[i]
}

// general shows the page as change leaves it.
func (s *Site) general(v *visit, status int, change func(*OrgGeneral)) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgGeneral{
		Slug: o.Slug, Name: o.Name, Edit: s.mayIn(o, orgs.PermOrgUpdate),
		Logo:  OrgLogoCard{URL: s.logo(o.LogoKey, "512"), Uploaded: o.LogoUploaded},
		About: OrgAboutCard{Name: o.Name, Slug: o.Slug, Project: o.DefaultProject},
	}
	projects, err := s.c.Flows.Orgs.Projects(v.r.Context(), v.actor(), o.ID.String())
	if err != nil && !errors.Is(err, fault.Forbidden) {
		return err
	}
	for _, p := range projects {
		view.About.Projects = append(view.About.Projects, ProjectOption(p))
	}
	if view.People, err = s.people(v, o); err != nil {
		return err
	}
	if s.mayIn(o, orgs.PermOrgDelete) {
		view.Delete = &OrgDeleteCard{}
	}
	change(&view)
	return s.render(v, status, &me, view)
}

// people reads a page of names and roles.
func (s *Site) people(v *visit, o orgs.OrgView) (OrgPeopleCard, error) {
	card := OrgPeopleCard{Stays: o.Membership.Role == orgs.Owner}
	after := v.r.URL.Query().Get("people")
	list, err := s.c.Flows.Orgs.Members(v.r.Context(), v.actor(), o.ID.String(), "", after, perPage)
	if errors.Is(err, fault.Invalid) { // a cursor of no use: begin at the start
		after = ""
		list, err = s.c.Flows.Orgs.Members(v.r.Context(), v.actor(), o.ID.String(), "", "", perPage)
	}
	if err != nil {
		return card, err
	}
	card.Next, card.At = list.Next, after
	for _, m := range list.Items {
		card.Items = append(card.Items, s.orgPerson(v, m))
	}
	return card, nil
}

func (s *Site) orgPerson(v *visit, m orgs.MemberView) OrgPerson {
	return OrgPerson{
		Name: m.Person.Name, AvatarURL: s.c.Prefix + "/avatars/" + m.Person.AvatarKey + "/128",
		Role: string(m.Role), Me: m.User == v.actor().User, JoinedAt: m.JoinedAt,
	}
}

// refusedGeneral shows the page with what was wrong, or passes on an error that a
// form is no place for.
func (s *Site) refusedGeneral(v *visit, err error, change func(*OrgGeneral, Form)) error {
	form, status, err := refused(err)
	if err != nil {
		return err
	}
	return s.general(v, status, func(p *OrgGeneral) { change(p, form) })
}

func (s *Site) saveOrg(v *visit) error {
	name, slug, project := v.form.Get("name"), strings.TrimSpace(v.form.Get("slug")), v.form.Get("project")
	in := orgs.Patch{Name: &name, Slug: &slug}
	if v.form.Has("project") {
		in.DefaultProject = &project
	}
	o, err := s.c.Flows.Orgs.Update(v.r.Context(), v.actor(), v.slug, in)
	if err != nil {
		return s.refusedGeneral(v, projectField(slugTaken(err)), func(p *OrgGeneral, f Form) {
			p.About.Form, p.About.Name, p.About.Slug, p.About.Project = f, name, slug, cmp.Or(project, p.About.Project)
		})
	}
	return s.saved(v, inOrg(generalPath, o.Slug), "about")
}

// projectField calls the field what the form calls it.
func projectField(err error) error {
	var f fault.Fields
	if !errors.As(err, &f) {
		return err
	}
	f = slices.Clone(f)
	for i := range f {
		if f[i].Name == "default_project_id" {
			f[i].Name = "project"
		}
	}
	return f
}

func (s *Site) leaveOrg(v *visit) error {
	err := s.c.Flows.Orgs.Remove(v.r.Context(), v.actor(), v.slug, v.actor().User)
	if err != nil {
		return s.refusedGeneral(v, err, func(p *OrgGeneral, f Form) { p.People.Form = f })
	}
	s.redirect(v, "/settings/profile", url.Values{"saved": {"left"}})
	return nil
}

func (s *Site) deleteOrg(v *visit) error {
	typed := strings.TrimSpace(v.form.Get("confirm"))
	if _, err := s.c.Flows.Orgs.Delete(v.r.Context(), v.actor(), v.slug, typed); err != nil {
		return s.refusedGeneral(v, err, func(p *OrgGeneral, f Form) {
			if p.Delete != nil {
				p.Delete.Form, p.Delete.Typed = f, typed
			}
		})
	}
	return s.saved(v, "/settings/profile", "deleted-orgs")
}

func (s *Site) restoreOrg(v *visit) error {
	ref := v.form.Get("org")
	if err := s.c.Flows.Orgs.Restore(v.r.Context(), v.actor(), ref); err != nil {
		if !errors.Is(err, orgs.ErrNotDeleted) { // restored twice is restored
			return s.refusedProfile(v, err, func(p *Profile, f Form) { p.Orgs.Form = f })
		}
	}
	o, err := s.c.Flows.Orgs.Get(v.r.Context(), v.actor(), ref)
	if err != nil {
		return err
	}
	s.redirect(v, inOrg(generalPath, o.Slug), url.Values{"saved": {"restored"}})
	return nil
}
