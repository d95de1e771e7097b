package pages_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/pages"
)

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	_, err := pages.NewRenderer(pages.Config{
		Prefix: "account/", LogoURL: "javascript:alert(1)", Links: pages.Links{Terms: "terms.html"},
		Tabs:     []pages.Tab{{ID: "a", Label: "A", Href: "/a"}, {ID: "a", Label: "B", Href: "/b"}},
		Theme:    pages.Theme{Accent: "blue", Light: map[string]string{"colour": "red", "text": "red;}body{display:none"}},
		Password: pages.PasswordRule{MinLength: 500},
	})
	for _, want := range []string{"Product", "Prefix", "LogoURL", "Links.Terms", "Tabs[1]", "Accent", `"colour"`, `"text"`, "MinLength"} {
		require.ErrorContains(t, err, want)
	}
}

func TestHeaders(t *testing.T) {
	r := renderer(t, config())
	w := draw(t, r, samples(plain)["me-profile"], "de")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "de", w.Header().Get("Content-Language"))
	require.Equal(t, "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: blob:; font-src 'self'; "+
		"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", w.Header().Get("Content-Security-Policy"))
	require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"))
	for _, name := range []string{"complete", "reset", "confirm-email", "undo-restore", "invitation", "me-invitation"} {
		require.Equal(t, "no-referrer", draw(t, r, samples(plain)[name], "en").Header().Get("Referrer-Policy"), name)
	}
	cfg := config()
	cfg.LogoURL = "https://cdn.acme.test/logo.svg"
	require.Contains(t, draw(t, renderer(t, cfg), samples(plain)["sign-in"], "en").Header().Get("Content-Security-Policy"),
		"img-src 'self' data: blob: https://cdn.acme.test;")
}

func TestLanguage(t *testing.T) {
	r := renderer(t, config())
	p := samples(plain)["me-profile"]
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Accept-Language", "en-GB,en;q=0.8")
	me := *p.Person
	me.Locale, p.Person = "de", &me
	w := httptest.NewRecorder()
	require.NoError(t, r.Render(w, req, http.StatusOK, p))
	require.Contains(t, w.Body.String(), `<html lang="de"`, "the person's own language comes before the browser's")
	require.Contains(t, draw(t, r, samples(plain)["sign-in"], "fr-FR, de;q=0.5").Body.String(), `<html lang="de"`)
	require.Contains(t, draw(t, r, samples(plain)["sign-in"], "fr-FR").Body.String(), `<html lang="en"`)
}

func TestHostReplacesBlocks(t *testing.T) {
	cfg := config()
	cfg.Templates = fstest.MapFS{
		"brand.html":    {Data: []byte(`{{define "brand"}}<a href="/">The house of {{.Config.Product}}</a>{{end}}`)},
		"sign-in.html":  {Data: []byte(`{{define "footer"}}<footer>Only at the door</footer>{{end}}`)},
		"profile.html":  {Data: []byte(`{{define "profile-more"}}<section class="card" id="mine">More of mine</section>{{end}}`)},
		"notes/no.html": {Data: []byte(`{{define "brand"}}not at the top{{end}}`)},
	}
	r := renderer(t, cfg)
	for name, p := range samples(plain) {
		body := draw(t, r, p, "en").Body.String()
		require.Contains(t, body, "The house of Acme", name)
		require.Equal(t, strings.HasPrefix(name, "sign-in"), strings.Contains(body, "Only at the door"), name)
		require.Equal(t, strings.HasPrefix(name, "me-profile"), strings.Contains(body, "More of mine"), name)
	}
	cfg.Templates = fstest.MapFS{"brand.html": {Data: []byte(`{{define "brand"}}{{end`)}}
	_, err := pages.NewRenderer(cfg)
	require.ErrorContains(t, err, "brand.html")
}

func TestNothingIsSentWhenATemplateFails(t *testing.T) {
	cfg := config()
	cfg.Templates = fstest.MapFS{"a.html": {Data: []byte(`{{define "footer"}}{{.NoSuchThing}}{{end}}`)}}
	r := renderer(t, cfg)
	w := httptest.NewRecorder()
	require.Error(t, r.Render(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, samples(plain)["sign-in"]))
	require.Zero(t, w.Body.Len())
	require.Empty(t, w.Header())
	require.Error(t, r.Render(w, httptest.NewRequest(http.MethodGet, "/", nil), http.StatusOK, pages.Page{}))
}

func TestFragmentIsTheContentAlone(t *testing.T) {
	r := renderer(t, config())
	out, err := r.Fragment(httptest.NewRequest(http.MethodGet, "/", nil), samples(plain)["me-security"])
	require.NoError(t, err)
	require.Contains(t, string(out), `id="sessions"`)
	require.NotContains(t, string(out), "<html")
	require.NotContains(t, string(out), "<nav")
}

func TestHostTabs(t *testing.T) {
	cfg := config()
	cfg.Tabs = []pages.Tab{{ID: "projects", Href: "/projects", Label: "Projects", Labels: map[string]string{"de": "Projekte"}}}
	r := renderer(t, cfg)
	body := draw(t, r, samples(plain)["me-custom"], "de").Body.String()
	require.Contains(t, body, `href="/projects" aria-current="page"`)
	require.Contains(t, body, "Projekte")
	require.Contains(t, body, "<p>From the host.</p>")
	require.Contains(t, draw(t, r, samples(plain)["me-profile"], "en").Body.String(), ">Projects</a>")
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	w := httptest.NewRecorder()
	require.NoError(t, renderer(t, config()).Render(w, httptest.NewRequest(http.MethodHead, "/", nil), http.StatusNotFound, samples(plain)["failure-404"]))
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Zero(t, w.Body.Len())
}

func packed(t *testing.T, body []byte) int {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(body)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Len()
}

func TestSizes(t *testing.T) {
	size := map[string]int{}
	for _, name := range []string{"settings.css", "settings.js", "passkeys.js", "icons.svg", "favicon.svg"} {
		body, err := os.ReadFile(filepath.Join("assets", name))
		require.NoError(t, err)
		size[name] = packed(t, body)
	}
	require.Less(t, size["settings.css"], 30<<10)
	require.Less(t, size["settings.js"]+size["passkeys.js"], 20<<10)
	r := renderer(t, config())
	for name, p := range samples(plain) {
		whole := packed(t, draw(t, r, p, "de").Body.Bytes())
		for _, n := range size {
			whole += n
		}
		require.Less(t, whole, 60<<10, "%s with all it loads", name)
	}
}

func TestAssets(t *testing.T) {
	cfg := config()
	cfg.Prefix, cfg.Theme = "/account", pages.Theme{Accent: "#0f766e", Light: map[string]string{"radius": "4px"}}
	r := renderer(t, cfg)
	get := func(path, encoding string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		r.Assets().ServeHTTP(w, req)
		return w
	}
	require.Len(t, r.Stylesheets(), 2)
	w := get(r.Stylesheets()[0], "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
	require.Contains(t, w.Body.String(), "--settings-accent")

	small := get(r.Scripts()[0], "gzip, br")
	require.Equal(t, "gzip", small.Header().Get("Content-Encoding"))
	z, err := gzip.NewReader(small.Body)
	require.NoError(t, err)
	all, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, get(r.Scripts()[0], "").Body.String(), string(all))

	other := get("/account/assets/0000000000000000/settings.css", "")
	require.Equal(t, http.StatusOK, other.Code, "a page of another version still gets a style sheet")
	require.Equal(t, "no-store", other.Header().Get("Cache-Control"))
	for _, path := range []string{"/assets/x/settings.css", "/account/assets/x/pages.go", "/account/assets/x/../settings.css", "/account/assets/"} {
		require.Equal(t, http.StatusNotFound, get(path, "").Code, path)
	}

	theme := get(r.Stylesheets()[1], "").Body.String()
	require.Contains(t, theme, ":root{--settings-accent:#0f766e;--settings-accent-text:#ffffff;--settings-radius:4px;}")
	require.Contains(t, theme, "@media (prefers-color-scheme:dark){:root{--settings-accent:#6aaaa5;--settings-accent-text:#0b0e17;--settings-radius:4px;}}")
}

// Each text is used, and each that is used exists.
func TestCatalogue(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"templates/*.html", "templates/shared/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			require.NoError(t, err)
			source.Write(b)
		}
	}
	texts := map[string]any{}
	for _, file := range []string{"pages.json", "orgs.json"} {
		raw, err := os.ReadFile("../catalog/locales/en/" + file)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &texts))
	}
	// Of these the last part is computed.
	computed := regexp.MustCompile(`^(sign-in\.notice|check-mail\.(sign_up|reset)|outcome|failure|reauthenticate\.waiting|event|team\.saved|domains\.saved|plan|invited|method\.[a-z_]+)\.|^passkey\.(sign_in|second_factor|reauthenticate)$|^field\.(totp|backup_code|email_code)$|\.(title|lede)$`)
	for key := range texts {
		if !computed.MatchString(key) {
			require.Contains(t, source.String(), `"`+key+`"`, "nobody says this text")
		}
	}
	printer := catalog.For("en")
	for _, m := range regexp.MustCompile(`\.(?:T|N|Rich) "([^"]+)"|\.Field "[^"]+" \S+ "[^"]+" "([^"]+)" "([^"]*)"`).FindAllStringSubmatch(source.String(), -1) {
		for _, key := range m[1:] {
			require.True(t, key == "" || printer.Has(key), key)
		}
	}
	r := renderer(t, config())
	for _, p := range samples(plain) {
		for _, l := range catalog.Locales() {
			draw(t, r, p, l.Tag)
		}
	}
	require.Empty(t, catalog.Missing())
}

func TestFormOf(t *testing.T) {
	require.Equal(t, pages.Form{}, pages.FormOf(nil))
	f := fault.Fields{{Name: "email", Code: "required"}}
	require.Equal(t, pages.Form{Errors: f}, pages.FormOf(f.Err()))
	limited := fault.New(fault.Throttled, "rate_limited", "too many")
	require.Equal(t, pages.Form{Code: "rate_limited", RetryAfter: time.Minute}, pages.FormOf(&fault.Retry{Reason: limited, After: time.Minute}))
	require.Equal(t, pages.Form{Code: "internal"}, pages.FormOf(errors.New("disk")))
}
