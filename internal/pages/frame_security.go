package pages

import (
	"strings"
	"time"
)

// SessionName returns "Chrome on macOS", or as much of it as is known.
func (f *frame) SessionName(s Session) string {
	switch {
	case s.Browser != "" && s.OS != "":
		return f.T("sessions.device", "browser", s.Browser, "os", s.OS)
	case s.Browser+s.OS != "":
		return s.Browser + s.OS
	}
	return f.T("sessions.unknown")
}

// SessionIcon returns the address of the symbol of a kind of device.
func (f *frame) SessionIcon(s Session) string {
	switch s.Kind {
	case "desktop", "phone", "tablet":
		return f.Icon(s.Kind)
	case "bot":
		return f.Icon("terminal")
	}
	return f.Icon("globe")
}

// activeNow is how long after its last use a session counts as in use. It is
// longer than the time between two notes of a use.
const activeNow = 2 * time.Minute

// Active reports whether a session is in use.
func (f *frame) Active(s Session) bool {
	return s.Current || f.Now.Sub(s.LastUsedAt) < activeNow
}

// Others reports whether the list holds more than this session.
func (f *frame) Others(c SessionsCard) bool {
	return c.Later || c.NextCursor != "" || len(c.Items) > 1
}

// Stale reports whether a sensitive action asks for a proof first, which the
// script then does in place.
func (f *frame) Stale() bool { return f.Person != nil && f.Person.Stale }

// Device returns what an event came from, as SessionName does, or "".
func (f *frame) Device(e Event) string {
	if e.Browser+e.OS == "" {
		return ""
	}
	return f.SessionName(Session{Browser: e.Browser, OS: e.OS})
}

// Sentence says what happened: "Password changed", "Sign-in refused: wrong
// password".
func (f *frame) Sentence(e Event) string {
	key, args := eventKey(e.Action, e.Refused), []any{}
	for name, value := range e.Values {
		if name == "role" {
			value = f.Role(value)
		}
		args = append(args, name, value)
	}
	if !e.Refused {
		if named := key + ".named"; e.Values["name"] != "" && f.Has(named) {
			key = named
		}
		return f.T(key, args...)
	}
	if !f.Has(key) {
		key = "event.refused"
	}
	reason := "event.reason." + e.Reason
	if !f.Has(reason) {
		reason = "event.reason.other"
	}
	return f.T(key, append(args, "reason", f.T(reason))...)
}

// Role says a role, and one that is not known as it is.
func (f *frame) Role(role string) string {
	if key := "role." + role; f.Has(key) {
		return f.T(key)
	}
	return role
}

// eventKey returns the catalogue's key of an action.
func eventKey(action string, refused bool) string {
	key := "event." + action
	if refused {
		key += ".refused"
	}
	return key
}

// passkeyForm is a form that asks the browser for a passkey.
type passkeyForm struct {
	F       *frame
	Purpose string // "sign_in", "second_factor" or "reauthenticate"
	Action  string
	API     string      // where the options come from
	Values  [][2]string // that go with the answer
	Primary bool        // it is the one thing to do
	Or      bool        // something else to do stands above
}

// AskPasskey returns a form for a purpose, or nil where there are no passkeys.
// values are pairs of a hidden field's name and its value.
func (f *frame) AskPasskey(purpose, path string, values ...string) *passkeyForm {
	if f.r.cfg.API == "" {
		return nil
	}
	out := &passkeyForm{
		F: f, Purpose: purpose, Action: f.URL(path), Or: true,
		API: strings.TrimSuffix(f.r.cfg.API, "/") + "/auth/passkey/options",
	}
	for i := 0; i+1 < len(values); i += 2 {
		if values[i+1] != "" {
			out.Values = append(out.Values, [2]string{values[i], values[i+1]})
		}
	}
	return out
}

// Alone makes the form the one thing to do.
func (p passkeyForm) Alone() *passkeyForm {
	p.Primary, p.Or = true, false
	return &p
}

// newPasskey is what the form for a new passkey needs.
type newPasskey struct {
	F   *frame
	Add *AddPasskey
}

// NewPasskey returns what the form for a new passkey needs.
func (f *frame) NewPasskey(a *AddPasskey) newPasskey { return newPasskey{f, a} }

// PasskeyScope returns the prefix of the ids of a row.
func (f *frame) PasskeyScope(i int) string { return passkeyScope(i) }

// FewCodes reports whether backup codes are about to run out.
func (c TwoFactorCard) FewCodes() bool { return c.CodesLeft <= 2 }
