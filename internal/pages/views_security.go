package pages

import (
	"html/template"
	"strconv"
	"strings"
	"time"
)

// Security is /settings/security.
type Security struct {
	Saved     string // "password", "two-factor", "passkeys", "sessions" or ""
	Password  PasswordCard
	TwoFactor TwoFactorCard
	Passkeys  PasskeysCard
	Sessions  SessionsCard
	History   HistoryCard
}

// PasswordCard posts current_password and password to
// /settings/security/password.
type PasswordCard struct {
	Form
	Has       bool // false: the form sets a first one
	ChangedAt time.Time
}

// TwoFactorCard posts nothing to /settings/security/two-factor/start, nor to
// /settings/security/backup-codes.
type TwoFactorCard struct {
	Form
	On         bool
	EnabledAt  time.Time
	LastUsedAt time.Time // zero: never
	CodesLeft  int
	Asking     bool // whether to make new backup codes, which voids the old
}

// PasskeysCard posts nothing to /settings/security/passkeys/begin, and credential
// and name to …/add.
type PasskeysCard struct {
	Form
	Off    bool // the host has none
	Items  []Passkey
	Adding *AddPasskey // nil: not under way
}

// AddPasskey is a passkey that is about to be made.
type AddPasskey struct {
	Form
	Name    string
	Options string // for navigator.credentials.create, in JSON
}

// Passkey is a row. It posts passkey and name to …/rename, and passkey to
// …/remove.
type Passkey struct {
	Form
	ID         string
	Name       string
	Typed      string // with Do "rename": what the field holds
	AddedAt    time.Time
	LastUsedAt time.Time // zero: never
	Synced     bool
	Do         string // "rename", "remove" or "": what the row asks for
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

// HistoryCard is what has happened to the account, the newest first.
type HistoryCard struct {
	Items      []Event
	NextCursor string // "" on the last page
	Later      bool   // this is not the first page
}

// Event is a row.
type Event struct {
	At      time.Time
	Action  string            // as the audit log names it
	Refused bool              // it was tried in vain
	Reason  string            // of the refusal
	Values  map[string]string // that the sentence may name
	Browser string
	OS      string
	IP      string
	Place   string
}

func (v Security) spec() spec {
	forms := []scope{
		{"password", v.Password.Form, []string{"current_password", "password"}},
		{"two-factor", v.TwoFactor.Form, nil},
	}
	return spec{file: "security", shell: "settings", tab: "security",
		forms: append(append(forms, v.Passkeys.scopes()...), scope{"sessions", v.Sessions.Form, nil})}
}

func (c PasskeysCard) scopes() []scope {
	out := []scope{{"passkeys", c.Form, nil}}
	if c.Adding != nil {
		out = append(out, scope{"passkey-new", c.Adding.Form, []string{"name"}})
	}
	for i, k := range c.Items {
		out = append(out, scope{passkeyScope(i), k.Form, []string{"name"}})
	}
	return out
}

func passkeyScope(i int) string { return "passkey-" + strconv.Itoa(i) }

// SetUp shows the secret for an authenticator app, and asks for a code from it.
// It posts setup and code to /settings/security/two-factor/confirm.
type SetUp struct {
	Form
	Sealed string        // the secret, for the next time this page is shown
	Secret string        // in base 32
	QR     template.HTML // one <svg>
}

func (v SetUp) spec() spec {
	return spec{file: "two-factor", shell: "settings", tab: "security", forms: []scope{{"setup", v.Form, []string{"code"}}}}
}

// Groups returns the secret in groups of four, as one types it.
func (v SetUp) Groups() string {
	var b strings.Builder
	for i, r := range v.Secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// BackupCodes shows the codes, once. It posts codes to
// /settings/security/backup-codes/download.
type BackupCodes struct {
	Codes   []string
	Sealed  string
	Enabled bool // two-factor has just been turned on
}

func (v BackupCodes) spec() spec {
	s := spec{file: "backup-codes", shell: "settings", tab: "security"}
	if v.Enabled {
		s.title = "backup-codes.enabled"
	}
	return s
}

// Text returns the codes as a file.
func (v BackupCodes) Text() string { return strings.Join(v.Codes, "\n") }

// TurnOff asks for what turning two-factor off needs. It posts password and code
// to /settings/security/two-factor/disable.
type TurnOff struct {
	Form
	Password bool // asked for
	Code     bool // asked for
}

func (v TurnOff) spec() spec {
	return spec{file: "two-factor-off", shell: "settings", tab: "security", forms: []scope{{"off", v.Form, []string{"password", "code"}}}}
}

// Enroll is the one page of somebody who must have a second factor and has none.
type Enroll struct {
	Passkeys PasskeysCard
}

func (v Enroll) spec() spec {
	return spec{file: "enroll", shell: "settings", tab: "security", forms: v.Passkeys.scopes()}
}
