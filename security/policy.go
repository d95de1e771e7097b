package security

import (
	"maps"

	"github.com/aegisrunner/account-settings/audit"
)

// What this package can do. Routes name these constants, and the services check
// them.
const (
	PermSignIn         audit.Permission = "security.sign_in"
	PermSignOut        audit.Permission = "security.sign_out"
	PermReauthenticate audit.Permission = "security.reauthenticate"
	PermForgot         audit.Permission = "security.password.forgot"
	PermReset          audit.Permission = "security.password.reset"
	PermChangePassword audit.Permission = "security.password.change"
	PermFirstPassword  audit.Permission = "security.password.first"
	PermListSessions   audit.Permission = "security.sessions.list"
	PermRevokeSessions audit.Permission = "security.sessions.revoke"
)

// Signing out and revoking never ask for a fresh proof: nobody must be kept from
// closing a door.
var policy = audit.Policy{
	PermSignIn:         {},
	PermSignOut:        {SignedIn: true},
	PermReauthenticate: {SignedIn: true},
	PermForgot:         {},
	PermReset:          {},               // the link is the proof
	PermChangePassword: {SignedIn: true}, // the current password is the proof
	PermFirstPassword:  {SignedIn: true, StepUp: true},
	PermListSessions:   {SignedIn: true},
	PermRevokeSessions: {SignedIn: true},
}

// Policy returns what each permission of this package needs.
func Policy() audit.Policy { return maps.Clone(policy) }

// The actions of this package, as the audit log names them. Never renamed.
const (
	ActionSignedIn        audit.Action = "security.signed_in"
	ActionSignedOut       audit.Action = "security.signed_out"
	ActionReauthenticated audit.Action = "security.reauthenticated"
	ActionResetRequested  audit.Action = "security.password_reset_requested"
	ActionPasswordReset   audit.Action = "security.password_reset"
	ActionPasswordChanged audit.Action = "security.password_changed"
	ActionPasswordSet     audit.Action = "security.password_set"
	ActionPasswordVoided  audit.Action = "security.password_voided"
	ActionSessionRevoked  audit.Action = "security.session_revoked"
	ActionSessionsRevoked audit.Action = "security.sessions_revoked"
)
