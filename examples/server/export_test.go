package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// All that is kept of a person is asked for on the Profile page; the bar moves by
// itself until it is ready, and the file comes after a fresh proof.
func downloadData(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	browser.Eval[bool](v.Tab, `(window.stays = true)`)
	v.Follow(`#export footer button`)
	v.Until(`document.querySelector("#export-body form") !== null`)
	v.Sees("Can be downloaded until tomorrow")
	v.inspect("export-ready")
	const file = `fetch("/settings/profile/export/download", {method: "POST", body: new URLSearchParams(new FormData(document.querySelector("#export-body form")))})`
	require.Equal(t, "application/zip", browser.Eval[string](v.Tab, file+`.then(r => r.headers.get("Content-Type"))`))
	require.Equal(t, "PK", browser.Eval[string](v.Tab, file+`.then(r => r.text()).then(text => text.slice(0, 2))`))
	it := v.p.mailTo(t, demoEmail, "account.export_ready")
	require.Contains(t, it.Text, "/settings/profile#export")

	v.later("11m")
	v.Open("/settings/profile")
	v.Click("#export-body button")
	v.Until(`document.querySelector("dialog[open]") !== null`)
	v.Sees("Confirm that it is you")
	v.inspect("export-proof")
	require.Empty(t, v.Faults())
}
