package notify

import "github.com/aegisrunner/account-settings/audit"

// Events returns what the actions of this package mean. What a change reports is
// one of "on", "off", "on_by_default" and "off_by_default". All but news of the
// product are in the history of the person that they are about.
func Events() []audit.Event {
	categories := []string{"weekly_digest", "plan_limit_warnings", "product_updates", "retention_nudges"}
	return []audit.Event{
		{
			Action: ActionPreferencesChanged, Target: "user", Fields: categories,
			Sentence: "{actor} changed which mails {target} gets",
		},
		{
			Action: ActionUnsubscribed, Target: "user", Fields: categories,
			Sentence: "{actor} unsubscribed {target} by the link in a mail",
		},
	}
}
