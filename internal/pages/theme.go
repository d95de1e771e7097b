package pages

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Theme overrides the custom properties of the style sheet.
type Theme struct {
	// Accent is the colour of buttons and links as #rgb or #rrggbb. The text on
	// it becomes black or white, whichever reads better, and the dark theme gets
	// a lighter one, unless Light and Dark say otherwise.
	Accent string

	// Light and Dark are custom properties without their prefix, such as
	// {"surface": "#fff", "radius": "6px"}. Radii and fonts of Light hold for the
	// dark theme too; colours do not.
	Light, Dark map[string]string
}

// themeTokens are the properties that the style sheet reads.
var themeTokens = []string{
	"accent", "accent-text", "surface", "canvas", "sunken", "text", "muted", "line", "line-strong", "line-control",
	"good", "good-soft", "warn", "warn-soft", "bad", "bad-soft",
	"radius", "radius-control", "shadow", "shadow-raised", "font", "mono",
}

// A value can neither end the declaration nor load anything.
var themeValue = regexp.MustCompile(`^[A-Za-z0-9#%.,()"' /_-]{1,200}$`)

func (t Theme) check() error {
	var errs []error
	if t.Accent != "" {
		if _, ok := parseColor(t.Accent); !ok {
			errs = append(errs, errors.New("pages: Theme.Accent is not a colour of the form #3b5bdb"))
		}
	}
	for name, set := range map[string]map[string]string{"Light": t.Light, "Dark": t.Dark} {
		for _, k := range slices.Sorted(maps.Keys(set)) {
			if !slices.Contains(themeTokens, k) {
				errs = append(errs, fmt.Errorf("pages: Theme.%s: there is no property %q", name, k))
			}
			if v := set[k]; !themeValue.MatchString(v) || strings.Contains(strings.ToLower(v), "url") || strings.Contains(v, "//") || strings.Contains(v, "/*") {
				errs = append(errs, fmt.Errorf("pages: Theme.%s: the value of %q is not one plain CSS value", name, k))
			}
		}
	}
	return errors.Join(errs...)
}

// css returns the style sheet that follows the package's own, or "".
func (t Theme) css() string {
	light, dark := map[string]string{}, map[string]string{}
	if c, ok := parseColor(t.Accent); ok {
		light["accent"], light["accent-text"] = c.String(), c.textOn()
		d := c.lighten(.38)
		dark["accent"], dark["accent-text"] = d.String(), d.textOn()
	}
	maps.Copy(light, t.Light)
	// What is no colour holds for both themes; a colour made for a light ground
	// says nothing about a dark one.
	for _, k := range []string{"radius", "radius-control", "font", "mono"} {
		if v, ok := t.Light[k]; ok {
			dark[k] = v
		}
	}
	maps.Copy(dark, t.Dark)
	if len(light) == 0 && len(dark) == 0 {
		return ""
	}
	var b strings.Builder
	block := func(set map[string]string) {
		b.WriteString(":root{")
		for _, k := range slices.Sorted(maps.Keys(set)) {
			b.WriteString("--settings-" + k + ":" + set[k] + ";")
		}
		b.WriteString("}")
	}
	block(light)
	b.WriteString("@media (prefers-color-scheme:dark){")
	block(dark)
	b.WriteString("}")
	return b.String()
}

type color struct{ r, g, b uint8 }

func parseColor(s string) (color, bool) {
	hex, ok := strings.CutPrefix(s, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if !ok || len(hex) != 6 || err != nil {
		return color{}, false
	}
	return color{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

func (c color) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// lighten mixes c with white, share of it.
func (c color) lighten(share float64) color {
	mix := func(v uint8) uint8 { return uint8(math.Round(float64(v) + (255-float64(v))*share)) }
	return color{mix(c.r), mix(c.g), mix(c.b)}
}

// textOn returns black or white, whichever contrasts more with c (WCAG 2.2).
func (c color) textOn() string {
	l := c.luminance()
	if (l+.05)/.05 > 1.05/(l+.05) {
		return "#0b0e17"
	}
	return "#ffffff"
}

func (c color) luminance() float64 {
	lin := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= .04045 {
			return s / 12.92
		}
		return math.Pow((s+.055)/1.055, 2.4)
	}
	return .2126*lin(c.r) + .7152*lin(c.g) + .0722*lin(c.b)
}
