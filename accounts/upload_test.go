package accounts_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/upload"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

func uploads(t *testing.T, change ...func(*accounts.Config)) (*accounts.Service, audit.Actor) {
	t.Helper()
	store := memstore.New()
	c := accounts.Config{
		Store: store.Accounts(), Blobs: store.Blobs(), Sealer: open{}, MAC: mac, Limiter: security.NewMemoryLimiter(nil),
	}
	for _, fn := range change {
		fn(&c)
	}
	service, err := accounts.New(c)
	require.NoError(t, err)
	actor, err := ada(store)
	require.NoError(t, err)
	actor.Session = id.NewSession()
	return service, actor
}

func pictureFile(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))))
	return b.Bytes()
}

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestUploadBudgetIsAskedBeforeTheBody(t *testing.T) {
	s, actor := uploads(t)
	_, err := s.UploadPicture(t.Context(), audit.Actor{}, untouched{t})
	require.ErrorIs(t, err, audit.ErrUnauthenticated)
	for range 20 {
		_, err := s.UploadPicture(t.Context(), actor, strings.NewReader("no picture"))
		require.ErrorIs(t, err, accounts.ErrPictureType)
	}
	_, err = s.UploadPicture(t.Context(), actor, untouched{t})
	require.ErrorIs(t, err, accounts.ErrRateLimited)
	require.InDelta(t, time.Minute, fault.RetryAfter(err), float64(10*time.Second))
	_, err = s.SetPicture(t.Context(), actor, pictureFile(t))
	require.ErrorIs(t, err, accounts.ErrRateLimited, "one budget for both ways")
}

func TestUploadsOfAPersonAtOnceAreBounded(t *testing.T) {
	s, actor := uploads(t)
	file := pictureFile(t)
	done := make(chan error, 2)
	var slow []*io.PipeWriter
	for range 2 {
		r, w := io.Pipe()
		go func() {
			_, err := s.UploadPicture(t.Context(), actor, r)
			done <- err
		}()
		_, err := w.Write(file[:10]) // returns once it is being read
		require.NoError(t, err)
		slow = append(slow, w)
	}
	_, err := s.UploadPicture(t.Context(), actor, untouched{t})
	require.ErrorIs(t, err, accounts.ErrRateLimited)
	require.Equal(t, 5*time.Second, fault.RetryAfter(err))
	other := audit.Actor{}.As(id.NewUser(), "Grace")
	other.Session = id.NewSession()
	_, err = s.UploadPicture(t.Context(), other, strings.NewReader("no picture"))
	require.ErrorIs(t, err, accounts.ErrPictureType, "others are not held up")

	_, err = slow[0].Write(file[10:])
	require.NoError(t, err)
	require.NoError(t, slow[0].Close())
	require.NoError(t, <-done)
	_, err = s.UploadPicture(t.Context(), actor, bytes.NewReader(file))
	require.NoError(t, err, "there is room again")
	require.NoError(t, slow[1].CloseWithError(errors.New("connection reset")))
	require.ErrorIs(t, <-done, fault.Malformed)
}

func TestUploadErrors(t *testing.T) {
	s, actor := uploads(t)
	capped := http.MaxBytesReader(httptest.NewRecorder(), io.NopCloser(strings.NewReader(strings.Repeat("x", 200))), 100)
	ours := fault.Fields{{Name: "picture", Code: "required", Message: "choose a file first"}}
	for name, c := range map[string]struct {
		body io.Reader
		want error
	}{
		"cut off by a host":  {capped, accounts.ErrPictureTooLarge},
		"one byte too long":  {strings.NewReader(strings.Repeat("x", accounts.MaxPicture+1)), accounts.ErrPictureTooLarge},
		"ended early":        {io.MultiReader(strings.NewReader("x"), failing{io.ErrUnexpectedEOF}), fault.Malformed},
		"refused on reading": {failing{ours}, ours},
		"empty":              {strings.NewReader(""), accounts.ErrPictureType},
	} {
		_, err := s.UploadPicture(t.Context(), actor, c.body)
		if f, ok := c.want.(fault.Fields); ok { //nolint:errorlint // the table's own
			require.Equal(t, f, err, name)
			continue
		}
		require.ErrorIs(t, err, c.want, name)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Whoever asks for initials waits for nobody who uploads, and the other way round.
func TestInitialsDoNotWaitForUploads(t *testing.T) {
	slots := picture.NewSlots(1)
	s, actor := uploads(t, func(c *accounts.Config) { c.Pictures = upload.NewDesk(slots) })
	release, err := slots.Acquire(t.Context())
	require.NoError(t, err)
	defer release()
	me, err := s.Me(t.Context(), actor)
	require.NoError(t, err)
	for _, size := range []int{64, 128, 512, 128} {
		p, err := s.PictureByKey(t.Context(), me.AvatarKey, size, true)
		require.NoError(t, err)
		c, err := png.DecodeConfig(bytes.NewReader(p.Data))
		require.NoError(t, err)
		require.Equal(t, size, c.Width)
	}
}
