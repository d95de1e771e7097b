package pages

import (
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/fault"
)

// Page is what one response shows.
type Page struct {
	Now    time.Time
	Person *Person // nil: nobody is signed in
	View   View
}

// Person is who is signed in, as far as every page shows it.
type Person struct {
	Name      string
	Email     string
	AvatarURL string         // a path, or an address of this origin
	Locale    string         // BCP 47
	Zone      *time.Location // nil is UTC
	Limited   bool           // good for enrolling a second factor alone: no tabs
	Stale     bool           // sensitive actions ask for a proof first
	Orgs      []OrgLink      // by name
}

// View is one of the views of this package: [SignIn], [Profile] …
type View interface {
	spec() spec
}

// spec is what the frame around a view needs to know.
type spec struct {
	file  string // template, and the key prefix of title and lede
	title string // key, where it differs from <file>.title
	shell string // "settings" or "door"
	tab   string // the tab that is current
	token bool   // the address holds a secret
	wide  bool   // it is a table above all
	forms []scope
}

// scope is a form on a page: the prefix of its ids, and its fields, which the
// summary of errors can link to.
type scope struct {
	name   string
	form   Form
	fields []string
}

// Form is what came of the last attempt to send a form. The zero value is a
// form that has not been sent.
type Form struct {
	Errors     fault.Fields
	Code       string        // of a problem with the form as a whole, "invalid_credentials"
	RetryAfter time.Duration // when it may be tried again; zero: not said
}

// FormOf returns what err means for a form: rejected fields, or a problem code.
// An err without a code, which is an internal failure, gets "internal". nil
// gives the zero Form.
func FormOf(err error) Form {
	var fields fault.Fields
	switch {
	case err == nil:
		return Form{}
	case errors.As(err, &fields):
		return Form{Errors: fields}
	}
	code := fault.Code(err)
	if code == "" {
		code = "internal"
	}
	return Form{Code: code, RetryAfter: fault.RetryAfter(err)}
}

// failed reports whether the form was sent in vain, and so holds what was typed.
func (f Form) failed() bool { return len(f.Errors) > 0 || f.Code != "" }
