package settings_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

func TestSignUp(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.Client()
		api(t, c, post, "/auth/sign-up", object{"email": "Ada.L@Example.com"}, 202)
		mail := app.Mail.Last("Ada.L@Example.com", "account.sign_up")
		require.Contains(t, mail.Text, app.URL+"/sign-up/complete?token=")

		in := object{
			"token": app.LinkToken("Ada.L@Example.com", "account.sign_up"), "name": "  Ada Lovelace ",
			"password": "analytical 1843", "timezone": "Europe/London", "locale": "de",
		}
		r := c.API(post, "/auth/sign-up/complete", in)
		require.Equal(t, 201, r.Status, "%s", r.Body)
		var answer struct {
			Status, SessionToken string
			User                 object
		}
		r.JSON(t, &answer)
		require.Equal(t, "signed_in", answer.Status)
		require.Empty(t, answer.SessionToken, "the cookie carries it")

		me := api(t, c, get, "/account", nil, 200)
		require.Equal(t, "Ada Lovelace", me["name"])
		require.Equal(t, "Ada.L@Example.com", me["email"], "kept as typed")
		require.Equal(t, "Europe/London", me["timezone"])
		require.Equal(t, "de", me["locale"])
		require.Equal(t, true, me["has_password"])
		require.Nil(t, me["pending_email"])
		require.Equal(t, answer.User["id"], me["id"])

		refused(t, app.Client(), post, "/auth/sign-up/complete", in, 410, "link_gone")
		other := app.Client()
		api(t, other, post, "/auth/sign-in", object{"email": "ada.l@example.COM", "password": "analytical 1843"}, 200)
	})
}

// SIGN-07, INV-9: nothing tells whether an address has an account.
func TestSignUpTellsNothing(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("ada@example.com", "Ada")
		fresh := app.Client().API(post, "/auth/sign-up", object{"email": "new@example.com"})
		taken := app.Client().API(post, "/auth/sign-up", object{"email": "ADA@example.com"})
		require.Equal(t, fresh.Status, taken.Status)
		require.Equal(t, string(fresh.Body), string(taken.Body))
		for _, h := range []http.Header{fresh.Header, taken.Header} {
			h.Del("X-Request-Id")
			h.Del("Date")
		}
		require.Equal(t, fresh.Header, taken.Header)
		require.Equal(t, []string{"account.sign_up"}, kinds(app, "new@example.com"))

		notice := app.Mail.Last("ada@example.com", "account.exists")
		require.Contains(t, notice.Text, app.URL+"/sign-in")
		require.NotContains(t, notice.Text, "token=")
		require.NotContains(t, kinds(app, "ADA@example.com"), "account.exists", "written to the stored address alone")
	})
}

// Several links may be under way: the first one that is used wins, and the
// others tell their holder that the address has an account now.
func TestSignUpLinks(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.Client()
		api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		first := app.LinkToken("ada@example.com", "account.sign_up")
		api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		second := app.LinkToken("ada@example.com", "account.sign_up")
		require.NotEqual(t, first, second)
		in := object{"token": second, "name": "Ada", "password": settingstest.Password}
		api(t, c, post, "/auth/sign-up/complete", in, 201)
		in["token"] = first
		refused(t, app.Client(), post, "/auth/sign-up/complete", in, 409, "email_taken")

		api(t, c, post, "/auth/sign-up", object{"email": "late@example.com"}, 202)
		in["token"] = app.LinkToken("late@example.com", "account.sign_up")
		app.Clock.Advance(24 * time.Hour)
		refused(t, app.Client(), post, "/auth/sign-up/complete", in, 410, "link_gone")
	})
}

// Input that is refused names each field, and does not use the link up.
func TestSignUpRefusesInput(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.Client()
		api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		token := app.LinkToken("ada@example.com", "account.sign_up")
		try := func(change object) map[string]string {
			t.Helper()
			in := object{"token": token, "name": "Ada", "password": settingstest.Password}
			for k, v := range change {
				in[k] = v
			}
			return refused(t, c, post, "/auth/sign-up/complete", in, 422, "validation_failed").Fields()
		}
		require.Equal(t, map[string]string{"name": "required", "password": "too_short", "timezone": "invalid_timezone", "locale": "invalid_locale"},
			try(object{"name": " ", "password": "abc", "timezone": "Mars/Base", "locale": "xx"}))
		require.Equal(t, map[string]string{"name": "too_long"}, try(object{"name": strings.Repeat("a", 101)}))
		require.Equal(t, map[string]string{"name": "invalid_characters"}, try(object{"name": "Ada\u202Eevil"}))
		require.Equal(t, map[string]string{"password": "needs_digit"}, try(object{"password": "no digits here"}))
		require.Equal(t, map[string]string{"password": "common_password"}, try(object{"password": "password123"}))
		require.Equal(t, map[string]string{"password": "too_long"}, try(object{"password": strings.Repeat("a1", 513)}))
		require.Equal(t, map[string]string{"password": "invalid_type"}, try(object{"password": nil}))
		// SIGN-12: nobody makes themselves more than they are.
		require.Equal(t, map[string]string{"role": "unknown_field", "email_verified": "unknown_field"},
			try(object{"role": "owner", "email_verified": true}))
		require.Equal(t, map[string]string{"Name": "unknown_field"}, try(object{"Name": "Eve"}))
		require.Equal(t, map[string]string{"transport": "invalid"}, try(object{"transport": "fax"}))
		api(t, c, post, "/auth/sign-up/complete", object{"token": token, "name": "Ada", "password": settingstest.Password}, 201)
	})
}

// SIGN-08, SIGN-09, SIGN-11: one spelling, one account; what could be read in two
// ways is no address.
func TestSignUpAddresses(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp("victim@example.com", "Victim")
		for _, s := range []string{
			"", "victim", "victim@example.com.", `"victim@example.com"@evil.test`, "victim@example.com@evil.test",
			"=?utf-8?q?x=40evil?=@example.com", "x@example.com(evil)", "Ann <victim@example.com>", "victim@example",
			"v\u0131ctim@example.com", "victim\uff20example.com", "vic\u00adtim@example.com", "vic\u200dtim@example.com",
			"\u212Aelvin@example.com", "victim@example.com\nCc: a@evil.test", "victim@example.com,a@evil.test",
			"victim@example.com;a@evil.test", strings.Repeat("a", 250) + "@example.com",
		} {
			for _, path := range []string{"/auth/sign-up", "/auth/password/forgot"} {
				r := app.Client().API(post, path, object{"email": s})
				require.Equal(t, 422, r.Status, "%q", s)
				require.Contains(t, r.Fields(), "email", "%q", s)
				if s != "" {
					require.NotContains(t, string(r.Body), s, "never echoed")
				}
			}
		}
		// RSET-01: the address is one string.
		for _, body := range []string{
			`{"email":["victim@example.com","a@evil.test"]}`, `{"email":{"a":"b"}}`, `{"email":null}`, `{"email":1}`,
		} {
			refused(t, app.Client(), post, "/auth/password/forgot", body, 422, "validation_failed")
		}
		refused(t, app.Client(), post, "/auth/password/forgot", `{"email":"victim@example.com","email":"a@evil.test"}`, 400, "malformed")
		require.NotContains(t, kinds(app, "victim@example.com"), "security.reset")
		for _, same := range []string{"Victim@Example.COM", " victim@example.com "} {
			api(t, app.Client(), post, "/auth/sign-up", object{"email": same}, 202)
		}
		require.Len(t, app.Mail.To("victim@example.com"), 3, "two notices after the first link")
	})
}

// RSET-11: an address is not flooded, the answer stays the same, and the last
// link still works.
func TestMailsToOneAddressAreBounded(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		for range 20 {
			api(t, app.Client(), post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		}
		require.Len(t, app.Mail.To("ada@example.com"), 5)
		api(t, app.Client(), post, "/auth/sign-up/complete", object{
			"token": app.LinkToken("ada@example.com", "account.sign_up"), "name": "Ada", "password": settingstest.Password,
		}, 201)
		app.Clock.Advance(time.Hour)
		for range 20 {
			api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
		}
		require.LessOrEqual(t, len(app.Mail.To("ada@example.com")), 10)
		api(t, app.Client(), post, "/auth/password/reset", object{
			"token": app.LinkToken("ada@example.com", "security.reset"), "password": "another horse 7",
		}, 204)
	})
}
