// Package upload takes in the pictures that people upload, and keeps them: a
// [Desk] bounds what reading and decoding cost, a [Shelf] is where they are kept,
// and [Initials] stand for whoever has none.
//
// What people upload and what is drawn for anybody who asks wait for different
// slots, so that neither can starve the other.
package upload

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/picture"
)

// MaxBytes is how many bytes a file may have: 5 MiB.
const MaxBytes = picture.MaxBytes

const (
	readers         = 8 // files that are read at once: up to 40 MiB
	readWait        = 5 * time.Second
	uploadsOfPerson = 2
	retryAfter      = 5 * time.Second
)

// Errors of this package, beside fault.Fields for a file that cannot be decoded.
var (
	// ErrTooLarge: over [MaxBytes], or over 25 megapixels by its header.
	ErrTooLarge = fault.New(fault.TooLarge, "too_large", "upload: picture is too large")

	// ErrType: neither PNG, JPEG, WebP nor GIF.
	ErrType = fault.New(fault.Unsupported, "unsupported_media_type", "upload: picture is not PNG, JPEG, WebP or GIF")

	// ErrBusy: every slot is taken. Wrapped in a [fault.Retry].
	ErrBusy = fault.New(fault.Unavailable, "overloaded", "upload: too many pictures at once")

	// ErrTooMany: a person sends too many files at once. Wrapped in a [fault.Retry].
	ErrTooMany = fault.New(fault.Throttled, "rate_limited", "upload: too many files of one person at once")

	errUnreadable = fault.New(fault.Malformed, "malformed", "upload: picture cannot be read")
)

// Desk bounds what the pictures that people upload cost in memory and time. What
// it bounds is this process's, so all domains share one. It is safe for
// concurrent use.
type Desk struct {
	decoding *picture.Slots
	reading  chan struct{}

	mu      sync.Mutex
	uploads map[id.User]int // under way; nobody is listed with none
}

// NewDesk returns a desk that decodes in these slots, each in up to 256 MiB for a
// moment.
func NewDesk(decoding *picture.Slots) *Desk {
	return &Desk{decoding: decoding, reading: make(chan struct{}, readers), uploads: map[id.User]int{}}
}

// Squares reads a PNG, JPEG, WebP or GIF file of at most [MaxBytes] bytes and 25
// megapixels from body. It returns the first frame turned upright, cropped square
// and encoded anew, so that nothing but pixels survives: by its side, which is
// 512, 128 and 64 pixels. With png all are PNG; else those without anything
// transparent are JPEG.
//
// No more than two files of a person are on their way at once, else it is
// [ErrTooMany]; over all people eight are read at once, and one more waits 5
// seconds, then it is [ErrBusy]. A body that an http.MaxBytesReader cuts off is
// [ErrTooLarge]. Errors of body that are of package fault are returned as they
// are, and any other is fault.Malformed. The caller bounds how long reading takes.
func (d *Desk) Squares(ctx context.Context, user id.User, body io.Reader, png bool) (contentType string, squares map[int][]byte, err error) {
	leave, ok := d.enter(user)
	if !ok {
		return "", nil, &fault.Retry{Reason: ErrTooMany, After: retryAfter}
	}
	defer leave()
	data, err := d.read(ctx, body)
	if err != nil {
		return "", nil, err
	}
	set, err := d.decode(ctx, data, png)
	if err != nil {
		return "", nil, err
	}
	squares = map[int][]byte{}
	for _, p := range set {
		contentType, squares[p.Size] = p.ContentType, p.Data // all of one type
	}
	return contentType, squares, nil
}

// enter counts an upload of a person, and refuses one too many: they would hold
// what others wait for.
func (d *Desk) enter(user id.User) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.uploads[user] >= uploadsOfPerson {
		return nil, false
	}
	d.uploads[user]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.uploads[user]--; d.uploads[user] == 0 {
			delete(d.uploads, user)
		}
	}, true
}

// read reads a file of at most MaxBytes bytes into memory.
func (d *Desk) read(ctx context.Context, r io.Reader) ([]byte, error) {
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case d.reading <- struct{}{}:
		defer func() { <-d.reading }()
	case <-timer.C:
		return nil, &fault.Retry{Reason: ErrBusy, After: retryAfter}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	var cut *http.MaxBytesError
	switch {
	case errors.As(err, &cut), err == nil && len(data) > MaxBytes:
		return nil, ErrTooLarge
	case fault.Code(err) != "":
		return nil, err
	case err != nil:
		return nil, errUnreadable
	}
	return data, nil
}

func (d *Desk) decode(ctx context.Context, data []byte, png bool) (picture.Set, error) {
	release, err := d.decoding.Acquire(ctx)
	if err != nil {
		return nil, busy(err)
	}
	defer release()
	process := picture.Process
	if png {
		process = picture.ProcessPNG
	}
	set, err := process(ctx, data)
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return nil, ErrTooLarge
	case errors.Is(err, picture.ErrType):
		return nil, ErrType
	case errors.Is(err, picture.ErrCorrupt):
		return nil, fault.Fields{{Name: "picture", Code: "invalid_picture", Message: "cannot be read; try to save it again as PNG or JPEG"}}
	}
	return set, err
}

// busy makes the error of this package of one that says that slots are taken.
func busy(err error) error {
	if errors.Is(err, picture.ErrBusy) {
		return &fault.Retry{Reason: ErrBusy, After: retryAfter}
	}
	return err
}
