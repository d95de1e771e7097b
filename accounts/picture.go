package accounts

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/text"
)

// MaxPicture is how many bytes an upload may have: 5 MiB.
const MaxPicture = 5 << 20

// orphanAge is how long an upload may take from the first byte in the blob store
// to the commit that points at it. After that its blobs are removed.
const orphanAge = time.Hour

// Picture is a picture as it is served. Under one key and size it never changes.
type Picture struct {
	ContentType string
	Data        []byte
}

func newAvatarKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func blobPrefix(key string) string { return "avatars/" + key + "/" }

// SetPicture replaces the picture of the person who acts. data is a PNG, JPEG,
// WebP or GIF file of at most [MaxPicture] bytes and 25 megapixels; the first
// frame is turned upright, cropped square and encoded anew, so that nothing but
// pixels survives. Errors: ErrPictureTooLarge, ErrPictureType, ErrBusy,
// ErrRateLimited, and fault.Fields for a file that cannot be decoded. See
// [Service.UploadPicture] for a file that has yet to be read.
func (s *Service) SetPicture(ctx context.Context, actor audit.Actor, data []byte) (User, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPicture, ActionPictureChanged, now); err != nil {
		return User{}, err
	}
	if err := s.takeUpload(ctx, actor); err != nil {
		return User{}, err
	}
	return s.setPicture(ctx, actor, data, now)
}

// UploadPicture is [Service.SetPicture] for a file that is still on its way.
// Before the first byte is read the person's budget is asked, 20 uploads and
// then one a minute, and no more than two files of a person are on their way at
// once: ErrRateLimited. Over all people eight are read at once, up to 40 MiB;
// one more waits 5 seconds, then it is ErrBusy. Both come in a fault.Retry.
//
// A body that an http.MaxBytesReader cuts off is ErrPictureTooLarge. Errors of
// body that are of package fault are returned as they are, and any other is
// fault.Malformed. The caller bounds how long reading may take.
func (s *Service) UploadPicture(ctx context.Context, actor audit.Actor, body io.Reader) (User, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPicture, ActionPictureChanged, now); err != nil {
		return User{}, err
	}
	leave, ok := s.pictures.enter(actor.User)
	if !ok {
		return User{}, &fault.Retry{Reason: ErrRateLimited, After: uploadWait}
	}
	defer leave()
	if err := s.takeUpload(ctx, actor); err != nil {
		return User{}, err
	}
	data, err := s.readPicture(ctx, body)
	if err != nil {
		return User{}, err
	}
	return s.setPicture(ctx, actor, data, now)
}

func (s *Service) takeUpload(ctx context.Context, actor audit.Actor) error {
	return s.take(ctx, "picture", actor.User.String(), 20, time.Minute)
}

func (s *Service) setPicture(ctx context.Context, actor audit.Actor, data []byte, now time.Time) (User, error) {
	if len(data) > MaxPicture {
		return User{}, ErrPictureTooLarge
	}
	set, err := s.decode(ctx, data)
	if err != nil {
		return User{}, err
	}
	key := newAvatarKey()
	// The key is listed for removal before the first byte is stored, and taken
	// off the list by the commit that points at it: whatever is interrupted
	// leaves no orphan.
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.DiscardBlob(ctx, key, now.Add(orphanAge))
	})
	if err != nil {
		return User{}, err
	}
	for _, p := range set {
		if err := s.c.Blobs.PutBlob(ctx, blobPrefix(key)+strconv.Itoa(p.Size), p.ContentType, p.Data); err != nil {
			return User{}, fmt.Errorf("accounts: store picture: %w", err)
		}
	}
	return s.swapPicture(ctx, actor, key, true, ActionPictureChanged, now)
}

// RemovePicture goes back to the one drawn from the initials.
func (s *Service) RemovePicture(ctx context.Context, actor audit.Actor) (User, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPicture, ActionPictureRemoved, now); err != nil {
		return User{}, err
	}
	return s.swapPicture(ctx, actor, newAvatarKey(), false, ActionPictureRemoved, now)
}

func (s *Service) swapPicture(ctx context.Context, actor audit.Actor, key string, uploaded bool, action audit.Action, now time.Time) (User, error) {
	var u User
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		var err error
		if u, err = tx.LockUser(ctx, actor.User); err != nil {
			return err
		}
		if !uploaded && !u.AvatarUploaded {
			return nil // nothing to remove
		}
		if u.AvatarUploaded {
			if err := tx.DiscardBlob(ctx, u.AvatarKey, now); err != nil {
				return err
			}
		}
		if uploaded {
			if err := tx.KeepBlob(ctx, key); err != nil {
				return err
			}
		}
		u.AvatarKey, u.AvatarUploaded, u.UpdatedAt = key, uploaded, now
		if err := tx.UpdateUser(ctx, u); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(action, u.target(), now).InHistoryOf(u.ID))
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

func (s *Service) decode(ctx context.Context, data []byte) (picture.Set, error) {
	release, err := s.pictures.decoding.Acquire(ctx)
	if err != nil {
		return nil, busy(err)
	}
	defer release()
	set, err := picture.Process(ctx, data)
	switch {
	case errors.Is(err, picture.ErrTooLarge):
		return nil, ErrPictureTooLarge
	case errors.Is(err, picture.ErrType):
		return nil, ErrPictureType
	case errors.Is(err, picture.ErrCorrupt):
		return nil, fault.Fields{{Name: "picture", Code: "invalid_picture", Message: "cannot be read; try to save it again as PNG or JPEG"}}
	}
	return set, err
}

// PictureByKey returns the picture that somebody has now under key, in 512, 128
// or 64 pixels. One drawn from initials is SVG, or PNG if asked for (for mails).
// A key that has been replaced is ErrUserNotFound.
func (s *Service) PictureByKey(ctx context.Context, key string, size int, png bool) (Picture, error) {
	if len(key) != 32 || (size != 512 && size != 128 && size != 64) {
		return Picture{}, ErrUserNotFound
	}
	u, err := s.c.Store.UserByAvatar(ctx, key)
	if err != nil {
		return Picture{}, err
	}
	if u.AvatarUploaded {
		typ, data, err := s.c.Blobs.Blob(ctx, blobPrefix(key)+strconv.Itoa(size))
		return Picture{typ, data}, err
	}
	// The seed is the person and not the key: the colour stays when the name
	// changes.
	initials, seed := text.Initials(u.Name), u.ID.String()
	if !png {
		return Picture{"image/svg+xml", picture.InitialsSVG(initials, seed)}, nil
	}
	data, err := s.pictures.initials.PNG(ctx, initials, seed, size)
	if err != nil {
		return Picture{}, busy(err)
	}
	return Picture{"image/png", data}, nil
}

// busy makes the error of this package of one that says that slots are taken.
func busy(err error) error {
	if errors.Is(err, picture.ErrBusy) {
		return &fault.Retry{Reason: ErrBusy, After: 5 * time.Second}
	}
	return err
}

// CollectBlobs removes pictures that nobody points at any more. It may run on
// any number of nodes at once and be killed at any point.
func (s *Service) CollectBlobs(ctx context.Context) error {
	for {
		n, err := s.collectSome(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Service) collectSome(ctx context.Context) (int, error) {
	var keys []string
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
		keys, err = tx.DueBlobs(ctx, s.now(), 100)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, key := range keys {
		// Blobs first: if this stops in between, the key is still listed.
		if err := s.c.Blobs.DeleteBlobs(ctx, blobPrefix(key)); err != nil {
			return 0, fmt.Errorf("accounts: remove picture: %w", err)
		}
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.KeepBlob(ctx, key) })
		if err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// PurgeLinks removes links and requests that ended a day ago or longer.
func (s *Service) PurgeLinks(ctx context.Context) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		_, err := tx.PurgeLinks(ctx, now.Add(-24*time.Hour))
		return err
	})
}
