package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// A stranger clones the repository, types the README's command, and signs up in
// a browser: with scripts, and without any.
func stranger(t *testing.T, b *browser.Browser) {
	if testing.Short() {
		t.Skip("clones and builds")
	}
	clone := cloned(t)
	p := await(t, goRun(t, clone, "./examples/server", "-addr", "127.0.0.1:0", "-data", t.TempDir()))
	for name, scripts := range map[string]bool{"WithScripts": true, "Without": false} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, b, p)
			if !scripts {
				v.NoScripts()
			}
			email := strings.ToLower(name) + "@example.com"
			v.signUp(email, "correct horse 42")
			require.Equal(t, scripts, browser.Eval[bool](v.Tab, `document.documentElement.classList.contains("js")`))
			v.signOut()
			v.forgotPassword(email, "another horse 7")
			v.signIn(email, "another horse 7")
			// What is refused is kept, and nothing else is lost.
			v.Type("#about-name", "Grace\u202eHopper")
			v.Follow("#about footer button")
			v.Until(`document.querySelector("[role=alert]") && document.querySelector("#about-name").value === "Grace\u202eHopper"`)
			v.Type("#about-name", "Grace B. Hopper")
			v.Follow("#about footer button")
			v.Until(`document.querySelector("#about [role=status]")`)
			v.Sees("Grace B. Hopper")
		})
	}
	require.Empty(t, git(t, clone, "status", "--porcelain"), "running leaves the clone clean")
}

// signUp goes the whole way from the first page through the mailbox.
func (v visitor) signUp(email, password string) {
	v.t.Helper()
	v.Open("/")
	v.At("/sign-in")
	v.Follow(`a[href="/sign-up"]`)
	v.Type("#sign-up-email", email)
	v.Follow(submit)
	v.Sees("Check your mail")
	v.p.mailTo(v.t, email, "account.sign_up")
	v.Follow(`a[href="/dev/mailbox"]`)
	v.Follow(`nav a[href^="/dev/mailbox"]`) // the newest
	v.Follow(`.links a[href*="token="]`)
	v.Sees(email)
	v.Type("#complete-name", "Grace Hopper")
	v.Type("#complete-password", password)
	v.Follow(submit)
	v.At("/settings/profile")
	v.Sees("Grace")
}

// cloned is what a stranger gets of the repository that the tests run in.
func cloned(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	_, missing := exec.LookPath("git")
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		missing = err
	}
	if missing != nil {
		fmt.Fprintf(os.Stderr, "\n*** %s SKIPPED: nothing to clone: %v ***\n\n", t.Name(), missing)
		t.Skip("nothing to clone: ", missing)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, root, "-c", "safe.directory=*", "clone", "-q", root, clone)
	return clone
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
