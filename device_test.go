package settings_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// atlas places documented networks (RFC 5737, RFC 3849).
type atlas struct{}

func (atlas) Locate(_ context.Context, ip netip.Addr) (security.Place, error) {
	switch {
	case netip.MustParsePrefix("203.0.113.0/24").Contains(ip):
		return security.Place{City: "Pune", Country: "India", CountryCode: "IN"}, nil
	case netip.MustParsePrefix("198.51.100.0/24").Contains(ip):
		return security.Place{Country: "Norway", CountryCode: "NO"}, nil
	case netip.MustParsePrefix("192.0.2.0/24").Contains(ip):
		return security.Place{}, fmt.Errorf("the file is broken")
	}
	return security.Place{}, nil
}

func placed(t *testing.T, fn func(t *testing.T, app *settingstest.App)) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		fn(t, settingstest.Start(t, settings.Config{
			Store: db, Geolocator: atlas{}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		}))
	})
}

// from is a browser behind the trusted proxy.
func from(app *settingstest.App, ip, agent string) *settingstest.Client {
	c := app.Client()
	c.Header.Set("X-Forwarded-For", ip)
	if agent != "" {
		c.Header.Set("User-Agent", agent)
	}
	return c
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func TestPlaces(t *testing.T) {
	placed(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp(ada, "Ada")
		for ip, want := range map[string]any{"203.0.113.9": "Pune, India", "198.51.100.7": "Norway", "192.0.2.1": nil, "10.0.0.1": nil} {
			c := from(app, ip, "")
			api(t, c, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
			first := api(t, c, get, "/account/sessions", nil, 200)["items"].([]any)[0].(object)
			require.Equal(t, ip, first["ip"])
			require.Equal(t, want, first["place"], ip)
		}
		// A header that no trusted proxy has sent changes nothing (AUTH-03).
		plain := settingstest.Start(t, settings.Config{Geolocator: atlas{}})
		c := plain.SignUp(ada, "Ada")
		c.Header.Set("X-Forwarded-For", "203.0.113.9")
		first := api(t, c, get, "/account/sessions", nil, 200)["items"].([]any)[0].(object)
		require.Equal(t, "127.0.0.1", first["ip"])
		require.Nil(t, first["place"])
	})
}

// A sign-in from a device or a country not seen before is mailed, one from where
// the person was before is not.
func TestNewDevice(t *testing.T) {
	placed(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp(ada, "Ada") // the first is no news
		alerts := func() int { return mailsOf(app, ada, "security.new_device") }
		signIn := func(c *settingstest.Client) {
			app.Clock.Advance(time.Minute)
			api(t, c, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		}
		require.Equal(t, 0, alerts())
		home := from(app, "203.0.113.9", firefox)
		signIn(home)
		require.Equal(t, 1, alerts())
		mail := app.Mail.Last(ada, "security.new_device").Text
		require.Contains(t, mail, "Firefox")
		require.Contains(t, mail, "Pune, India")
		require.Contains(t, mail, app.URL+"/not-me?token=")
		signIn(home)
		require.Equal(t, 1, alerts(), "the browser is known by its cookie")
		signIn(from(app, "203.0.113.200", firefox))
		require.Equal(t, 1, alerts(), "the same software in the same network")
		home.Header.Set("X-Forwarded-For", "198.51.100.7")
		signIn(home)
		require.Equal(t, 2, alerts(), "a known browser in a new country")
		signIn(home)
		require.Equal(t, 2, alerts())
		home.Header.Set("X-Forwarded-For", "192.0.2.1") // nobody knows where that is
		signIn(home)
		require.Equal(t, 2, alerts())
		// Wrong passwords write to nobody.
		refused(t, from(app, "198.51.100.9", "curl/8"), post, "/auth/sign-in", credentials(ada, "wrong horse 42"), 401, "invalid_credentials")
		require.Equal(t, 2, alerts())
	})
}

// "This wasn't me" signs everything out, voids the password, removes what was
// enrolled since and starts a reset; the link works once.
func TestNotMe(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		mine, _ := register(t, app, c, "Mine")
		app.Clock.Advance(time.Minute)
		thief := app.Client()
		thief.Header.Set("User-Agent", firefox)
		api(t, thief, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		link := app.LinkToken(ada, "security.new_device")
		theirs, _ := register(t, app, thief, "Theirs")
		secret := api(t, thief, post, "/account/totp", nil, 201)["secret"].(string)
		api(t, thief, post, "/account/totp/confirm", object{"code": oathtool(t, secret, app.Clock.Now())}, 200)
		api(t, thief, "PUT", "/account/password", object{"current_password": settingstest.Password, "password": "stolen horse 42"}, 204)

		refused(t, app.Client(), post, "/auth/not-me", object{"token": link[:20]}, 410, "link_gone")
		require.Equal(t, 200, app.Client().Get("/not-me?token="+link).Status) // looking changes nothing
		api(t, thief, get, "/account", nil, 200)
		api(t, app.Client(), post, "/auth/not-me", object{"token": link}, 204)
		refused(t, thief, get, "/account", nil, 401, "unauthenticated")
		refused(t, thief, post, "/auth/sign-in", credentials(ada, "stolen horse 42"), 401, "invalid_credentials")
		refused(t, thief, post, "/auth/sign-in", credentials(ada, settingstest.Password), 401, "invalid_credentials")
		refused(t, thief, post, "/auth/passkey", theirs.signed(ask(thief, "sign_in")), 401, "invalid_credentials")
		refused(t, app.Client(), post, "/auth/not-me", object{"token": link}, 410, "link_gone")

		b := app.Client()
		require.Equal(t, "signed_in", api(t, b, post, "/auth/passkey", mine.signed(ask(b, "sign_in")), 200)["status"])
		require.Equal(t, false, api(t, b, get, "/account/second-factor", nil, 200)["totp"].(object)["enabled"])
		api(t, app.Client(), post, "/auth/password/reset", object{"token": app.LinkToken(ada, "security.reset"), "password": "my own horse 42"}, 204)
		api(t, app.Client(), post, "/auth/sign-in", credentials(ada, "my own horse 42"), 200)
	})
}

func TestNotMeExpires(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp(ada, "Ada")
		c := app.Client()
		c.Header.Set("User-Agent", firefox)
		api(t, c, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		link := app.LinkToken(ada, "security.new_device")
		app.Clock.Advance(7 * 24 * time.Hour)
		refused(t, app.Client(), post, "/auth/not-me", object{"token": link}, 410, "link_gone")
	})
}

// Somebody who keeps guessing, from however many networks, does not keep the
// owner out of a browser that signed in before (AUTH-05).
func TestOwnerIsNotLockedOut(t *testing.T) {
	placed(t, func(t *testing.T, app *settingstest.App) {
		owner := app.SignUp(ada, "Ada")
		api(t, owner, post, "/auth/sign-out", nil, 204)
		guess := func(i int) int {
			c := from(app, fmt.Sprintf("203.0.113.%d", i), "")
			return c.API(post, "/auth/sign-in", credentials(ada, "wrong horse 42")).Status
		}
		throttled := 0
		for i := range 80 { // each address is a network of its own
			if guess(i) == 429 {
				throttled++
			}
		}
		require.Equal(t, 30, throttled, "50 guesses for the account, over all networks")
		require.Equal(t, 429, guess(100))
		owner.Header.Set("X-Forwarded-For", "203.0.113.200")
		api(t, owner, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		// Its budget is bounded too.
		for range 10 {
			refused(t, owner, post, "/auth/sign-in", credentials(ada, "wrong horse 42"), 401, "invalid_credentials")
		}
		refused(t, owner, post, "/auth/sign-in", credentials(ada, "wrong horse 42"), 429, "rate_limited")
		// The cookie opens nothing, and is worth nothing for another account.
		app.SignUp("grace@example.com", "Grace")
		for i := range 50 {
			from(app, fmt.Sprintf("198.51.100.%d", i), "").API(post, "/auth/sign-in", credentials("grace@example.com", "wrong horse 42"))
		}
		refused(t, owner, post, "/auth/sign-in", credentials("grace@example.com", settingstest.Password), 429, "rate_limited")
	})
}

// People without a password, app or passkey prove who they are by a mailed code.
func TestEmailCode(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		app.SignUp("grace@example.com", "Grace")
		c := withoutPassword(t, app, db)
		first := object{"password": "first horse 42"}
		r := refused(t, c, "PUT", "/account/password", first, 401, "reauthentication_required")
		var p struct{ Methods []string }
		r.JSON(t, &p)
		require.Equal(t, []string{"email_code"}, p.Methods)
		byMail := func(code string) object { return object{"method": "email_code", "code": code} }
		refused(t, c, post, "/auth/reauthenticate", byMail("12345678"), 401, "invalid_code")
		code := func() string {
			api(t, c, post, "/auth/reauthenticate/email-code", nil, 202)
			return codeIn(t, app)
		}
		old := code()
		fresh := code()
		refused(t, c, post, "/auth/reauthenticate", byMail(old), 401, "invalid_code") // void
		other := otherSession(t, app, db)
		refused(t, other, post, "/auth/reauthenticate", byMail(fresh), 401, "invalid_code") // of another session
		api(t, c, post, "/auth/reauthenticate", byMail(fresh[:4]+" "+fresh[4:]), 204)
		refused(t, c, post, "/auth/reauthenticate", byMail(fresh), 401, "invalid_code") // used
		late := code()
		app.Clock.Advance(10 * time.Minute)
		refused(t, c, post, "/auth/reauthenticate", byMail(late), 401, "invalid_code")
		app.Clock.Advance(2 * time.Hour)
		tried := code()
		for range 5 {
			refused(t, c, post, "/auth/reauthenticate", byMail("00000000"), 401, "invalid_code")
		}
		refused(t, c, post, "/auth/reauthenticate", byMail(tried), 401, "invalid_code") // 5 tries
		app.Clock.Advance(2 * time.Hour)
		api(t, c, post, "/auth/reauthenticate", byMail(code()), 204)
		api(t, c, "PUT", "/account/password", first, 204)
		refused(t, c, post, "/auth/reauthenticate/email-code", nil, 409, "other_factor")
		// Mails are bounded.
		for range 5 {
			other.API(post, "/auth/reauthenticate/email-code", nil)
		}
	})
}

func codeIn(t *testing.T, app *settingstest.App) string {
	t.Helper()
	return codeTo(t, app, linda)
}

func codeTo(t *testing.T, app *settingstest.App, email string) string {
	t.Helper()
	m := app.Mail.Last(email, "security.email_code")
	found := regexp.MustCompile(`\b(\d{4}) ?(\d{4})\b`).FindStringSubmatch(m.Text)
	require.NotNil(t, found, m.Text)
	return found[1] + found[2]
}

const linda = "linda@example.com"

func withoutPassword(t *testing.T, app *settingstest.App, db *bunstore.DB) *settingstest.Client {
	t.Helper()
	u := insertUser(t, db, linda)
	in, err := app.Security.Enroll(t.Context(), audit.Actor{UserAgent: "test"}, u, "")
	require.NoError(t, err)
	app.Clock.Advance(11 * time.Minute)
	c := app.Client()
	c.Token = in.Token.Reveal()
	return c
}

// otherSession is another session of the same person.
func otherSession(t *testing.T, app *settingstest.App, db *bunstore.DB) *settingstest.Client {
	t.Helper()
	p, err := db.Security().PersonByEmail(t.Context(), linda)
	require.NoError(t, err)
	secret, session := newSession(t, app, p)
	require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
		return tx.InsertSession(ctx, session, secret.Hash())
	}))
	c := app.Client()
	c.Token = secret.Reveal()
	return c
}

// Where the host asks everybody for two factors, somebody who has none reaches
// what it takes to enrol one, and nothing else.
func TestRequireSecondFactor(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db, RequireSecondFactor: true})
		a := &app2{t: t, app: app, c: app.SignUp(ada, "Ada")}
		refused(t, a.c, "PATCH", "/account", object{"name": "Grace"}, 403, "second_factor_enrollment_required")
		refused(t, a.c, post, "/account/email", object{"email": "x@example.com"}, 403, "second_factor_enrollment_required")
		require.Equal(t, ada, api(t, a.c, get, "/account", nil, 200)["email"])
		require.Equal(t, []any{"host"}, api(t, a.c, get, "/account/second-factor", nil, 200)["required_by"])
		// The host's own pages are as closed as ours.
		host := app.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
		visit := func(method string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, "/dashboard", nil)
			r.AddCookie(&http.Cookie{Name: "session", Value: sessionCookie(t, app, a.c)})
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			host.ServeHTTP(w, r)
			return w
		}
		require.Equal(t, "/settings/security/enroll", visit(get).Header().Get("Location"))
		require.Equal(t, http.StatusForbidden, visit(post).Code)
		a.enroll()
		require.Equal(t, http.StatusTeapot, visit(get).Code)
		api(t, a.c, "PATCH", "/account", object{"name": "Ada Lovelace"}, 200)

		// A passkey that verifies the person is enough; a password beside it is not.
		g := app.SignUp("grace@example.com", "Grace")
		x, _ := register(t, app, g, "Key")
		refused(t, g, "PATCH", "/account", object{"name": "G"}, 403, "second_factor_enrollment_required")
		b := app.Client()
		api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)
		api(t, b, "PATCH", "/account", object{"name": "G"}, 200)
		api(t, g, post, "/auth/sign-out", nil, 204)
	})
}

// Secrets sealed under an old key stay readable and are sealed anew when they
// are used; a key that is missing is named.
func TestKeyRotation(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		keys := map[string][]byte{"old": random32(t)}
		mac := random32(t)
		start := func(primary string) *settingstest.App {
			k, err := settings.NewKeys(primary, keys, mac)
			require.NoError(t, err)
			return settingstest.Start(t, settings.Config{Store: db, Keys: k})
		}
		a := twoFactor(t, start("old"))
		keys["new"] = random32(t)
		later := start("new")
		later.Clock.Advance(time.Minute)
		names, err := db.Security().TOTPKeys(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"old"}, names)
		require.NoError(t, later.CheckKeys(t.Context()))
		a.app = later
		api(t, a.half(), post, "/auth/second-factor", byCode(a.code()), 200)
		names, err = db.Security().TOTPKeys(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"new"}, names)

		delete(keys, "old")
		require.NoError(t, start("new").CheckKeys(t.Context()))
		keys = map[string][]byte{"other": random32(t)}
		broken := start("other")
		err = broken.CheckKeys(t.Context())
		require.ErrorIs(t, err, settings.ErrMissingKey)
		require.ErrorContains(t, err, `"new"`)
	})
}

func random32(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return b
}

func newSession(t *testing.T, app *settingstest.App, p security.Person) (token.Secret, security.Session) {
	t.Helper()
	now := app.Clock.Now().Truncate(time.Microsecond)
	return token.New(), security.Session{
		ID: id.NewSession(), User: p.ID, Method: audit.SSO, Version: p.Version,
		SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(time.Hour * 24),
	}
}
