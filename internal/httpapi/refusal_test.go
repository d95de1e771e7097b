package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/httpapi"
)

// A route that does something, and may be refused to somebody who is signed in,
// says as what that is recorded. Reading is never recorded, unless it takes a fresh
// proof.
func TestRoutesSayAsWhatTheyAreRecorded(t *testing.T) {
	for _, line := range httpapi.Table() {
		always := !line.Rule.SignedIn || line.Rule.Enrollment && !line.Rule.StepUp && line.Rule.Role == ""
		reads := line.Method == http.MethodGet && (!line.Rule.StepUp || line.Rule.Role != "")
		require.Equal(t, !reads && !always, line.Action != "", "%s %s", line.Method, line.Path)
	}
}

// refusals are the refused entries of the history of the person of a fixture.
func (f *fixture) refusals(t *testing.T) []audit.Entry {
	t.Helper()
	login, err := f.config.Flows.Security.Authenticate(t.Context(), f.token)
	require.NoError(t, err)
	all, err := f.config.Flows.Store.Audit().Entries(t.Context(), login.Person.ID, id.Entry{}, 100)
	require.NoError(t, err)
	var out []audit.Entry
	for _, e := range all {
		if e.Outcome == audit.Refused {
			out = append(out, e)
		}
	}
	return out
}

// Somebody without a fresh proof is refused once and recorded once, as the same,
// whether the table says it before the body is read or the service alone.
func TestWantOfAProofIsRecorded(t *testing.T) {
	seen := 0
	for _, line := range httpapi.Table() {
		if !line.Rule.StepUp || line.Rule.Role != "" {
			continue
		}
		seen++
		for _, by := range []string{"table", "services"} {
			t.Run(by+line.Method+line.Path, func(t *testing.T) {
				f := newFixture(t)
				if by == "services" {
					f.api.TrustServices()
				}
				f.now = f.now.Add(11 * time.Minute)
				_, code := f.call(line, f.token)
				require.Equal(t, "reauthentication_required", code)
				entries := f.refusals(t)
				require.Len(t, entries, 1)
				e := entries[0]
				require.Equal(t, line.Action, e.Action)
				require.Equal(t, code, e.Reason)
				require.Equal(t, audit.UserTarget(e.ActorID, "Ada"), e.Target)
				require.False(t, e.Session.IsZero())
				require.NotEmpty(t, e.RequestID)
			})
		}
	}
	require.Greater(t, seen, 8)
}

// However often somebody is refused, their history holds a bounded number of it:
// ten at once, and never more than twenty in an hour (AUD-11).
func TestRefusalsAreBounded(t *testing.T) {
	f := newFixture(t)
	f.now = f.now.Add(11 * time.Minute)
	var line httpapi.Line
	for _, l := range httpapi.Table() {
		if l.Path == "/account/backup-codes" {
			line = l
		}
	}
	for range 100 {
		_, code := f.call(line, f.token)
		require.Equal(t, "reauthentication_required", code)
	}
	require.Len(t, f.refusals(t), 10)
	for range 60 {
		f.now = f.now.Add(time.Minute)
		_, code := f.call(line, f.token)
		require.Equal(t, "reauthentication_required", code)
	}
	require.Len(t, f.refusals(t), 20)
}
