package pages

import (
	"net/url"
	"strconv"
)

// Orgs returns the organizations of the person.
func (f *frame) Orgs() []OrgLink {
	if f.Person == nil || f.limited() {
		return nil
	}
	return f.Person.Orgs
}

// Org returns the organization that the menu shows: the one that the page is
// about, else the first; nil if there is none.
func (f *frame) Org() *OrgLink {
	all := f.Orgs()
	for i := range all {
		if all[i].Current {
			return &all[i]
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

// OrgURL returns the address of a page of an organization.
func (f *frame) OrgURL(slug, page string) string { return f.URL("/settings/orgs/" + slug + "/" + page) }

// OrgTabs returns the tabs of the organization that the menu shows.
func (f *frame) OrgTabs() []tab {
	o := f.Org()
	if o == nil {
		return nil
	}
	var tabs []tab
	for _, t := range []struct {
		shown            bool
		page, icon, name string
	}{
		{true, "general", "building", "org-general"},
		{o.Team, "team", "people", "org-team"},
		{o.Domains, "domains", "globe", "org-domains"},
		{o.Policy, "security-policy", "lock", "org-policy"},
		{o.Audit, "audit", "clock", "org-audit"},
	} {
		if t.shown {
			tabs = append(tabs, tab{f.OrgURL(o.Slug, t.page), f.Icon(t.icon), f.T(t.name + ".title"), f.spec.tab == t.name})
		}
	}
	return tabs
}

// orgLabel is an organization with the role of the person in it.
type orgLabel struct{ LogoURL, Name, Role string }

// OrgLabel returns what the switcher shows of an organization.
func (f *frame) OrgLabel(o OrgLink) orgLabel {
	return orgLabel{o.LogoURL, o.Name, f.Role(o.Role)}
}

// AcceptURL returns the address of the page of an invitation.
func (f *frame) AcceptURL(token string) string {
	return f.URL("/invitations/accept") + "?" + url.Values{"token": {token}}.Encode()
}

// SignInFor returns the address of the sign-in page that leads on to next.
func (f *frame) SignInFor(next string) string {
	return f.URL("/sign-in") + "?" + url.Values{"next": {next}}.Encode()
}

// Choices makes the field a select.
func (f field) Choices(options ...option) field { f.Options = options; return f }

// Slug makes the field one for the name in addresses.
func (f field) Slug() field { f.Class, f.MaxLength = "plain", 48; return f }

// Suggested lets the script suggest a slug while the name beside it is typed.
func (f field) Suggested() field { f.Suggest = true; return f }

// Typing asks to type text, which confirms what it names.
func (f field) Typing(text string) field {
	f.Label = f.F.T("typing.label", "text", text)
	f.Class = "plain"
	return f
}

// Plain keeps keyboards from correcting what is typed.
func (f field) Plain() field { f.Class = "plain"; return f }

// Graces makes the field a select of the days that members are given.
func (f field) Graces(selected string) field {
	var all []option
	for _, days := range graces {
		o := option{Value: days, Label: f.F.T("policy.now"), Selected: days == selected}
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			o.Label = f.F.N("policy.days", n)
		}
		all = append(all, o)
	}
	return f.Choices(all...)
}

// PlanName says the name of a plan of the reference catalogue, which a host may
// have others beside.
func (f *frame) PlanName(plan string) string {
	if key := "plan." + plan; f.Has(key) {
		return f.T(key)
	}
	return plan
}

// Projects makes the field a select of the host's projects.
func (f field) Projects(projects []ProjectOption, selected string) field {
	all := []option{{Label: f.F.T("org.project.none"), Selected: selected == ""}}
	for _, p := range projects {
		all = append(all, option{Value: p.ID, Label: p.Name, Selected: p.ID == selected})
	}
	return f.Choices(all...)
}

// Proven is somebody in a picture of what a plan gives.
type Proven struct {
	Name      string
	TwoFactor bool
}

// PolicyPicture is what a demand for two factors looks like, for those whose plan
// lacks it.
func (f *frame) PolicyPicture() []Proven {
	return []Proven{{"Ada Lovelace", true}, {"Grace Hopper", true}, {"Charles Babbage", false}}
}
