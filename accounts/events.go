package accounts

import "github.com/aegisrunner/account-settings/audit"

// Events returns what the actions of this package mean. All are in the history of
// the person that they are about; one about an address without an account is in
// nobody's.
func Events() []audit.Event {
	return []audit.Event{
		{
			Action: ActionSignUpRequested, Target: "address", Fields: []string{"requests_in_the_last_hour"},
			Sentence: "{actor} asked for an account",
		},
		{Action: ActionCreated, Target: "user", Sentence: "{actor} created an account"},
		{
			Action: ActionUpdated, Target: "user", Fields: []string{"name", "timezone", "locale"},
			Sentence: "{actor} changed the profile of {target}",
		},
		{Action: ActionPictureChanged, Target: "user", Sentence: "{actor} changed the picture of {target}"},
		{Action: ActionPictureRemoved, Target: "user", Sentence: "{actor} removed the picture of {target}"},
		{
			Action: ActionEmailChangeRequested, Target: "user", Fields: []string{"email"},
			Sentence: "{actor} asked to change the address of {target} from {email.before} to {email.after}",
		},
		{Action: ActionEmailChangeCanceled, Target: "user", Sentence: "{actor} canceled the change of address of {target}"},
		{
			Action: ActionEmailChanged, Target: "user", Fields: []string{"email"},
			Sentence: "{actor} changed the address of {target} from {email.before} to {email.after}",
		},
		{
			Action: ActionEmailRestored, Target: "user", Fields: []string{"email"},
			Sentence: "{actor} restored the former address of {target}, {email.after}",
		},
		{Action: ActionExportRequested, Target: "user", Sentence: "{actor} asked for a copy of the data of {target}"},
		{
			Action: ActionExportReady, Target: "user", Fields: []string{"bytes"},
			Sentence: "{actor} made a copy of the data of {target}",
		},
		{Action: ActionExportFailed, Target: "user", Sentence: "{actor} could not make a copy of the data of {target}"},
		{
			Action: ActionExportDownloaded, Target: "user", Fields: []string{"bytes"},
			Sentence: "{actor} downloaded a copy of the data of {target}",
		},
		{Action: ActionDeleted, Target: "user", Fields: []string{"purge_at"}, Sentence: "{actor} deleted the account of {target}"},
		{Action: ActionRestored, Target: "user", Sentence: "{actor} restored the account of {target}"},
	}
}
