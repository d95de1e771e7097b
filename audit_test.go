package settings_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// logged keeps everything that was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// text is what was logged so far.
func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// INV-8, AUD-01, AUD-07: whatever changes something leaves its entries in the
// person's history, and no secret anywhere.
func TestEveryChangeLeavesItsEntry(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		logs := &logged{}
		app := settingstest.Start(t, settings.Config{Store: db, Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		var answers strings.Builder
		c := app.SignUp("ada@example.com", "Ada")
		user, err := id.ParseUser(api(t, c, get, "/account", nil, 200)["id"].(string))
		require.NoError(t, err)
		secrets := []string{settingstest.Password, "another-canary 7", "wrong-canary 42", "third-canary 9", sessionCookie(t, app, c)}
		var last id.Entry
		entries := func() []audit.Entry {
			t.Helper()
			all, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1000)
			require.NoError(t, err)
			var fresh []audit.Entry
			for _, e := range all {
				if e.ID == last {
					break
				}
				fresh = append(fresh, e)
			}
			last = all[0].ID
			slices.Reverse(fresh)
			return fresh
		}
		expect := func(what string, actions ...audit.Action) []audit.Entry {
			t.Helper()
			got := entries()
			var names []audit.Action
			for _, e := range got {
				names = append(names, e.Action)
				require.NotEmpty(t, e.RequestID, what)
			}
			require.Equal(t, actions, names, what)
			return got
		}
		do := func(client *settingstest.Client, method, path string, body any) {
			t.Helper()
			r := client.API(method, path, body)
			require.Less(t, r.Status, 500, "%s", r.Body)
			answers.Write(r.Body)
		}
		expect("sign-up", accounts.ActionCreated, security.ActionSignedIn)
		do(c, patch, "/account", object{"name": "Ada L", "timezone": "Europe/Paris"})
		got := expect("profile", accounts.ActionUpdated)
		require.Equal(t, []audit.Change{{Field: "name", Before: "Ada", After: "Ada L"}, {Field: "timezone", Before: "UTC", After: "Europe/Paris"}}, got[0].Changes)
		require.Equal(t, "Ada", got[0].ActorName)
		require.Equal(t, "127.0.0.1", got[0].IP.String())
		require.Contains(t, got[0].UserAgent, "Chrome")
		do(c, patch, "/account", object{"name": "Ada L"})
		require.Empty(t, func() []audit.Entry {
			all, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1)
			require.NoError(t, err)
			if all[0].ID == last {
				return nil
			}
			return all
		}(), "nothing changed")

		require.Equal(t, 200, c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, picturePNG(t, 9, 9)).Status)
		expect("picture", accounts.ActionPictureChanged)
		do(c, del, "/account/avatar", nil)
		expect("no picture", accounts.ActionPictureRemoved)
		do(c, post, "/auth/sign-in", credentials("ada@example.com", "wrong-canary 42"))
		got = expect("wrong password", security.ActionSignedIn)
		require.Equal(t, audit.Refused, got[0].Outcome)
		require.Equal(t, "invalid_credentials", got[0].Reason)
		do(c, post, "/auth/reauthenticate", object{"method": "password", "password": "wrong-canary 42"})
		expect("refused proof", security.ActionReauthenticated)
		do(c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password})
		expect("proof", security.ActionReauthenticated)
		do(c, post, "/account/email", object{"email": "new@example.com"})
		expect("address asked", accounts.ActionEmailChangeRequested)
		do(c, del, "/account/email/pending", nil)
		expect("address canceled", accounts.ActionEmailChangeCanceled)
		do(c, post, "/account/email", object{"email": "new@example.com"})
		expect("address asked again", accounts.ActionEmailChangeRequested)
		app.SignIn("ada@example.com")
		expect("second device", security.ActionSignedIn)
		token := app.LinkToken("new@example.com", "account.confirm_email")
		secrets = append(secrets, token)
		do(app.Client(), post, "/account/email/confirm", object{"token": token})
		got = expect("address changed", accounts.ActionEmailChanged, security.ActionSessionsRevoked)
		require.Equal(t, audit.KindAnonymous, got[0].ActorKind, "who holds the link acts")
		do(c, put, "/account/password", object{"current_password": "wrong-canary 42", "password": "another-canary 7"})
		expect("wrong current password", security.ActionPasswordChanged)
		do(c, put, "/account/password", object{"current_password": settingstest.Password, "password": "another-canary 7"})
		got = expect("password", security.ActionPasswordChanged)
		require.Empty(t, got[0].Changes)
		undo := app.LinkToken("ada@example.com", "account.email_changed")
		do(app.Client(), post, "/account/email/undo", object{"token": undo})
		expect("undone", accounts.ActionEmailRestored, security.ActionPasswordVoided, security.ActionResetRequested)
		reset := app.LinkToken("ada@example.com", "security.reset")
		secrets = append(secrets, undo, reset)
		do(app.Client(), post, "/auth/password/reset", object{"token": reset, "password": "third-canary 9"})
		expect("reset", security.ActionPasswordReset)
		do(app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"})
		expect("forgotten", security.ActionResetRequested)
		do(app.Client(), post, "/auth/sign-up", object{"email": "ada@example.com"})
		expect("signed up again", accounts.ActionSignUpRequested)
		var other *settingstest.Client
		c, other = app.Client(), app.Client()
		for _, x := range []*settingstest.Client{c, other} {
			do(x, post, "/auth/sign-in", credentials("ada@example.com", "third-canary 9"))
			secrets = append(secrets, sessionCookie(t, app, x))
			expect("signed in", security.ActionSignedIn)
		}
		do(c, del, "/account/sessions/"+currentSession(t, other), nil)
		expect("one device", security.ActionSessionRevoked)
		do(c, del, "/account/sessions?scope=others", nil)
		expect("others", security.ActionSessionsRevoked)
		do(c, post, "/auth/sign-out", nil)
		expect("signed out", security.ActionSignedOut)

		all, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1000)
		require.NoError(t, err)
		var seen strings.Builder
		slog.New(slog.NewTextHandler(&seen, nil)).Info("", "entries", all)
		for _, s := range secrets {
			require.NotEmpty(t, s)
			for where, text := range map[string]string{"log": logs.b.String(), "entries": seen.String(), "answers": answers.String()} {
				require.NotContains(t, text, s, where)
			}
		}
	})
}

// An unknown address leaves a keyed hash, and a flood a bounded number of entries.
func TestFailedSignInsAreBounded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: wide{}})
		c := app.SignUp("ada@example.com", "Ada")
		user, err := id.ParseUser(api(t, c, get, "/account", nil, 200)["id"].(string))
		require.NoError(t, err)
		for range 100 {
			refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42"), 401, "invalid_credentials")
		}
		all, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1000)
		require.NoError(t, err)
		refusals := 0
		for _, e := range all {
			if e.Outcome == audit.Refused {
				refusals++
			}
		}
		require.Equal(t, 10+3, refusals, "the first ten, and at 16, 32 and 64")
	})
}

// The entry of a password that was changed, reset or voided tells how many
// sessions ended with it.
func TestEntriesTellHowManySessionsEnded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		c := app.SignUp("ada@example.com", "Ada")
		user, err := id.ParseUser(api(t, c, get, "/account", nil, 200)["id"].(string))
		require.NoError(t, err)
		last := func(action audit.Action) []audit.Change {
			t.Helper()
			all, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1000)
			require.NoError(t, err)
			i := slices.IndexFunc(all, func(e audit.Entry) bool { return e.Action == action && e.Outcome == audit.Done })
			require.NotEqual(t, -1, i, "no entry of %s", action)
			return all[i].Changes
		}
		ended := func(n string) []audit.Change { return []audit.Change{{Field: "sessions_ended", After: n}} }

		app.SignIn("ada@example.com")
		app.SignIn("ada@example.com")
		api(t, c, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		require.Equal(t, ended("2"), last(security.ActionPasswordChanged), "and the one that acts goes on")
		api(t, c, put, "/account/password", object{"current_password": "another horse 7", "password": settingstest.Password}, 204)
		require.Empty(t, last(security.ActionPasswordChanged), "there was no other")

		app.SignIn("ada@example.com")
		app.SignIn("ada@example.com")
		reset := func() {
			api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
			api(t, app.Client(), post, "/auth/password/reset", object{
				"token": app.LinkToken("ada@example.com", "security.reset"), "password": settingstest.Password,
			}, 204)
		}
		reset()
		require.Equal(t, ended("3"), last(security.ActionPasswordReset))
		reset()
		require.Empty(t, last(security.ActionPasswordReset))

		c = app.SignIn("ada@example.com")
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
		api(t, app.Client(), post, "/account/email/confirm", object{"token": app.LinkToken("new@example.com", "account.confirm_email")}, 204)
		app.SignIn("new@example.com")
		api(t, app.Client(), post, "/account/email/undo", object{"token": app.LinkToken("ada@example.com", "account.email_changed")}, 204)
		require.Equal(t, ended("2"), last(security.ActionPasswordVoided))
	})
}

// failing is a store whose audit log cannot be written.
type failing struct {
	settings.Store
	fail *bool
}

type failingSecurity struct {
	security.Store
	fail *bool
}

type failingTx struct{ security.Tx }

var errDiskFull = errors.New("disk full")

func (failingTx) AppendAudit(context.Context, audit.Entry) error { return errDiskFull }

func (f failing) Security() security.Store { return failingSecurity{f.Store.Security(), f.fail} }

func (f failingSecurity) Update(ctx context.Context, fn func(context.Context, security.Tx) error) error {
	return f.Store.Update(ctx, func(ctx context.Context, tx security.Tx) error {
		if *f.fail {
			tx = failingTx{tx}
		}
		return fn(ctx, tx)
	})
}

// AUD-02: what cannot be recorded does not happen.
func TestWithoutEntryNothingHappens(t *testing.T) {
	fail := false
	app := settingstest.Start(t, settings.Config{Store: failing{memstore.New(), &fail}})
	c := app.SignUp("ada@example.com", "Ada")
	other := app.SignIn("ada@example.com")
	fail = true
	require.Equal(t, 500, c.API(put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}).Status)
	require.Equal(t, 500, app.Client().API(post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password)).Status)
	require.Equal(t, 500, app.Client().API(post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42")).Status, "a refusal that cannot be recorded is not given")
	fail = false
	api(t, other, get, "/account", nil, 200)
	app.SignIn("ada@example.com")
	require.NotContains(t, kinds(app, "ada@example.com"), "security.password_changed")
}
