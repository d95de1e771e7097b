package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
	one, other := plain(8, 8, red), plain(8, 8, green)
	two, three := asGIF(t, one, other), asGIF(t, one, other, other)
	frame := three[len(two)-1 : len(three)-1] // the last byte ends the file
	data := slices.Concat(two[:len(two)-1], bytes.Repeat(frame, 10_000), []byte{0x3b})
	decoded, err := gif.DecodeAll(bytes.NewReader(data))
	require.NoError(t, err)
	require.Len(t, decoded.Image, 10_002)
	first, err := Process(t.Context(), asGIF(t, one))
	require.NoError(t, err)
	all, err := Process(t.Context(), data)
	require.NoError(t, err)
	require.Equal(t, first, all)
	// Not even looked at: garbage where the second frame would be.
	broken := append(slices.Clone(two[:len(two)-1-len(frame)]), bytes.Repeat([]byte{0xee}, 1000)...)
	again, err := Process(t.Context(), broken)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestMemory(t *testing.T) {
	data := asJPEG(t, image.NewYCbCr(image.Rect(0, 0, 2400, 2200), image.YCbCrSubsampleRatio420))
	f, ok := formatOf(data)
	require.True(t, ok)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := f.load(t.Context(), data)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	// 8 MB for the picture and 5 MB for the square; a copy would take 21 MB.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16e6))
}

func TestDamage(t *testing.T) {
	for name, data := range map[string][]byte{
		"png": asPNG(t, plain(20, 20, red)), "jpeg": withSegments(asJPEG(t, plain(20, 20, red)), exif(binary.BigEndian, 6)),
		"gif": asGIF(t, plain(20, 20, red)), "webp": asWebP(20, 20, red), "lossy webp": decode64(t, webpLossy), "animated webp": animated(20, 20, red),
	} {
		for n := range data {
			requireKnown(t, loadOnly(t, data[:n]), name)
			changed := slices.Clone(data)
			changed[n] ^= 1 << (n % 8)
			requireKnown(t, loadOnly(t, changed), name)
		}
		_, err := Process(t.Context(), data[:len(data)/2])
		require.ErrorIs(t, err, ErrCorrupt, name)
	}
}

// loadOnly is Process without the part that costs most and sees no damage, and
// without the net below it: a panic is a panic here.
func loadOnly(t *testing.T, data []byte) error {
	f, ok := formatOf(data)
	if !ok {
		return ErrType
	}
	if f.name == "webp" {
		data = stillWebP(data)
	}
	_, err := f.check(data)
	if err == nil {
		_, err = f.load(t.Context(), data)
	}
	return err
}

func requireKnown(t testing.TB, err error, name string) {
	t.Helper()
	require.Contains(t, []error{nil, ErrTooLarge, ErrType, ErrCorrupt}, err, name)
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
	data := asPNG(t, paint(200, 200, func(x, y int) color.NRGBA { return color.NRGBA{byte(x), byte(y), byte(x * y), 0xff} }))
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

func TestPanicIsCorrupt(t *testing.T) {
	f := format{
		config: func(io.Reader) (image.Config, error) { return image.Config{Width: 1, Height: 1}, nil },
		decode: func(io.Reader) (image.Image, error) { panic("index out of range") },
	}
	set, err := f.process(t.Context(), nil, false)
	require.ErrorIs(t, err, ErrCorrupt)
	require.Nil(t, set)
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
