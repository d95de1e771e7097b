package settings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

// door is an endpoint that accepts a secret: through it somebody guesses once.
type door func() settingstest.Response

// One budget over every endpoint that checks the same secret: ten guesses,
// whichever doors they go through, close all of them. It is one for programs and
// unknown browsers, and another for a browser that the person signed in from.
func TestBudgetsAreShared(t *testing.T) {
	passwords := func(t *testing.T, a *app2, c *settingstest.Client, stranger func() *settingstest.Client) []door {
		const guess = "guess number 1"
		return []door{
			func() settingstest.Response { return stranger().API(post, "/auth/sign-in", credentials(ada, guess)) },
			func() settingstest.Response {
				return c.API(post, "/auth/reauthenticate", object{"method": "password", "password": guess})
			},
			func() settingstest.Response {
				return c.API(put, "/account/password", object{"current_password": guess, "password": "another horse 7"})
			},
			func() settingstest.Response { return c.API(post, "/account/totp/disable", object{"password": guess}) },
		}
	}
	codes := func(t *testing.T, a *app2, c *settingstest.Client, stranger func() *settingstest.Client) []door {
		return []door{
			func() settingstest.Response {
				s := stranger()
				api(t, s, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
				return s.API(post, "/auth/second-factor", byCode("000000"))
			},
			func() settingstest.Response { return c.API(post, "/auth/reauthenticate", byCode("000000")) },
			func() settingstest.Response {
				return c.API(post, "/account/totp/disable", object{"password": settingstest.Password, "code": "000000"})
			},
		}
	}
	backup := func(t *testing.T, a *app2, c *settingstest.Client, stranger func() *settingstest.Client) []door {
		return []door{
			func() settingstest.Response {
				s := stranger()
				api(t, s, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
				return s.API(post, "/auth/second-factor", byBackup("00000000-00000000"))
			},
			func() settingstest.Response {
				return c.API(post, "/auth/reauthenticate", byBackup("00000000-00000000"))
			},
			func() settingstest.Response {
				return c.API(post, "/account/totp/disable", object{"password": settingstest.Password, "code": "00000000-00000000"})
			},
		}
	}
	for name, doorsOf := range map[string]func(*testing.T, *app2, *settingstest.Client, func() *settingstest.Client) []door{
		"password": passwords, "code": codes, "backup code": backup,
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, app *settingstest.App) {
				a := twoFactor(t, app)
				known := func() *settingstest.Client { return a.c }
				closes(t, doorsOf(t, a, a.c, known))
				// Nothing of that is taken from anybody else.
				program := app.Client()
				out := api(t, program, post, "/auth/sign-in", with(credentials(ada, settingstest.Password), object{"transport": "token"}), 200)
				out = api(t, program, post, "/auth/second-factor", with(byCode(a.code()), object{"challenge": out["challenge"]}), 200)
				program.Token = out["session_token"].(string)
				app.Clock.Advance(time.Minute) // half of a sign-in costs a guess
				closes(t, doorsOf(t, a, program, app.Client))
				app.Clock.Advance(2 * time.Hour)
				api(t, app.Client(), post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
			})
		})
	}
}

func closes(t *testing.T, doors []door) {
	t.Helper()
	for i := range 10 {
		require.NotEqual(t, 429, doors[i%len(doors)]().Status, "guess %d", i)
	}
	for i, try := range doors {
		require.Equal(t, 429, try().Status, "door %d", i)
	}
}

// The door that confirms a new app has the same budget as all others, though
// what it checks is not yet a factor.
func TestConfirmingIsBounded(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		api(t, c, post, "/account/totp", nil, 201)
		for range 10 {
			refused(t, c, post, "/account/totp/confirm", object{"code": "000000"}, 401, "invalid_code")
		}
		refused(t, c, post, "/account/totp/confirm", object{"code": "000000"}, 429, "rate_limited")
	})
}
