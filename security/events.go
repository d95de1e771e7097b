package security

import "github.com/aegisrunner/account-settings/audit"

// What entries report beside what somebody changed.
const (
	fieldEnded    = "sessions_ended"
	fieldFailures = "failures_in_the_last_hour"
	fieldRequests = "requests_in_the_last_hour"
)

// Events returns what the actions of this package mean. All are in the history of
// the person that they are about; one about an address without an account is in
// nobody's.
func Events() []audit.Event {
	return append(signInEvents(), factorEvents()...)
}

func signInEvents() []audit.Event {
	return []audit.Event{
		// Refused, it names the person or the address, or a passkey that may be a copy.
		{Action: ActionSignedIn, Fields: []string{fieldEnded, fieldFailures}, Sentence: "{actor} signed in"},
		{Action: ActionSignedOut, Target: "session", Sentence: "{actor} signed out"},
		{
			Action: ActionReauthenticated, Fields: []string{"method", fieldFailures},
			Sentence: "{actor} proved anew who they are by {method.after}",
		},
		{
			Action: ActionResetRequested, Fields: []string{fieldRequests}, // about a person or an address
			Sentence: "{actor} asked for a link to set a new password",
		},
		{Action: ActionPasswordReset, Target: "user", Fields: []string{fieldEnded}, Sentence: "{actor} set a new password of {target} by a link"},
		{
			Action: ActionPasswordChanged, Target: "user", Fields: []string{fieldEnded, fieldFailures},
			Sentence: "{actor} changed the password of {target}",
		},
		{Action: ActionPasswordSet, Target: "user", Fields: []string{fieldEnded}, Sentence: "{actor} set the first password of {target}"},
		{Action: ActionPasswordVoided, Target: "user", Fields: []string{fieldEnded}, Sentence: "{actor} voided the password of {target}"},
		{Action: ActionSessionRevoked, Target: "session", Sentence: "{actor} signed out {target}"},
		{
			Action: ActionSessionsRevoked, Target: "user", Fields: []string{"ended"},
			Sentence: "{actor} signed {target} out of {ended.after} devices",
		},
		{Action: ActionNotMe, Target: "user", Sentence: "{actor} reported a sign-in of {target} as somebody else's"},
	}
}

func factorEvents() []audit.Event {
	return []audit.Event{
		{Action: ActionSecondFactorAsked, Target: "user", Sentence: "{actor} was asked for the second factor of {target}"},
		{
			Action: ActionSecondFactor, Target: "user", Fields: []string{fieldFailures}, // see its constant
			Sentence: "{actor} gave the second factor of {target}",
		},
		{Action: ActionTOTPStarted, Target: "user", Sentence: "{actor} began to set up an authenticator app for {target}"},
		{
			Action: ActionTOTPEnabled, Target: "user", Fields: []string{fieldEnded, fieldFailures},
			Sentence: "{actor} turned two-factor authentication of {target} on",
		},
		{
			Action: ActionTOTPDisabled, Target: "user", Fields: []string{fieldEnded, fieldFailures},
			Sentence: "{actor} turned two-factor authentication of {target} off",
		},
		{
			Action: ActionTOTPSuspended, Target: "user", Fields: []string{"failures"},
			Sentence: "{actor} paused the authenticator app of {target} after {failures.after} wrong codes",
		},
		{
			Action: ActionBackupCodeUsed, Target: "user", Fields: []string{"left"},
			Sentence: "{actor} used a backup code of {target}, {left.after} are left",
		},
		{Action: ActionBackupCodesRenewed, Target: "user", Sentence: "{actor} made new backup codes for {target}"},
		{
			Action: ActionBackupCodesVoided, Target: "user", Fields: []string{"voided"},
			Sentence: "{actor} voided {voided.after} backup codes of {target}",
		},
		{Action: ActionPasskeyAdded, Target: "passkey", Sentence: "{actor} added the passkey {target}"},
		{
			Action: ActionPasskeyRenamed, Target: "passkey", Fields: []string{"name"},
			Sentence: "{actor} renamed the passkey {name.before} to {name.after}",
		},
		{Action: ActionPasskeyRemoved, Target: "passkey", Fields: []string{fieldEnded}, Sentence: "{actor} removed the passkey {target}"},
		{Action: ActionEmailCodeSent, Target: "user", Sentence: "{actor} had a code mailed to {target}"},
	}
}
