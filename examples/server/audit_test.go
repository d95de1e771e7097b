package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// readAuditLog changes a role and finds it in the log: what changed, by a filter,
// and as a file.
func readAuditLog(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	v.Open("/settings/orgs/" + demoOrg + "/team")
	role := `document.evaluate("//tr[.//strong[contains(.,'Grace Hopper')]]//select", document, null, 9).singleNodeValue`
	before := browser.Eval[string](v.Tab, role+".value")
	browser.Eval[bool](v.Tab, `(s => { s.value = s.value === "viewer" ? "member" : "viewer"; s.form.requestSubmit(); return true })(`+role+`)`)
	v.Until(`location.search.includes("saved=role")`)

	v.Open("/settings/orgs/" + demoOrg + "/general")
	v.Follow(`header.side a[href$="/audit"]`)
	v.Sees("changed the role of Grace Hopper")
	v.inspect("audit-log")
	v.Click(".log summary")
	require.True(t, browser.Eval[bool](v.Tab, `document.querySelector(".log details").open`))
	require.NotEmpty(t, browser.Eval[string](v.Tab, `document.querySelector(".log del").textContent`), "it was %s", before)
	v.inspect("audit-log-open")

	v.Pick("#audit-action", "orgs.invitation.*")
	v.Follow(".sift button")
	require.Equal(t, "orgs.invitation.*", browser.Eval[string](v.Tab, `new URLSearchParams(location.search).get("action")`))
	require.False(t, browser.Eval[bool](v.Tab, `document.querySelector(".log").textContent.includes("changed the role")`))
	v.Sees("invited charles.babbage@example.com")
	lines := browser.Eval[int](v.Tab, `fetch(document.querySelector('a[href*="format=ndjson"]').href).then(r => r.text()).then(t => t.trim().split("\n").length)`)
	rows := browser.Eval[int](v.Tab, `document.querySelectorAll(".log tbody tr").length`)
	require.Equal(t, rows, lines, "the file has what the page shows")
}
