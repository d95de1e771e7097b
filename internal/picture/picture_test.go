package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func process(t testing.TB, data []byte) []image.Image {
	t.Helper()
	set, err := Process(t.Context(), data)
	require.NoError(t, err)
	require.Len(t, set, 3)
	var out []image.Image
	for i, size := range []int{512, 128, 64} {
		p := set[i]
		require.Equal(t, size, p.Size)
		decode := png.Decode
		if p.ContentType == "image/jpeg" {
			decode = jpeg.Decode
		} else {
			require.Equal(t, "image/png", p.ContentType)
		}
		m, err := decode(bytes.NewReader(p.Data))
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, size, size), m.Bounds())
		out = append(out, m)
	}
	return out
}

// requireColour compares within what JPEG loses, at a place in hundredths.
func requireColour(t testing.TB, want color.NRGBA, m image.Image, x, y int, args ...any) {
	t.Helper()
	n := m.Bounds().Dx()
	got := color.NRGBAModel.Convert(m.At(x*n/100, y*n/100)).(color.NRGBA)
	if want.A == 0 {
		require.Zero(t, got.A, args...)
		return
	}
	for _, c := range [][2]uint8{{want.R, got.R}, {want.G, got.G}, {want.B, got.B}, {want.A, got.A}} {
		require.InDelta(t, c[0], c[1], 24, "%v instead of %v: %v", got, want, args)
	}
}

func TestFormats(t *testing.T) {
	for name, data := range map[string][]byte{
		"png":              asPNG(t, plain(300, 200, red)),
		"png 16 bit":       asPNG(t, toNRGBA64(plain(300, 200, red))),
		"png palette":      asPNG(t, image.NewPaletted(image.Rect(0, 0, 30, 20), color.Palette{red})),
		"jpeg":             asJPEG(t, plain(300, 200, red)),
		"gif":              asGIF(t, plain(300, 200, red)),
		"webp":             asWebP(300, 200, red),
		"animated webp":    animated(300, 200, red, green),
		"one pixel":        asPNG(t, plain(1, 1, red)),
		"tall":             asPNG(t, plain(1, 3000, red)),
		"large":            asPNG(t, image.NewPaletted(image.Rect(0, 0, 2300, 2050), color.Palette{red})),
		"offset gif frame": asGIF(t, plain(60, 60, red).SubImage(image.Rect(20, 20, 60, 60))),
	} {
		for _, m := range process(t, data) {
			for _, at := range []int{0, 50, 99} {
				requireColour(t, red, m, at, at, name)
			}
		}
	}
	for name, s := range map[string]string{"lossy": webpLossy, "alpha": webpAlpha, "animated": webpAnimated} {
		require.Len(t, process(t, decode64(t, s)), 3, name)
	}
}

func TestTransparency(t *testing.T) {
	hole := paint(200, 200, func(x, y int) color.NRGBA {
		if x > 60 && x < 140 && y > 60 && y < 140 {
			return nobody
		}
		return blue
	})
	for name, data := range map[string][]byte{"png": asPNG(t, hole), "gif": asGIF(t, hole)} {
		set, err := Process(t.Context(), data)
		require.NoError(t, err)
		for _, p := range set {
			require.Equal(t, "image/png", p.ContentType, name)
		}
		for _, m := range process(t, data) {
			requireColour(t, nobody, m, 50, 50, name)
			requireColour(t, blue, m, 10, 10, name)
		}
	}
	half := process(t, asPNG(t, plain(50, 50, color.NRGBA{0xff, 0, 0, 0x80})))
	requireColour(t, color.NRGBA{0xff, 0, 0, 0x80}, half[0], 50, 50)

	set, err := Process(t.Context(), asPNG(t, plain(50, 50, red)))
	require.NoError(t, err)
	require.Equal(t, "image/jpeg", set[0].ContentType)

	// What is asked for as PNG is PNG, and as sharp as it came.
	edge := paint(512, 512, func(x, _ int) color.NRGBA { return []color.NRGBA{red, blue}[x/256] })
	for _, data := range [][]byte{asPNG(t, hole), asPNG(t, edge), asGIF(t, edge), asJPEG(t, plain(50, 50, red))} {
		set, err := ProcessPNG(t.Context(), data)
		require.NoError(t, err)
		for _, p := range set {
			require.Equal(t, "image/png", p.ContentType)
			_, err := png.Decode(bytes.NewReader(p.Data))
			require.NoError(t, err)
		}
	}
	set, err = ProcessPNG(t.Context(), asPNG(t, edge))
	require.NoError(t, err)
	m, err := png.Decode(bytes.NewReader(set[0].Data))
	require.NoError(t, err)
	require.Equal(t, red, color.NRGBAModel.Convert(m.At(250, 256)))
	require.Equal(t, blue, color.NRGBAModel.Convert(m.At(261, 256)))
	_, err = ProcessPNG(t.Context(), []byte("<svg>"))
	require.ErrorIs(t, err, ErrType)
}

func TestCrop(t *testing.T) {
	thirds := func(n, at int) color.NRGBA { return []color.NRGBA{red, green, blue}[at*3/n] }
	wide := paint(150, 50, func(x, _ int) color.NRGBA { return thirds(150, x) })
	tall := paint(50, 150, func(_, y int) color.NRGBA { return thirds(150, y) })
	for _, m := range []image.Image{wide, tall} {
		for _, out := range process(t, asPNG(t, m)) {
			for _, at := range [][2]int{{0, 0}, {99, 0}, {0, 99}, {99, 99}, {50, 50}} {
				requireColour(t, green, out, at[0], at[1])
			}
		}
	}
}

// stripes is a picture of any size without memory: stripes of one pixel in two
// colours, in the middle of a ground.
type stripes struct {
	bounds, middle image.Rectangle
}

func (s stripes) ColorModel() color.Model { return color.NRGBAModel }
func (s stripes) Bounds() image.Rectangle { return s.bounds }
func (s stripes) At(x, y int) color.Color {
	switch {
	case !image.Pt(x, y).In(s.middle):
		return green
	case x%2 == 0:
		return red
	}
	return blue
}

func TestShrink(t *testing.T) {
	for side, want := range map[int]int{1: 1, 1025: 1025, 2051: 1025} {
		for _, bounds := range []image.Rectangle{image.Rect(0, 0, side, side), image.Rect(-100, 7, side+900, side+7), image.Rect(5, -50, side+5, side+550)} {
			out := bounds.Dx() - side
			down := bounds.Dy() - side
			corner := bounds.Min.Add(image.Pt(out/2, down/2))
			m, err := shrink(t.Context(), stripes{bounds, image.Rectangle{corner, corner.Add(image.Pt(side, side))}})
			require.NoError(t, err)
			require.Equal(t, image.Rect(0, 0, want, want), m.Rect, side)
			for _, at := range []image.Point{{}, {want - 1, 0}, {0, want - 1}, {want - 1, want - 1}, {want / 2, want / 2}} {
				got := m.RGBAAt(at.X, at.Y)
				require.Zero(t, got.G, "%d: nothing from outside at %v", side, at)
				if side >= 2048 {
					require.InDelta(t, 128, got.R, 1, side)
					require.InDelta(t, 128, got.B, 1, side)
				}
			}
		}
	}
}

// The definition of EXIF 2.32: where the first row and the first column of the
// stored picture belong in the picture as it is seen.
var exifSides = map[uint16][2]string{
	1: {"top", "left"}, 2: {"top", "right"}, 3: {"bottom", "right"}, 4: {"bottom", "left"},
	5: {"left", "top"}, 6: {"right", "top"}, 7: {"right", "bottom"}, 8: {"left", "bottom"},
}

func TestOrientation(t *testing.T) {
	const n = 160
	seen := paint(n, n, func(x, y int) color.NRGBA {
		return [][]color.NRGBA{{red, green}, {blue, white}}[y*2/n][x*2/n]
	})
	for orientation, sides := range exifSides {
		stored := image.NewNRGBA(seen.Bounds())
		for row := range n {
			for column := range n {
				var x, y int
				for _, step := range []struct {
					side string
					at   int
				}{{sides[0], row}, {sides[1], column}} {
					switch step.side {
					case "top":
						y = step.at
					case "bottom":
						y = n - 1 - step.at
					case "left":
						x = step.at
					case "right":
						x = n - 1 - step.at
					}
				}
				stored.Set(column, row, seen.At(x, y))
			}
		}
		order := binary.AppendByteOrder(binary.LittleEndian)
		if orientation > 4 {
			order = binary.BigEndian
		}
		for _, m := range process(t, withSegments(asJPEG(t, stored), exif(order, orientation))) {
			requireColour(t, red, m, 20, 20, orientation)
			requireColour(t, green, m, 80, 20, orientation)
			requireColour(t, blue, m, 20, 80, orientation)
			requireColour(t, white, m, 80, 80, orientation)
		}
	}
	for _, nonsense := range []uint16{0, 9, 0xffff} {
		m := process(t, withSegments(asJPEG(t, seen), exif(binary.BigEndian, nonsense)))
		requireColour(t, red, m[0], 20, 20)
	}
}

func TestNothingButPixelsSurvives(t *testing.T) {
	const html = "<html><script>alert(1)</script>"
	jpegData := withSegments(asJPEG(t, plain(80, 80, red)), exif(binary.BigEndian, 6),
		segment(0xe2, []byte("ICC_PROFILE\x00\x01\x01"+html)), segment(0xfe, []byte("comment "+html)),
		segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>")))
	pngData := asPNG(t, plain(80, 80, color.NRGBA{0xff, 0, 0, 0x80}))
	text := append([]byte("tEXtComment\x00"), html...)
	pngData = slices.Concat(pngData[:33], pngChunk(text), pngData[33:])
	gifData := asGIF(t, plain(80, 80, red))
	gifData = slices.Concat(gifData[:len(gifData)-1], []byte("\x21\xfe\x05Paris\x00\x3b"))
	for name, data := range map[string][]byte{
		"jpeg": jpegData, "png": pngData, "gif": gifData, "webp": append(asWebP(80, 80, red), chunk("EXIF", []byte("GPS"+html))...),
		"jpeg with html behind": append(slices.Clone(jpegData), html...),
		"png with html behind":  append(slices.Clone(pngData), html...),
		"gif with html behind":  append(slices.Clone(gifData), html...),
	} {
		set, err := Process(t.Context(), data)
		require.NoError(t, err, name)
		for _, p := range set {
			for _, trace := range []string{"script", "Exif", "GPS 48", "ICC_", "omment", "xmpmeta", "Paris", "tEXt"} {
				require.NotContains(t, string(p.Data), trace, name)
			}
		}
	}
}
