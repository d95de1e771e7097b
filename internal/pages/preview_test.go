package pages_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/pages"
)

const (
	shotsVariable = "SETTINGS_PAGES_SHOTS" // a folder for screenshots
	onlyVariable  = "SETTINGS_PAGES_ONLY"  // parts of file names, by comma
	axeVariable   = "SETTINGS_PAGES_AXE"   // path of axe.min.js
)

// TestPreview photographs every sample page in each size and theme, to be looked
// at. It runs when SETTINGS_PAGES_SHOTS names a folder, and also asks axe-core
// where SETTINGS_PAGES_AXE says where that is.
func TestPreview(t *testing.T) {
	dir := os.Getenv(shotsVariable)
	if dir == "" {
		t.Skipf("set %s to a folder to get screenshots of every page", shotsVariable)
	}
	var axe []byte
	if file := os.Getenv(axeVariable); file != "" {
		var err error
		axe, err = os.ReadFile(file)
		require.NoError(t, err)
	}
	server := preview(t)
	ctx := browser(t)
	for _, size := range [][2]int64{{1280, 900}, {768, 1024}, {375, 812}} {
		for _, theme := range []string{"light", "dark"} {
			for _, name := range slices.Sorted(maps.Keys(samples(plain))) {
				for _, language := range []string{"en", "de"} {
					file := fmt.Sprintf("%s-%s-%d-%s.png", name, language, size[0], theme)
					if wanted(file) {
						shoot(ctx, t, server+"/"+name+"?lang="+language, filepath.Join(dir, file), size, theme, axe)
					}
				}
			}
		}
	}
}

func wanted(file string) bool {
	only := os.Getenv(onlyVariable)
	if only == "" {
		return !strings.Contains(file, "-de-")
	}
	return slices.ContainsFunc(strings.Split(only, ","), func(part string) bool {
		for word := range strings.SplitSeq(part, "+") {
			if !strings.Contains(file, word) {
				return false
			}
		}
		return true
	})
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

func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-quic", true),
		chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(ctx)
	t.Cleanup(stopTab)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// send makes an action of a command of the protocol.
func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func shoot(ctx context.Context, t *testing.T, url, file string, size [2]int64, theme string, axe []byte) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	bypass := axe != nil
	require.NoError(t, chromedp.Do(ctx,
		send(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: size[0], Height: size[1], DeviceScaleFactor: 1, Mobile: size[0] < 500}),
		send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}),
		send(page.SetBypassCSP, page.SetBypassCSPParams{Enabled: bypass}),
		chromedp.Navigate(url),
		chromedp.Sleep(120*time.Millisecond),
	))
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, png, 0o600))
	if axe == nil {
		return
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](string(axe)+`;axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	if found != "" {
		t.Errorf("%s %d %s: %s", url, size[0], theme, found)
	}
}
