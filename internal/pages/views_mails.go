package pages

// EmailPreferences is /settings/email. It posts the names of the mails that are to
// be on to /settings/email/save.
type EmailPreferences struct {
	Form
	Saved bool
	Items []MailPreference
}

// MailPreference is a kind of mail that may be switched off.
type MailPreference struct {
	Name    string // of the category
	Enabled bool
	Locked  bool // the plan decides
}

func (v EmailPreferences) spec() spec {
	return spec{file: "email-preferences", shell: "settings", tab: "email", forms: []scope{{"preferences", v.Form, nil}}}
}

// Unsubscribe asks whether a kind of mail is to be switched off, or says that it is.
// It posts token to /unsubscribe.
type Unsubscribe struct {
	Token    string
	Category string
	Done     bool
}

func (v Unsubscribe) spec() spec {
	s := spec{file: "unsubscribe", shell: "door", token: true}
	if v.Done {
		s.title = "unsubscribe.done.title"
	}
	return s
}
