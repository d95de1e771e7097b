package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Somebody with an export and two kept answers, and without the database.
func TestAuditVerify(t *testing.T) {
	bin := serverBinary(t)
	p := startProcess(t, bin, "-data", t.TempDir())
	bearer := "Authorization: Bearer " + p.signInByToken(t)
	dir, api := t.TempDir(), "/api/v1/orgs/"+demoOrg+"/audit/"
	fetch := func(name, path string) string {
		status, body := p.call(t, http.MethodGet, api+path, "", bearer)
		require.Equal(t, http.StatusOK, status, body)
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(body), 0o600))
		return name
	}
	verify := func(status int, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), bin, append([]string{"audit", "verify"}, args...)...)
		out, _ := cmd.CombinedOutput()
		require.Equal(t, status, cmd.ProcessState.ExitCode(), "%s", out)
		return string(out)
	}
	kept := fetch("kept.json", "checkpoints")
	export := fetch("export.ndjson", "export?format=ndjson")
	newest := fetch("newest.json", "checkpoints")
	require.NoError(t, p.stop())

	require.Contains(t, verify(0, "-checkpoints", kept, "-checkpoints", newest, export), "OK: complete and unchanged")
	require.Contains(t, verify(1, "-checkpoints", kept, export), "newer than every checkpoint")

	text, err := os.ReadFile(export) //nolint:gosec // a file of this test
	require.NoError(t, err)
	change := func(name, content string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		return name
	}
	altered := change("altered.ndjson", strings.Replace(string(text), "Ada Lovelace", "Eve", 1))
	out := verify(1, "-checkpoints", kept, "-checkpoints", newest, altered)
	require.Contains(t, out, "entry 0 altered")
	require.Contains(t, out, "NOT what was sealed")
	lines := strings.SplitAfter(string(text), "\n")
	require.Contains(t, verify(1, "-checkpoints", newest, change("short.ndjson", strings.Join(lines[:len(lines)-2], ""))), "missing")

	// What cannot be checked is told apart from what was tampered with.
	verify(2)
	verify(2, export)
	verify(2, "-checkpoints", export, export)
	verify(2, "-checkpoints", newest, filepath.Join(dir, "nothing"))
	verify(2, "-checkpoints", newest, "-key", "app+00000000+AAAA", export)
}
