package pages

import (
	"html/template"
	"time"
)

// Profile is /settings/profile.
type Profile struct {
	Saved   string // the card that was saved: "picture", "about", "email" or ""
	Picture PictureCard
	About   AboutCard
	Email   EmailCard
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
	}}
}

// Security is /settings/security.
type Security struct {
	Saved    string // "password", "sessions" or ""
	Password PasswordCard
	Sessions SessionsCard
}

// PasswordCard posts current_password and password to
// /settings/security/password.
type PasswordCard struct {
	Form
	Has       bool // false: the form sets a first one
	ChangedAt time.Time
}

// SessionsCard posts session to /settings/security/sessions/revoke, and nothing
// to …/revoke-others and …/revoke-all.
type SessionsCard struct {
	Form
	Items      []Session // the current one first
	NextCursor string    // "" on the last page
	Later      bool      // this is not the first page
}

// Session is a row.
type Session struct {
	ID         string
	Current    bool
	Browser    string
	OS         string
	Kind       string // "desktop", "phone", "tablet", "bot" or ""
	IP         string
	Place      string // "" where it is not known
	SignedInAt time.Time
	LastUsedAt time.Time
}

func (v Security) spec() spec {
	return spec{file: "security", shell: "settings", tab: "security", forms: []scope{
		{"password", v.Password.Form, []string{"current_password", "password"}},
		{"sessions", v.Sessions.Form, nil},
	}}
}

// Custom is a page of the host inside the settings. The host answers for
// Content, which is not escaped.
type Custom struct {
	Tab     string // ID of one of Config.Tabs
	Title   string
	Lede    string
	Content template.HTML
}

func (v Custom) spec() spec { return spec{file: "custom", shell: "settings", tab: v.Tab} }
