package mail

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"regexp"
	"strconv"
)

// defaultAccent is the blue of the settings pages.
const defaultAccent = "#3b5bdb"

// The surfaces that text of the accent colour stands on.
var (
	lightSurface = rgb{0xff, 0xff, 0xff}
	darkSurface  = rgb{0x15, 0x18, 0x1e}
	ink          = rgb{0x0b, 0x0e, 0x17}
)

// legible is the contrast that WCAG 2.2 AA asks of text.
const legible = 4.5

// palette is an accent in each theme: for the button, for the words on it, and
// for links. Each can be read on what it stands on, whatever the host chose.
type palette struct {
	Button, ButtonText, Link             template.CSS
	DarkButton, DarkButtonText, DarkLink template.CSS
}

type rgb [3]uint8

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func newPalette(accent string) (palette, error) {
	if accent == "" {
		accent = defaultAccent
	}
	if !hexColor.MatchString(accent) {
		return palette{}, errors.New(`mail: Brand.AccentColor is not six hexadecimal digits such as "#3b5bdb"`)
	}
	v, err := strconv.ParseUint(accent[1:], 16, 32)
	if err != nil {
		return palette{}, fmt.Errorf("mail: Brand.AccentColor: %w", err)
	}
	c := rgb{uint8(v >> 16), uint8(v >> 8), uint8(v)}
	light, dark := c.readableOn(lightSurface), c.readableOn(darkSurface)
	return palette{
		Button: c.css(), ButtonText: c.words().css(), Link: light.css(),
		DarkButton: dark.css(), DarkButtonText: dark.words().css(), DarkLink: dark.css(),
	}, nil
}

func (c rgb) css() template.CSS {
	return template.CSS(fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])) //nolint:gosec // made of three numbers
}

// words returns what to write on c: white where that can be read, else ink,
// else black, which can be read wherever white cannot.
func (c rgb) words() rgb {
	for _, w := range []rgb{lightSurface, ink} {
		if contrast(c, w) >= legible {
			return w
		}
	}
	return rgb{}
}

// readableOn returns c, moved towards the far end from surface as far as it
// takes to be read on it.
func (c rgb) readableOn(surface rgb) rgb {
	end := surface.words()
	for step := range 20 {
		mixed := c.mix(end, float64(step)/20)
		if contrast(mixed, surface) >= legible {
			return mixed
		}
	}
	return end
}

func (c rgb) mix(d rgb, part float64) rgb {
	var out rgb
	for i := range c {
		out[i] = uint8(math.Round(float64(c[i])*(1-part) + float64(d[i])*part))
	}
	return out
}

// contrast is the ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func (c rgb) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}
