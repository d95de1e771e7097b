package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/mail"
)

// SuppressAddress implements mail.Store.
func (s outbox) SuppressAddress(ctx context.Context, address mail.AddressKey, why mail.Suppression, now time.Time) error {
	_, err := s.db.Conn(ctx).NewRaw(`
		INSERT INTO settings_suppressions (address, reason, since) VALUES (?, ?, ?)
		ON CONFLICT (address) DO UPDATE SET reason = excluded.reason, since = excluded.since
			WHERE settings_suppressions.reason = 'bounced' AND excluded.reason = 'complained'`,
		address[:], string(why), at(now)).Exec(ctx)
	return err
}

// ReleaseAddress implements mail.Store.
func (s outbox) ReleaseAddress(ctx context.Context, address mail.AddressKey, why mail.Suppression) error {
	_, err := s.db.Conn(ctx).NewRaw(`DELETE FROM settings_suppressions WHERE address = ? AND reason = ?`, address[:], string(why)).Exec(ctx)
	return err
}

// AddressSuppressed implements mail.Store.
func (s outbox) AddressSuppressed(ctx context.Context, address mail.AddressKey) (mail.Suppression, error) {
	var why string
	err := s.db.reader(ctx).NewRaw(`SELECT reason FROM settings_suppressions WHERE address = ?`, address[:]).Scan(ctx, &why)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return mail.Suppression(why), err
}
