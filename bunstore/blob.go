package bunstore

import (
	"context"
	"time"

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

// DiscardBlob implements accounts.Tx.
func (t accountsTx) DiscardBlob(ctx context.Context, key string, due time.Time) error {
	if err := checkText(key); err != nil {
		return err
	}
	_, err := t.tx.NewRaw(`
		INSERT INTO settings_blob_discards (key, due_at) VALUES (?, ?)
		ON CONFLICT (key) DO UPDATE SET due_at = EXCLUDED.due_at`, key, at(due)).Exec(ctx)
	return err
}

// KeepBlob implements accounts.Tx.
func (t accountsTx) KeepBlob(ctx context.Context, key string) error {
	if !plain(key) {
		return nil // cannot be on the list
	}
	_, err := t.tx.NewRaw(`DELETE FROM settings_blob_discards WHERE key = ?`, key).Exec(ctx)
	return err
}

// DueBlobs implements accounts.Tx. Concurrent transactions get different keys.
func (t accountsTx) DueBlobs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	if limit < 1 {
		return nil, nil
	}
	var keys []string
	err := t.tx.NewRaw(`SELECT key FROM settings_blob_discards WHERE due_at <= ? ORDER BY due_at, key LIMIT ? ?`,
		at(now), limit, t.db.dialect.skipLocked()).Scan(ctx, &keys)
	return keys, err
}
