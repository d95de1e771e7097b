package accounts

import "time"

// The letters of this package. Tokens in them are live secrets: they go into a
// link and nowhere else.

// SignUpLetter proves the address of somebody who wants an account.
type SignUpLetter struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Kind implements [mail.Letter].
func (SignUpLetter) Kind() string { return "account.sign_up" }

// AccountExistsLetter tells somebody who has an account that it was asked for
// again. It holds no token: only the plain address of the sign-in page.
type AccountExistsLetter struct{}

// Kind implements [mail.Letter].
func (AccountExistsLetter) Kind() string { return "account.exists" }

// EmailInUseLetter tells the holder of an address that another account asked to
// change to it. Nothing came of it.
type EmailInUseLetter struct{}

// Kind implements [mail.Letter].
func (EmailInUseLetter) Kind() string { return "account.email_in_use" }

// ConfirmEmailLetter goes to the new address.
type ConfirmEmailLetter struct {
	Token     string    `json:"token"`
	OldEmail  string    `json:"old_email"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Kind implements [mail.Letter].
func (ConfirmEmailLetter) Kind() string { return "account.confirm_email" }

// EmailChangeRequestedLetter goes to the old address at once. Its link cancels
// the change, or undoes it for 7 days after.
type EmailChangeRequestedLetter struct {
	UndoToken string    `json:"undo_token"`
	NewEmail  string    `json:"new_email"`
	At        time.Time `json:"at"`
	Device    Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (EmailChangeRequestedLetter) Kind() string { return "account.email_change_requested" }

// EmailChangedLetter goes to the old address when the change has happened.
type EmailChangedLetter struct {
	UndoToken string    `json:"undo_token"`
	NewEmail  string    `json:"new_email"`
	At        time.Time `json:"at"`
	UndoUntil time.Time `json:"undo_until"`
}

// Kind implements [mail.Letter].
func (EmailChangedLetter) Kind() string { return "account.email_changed" }

// EmailRestoredLetter goes to the old address when the change was undone, and
// says that a link to set a new password follows.
type EmailRestoredLetter struct {
	At time.Time `json:"at"`
}

// Kind implements [mail.Letter].
func (EmailRestoredLetter) Kind() string { return "account.email_restored" }

// ExportReadyLetter says that the person's data can be downloaded. It holds no
// token: the page it leads to is behind the sign-in.
type ExportReadyLetter struct {
	Size      int64     `json:"size"` // in bytes
	ExpiresAt time.Time `json:"expires_at"`
}

// Kind implements [mail.Letter].
func (ExportReadyLetter) Kind() string { return "account.export_ready" }

// AccountDeletedLetter confirms that an account was deleted, and says until when it
// can be restored. It holds no token: signing in leads to where that is done.
type AccountDeletedLetter struct {
	At      time.Time `json:"at"`
	PurgeAt time.Time `json:"purge_at"`
	Device  Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (AccountDeletedLetter) Kind() string { return "account.deleted" }

// AccountRestoredLetter confirms that an account is back.
type AccountRestoredLetter struct {
	At      time.Time `json:"at"`
	Support bool      `json:"support"` // the host's staff did it
	Device  Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (AccountRestoredLetter) Kind() string { return "account.restored" }

// Device is where a request came from, as far as the person can recognise it.
type Device struct {
	Browser string `json:"browser,omitempty"`
	OS      string `json:"os,omitempty"`
	IP      string `json:"ip,omitempty"`
}
