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
	Place   string `json:"place,omitempty"` // "Pune, India"; "" where it is not known
}

// NewDeviceLetter tells of a sign-in from where there was none before, and holds
// the "this wasn't me" link.
type NewDeviceLetter struct {
	Token      string    `json:"token"`
	At         time.Time `json:"at"`
	ExpiresAt  time.Time `json:"expires_at"`  // of the link
	NewCountry bool      `json:"new_country"` // a known device, in a country that is new
	Device     Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (NewDeviceLetter) Kind() string { return "security.new_device" }

// TwoFactorOnLetter tells that two-factor is on.
type TwoFactorOnLetter struct {
	At     time.Time `json:"at"`
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (TwoFactorOnLetter) Kind() string { return "security.two_factor_on" }

// TwoFactorOffLetter tells that it is off.
type TwoFactorOffLetter struct {
	At     time.Time `json:"at"`
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (TwoFactorOffLetter) Kind() string { return "security.two_factor_off" }

// TOTPSuspendedLetter tells that somebody tried many codes, and that none from
// the app is accepted for a while. Backup codes and passkeys are.
type TOTPSuspendedLetter struct {
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
	Failures int       `json:"failures"`
}

// Kind implements [mail.Letter].
func (TOTPSuspendedLetter) Kind() string { return "security.totp_suspended" }

// BackupCodeUsedLetter tells that a backup code was used, and how many are left.
type BackupCodeUsedLetter struct {
	At     time.Time `json:"at"`
	Left   int       `json:"left"`
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (BackupCodeUsedLetter) Kind() string { return "security.backup_code_used" }

// BackupCodesRenewedLetter tells that all earlier backup codes are void.
type BackupCodesRenewedLetter struct {
	At     time.Time `json:"at"`
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (BackupCodesRenewedLetter) Kind() string { return "security.backup_codes_renewed" }

// PasskeyLetter tells that a passkey was added or removed.
type PasskeyLetter struct {
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
	Removed bool      `json:"removed"`
	Device  Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (PasskeyLetter) Kind() string { return "security.passkey" }

// PasskeyClonedLetter tells that a passkey was refused, because another device
// seems to hold a copy of it.
type PasskeyClonedLetter struct {
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Device Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (PasskeyClonedLetter) Kind() string { return "security.passkey_cloned" }

// EmailCodeLetter holds a code for proving who one is while signed in.
type EmailCodeLetter struct {
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expires_at"`
	Device    Device    `json:"device"`
}

// Kind implements [mail.Letter].
func (EmailCodeLetter) Kind() string { return "security.email_code" }
