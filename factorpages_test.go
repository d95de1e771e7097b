package settings_test

import (
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// found returns what a pattern's group holds on a page.
func found(t *testing.T, r settingstest.Response, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(r.Body)
	require.NotNil(t, m, "%s: %d %s", pattern, r.Status, r.Body)
	return html.UnescapeString(string(m[1]))
}

func goesTo(t *testing.T, r settingstest.Response, where string) {
	t.Helper()
	require.Equal(t, 303, r.Status, "%s", r.Body)
	require.Equal(t, where, r.Header.Get("Location"))
}

func shows(t *testing.T, r settingstest.Response, status int, texts ...string) {
	t.Helper()
	require.Equal(t, status, r.Status, "%s", r.Body)
	for _, s := range texts {
		require.Contains(t, html.UnescapeString(string(r.Body)), s)
	}
}

const (
	sealedSetUp = `name="setup" value="([^"]*)"`
	secretShown = `data-copy="([A-Z2-7]{32})"`
	codesSealed = `name="codes" value="([^"]*)"`
	firstCode   = `<li><code>([0-9A-Z]{8}-[0-9A-Z]{8})</code></li>`
)

func code(c string) url.Values {
	return url.Values{"method": {"totp"}, "code": {c}, "next": {"/settings/security"}}
}
func passwordForm() url.Values {
	return url.Values{"email": {ada}, "password": {settingstest.Password}}
}
func and(v url.Values, k, x string) url.Values { v.Set(k, x); return v }

// A person without a script turns two-factor on, stores the codes, signs in by
// each of them, and turns it off.
func TestTwoFactorPages(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		shows(t, c.Get("/settings/security"), 200, "Turn on")
		r := c.Form("/settings/security/two-factor/start", nil)
		shows(t, r, 200, "<svg", "Set up two-factor authentication")
		secret, sealed := found(t, r, secretShown), found(t, r, sealedSetUp)
		a := &app2{t: t, app: app, c: c, secret: secret}

		r = c.Form("/settings/security/two-factor/confirm", url.Values{"setup": {sealed}, "code": {"000000"}})
		shows(t, r, 422, "That code is not right", "setup-code-error")
		require.Equal(t, secret, found(t, r, secretShown), "a wrong code costs no new scan")
		r = c.Form("/settings/security/two-factor/confirm", url.Values{"setup": {found(t, r, sealedSetUp)}, "code": {""}})
		shows(t, r, 422, "Enter the code.")
		r = c.Form("/settings/security/two-factor/confirm", url.Values{"setup": {sealed}, "code": {a.code()}})
		shows(t, r, 200, "Store your backup codes")
		require.Len(t, regexp.MustCompile(firstCode).FindAll(r.Body, -1), 8)
		backup := found(t, r, firstCode)

		file := c.Form("/settings/security/backup-codes/download", url.Values{"codes": {found(t, r, codesSealed)}})
		require.Equal(t, 200, file.Status)
		require.Equal(t, "text/plain; charset=utf-8", file.Header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="backup-codes.txt"`, file.Header.Get("Content-Disposition"))
		require.Equal(t, "no-store", file.Header.Get("Cache-Control"))
		require.Contains(t, string(file.Body), "\r\n"+backup+"\r\n")
		require.Contains(t, string(file.Body), "Acme backup codes for "+ada)
		other := app.SignUp("bob@example.com", "Bob")
		goesTo(t, other.Form("/settings/security/backup-codes/download", url.Values{"codes": {found(t, r, codesSealed)}}), "/settings/security")

		goesTo(t, c.Form("/settings/security/two-factor/confirm", url.Values{"setup": {sealed}, "code": {"1"}}), "/settings/security")
		shows(t, c.Get("/settings/security"), 200, "Turn off", "8 left", "Two-factor authentication turned on")
		app.Clock.Advance(time.Minute)

		b := app.Client()
		goesTo(t, b.Form("/sign-in", and(passwordForm(), "next", "/settings/security")), "/second-factor?next=%2Fsettings%2Fsecurity")
		r = b.Get("/second-factor?next=/settings/security")
		shows(t, r, 200, `autocomplete="one-time-code"`, `inputmode="numeric"`, `name="next" value="/settings/security"`)
		require.NotContains(t, string(r.Body), "data-passkey", "there is none")
		shows(t, b.Form("/second-factor", code("000000")), 422, "second-code-error", `name="next" value="/settings/security"`)
		goesTo(t, b.Form("/second-factor", code(a.code())), "/settings/security")
		shows(t, b.Get("/settings/security"), 200, "Second step refused: wrong code")
		goesTo(t, b.Get("/second-factor"), "/settings/profile")

		b = app.Client()
		b.Form("/sign-in", passwordForm())
		shows(t, b.Get("/second-factor?method=backup_code"), 200, "Backup code", `autocomplete="off"`)
		shows(t, b.Form("/second-factor", url.Values{"method": {"backup_code"}, "code": {"nonsense"}}), 422, `name="method" value="backup_code"`)
		goesTo(t, b.Form("/second-factor", url.Values{"method": {"backup_code"}, "code": {strings.ToLower(backup)}}), "/settings/profile")
		shows(t, b.Get("/settings/security"), 200, "7 left", "Backup code used, 7 left")

		app.Clock.Advance(11 * time.Minute)
		goesTo(t, b.Get("/settings/security/two-factor/off"), "/reauthenticate?next=%2Fsettings%2Fsecurity%2Ftwo-factor%2Foff")
		r = b.Get("/reauthenticate?next=/settings/security/two-factor/off")
		goesTo(t, b.Form("/reauthenticate", and(code(a.code()), "continue", continuation(t, r))), "/settings/security/two-factor/off")
		r = b.Get("/settings/security/two-factor/off")
		shows(t, r, 200, "off-password")
		require.NotContains(t, string(r.Body), "off-code", "the code has just been proven")
		shows(t, b.Form("/settings/security/two-factor/disable", url.Values{"password": {"wrong horse 42"}}), 422, "That is not your password.")
		shows(t, b.Form("/settings/security/two-factor/disable", nil), 422, "Enter a password.")
		goesTo(t, b.Form("/settings/security/two-factor/disable", url.Values{"password": {settingstest.Password}}), "/settings/security?saved=two-factor#two-factor")
		shows(t, b.Get("/settings/security"), 200, "Turn on", "Two-factor authentication turned off")
		goesTo(t, b.Get("/settings/security/two-factor/off"), "/settings/security")
	})
}

// A half-finished sign-in that is over leads back to its beginning, says why, and
// keeps where the person wanted to go.
func TestSecondFactorPageEnds(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := twoFactor(t, app)
	goesTo(t, app.Client().Get("/second-factor"), "/sign-in")
	tired := a.half()
	for range 4 {
		require.Equal(t, 422, tired.Form("/second-factor", code("000000")).Status)
	}
	r := tired.Form("/second-factor", code("000000"))
	goesTo(t, r, "/sign-in?next=%2Fsettings%2Fsecurity&notice=code_tries")
	shows(t, tired.Get(r.Header.Get("Location")), 200, "Too many wrong codes", `name="next" value="/settings/security"`)

	late := a.half()
	app.Clock.Advance(5 * time.Minute)
	goesTo(t, late.Form("/second-factor", code(a.code())), "/sign-in?next=%2Fsettings%2Fsecurity&notice=code_expired")
	late = a.half()
	app.Clock.Advance(5 * time.Minute)
	r = late.Get("/second-factor?next=https://evil.example/")
	goesTo(t, r, "/sign-in?notice=code_expired")
	shows(t, late.Get(r.Header.Get("Location")), 200, "longer than 5 minutes")
}

// Step-up offers what the person has, and switching between it loses nothing.
func TestProofByEachFactor(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := twoFactor(t, app)
	x, _ := register(t, app, a.c, "Laptop")
	app.Clock.Advance(time.Hour)
	change := url.Values{"email": {"new@example.com"}}

	r := a.c.Form("/settings/profile/email", change)
	shows(t, r, 200, "new@example.com", `name="method" value="totp"`, `value="backup_code"`, `value="passkey"`)
	require.NotContains(t, string(r.Body), "proof-password", "a password alone opens nothing")
	require.NotContains(t, string(a.c.Form("/reauthenticate", code("000000")).Body), `name="send"`, "nothing was mailed")
	waiting := continuation(t, r)
	shows(t, a.c.Form("/reauthenticate", url.Values{"continue": {waiting}, "method": {"totp"}, "code": {"000000"}}), 422, "proof-code-error", "new@example.com")
	r = a.c.Form("/reauthenticate", url.Values{"continue": {waiting}, "switch": {"backup_code"}})
	shows(t, r, 200, `name="method" value="backup_code"`, "new@example.com")
	require.Equal(t, waiting, continuation(t, r))
	goesTo(t, a.c.Form("/reauthenticate", url.Values{"continue": {waiting}, "method": {"backup_code"}, "code": {a.backup[0]}}), "/settings/profile?saved=email#email")
	require.Equal(t, "new@example.com", api(t, a.c, get, "/account", nil, 200)["pending_email"])

	app.Clock.Advance(time.Hour)
	r = a.c.Form("/settings/security/backup-codes", nil)
	shows(t, a.c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "switch": {"passkey"}}), 200, `data-passkey="reauthenticate"`, `data-options="/api/v1/auth/passkey/options"`)
	shows(t, a.c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "method": {"passkey"}, "credential": {"{}"}}), 422, "That passkey was not accepted.")
	signed := answer(t, x.signed(ask(a.c, "reauthenticate")))
	r = a.c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "method": {"passkey"}, "credential": {signed}})
	shows(t, r, 200, "Your new backup codes")

	// With a passkey, turning off asks for nothing more.
	r = a.c.Get("/settings/security/two-factor/off")
	shows(t, r, 200, "You have just proven that it is you.")
	goesTo(t, a.c.Form("/settings/security/two-factor/disable", nil), "/settings/security?saved=two-factor#two-factor")
}

func answer(t *testing.T, in object) string {
	t.Helper()
	out, err := json.Marshal(in)
	require.NoError(t, err)
	return string(out)
}

// newOptions returns what the form for a new passkey asks the browser.
func newOptions(t *testing.T, r settingstest.Response) settingstest.Response {
	t.Helper()
	return settingstest.Response{Status: 200, Body: []byte(found(t, r, `data-new-passkey="([^"]*)"`))}
}

func TestPasskeyPages(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		app.Clock.Advance(time.Hour)
		// Adding waits for a proof, and then its form is open.
		r := c.Form("/settings/security/passkeys/begin", nil)
		shows(t, r, 200, "You want to add a passkey.", "proof-password")
		r = c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "method": {"password"}, "password": {settingstest.Password}})
		shows(t, r, 200, "New passkey")
		x := newKey(t, app)
		made := answer(t, x.made(newOptions(t, r)))

		r = c.Form("/settings/security/passkeys/add", url.Values{"name": {strings.Repeat("x", 61)}, "credential": {made}})
		shows(t, r, 422, "passkey-new-name-error", strings.Repeat("x", 61))
		r = c.Form("/settings/security/passkeys/add", url.Values{"name": {"Laptop"}, "credential": {"nonsense"}})
		shows(t, r, 422, "That passkey was not accepted.", `value="Laptop"`)
		made = answer(t, x.made(newOptions(t, r)))
		goesTo(t, c.Form("/settings/security/passkeys/add", url.Values{"name": {"Laptop"}, "credential": {made}}), "/settings/security?saved=passkeys#passkeys")
		r = c.Get("/settings/security")
		shows(t, r, 200, "Laptop", "never used", "Passkey “Laptop” added")
		key := found(t, r, `ask=rename&amp;passkey=([0-9a-f-]{36})`)
		shows(t, c.Form("/settings/security/passkeys/add", url.Values{"credential": {made}}), 422, "That passkey was not accepted.") // its challenge is gone

		shows(t, c.Get("/settings/security?ask=rename&passkey="+key), 200, `name="name" type="text" value="Laptop"`)
		shows(t, c.Form("/settings/security/passkeys/rename", url.Values{"passkey": {key}, "name": {" "}}), 422, "passkey-0-name-error")
		goesTo(t, c.Form("/settings/security/passkeys/rename", url.Values{"passkey": {key}, "name": {"Desk"}}), "/settings/security?saved=passkeys#passkeys")
		goesTo(t, c.Form("/settings/security/passkeys/rename", url.Values{"passkey": {"nonsense"}, "name": {"Desk"}}), "/settings/security")
		shows(t, c.Get("/settings/security"), 200, "Passkey renamed to “Desk”")

		// Signing in by it, and keeping where one wanted to go.
		b := app.Client()
		signed := answer(t, x.signed(ask(b, "sign_in")))
		shows(t, b.Form("/sign-in/passkey", url.Values{"credential": {""}, "next": {"/settings/security"}}), 422, "That passkey was not accepted.", `value="/settings/security"`)
		goesTo(t, b.Form("/sign-in/passkey", url.Values{"credential": {signed}, "next": {"/settings/security"}}), "/settings/security")
		shows(t, app.Client().Form("/sign-in/passkey", url.Values{"credential": {signed}}), 422, "That passkey was not accepted.")

		shows(t, c.Get("/settings/security?ask=remove&passkey="+key), 200, "can no longer sign you in")
		goesTo(t, c.Form("/settings/security/passkeys/remove", url.Values{"passkey": {key}}), "/settings/security?saved=passkeys#passkeys")
		goesTo(t, c.Form("/settings/security/passkeys/remove", url.Values{"passkey": {key}}), "/settings/security?saved=passkeys#passkeys")
		shows(t, c.Get("/settings/security"), 200, "No passkeys yet.", "Passkey “Desk” removed")
	})
}

// A passkey is a second factor, too.
func TestSecondFactorPageByPasskey(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := twoFactor(t, app)
	x, _ := register(t, app, a.c, "Laptop")
	b := app.Client()
	b.Form("/sign-in", passwordForm())
	shows(t, b.Get("/second-factor"), 200, `data-passkey="second_factor"`)
	shows(t, b.Form("/second-factor/passkey", url.Values{"credential": {"{}"}, "next": {"/settings/security"}}), 422, "That passkey was not accepted.", `name="next" value="/settings/security"`)
	signed := answer(t, x.signed(ask(b, "second_factor")))
	goesTo(t, b.Form("/second-factor/passkey", url.Values{"credential": {signed}, "next": {"/settings/security"}}), "/settings/security")
	require.Equal(t, 303, app.Client().Get("/second-factor/passkey").Status, "a form that is loaded again")
	require.Equal(t, "/sign-in", app.Client().Get("/sign-in/passkey").Header.Get("Location"))
}

// Whoever must have a second factor first reaches the pages to enrol one, and
// nothing else.
func TestEnrollmentPages(t *testing.T) {
	app := settingstest.Start(t, settings.Config{RequireSecondFactor: true})
	c := app.SignUp(ada, "Ada")
	for _, page := range []string{"/settings/profile", "/settings/security"} {
		goesTo(t, c.Get(page), "/settings/security/enroll")
	}
	goesTo(t, c.Form("/settings/profile/about", url.Values{"name": {"x"}}), "/settings/security/enroll")
	r := c.Get("/settings/security/enroll")
	shows(t, r, 200, "Set up two-factor to go on", "/sign-out")
	require.NotContains(t, string(r.Body), `href="/settings/profile"`)
	r = c.Form("/settings/security/two-factor/start", nil)
	require.NotContains(t, string(r.Body), `href="/settings/profile"`)
	a := &app2{t: t, app: app, c: c, secret: found(t, r, secretShown)}
	r = c.Form("/settings/security/two-factor/confirm", url.Values{"setup": {found(t, r, sealedSetUp)}, "code": {a.code()}})
	shows(t, r, 200, "Store your backup codes", `href="/settings/profile"`)
	require.Equal(t, 200, c.Get("/settings/profile").Status)
	goesTo(t, c.Get("/settings/security/enroll"), "/settings/security")

	// By a passkey, which is used once to go on.
	bob := app.SignUp("bob@example.com", "Bob")
	r = bob.Form("/settings/security/passkeys/begin", nil)
	shows(t, r, 200, "New passkey", "Set up two-factor to go on")
	x := newKey(t, app)
	made := answer(t, x.made(newOptions(t, r)))
	goesTo(t, bob.Form("/settings/security/passkeys/add", url.Values{"credential": {made}}), "/settings/security?saved=passkeys#passkeys")
	shows(t, bob.Get("/settings/security/enroll"), 200, "Your passkey is ready.")
	shows(t, bob.Form("/reauthenticate", url.Values{"switch": {"passkey"}}), 200, `data-passkey="reauthenticate"`)
	signed := answer(t, x.signed(ask(bob, "reauthenticate")))
	goesTo(t, bob.Form("/reauthenticate", url.Values{"method": {"passkey"}, "credential": {signed}}), "/settings/profile")
	require.Equal(t, 200, bob.Get("/settings/profile").Status)
}

func TestNotMePage(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp(ada, "Ada")
	intruder := app.Client()
	intruder.Header.Set("User-Agent", firefox)
	goesTo(t, intruder.Form("/sign-in", passwordForm()), "/settings/profile")
	link := app.LinkToken(ada, "security.new_device")
	shows(t, app.Client().Get("/not-me?token="+link), 200, "Secure my account")
	require.Equal(t, 200, intruder.Get("/settings/profile").Status, "looking changes nothing")
	b := app.Client()
	r := b.Form("/not-me", url.Values{"token": {link}})
	require.Equal(t, 303, r.Status)
	shows(t, b.Get(r.Header.Get("Location")), 200, "Your account is locked for others")
	for _, x := range []*settingstest.Client{c, intruder} {
		require.Equal(t, 303, x.Get("/settings/profile").Status)
	}
	app.LinkToken(ada, "security.reset")
	shows(t, b.Form("/not-me", url.Values{"token": {link}}), 410, "This link no longer works")
	shows(t, b.Get("/not-me?token=x"), 410, "This link no longer works")
}

// Somebody without a password, app or passkey sets a first password after a
// mailed code.
func TestProofByMail(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		c := withoutPassword(t, app, db)
		r := c.Form("/settings/security/password", url.Values{"password": {"first horse 42"}})
		shows(t, r, 200, "You want to set a password.", "Send me a code")
		require.NotContains(t, string(r.Body), "proof-code")
		waiting := continuation(t, r)
		r = c.Form("/reauthenticate", url.Values{"continue": {waiting}, "send": {"1"}})
		shows(t, r, 200, "Enter the code we have just sent you.", `name="method" value="email_code"`, "Send another code")
		require.Equal(t, waiting, continuation(t, r))
		mailed := url.Values{"continue": {waiting}, "method": {"email_code"}, "code": {"00000000"}}
		shows(t, c.Form("/reauthenticate", mailed), 422, "proof-code-error", "Send another code")
		goesTo(t, c.Form("/reauthenticate", and(mailed, "code", codeIn(t, app))), "/settings/security?saved=password#password")
		api(t, app.Client(), post, "/auth/sign-in", credentials(linda, "first horse 42"), 200)
	})
}

// The history is paged by itself.
func TestHistoryPage(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp(ada, "Ada")
	for range 15 {
		app.Clock.Advance(time.Minute)
		c.Form("/settings/profile/about", url.Values{"name": {"Ada " + app.Clock.Now().Format("15:04")}, "timezone": {"UTC"}, "locale": {"en"}})
		c.Form("/settings/security/password", url.Values{"current_password": {"wrong horse 42"}, "password": {"another horse 7"}})
		app.Clock.Advance(30 * time.Minute)
	}
	r := c.Get("/settings/security")
	shows(t, r, 200, "Profile changed", "Change of password refused: wrong password or passkey", "Chrome on macOS")
	next := found(t, r, `events=([A-Za-z0-9_-]+)#history`)
	r = c.Get("/settings/security?events=" + next)
	shows(t, r, 200, "Account created", "Back to the newest")
	shows(t, c.Get("/settings/security?events=nonsense"), 200, "Profile changed")
}
