package pages_test

import (
	"time"

	"github.com/aegisrunner/account-settings/internal/pages"
)

// exportSamples are the profile with an export in each of its states.
func exportSamples(profile pages.Profile) map[string]pages.View {
	going, ready, again, failed, gone, limited := profile, profile, profile, profile, profile, profile
	going.Export = pages.ExportCard{State: "running", ID: "e1", Done: 3, Total: 6, Records: 12400}
	ready.Export = pages.ExportCard{State: "ready", ID: "e2", Done: 6, Total: 6, Records: 12461, Size: 2_449_999, ExpiresAt: now.Add(23 * time.Hour)}
	again.Export, again.Saved = ready.Export, "export-open"
	failed.Export = pages.ExportCard{State: "failed", ID: "e3", Done: 2, Total: 6, Records: 1}
	gone.Saved = "export-gone"
	limited.Export.Form = pages.Form{Code: "rate_limited", RetryAfter: 7 * time.Hour}
	return map[string]pages.View{
		"me/profile-export-going":   going,
		"me/profile-export-ready":   ready,
		"me/profile-export-open":    again,
		"me/profile-export-failed":  failed,
		"me/profile-export-gone":    gone,
		"me/profile-export-limited": limited,
	}
}
