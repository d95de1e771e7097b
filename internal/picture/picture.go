// Package picture turns what people upload into pictures that are safe to serve,
// and draws one from initials for everybody else.
//
// # What an upload goes through
//
// The format is told by the first bytes, never by what the client declares. The
// header is read first and bounds what comes after it: pixels, memory, passes.
// Then one frame is decoded, cropped to a centred square, turned upright, scaled
// and encoded anew. Nothing but pixels survives: no EXIF, no colour profile, no
// comment, nothing that was hung on behind the picture.
//
// SVG is refused; it is a program.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// Limits of an upload.
const (
	MaxBytes  = 5 << 20
	MaxPixels = 25_000_000 // by the header

	// maxMemory is what the decoder may need by its header. 25 megapixels fit,
	// but for the few forms that take eight bytes a pixel and more.
	maxMemory = 256 << 20
)

const quality = 88 // of JPEG

// sizes are the sides of the pictures that [Process] makes, in pixels.
var sizes = [...]int{512, 128, 64}

// Errors of this package. [Process] returns one of them, or that of its context.
var (
	// ErrTooLarge: more bytes, pixels or memory than the limits.
	ErrTooLarge = errors.New("picture: too large")

	// ErrType: neither PNG, JPEG, WebP nor GIF.
	ErrType = errors.New("picture: not PNG, JPEG, WebP or GIF")

	// ErrCorrupt: begins like a picture and cannot be decoded.
	ErrCorrupt = errors.New("picture: cannot be decoded")

	// ErrBusy: no slot became free in time.
	ErrBusy = errors.New("picture: too many at once")
)

// Picture is a square picture as it is stored and served.
type Picture struct {
	Size        int    // side in pixels
	ContentType string // image/png or image/jpeg
	Data        []byte
}

// Set is one picture in 512, 128 and 64 pixels, in this order.
type Set []Picture

// Process makes a Set of an uploaded PNG, JPEG, WebP or GIF of at most [MaxBytes]
// bytes and [MaxPixels] pixels; of an animated one it takes the first frame. The
// result is PNG if anything in it is transparent, else JPEG. Small pictures are
// scaled up. It never panics, and gives up when ctx is done.
//
// It takes up to 256 MiB for a moment: call it with a slot of [Slots] in hand.
func Process(ctx context.Context, data []byte) (Set, error) { return processAs(ctx, data, false) }

// ProcessPNG is [Process] with every picture as PNG: for what has sharp edges, and
// goes where a PNG is asked for.
func ProcessPNG(ctx context.Context, data []byte) (Set, error) { return processAs(ctx, data, true) }

func processAs(ctx context.Context, data []byte, lossless bool) (Set, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, ErrTooLarge
	}
	f, ok := formatOf(data)
	if !ok {
		return nil, ErrType
	}
	return f.process(ctx, data, lossless)
}

func (f format) process(ctx context.Context, data []byte, lossless bool) (set Set, err error) {
	// A decoder that panics has met a file that it cannot decode.
	defer func() {
		if recover() != nil {
			set, err = nil, ErrCorrupt
		}
	}()
	if f.name == "webp" {
		data = stillWebP(data)
	}
	orientation, err := f.check(data)
	if err != nil {
		return nil, err
	}
	square, err := f.load(ctx, data)
	if err != nil {
		return nil, err
	}
	return render(ctx, turn(square, orientation), lossless)
}

// load decodes and shrinks. It is apart from the rest so that the whole picture
// is garbage before anything else is allocated.
func (f format) load(ctx context.Context, data []byte) (*image.RGBA, error) {
	whole, err := f.decode(&reader{ctx, bytes.NewReader(data)})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || whole.Bounds().Empty() {
		return nil, ErrCorrupt
	}
	return shrink(ctx, whole)
}

func render(ctx context.Context, square *image.RGBA, lossless bool) (Set, error) {
	lossy := !lossless && square.Opaque()
	var set Set
	for _, size := range sizes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := Picture{Size: size, ContentType: "image/png"}
		scaled := scale(square, size)
		var b bytes.Buffer
		var err error
		if lossy {
			p.ContentType = "image/jpeg"
			err = jpeg.Encode(&b, scaled, &jpeg.Options{Quality: quality})
		} else {
			err = png.Encode(&b, scaled)
		}
		if err != nil {
			return nil, fmt.Errorf("picture: encode: %w", err)
		}
		p.Data = b.Bytes()
		set = append(set, p)
	}
	return set, nil
}

// format is one of the formats that are accepted. The decoders are called by
// hand, because the registry of package image belongs to the whole program.
type format struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formatOf(data []byte) (format, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return format{"png", png.DecodeConfig, png.Decode}, true
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return format{"jpeg", jpeg.DecodeConfig, jpeg.Decode}, true
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		// gif.Decode stops behind the first frame, whatever follows.
		return format{"gif", gif.DecodeConfig, gif.Decode}, true
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return format{"webp", webp.DecodeConfig, webp.Decode}, true
	}
	return format{}, false
}

// check holds the header against the limits, and returns the orientation.
func (f format) check(data []byte) (orientation int, err error) {
	c, err := f.config(bytes.NewReader(data))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return 0, ErrCorrupt
	}
	pixels := int64(c.Width) * int64(c.Height)
	if pixels > MaxPixels {
		return 0, ErrTooLarge
	}
	memory, orientation := int64(8), 1 // bytes a pixel; 4 for the picture and 4 on the way to it
	switch f.name {
	case "png":
		memory = pngMemory(data)
	case "jpeg":
		j := scanJPEG(data)
		if j.scans > maxScans {
			return 0, ErrCorrupt
		}
		memory, orientation = j.memory(), j.orientation
	}
	if pixels*memory > maxMemory {
		return 0, ErrTooLarge
	}
	return orientation, nil
}

// pngMemory returns bytes a pixel, from the IHDR chunk that DecodeConfig has
// found in its place.
func pngMemory(data []byte) int64 {
	const depthAt, interlaceAt = 24, 28
	memory := int64(4)
	if data[depthAt] == 16 {
		memory = 8
	}
	if data[interlaceAt] != 0 {
		memory += memory / 2 // the largest pass is half of the picture
	}
	return memory
}

// reader ends decoding when its context is done.
type reader struct {
	ctx context.Context
	*bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
