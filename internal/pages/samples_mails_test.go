package pages_test

import "github.com/aegisrunner/account-settings/internal/pages"

// mailSamples are the pages about mails.
func mailSamples(s func(string) string) map[string]pages.View {
	all := []pages.MailPreference{
		{Name: "weekly_digest", Enabled: true}, {Name: "plan_limit_warnings", Enabled: true},
		{Name: "product_updates"}, {Name: "retention_nudges", Enabled: true},
	}
	locked := []pages.MailPreference{
		{Name: "weekly_digest"}, {Name: "plan_limit_warnings", Enabled: true, Locked: true},
		{Name: "product_updates", Enabled: true}, {Name: "retention_nudges"},
	}
	return map[string]pages.View{
		"me/email":         pages.EmailPreferences{Items: all},
		"me/email-locked":  pages.EmailPreferences{Items: locked, Saved: true},
		"me/email-refused": pages.EmailPreferences{Items: locked, Form: pages.Form{Code: "locked_by_plan"}},
		"unsubscribe":      pages.Unsubscribe{Token: s("tok"), Category: "weekly_digest"},
		"unsubscribed":     pages.Unsubscribe{Category: "plan_limit_warnings", Done: true},
	}
}
