package settings_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

func TestReset(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		known := app.Client().API(post, "/auth/password/forgot", object{"email": "ADA@example.com"})
		unknown := app.Client().API(post, "/auth/password/forgot", object{"email": "nobody@example.com"})
		require.Equal(t, 202, known.Status)
		require.Equal(t, known.Status, unknown.Status)
		require.Equal(t, string(known.Body), string(unknown.Body))
		require.Empty(t, app.Mail.To("nobody@example.com"))

		token := app.LinkToken("ada@example.com", "security.reset")
		refused(t, app.Client(), post, "/auth/password/reset", object{"token": token, "password": "short"}, 422, "validation_failed")
		r := app.Client().API(post, "/auth/password/reset", object{"token": token, "password": "another horse 7"})
		require.Equal(t, 204, r.Status, "%s", r.Body)
		require.Empty(t, r.Header.Get("Set-Cookie"), "RSET-05: no automatic sign-in")

		refused(t, c, get, "/account", nil, 401, "unauthenticated") // RSET-07
		refused(t, app.Client(), post, "/auth/password/reset", object{"token": token, "password": "another horse 8"}, 410, "link_gone")
		refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 401, "invalid_credentials")
		api(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", "another horse 7"), 200)
		require.Contains(t, app.Mail.Last("ada@example.com", "security.password_changed").Text, "Ada")
	})
}

// RSET-04, RSET-06, RSET-08, RSET-10: what is no good any more, or never was, has
// one answer.
func TestResetLinksThatAreGone(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		forgot := func() string {
			app.Clock.Advance(time.Hour)
			api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
			return app.LinkToken("ada@example.com", "security.reset")
		}
		gone := func(token string) {
			t.Helper()
			refused(t, app.Client(), post, "/auth/password/reset", object{"token": token, "password": "another horse 7"}, 410, "link_gone")
		}
		expired := forgot()
		app.Clock.Advance(time.Hour)
		gone(expired)

		superseded, newest := forgot(), forgot()
		gone(superseded)
		for _, near := range []string{
			newest[:len(newest)-1], newest + "A", strings.ToLower(newest), " " + newest, newest + "=", "%", "", "x",
			strings.Repeat("A", 10_000),
		} {
			if near != newest {
				gone(near)
			}
		}
		api(t, c, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		gone(newest)

		fourth := forgot()
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": fourth}, 410, "link_gone")
		refused(t, app.Client(), post, "/auth/sign-up/complete", object{"token": fourth, "name": "A", "password": "another horse 8"}, 410, "link_gone")
		api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": "another horse 7"}, 204)
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
		api(t, app.Client(), post, "/account/email/confirm", object{"token": app.LinkToken("new@example.com", "account.confirm_email")}, 204)
		gone(fourth)
	})
}

// RSET-02, RSET-14: links lead to the configured origin whatever the request says.
func TestLinksIgnoreTheRequest(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		req, err := http.NewRequestWithContext(t.Context(), post, app.URL+"/api/v1/auth/password/forgot", strings.NewReader(`{"email":"ada@example.com"}`))
		require.NoError(t, err)
		req.Host = "evil.example"
		for k, v := range map[string]string{
			"Content-Type": "application/json", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example",
		} {
			req.Header.Set(k, v)
		}
		resp, err := (&http.Client{}).Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 202, resp.StatusCode)
		m := app.Mail.Last("ada@example.com", "security.reset")
		require.Contains(t, m.Text, app.URL+"/reset-password?token=")
		require.NotContains(t, m.Text+m.HTML, "evil.example")
		refused(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com", "next": "https://evil.example"}, 422, "validation_failed")
	})
}

// RSET-03: sixteen at once, one winner.
func TestResetRace(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
		token := app.LinkToken("ada@example.com", "security.reset")
		var won, gone atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				switch r := app.Client().API(post, "/auth/password/reset", object{"token": token, "password": "another horse 7"}); r.Status {
				case 204:
					won.Add(1)
				case 410:
					gone.Add(1)
				default:
					t.Errorf("status %d: %s", r.Status, r.Body)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 15, gone.Load())
		changed := 0
		for _, k := range kinds(app, "ada@example.com") {
			if k == "security.password_changed" {
				changed++
			}
		}
		require.Equal(t, 1, changed)
	})
}
