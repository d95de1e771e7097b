package pages

import (
	"html/template"
	"time"
)

// Profile is /settings/profile.
type Profile struct {
	// Saved is the card that was saved: "picture", "about", "email", "deleted-orgs",
	// "left", "restored" or "". "export-open" says that the export can be downloaded now,
	// "export-gone" that it cannot any more.
	Saved   string
	Picture PictureCard
	About   AboutCard
	Email   EmailCard
	Orgs    ProfileOrgsCard
	Export  ExportCard
	Delete  AccountDeleteCard
}

// ExportCard posts nothing to /settings/profile/export, and export, which is ID, to
// /settings/profile/export/download.
type ExportCard struct {
	Form
	State     string // "running", "ready", "failed"; "": there is none
	ID        string
	Done      int // parts
	Total     int
	Records   int
	Size      int64     // in bytes, of one that is ready
	ExpiresAt time.Time // likewise
}

// Percent returns how far an export has come, for the bar's own text.
func (c ExportCard) Percent() int { return 100 * c.Done / max(1, c.Total) }

// ProfileOrgsCard offers to found the first organization, and to restore deleted
// ones.
type ProfileOrgsCard struct {
	Form
	Offer   bool // there is none yet
	Waiting int  // invitations for the person's address
	Open    int  // organizations that it opens
	Deleted []DeletedOrg
}

// PictureCard posts the file picture (multipart) to /settings/profile/picture,
// and nothing to /settings/profile/picture/remove.
type PictureCard struct {
	Form
	URL      string // at its largest
	Uploaded bool   // false: drawn from the initials
}

// AboutCard posts name, timezone and locale to /settings/profile/about.
type AboutCard struct {
	Form
	Name     string
	Timezone string
	Locale   string
}

// EmailCard posts email to /settings/profile/email, and nothing to
// /settings/profile/email/cancel.
type EmailCard struct {
	Form
	Email   string // the present one
	Typed   string // what was typed and refused; "" shows Email
	Pending *PendingEmail
}

// PendingEmail is a change of address that waits for its link to be opened.
type PendingEmail struct {
	Email     string
	ExpiresAt time.Time
}

func (v Profile) spec() spec {
	return spec{file: "profile", shell: "settings", tab: "profile", forms: []scope{
		{"picture", v.Picture.Form, []string{"picture"}},
		{"about", v.About.Form, []string{"name", "timezone", "locale"}},
		{"email", v.Email.Form, []string{"email"}},
		{"deleted-orgs", v.Orgs.Form, nil},
		{"export", v.Export.Form, nil},
		{"account-delete", v.Delete.Form, []string{"confirm"}},
	}}
}

// AccountDeleteCard posts confirm to /settings/profile/delete.
type AccountDeleteCard struct {
	Form
	Email   string // to be typed
	Typed   string
	PurgeAt time.Time
	Owned   []OwnedOrg // to be handed over or deleted first
}

// OwnedOrg is an organization that keeps its Owner from deleting the account.
type OwnedOrg struct{ Slug, Name string }

// Custom is a page of the host inside the settings. The host answers for
// Content, which is not escaped.
type Custom struct {
	Tab     string // ID of one of Config.Tabs
	Title   string
	Lede    string
	Content template.HTML
}

func (v Custom) spec() spec { return spec{file: "custom", shell: "settings", tab: v.Tab} }
