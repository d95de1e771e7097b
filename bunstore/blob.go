package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
)

// Bounds of accounts.BlobStore, in bytes.
const (
	maxBlob     = 8 << 20
	maxBlobName = 200
)

type blobs struct{ db *DB }

// blobName reports whether s is made of what names of blobs are made of.
func blobName(s string) bool {
	if s == "" || len(s) > maxBlobName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '/', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}

// PutBlob implements accounts.BlobStore. Inside a transaction it takes part in it.
func (s blobs) PutBlob(ctx context.Context, name, contentType string, data []byte) error {
	switch {
	case !blobName(name):
		return ErrBlobName
	case len(data) > maxBlob:
		return ErrBlobTooLarge
	}
	if err := checkText(contentType); err != nil {
		return err
	}
	if data == nil {
		data = []byte{} // bun would write NULL
	}
	_, err := s.db.Conn(ctx).NewRaw(`
		INSERT INTO settings_blobs (name, content_type, data) VALUES (?, ?, ?)
		ON CONFLICT (name) DO NOTHING`, name, contentType, data).Exec(ctx)
	return err
}

// Blob implements accounts.BlobStore.
func (s blobs) Blob(ctx context.Context, name string) (contentType string, data []byte, err error) {
	if !blobName(name) {
		return "", nil, accounts.ErrNoBlob
	}
	err = s.db.reader(ctx).NewRaw(`SELECT content_type, data FROM settings_blobs WHERE name = ?`, name).
		Scan(ctx, &contentType, &data)
	if err != nil {
		return "", nil, missing(err, accounts.ErrNoBlob)
	}
	return contentType, data, nil
}

// DeleteBlobs implements accounts.BlobStore. An empty prefix, which would mean
// every picture of everybody, is refused with ErrBlobName.
func (s blobs) DeleteBlobs(ctx context.Context, prefix string) error {
	if !blobName(prefix) {
		return ErrBlobName
	}
	// '~' comes after everything that a name is made of.
	_, err := s.db.Conn(ctx).NewRaw(`DELETE FROM settings_blobs WHERE name >= ? AND name < ?`, prefix, prefix+"~").Exec(ctx)
	return err
}

// The lists of what is to be removed: one for each domain that keeps pictures.
const (
	avatarDiscards = "settings_blob_discards"
	logoDiscards   = "settings_logo_discards"
)

// DiscardBlob implements accounts.Tx.
func (t accountsTx) DiscardBlob(ctx context.Context, key string, due time.Time) error {
	return t.discard(ctx, avatarDiscards, key, due)
}

// KeepBlob implements accounts.Tx.
func (t accountsTx) KeepBlob(ctx context.Context, key string) error {
	return t.keep(ctx, avatarDiscards, key)
}

// DueBlobs implements accounts.Tx. Concurrent transactions get different keys.
func (t accountsTx) DueBlobs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return t.discarded(ctx, avatarDiscards, now, limit)
}

// DiscardLogo implements orgs.Tx.
func (t orgsTx) DiscardLogo(ctx context.Context, key string, due time.Time) error {
	return t.discard(ctx, logoDiscards, key, due)
}

// KeepLogo implements orgs.Tx.
func (t orgsTx) KeepLogo(ctx context.Context, key string) error {
	return t.keep(ctx, logoDiscards, key)
}

// DueLogos implements orgs.Tx. Concurrent transactions get different keys.
func (t orgsTx) DueLogos(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return t.discarded(ctx, logoDiscards, now, limit)
}

func (w writer) discard(ctx context.Context, list, key string, due time.Time) error {
	if err := checkText(key); err != nil {
		return err
	}
	_, err := w.tx.NewRaw(`
		INSERT INTO ?0 (key, due_at) VALUES (?1, ?2)
		ON CONFLICT (key) DO UPDATE SET due_at = EXCLUDED.due_at`, bun.Ident(list), key, at(due)).Exec(ctx)
	return err
}

func (w writer) keep(ctx context.Context, list, key string) error {
	if !plain(key) {
		return nil // cannot be on the list
	}
	_, err := w.tx.NewRaw(`DELETE FROM ?0 WHERE key = ?1`, bun.Ident(list), key).Exec(ctx)
	return err
}

func (w writer) discarded(ctx context.Context, list string, now time.Time, limit int) ([]string, error) {
	if limit < 1 {
		return nil, nil
	}
	var keys []string
	err := w.tx.NewRaw(`SELECT key FROM ?0 WHERE due_at <= ?1 ORDER BY due_at, key LIMIT ?2 ?3`,
		bun.Ident(list), at(now), limit, w.tx.t.db.dialect.skipLocked()).Scan(ctx, &keys)
	return keys, err
}
