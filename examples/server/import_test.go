package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

const importPath = "/settings/orgs/" + demoOrg + "/team/import"

// people writes a file of n people.
func people(t *testing.T, n int, more ...string) string {
	t.Helper()
	rows := []string{"email,role,projects"}
	for i := range n {
		rows = append(rows, fmt.Sprintf("guest%d@example.com,viewer,", i))
	}
	name := filepath.Join(t.TempDir(), "people.csv")
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(append(rows, more...), "\r\n")), 0o600))
	return name
}

// A file is handed in from the Team page; the bar moves by itself, and every row
// has its result in the end.
func importFile(t *testing.T, b *browser.Browser) {
	p := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-plan", "enterprise")
	v := visit(t, b, p)
	v.signIn(demoEmail, demoPassword)
	v.Open("/settings/orgs/" + demoOrg + "/team")
	v.Follow(`#invite a[href$="/team/import"]`)
	v.At(importPath)
	const asleep = `document.querySelector("#import footer button").disabled`
	v.Until(asleep)
	v.inspect("import")

	v.Type("#import-text", "email,phone\nx@example.com,1")
	v.Follow("#import footer button")
	v.Until(`document.activeElement.getAttribute("role") === "alert"`)
	v.Click(".problem a")
	v.Until(`document.activeElement.id === "import-text" && document.activeElement.value.includes("x@example.com")`)
	v.inspect("import-refused")
	v.Open(importPath)

	v.Choose("#import-file", people(t, 400, demoEmail+",,", "nonsense,,", "guest0@example.com,,"))
	v.Until("!" + asleep)
	v.Follow("#import footer button")
	v.Until(`location.pathname.startsWith("` + importPath + `/")`)
	const bar = `document.querySelector("#import-bar")`
	browser.Eval[bool](v.Tab, `(window.stays = true)`)
	v.Until(bar + `.value < ` + bar + `.max`)
	v.inspect("import-under-way")
	v.Until(bar + `.value === 403 && ` + bar + `.max === 403`)
	v.Sees("All rows are done.")
	require.True(t, browser.Eval[bool](v.Tab, `window.stays`), "in place, without another page")
	v.Sees("400 invited")
	v.Sees("3 not invited")
	v.Until(`document.querySelectorAll("#import-rows tbody tr").length === 100`)
	v.Until(`document.querySelectorAll("#import-rows tbody tr.yes").length === 100`)
	v.inspect("import-done")
	v.Follow(`.choose a[href*="show=refused"]`)
	v.Until(`document.querySelectorAll("#import-rows tbody tr.no").length === 3`)
	for _, says := range []string{"Is a member already.", "This is not an email address.", "Was in the list already."} {
		v.Sees(says)
	}
	p.mailTo(t, "guest399@example.com", "orgs.invitation")
	v.Open(importPath)
	v.Sees("400 invited, 3 not invited")
	v.inspect("import-list")
	require.Empty(t, v.Faults())
}

// Without a script the same is a link away.
func importWithoutScript(t *testing.T, b *browser.Browser) {
	v := visit(t, b, startProcess(t, serverBinary(t), "-data", t.TempDir()))
	v.NoScripts()
	v.signIn(demoEmail, demoPassword)
	v.Open(importPath)
	v.Type("#import-text", "new@example.com\nnonsense")
	v.Follow("#import footer button")
	for !browser.Eval[bool](v.Tab, `document.querySelector("#import-bar").value === 2`) {
		v.Follow("footer .no-script")
	}
	v.Sees("1 invited")
	v.Sees("This is not an email address.")
	require.Empty(t, v.Sideways())
}

// Killed while it works off a file, the server goes on with it: nobody is invited
// twice, and nobody forgotten.
func TestImportOutlivesTheProcess(t *testing.T) {
	const rows = 300
	data := t.TempDir()
	args := []string{"-addr", "127.0.0.1:0", "-data", data, "-plan", "enterprise", "-dev-clock"}
	p := await(t, exec.Command(serverBinary(t), args...)) //nolint:noctx // killed below
	bearer := "Authorization: Bearer " + p.signInByToken(t)
	file, err := os.ReadFile(people(t, rows))
	require.NoError(t, err)
	status, body := p.call(t, http.MethodPost, "/api/v1/orgs/"+demoOrg+"/invitations/import", string(file), bearer, "Content-Type: text/csv")
	require.Equal(t, http.StatusAccepted, status, body)
	var started struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(body), &started))
	progress := func(p *process) (out struct{ Percent, Invited int }) {
		status, body := p.call(t, http.MethodGet, "/api/v1/orgs/"+demoOrg+"/invitations/import/"+started.ID, "", bearer)
		require.Equal(t, http.StatusOK, status, body)
		require.NoError(t, json.Unmarshal([]byte(body), &out))
		return out
	}
	for progress(p).Invited == 0 { //nolint:revive // until it has begun
	}
	require.NoError(t, p.cmd.Process.Kill())
	require.Error(t, p.cmd.Wait())

	p = startProcess(t, serverBinary(t), args[2:]...)
	require.Less(t, progress(p).Percent, 100, "it was killed in the middle")
	status, body = p.call(t, http.MethodPost, "/dev/clock", `{"offset":"2m"}`) // until whose claim it was is given up
	require.Equal(t, http.StatusOK, status, body)
	require.Eventually(t, func() bool { return progress(p).Percent == 100 }, time.Minute, 20*time.Millisecond)
	require.Equal(t, rows, progress(p).Invited)
	status, log := p.call(t, http.MethodGet, "/api/v1/orgs/"+demoOrg+"/audit/export?format=ndjson&action=orgs.invitation.created", "", bearer)
	require.Equal(t, http.StatusOK, status, log)
	for i := range rows {
		require.Equal(t, 1, strings.Count(log, fmt.Sprintf(`"guest%d@example.com"`, i)), i)
	}
}
