package settings_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// withToken is a client with the token of a browser's session.
func withToken(app *settingstest.App, token string) *settingstest.Client {
	c := app.Client()
	c.Token = token
	return c
}

// Whoever signs in or up in a browser that is signed in leaves no session behind:
// neither their own nor that of who was there before.
func TestSigningInEndsTheFormerSession(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		app.SignUp("bob@example.com", "Bob")
		ada := app.SignUp("ada@example.com", "Ada")
		elsewhere := app.SignIn("ada@example.com")
		user, err := id.ParseUser(api(t, ada, get, "/account", nil, 200)["id"].(string))
		require.NoError(t, err)
		signedOut := func() (n int) {
			entries, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 1000)
			require.NoError(t, err)
			for _, e := range entries {
				if e.Action == security.ActionSignedOut {
					require.Equal(t, audit.Done, e.Outcome)
					n++
				}
			}
			return n
		}
		form := func(path string, in url.Values) {
			r := ada.Form(path, in)
			require.Equal(t, 303, r.Status, "%s", r.Body)
		}
		link := func(address string) string {
			api(t, app.Client(), post, "/auth/sign-up", object{"email": address}, 202)
			return app.LinkToken(address, "account.sign_up")
		}
		ways := []struct {
			name string
			do   func()
			as   string
		}{
			{"API, as the same", func() {
				api(t, ada, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
			}, "ada@example.com"},
			{"page, as the same", func() {
				form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {settingstest.Password}})
			}, "ada@example.com"},
			{"API, as another", func() {
				api(t, ada, post, "/auth/sign-in", credentials("bob@example.com", settingstest.Password), 200)
			}, "bob@example.com"},
			{"page, from another", func() {
				form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {settingstest.Password}})
			}, "ada@example.com"},
			{"API, signing up", func() {
				api(t, ada, post, "/auth/sign-up/complete", object{"token": link("new@example.com"), "name": "New", "password": settingstest.Password}, 201)
			}, "new@example.com"},
			{"page, signing up", func() {
				form("/sign-up/complete", url.Values{"token": {link("newer@example.com")}, "name": {"Newer"}, "password": {settingstest.Password}})
			}, "newer@example.com"},
		}
		for _, way := range ways {
			former := withToken(app, sessionCookie(t, app, ada))
			api(t, former, get, "/account", nil, 200)
			way.do()
			refused(t, former, get, "/account", nil, 401, "unauthenticated")
			require.Equal(t, way.as, api(t, ada, get, "/account", nil, 200)["email"], way.name)
		}
		require.Equal(t, 4, signedOut(), "each time that it was hers")
		api(t, elsewhere, get, "/account", nil, 200)

		// A refused attempt ends nothing.
		refused(t, elsewhere, post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42"), 401, "invalid_credentials")
		require.Equal(t, 422, elsewhere.Form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"wrong horse 42"}}).Status)
		api(t, elsewhere, get, "/account", nil, 200)
		require.Equal(t, 4, signedOut())
	})
}

// Where the cookie stays as it is, or does not decide, so does its session.
func TestTokensEndNoSession(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	browser := app.SignUp("ada@example.com", "Ada")
	in := credentials("ada@example.com", settingstest.Password)
	in["transport"] = "token"
	token, _ := api(t, browser, post, "/auth/sign-in", in, 200)["session_token"].(string)
	require.NotEmpty(t, token)
	api(t, browser, get, "/account", nil, 200)

	client := withToken(app, token)
	api(t, client, post, "/auth/sign-in", in, 200)
	api(t, client, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
	api(t, withToken(app, token), get, "/account", nil, 200)

	// A Bearer beside a cookie decides alone.
	former := withToken(app, sessionCookie(t, app, browser))
	browser.Token = token
	api(t, browser, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
	api(t, former, get, "/account", nil, 200)

	// Two cookies: one was planted, and nothing tells which.
	plain := app.Client()
	r := plain.Do(post, "/api/v1/auth/sign-in", http.Header{
		"Content-Type": {"application/json"}, "Cookie": {"session=" + former.Token + "; session=" + token},
	}, credentials("ada@example.com", settingstest.Password))
	require.Equal(t, 200, r.Status, "%s", r.Body)
	api(t, former, get, "/account", nil, 200)
}

// unending is a store in which no session ends.
type unending struct{ *memstore.Store }

func (u unending) Security() security.Store { return unendingSecurity{u.Store.Security()} }

type unendingSecurity struct{ security.Store }

func (u unendingSecurity) Update(ctx context.Context, fn func(context.Context, security.Tx) error) error {
	return u.Store.Update(ctx, func(ctx context.Context, tx security.Tx) error { return fn(ctx, unendingTx{tx}) })
}

type unendingTx struct{ security.Tx }

func (unendingTx) RevokeSession(context.Context, id.User, id.Session) (security.Session, error) {
	return security.Session{}, errors.New("disk full")
}

// The new session begins all the same, and the log tells of the former one.
func TestAFormerSessionThatDoesNotEndIsLogged(t *testing.T) {
	var logs bytes.Buffer
	app := settingstest.Start(t, settings.Config{Store: unending{memstore.New()}, Log: slog.New(slog.NewTextHandler(&logs, nil))})
	c := app.SignUp("ada@example.com", "Ada")
	former := sessionCookie(t, app, c)
	require.NotContains(t, logs.String(), "not ended")
	api(t, c, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
	require.NotEqual(t, former, sessionCookie(t, app, c))
	api(t, c, get, "/account", nil, 200)
	require.Contains(t, logs.String(), "former session of this browser not ended")
	require.NotContains(t, logs.String(), former)
}
