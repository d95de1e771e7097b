package accounts

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/upload"
)

// MaxPicture is how many bytes an upload may have: 5 MiB.
const MaxPicture = upload.MaxBytes

// Picture is a picture as it is served. Under one key and size it never changes.
type Picture struct {
	ContentType string
	Data        []byte
}

// Pictures turns what people upload into pictures that are safe to serve, and
// bounds what that costs. Implementations are safe for concurrent use.
type Pictures interface {
	// Squares reads a PNG, JPEG, WebP or GIF file of at most [MaxPicture] bytes and
	// 25 megapixels from body, for a person, and returns it without metadata as
	// squares of 512, 128 and 64 pixels, by that number. With png they are PNG.
	// Errors: ErrPictureTooLarge, ErrPictureType, and of package fault: Throttled if
	// the person sends too much at once, Unavailable if everybody does, Fields for a
	// file that cannot be decoded; errors of body as they are if they are of that
	// package.
	Squares(ctx context.Context, user id.User, body io.Reader, png bool) (contentType string, squares map[int][]byte, err error)
}

// SetPicture replaces the picture of the person who acts. data is a PNG, JPEG,
// WebP or GIF file of at most [MaxPicture] bytes and 25 megapixels; the first
// frame is turned upright, cropped square and encoded anew, so that nothing but
// pixels survives. Errors: ErrPictureTooLarge, ErrPictureType, ErrBusy,
// ErrRateLimited, and fault.Fields for a file that cannot be decoded. See
// [Service.UploadPicture] for a file that has yet to be read.
func (s *Service) SetPicture(ctx context.Context, actor audit.Actor, data []byte) (User, error) {
	return s.UploadPicture(ctx, actor, bytes.NewReader(data))
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
	if err := s.take(ctx, "picture", actor.User.String(), 20, time.Minute); err != nil {
		return User{}, err
	}
	contentType, squares, err := s.c.Pictures.Squares(ctx, actor.User, body, false)
	switch {
	case errors.Is(err, fault.Throttled):
		return User{}, &fault.Retry{Reason: ErrRateLimited, After: fault.RetryAfter(err)}
	case err != nil:
		return User{}, err
	}
	key := upload.NewKey()
	// The key is listed for removal before the first byte is stored, and taken
	// off the list by the commit that points at it: whatever is interrupted
	// leaves no orphan.
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.DiscardBlob(ctx, key, now.Add(upload.OrphanAge))
	})
	if err != nil {
		return User{}, err
	}
	if err := s.shelf().Put(ctx, key, contentType, squares); err != nil {
		return User{}, err
	}
	return s.swapPicture(ctx, actor, key, true, ActionPictureChanged, now)
}

func (s *Service) shelf() upload.Shelf { return upload.Shelf{Blobs: s.c.Blobs, Folder: "avatars"} }

// RemovePicture goes back to the one drawn from the initials.
func (s *Service) RemovePicture(ctx context.Context, actor audit.Actor) (User, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPicture, ActionPictureRemoved, now); err != nil {
		return User{}, err
	}
	return s.swapPicture(ctx, actor, upload.NewKey(), false, ActionPictureRemoved, now)
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

// PictureByKey returns the picture that somebody has now under key, in 512, 128
// or 64 pixels. One drawn from initials is SVG, or PNG if asked for (for mails).
// A key that has been replaced is ErrUserNotFound.
func (s *Service) PictureByKey(ctx context.Context, key string, size int, png bool) (Picture, error) {
	if !upload.Served(key, size) {
		return Picture{}, ErrUserNotFound
	}
	u, err := s.c.Store.UserByAvatar(ctx, key)
	if err != nil {
		return Picture{}, err
	}
	var p Picture
	if u.AvatarUploaded {
		p.ContentType, p.Data, err = s.shelf().Get(ctx, key, size)
	} else {
		// The seed is the person and not the key: the colour stays when the name
		// changes.
		p.ContentType, p.Data, err = s.initials.Picture(ctx, u.Name, u.ID.String(), size, png)
	}
	return p, err
}

// CollectBlobs removes pictures that nobody points at any more. It may run on
// any number of nodes at once and be killed at any point.
func (s *Service) CollectBlobs(ctx context.Context) error {
	due := func(ctx context.Context, limit int) (keys []string, err error) {
		err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			keys, err = tx.DueBlobs(ctx, s.now(), limit)
			return err
		})
		return keys, err
	}
	return s.shelf().Collect(ctx, due, func(ctx context.Context, key string) error {
		return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.KeepBlob(ctx, key) })
	})
}

// PurgeLinks removes links and requests that ended a day ago or longer.
func (s *Service) PurgeLinks(ctx context.Context) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		_, err := tx.PurgeLinks(ctx, now.Add(-24*time.Hour))
		return err
	})
}
