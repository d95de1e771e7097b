package memstore

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
)

// blob is a stored picture. Its data is never changed in place.
type blob struct {
	contentType string
	data        []byte
}

type blobs struct{ s *Store }

// PutBlob implements [accounts.BlobStore].
func (b blobs) PutBlob(ctx context.Context, name, contentType string, data []byte) error {
	return b.s.update(ctx, func(ctx context.Context, sc *scope) error {
		sc.tx.state.blobs[name] = blob{contentType, bytes.Clone(data)}
		return nil
	})
}

// Blob implements [accounts.BlobStore].
func (b blobs) Blob(ctx context.Context, name string) (contentType string, data []byte, err error) {
	st, err := b.s.view(ctx)
	if err != nil {
		return "", nil, err
	}
	v, ok := st.blobs[name]
	if !ok {
		return "", nil, accounts.ErrNoBlob
	}
	return v.contentType, bytes.Clone(v.data), nil
}

// DeleteBlobs implements [accounts.BlobStore].
func (b blobs) DeleteBlobs(ctx context.Context, prefix string) error {
	return b.s.update(ctx, func(ctx context.Context, sc *scope) error {
		for name := range sc.tx.state.blobs {
			if strings.HasPrefix(name, prefix) {
				delete(sc.tx.state.blobs, name)
			}
		}
		return nil
	})
}

// DiscardBlob implements [accounts.Tx].
func (tx accountsTx) DiscardBlob(ctx context.Context, key string, due time.Time) error {
	st, err := tx.scope.view(ctx)
	if err == nil {
		st.discards[key] = due
	}
	return err
}

// KeepBlob implements [accounts.Tx].
func (tx accountsTx) KeepBlob(ctx context.Context, key string) error {
	st, err := tx.scope.view(ctx)
	if err == nil {
		delete(st.discards, key)
	}
	return err
}

// DueBlobs implements [accounts.Tx].
func (tx accountsTx) DueBlobs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	return due(st.discards, now, limit), nil
}

// DiscardLogo implements [orgs.Tx].
func (tx orgsTx) DiscardLogo(ctx context.Context, key string, due time.Time) error {
	st, err := tx.scope.view(ctx)
	if err == nil {
		st.logoDiscards[key] = due
	}
	return err
}

// KeepLogo implements [orgs.Tx].
func (tx orgsTx) KeepLogo(ctx context.Context, key string) error {
	st, err := tx.scope.view(ctx)
	if err == nil {
		delete(st.logoDiscards, key)
	}
	return err
}

// DueLogos implements [orgs.Tx].
func (tx orgsTx) DueLogos(ctx context.Context, now time.Time, limit int) ([]string, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	return due(st.logoDiscards, now, limit), nil
}

// due returns keys of a list. The longest due come first.
func due(list map[string]time.Time, now time.Time, limit int) []string {
	var keys []string
	for key, at := range list {
		if !at.After(now) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return list[a].Compare(list[b]) })
	return keys[:min(limit, len(keys))]
}
