package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// palette holds backgrounds on which white text has a contrast of 4.5:1 or more
// (WCAG 2.2 AA).
var palette = [...]color.RGBA{
	{0x5f, 0x3d, 0xc4, 0xff}, {0x36, 0x4f, 0xc7, 0xff}, {0x18, 0x64, 0xab, 0xff}, {0x0b, 0x72, 0x85, 0xff},
	{0x08, 0x6f, 0x57, 0xff}, {0x2b, 0x77, 0x39, 0xff}, {0x4a, 0x6b, 0x0b, 0xff}, {0x7a, 0x5c, 0x00, 0xff},
	{0xb0, 0x45, 0x0b, 0xff}, {0xc9, 0x2a, 0x2a, 0xff}, {0xa6, 0x1e, 0x4d, 0xff}, {0x86, 0x2e, 0x9c, 0xff},
	{0x49, 0x50, 0x57, 0xff}, {0x6d, 0x4c, 0x41, 0xff},
}

// Shape is what initials are drawn on.
type Shape int

// The shapes: people are round, organizations are not.
const (
	Disc Shape = iota
	Tile       // a square with round corners
)

// radius returns that of the corners, in units of the drawing.
func (s Shape) radius() float64 {
	if s == Tile {
		return 16
	}
	return unit / 2
}

// maxInitials bounds what is drawn, in bytes: two letters with their marks.
const maxInitials = 64

// Proportions of the drawing, in a square with this side.
const (
	unit     = 72.0
	fontSize = 28.0
)

func colourOf(seed string) color.RGBA {
	h := fnv.New32a()
	h.Write([]byte(seed))
	return palette[h.Sum32()%uint32(len(palette))]
}

// InitialsSVG draws initials in white on a shape whose colour depends on seed
// alone, so that whom it stands for keeps it. Any text of up to 64 bytes is fine; it is
// escaped, and laid out by the viewer in a font of the system that has it.
func InitialsSVG(s Shape, initials, seed string) []byte {
	if len(initials) > maxInitials {
		initials = "?"
	}
	c := colourOf(seed)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" rx="%g" fill="#%02x%02x%02x"/>`, s.radius(), c.R, c.G, c.B)
	b.WriteString(`<text x="36" y="37" fill="#fff" font-family="system-ui,sans-serif" font-size="28" font-weight="600" text-anchor="middle" dominant-baseline="central">`)
	_ = xml.EscapeText(&b, []byte(initials)) // a buffer takes everything
	b.WriteString(`</text></svg>`)
	return b.Bytes()
}

// InitialsPNG draws what [InitialsSVG] draws as a PNG of 16 to 1,024 pixels with
// a transparent ground, for mails. It has one font, with the Latin, Greek and
// Cyrillic letters; for others it draws a person, or a house on a [Tile].
func InitialsPNG(s Shape, initials, seed string, size int) ([]byte, error) {
	if size < 16 || size > 1024 {
		return nil, errors.New("picture: size out of range")
	}
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	fill(m, colourOf(seed), s.contains)
	drawn, err := write(m, initials)
	if err != nil {
		return nil, err
	}
	if !drawn {
		symbol := person
		if s == Tile {
			symbol = house
		}
		fill(m, color.RGBA{0xff, 0xff, 0xff, 0xff}, symbol)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return nil, fmt.Errorf("picture: encode: %w", err)
	}
	return b.Bytes(), nil
}

// person is a head and shoulders, cut off by the disc.
func person(x, y float64) bool {
	shoulders := within(x, y, 63, 22, 20) && Disc.contains(x, y)
	return within(x, y, 29, 12, 12) || shoulders
}

// house is a block with six windows and a door.
func house(x, y float64) bool {
	if x < 20 || x > 52 || y < 16 || y > 56 {
		return false
	}
	column := x > 26 && x < 32 || x > 40 && x < 46
	row := y > 22 && y < 27 || y > 31 && y < 36 || y > 40 && y < 45
	door := x > 33 && x < 39 && y > 48
	return !(column && row) && !door
}

// contains holds inside of the shape.
func (s Shape) contains(x, y float64) bool {
	r := s.radius()
	// How far the point is beyond where the sides are straight.
	dx, dy := max(r-x, x-(unit-r), 0), max(r-y, y-(unit-r), 0)
	return dx*dx+dy*dy <= r*r && x >= 0 && x <= unit && y >= 0 && y <= unit
}

// within holds inside of an ellipse whose centre is in the middle, at height cy.
func within(x, y, cy, rx, ry float64) bool {
	dx, dy := (x-unit/2)/rx, (y-cy)/ry
	return dx*dx+dy*dy <= 1
}

// fill paints where inside holds, in units of the drawing, with smooth edges.
func fill(m *image.RGBA, c color.RGBA, inside func(x, y float64) bool) {
	size := m.Rect.Dx()
	pixel := unit / float64(size)
	mask := image.NewAlpha(m.Rect)
	for y := range size {
		for x := range size {
			mask.Pix[y*mask.Stride+x] = coverage(float64(x)*pixel, float64(y)*pixel, pixel, inside)
		}
	}
	draw.DrawMask(m, m.Rect, image.NewUniform(c), image.Point{}, mask, image.Point{}, draw.Over)
}

// coverage returns how much of a pixel is inside. Most are as their corners are,
// and only edges are looked at more closely.
func coverage(x, y, pixel float64, inside func(x, y float64) bool) byte {
	corner := inside(x, y)
	if corner == inside(x+pixel, y) && corner == inside(x, y+pixel) && corner == inside(x+pixel, y+pixel) {
		if corner {
			return 0xff
		}
		return 0
	}
	const samples = 4 // in each direction
	hits := 0
	for i := range samples * samples {
		dx, dy := float64(i%samples)+0.5, float64(i/samples)+0.5
		if inside(x+dx*pixel/samples, y+dy*pixel/samples) {
			hits++
		}
	}
	return byte(hits * 0xff / (samples * samples))
}

var bold = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// write draws text in the middle, and reports false if the font lacks a glyph of
// it: a box for a letter is worse than none.
func write(m *image.RGBA, text string) (bool, error) {
	f, err := bold()
	if err != nil {
		return false, fmt.Errorf("picture: font: %w", err)
	}
	if text == "" || len(text) > maxInitials || !hasGlyphs(f, text) {
		return false, nil
	}
	size := float64(m.Rect.Dx())
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: fontSize * size / unit, DPI: 72})
	if err != nil {
		return false, fmt.Errorf("picture: font: %w", err)
	}
	defer func() { _ = face.Close() }()
	d := font.Drawer{Dst: m, Src: image.White, Face: face}
	middle := fixed.Int26_6(size * 32) // half of it, in 64ths
	d.Dot = fixed.Point26_6{X: middle - d.MeasureString(text)/2, Y: middle + face.Metrics().CapHeight/2}
	d.DrawString(text)
	return true, nil
}

func hasGlyphs(f *opentype.Font, text string) bool {
	var b sfnt.Buffer
	for _, r := range text {
		if i, err := f.GlyphIndex(&b, r); err != nil || i == 0 {
			return false
		}
	}
	return true
}
