package pages_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
	"github.com/aegisrunner/account-settings/internal/pages"
	"github.com/aegisrunner/account-settings/internal/picture"
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
	gear := wheel(t)
	mux := http.NewServeMux()
	mux.Handle("/assets/", r.Assets())
	mux.HandleFunc("/avatars/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" fill="#5f3dc4"/><text x="36" y="37" fill="#fff" font-family="system-ui,sans-serif" font-size="28" font-weight="600" text-anchor="middle" dominant-baseline="central">AL</text></svg>`))
	})
	mux.HandleFunc("/logos/society/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write(picture.InitialsSVG(picture.Tile, "SF", "society"))
	})
	mux.HandleFunc("/logos/engines/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(gear)
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

// wheel is a logo as they are uploaded: dark, on a ground that is transparent.
func wheel(t *testing.T) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for x := range 256 {
		for y := range 256 {
			dx, dy := float64(x)-127.5, float64(y)-127.5
			r, angle := math.Hypot(dx, dy), math.Atan2(dy, dx)
			if teeth := 84 + 14*math.Copysign(1, math.Sin(angle*10)); r < teeth && r > 36 {
				m.Set(x, y, color.NRGBA{0x16, 0x2a, 0x4a, 0xff})
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func render(t *testing.T, r *pages.Renderer, w http.ResponseWriter, req *http.Request, p pages.Page) {
	if err := r.Render(w, req, http.StatusOK, p); err != nil {
		t.Error(err)
	}
}
