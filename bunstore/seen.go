package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

var (
	selectSeen = newStatement(`
		SELECT EXISTS (SELECT 1 FROM settings_seen WHERE user_id = $1),
			EXISTS (SELECT 1 FROM settings_seen WHERE user_id = $1 AND device_hash = $2),
			EXISTS (SELECT 1 FROM settings_seen WHERE user_id = $1 AND country = $3),
			(SELECT last_seen_at FROM settings_seen WHERE user_id = $1 AND device_hash = $4 AND country = $5)`)
	upsertSeen = newStatement(`
		INSERT INTO settings_seen (user_id, device_hash, country, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (user_id, device_hash, country) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at`)
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
	err := s.run(ctx, selectSeen, user, digest(device), nullText(country), device[:], country).
		Scan(ctx, &seen.Any, &seen.Device, &seen.Country, &last)
	seen.LastSeenAt = last.Time
	return seen, err
}

// NoteSeen implements security.FactorTx.
func (t securityTx) NoteSeen(ctx context.Context, user id.User, device security.Hash, country string, now time.Time) error {
	if err := checkText(country); err != nil {
		return err
	}
	if _, err := t.tx.run(upsertSeen, user, device[:], country, at(now)).Exec(ctx); err != nil {
		return err
	}
	_, err := t.tx.NewRaw(`
		DELETE FROM settings_seen WHERE user_id = ?0 AND (device_hash, country) NOT IN (
			SELECT device_hash, country FROM settings_seen WHERE user_id = ?0
			ORDER BY last_seen_at DESC, device_hash, country LIMIT ?1)`, user, maxSeen).Exec(ctx)
	return err
}

// maxSeen is how many pairs of a device and a country are kept of a person.
const maxSeen = 200

// ForgetSeen implements security.FactorTx.
func (t securityTx) ForgetSeen(ctx context.Context, user id.User) error {
	_, err := t.tx.NewRaw(`DELETE FROM settings_seen WHERE user_id = ?`, user).Exec(ctx)
	return err
}
