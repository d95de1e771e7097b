package upload

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/picture"
)

func file(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 20, 10))
	for i := range m.Pix {
		m.Pix[i] = 0xff
	}
	m.Set(10, 5, color.RGBA{0xff, 0, 0, 0xff})
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func desk() *Desk { return NewDesk(picture.NewSlots(1)) }

func TestSquares(t *testing.T) {
	d, user := desk(), id.NewUser()
	for as, want := range map[bool]string{false: "image/jpeg", true: "image/png"} {
		media, squares, err := d.Squares(t.Context(), user, bytes.NewReader(file(t)), as)
		require.NoError(t, err)
		require.Equal(t, want, media)
		require.Equal(t, []int{64, 128, 512}, slices.Sorted(maps.Keys(squares)))
		for size, data := range squares {
			decode := jpeg.DecodeConfig
			if as {
				decode = png.DecodeConfig
			}
			c, err := decode(bytes.NewReader(data))
			require.NoError(t, err)
			require.Equal(t, [2]int{size, size}, [2]int{c.Width, c.Height})
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := d.Squares(ended, user, bytes.NewReader(file(t)), true)
	require.ErrorIs(t, err, context.Canceled)
	_, _, err = d.Squares(t.Context(), user, bytes.NewReader(file(t)[:40]), true)
	require.Equal(t, "invalid_picture", fieldCode(t, err))
	_, _, err = d.Squares(t.Context(), user, io.MultiReader(bytes.NewReader(file(t)), bytes.NewReader(make([]byte, MaxBytes))), true)
	require.ErrorIs(t, err, ErrTooLarge)
	_, _, err = d.Squares(t.Context(), user, strings.NewReader("<svg/>"), true)
	require.ErrorIs(t, err, ErrType)
	require.Empty(t, d.uploads, "nobody is listed for what failed")
}

func fieldCode(t *testing.T, err error) string {
	t.Helper()
	var f fault.Fields
	require.ErrorAs(t, err, &f)
	require.Equal(t, "picture", f[0].Name)
	return f[0].Code
}

// Readers and decoders are few: who comes too late waits a while, and is sent away.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := picture.NewSlots(1)
		d := NewDesk(slots)
		release, err := slots.Acquire(t.Context())
		require.NoError(t, err)
		start := time.Now()
		_, _, err = d.Squares(t.Context(), id.NewUser(), bytes.NewReader(file(t)), true)
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, 5*time.Second, fault.RetryAfter(err))
		require.Equal(t, 5*time.Second, time.Since(start))
		release()

		var slow []*io.PipeWriter
		done := make(chan error, readers)
		for range readers {
			r, w := io.Pipe()
			slow = append(slow, w)
			go func() {
				_, _, err := d.Squares(t.Context(), id.NewUser(), r, true)
				done <- err
			}()
		}
		synctest.Wait()
		require.Len(t, d.uploads, readers)
		_, _, err = d.Squares(t.Context(), id.NewUser(), bytes.NewReader(file(t)), true)
		require.ErrorIs(t, err, ErrBusy)
		for _, w := range slow {
			require.NoError(t, w.CloseWithError(errors.New("connection reset")))
			require.ErrorIs(t, <-done, fault.Malformed)
		}
		synctest.Wait()
		require.Empty(t, d.uploads)
		_, _, err = d.Squares(t.Context(), id.NewUser(), bytes.NewReader(file(t)), true)
		require.NoError(t, err)
	})
}

// memory is a blob store.
type memory struct {
	blobs map[string]string
	full  bool
}

func (m *memory) PutBlob(_ context.Context, name, contentType string, data []byte) error {
	if m.full {
		return errors.New("disk full")
	}
	m.blobs[name] = contentType + " " + string(data)
	return nil
}

func (m *memory) Blob(_ context.Context, name string) (string, []byte, error) {
	contentType, data, _ := strings.Cut(m.blobs[name], " ")
	return contentType, []byte(data), nil
}

func (m *memory) DeleteBlobs(_ context.Context, prefix string) error {
	if m.full {
		return errors.New("disk full")
	}
	maps.DeleteFunc(m.blobs, func(name, _ string) bool { return strings.HasPrefix(name, prefix) })
	return nil
}

func TestShelf(t *testing.T) {
	blobs := &memory{blobs: map[string]string{}}
	avatars, logos := Shelf{blobs, "avatars"}, Shelf{blobs, "logos"}
	squares := map[int][]byte{512: []byte("l"), 128: []byte("m"), 64: []byte("s")}
	key, other := NewKey(), NewKey()
	require.NotEqual(t, key, other)
	require.True(t, Served(key, 512) && Served(other, 64))
	require.False(t, Served(key, 65) || Served(key[1:], 64) || Served("", 512))
	for _, s := range []Shelf{avatars, logos} {
		require.NoError(t, s.Put(t.Context(), key, "image/png", squares))
		require.NoError(t, s.Put(t.Context(), other, "image/png", squares))
	}
	media, data, err := logos.Get(t.Context(), key, 128)
	require.NoError(t, err)
	require.Equal(t, "image/png m", media+" "+string(data))
	require.Len(t, blobs.blobs, 12)

	// A key is off the list only once its pictures are gone.
	listed := []string{key}
	due := func(context.Context, int) ([]string, error) { return slices.Clone(listed), nil }
	done := func(_ context.Context, k string) error {
		listed = slices.DeleteFunc(listed, func(l string) bool { return l == k })
		return nil
	}
	blobs.full = true
	require.ErrorContains(t, logos.Collect(t.Context(), due, done), "disk full")
	require.ErrorContains(t, logos.Put(t.Context(), NewKey(), "image/png", squares), "disk full")
	require.Equal(t, []string{key}, listed)
	blobs.full = false
	require.NoError(t, logos.Collect(t.Context(), due, done))
	require.Empty(t, listed)
	require.Len(t, blobs.blobs, 9)
	_, data, _ = avatars.Get(t.Context(), key, 128)
	require.Equal(t, "m", string(data), "the same key of another folder")
}

func TestInitialsOfAName(t *testing.T) {
	i := NewInitials(picture.Tile)
	media, svg, err := i.Picture(t.Context(), "Analytical Engines", "seed", 128, false)
	require.NoError(t, err)
	require.Equal(t, "image/svg+xml", media)
	require.Contains(t, string(svg), ">AE<")
	media, data, err := i.Picture(t.Context(), "Analytical Engines", "seed", 128, true)
	require.NoError(t, err)
	require.Equal(t, "image/png", media)
	c, err := png.DecodeConfig(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, 128, c.Width)
}
