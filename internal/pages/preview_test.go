package pages_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aegisrunner/account-settings/internal/browser"
	"github.com/aegisrunner/account-settings/internal/pages"
)

const (
	picturesVariable = "SETTINGS_SCREENSHOTS" // a folder for pictures of all sample pages
	onlyVariable     = "SETTINGS_PAGES_ONLY"  // names of samples, by comma
)

// samplesAreSound looks at every sample page. With a folder for pictures it does so
// in every way, in English and in German, which has the longest words.
func samplesAreSound(t *testing.T, b *browser.Browser, server string) {
	dir, only := os.Getenv(picturesVariable), os.Getenv(onlyVariable)
	tab := b.Tab(t, server)
	for _, name := range slices.Sorted(maps.Keys(samples(plain))) {
		if only != "" && !slices.Contains(strings.Split(only, ","), name) {
			continue
		}
		tab.Open("/" + name + "?lang=en")
		if dir == "" {
			tab.Glance(name)
			continue
		}
		tab.Inspect(name+"-en", dir)
		tab.Open("/" + name + "?lang=de")
		tab.Inspect(name+"-de", dir)
	}
}

// preview serves every sample page under its name.
func preview(t *testing.T) string {
	t.Helper()
	r := renderer(t, config())
	mux := http.NewServeMux()
	mux.Handle("/assets/", r.Assets())
	mux.HandleFunc("/avatars/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" fill="#5f3dc4"/><text x="36" y="37" fill="#fff" font-family="system-ui,sans-serif" font-size="28" font-weight="600" text-anchor="middle" dominant-baseline="central">AL</text></svg>`))
	})
	for name, p := range samples(plain) {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, req *http.Request) {
			req.Header.Set("Accept-Language", req.URL.Query().Get("lang"))
			if p.Person != nil {
				me := *p.Person
				me.Locale = req.URL.Query().Get("lang")
				req = req.Clone(req.Context())
				render(t, r, w, req, pages.Page{Now: p.Now, Person: &me, View: p.View})
				return
			}
			render(t, r, w, req, p)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func render(t *testing.T, r *pages.Renderer, w http.ResponseWriter, req *http.Request, p pages.Page) {
	if err := r.Render(w, req, http.StatusOK, p); err != nil {
		t.Error(err)
	}
}
