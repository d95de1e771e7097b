package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

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
		"large":            asPNG(t, image.NewPaletted(image.Rect(0, 0, 2500, 2100), color.Palette{red})),
		"gray":             asPNG(t, image.NewPaletted(image.Rect(0, 0, 1500, 1500), color.Palette{red})),
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

func toNRGBA64(m image.Image) image.Image {
	out := image.NewNRGBA64(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			out.Set(x, y, m.At(x, y))
		}
	}
	return out
}

func animated(w, h int, frames ...color.NRGBA) []byte {
	three := func(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
	size := append(three(w-1), three(h-1)...)
	chunks := [][]byte{chunk("VP8X", append([]byte{2, 0, 0, 0}, size...)), chunk("ANIM", make([]byte, 6))}
	for _, c := range frames {
		frame := append(append(make([]byte, 6), size...), 100, 0, 0, 0)
		chunks = append(chunks, chunk("ANMF", append(frame, asWebP(w, h, c)[12:]...)))
	}
	return riff(chunks...)
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
	for side, want := range map[int]int{1: 1, 1025: 1025, 2051: 1025, 4096: 1024} {
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
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, m := range process(t, withSegments(asJPEG(t, stored), exif(order, orientation))) {
				requireColour(t, red, m, 20, 20, orientation)
				requireColour(t, green, m, 80, 20, orientation)
				requireColour(t, blue, m, 20, 80, orientation)
				requireColour(t, white, m, 80, 80, orientation)
			}
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

func pngChunk(body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
}

func TestRefusedTypes(t *testing.T) {
	for name, data := range map[string]string{
		"nothing": "", "text": "hello", "svg": `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`,
		"svg with prologue": `<?xml version="1.0"?><svg/>`, "html": "<!doctype html><script>alert(1)</script>",
		"pdf": "%PDF-1.7", "bmp": "BM\x00\x00", "tiff": "II*\x00\x08\x00\x00\x00", "ico": "\x00\x00\x01\x00", "avif": "\x00\x00\x00\x1cftypavif",
		"javascript": "GIF89=1;alert(1)", "half a png": "\x89PNG", "wave": "RIFF\x04\x00\x00\x00WAVE", "zip": "PK\x03\x04",
		"html with a png behind": "<html>" + string(asPNG(t, plain(2, 2, red))),
	} {
		_, err := Process(t.Context(), []byte(data))
		require.ErrorIs(t, err, ErrType, name)
	}
}

func TestBombs(t *testing.T) {
	gifHeader := func(w, h uint16) []byte {
		b := binary.LittleEndian.AppendUint16([]byte("GIF89a"), w)
		return append(binary.LittleEndian.AppendUint16(b, h), 0, 0, 0)
	}
	for name, data := range map[string][]byte{
		"bytes":                    make([]byte, MaxBytes+1),
		"png":                      pngHeader(60_000, 60_000, 8, 0),
		"png of 2^31 rows":         pngHeader(1, 1<<31-1, 8, 0),
		"png just above":           pngHeader(5001, 5000, 8, 0),
		"png interlaced, 16 bit":   pngHeader(5000, 5000, 16, 1),
		"jpeg":                     jpegHeader(0xc0, 65_500, 65_500, 0x22),
		"jpeg just above":          jpegHeader(0xc0, 5001, 5000, 0x22),
		"jpeg, progressive, 4:4:4": jpegHeader(0xc2, 5000, 5000, 0x11),
		"gif":                      gifHeader(65_535, 65_535),
		"webp":                     asWebP(16_384, 16_384, red),
		"webp frame":               animated(16_384, 16_384, red),
	} {
		start := time.Now()
		_, err := Process(t.Context(), data)
		require.ErrorIs(t, err, ErrTooLarge, name)
		require.Less(t, time.Since(start), time.Second, name)
	}
	for name, data := range map[string][]byte{ // let in by their header, and then there is nothing
		"png":                      pngHeader(5000, 5000, 8, 0),
		"png of 16 bit":            pngHeader(5000, 5000, 16, 0),
		"png, interlaced":          pngHeader(5000, 5000, 8, 1),
		"jpeg":                     jpegHeader(0xc0, 5000, 5000, 0x11),
		"jpeg, progressive, 4:2:0": jpegHeader(0xc2, 5000, 5000, 0x22),
		"no width":                 pngHeader(0, 10, 8, 0),
		"no height":                jpegHeader(0xc0, 10, 0, 0x11),
		"gif of nothing":           gifHeader(0, 0),
		"webp canvas and frame": riff(chunk("VP8X", []byte{0, 0, 0, 0, 9, 0, 0, 9, 0, 0}),
			asWebP(16_384, 16_384, red)[12:]),
	} {
		_, err := Process(t.Context(), data)
		require.ErrorIs(t, err, ErrCorrupt, name)
	}
}

func TestManyScans(t *testing.T) {
	one := segment(0xda, []byte{1, 1, 0, 0, 63, 0x20})
	data := append(jpegHeader(0xc2, 4000, 4000, 0x22), bytes.Repeat(append(one, 0x55, 0xff, 0x00), maxScans+1)...)
	require.Greater(t, scanJPEG(data).scans, maxScans)
	_, err := Process(t.Context(), data)
	require.ErrorIs(t, err, ErrCorrupt)
	few := append(jpegHeader(0xc2, 4000, 4000, 0x22), bytes.Repeat(one, 3)...)
	require.Equal(t, 4, scanJPEG(few).scans)
}

func TestManyFrames(t *testing.T) {
	frames := []image.Image{plain(8, 8, red)}
	second := paletted(plain(8, 8, green))
	for range 10_000 {
		frames = append(frames, second)
	}
	data := asGIF(t, frames...)
	first, err := Process(t.Context(), asGIF(t, frames[0]))
	require.NoError(t, err)
	all, err := Process(t.Context(), data)
	require.NoError(t, err)
	require.Equal(t, first, all)
	// Not even looked at: garbage where the second frame would be.
	at := bytes.Index(data[20:], []byte{0x2c}) + 20 // the first descriptor
	broken := append(slices.Clone(data[:at+len(data)/10_000]), bytes.Repeat([]byte{0xee}, 1000)...)
	again, err := Process(t.Context(), broken)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestMemory(t *testing.T) {
	m := image.NewYCbCr(image.Rect(0, 0, 5000, 5000), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i >> 15)
	}
	data := asJPEG(t, m)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Process(t.Context(), data)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	// The picture itself is 37 MiB, and there is one; all the rest is small.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(110<<20))
}

func TestDamage(t *testing.T) {
	for name, data := range map[string][]byte{
		"png": asPNG(t, plain(20, 20, red)), "jpeg": withSegments(asJPEG(t, plain(20, 20, red)), exif(binary.BigEndian, 6)),
		"gif": asGIF(t, plain(20, 20, red)), "webp": asWebP(20, 20, red), "lossy webp": decode64(t, webpLossy), "animated webp": animated(20, 20, red),
	} {
		for n := 0; n < len(data); n += 1 + n/30 { // headers byte by byte
			_, err := Process(t.Context(), data[:n])
			requireKnown(t, err, name)
			changed := slices.Clone(data)
			changed[n] ^= 1 << (n % 8)
			_, err = Process(t.Context(), changed)
			requireKnown(t, err, name)
		}
		_, err := Process(t.Context(), data[:len(data)/2])
		require.ErrorIs(t, err, ErrCorrupt, name)
	}
}

func requireKnown(t testing.TB, err error, name string) {
	t.Helper()
	require.True(t, err == nil || err == ErrTooLarge || err == ErrType || err == ErrCorrupt, "%s: %v", name, err)
}

// expiring is a context that is done after it was asked a number of times.
type expiring struct {
	context.Context
	left int
}

func (c *expiring) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestContext(t *testing.T) {
	data := asPNG(t, paint(1200, 1200, func(x, y int) color.NRGBA { return color.NRGBA{byte(x), byte(y), byte(x * y), 0xff} }))
	canceled, finished := 0, false
	for n := 0; !finished; n = n*2 + 1 {
		_, err := Process(&expiring{t.Context(), n}, data)
		if err != nil {
			require.ErrorIs(t, err, context.Canceled, "after %d", n)
			canceled++
		}
		finished = err == nil
	}
	require.Greater(t, canceled, 4)
}

func TestHeadersAlone(t *testing.T) {
	for _, data := range []string{"\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF89a", "RIFF\x00\x00\x00\x00WEBP", "RIFF\xff\xff\xff\xffWEBPANMF\xff\xff\xff\xff"} {
		_, err := Process(t.Context(), []byte(data))
		require.ErrorIs(t, err, ErrCorrupt, "%q", data)
	}
}

func FuzzProcess(f *testing.F) {
	f.Add(asPNG(f, plain(3, 2, red)))
	f.Add(asPNG(f, plain(2, 2, nobody)))
	f.Add(withSegments(asJPEG(f, plain(3, 3, red)), exif(binary.LittleEndian, 6)))
	f.Add(asGIF(f, plain(2, 2, red), plain(2, 2, green)))
	f.Add(asWebP(2, 2, red))
	f.Add(decode64(f, webpLossy))
	f.Add(decode64(f, webpAlpha))
	f.Add(decode64(f, webpAnimated))
	f.Fuzz(func(t *testing.T, data []byte) {
		if f, ok := formatOf(data); ok {
			// Anything larger costs more than it finds.
			if c, err := f.config(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<16 {
				return
			}
		}
		set, err := Process(t.Context(), data)
		requireKnown(t, err, fmt.Sprintf("%.40q", data))
		require.Equal(t, err == nil, len(set) == 3)
		for _, p := range set {
			require.True(t, strings.HasPrefix(p.ContentType, "image/"))
			require.NotEmpty(t, p.Data)
		}
	})
}

func FuzzScanJPEG(f *testing.F) {
	f.Add(withSegments(jpegHeader(0xc2, 10, 10, 0x22), exif(binary.LittleEndian, 8)))
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 2, 0xff, 0xda, 0, 2, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		j := scanJPEG(data)
		require.True(t, 1 <= j.orientation && j.orientation <= 8)
		require.True(t, j.memory() >= 1 && j.memory() <= 10_000)
		require.LessOrEqual(t, j.scans, maxScans+1)
	})
}
