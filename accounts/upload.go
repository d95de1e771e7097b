package accounts

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

const (
	readers         = 8 // uploads that are read at once: up to 40 MiB
	readWait        = 5 * time.Second
	uploadsOfPerson = 2
	uploadWait      = 5 * time.Second
)

// pictures bounds what pictures cost in memory and time. What people upload and
// what is drawn for anybody who asks wait for different slots, so that neither
// can starve the other.
type pictures struct {
	decoding *picture.Slots
	initials *picture.Initials
	reading  chan struct{}

	mu      sync.Mutex
	uploads map[id.User]int // under way; nobody is listed with none
}

func newPictures(slots int) *pictures {
	return &pictures{
		decoding: picture.NewSlots(slots), initials: picture.NewInitials(),
		reading: make(chan struct{}, readers), uploads: map[id.User]int{},
	}
}

// enter counts an upload of a person, and refuses one too many: they would hold
// what others wait for.
func (p *pictures) enter(user id.User) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uploads[user] >= uploadsOfPerson {
		return nil, false
	}
	p.uploads[user]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.uploads[user]--; p.uploads[user] == 0 {
			delete(p.uploads, user)
		}
	}, true
}

// readPicture reads a file of at most MaxPicture bytes into memory.
func (s *Service) readPicture(ctx context.Context, r io.Reader) ([]byte, error) {
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case s.pictures.reading <- struct{}{}:
		defer func() { <-s.pictures.reading }()
	case <-timer.C:
		return nil, &fault.Retry{Reason: ErrBusy, After: 5 * time.Second}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxPicture+1))
	var cut *http.MaxBytesError
	switch {
	case errors.As(err, &cut), err == nil && len(data) > MaxPicture:
		return nil, ErrPictureTooLarge
	case fault.Code(err) != "":
		return nil, err
	case err != nil:
		return nil, errUnreadable
	}
	return data, nil
}

var errUnreadable = fault.New(fault.Malformed, "malformed", "accounts: picture cannot be read")
