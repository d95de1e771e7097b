package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// luminance is that of WCAG 2.2.
func luminance(c color.RGBA) float64 {
	channel := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.R) + 0.7152*channel(c.G) + 0.0722*channel(c.B)
}

func TestPalette(t *testing.T) {
	require.GreaterOrEqual(t, len(palette), 12)
	seen := map[color.RGBA]bool{}
	for _, c := range palette {
		require.GreaterOrEqual(t, 1.05/(luminance(c)+0.05), 4.5, "%v under white", c)
		require.False(t, seen[c])
		require.Equal(t, uint8(0xff), c.A)
		seen[c] = true
	}
	used := map[color.RGBA]int{}
	for i := range 14_000 {
		used[colourOf("0198f3c0-0000-7000-8000-"+strconv.Itoa(100_000_000_000+i))]++
	}
	require.Len(t, used, len(palette))
	for c, n := range used {
		require.InDelta(t, 1000, n, 250, "%v", c)
	}
}

func TestInitialsSVG(t *testing.T) {
	require.Equal(t, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">`+
		`<rect width="72" height="72" rx="36" fill="#`+hexOf(colourOf("seed"))+`"/>`+
		`<text x="36" y="37" fill="#fff" font-family="system-ui,sans-serif" font-size="28" font-weight="600" `+
		`text-anchor="middle" dominant-baseline="central">AL</text></svg>`, string(InitialsSVG(Disc, "AL", "seed")))
	for _, s := range []string{"AL", "李", "דל", "م\u200cع", "क्ष", "?", "", "<script>", "&", `"'`, "]]>", "a\x00b", "\xff", "\ufffe", strings.Repeat("x", 10_000)} {
		text := textOf(t, InitialsSVG(Disc, s, "seed"))
		if len(s) > maxInitials {
			require.Equal(t, "?", text)
		} else if utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\ufffe") {
			require.Equal(t, s, text)
		}
	}
	require.Contains(t, string(InitialsSVG(Tile, "AE", "seed")), `rx="16" fill="#`+hexOf(colourOf("seed"))+`"/>`)
	require.Equal(t, InitialsSVG(Disc, "AL", "a"), InitialsSVG(Disc, "AL", "a"))
	require.NotContains(t, string(InitialsSVG(Disc, "AL", "<x>&secret-seed")), "secret-seed")
}

func hexOf(c color.RGBA) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, v := range []uint8{c.R, c.G, c.B} {
		b.WriteByte(digits[v>>4])
		b.WriteByte(digits[v&15])
	}
	return b.String()
}

// textOf parses the drawing strictly and returns what is written in it.
func textOf(t *testing.T, svg []byte) string {
	d := xml.NewDecoder(bytes.NewReader(svg))
	var elements, text []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			elements = append(elements, token.Name.Local)
		case xml.CharData:
			text = append(text, string(token))
		}
	}
	require.Equal(t, []string{"svg", "rect", "text"}, elements)
	return strings.Join(text, "")
}

func TestInitialsPNG(t *testing.T) {
	draw := func(initials, seed string, size int) image.Image {
		data, err := InitialsPNG(Disc, initials, seed, size)
		require.NoError(t, err)
		m, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, size, size), m.Bounds())
		return m
	}
	for _, size := range []int{16, 64, 128, 300} {
		m := draw("AL", "seed", size)
		requireColour(t, nobody, m, 0, 0)
		c := colourOf("seed")
		requireColour(t, color.NRGBA(c), m, 50, 10)
		if size < 64 {
			continue // too small for a pixel that is all white
		}
		box := whiteBox(m)
		require.InDelta(t, size/2, (box.Min.X+box.Max.X)/2, float64(size)/32+1, "centred")
		require.InDelta(t, size/2, (box.Min.Y+box.Max.Y)/2, float64(size)/32+1, "centred")
		require.InDelta(t, float64(size)*0.28, box.Dy(), float64(size)/16+1, "capital letters of this size")
	}
	nobodyKnown := draw("", "seed", 128)
	for _, s := range []string{"李", "דל", "م\u200cع", "क", "가", "😀", strings.Repeat("x", 100), "A\u0300\u0301"} {
		require.Equal(t, nobodyKnown, draw(s, "seed", 128), "%q is drawn as a person", s)
	}
	for _, s := range []string{"AL", "Ж", "ΩΆ", "É", "?", "3"} {
		require.NotEqual(t, nobodyKnown, draw(s, "seed", 128), s)
	}
	require.NotEqual(t, draw("AL", "seed", 128), draw("AK", "seed", 128))
	for _, size := range []int{-1, 0, 15, 1025, 1 << 30} {
		_, err := InitialsPNG(Disc, "AL", "seed", size)
		require.Error(t, err)
	}
}

// An organization has corners, and a house where its letters cannot be drawn.
func TestInitialsOnATile(t *testing.T) {
	draw := func(initials string, size int) image.Image {
		data, err := InitialsPNG(Tile, initials, "seed", size)
		require.NoError(t, err)
		m, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		return m
	}
	c := color.NRGBA(colourOf("seed"))
	for _, size := range []int{64, 128, 512} {
		m := draw("AE", size)
		requireColour(t, nobody, m, 0, 0)
		for _, at := range [][2]int{{50, 1}, {1, 50}, {98, 50}, {50, 98}, {10, 10}} {
			requireColour(t, c, m, at[0], at[1])
		}
		box := whiteBox(m)
		require.InDelta(t, size/2, (box.Min.X+box.Max.X)/2, float64(size)/32+1, "centred")
	}
	unknown := draw("株式", 128)
	require.NotEqual(t, unknown, draw("AE", 128))
	box := whiteBox(unknown)
	require.InDelta(t, 64, (box.Min.X+box.Max.X)/2, 2, "the house is in the middle")
	require.InDelta(t, 64, (box.Min.Y+box.Max.Y)/2, 2)
	requireColour(t, c, unknown, 50, 75)
	data, err := InitialsPNG(Disc, "株式", "seed", 128)
	require.NoError(t, err)
	person, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.NotEqual(t, person, unknown, "people are none")
}

// whiteBox returns where there is white.
func whiteBox(m image.Image) image.Rectangle {
	var box image.Rectangle
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if r, g, b, a := m.At(x, y).RGBA(); a == 0xffff && r > 0xf000 && g > 0xf000 && b > 0xf000 {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

func FuzzInitials(f *testing.F) {
	f.Add("AL", "seed")
	f.Add("<&>\"'\x00\xff", "")
	f.Fuzz(func(t *testing.T, initials, seed string) {
		textOf(t, InitialsSVG(Disc, initials, seed))
		_, err := InitialsPNG(Disc, initials, seed, 16)
		require.NoError(t, err)
	})
}
