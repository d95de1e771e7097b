package pages_test

import (
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/pages"
)

// importSamples are the pages about inviting from a file.
func importSamples(s func(string) string) map[string]pages.View {
	half := pages.ImportSummary{ID: s("i1"), By: s("Ada Lovelace"), At: now.Add(-2 * time.Minute), Total: 1000, Done: 412, Invited: 389, Refused: 23}
	whole := pages.ImportSummary{ID: s("i2"), By: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane"), At: now.AddDate(0, 0, -3), Ended: true, Total: 3, Done: 3, Invited: 2, Refused: 1}
	file := pages.OrgImport{Slug: s("engines"), Name: s("Analytical Engines"), Role: "member", Roles: []string{"member", "admin", "viewer"}}
	listed, wrongFile, wrongText, plan, planOfOthers := file, file, file, file, file
	listed.Items = []pages.ImportSummary{half, whole}
	wrongFile.Form = fields("file", "file_too_large", "role", "invalid")
	wrongText.Form.Errors = fault.Fields{{Name: "text", Code: "unclosed_quote", Params: map[string]any{"line": 3}}}
	wrongText.Text = s("email\n\"ada@example.com")
	plan.NeedsPlan, plan.Owner, planOfOthers.NeedsPlan = "pro", true, "pro"
	going := pages.OrgImportReport{Slug: s("engines"), Name: s("Analytical Engines"), Import: half, Next: 7, Rows: []pages.ImportLine{
		{Line: 2, Email: s("ada@example.com")},
		{Line: 3, Email: s("somebody.with.a.very.long.address.indeed@engineering.analytical-engines.example"), Code: "seat_limit"},
		{Line: 4, Code: "invalid_row"}, {Line: 5, Email: s("x@example.com"), Code: "new"}, {Line: 7, Email: s("mary@example.com"), Waiting: true},
	}}
	over, spotless := going, going
	over.Import, over.After, over.Refused, over.Next, over.Rows = whole, 3, true, 0, going.Rows[1:4]
	spotless.Import.Refused, spotless.Refused, spotless.Rows, spotless.Next = 0, true, nil, 0
	return map[string]pages.View{
		"me/org-import":          file,
		"me/org-import-listed":   listed,
		"me/org-import-file":     wrongFile,
		"me/org-import-text":     wrongText,
		"me/org-import-plan":     plan,
		"me/org-import-others":   planOfOthers,
		"me/org-import-going":    going,
		"me/org-import-over":     over,
		"me/org-import-spotless": spotless,
	}
}
