package browser

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Size is that of a screen, in CSS pixels.
type Size struct {
	Name          string
	Width, Height int64
}

// The screens that pages are looked at on.
var (
	Desktop = Size{"1280", 1280, 900}
	Tablet  = Size{"768", 768, 1024}
	Phone   = Size{"375", 375, 812}
)

// The themes that people choose in their system.
const (
	Light = "light"
	Dark  = "dark"
)

// Look changes screen and theme; the page stays.
func (b *Tab) Look(size Size, theme string) {
	b.t.Helper()
	Call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: size.Width, Height: size.Height, DeviceScaleFactor: 1, Mobile: size == Phone,
	})
	// A phone without touch, so that a click stays a click.
	Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	// Two frames: one in which the new look is laid out, and one after it.
	Eval[bool](b, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

//go:embed testdata/axe/axe.min.js
var axe string

// Violations returns what axe-core finds on the page as it is shown now, or "".
// Frames are left out: they are pages of their own.
func (b *Tab) Violations() string {
	b.t.Helper()
	Eval[bool](b, "(window.axe || (() => {"+axe+"})(), true)")
	return Eval[string](b, `axe.run(document, {iframes: false, resultTypes: ["violations"]}).then(r => r.violations.map(v =>
		v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).join(" | ")).join("\n"))`)
}

// Sideways reports what reaches beyond the right edge of the screen, or "".
func (b *Tab) Sideways() string {
	b.t.Helper()
	return Eval[string](b, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.body.querySelectorAll("*")]
		.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120)).slice(-3).join("\n") || "the page"`)
}

// Inspect requires that the page is sound, light and dark, on a desktop and on a
// phone, and goes back to how it was looked at first. A folder that is not ""
// gets pictures of the page, which then is looked at on a tablet too.
func (b *Tab) Inspect(name, folder string) {
	b.t.Helper()
	sizes := []Size{Desktop, Phone}
	if folder != "" {
		sizes = append(sizes, Tablet)
	}
	for _, size := range sizes {
		for _, theme := range []string{Light, Dark} {
			b.Look(size, theme)
			require.Empty(b.t, b.Violations(), "axe-core on %s, %s, %s", name, size.Name, theme)
			require.Empty(b.t, b.Sideways(), "%s scrolls sideways at %s", name, size.Name)
			if folder != "" {
				b.Picture(filepath.Join(folder, strings.Join([]string{name, size.Name, theme}, "-")+".png"))
			}
		}
	}
	require.Empty(b.t, b.Faults(), "on %s", name)
	b.Look(Desktop, Light)
}

// Picture writes a PNG of the whole page to a file.
func (b *Tab) Picture(file string) {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, png, 0o600))
}
