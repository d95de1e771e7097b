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
	PermNotMe          audit.Permission = "security.not_me"
	PermViewFactors    audit.Permission = "security.second_factor.view"
	PermTOTPEnroll     audit.Permission = "security.totp.enroll"
	PermTOTPDisable    audit.Permission = "security.totp.disable"
	PermBackupCodes    audit.Permission = "security.backup_codes.renew"
	PermPasskeyList    audit.Permission = "security.passkeys.list"
	PermPasskeyAdd     audit.Permission = "security.passkeys.add"
	PermPasskeyRename  audit.Permission = "security.passkeys.rename"
	PermPasskeyRemove  audit.Permission = "security.passkeys.remove"
	PermHistory        audit.Permission = "security.history"
)

// Signing out and revoking never ask for a fresh proof: nobody must be kept from
// closing a door.
var policy = audit.Policy{
	PermSignIn:         {},
	PermSignOut:        {SignedIn: true, Enrollment: true, Restoring: true},
	PermReauthenticate: {SignedIn: true, Enrollment: true},
	PermForgot:         {},
	PermReset:          {},               // the link is the proof
	PermChangePassword: {SignedIn: true}, // the current password is the proof
	PermFirstPassword:  {SignedIn: true, StepUp: true},
	PermListSessions:   {SignedIn: true, Enrollment: true},
	PermRevokeSessions: {SignedIn: true, Enrollment: true},
	PermNotMe:          {}, // the link is the proof
	PermViewFactors:    {SignedIn: true, Enrollment: true},
	PermTOTPEnroll:     {SignedIn: true, StepUp: true, Enrollment: true},
	PermTOTPDisable:    {SignedIn: true, StepUp: true},
	PermBackupCodes:    {SignedIn: true, StepUp: true},
	PermPasskeyList:    {SignedIn: true, Enrollment: true},
	PermPasskeyAdd:     {SignedIn: true, StepUp: true, Enrollment: true},
	PermPasskeyRename:  {SignedIn: true, StepUp: true},
	PermPasskeyRemove:  {SignedIn: true, StepUp: true},
	PermHistory:        {SignedIn: true},
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

	ActionSecondFactorAsked  audit.Action = "security.second_factor_asked"
	ActionSecondFactor       audit.Action = "security.second_factor" // refused alone; success is signed_in
	ActionTOTPStarted        audit.Action = "security.totp_started"
	ActionTOTPEnabled        audit.Action = "security.totp_enabled"
	ActionTOTPDisabled       audit.Action = "security.totp_disabled"
	ActionTOTPSuspended      audit.Action = "security.totp_suspended"
	ActionBackupCodeUsed     audit.Action = "security.backup_code_used"
	ActionBackupCodesRenewed audit.Action = "security.backup_codes_renewed"
	ActionBackupCodesVoided  audit.Action = "security.backup_codes_voided"
	ActionPasskeyAdded       audit.Action = "security.passkey_added"
	ActionPasskeyRenamed     audit.Action = "security.passkey_renamed"
	ActionPasskeyRemoved     audit.Action = "security.passkey_removed"
	ActionEmailCodeSent      audit.Action = "security.email_code_sent"
	ActionNotMe              audit.Action = "security.not_me"
)
