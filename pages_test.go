package settings_test

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

var continuePattern = regexp.MustCompile(`name="continue" value="([^"]*)"`)

func continuation(t *testing.T, r settingstest.Response) string {
	t.Helper()
	m := continuePattern.FindSubmatch(r.Body)
	require.NotNil(t, m, "%s", r.Body)
	return html.UnescapeString(string(m[1]))
}

// A person without a script signs up, edits the profile, and signs out.
func TestPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.Client()
		r := c.Get("/")
		require.Equal(t, "/sign-in", r.Header.Get("Location"))
		r = c.Form("/sign-up", url.Values{"email": {"not an address"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="not an address"`, "what was typed is kept")
		r = c.Form("/sign-up", url.Values{"email": {"ada@example.com"}})
		require.Equal(t, 303, r.Status)
		require.Equal(t, 200, c.Get(r.Header.Get("Location")).Status)
		in := url.Values{"token": {app.LinkToken("ada@example.com", "account.sign_up")}, "name": {"Ada"}, "password": {"short"}, "timezone": {"Europe/London"}, "locale": {"en"}}
		r = c.Form("/sign-up/complete", in)
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="Ada"`)
		require.NotContains(t, string(r.Body), `value="short"`, "passwords are never sent back")
		in.Set("password", settingstest.Password)
		r = c.Form("/sign-up/complete", in)
		require.Equal(t, "/settings/profile", r.Header.Get("Location"))
		require.Equal(t, "/settings/profile", c.Get("/").Header.Get("Location"))

		r = c.Form("/settings/profile/about", url.Values{"name": {""}, "timezone": {"Asia/Kolkata"}, "locale": {"de"}})
		require.Equal(t, 422, r.Status)
		r = c.Form("/settings/profile/about", url.Values{"name": {"Ada L"}, "timezone": {"Asia/Kolkata"}, "locale": {"de"}})
		require.Equal(t, "/settings/profile?saved=about#about", r.Header.Get("Location"))
		page := c.Get("/settings/profile?saved=about")
		require.Contains(t, string(page.Body), `lang="de"`)
		require.Contains(t, string(page.Body), "Asia/Kolkata")

		r = c.Form("/settings/security/password", url.Values{"current_password": {"wrong horse 42"}, "password": {"another horse 7"}})
		require.Equal(t, 422, r.Status)
		r = c.Form("/settings/security/password", url.Values{"current_password": {settingstest.Password}, "password": {"another horse 7"}})
		require.Equal(t, "/settings/security?saved=password#password", r.Header.Get("Location"))
		require.Equal(t, 200, c.Get("/settings/security").Status)

		other := app.Client()
		require.Equal(t, 303, other.Form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"another horse 7"}}).Status)
		require.Equal(t, 303, c.Form("/settings/security/sessions/revoke", url.Values{"session": {currentSession(t, other)}}).Status)
		r = other.Get("/settings/security")
		require.Contains(t, r.Header.Get("Location"), "notice=expired")
		require.Equal(t, 303, c.Form("/settings/security/sessions/revoke", url.Values{"session": {"nonsense"}}).Status)
		r = c.Form("/settings/security/sessions/revoke-all", nil)
		require.Equal(t, "/sign-in?notice=signed_out_everywhere", r.Header.Get("Location"))
		require.Equal(t, 303, c.Get("/settings/profile").Status)
		r = c.Form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {"wrong horse 42"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="ada@example.com"`)
		for _, path := range []string{"/settings/profile/about", "/settings/profile/email", "/settings/security/password", "/settings/profile/picture"} {
			r = c.Form(path, url.Values{"name": {"x"}})
			require.Equal(t, 303, r.Status, path)
			require.Contains(t, r.Header.Get("Location"), "/sign-in?", path)
		}
	})
}

// An action that needs a fresh proof waits for it, and goes on with what was typed.
func TestPagesGoOnAfterProof(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		app.Clock.Advance(time.Hour)
		r := c.Form("/settings/profile/email", url.Values{"email": {"new@example.com"}})
		require.Equal(t, 200, r.Status)
		require.Contains(t, string(r.Body), "new@example.com")
		waiting := continuation(t, r)
		r = c.Form("/reauthenticate", url.Values{"password": {"wrong horse 42"}, "continue": {waiting}})
		require.Equal(t, 422, r.Status)
		require.Equal(t, waiting, continuation(t, r), "nothing is lost")
		r = c.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {waiting}})
		require.Equal(t, 303, r.Status, "%s", r.Body)
		require.Equal(t, "/settings/profile?saved=email#email", r.Header.Get("Location"))
		require.Equal(t, "new@example.com", api(t, c, get, "/account", nil, 200)["pending_email"])

		// Input that turns out wrong after the proof is shown where it was typed.
		app.Clock.Advance(time.Hour)
		r = c.Form("/settings/profile/email", url.Values{"email": {"not an address"}})
		r = c.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="not an address"`)

		app.Clock.Advance(time.Hour)
		r = c.Get("/reauthenticate?next=/settings/security")
		r = c.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, "/settings/security", r.Header.Get("Location"))
	})
}

// A form near the limit waits for the proof like any other.
func TestLargeFormsGoOnAfterProof(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	for name, typed := range map[string]string{
		"letters":                                strings.Repeat("x", 60_000),
		"what a browser encodes, and JSON again": strings.Repeat("<", 65_000/3),
	} {
		app.Clock.Advance(time.Hour)
		r := c.Form("/settings/profile/email", url.Values{"email": {typed}})
		require.Equal(t, 200, r.Status, name)
		waiting := continuation(t, r)
		require.Greater(t, len(waiting), 64<<10, "the sealed form is larger than a form may be")
		r = c.Form("/reauthenticate", url.Values{"password": {"wrong horse 42"}, "continue": {waiting}})
		require.Equal(t, 422, r.Status, name)
		require.Equal(t, waiting, continuation(t, r), name)
		r = c.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {waiting}})
		require.Equal(t, 422, r.Status, "the address itself is no good")
		require.Contains(t, string(r.Body), html.EscapeString(typed), "nothing of what was typed is lost: %s", name)
	}
	require.Equal(t, 413, c.Form("/settings/profile/email", url.Values{"email": {strings.Repeat("x", 64<<10)}}).Status)
	require.Equal(t, 413, c.Form("/reauthenticate", url.Values{"continue": {strings.Repeat("x", 3*64<<10)}}).Status)
}

// AUTH-15: what waits is sealed for the session that began it, and for a quarter
// of an hour.
func TestProofIsBoundToTheSession(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada, bob := app.SignUp("ada@example.com", "Ada"), app.SignUp("bob@example.com", "Bob")
	app.Clock.Advance(time.Hour)
	waiting := continuation(t, ada.Form("/settings/profile/email", url.Values{"email": {"new@example.com"}}))
	for _, sealed := range []string{waiting, "", "nonsense", waiting[:len(waiting)-2], waiting + "A"} {
		r := bob.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {sealed}})
		require.Equal(t, 303, r.Status)
		require.Equal(t, "/settings/profile", r.Header.Get("Location"), "nothing waits for this session")
	}
	require.Nil(t, api(t, bob, get, "/account", nil, 200)["pending_email"])
	app.Clock.Advance(16 * time.Minute)
	r := ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {waiting}})
	require.Equal(t, "/settings/profile", r.Header.Get("Location"))
	require.Nil(t, api(t, ada, get, "/account", nil, 200)["pending_email"])
}

// SESS-11: a form of another site signs nobody in, with the cookie or without.
func TestForeignForms(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	in := url.Values{"email": {"ada@example.com"}, "password": {settingstest.Password}}
	for name, h := range map[string]http.Header{
		"cross-site": {"Sec-Fetch-Site": {"cross-site"}}, "same-site": {"Sec-Fetch-Site": {"same-site"}}, "origin": {"Origin": {"https://evil.example"}}, "null": {"Origin": {"null"}},
	} {
		for _, d := range []*settingstest.Client{app.Client(), c} {
			d.Header = h.Clone()
			for _, path := range []string{"/sign-in", "/sign-up", "/settings/profile/about", "/settings/security/sessions/revoke-all", "/sign-out"} {
				r := d.Form(path, in)
				require.Equal(t, 403, r.Status, "%s %s", name, path)
				require.Empty(t, r.Header.Get("Set-Cookie"))
			}
		}
	}
	c.Header = http.Header{"Origin": {app.URL}}
	require.Equal(t, 200, c.Get("/settings/profile").Status)
	plain := app.Client()
	plain.Header = http.Header{}
	require.Equal(t, 303, plain.Form("/sign-in", in).Status, "without a browser and without a cookie")
}

// The picture by a form, read as a stream.
func TestPagesPicture(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	send := func(field string, data []byte) settingstest.Response {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreateFormFile(field, "../../x.png")
		require.NoError(t, err)
		_, err = part.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return c.Do(post, "/settings/profile/picture", http.Header{"Content-Type": {w.FormDataContentType()}}, b.Bytes())
	}
	r := send("picture", picturePNG(t, 30, 30))
	require.Equal(t, "/settings/profile?saved=picture#picture", r.Header.Get("Location"), "%s", r.Body)
	require.Contains(t, string(c.Get("/settings/profile").Body), "/settings/profile/picture/remove")
	for _, bad := range [][]byte{nil, []byte("<svg/>"), picturePNG(t, 30, 30)[:40], make([]byte, 5<<20+10), make([]byte, 6<<20)} {
		r = send("picture", bad)
		require.Equal(t, 422, r.Status, "%d bytes", len(bad))
		require.Contains(t, string(r.Body), "picture-picture-error")
	}
	require.Equal(t, 422, send("other", picturePNG(t, 30, 30)).Status)
	require.Equal(t, 400, c.Do(post, "/settings/profile/picture", http.Header{"Content-Type": {"multipart/form-data"}}, "x").Status)
	require.Equal(t, 400, c.Form("/settings/profile/picture", url.Values{"picture": {"x"}}).Status)
	require.Equal(t, 303, c.Form("/settings/profile/picture/remove", nil).Status)
	require.NotContains(t, string(c.Get("/settings/profile").Body), "/settings/profile/picture/remove")
}

// Everything works below a prefix.
func TestPrefix(t *testing.T) {
	app := settingstest.Start(t, settings.Config{Paths: settings.Paths{Pages: "/account"}})
	c := app.Client()
	require.Equal(t, "/account/sign-in", c.Get("/account/").Header.Get("Location"))
	require.Equal(t, 404, c.Get("/sign-in").Status)
	require.Equal(t, 303, c.Form("/account/sign-up", url.Values{"email": {"ada@example.com"}}).Status)
	require.Contains(t, app.Mail.Last("ada@example.com", "account.sign_up").Text, app.URL+"/account/sign-up/complete?token=")
	r := c.Form("/account/sign-up/complete", url.Values{
		"token": {app.LinkToken("ada@example.com", "account.sign_up")}, "name": {"Ada"}, "password": {settingstest.Password}, "timezone": {"UTC"}, "locale": {"en"},
	})
	require.Equal(t, "/account/settings/profile", r.Header.Get("Location"))
	page := c.Get("/account/settings/profile")
	require.Equal(t, 200, page.Status)
	for _, m := range regexp.MustCompile(`(?:href|src|action)="(/[^"#]*)`).FindAllSubmatch(page.Body, -1) {
		require.Regexp(t, "^/account/", string(m[1]))
		require.NotEqual(t, 404, c.Get(html.UnescapeString(string(m[1]))).Status, "%s", m[1])
	}
	require.Equal(t, 200, c.Get("/account/api/v1/account").Status)
	app.Clock.Advance(time.Hour)
	r = c.Form("/account/settings/profile/email", url.Values{"email": {"new@example.com"}})
	r = c.Form("/account/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
	require.Equal(t, "/account/settings/profile?saved=email#email", r.Header.Get("Location"))
}

func TestPagesThatAreNotThere(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	for _, path := range []string{"/nothing", "/settings/nothing", "/settings/profile/nothing", "/sign-in/", "/assets/x/y.css"} {
		r := app.Client().Get(path)
		require.Contains(t, []int{404, 405}, r.Status, path)
	}
	require.Equal(t, "/settings/profile", app.Client().Get("/settings/profile/about").Header.Get("Location"), "a form that was refused, and loaded again")
	r := app.Client().Do(http.MethodDelete, "/sign-in", nil, nil)
	require.Equal(t, 405, r.Status)
	require.Equal(t, "GET, HEAD, POST", r.Header.Get("Allow"))
	require.Equal(t, 200, app.Client().Do(http.MethodHead, "/sign-in", nil, nil).Status)
	require.Equal(t, 413, app.Client().Form("/sign-in", url.Values{"email": {string(make([]byte, 70<<10))}}).Status)
}
