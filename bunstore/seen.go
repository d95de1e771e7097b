package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// seenRow is what is known of earlier sign-ins. It is not a table.
type seenRow struct {
	Any        bool  `bun:"any_seen"`
	Device     bool  `bun:"device_seen"`
	Country    bool  `bun:"country_seen"`
	LastSeenAt stamp `bun:"last_seen_at"`
}

func (r *seenRow) seen() security.Seen {
	return security.Seen{Any: r.Any, Device: r.Device, Country: r.Country, LastSeenAt: r.LastSeenAt.Time}
}

// seenColumns are those of a person, in terms of $2 and $3, the device and the
// country or NULL, and $4 and $5, both as they are stored.
func seenColumns(user string) string {
	from := ` FROM settings_seen AS n WHERE n.user_id = ` + user
	return `EXISTS (SELECT 1` + from + `) AS any_seen,
		EXISTS (SELECT 1` + from + ` AND n.device_hash = $2) AS device_seen,
		EXISTS (SELECT 1` + from + ` AND n.country = $3) AS country_seen,
		(SELECT n.last_seen_at` + from + ` AND n.device_hash = $4 AND n.country = $5) AS last_seen_at`
}

var (
	selectSeen = newStatement(`SELECT ` + seenColumns("$1"))
	upsertSeen = newStatement(`
		INSERT INTO settings_seen (user_id, device_hash, country, first_seen_at, last_seen_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (user_id, device_hash, country) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at`)
	// Most people have far less, and for them the count is all there is to do.
	trimSeen = newStatement(`
		DELETE FROM settings_seen WHERE user_id = $1
		AND (SELECT count(*) FROM settings_seen WHERE user_id = $1) > $2
		AND (device_hash, country) NOT IN (
			SELECT device_hash, country FROM settings_seen WHERE user_id = $1
			ORDER BY last_seen_at DESC, device_hash, country LIMIT $2)`)
)

// Seen implements security.FactorReader. What is unknown is NULL when it is
// looked for by itself, and finds nothing; the pair is looked for as it is stored.
func (s securityReader) Seen(ctx context.Context, user id.User, device security.Hash, country string) (security.Seen, error) {
	if !plain(country) {
		country = ""
	}
	var row seenRow
	err := s.run(ctx, selectSeen, user, digest(device), nullText(country), device[:], country).Scan(ctx, &row)
	return row.seen(), err
}

// NoteSeen implements security.FactorTx.
func (t securityTx) NoteSeen(ctx context.Context, user id.User, device security.Hash, country string, now time.Time) error {
	if err := checkText(country); err != nil {
		return err
	}
	if err := t.tx.later(ctx, upsertSeen, user, device[:], country, at(now)); err != nil {
		return err
	}
	return t.tx.later(ctx, trimSeen, user, maxSeen)
}

// maxSeen is how many pairs of a device and a country are kept of a person.
const maxSeen = 200

// ForgetSeen implements security.FactorTx.
func (t securityTx) ForgetSeen(ctx context.Context, user id.User) error {
	_, err := t.tx.NewRaw(`DELETE FROM settings_seen WHERE user_id = ?`, user).Exec(ctx)
	return err
}
