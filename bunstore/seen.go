package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// Seen implements security.FactorReader. What is unknown is NULL when it is
// looked for by itself, and finds nothing; the pair is looked for as it is stored.
func (s securityReader) Seen(ctx context.Context, user id.User, device security.Hash, country string) (security.Seen, error) {
	if !plain(country) {
		country = ""
	}
	var (
		seen security.Seen
		last stamp
	)
	err := s.conn(ctx).NewRaw(`
		SELECT EXISTS (SELECT 1 FROM settings_seen WHERE user_id = ?0),
			EXISTS (SELECT 1 FROM settings_seen WHERE user_id = ?0 AND device_hash = ?1),
			EXISTS (SELECT 1 FROM settings_seen WHERE user_id = ?0 AND country = ?2),
			(SELECT last_seen_at FROM settings_seen WHERE user_id = ?0 AND device_hash = ?3 AND country = ?4)`,
		user, digest(device), nullText(country), device[:], country).
		Scan(ctx, &seen.Any, &seen.Device, &seen.Country, &last)
	seen.LastSeenAt = last.Time
	return seen, err
}

// NoteSeen implements security.FactorTx.
func (t securityTx) NoteSeen(ctx context.Context, user id.User, device security.Hash, country string, now time.Time) error {
	if err := checkText(country); err != nil {
		return err
	}
	_, err := t.tx.NewRaw(`
		INSERT INTO settings_seen (user_id, device_hash, country, first_seen_at, last_seen_at) VALUES (?0, ?1, ?2, ?3, ?3)
		ON CONFLICT (user_id, device_hash, country) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at`,
		user, device[:], country, at(now)).Exec(ctx)
	return err
}

// ForgetSeen implements security.FactorTx.
func (t securityTx) ForgetSeen(ctx context.Context, user id.User) error {
	_, err := t.tx.NewRaw(`DELETE FROM settings_seen WHERE user_id = ?`, user).Exec(ctx)
	return err
}
