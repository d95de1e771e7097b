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

func credentials(email, password string) object { return object{"email": email, "password": password} }

// AUTH-01: one answer for an unknown address and a wrong password.
func TestSignInTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		wrong := refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42"), 401, "invalid_credentials")
		unknown := refused(t, app.Client(), post, "/auth/sign-in", credentials("bob@example.com", "wrong horse 42"), 401, "invalid_credentials")
		require.Equal(t, string(wrong.Body), string(unknown.Body))
		for _, h := range []http.Header{wrong.Header, unknown.Header} {
			h.Del("X-Request-Id")
			h.Del("Date")
		}
		require.Equal(t, wrong.Header, unknown.Header)
		require.Empty(t, wrong.Header.Get("Set-Cookie"))
	})
}

// AUTH-08, AUTH-09: nothing stands for a password but the password.
func TestSignInPasswords(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.Client()
		api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		password := "Ünïcode pass " + strings.Repeat("x", 300) + " 1"
		api(t, c, post, "/auth/sign-up/complete", object{
			"token": app.LinkToken("ada@example.com", "account.sign_up"), "name": "Ada", "password": password,
		}, 201)
		for _, body := range []string{
			`{"email":"ada@example.com"}`, `{"email":"ada@example.com","password":null}`, `{"email":"ada@example.com","password":""}`,
			`{"email":"ada@example.com","password":[]}`, `{"email":"ada@example.com","password":{}}`, `{"email":"ada@example.com","password":0}`,
			`{"email":"ada@example.com","password":"` + strings.Repeat("x", 1025) + `"}`,
		} {
			refused(t, app.Client(), post, "/auth/sign-in", body, 422, "validation_failed")
		}
		for _, near := range []string{
			password + " ", " " + password, password[:len(password)-1], strings.ToLower(password), password + "x",
		} {
			app.Clock.Advance(time.Minute)
			refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", near), 401, "invalid_credentials")
		}
		// NFKC: the same password typed on a keyboard that composes differently.
		decomposed := "U\u0308ni\u0308code pass " + strings.Repeat("x", 300) + " 1"
		api(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", decomposed), 200)
	})
}

// AUTH-02, AUTH-06: of guesses at once, in every spelling, no more get through
// than the limit says.
func TestSignInLimit(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("v@example.com", "V")
		spellings := []string{"v@example.com", "V@EXAMPLE.com", " v@example.com ", "V@example.COM"}
		var checked, limited atomic.Int32
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				c := app.Client()
				// AUTH-03: a header that nobody vouches for makes no new network.
				c.Header.Set("X-Forwarded-For", "198.51.100."+string(rune('0'+i%10)))
				switch r := c.API(post, "/auth/sign-in", credentials(spellings[i%4], "guess number 1")); r.Status {
				case 401:
					checked.Add(1)
				case 429:
					limited.Add(1)
					if r.Header.Get("Retry-After") == "" {
						t.Error("429 without Retry-After")
					}
				default:
					t.Errorf("status %d: %s", r.Status, r.Body)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 10, checked.Load())
		require.EqualValues(t, 30, limited.Load())
		// AUTH-05: the rightful owner waits, and gets in.
		refused(t, app.Client(), post, "/auth/sign-in", credentials("v@example.com", settingstest.Password), 429, "rate_limited")
		app.Clock.Advance(time.Minute)
		app.SignIn("v@example.com")
	})
}

// AUTH-04: somebody who signs in to an account of their own between guesses gains
// nothing.
func TestSignInSuccessClearsNothingOfOthers(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("v@example.com", "V")
		app.SignUp("a@example.com", "A")
		guesses := 0
		for range 5 {
			for range 4 {
				if app.Client().API(post, "/auth/sign-in", credentials("v@example.com", "guess number 1")).Status == 401 {
					guesses++
				}
			}
			app.SignIn("a@example.com")
		}
		require.Equal(t, 10, guesses)
	})
}

func TestSignInByToken(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		c := app.Client()
		in := credentials("ada@example.com", settingstest.Password)
		in["transport"] = "token"
		r := c.API(post, "/auth/sign-in", in)
		require.Equal(t, 200, r.Status)
		require.Empty(t, r.Header.Get("Set-Cookie"))
		var answer struct {
			SessionToken string `json:"session_token"`
		}
		r.JSON(t, &answer)
		cli := app.Client()
		cli.Header = http.Header{} // no browser
		cli.Token = answer.SessionToken
		api(t, cli, get, "/account", nil, 200)
		api(t, cli, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		api(t, cli, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		api(t, cli, get, "/account", nil, 200)

		// A Bearer beside a cookie decides alone.
		browser := app.Client()
		api(t, browser, post, "/auth/sign-in", credentials("ada@example.com", "another horse 7"), 200)
		browser.Token = "nonsense"
		refused(t, browser, get, "/account", nil, 401, "unauthenticated")

		api(t, cli, post, "/auth/sign-out", nil, 204)
		refused(t, cli, get, "/account", nil, 401, "unauthenticated")
	})
}

// AUTH-13, SESS-16.
func TestStrangeAuthorization(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		for _, h := range [][]string{
			{"Bearer"}, {"Bearer %"}, {"Bearer "}, {"Basic ===="}, {"Bearer \xff\xfe"}, {"Bearer a", "Bearer b"}, {"Bearer " + strings.Repeat("x", 32<<10)},
		} {
			r := c.Do(get, "/api/v1/account", http.Header{"Authorization": h}, nil)
			require.Contains(t, []int{400, 401}, r.Status, "%q", h)
		}
		in := credentials("ada@example.com", settingstest.Password)
		in["transport"] = "token"
		token, _ := api(t, app.Client(), post, "/auth/sign-in", in, 200)["session_token"].(string)
		require.NotEmpty(t, token)
		for _, q := range []string{"?access_token=", "?session=", "?session_token="} {
			refused(t, app.Client(), get, "/account"+q+token, nil, 401, "unauthenticated")
		}
	})
}

func TestStepUp(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		app.Clock.Advance(10*time.Minute + time.Second)
		r := refused(t, c, post, "/account/email", object{"email": "not an address"}, 401, "reauthentication_required")
		require.Contains(t, string(r.Body), `"methods":["password"]`)
		require.Contains(t, r.Header.Get("WWW-Authenticate"), `error="insufficient_user_authentication"`)
		require.Contains(t, r.Header.Get("WWW-Authenticate"), "max_age=600")

		refused(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": "wrong horse 42"}, 401, "invalid_credentials")
		refused(t, c, post, "/auth/reauthenticate", object{"method": "carrier pigeon"}, 422, "validation_failed")
		refused(t, c, post, "/account/email", object{"email": "new@example.com"}, 401, "reauthentication_required")

		before := sessionCookie(t, app, c)
		api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		require.NotEqual(t, before, sessionCookie(t, app, c), "SESS-01: a new token at each proof")
		old := app.Client()
		old.Token = before
		refused(t, old, get, "/account", nil, 401, "unauthenticated")
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)

		// Another person's password proves nothing here.
		app.SignUp("bob@example.com", "Bob")
		app.Clock.Advance(time.Hour)
		refused(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": "wrong horse 42"}, 401, "invalid_credentials")
	})
}
