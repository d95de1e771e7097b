package pages

import "time"

// AcceptInvitation is /invitations/accept: what the holder of a link was invited
// to. It posts token there, or to /invitations/decline.
type AcceptInvitation struct {
	Form
	Token      string
	Org        string
	LogoURL    string
	Inviter    string
	Role       string
	Email      string // whom it is for
	ExpiresAt  time.Time
	HasAccount bool   // that address has one
	As         string // the address of who is signed in; "": nobody is
	Right      bool   // which is the one it is for
}

func (v AcceptInvitation) spec() spec {
	return spec{file: "invitation", shell: "door", token: true, forms: []scope{{"invitation", v.Form, nil}}}
}

// Invitations is /settings/invitations: those that wait for the person's address.
// It posts invitation to …/accept and …/decline.
type Invitations struct {
	Form
	Saved string // "declined" or ""
	Items []WaitingInvitation
	Open  []JoinableOrg
}

// JoinableOrg is an organization that the person's address opens. It posts org to
// …/join.
type JoinableOrg struct{ ID, Name, LogoURL, Role string }

// WaitingInvitation is a row.
type WaitingInvitation struct {
	ID        string
	Org       string
	LogoURL   string
	Inviter   string
	Role      string
	ExpiresAt time.Time
}

func (v Invitations) spec() spec {
	return spec{file: "invitations", shell: "settings", tab: "profile", forms: []scope{{"invitations", v.Form, nil}}}
}
