package pages

import (
	"net/url"
	"strings"
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
	tabs := []tab{{f.OrgURL(o.Slug, "general"), f.Icon("building"), f.T("org-general.title"), f.spec.tab == "org-general"}}
	if o.Team {
		tabs = append(tabs, tab{f.OrgURL(o.Slug, "team"), f.Icon("people"), f.T("org-team.title"), f.spec.tab == "org-team"})
	}
	return tabs
}

// orgLabel is an organization with the role of the person in it.
type orgLabel struct{ Letter, Name, Role string }

// OrgLabel returns what the switcher shows of an organization.
func (f *frame) OrgLabel(o OrgLink) orgLabel {
	return orgLabel{f.Letter(o.Name), o.Name, f.Role(o.Role)}
}

// AcceptURL returns the address of the page of an invitation.
func (f *frame) AcceptURL(token string) string {
	return f.URL("/invitations/accept") + "?" + url.Values{"token": {token}}.Encode()
}

// SignInFor returns the address of the sign-in page that leads on to next.
func (f *frame) SignInFor(next string) string {
	return f.URL("/sign-in") + "?" + url.Values{"next": {next}}.Encode()
}

// Letter returns what stands for a name without a picture.
func (f *frame) Letter(name string) string {
	for _, r := range strings.TrimSpace(name) {
		return strings.ToUpper(string(r))
	}
	return ""
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

// Projects makes the field a select of the host's projects.
func (f field) Projects(projects []ProjectOption, selected string) field {
	all := []option{{Label: f.F.T("org.project.none"), Selected: selected == ""}}
	for _, p := range projects {
		all = append(all, option{Value: p.ID, Label: p.Name, Selected: p.ID == selected})
	}
	return f.Choices(all...)
}
