package settings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

func TestEmailChange(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		other := app.SignIn("ada@example.com")
		refused(t, c, get, "/account/email/pending", nil, 404, "not_found")
		api(t, c, post, "/account/email", object{"email": "Ada@New.example"}, 202)
		require.Equal(t, "Ada@New.example", api(t, c, get, "/account/email/pending", nil, 200)["email"])
		me := api(t, c, get, "/account", nil, 200)
		require.Equal(t, "ada@example.com", me["email"], "MAIL-02: the old one stays until the new one is proven")
		require.Equal(t, "Ada@New.example", me["pending_email"])
		require.Contains(t, kinds(app, "ada@example.com"), "account.email_change_requested", "the old address is told at once")
		refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@new.example", settingstest.Password), 401, "invalid_credentials")

		token := app.LinkToken("Ada@New.example", "account.confirm_email")
		bob := app.SignUp("bob@example.com", "Bob")
		// MAIL-04: whoever is signed in where the link is opened.
		api(t, bob, post, "/account/email/confirm", object{"token": token}, 204)
		require.Equal(t, "bob@example.com", api(t, bob, get, "/account", nil, 200)["email"])
		me = api(t, c, get, "/account", nil, 200)
		require.Equal(t, "Ada@New.example", me["email"])
		require.Nil(t, me["pending_email"])
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": token}, 410, "link_gone")
		refused(t, other, get, "/account", nil, 401, "unauthenticated") // SESS-05
		require.Contains(t, kinds(app, "ada@example.com"), "account.email_changed")
		refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 401, "invalid_credentials")
		api(t, app.Client(), post, "/auth/sign-in", credentials("ada@new.example", settingstest.Password), 200)
	})
}

// MAIL-05: the answer does not tell that an address belongs to somebody.
func TestEmailChangeToATakenAddress(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		app.SignUp("bob@example.com", "Bob")
		free := api(t, c, post, "/account/email", object{"email": "free@example.com"}, 202)
		taken := api(t, c, post, "/account/email", object{"email": "BOB@example.com"}, 202)
		require.Equal(t, "BOB@example.com", taken["email"])
		require.Len(t, taken, len(free))
		require.Equal(t, "BOB@example.com", api(t, c, get, "/account", nil, 200)["pending_email"])
		require.Contains(t, kinds(app, "bob@example.com"), "account.email_in_use")
		require.NotContains(t, kinds(app, "BOB@example.com"), "account.confirm_email")

		// Taken between request and confirmation. MAIL-06: a pending change
		// reserves nothing.
		api(t, c, post, "/account/email", object{"email": "carol@example.com"}, 202)
		token := app.LinkToken("carol@example.com", "account.confirm_email")
		app.SignUp("carol@example.com", "Carol")
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": token}, 409, "email_taken")
		require.Equal(t, "ada@example.com", api(t, c, get, "/account", nil, 200)["email"])
	})
}

// A pending change dies with what it was asked under. SIGN-04, MAIL-08.
func TestEmailChangeDies(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		keeper := app.SignIn("ada@example.com")
		ask := func(c *settingstest.Client) string {
			t.Helper()
			app.Clock.Advance(time.Hour)
			api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
			api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
			return app.LinkToken("new@example.com", "account.confirm_email")
		}
		dead := func(what, token string) {
			t.Helper()
			r := app.Client().API(post, "/account/email/confirm", object{"token": token})
			require.Equal(t, 410, r.Status, what)
			require.Equal(t, "ada@example.com", api(t, keeper, get, "/account", nil, 200)["email"], what)
			refused(t, keeper, get, "/account/email/pending", nil, 404, "not_found")
		}
		dead("expired", func() string { tok := ask(keeper); app.Clock.Advance(24 * time.Hour); return tok }())

		canceled := ask(keeper)
		api(t, keeper, del, "/account/email/pending", nil, 204)
		dead("canceled", canceled)

		first := ask(keeper)
		second := ask(keeper)
		r := app.Client().API(post, "/account/email/confirm", object{"token": first})
		require.Equal(t, 410, r.Status, "superseded")
		api(t, keeper, del, "/account/email/pending", nil, 204)
		dead("canceled, too", second)

		thief := app.SignIn("ada@example.com")
		stolen := ask(thief)
		api(t, keeper, del, "/account/sessions/"+currentSession(t, thief), nil, 204)
		dead("session revoked", stolen)

		thief = app.SignIn("ada@example.com")
		stolen = ask(thief)
		api(t, keeper, del, "/account/sessions?scope=others", nil, 204)
		dead("others signed out", stolen)

		mine := ask(keeper)
		api(t, keeper, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		dead("password changed", mine)
	})
}

func TestEmailChangeIsCanceledFromTheOldAddress(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
		confirm := app.LinkToken("new@example.com", "account.confirm_email")
		undo := app.LinkToken("ada@example.com", "account.email_change_requested")
		refused(t, app.Client(), post, "/account/email/undo", object{"token": confirm}, 410, "link_gone")
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": undo}, 410, "link_gone")
		api(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 204)
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": confirm}, 410, "link_gone")
		refused(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 410, "link_gone")
		api(t, c, get, "/account", nil, 200)
	})
}

func TestEmailChangeIsUndone(t *testing.T) {
	for name, kind := range map[string]string{"by the first mail": "account.email_change_requested", "by the second": "account.email_changed"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, app *settingstest.App) {
				thief := app.SignUp("ada@example.com", "Ada")
				api(t, thief, post, "/account/email", object{"email": "thief@evil.example"}, 202)
				api(t, app.Client(), post, "/account/email/confirm", object{"token": app.LinkToken("thief@evil.example", "account.confirm_email")}, 204)
				undo := app.LinkToken("ada@example.com", kind)

				// For 7 days nobody else can take the old address.
				app.Clock.Advance(7*24*time.Hour - time.Minute)
				api(t, app.Client(), post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
				in := object{"token": app.LinkToken("ada@example.com", "account.sign_up"), "name": "Eve", "password": settingstest.Password}
				refused(t, app.Client(), post, "/auth/sign-up/complete", in, 409, "email_taken")

				api(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 204)
				refused(t, thief, get, "/account", nil, 401, "unauthenticated")
				for _, email := range []string{"ada@example.com", "thief@evil.example"} {
					refused(t, app.Client(), post, "/auth/sign-in", credentials(email, settingstest.Password), 401, "invalid_credentials")
				}
				api(t, app.Client(), post, "/auth/password/reset", object{
					"token": app.LinkToken("ada@example.com", "security.reset"), "password": "another horse 7",
				}, 204)
				c := app.Client()
				api(t, c, post, "/auth/sign-in", credentials("ada@example.com", "another horse 7"), 200)
				require.Equal(t, "ada@example.com", api(t, c, get, "/account", nil, 200)["email"])
				refused(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 410, "link_gone")
				app.SignUp("thief@evil.example", "free again")
			})
		})
	}
}

func TestEmailUndoEnds(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
		api(t, c, post, "/account/email/confirm", object{"token": app.LinkToken("new@example.com", "account.confirm_email")}, 204)
		undo := app.LinkToken("ada@example.com", "account.email_changed")
		app.Clock.Advance(7 * 24 * time.Hour)
		refused(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 410, "link_gone")
		app.SignUp("ada@example.com", "Somebody else")
	})
}

func TestEmailChangeToOneself(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		r := refused(t, c, post, "/account/email", object{"email": "ada@example.com"}, 422, "validation_failed")
		require.Equal(t, map[string]string{"email": "same_email"}, r.Fields())
		// Another spelling of the same address is a change like any other.
		api(t, c, post, "/account/email", object{"email": "Ada@example.com"}, 202)
		api(t, c, post, "/account/email/confirm", object{"token": app.LinkToken("Ada@example.com", "account.confirm_email")}, 204)
		require.Equal(t, "Ada@example.com", api(t, c, get, "/account", nil, 200)["email"])
		app.SignIn("ada@example.com")
	})
}
