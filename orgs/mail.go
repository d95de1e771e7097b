package orgs

import "time"

// The letters of this package. Tokens in them are live secrets: they go into a
// link and nowhere else. Names were chosen by others: whoever writes a letter
// takes links out of them.

// InvitationLetter asks somebody to join.
type InvitationLetter struct {
	Token     string    `json:"token"`
	Org       string    `json:"org"`
	LogoKey   string    `json:"logo_key,omitempty"` // "": it has uploaded none
	Inviter   string    `json:"inviter"`
	Role      Role      `json:"role"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Kind implements [mail.Letter].
func (InvitationLetter) Kind() string { return "orgs.invitation" }

// RoleChangedLetter tells a member of another role.
type RoleChangedLetter struct {
	Org  string    `json:"org"`
	Role Role      `json:"role"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Kind implements [mail.Letter].
func (RoleChangedLetter) Kind() string { return "orgs.role_changed" }

// MemberRemovedLetter tells somebody that the membership has ended.
type MemberRemovedLetter struct {
	Org string    `json:"org"`
	By  string    `json:"by"`
	At  time.Time `json:"at"`
}

// Kind implements [mail.Letter].
func (MemberRemovedLetter) Kind() string { return "orgs.member_removed" }

// OwnershipLetter goes to both when ownership was handed over.
type OwnershipLetter struct {
	Org    string    `json:"org"`
	Other  string    `json:"other"`  // the former Owner, or the new one
	Became bool      `json:"became"` // the reader is the new one
	At     time.Time `json:"at"`
}

// Kind implements [mail.Letter].
func (OwnershipLetter) Kind() string { return "orgs.ownership" }

// OrgDeletedLetter tells the Owner until when it can be restored.
type OrgDeletedLetter struct {
	Org     string    `json:"org"`
	Slug    string    `json:"slug"`
	At      time.Time `json:"at"`
	PurgeAt time.Time `json:"purge_at"`
}

// Kind implements [mail.Letter].
func (OrgDeletedLetter) Kind() string { return "orgs.deleted" }

// SecondFactorLetter tells a member without a second factor from when on the
// organization asks for one.
type SecondFactorLetter struct {
	Org   string    `json:"org"`
	Until time.Time `json:"until"`
	Again bool      `json:"again,omitempty"` // the reader was told before
}

// Kind implements [mail.Letter].
func (SecondFactorLetter) Kind() string { return "orgs.second_factor_required" }
