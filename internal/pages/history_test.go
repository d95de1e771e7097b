package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/catalog"
)

// actions returns the value of every constant of type audit.Action in a package.
func actions(t *testing.T, dir string) []string {
	t.Helper()
	noTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	found, err := parser.ParseDir(token.NewFileSet(), dir, noTests, 0) //nolint:staticcheck // types are not needed
	require.NoError(t, err)
	var out []string
	for _, p := range found {
		ast.Inspect(p, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			kind, ok := spec.Type.(*ast.SelectorExpr)
			if !ok || kind.Sel.Name != "Action" {
				return true
			}
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				require.NoError(t, err)
				out = append(out, text)
			}
			return true
		})
	}
	return out
}

func TestEveryActionHasASentence(t *testing.T) {
	sentences := map[string]bool{"event.refused": true}
	for _, dir := range []string{"../../accounts", "../../security", "../../orgs"} {
		all := actions(t, dir)
		require.Greater(t, len(all), 8, "the search finds actions")
		for _, l := range catalog.Locales() {
			for _, action := range all {
				key := eventKey(action, false)
				require.Contains(t, catalog.Keys(l.Tag), key, "%s: what the history says of %s", l.Tag, action)
				sentences[key], sentences[key+".named"], sentences[eventKey(action, true)] = true, true, true
			}
		}
	}
	for _, key := range catalog.Keys("en") {
		if strings.HasPrefix(key, "event.") && !strings.HasPrefix(key, "event.reason.") {
			require.True(t, sentences[key], "%s is said of nothing", key)
		}
	}
}

func TestSentences(t *testing.T) {
	f := &frame{P: catalog.For("en")}
	say := func(e audit.Entry) string { return f.Sentence(eventRow(e)) }
	now := time.Now()
	ada := audit.Actor{Kind: audit.KindUser, User: id.NewUser(), Name: "Ada"}
	me := audit.UserTarget(ada.User, "Ada")
	key := audit.Target{Kind: "passkey", Name: "Laptop"}
	require.Equal(t, "Signed in", say(ada.Did("security.signed_in", audit.SessionTarget(id.NewSession(), "Chrome on macOS"), now)))
	require.Equal(t, "Device signed out: Chrome on macOS", say(ada.Did("security.session_revoked", audit.SessionTarget(id.NewSession(), "Chrome on macOS"), now)))
	require.Equal(t, "Device signed out", say(ada.Did("security.session_revoked", audit.SessionTarget(id.NewSession(), ""), now)))
	require.Equal(t, "Passkey “Laptop” added", say(ada.Did("security.passkey_added", key, now)))
	require.Equal(t, "Backup code used, 2 left", say(ada.Did("security.backup_code_used", me, now, audit.Change{Field: "left", After: "2"})))
	require.Equal(t, "Address changed to new@example.com", say(ada.Did("account.email_changed", me, now, audit.Change{Field: "email", Before: "old@example.com", After: "new@example.com"})))
	require.Equal(t, "Sign-in refused: wrong password or passkey", say(ada.WasRefused("security.signed_in", me, "invalid_credentials", now)))
	require.Equal(t, "Sign-in refused: there may be a copy of the passkey", say(ada.WasRefused("security.signed_in", key, "passkey_cloned", now)))
	require.Equal(t, "Second step refused: wrong code", say(ada.WasRefused("security.second_factor", me, "invalid_code", now)))
	org := audit.Target{Kind: "org", Name: "Acme"}
	of := id.NewOrg()
	require.Equal(t, "Organization “Acme” created", say(ada.Did("orgs.created", org, now).InLogOf(of)))
	require.Equal(t, "Role of Bob changed to Admin", say(ada.Did("orgs.member.role_changed", audit.UserTarget(id.NewUser(), "Bob"), now,
		audit.Change{Field: "role", Before: "member", After: "admin"}).InLogOf(of)))
	require.Equal(t, "bob@example.com invited as Viewer", say(ada.Did("orgs.invitation.created", audit.Target{Kind: "invitation", Name: "bob@example.com"}, now,
		audit.Change{Field: "role", After: "viewer"}).InLogOf(of)))
	require.Equal(t, "Adding a passkey refused: a fresh proof of identity was missing", say(ada.WasRefused("security.passkey_added", me, "reauthentication_required", now)))
	require.Equal(t, "Something was refused: not allowed", say(ada.WasRefused("account.created", me, "other", now)), "what is refused one day has words already")
}
