package settings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// requestEntry is what the log tells of a request for an address.
type requestEntry struct {
	TargetKind string
	TargetID   string
	TargetName string
	Changes    string
}

// requests is a running product behind a proxy, with its log.
type requests struct {
	*settingstest.App
	t  *testing.T
	db *bunstore.DB
}

func eachRequests(t *testing.T, fn func(t *testing.T, r requests)) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		fn(t, requests{settingstest.Start(t, settings.Config{
			Store: db, Limiter: wide{}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}), t, db})
	})
}

// ask sends a request from a network, which is given as a number.
func (r requests) ask(path, email string, network int) {
	r.t.Helper()
	c := r.Client()
	c.Header = http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.%d.%d", network/256, network%256)}}
	api(r.t, c, post, path, object{"email": email}, 202)
}

// fresh returns the entries of an action that were made since the last time, in order.
func (r requests) fresh(action string, seen *int) []requestEntry {
	r.t.Helper()
	var all []requestEntry
	for _, e := range r.entries(audit.Action(action)) {
		if e.Outcome == audit.Done {
			changes, err := json.Marshal(append([]audit.Change{}, e.Changes...))
			require.NoError(r.t, err)
			all = append(all, requestEntry{e.Target.Kind, e.Target.ID, e.Target.Name, string(changes)})
		}
	}
	all = all[*seen:]
	*seen += len(all)
	return all
}

// entries returns those of an action (empty: of any), whoever's they are, in order.
func (r requests) entries(action audit.Action) []audit.Entry {
	r.t.Helper()
	var lines []string
	require.NoError(r.t, r.db.Conn(r.t.Context()).NewRaw(`
		SELECT CAST(line AS text) FROM settings_audit_entries WHERE ?0 = '' OR action = ?0 ORDER BY id`, string(action)).
		Scan(r.t.Context(), &lines))
	all := make([]audit.Entry, len(lines))
	for i, line := range lines {
		var err error
		all[i], err = audit.Line(line).Entry()
		require.NoError(r.t, err)
	}
	return all
}

// A flood of requests leaves a bounded number of entries: for one address however
// many networks it comes from, and for one network however many addresses it is
// for. People and nobody are counted alike.
func TestRequestsAreBounded(t *testing.T) {
	eachRequests(t, func(t *testing.T, r requests) {
		r.SignUp("ada@example.com", "Ada")
		for path, action := range map[string]string{
			"/auth/sign-up": "account.sign_up_requested", "/auth/password/forgot": "security.password_reset_requested",
		} {
			seen, network := 0, 0
			r.fresh(action, &seen)
			for _, email := range []string{"ada@example.com", "nobody@example.com"} {
				r.Clock.Advance(2 * time.Hour)
				for range 70 {
					network++
					r.ask(path, email, network)
				}
				got := r.fresh(action, &seen)
				require.Len(t, got, 10+3, "%s of %s: the first ten, and at 16, 32 and 64", path, email)
				require.JSONEq(t, `[]`, got[9].Changes)
				require.JSONEq(t, `[{"field":"requests_in_the_last_hour","before":"","after":"64"}]`, got[12].Changes)
			}
			r.Clock.Advance(2 * time.Hour)
			for i := range 70 {
				r.ask(path, fmt.Sprintf("nobody%d@example.com", i), 1)
			}
			got := r.fresh(action, &seen)
			require.Len(t, got, 10+3, "%s from one network", path)
			require.JSONEq(t, `[{"field":"requests_in_the_last_hour","before":"","after":"64"}]`, got[12].Changes)
			r.ask(path, "somebody@example.com", 2)
			require.Len(t, r.fresh(action, &seen), 1, "another network is not concerned")
			r.Clock.Advance(time.Hour)
			r.ask(path, "nobody0@example.com", 1)
			require.Len(t, r.fresh(action, &seen), 1, "%s, an hour later", path)
		}
	})
}

// What was typed is not in the log: an address that has no account is told by one
// keyed hash, whatever was asked for it and in which spelling.
func TestRequestsNameNoAddress(t *testing.T) {
	eachRequests(t, func(t *testing.T, r requests) {
		r.ask("/auth/sign-up", "nobody@example.com", 1)
		r.ask("/auth/sign-up", "NoBody@Example.com", 1)
		r.ask("/auth/password/forgot", "nobody@example.com", 2)
		r.ask("/auth/password/forgot", "another@example.com", 2)
		seen, seenReset := 0, 0
		all := append(r.fresh("account.sign_up_requested", &seen), r.fresh("security.password_reset_requested", &seenReset)...)
		require.Len(t, all, 4)
		for _, e := range all {
			require.Equal(t, "address", e.TargetKind)
			require.Regexp(t, `^[0-9a-f]{32}$`, e.TargetID)
			require.Empty(t, e.TargetName)
		}
		require.Equal(t, all[0].TargetID, all[1].TargetID)
		require.Equal(t, all[0].TargetID, all[2].TargetID)
		require.NotEqual(t, all[0].TargetID, all[3].TargetID)

		refused(t, r.Client(), post, "/auth/sign-in", credentials("nobody@example.com", "wrong horse 42"), 401, "invalid_credentials")
		var attempts []string
		for _, e := range r.entries("") {
			if e.Outcome == audit.Refused {
				attempts = append(attempts, e.Target.ID)
			}
		}
		require.Equal(t, []string{all[0].TargetID}, attempts)
	})
}
