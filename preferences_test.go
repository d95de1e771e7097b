package settings_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// onPlan is the product with every organization on a plan.
func onPlan(t *testing.T, plan string, test func(t *testing.T, app *settingstest.App)) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plans, ok := orgs.FixedPlan(plan)
		require.True(t, ok)
		test(t, settingstest.Start(t, settings.Config{
			Store: db, Limiter: wide{}, Entitlements: plans, PostalAddress: "Acme Inc., 1 Main Street, Springfield",
			Links: settings.Links{Notifications: "/projects/notifications"},
		}))
	})
}

func state(enabled, locked, byDefault bool) object {
	return object{"enabled": enabled, "locked": locked, "default": byDefault}
}

func TestEmailPreferencesByTheAPI(t *testing.T) {
	const path = "/account/email-preferences"
	onPlan(t, "free", func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		api(t, c, post, "/orgs", object{"name": "Engines"}, 201)
		free := object{
			"weekly_digest": state(true, false, true), "plan_limit_warnings": state(true, true, true),
			"product_updates": state(false, false, false), "retention_nudges": state(true, false, true),
		}
		require.Equal(t, free, api(t, c, get, path, nil, 200))
		require.Equal(t, free, api(t, c, patch, path, object{}, 200))
		refused(t, c, patch, path, object{"plan_limit_warnings": false, "weekly_digest": false}, 409, "locked_by_plan")
		require.Equal(t, free, api(t, c, get, path, nil, 200))
		for _, body := range []object{{"security": false}, {"billing_failures": false}, {"weekly_digest": "no"}, {"weekly_digest": nil}} {
			refused(t, c, patch, path, body, 422, "validation_failed")
		}
		free["weekly_digest"] = state(false, false, true)
		free["product_updates"] = state(true, false, false)
		require.Equal(t, free, api(t, c, patch, path, object{"weekly_digest": false, "product_updates": true, "plan_limit_warnings": true}, 200))
		require.Equal(t, free, api(t, c, get, path, nil, 200))
		refused(t, app.Client(), get, path, nil, 401, "unauthenticated")
	})
	onPlan(t, "business", func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		require.Equal(t, state(true, true, true), api(t, c, get, path, nil, 200)["plan_limit_warnings"], "without an organization")
		api(t, c, post, "/orgs", object{"name": "Engines"}, 201)
		got := api(t, c, patch, path, object{"plan_limit_warnings": false}, 200)
		require.Equal(t, state(false, false, true), got["plan_limit_warnings"])
		require.Equal(t, state(false, false, false), got["retention_nudges"])
	})
}

// The page works without a script, stores what was changed alone, and explains what
// the plan decides.
func TestEmailPreferencesPage(t *testing.T) {
	onPlan(t, "free", func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		page := string(c.Get("/settings/email").Body)
		require.Contains(t, page, `name="weekly_digest" value="on" checked`)
		require.Contains(t, page, `name="plan_limit_warnings" value="on" checked disabled`)
		require.Contains(t, page, "Decided by the plan")
		require.Contains(t, page, `href="/projects/notifications"`)
		require.Contains(t, page, "Failed payments")

		r := c.Form("/settings/email/save", url.Values{"weekly_digest": {"on"}})
		require.Equal(t, 303, r.Status)
		page = string(c.Get(strings.Split(r.Header.Get("Location"), "#")[0]).Body)
		require.Contains(t, page, "Saved")
		require.NotContains(t, page, `name="retention_nudges" value="on" checked`)
		require.Contains(t, page, `name="weekly_digest" value="on" checked`)

		log := string(c.API(get, "/account/security-events", nil).Body)
		require.Contains(t, log, `{"field":"retention_nudges","before":"on_by_default","after":"off"}`)
		require.NotContains(t, log, "weekly_digest", "a box that was left alone is no choice")
		require.Equal(t, 303, app.Client().Get("/settings/email").Status, "to sign in")
	})
}

// Who signs up is told which mails come unasked, and where they are opt-in there are
// none.
func TestSignUpSaysWhichMailsAreOn(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		require.NotContains(t, string(app.Client().Get("/sign-up").Body), "You will also get", "without a postal address nothing is sent")
	})
	for optIn, says := range map[bool]bool{false: true, true: false} {
		app := settingstest.Start(t, settings.Config{PostalAddress: "1 Main Street", OptInOnly: optIn})
		c := app.Client()
		api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		for _, path := range []string{"/sign-up", "/sign-up/complete?token=" + app.LinkToken("ada@example.com", "account.sign_up")} {
			page := string(c.Get(path).Body)
			require.Equal(t, says, strings.Contains(page, "Reminders when you have been away"), path)
			require.NotContains(t, page, "Weekly digest", "no host tells of the week")
		}
	}
}

// PREF-01, PREF-02, PREF-06: a mail program posts without a cookie, from anywhere, and
// is answered 200 without a redirect; GET asks; what is no link is 404 for all.
func TestOneClickUnsubscribe(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		w := newWorld(t, db)
		h := w.human()
		path := "/unsubscribe?token=" + h.unsubscribeToken(1)
		enabled := func() bool {
			all, err := w.app.Notify.Preferences(t.Context(), h.actor())
			require.NoError(t, err)
			return all[0].Enabled
		}
		page := w.app.Client().Get(path)
		require.Equal(t, 200, page.Status)
		require.Contains(t, string(page.Body), `action="/unsubscribe"`)
		require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
		require.NotContains(t, string(page.Body), h.email, "it reads nothing")
		require.True(t, enabled(), "a scanner that opens the link changes nothing")

		stranger := w.app.Client()
		stranger.Header = http.Header{}
		for _, from := range []http.Header{
			{}, {"Origin": {"null"}}, {"Origin": {"https://mail.example"}}, {"Sec-Fetch-Site": {"cross-site"}},
		} {
			h2 := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			for k, v := range from {
				h2[k] = v
			}
			r := stranger.Do(post, path, h2, "List-Unsubscribe=One-Click")
			require.Equal(t, 200, r.Status, from)
			require.Empty(t, r.Header.Get("Set-Cookie"))
			require.False(t, enabled())
		}
		multipart := "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"
		require.Equal(t, 200, stranger.Do(post, path, http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, multipart).Status)
		require.Equal(t, object{"category": "weekly_digest"}, api(t, stranger, post, path, nil, 200))

		button := w.human()
		require.Equal(t, 200, w.app.Client().Form("/unsubscribe", url.Values{"token": {button.unsubscribeToken(4)}}).Status)
		for _, token := range []string{"", "x", button.unsubscribeToken(9), path[len("/unsubscribe?token=") : len(path)-1], strings.Repeat("A", 66)} {
			at := "/unsubscribe?token=" + token
			for _, r := range []settingstest.Response{
				stranger.Get(at), stranger.Form(at, url.Values{"List-Unsubscribe": {"One-Click"}}), stranger.API(post, at, nil),
			} {
				require.Equal(t, 404, r.Status, token)
			}
		}
		forged := stranger.Do(post, "/settings/email/save", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://mail.example"}}, "")
		require.Equal(t, 403, forged.Status, "no other form may come from elsewhere")
		require.NotContains(t, w.logs.text(), path[len("/unsubscribe?token="):])
	})
}
