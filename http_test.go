package settings_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

func TestProfile(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada Lovelace")
		me := api(t, c, patch, "/account", object{"name": " Augusta Ada King ", "timezone": "Asia/Kolkata", "locale": "de"}, 200)
		require.Equal(t, "Augusta Ada King", me["name"])
		require.Equal(t, "Asia/Kolkata", me["timezone"])
		require.Contains(t, me["greeting"], "Augusta")
		require.Regexp(t, "^Guten ", me["greeting"])
		require.Equal(t, me, api(t, c, patch, "/account", object{}, 200))
		require.Equal(t, "Zo\u00e9", api(t, c, patch, "/account", object{"name": "Zoe\u0301"}, 200)["name"], "NFC")

		for field, values := range map[string][]any{
			"name":     {"", "   ", strings.Repeat("x", 101), "a\u202eb", "a\nb", nil, 5, []string{"x"}},
			"timezone": {"", "Mars/Base", "Local", "../../etc/passwd", nil},
			"locale":   {"", "xx", "en; DROP", nil},
		} {
			for _, v := range values {
				r := refused(t, c, patch, "/account", object{field: v}, 422, "validation_failed")
				require.Contains(t, r.Fields(), field)
			}
		}
		for _, field := range []string{"id", "email", "created_at", "has_password", "role", "plan", "deleted_at"} {
			r := refused(t, c, patch, "/account", object{field: "x"}, 422, "validation_failed")
			require.Equal(t, "unknown_field", r.Fields()[field])
		}
	})
}

// HTTP-07: one decoder, and nothing that two parsers could read differently.
func TestStrictBodies(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		for _, body := range []string{
			``, `null`, `[]`, `"x"`, `{`, `{"name":"x"`, `{"name":"x"}{}`, `{"name":"x"} x`, "\ufeff" + `{"name":"x"}`,
			`{"name":"x","name":"y"}`, `{"name":"a\u0000b"}`, "{\"name\":\"\xff\"}", `{"name":1e400}x`, `{'name':'x'}`,
			`{"name":` + strings.Repeat("[", 100_00) + strings.Repeat("]", 100_00) + `}`,
		} {
			refused(t, c, patch, "/account", body, 400, "malformed")
		}
		refused(t, c, patch, "/account", `{"name":"`+strings.Repeat("x", 70<<10)+`"}`, 413, "too_large")
		for _, ct := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin1", "application/jsonp"} {
			r := c.Do(patch, "/api/v1/account", http.Header{"Content-Type": {ct}}, `{"name":"x"}`)
			require.Equal(t, 415, r.Status, ct)
		}
		require.Equal(t, "Ada", api(t, c, get, "/account", nil, 200)["name"])
		require.Equal(t, 200, c.Do(patch, "/api/v1/account", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, `{"name":"Ada"}`).Status)
	})
}

// SESS-09, SESS-10: an unsafe request with the cookie proves where it comes from.
func TestCrossSiteRequests(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		try := func(h http.Header, with *settingstest.Client) settingstest.Response {
			base := with.Header
			with.Header = http.Header{"Content-Type": {"application/json"}}
			defer func() { with.Header = base }()
			return with.Do(patch, "/api/v1/account", h, `{"name":"Ada"}`)
		}
		for name, h := range map[string]http.Header{
			"neither header":   {},
			"cross-site":       {"Sec-Fetch-Site": {"cross-site"}},
			"same-site":        {"Sec-Fetch-Site": {"same-site"}},
			"other origin":     {"Origin": {"https://evil.example"}},
			"null origin":      {"Origin": {"null"}},
			"prefix of origin": {"Origin": {app.URL + ".evil.example"}},
			"other scheme":     {"Origin": {strings.Replace(app.URL, "http://", "https://", 1)}},
			"both, one bad":    {"Sec-Fetch-Site": {"cross-site"}, "Origin": {app.URL}},
		} {
			r := try(h, c)
			require.Equal(t, 403, r.Status, name)
			require.Equal(t, "cross_origin", r.Code(), name)
		}
		require.Equal(t, 200, try(http.Header{"Sec-Fetch-Site": {"same-origin"}}, c).Status)
		require.Equal(t, 200, try(http.Header{"Origin": {app.URL}}, c).Status)
		r := try(http.Header{"Origin": {app.URL}, "X-Http-Method-Override": {"DELETE"}}, c)
		require.Equal(t, 200, r.Status, "the method is the method")
		require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"), "HTTP-10")

		nobody := app.Client()
		nobody.Header = http.Header{}
		api(t, nobody, post, "/auth/sign-up", object{"email": "x@example.com"}, 202)
		// Signing in while a cookie is sent is an unsafe request with the cookie.
		c.Header = http.Header{}
		refused(t, c, post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password), 403, "cross_origin")
	})
}

// HTTP-06, HTTP-09.
func TestHeaders(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada")
		for _, path := range []string{
			"/api/v1/account", "/api/v1/account/sessions", "/api/v1/nothing", "/api/v1/openapi.json", "/api/v1/docs",
			"/settings/profile", "/settings/security", "/sign-in", "/nothing-here", "/",
		} {
			r := c.Get(path)
			require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"), path)
			require.Contains(t, r.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
			require.NotContains(t, r.Header.Get("Content-Security-Policy"), "unsafe", path)
			require.NotEmpty(t, r.Header.Get("Referrer-Policy"), path)
			require.NotEmpty(t, r.Header.Get("X-Request-Id"), path)
			if path != "/api/v1/openapi.json" && path != "/api/v1/docs" {
				require.Equal(t, "no-store", r.Header.Get("Cache-Control"), path)
			}
		}
		for _, path := range []string{"/account/x.css", "/account;a.js", "/account/", "//account", "/auth/nothing"} {
			r := c.API(get, path, nil)
			require.NotEqual(t, 200, r.Status, path)
		}
		r := c.API(del, "/account", nil)
		require.Equal(t, 405, r.Status)
		require.Equal(t, "GET, PATCH", r.Header.Get("Allow"))
		for _, path := range []string{"/debug/pprof/", "/metrics", "/.git/config"} {
			require.Equal(t, 404, c.Get(path).Status, path)
		}
	})
}

func picturePNG(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w {
		img.Set(i, i%h, color.RGBA{200, 30, 30, 255})
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func TestPicture(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp("ada@example.com", "Ada Lovelace")
		path := func(url any) string { return strings.TrimPrefix(url.(string), app.URL) }
		first := path(api(t, c, get, "/account", nil, 200)["avatar_url"])
		anybody := app.Client()
		r := anybody.Get(first)
		require.Equal(t, 200, r.Status)
		require.Equal(t, "image/svg+xml", r.Header.Get("Content-Type"))
		require.Contains(t, string(r.Body), ">AL<")
		require.Contains(t, r.Header.Get("Cache-Control"), "immutable")
		require.Contains(t, r.Header.Get("Content-Security-Policy"), "sandbox")
		require.Equal(t, "image/png", anybody.Get(first+".png").Header.Get("Content-Type"))

		// What is under an address never changes: another name, another address.
		renamed := path(api(t, c, patch, "/account", object{"name": "Grace Hopper"}, 200)["avatar_url"])
		require.NotEqual(t, first, renamed)
		require.Equal(t, 404, anybody.Get(first).Status)

		upload := func(data []byte, ct string) settingstest.Response {
			return c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {ct}}, data)
		}
		r = upload(append(picturePNG(t, 300, 200), "<script>alert(1)</script>"...), "image/png")
		require.Equal(t, 200, r.Status, "%s", r.Body)
		var answer struct {
			AvatarURL string `json:"avatar_url"`
		}
		r.JSON(t, &answer)
		uploaded := path(answer.AvatarURL)
		require.NotContains(t, uploaded, "ada")
		for _, size := range []string{"512", "128", "64"} {
			r = anybody.Get(strings.TrimSuffix(uploaded, "128") + size)
			require.Equal(t, 200, r.Status, size)
			require.Contains(t, []string{"image/png", "image/jpeg"}, r.Header.Get("Content-Type"))
			require.NotContains(t, string(r.Body), "script")
			cfg, _, err := image.DecodeConfig(bytes.NewReader(r.Body))
			require.NoError(t, err)
			require.Equal(t, cfg.Width, cfg.Height)
		}
		for _, bad := range []string{"0", "129", "0128", "-64", "128.svg", "128/x"} {
			require.Equal(t, 404, anybody.Get(strings.TrimSuffix(uploaded, "128")+bad).Status, bad)
		}
		// FILE-01, FILE-10: what is not a picture is not one by its name.
		for body, status := range map[string]int{
			`<svg xmlns="http://www.w3.org/2000/svg"/>`: 415, "<html>": 415, "%PDF-1.7": 415, "": 415,
			string(picturePNG(t, 50, 50)[:60]): 422,
		} {
			require.Equal(t, status, upload([]byte(body), "image/png").Status, "%.20q", body)
		}
		require.Equal(t, 415, upload(picturePNG(t, 8, 8), "text/html").Status)
		require.Equal(t, 413, upload(make([]byte, 5<<20+1), "image/png").Status)
		require.Equal(t, 200, anybody.Get(uploaded).Status)

		api(t, c, del, "/account/avatar", nil, 204)
		require.Equal(t, 404, anybody.Get(uploaded).Status, "FILE-11")
		app.RunJob("accounts.collect_blobs")
		refused(t, app.Client(), put, "/account/avatar", object{}, 401, "unauthenticated")
	})
}

func TestDocument(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		var doc struct {
			OpenAPI string
			Paths   map[string]map[string]struct{ Security []any }
		}
		app.Client().Get("/api/v1/openapi.json").JSON(t, &doc)
		require.Equal(t, "3.1.0", doc.OpenAPI)
		require.NotEmpty(t, doc.Paths["/account/sessions/{id}"]["delete"].Security)
		require.Empty(t, doc.Paths["/auth/sign-in"]["post"].Security)
		docs := app.Client().Get("/api/v1/docs")
		require.Equal(t, 200, docs.Status)
		for path := range doc.Paths {
			require.Contains(t, string(docs.Body), path)
		}
		var meta struct {
			Timezones []string
			Locales   []struct{ Tag string }
		}
		require.NoError(t, json.Unmarshal(app.Client().API(get, "/meta", nil).Body, &meta))
		require.Contains(t, meta.Timezones, "Europe/London")
		require.NotEmpty(t, meta.Locales)
	})
}

// What the API says of itself is made when it is first asked for, by however many at
// once and in whatever order.
func TestDescriptionDoesNotDependOnWhoAsks(t *testing.T) {
	app := settingstest.Start(t, settings.Config{PublicURL: "https://app.acme.example"})
	paths := []string{"/api/v1/openapi.json", "/api/v1/docs"}
	var answers [8]settingstest.Response
	var wg sync.WaitGroup
	for i := range answers {
		c := app.Client()
		wg.Go(func() { answers[i] = c.Get(paths[i%2]) })
	}
	wg.Wait()
	other := settingstest.Start(t, settings.Config{PublicURL: "https://app.acme.example"}).Client()
	docs, document := other.Get(paths[1]), other.Get(paths[0])
	for i, r := range answers {
		require.Equal(t, 200, r.Status)
		require.Equal(t, string([][]byte{document.Body, docs.Body}[i%2]), string(r.Body), paths[i%2])
	}
}
