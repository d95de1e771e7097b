package settings_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

func sessionCookie(t *testing.T, app *settingstest.App, c *settingstest.Client) string {
	t.Helper()
	u, err := url.Parse(app.URL)
	require.NoError(t, err)
	for _, k := range c.HTTP.Jar.Cookies(u) {
		if k.Name == "session" {
			return k.Value
		}
	}
	return ""
}

type sessionItem struct {
	ID         string
	Current    bool
	Browser    string
	OS         string
	Device     string
	IP         string
	Method     string
	SignedInAt time.Time `json:"signed_in_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func sessionsOf(t *testing.T, c *settingstest.Client, query string) (items []sessionItem, next string) {
	t.Helper()
	r := c.API(get, "/account/sessions"+query, nil)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	var out struct {
		Items      []sessionItem
		NextCursor string `json:"next_cursor"`
	}
	r.JSON(t, &out)
	return out.Items, out.NextCursor
}

func currentSession(t *testing.T, c *settingstest.Client) string {
	t.Helper()
	items, _ := sessionsOf(t, c, "")
	require.True(t, items[0].Current, "the present one first")
	return items[0].ID
}

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		first := app.SignUp("ada@example.com", "Ada")
		app.Clock.Advance(time.Second)
		phone := app.Client()
		phone.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1")
		api(t, phone, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
		app.Clock.Advance(time.Second)
		third := app.SignIn("ada@example.com")

		items, next := sessionsOf(t, first, "")
		require.Empty(t, next)
		require.Len(t, items, 3)
		require.True(t, items[0].Current)
		require.Equal(t, "Chrome", items[0].Browser)
		require.Equal(t, "macOS", items[0].OS)
		require.Equal(t, "desktop", items[0].Device)
		require.Equal(t, "127.0.0.1", items[0].IP)
		require.Equal(t, "password", items[0].Method)
		require.Equal(t, "Safari", items[2].Browser)
		require.Equal(t, "phone", items[2].Device)
		raw := string(first.API(get, "/account/sessions", nil).Body)
		for _, c := range []*settingstest.Client{first, phone, third} {
			require.NotContains(t, raw, sessionCookie(t, app, c), "SESS-07: nothing that opens anything")
		}

		api(t, first, del, "/account/sessions/"+items[2].ID, nil, 204)
		refused(t, phone, get, "/account", nil, 401, "unauthenticated")
		refused(t, first, del, "/account/sessions/"+items[2].ID, nil, 404, "not_found")
		for _, bad := range []string{"1", "..%2f", "00000000-0000-0000-0000-000000000000", strings.ToUpper(items[1].ID)} {
			refused(t, first, del, "/account/sessions/"+bad, nil, 404, "not_found")
		}
		// SESS-04: somebody else's does not exist.
		bob := app.SignUp("bob@example.com", "Bob")
		refused(t, bob, del, "/account/sessions/"+items[1].ID, nil, 404, "not_found")
		api(t, third, get, "/account", nil, 200)

		refused(t, first, del, "/account/sessions", nil, 422, "validation_failed")
		refused(t, first, del, "/account/sessions?scope=mine", nil, 422, "validation_failed")
		api(t, first, del, "/account/sessions?scope=others", nil, 204)
		refused(t, third, get, "/account", nil, 401, "unauthenticated")
		api(t, first, get, "/account", nil, 200)
		second := app.SignIn("ada@example.com")
		r := first.API(del, "/account/sessions?scope=all", nil)
		require.Equal(t, 204, r.Status)
		require.Contains(t, r.Header.Get("Set-Cookie"), "Max-Age=0")
		refused(t, first, get, "/account", nil, 401, "unauthenticated")
		refused(t, second, get, "/account", nil, 401, "unauthenticated")
		api(t, bob, get, "/account", nil, 200)
	})
}

func TestSessionPages(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		for range 6 {
			app.Clock.Advance(time.Second)
			app.SignIn("ada@example.com")
		}
		seen := map[string]bool{}
		query := "?limit=3"
		for pages := 1; ; pages++ {
			items, next := sessionsOf(t, c, query)
			for _, s := range items {
				require.False(t, seen[s.ID])
				seen[s.ID] = true
			}
			if next == "" {
				require.Equal(t, 3, pages)
				break
			}
			query = "?limit=3&cursor=" + url.QueryEscape(next)
		}
		require.Len(t, seen, 7)
		for _, bad := range []string{"?limit=0", "?limit=201", "?limit=x", "?limit=-1", "?cursor=nonsense", "?cursor=%00", "?cursor=" + strings.Repeat("A", 2000)} {
			refused(t, c, get, "/account/sessions"+bad, nil, 422, "validation_failed")
		}
	})
}

// SESS-13: activity extends the idle limit and never the absolute one.
func TestSessionLimits(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		idle := app.SignUp("ada@example.com", "Ada")
		active := app.SignIn("ada@example.com")
		app.Clock.Advance(14*24*time.Hour - time.Second)
		api(t, active, get, "/account", nil, 200)
		app.Clock.Advance(time.Second)
		refused(t, idle, get, "/account", nil, 401, "unauthenticated")
		items, _ := sessionsOf(t, active, "")
		require.Len(t, items, 1, "one that has ended is not listed")
		for range 7 {
			api(t, active, get, "/account", nil, 200)
			app.Clock.Advance(10 * 24 * time.Hour)
		}
		api(t, active, get, "/account", nil, 200)
		app.Clock.Advance(6 * 24 * time.Hour)
		refused(t, active, get, "/account", nil, 401, "unauthenticated")
		app.RunJob("security.purge")
	})
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		items, _ := sessionsOf(t, c, "")
		start := items[0].LastUsedAt
		app.Clock.Advance(59 * time.Second)
		items, _ = sessionsOf(t, c, "")
		require.Equal(t, start, items[0].LastUsedAt)
		app.Clock.Advance(time.Second)
		items, _ = sessionsOf(t, c, "")
		require.Equal(t, start.Add(time.Minute), items[0].LastUsedAt)
	})
}

// SESS-01, SESS-02, SESS-17.
func TestSessionCookies(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		c := app.Client()
		planted := strings.Repeat("A", 43)
		r := c.Do(post, "/api/v1/auth/sign-in", http.Header{"Content-Type": {"application/json"}, "Cookie": {"session=" + planted}},
			credentials("ada@example.com", settingstest.Password))
		require.Equal(t, 200, r.Status)
		cookie := r.Header.Get("Set-Cookie")
		require.NotContains(t, cookie, planted)
		for _, part := range []string{"session=", "Path=/", "HttpOnly", "SameSite=Lax"} {
			require.Contains(t, cookie, part)
		}
		require.NotContains(t, cookie, "Domain")
		token := sessionCookie(t, app, c)
		require.Len(t, token, 43)

		both := app.Client()
		r = both.Do(get, "/api/v1/account", http.Header{"Cookie": {"session=" + token + "; session=" + planted}}, nil)
		require.Equal(t, 401, r.Status, "of two cookies one was planted")
		r = both.Do(get, "/api/v1/account", http.Header{"Cookie": {"session=" + strings.Repeat("x", 10_000)}}, nil)
		require.Equal(t, 401, r.Status)

		api(t, c, post, "/auth/sign-out", nil, 204)
		require.Empty(t, sessionCookie(t, app, c))
		replay := app.Client()
		replay.Token = token
		refused(t, replay, get, "/account", nil, 401, "unauthenticated")
	})
}

func TestPasswordChange(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		other := app.SignIn("ada@example.com")
		r := refused(t, c, put, "/account/password", object{"current_password": "wrong horse 42", "password": "another horse 7"}, 422, "validation_failed")
		require.Equal(t, map[string]string{"current_password": "wrong_password"}, r.Fields())
		r = refused(t, c, put, "/account/password", object{"password": "short"}, 422, "validation_failed")
		require.Equal(t, map[string]string{"current_password": "required", "password": "too_short"}, r.Fields())
		api(t, other, get, "/account", nil, 200)

		app.Clock.Advance(time.Hour) // the current password is the proof
		api(t, c, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		me := api(t, c, get, "/account", nil, 200)
		require.NotNil(t, me["password_changed_at"])
		refused(t, other, get, "/account", nil, 401, "unauthenticated")
		refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 401, "invalid_credentials")
		api(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", "another horse 7"), 200)
		m := app.Mail.Last("ada@example.com", "security.password_changed")
		require.Contains(t, m.Text, "Chrome")
		require.NotContains(t, m.Text, "another horse")
		// The change itself was a fresh proof.
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
	})
}
