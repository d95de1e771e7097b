package settings_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// AUD-05: what somebody writes to break a log is data in it. It is stored, as far
// as it is text at all, and keeps no entry from being stored; a name that holds
// such a thing is refused.
func TestHostileEntries(t *testing.T) {
	const hostile = "x\n2026-01-01 root signed in\r\x1b[2J\x1b]0;owned\a\u202Eevil\u2066\",\"actor\":\"root\"\x00\xff\xc3\x28<script>"
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		w := newWorld(t, db)
		h := w.human()
		a := h.actor()
		a.Name, a.UserAgent, a.RequestID = hostile, hostile, hostile
		zone := "Europe/Paris"
		_, err := w.app.Accounts.UpdateProfile(t.Context(), a, accounts.Patch{Timezone: &zone})
		require.NoError(t, err)
		entries, err := db.Audit().Entries(t.Context(), h.id, id.Entry{}, 10)
		require.NoError(t, err)
		e := entries[0]
		require.Equal(t, accounts.ActionUpdated, e.Action)
		require.Equal(t, h.id, e.ActorID)
		for _, text := range []string{e.ActorName, e.UserAgent, e.RequestID} {
			require.True(t, utf8.ValidString(text), "%q", text)
			require.NotContains(t, text, "\x00")
			require.True(t, strings.HasPrefix(text, "x"), "%q", text)
		}

		c := w.app.Client()
		c.Token = h.token
		r := c.API(get, "/account/security-events", nil)
		require.Equal(t, 200, r.Status)
		var list struct{ Items []struct{ Action string } }
		require.NoError(t, json.Unmarshal(r.Body, &list))
		require.Equal(t, "account.updated", list.Items[0].Action)
		for _, raw := range []string{"\n", "\x1b", "\x00", "<script>"} {
			require.NotContains(t, strings.TrimSuffix(string(r.Body), "\n"), raw, "it is escaped")
		}

		n := w.ledger.len()
		for _, name := range []string{"a\nb", "a\x1b[2Jb", "a\u202Eb", "a\u2066b"} {
			refused(t, c, patch, "/account", object{"name": name}, 422, "validation_failed")
			refused(t, c, post, "/orgs", object{"name": name}, 422, "validation_failed")
		}
		for _, body := range []any{object{"name": "a\x00b"}, "{\"name\":\"a\xffb\"}"} { // no text at all
			refused(t, c, patch, "/account", body, 400, "malformed")
			refused(t, c, post, "/orgs", body, 400, "malformed")
		}
		require.Empty(t, w.ledger.since(n))
		for _, line := range strings.Split(strings.TrimSpace(w.logs.text()), "\n") {
			require.True(t, line == "" || strings.HasPrefix(line, "time="), "a line of the log that nobody wrote: %q", line)
		}
	})
}
