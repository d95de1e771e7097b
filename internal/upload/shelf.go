package upload

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/text"
)

// OrphanAge is how long an upload may take from the first byte in the blob store
// to the commit that points at it. After that its blobs are removed.
const OrphanAge = time.Hour

// batch is how many keys are removed before more are asked for.
const batch = 100

// NewKey returns the random key of a picture: under one key it never changes.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Served reports whether a picture can be there under a key of [NewKey], in this
// size.
func Served(key string, size int) bool {
	return len(key) == 32 && (size == 512 || size == 128 || size == 64)
}

// Blobs is what a BlobStore of a domain is.
type Blobs interface {
	PutBlob(ctx context.Context, name, contentType string, data []byte) error
	Blob(ctx context.Context, name string) (contentType string, data []byte, err error)
	DeleteBlobs(ctx context.Context, prefix string) error
}

// Shelf keeps pictures in a folder of a blob store, each under its key.
type Shelf struct {
	Blobs  Blobs
	Folder string // "avatars"
}

func (s Shelf) prefix(key string) string { return s.Folder + "/" + key + "/" }

// Put stores a picture in all its sizes. List the key for removal after
// [OrphanAge] before, and take it off that list in the transaction that points at
// it: then whatever is interrupted leaves no orphan.
func (s Shelf) Put(ctx context.Context, key, contentType string, squares map[int][]byte) error {
	for _, size := range slices.Sorted(maps.Keys(squares)) {
		if err := s.Blobs.PutBlob(ctx, s.prefix(key)+strconv.Itoa(size), contentType, squares[size]); err != nil {
			return fmt.Errorf("upload: store picture: %w", err)
		}
	}
	return nil
}

// Get returns a picture in one of its sizes.
func (s Shelf) Get(ctx context.Context, key string, size int) (contentType string, data []byte, err error) {
	return s.Blobs.Blob(ctx, s.prefix(key)+strconv.Itoa(size))
}

// Remove removes a picture in all its sizes. One that is not there is no error.
func (s Shelf) Remove(ctx context.Context, key string) error {
	if err := s.Blobs.DeleteBlobs(ctx, s.prefix(key)); err != nil {
		return fmt.Errorf("upload: remove picture: %w", err)
	}
	return nil
}

// Collect removes the pictures whose keys due returns, and calls done for each
// that is gone, until due returns none. It may run on any number of nodes at once
// and be killed at any point.
func (s Shelf) Collect(ctx context.Context, due func(ctx context.Context, limit int) ([]string, error), done func(ctx context.Context, key string) error) error {
	for {
		keys, err := due(ctx, batch)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			// Blobs first: if this stops in between, the key is still listed.
			if err := s.Remove(ctx, key); err != nil {
				return err
			}
			if err := done(ctx, key); err != nil {
				return err
			}
		}
	}
}

// Initials draws the picture of whoever has uploaded none. It is safe for
// concurrent use.
type Initials struct {
	shape picture.Shape
	drawn *picture.Initials
}

// NewInitials returns one that draws on a shape.
func NewInitials(s picture.Shape) *Initials { return &Initials{s, picture.NewInitials()} }

// Picture draws the initials of a name as SVG, or as PNG of that size. The colour
// depends on seed alone. One that has to be drawn waits up to 5 seconds for its
// turn: then the error is [ErrBusy].
func (i *Initials) Picture(ctx context.Context, name, seed string, size int, png bool) (contentType string, data []byte, err error) {
	initials := text.Initials(name)
	if !png {
		return "image/svg+xml", picture.InitialsSVG(i.shape, initials, seed), nil
	}
	if data, err = i.drawn.PNG(ctx, i.shape, initials, seed, size); err != nil {
		return "", nil, busy(err)
	}
	return "image/png", data, nil
}
