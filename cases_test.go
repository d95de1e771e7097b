package settings_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// broken is a limiter that cannot decide.
type broken struct{}

func (broken) Take(context.Context, string, int, time.Duration) (time.Duration, error) {
	return 0, errors.New("limiter: no route to host 10.1.2.3")
}
func (broken) Give(context.Context, string, int, time.Duration) error { return nil }

// AUTH-14, F-34: what protects a door fails closed.
func TestBrokenLimiterRefuses(t *testing.T) {
	app := settingstest.Start(t, settings.Config{Limiter: broken{}})
	for path, body := range map[string]object{
		"/auth/sign-in":         credentials("ada@example.com", "correct horse 42"),
		"/auth/sign-up":         {"email": "ada@example.com"},
		"/auth/password/forgot": {"email": "ada@example.com"},
		"/auth/password/reset":  {"token": strings.Repeat("A", 43), "password": "correct horse 42"},
		"/account/email/undo":   {"token": strings.Repeat("A", 43)},
	} {
		r := refused(t, app.Client(), post, path, body, 503, "unavailable")
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		require.NotContains(t, string(r.Body), "10.1.2.3", "HTTP-11")
	}
}

// outage is a store whose reads of people fail as a lost connection does.
type outage struct {
	settings.Store
	down *bool
}

type outageSecurity struct {
	security.Store
	down *bool
}

func (o outage) Security() security.Store { return outageSecurity{o.Store.Security(), o.down} }

var errLost = &lostError{}

type lostError struct{}

func (*lostError) Error() string   { return "dial tcp 10.1.2.3:5432: connection refused" }
func (*lostError) Timeout() bool   { return false }
func (*lostError) Temporary() bool { return true }

func (o outageSecurity) LoginByToken(ctx context.Context, h security.Hash) (security.Login, error) {
	if *o.down {
		return security.Login{}, errLost
	}
	return o.Store.LoginByToken(ctx, h)
}

func (o outageSecurity) PersonSeen(ctx context.Context, key string, device security.Hash, country string) (security.Person, security.Seen, error) {
	if *o.down {
		return security.Person{}, security.Seen{}, errLost
	}
	return o.Store.PersonSeen(ctx, key, device, country)
}

// AUTH-14, HTTP-11: an outage is neither "signed out" nor "wrong password", and
// shows nothing of the inside.
func TestOutageIsAnOutage(t *testing.T) {
	down := false
	app := settingstest.Start(t, settings.Config{Store: outage{memstore.New(), &down}})
	c := app.SignUp("ada@example.com", "Ada")
	down = true
	for _, r := range []settingstest.Response{
		refused(t, c, get, "/account", nil, 503, "unavailable"),
		refused(t, app.Client(), post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 503, "unavailable"),
		c.Get("/settings/profile"),
		app.Client().Form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {settingstest.Password}}),
	} {
		require.Equal(t, 503, r.Status)
		require.NotContains(t, string(r.Body), "10.1.2.3")
		require.Contains(t, string(r.Body), r.Header.Get("X-Request-Id"))
		require.Empty(t, r.Header.Get("Set-Cookie"), "nobody is signed out by an outage")
	}
	down = false
	api(t, c, get, "/account", nil, 200)
}

// RSET-12: opening a link changes nothing, and the page keeps it to itself.
func TestLinkPagesOnlyAsk(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
		api(t, app.Client(), post, "/auth/sign-up", object{"email": "new@example.com"}, 202)
		api(t, c, post, "/account/email", object{"email": "next@example.com"}, 202)
		tokens := map[string]string{
			"/reset-password":   app.LinkToken("ada@example.com", "security.reset"),
			"/sign-up/complete": app.LinkToken("new@example.com", "account.sign_up"),
			"/confirm-email":    app.LinkToken("next@example.com", "account.confirm_email"),
			"/undo-email":       app.LinkToken("ada@example.com", "account.email_change_requested"),
		}
		for path, token := range tokens {
			for range 2 {
				r := app.Client().Get(path + "?token=" + token)
				require.Equal(t, 200, r.Status, path)
				require.Equal(t, "no-referrer", r.Header.Get("Referrer-Policy"), path)
				require.Equal(t, "no-store", r.Header.Get("Cache-Control"), path)
				require.NotRegexp(t, `(src|href)="(https?:)?//`, string(r.Body), path)
			}
			require.Equal(t, 410, app.Client().Get(path+"?token="+strings.Repeat("A", 43)).Status, path)
			require.Equal(t, 410, app.Client().Get(path).Status, path)
		}
		// Each of the pages does its work when its button is pressed.
		form := func(path string, v url.Values) settingstest.Response {
			v.Set("token", tokens[path])
			return app.Client().Form(path, v)
		}
		r := form("/confirm-email", url.Values{})
		require.Equal(t, 303, r.Status, "%s", r.Body)
		done := app.Client().Get(r.Header.Get("Location"))
		require.Contains(t, string(done.Body), "next@example.com")
		r = form("/undo-email", url.Values{})
		require.Equal(t, 303, r.Status)
		require.Equal(t, 303, form("/sign-up/complete", url.Values{"name": {"New"}, "password": {settingstest.Password}, "timezone": {"UTC"}}).Status)
		require.Equal(t, 410, form("/reset-password", url.Values{"password": {"another horse 7"}}).Status, "RSET-06: the address was changed meanwhile")
	})
}

// MAIL-03: a link confirms exactly the address that it was mailed to.
func TestLinkConfirmsItsOwnAddress(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: wide{}})
		c := app.SignUp("ada@example.com", "Ada")
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				r := c.API(post, "/account/email", object{"email": []string{"x@example.com", "y@example.com"}[i%2]})
				if r.Status != 202 {
					t.Errorf("%d %s", r.Status, r.Body)
				}
			})
		}
		wg.Wait()
		pending := api(t, c, get, "/account/email/pending", nil, 200)["email"].(string)
		confirmed := 0
		for _, address := range []string{"x@example.com", "y@example.com"} {
			for _, m := range app.Mail.To(address) {
				token := regexp.MustCompile(`token=([\w-]+)`).FindStringSubmatch(m.Text)[1]
				if app.Client().API(post, "/account/email/confirm", object{"token": token}).Status == 204 {
					confirmed++
					require.Equal(t, pending, address)
				}
			}
		}
		require.Equal(t, 1, confirmed)
		require.Equal(t, pending, api(t, c, get, "/account", nil, 200)["email"])
	})
}

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

// MAIL-09, MAIL-10, SESS-12, HTTP-05: what people say of themselves stays text.
func TestHostileText(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", hostile)
		for _, ua := range []string{hostile, strings.Repeat("x", 10_000), "Mozilla/5.0 (<b>) " + hostile, ""} {
			d := app.Client()
			d.Header.Set("User-Agent", ua)
			api(t, d, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
		}
		for _, path := range []string{"/settings/profile", "/settings/security", "/settings/security?cursor=" + url.QueryEscape(hostile), "/sign-in?next=" + url.QueryEscape(hostile), "/" + url.PathEscape(hostile)} {
			r := c.Get(path)
			require.Less(t, r.Status, 500, path)
			require.NotContains(t, string(r.Body), "<script>alert", path)
			require.NotContains(t, string(r.Body), "<img src=x", path)
		}
		require.NotContains(t, string(c.API(get, "/account", nil).Body), "<script>", "JSON escapes it, too")
		for _, name := range []string{"a\r\nBcc: eve@evil.test", "a\u2028b", strings.Repeat("x", 5000)} {
			refused(t, c, patch, "/account", object{"name": name}, 422, "validation_failed")
		}
		api(t, c, patch, "/account", object{"name": "Pay at http://evil.test now"}, 200)
		api(t, c, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 7"}, 204)
		m := app.Mail.Last("ada@example.com", "security.password_changed")
		require.NotContains(t, m.Text+m.HTML, "http://evil.test")
		require.NotContains(t, m.Text+m.HTML, "evil.test")
		require.Equal(t, "ada@example.com", m.To)
		require.NotContains(t, m.Subject, "\n")
	})
}

// SESS-08: on https the cookie is bound to the host and to TLS.
func TestSecureCookies(t *testing.T) {
	app := settingstest.Start(t, settings.Config{PublicURL: "https://app.acme.test"})
	c := app.Client()
	api(t, c, post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
	r := c.API(post, "/auth/sign-up/complete", object{
		"token": app.LinkToken("ada@example.com", "account.sign_up"), "name": "Ada", "password": settingstest.Password,
	})
	require.Equal(t, 201, r.Status)
	cookie := r.Header.Get("Set-Cookie")
	require.True(t, strings.HasPrefix(cookie, "__Host-session="), cookie)
	for _, part := range []string{"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
		require.Contains(t, cookie, part)
	}
	require.NotContains(t, cookie, "Domain")
	require.Contains(t, r.Header.Get("Strict-Transport-Security"), "max-age=63072000")
	require.Contains(t, app.Mail.Last("ada@example.com", "account.sign_up").Text, "https://app.acme.test/sign-up/complete?token=")
}

// New names whatever is missing or wrong, all at once.
func TestConfig(t *testing.T) {
	_, err := settings.New(settings.Config{})
	for _, field := range []string{"Product", "PublicURL", "Store", "From", "Mailer", "Keys"} {
		require.ErrorContains(t, err, field)
	}
	keys, err := settings.CreateKeys(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	c := settings.Config{Product: "Acme", Store: memstore.New(), From: "a@acme.example", Mailer: nobody{}, Keys: keys}
	for _, bad := range []string{"", "app.acme.test", "http://app.acme.test", "https://", "https://app.acme.test/path", "ftp://x", "https://u:p@app.acme.test", "http://localhost.evil.test"} {
		c.PublicURL = bad
		_, err = settings.New(c)
		require.ErrorContains(t, err, "PublicURL", bad)
	}
	for _, good := range []string{"https://app.acme.test", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"} {
		c.PublicURL = good
		_, err = settings.New(c)
		require.NoError(t, err, good)
	}
}

// SESS-14: the oldest sign-ins end when there are too many.
func TestTooManySessions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: wide{}})
		first := app.SignUp("ada@example.com", "Ada")
		app.Clock.Advance(time.Second)
		for range 4 {
			var wg sync.WaitGroup
			for range 26 {
				wg.Go(func() {
					if r := app.Client().API(post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password)); r.Status != 200 {
						t.Errorf("%d %s", r.Status, r.Body)
					}
				})
			}
			wg.Wait()
		}
		refused(t, first, get, "/account", nil, 401, "unauthenticated")
		app.Clock.Advance(time.Second)
		items, next := sessionsOf(t, app.SignIn("ada@example.com"), "?limit=200")
		require.Empty(t, next)
		require.Len(t, items, 100)
	})
}

// SESS-18, SIGN-02: signing out everywhere ends what is half done.
func TestSignOutEverywhereEndsHalfDoneThings(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		api(t, c, post, "/account/email", object{"email": "new@example.com"}, 202)
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
		confirm, reset := app.LinkToken("new@example.com", "account.confirm_email"), app.LinkToken("ada@example.com", "security.reset")
		api(t, c, del, "/account/sessions?scope=all", nil, 204)
		refused(t, app.Client(), post, "/account/email/confirm", object{"token": confirm}, 410, "link_gone")
		refused(t, app.Client(), post, "/auth/password/reset", object{"token": reset, "password": "another horse 7"}, 410, "link_gone")
		app.SignIn("ada@example.com")
	})
}

// FILE-08: uploads are limited, and leave one picture behind.
func TestManyUploads(t *testing.T) {
	store := memstore.New()
	blobs := &countingBlobs{BlobStore: store.Blobs(), names: map[string]bool{}}
	app := settingstest.Start(t, settings.Config{Store: store, Blobs: blobs})
	c := app.SignUp("ada@example.com", "Ada")
	codes := map[int]int{}
	for range 25 {
		r := c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, picturePNG(t, 20, 20))
		codes[r.Status]++
	}
	require.Equal(t, map[int]int{200: 20, 429: 5}, codes)
	app.RunJob("accounts.collect_blobs")
	require.Len(t, blobs.names, 3, "one picture in three sizes")

	// An upload that fails half-way leaves nothing after an hour.
	app.Clock.Advance(time.Hour)
	blobs.fail = true
	r := c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, picturePNG(t, 20, 20))
	require.Equal(t, 500, r.Status)
	blobs.fail = false
	app.Clock.Advance(time.Hour)
	app.RunJob("accounts.collect_blobs")
	require.Len(t, blobs.names, 3)
	require.Equal(t, 200, app.Client().Get(strings.TrimPrefix(api(t, c, get, "/account", nil, 200)["avatar_url"].(string), app.URL)).Status)
}

type countingBlobs struct {
	accounts.BlobStore
	names map[string]bool
	fail  bool
}

func (c *countingBlobs) PutBlob(ctx context.Context, name, contentType string, data []byte) error {
	if c.fail && len(c.names) > 3 {
		return errors.New("disk full")
	}
	c.names[name] = true
	return c.BlobStore.PutBlob(ctx, name, contentType, data)
}

func (c *countingBlobs) DeleteBlobs(ctx context.Context, prefix string) error {
	for n := range c.names {
		if strings.HasPrefix(n, prefix) {
			delete(c.names, n)
		}
	}
	return c.BlobStore.DeleteBlobs(ctx, prefix)
}

// HTTP-01: after signing in a browser goes nowhere but to our own pages.
func TestNext(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	app.SignUp("ada@example.com", "Ada")
	for next, want := range map[string]string{
		"/settings/security": "/settings/security", "/dashboard?x=1": "/dashboard?x=1", "": "/settings/profile",
		"//evil.test": "/settings/profile", `/\evil.test`: "/settings/profile", "https:evil.test": "/settings/profile",
		"/%2f%2fevil.test": "/settings/profile", "/..//evil.test": "/settings/profile", "javascript:alert(1)": "/settings/profile",
		"https://app@evil.test": "/settings/profile", "/x\r\nSet-Cookie: a=b": "/settings/profile", "/\t/evil.test": "/settings/profile",
	} {
		c := app.Client()
		r := c.Form("/sign-in", url.Values{"email": {"ada@example.com"}, "password": {settingstest.Password}, "next": {next}})
		require.Equal(t, 303, r.Status, "%q", next)
		require.Equal(t, want, r.Header.Get("Location"), "%q", next)
		r = c.Get("/sign-in?next=" + url.QueryEscape(next)) // signed in already
		require.Equal(t, want, r.Header.Get("Location"), "%q", next)
	}
	r := app.Client().Get("/settings/security?cursor=x")
	require.Equal(t, "/sign-in?next=%2Fsettings%2Fsecurity%3Fcursor%3Dx", r.Header.Get("Location"))
}

// HTTP-03, HTTP-04: only a listed proxy speaks for others.
func TestTrustedProxies(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		want    string
	}{
		"none":   {nil, "127.0.0.1"},
		"listed": {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "203.0.113.9"},
		"other":  {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, "127.0.0.1"},
	} {
		app := settingstest.Start(t, settings.Config{TrustedProxies: c.trusted})
		app.SignUp("ada@example.com", "Ada")
		d := app.Client()
		for k, v := range map[string]string{
			"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Real-Ip": "192.0.2.1", "Cf-Connecting-Ip": "192.0.2.2",
			"X-User-Id": "1", "X-Webauth-User": "admin", "X_forwarded_user": "admin",
		} {
			d.Header.Set(k, v)
		}
		refused(t, d, get, "/account", nil, 401, "unauthenticated")
		api(t, d, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 200)
		items, _ := sessionsOf(t, d, "")
		require.Equal(t, c.want, items[0].IP, name)
	}
}

// A host's own handlers, behind the product's sign-in.
func TestRequireUser(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	handler := app.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := settings.UserFrom(r.Context())
		require.True(t, ok)
		_, _ = w.Write([]byte(u.Name + " " + u.Email))
	}))
	call := func(method, path string, h map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		for k, v := range h {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	cookie := "session=" + sessionCookie(t, app, c)
	require.Equal(t, "Ada ada@example.com", call(get, "/dashboard", map[string]string{"Cookie": cookie}).Body.String())
	w := call(get, "/dashboard?a=b", nil)
	require.Equal(t, 303, w.Code)
	require.Equal(t, "/sign-in?next=%2Fdashboard%3Fa%3Db", w.Header().Get("Location"))
	require.Equal(t, 401, call(post, "/dashboard", nil).Code)
	require.Equal(t, 403, call(post, "/dashboard", map[string]string{"Cookie": cookie}).Code)
	require.Equal(t, 200, call(post, "/dashboard", map[string]string{"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}).Code)
	_, ok := settings.UserFrom(t.Context())
	require.False(t, ok)
}

// Mail that nobody delivers is told, to monitoring and to the log.
func TestHealth(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		require.True(t, app.Health(t.Context()).OK())
		api(t, app.Client(), post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
		app.Clock.Advance(time.Minute + time.Second)
		h := app.Health(t.Context())
		require.True(t, h.MailOverdue)
		require.False(t, h.OK())
		require.False(t, h.Running)
		app.Deliver()
		require.True(t, app.Health(t.Context()).OK())
	})
}

// Entries that nobody seals are told, to monitoring and to the log.
func TestHealthOfTheLog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		var log strings.Builder
		app := settingstest.Start(t, settings.Config{Store: db, Log: slog.New(slog.NewTextHandler(&log, nil))})
		c := app.SignUp(ada, "Ada")
		api(t, c, post, "/orgs", object{"name": "Acme Inc."}, 201)
		app.Deliver()
		since := app.Health(t.Context()).AuditWaitingSince
		require.WithinDuration(t, app.Clock.Now(), since, time.Microsecond)
		app.Clock.Advance(10*time.Minute - time.Second)
		require.True(t, app.Health(t.Context()).OK())
		app.Clock.Advance(2 * time.Second)
		h := app.Health(t.Context())
		require.True(t, h.AuditOverdue)
		require.False(t, h.MailOverdue)
		require.False(t, h.OK())
		require.Equal(t, since, h.AuditWaitingSince)
		require.NotContains(t, log.String(), "nobody seals")
		api(t, app.Client(), post, "/auth/sign-up", object{"email": "grace@example.com"}, 202)
		require.Contains(t, log.String(), "nobody seals")
		app.RunJob("audit.seal")
		app.Deliver()
		h = app.Health(t.Context())
		require.True(t, h.OK())
		require.Zero(t, h.AuditWaitingSince)
	})
}

// Run delivers mail as soon as it is queued, and stops when it is told to.
func TestRun(t *testing.T) {
	app := settingstest.Start(t, settings.Config{Now: time.Now})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = app.Run(ctx)
	}()
	api(t, app.Client(), post, "/auth/sign-up", object{"email": "ada@example.com"}, 202)
	require.Eventually(t, func() bool { return app.Mail.Count() == 1 }, 20*time.Second, 10*time.Millisecond)
	require.True(t, app.Health(ctx).Running)
	cancel()
	<-done
}
