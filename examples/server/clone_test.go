package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/require"
)

// A stranger clones the repository, types the README's command, and signs up in
// a browser: with scripts, and without any.
func TestStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("clones and builds")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("this is no clone of the repository: there is nothing to clone")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	out, err := exec.CommandContext(t.Context(), "git", "clone", "-q", root, clone).CombinedOutput()
	require.NoError(t, err, "%s", out)
	// "go run ./examples/server" builds and runs; the test does the same in two
	// steps, since a signal to "go run" does not reach what it runs.
	bin := filepath.Join(t.TempDir(), "server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./examples/server")
	build.Dir = clone
	out, err = build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := startProcess(t, bin, "-data", filepath.Join(clone, "data"))

	for name, disabled := range map[string]bool{"with scripts": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			b := newTab(t, p)
			b.do(send(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: disabled}))
			email := strings.ReplaceAll(name, " ", "-") + "@example.com"
			b.signUp(email, "correct horse 42")
			b.press(`form[action="/sign-out"] button`)
			b.at("/sign-in")
			b.open("/forgot-password")
			b.fill("#forgot-email", email)
			b.press("main form button.primary")
			b.until("location.search.includes('sent')")
			b.open(p.mailTo(t, email, "security.reset").link(t))
			b.fill("#reset-password", "another horse 7")
			b.press("main form button.primary")
			b.at("/sign-in")
			b.signIn(email, "another horse 7")
			// A form that is refused keeps what was typed.
			b.fill("#about-name", strings.Repeat("x", 101))
			b.press("#about footer button")
			b.until(`document.querySelector("[role=alert]") && document.querySelector("#about-name").value.length === 101`)
			b.press(`form[action="/sign-out"] button`)
			b.at("/sign-in")
		})
	}
	status := exec.CommandContext(t.Context(), "git", "status", "--porcelain")
	status.Dir = clone
	out, err = status.Output()
	require.NoError(t, err)
	require.Empty(t, string(out), "running leaves the clone clean")
}
