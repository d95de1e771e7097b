package pages

import "time"

// OrgLink is an organization of the person, as the menu shows it.
type OrgLink struct {
	Slug    string
	Name    string
	LogoURL string // a path, or an address of this origin
	Role    string // "owner", "admin", "member" or "viewer"
	Team    bool   // the person may see who was invited, and change roles
	Domains bool   // they may prove domains
	Policy  bool   // they may see what it asks of its members
	Audit   bool   // they may read its audit log
	Current bool   // it is the one that the page is about
}

// DeletedOrg is an organization that its Owner can still restore. It posts org to
// /settings/profile/orgs/restore.
type DeletedOrg struct {
	ID        string
	Name      string
	DeletedAt time.Time
	PurgeAt   time.Time
}

// NewOrg is /orgs/new. It posts name and slug there.
type NewOrg struct {
	Form
	Name string
	Slug string // "": made from the name
}

func (v NewOrg) spec() spec {
	return spec{file: "org-new", shell: "settings", tab: "org-new", forms: []scope{{"new-org", v.Form, []string{"name", "slug"}}}}
}

// OrgGeneral is /settings/orgs/{slug}/general.
type OrgGeneral struct {
	Saved  string // "about", "logo", "created", "restored", "joined" or ""
	Slug   string
	Name   string
	Edit   bool // they may change it
	Logo   OrgLogoCard
	About  OrgAboutCard
	People OrgPeopleCard
	Delete *OrgDeleteCard // nil: they may not

	// Landing is the project where who has just joined goes on; nil: none that the
	// host shows.
	Landing *ProjectOption
}

// OrgLogoCard posts the file picture (multipart) to …/general/logo, and nothing to
// …/general/logo/remove.
type OrgLogoCard struct {
	Form
	URL      string // at its largest
	Uploaded bool   // false: drawn from the initials
}

// OrgAboutCard posts name, slug and project to …/general/about.
type OrgAboutCard struct {
	Form
	Name     string
	Slug     string
	Project  string // the default one; "": none
	Projects []ProjectOption
}

// ProjectOption is one of the host's projects.
type ProjectOption struct {
	ID, Name string
	URL      string // of the host's page; "": there is none
}

// OrgPeopleCard posts nothing to …/general/leave.
type OrgPeopleCard struct {
	Form
	Items   []OrgPerson
	Next    string // cursor; "" on the last page
	At      string // cursor of this page; "" on the first
	Leaving bool   // whether to leave is being asked
	Stays   bool   // the person is the Owner, and cannot leave
}

// OrgPerson is a row.
type OrgPerson struct {
	Name      string
	AvatarURL string
	Role      string
	Me        bool
	JoinedAt  time.Time
}

// OrgDeleteCard posts confirm to …/general/delete.
type OrgDeleteCard struct {
	Form
	Typed string
}

func (v OrgGeneral) spec() spec {
	forms := []scope{{"logo", v.Logo.Form, []string{"picture"}}, {"org-about", v.About.Form, []string{"name", "slug", "project"}}, {"people", v.People.Form, nil}}
	if v.Delete != nil {
		forms = append(forms, scope{"org-delete", v.Delete.Form, []string{"confirm"}})
	}
	return spec{file: "org-general", shell: "settings", tab: "org-general", forms: forms}
}
