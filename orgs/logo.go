package orgs

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

// MaxLogo is how many bytes an upload may have: 5 MiB.
const MaxLogo = upload.MaxBytes

// Logo is a picture as it is served. Under one key and size it never changes.
type Logo struct {
	ContentType string
	Data        []byte
}

// Pictures turns what people upload into pictures that are safe to serve, and
// bounds what that costs. Implementations are safe for concurrent use. What is
// one for package accounts is one here.
type Pictures interface {
	// Squares reads a PNG, JPEG, WebP or GIF file of at most [MaxLogo] bytes and 25
	// megapixels from body, for a person, and returns it without metadata as
	// squares of 512, 128 and 64 pixels, by that number. With png they are PNG.
	// Errors: ErrLogoTooLarge, ErrLogoType, and of package fault: Throttled if the
	// person sends too much at once, Unavailable if everybody does, Fields for a file
	// that cannot be decoded; errors of body as they are if they are of that package.
	Squares(ctx context.Context, user id.User, body io.Reader, png bool) (contentType string, squares map[int][]byte, err error)
}

// BlobStore keeps logos, in the folder "logos". What is one for package accounts
// is one here, and may be the same.
type BlobStore interface {
	// PutBlob stores data, at most 8 MiB, under a name of a–z, 0–9, '/', '-'
	// and '.', at most 200 bytes.
	PutBlob(ctx context.Context, name, contentType string, data []byte) error

	// Blob returns what was put, or an error of fault.NotFound.
	Blob(ctx context.Context, name string) (contentType string, data []byte, err error)

	// DeleteBlobs removes every blob whose name begins with prefix. None is no error.
	DeleteBlobs(ctx context.Context, prefix string) error
}

// SetLogo replaces the logo of an organization. data is a PNG, JPEG, WebP or GIF
// file of at most [MaxLogo] bytes and 25 megapixels; the first frame is turned
// upright, cropped square and encoded anew as PNG, so that nothing but pixels
// survives. Errors: ErrLogoTooLarge, ErrLogoType, ErrBusy, ErrRateLimited, and
// fault.Fields for a file that cannot be decoded. See [Service.UploadLogo] for a
// file that has yet to be read.
func (s *Service) SetLogo(ctx context.Context, actor audit.Actor, ref string, data []byte) (OrgView, error) {
	return s.UploadLogo(ctx, actor, ref, bytes.NewReader(data))
}

// UploadLogo is [Service.SetLogo] for a file that is still on its way. Before the
// first byte is read it is asked whether the person may, and then their budget: 20
// uploads and then one a minute, and no more than two at once, else it is
// ErrRateLimited. If too many are under way over all people it is ErrBusy. Both
// come in a fault.Retry. Whether the person may is asked again when the logo is
// changed.
//
// A body that an http.MaxBytesReader cuts off is ErrLogoTooLarge. Errors of body
// that are of package fault are returned as they are, and any other is
// fault.Malformed. The caller bounds how long reading may take.
func (s *Service) UploadLogo(ctx context.Context, actor audit.Actor, ref string, body io.Reader) (OrgView, error) {
	now := s.now()
	v, err := s.enter(ctx, actor, ref, attempt{perm: PermOrgUpdate, action: ActionLogoChanged}, now)
	if err != nil {
		return OrgView{}, err
	}
	if err := s.take(ctx, "logo:"+actor.User.String(), 20, time.Minute); err != nil {
		return OrgView{}, err
	}
	contentType, squares, err := s.c.Pictures.Squares(ctx, actor.User, body, true)
	switch {
	case errors.Is(err, fault.Throttled):
		return OrgView{}, &fault.Retry{Reason: ErrRateLimited, After: fault.RetryAfter(err)}
	case err != nil:
		return OrgView{}, err
	}
	key := upload.NewKey()
	// The key is listed for removal before the first byte is stored, and taken
	// off the list by the commit that points at it: whatever is interrupted, or
	// refused by then, leaves no orphan.
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.DiscardLogo(ctx, key, now.Add(upload.OrphanAge))
	})
	if err != nil {
		return OrgView{}, err
	}
	if err := s.logos().Put(ctx, key, contentType, squares); err != nil {
		return OrgView{}, err
	}
	return s.swapLogo(ctx, actor, v.ID, key, true, ActionLogoChanged, now)
}

func (s *Service) logos() upload.Shelf { return upload.Shelf{Blobs: s.c.Blobs, Folder: "logos"} }

// RemoveLogo goes back to the one drawn from the initials.
func (s *Service) RemoveLogo(ctx context.Context, actor audit.Actor, ref string) (OrgView, error) {
	now := s.now()
	v, err := s.enter(ctx, actor, ref, attempt{perm: PermOrgUpdate, action: ActionLogoRemoved}, now)
	if err != nil {
		return OrgView{}, err
	}
	return s.swapLogo(ctx, actor, v.ID, upload.NewKey(), false, ActionLogoRemoved, now)
}

func (s *Service) swapLogo(ctx context.Context, actor audit.Actor, org id.Org, key string, uploaded bool, action audit.Action, now time.Time) (OrgView, error) {
	var v OrgView
	err := s.change(ctx, actor, org.String(), attempt{perm: PermOrgUpdate, action: action}, now, func(ctx context.Context, tx Tx, present OrgView) error {
		v = present
		if !uploaded && !v.LogoUploaded {
			return nil // nothing to remove
		}
		if v.LogoUploaded {
			if err := tx.DiscardLogo(ctx, v.LogoKey, now); err != nil {
				return err
			}
		}
		if uploaded {
			if err := tx.KeepLogo(ctx, key); err != nil {
				return err
			}
		}
		v.LogoKey, v.LogoUploaded, v.UpdatedAt = key, uploaded, now
		if err := tx.UpdateOrg(ctx, v.Org); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, action, v.target(), v.Org, now))
	})
	if err != nil {
		return OrgView{}, err
	}
	return v, nil
}

// LogoByKey returns the logo that a living organization has now under key, in 512,
// 128 or 64 pixels, to anybody: an uploaded one is PNG; one drawn from initials is
// SVG, or PNG if asked for. A key that has been replaced is ErrOrgNotFound.
func (s *Service) LogoByKey(ctx context.Context, key string, size int, png bool) (Logo, error) {
	if !upload.Served(key, size) {
		return Logo{}, ErrOrgNotFound
	}
	o, err := s.c.Store.OrgByLogo(ctx, key)
	if err != nil {
		return Logo{}, err
	}
	var l Logo
	if o.LogoUploaded {
		l.ContentType, l.Data, err = s.logos().Get(ctx, key, size)
	} else {
		// The seed is the organization and not the key: the colour stays when the
		// name changes.
		l.ContentType, l.Data, err = s.initials.Picture(ctx, o.Name, o.ID.String(), size, png)
	}
	return l, err
}

// CollectLogos removes logos that no organization has any more. It may run on any
// number of nodes at once and be killed at any point.
func (s *Service) CollectLogos(ctx context.Context) error {
	due := func(ctx context.Context, limit int) (keys []string, err error) {
		err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			keys, err = tx.DueLogos(ctx, s.now(), limit)
			return err
		})
		return keys, err
	}
	return s.logos().Collect(ctx, due, func(ctx context.Context, key string) error {
		return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.KeepLogo(ctx, key) })
	})
}
