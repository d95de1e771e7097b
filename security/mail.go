package security

import "time"

// The letters of this package. Tokens in them are live secrets: they go into a
// link and nowhere else.

// ResetLetter holds the link to set a new password.
type ResetLetter struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Device    Device    `json:"device"` // who asked
}

// Kind implements [mail.Letter].
func (ResetLetter) Kind() string { return "security.reset" }

// PasswordChangedLetter tells the person that the password is another one.
type PasswordChangedLetter struct {
	At     time.Time `json:"at"`
	First  bool      `json:"first"`   // there was none before
	ByLink bool      `json:"by_link"` // by a mailed link, not from the settings
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (PasswordChangedLetter) Kind() string { return "security.password_changed" }

// Device is where a request came from, as far as the person can recognise it.
type Device struct {
	Browser string `json:"browser,omitempty"`
	OS      string `json:"os,omitempty"`
	IP      string `json:"ip,omitempty"`
}
