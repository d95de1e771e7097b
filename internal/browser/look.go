package browser

import (
	_ "embed"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
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
	// Asked until it is so, and not by a callback of the page: a mail in its sandbox
	// runs none.
	b.Until(fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches && matchMedia("(width: %dpx)").matches`, theme, size.Width))
}

//go:embed testdata/axe/axe.min.js
var axe string

// Violations returns what axe-core finds on the page as it is shown now, or "".
// Frames are left out: they are pages of their own.
func (b *Tab) Violations() string {
	b.t.Helper()
	if !Eval[bool](b, "!!window.axe") { // it is half a megabyte
		Eval[bool](b, "((() => {"+axe+"})(), true)")
	}
	return Eval[string](b, `axe.run(document, {iframes: false, preload: false, resultTypes: ["violations"]}).then(r => r.violations.map(v =>
		v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).join(" | ")).join("\n"))`)
}

// Sideways reports what reaches beyond the right edge of the screen, or "".
func (b *Tab) Sideways() string {
	b.t.Helper()
	return Eval[string](b, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.body.querySelectorAll("*")]
		.filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120)).slice(-3).join("\n") || "the page"`)
}

// A look is a way to look at a page.
type look struct {
	size  Size
	theme string
}

// looks come in pairs, each of both themes and of a desktop and a phone. The last
// one is for pictures alone.
var looks = [][2]look{
	{{Desktop, Light}, {Phone, Dark}},
	{{Desktop, Dark}, {Phone, Light}},
	{{Tablet, Light}, {Tablet, Dark}},
}

// Inspect requires that the page is sound, as [Tab.Violations], [Tab.Sideways] and
// [Tab.Faults] tell, and goes back to the look of a desktop in the light.
//
// A look takes half a second of a processor, so a page gets one pair of looks, which
// depends on its name. With a folder it gets all of them, and the folder the
// pictures.
func (b *Tab) Inspect(name, folder string) {
	b.t.Helper()
	if folder == "" {
		for _, l := range looks[sum(name)%2] {
			b.inspect(name, l)
		}
	} else {
		for _, l := range slices.Concat(looks[0][:], looks[1][:], looks[2][:]) {
			b.inspect(name, l)
			b.Picture(filepath.Join(folder, strings.Join([]string{name, l.size.Name, l.theme}, "-")+".png"))
		}
	}
	b.Look(Desktop, Light)
}

// Glance is Inspect with one look, for pages that are many and much alike.
func (b *Tab) Glance(name string) {
	b.t.Helper()
	b.inspect(name, looks[sum(name)%2][sum(name)/2%2])
}

// sum spreads names evenly, each time the same way.
func sum(name string) uint32 { return crc32.ChecksumIEEE([]byte(name)) }

func (b *Tab) inspect(name string, l look) {
	b.t.Helper()
	b.Look(l.size, l.theme)
	require.Empty(b.t, b.Violations(), "axe-core on %s, %s, %s", name, l.size.Name, l.theme)
	require.Empty(b.t, b.Sideways(), "%s scrolls sideways at %s", name, l.size.Name)
	require.Empty(b.t, b.Faults(), "on %s", name)
}

// Picture writes a PNG of the whole page to a file.
func (b *Tab) Picture(file string) {
	b.t.Helper()
	Eval[bool](b, "(scrollTo(0, 0), true)") // what sticks to the top stands at the top
	ctx, stop := b.step()
	defer stop()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, png, 0o600))
}
