package pages

import "time"

// SignIn is the page that asks for address and password. It posts email,
// password and next to /sign-in.
type SignIn struct {
	Form
	Email  string // what was typed
	Next   string // where to go after; a path that the caller has checked
	Notice string // "signed_out", "signed_out_everywhere", "password_set", "expired", "code_expired", "code_tries" or ""
}

func (v SignIn) spec() spec {
	return spec{file: "sign-in", shell: "door", forms: []scope{{"sign-in", v.Form, []string{"email", "password"}}}}
}

// SignUp asks for an address alone. It posts email to /sign-up.
type SignUp struct {
	Form
	Email string
}

func (v SignUp) spec() spec {
	return spec{file: "sign-up", shell: "door", forms: []scope{{"sign-up", v.Form, []string{"email"}}}}
}

// CheckMail says that a letter is on its way. It is the same for each address,
// whether or not there is an account.
type CheckMail struct {
	For   string        // "sign_up" or "reset"
	Lasts time.Duration // how long the link is good
}

func (v CheckMail) spec() spec { return spec{file: "check-mail", shell: "door"} }

// CompleteSignUp finishes signing up. It posts token, name, password, timezone
// and locale to /sign-up/complete.
type CompleteSignUp struct {
	Form
	Token    string
	Email    string // that the link was sent to
	Org      string // that is joined thereby; "": none
	Name     string
	Timezone string // "" lets the browser say it
	Locale   string // "" is that of the page
}

func (v CompleteSignUp) spec() spec {
	return spec{file: "sign-up-complete", shell: "door", token: true,
		forms: []scope{{"complete", v.Form, []string{"name", "password", "timezone", "locale"}}}}
}

// ForgotPassword asks which address to send a link to. It posts email to
// /forgot-password.
type ForgotPassword struct {
	Form
	Email string
}

func (v ForgotPassword) spec() spec {
	return spec{file: "forgot-password", shell: "door", forms: []scope{{"forgot", v.Form, []string{"email"}}}}
}

// ResetPassword asks for a new password. It posts token and password to
// /reset-password.
type ResetPassword struct {
	Form
	Token string
	Email string // whose password; "" where that is not known
}

func (v ResetPassword) spec() spec {
	return spec{file: "reset-password", shell: "door", token: true, forms: []scope{{"reset", v.Form, []string{"password"}}}}
}

// ConfirmEmail asks to confirm a new address. It posts token to /confirm-email.
type ConfirmEmail struct {
	Form
	Token    string
	OldEmail string
	NewEmail string
}

func (v ConfirmEmail) spec() spec {
	return spec{file: "confirm-email", shell: "door", token: true, forms: []scope{{"confirm", v.Form, nil}}}
}

// UndoEmail says what undoing will do and asks to do it. It posts token to
// /undo-email.
type UndoEmail struct {
	Form
	Token     string
	OldEmail  string
	NewEmail  string
	Confirmed bool // the change has happened: it is undone, not only canceled
}

func (v UndoEmail) spec() spec {
	s := spec{file: "undo-email", title: "undo-email.cancel.title", shell: "door", token: true, forms: []scope{{"undo", v.Form, nil}}}
	if v.Confirmed {
		s.title = "undo-email.restore.title"
	}
	return s
}

// SecondFactor asks for the second factor of a sign-in that is half finished. It
// posts method, code and next to /second-factor, or credential and next to
// /second-factor/passkey.
type SecondFactor struct {
	Form
	Method  string // that is asked for: "totp" or "backup_code"
	Passkey bool   // the person has one
	Next    string
}

func (v SecondFactor) spec() spec {
	return spec{file: "second-factor", shell: "door", forms: []scope{{"second", v.Form, []string{"code"}}}}
}

// Other returns the kind of code that is not asked for.
func (v SecondFactor) Other() string {
	if v.Method == "totp" {
		return "backup_code"
	}
	return "totp"
}

// Reauthenticate asks for a fresh proof before an action goes on. It posts
// continue, method and what that method needs to /reauthenticate: password,
// code, or credential. With switch it asks for another method, and with send for
// a mailed code.
type Reauthenticate struct {
	Form
	Continue string   // sealed; opaque here
	Waiting  string   // the action that waits: "email_change", "first_password"; "" says nothing
	Detail   string   // what the action is about, such as the new address
	Back     string   // path of the page it came from
	Method   string   // that is asked for: "password", "totp", "backup_code", "passkey" or "email_code"
	Others   []string // that would do too
	Sent     bool     // with email_code: a code is on its way
}

func (v Reauthenticate) spec() spec {
	return spec{file: "reauthenticate", shell: "door", forms: []scope{{"proof", v.Form, []string{"password", "code"}}}}
}

// NotMe says what will happen when a sign-in was somebody else's, and asks to do
// it. It posts token to /not-me.
type NotMe struct {
	Form
	Token string
}

func (v NotMe) spec() spec {
	return spec{file: "not-me", shell: "door", token: true, forms: []scope{{"not-me", v.Form, nil}}}
}

// Restore offers somebody whose account is deleted to restore it. It posts nothing
// to /restore.
type Restore struct {
	Form
	Email string
	Until time.Time
}

func (v Restore) spec() spec {
	return spec{file: "restore", shell: "door", forms: []scope{{"restore", v.Form, nil}}}
}

// Outcome says what a link or a button has done.
type Outcome struct {
	Kind  string // "signed_out", "email_confirmed", "email_canceled", "email_restored" or "not_me"
	Email string // the address that holds now
}

func (v Outcome) spec() spec {
	return spec{file: "outcome", title: "outcome." + v.Kind + ".title", shell: "door"}
}

// LinkGone is the page for a link that is unknown, spent, expired or superseded.
type LinkGone struct {
	For string // "sign_up", "reset", "email_confirm", "email_undo", "not_me" or ""
}

func (v LinkGone) spec() spec { return spec{file: "link-gone", shell: "door"} }

// Failure is the page of an error.
type Failure struct {
	Status     int    // of HTTP: 403, 404, 429, 500, 503 …
	Code       string // of the problem; "" says what the status says
	RequestID  string
	RetryAfter time.Duration
}

func (v Failure) spec() spec {
	return spec{file: "failure", title: "failure." + v.kind() + ".title", shell: "door"}
}

// kind groups what a person needs to be told in the same way.
func (v Failure) kind() string {
	switch v.Status {
	case 403:
		if v.Code == "cross_origin" {
			return "cross_origin"
		}
		return "403"
	case 404, 405:
		return "404"
	case 413:
		return "413"
	case 429:
		return "429"
	case 503:
		return "503"
	}
	if v.Status >= 400 && v.Status < 500 {
		return "400"
	}
	return "500"
}
