package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

// purging says which rows of a table have had their time.
type purging struct {
	table     string
	key       string // its columns
	condition string // in terms of ?2
	before    any
}

// purge removes up to limit rows in all, and returns how many. It passes over
// what others are working on.
func (w writer) purge(ctx context.Context, limit int, all []purging) (int, error) {
	total := 0
	for _, p := range all {
		if total >= limit {
			break
		}
		n, err := affected(w.tx.NewRaw(`
			WITH old AS (SELECT ?0 FROM ?1 WHERE `+p.condition+` LIMIT ?3 ?4)
			DELETE FROM ?1 WHERE (?0) IN (SELECT ?0 FROM old)`,
			bun.Safe(p.key), bun.Ident(p.table), p.before, limit-total, w.tx.t.db.dialect.skipLocked()).Exec(ctx))
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// PurgeSessions implements security.Tx.
func (t securityTx) PurgeSessions(ctx context.Context, now, idleSince time.Time, limit int) (int, error) {
	return t.purge(ctx, limit, []purging{
		{"settings_sessions", "id", "expires_at < ?2", at(now)},
		{"settings_sessions", "id", "last_used_at < ?2", at(idleSince)},
		{"settings_resets", "token_hash", "expires_at < ?2", at(now)},
		{"settings_resets", "token_hash", "spent_at <= ?2", at(now)},
		{"settings_failures", "key", "started_at < ?2", at(now.Add(-24 * time.Hour))},
	})
}

// PurgeFactors implements security.FactorTx. Full buckets of [DB.Limiter] go too.
func (t securityTx) PurgeFactors(ctx context.Context, now time.Time, limit int) (int, error) {
	return t.purge(ctx, limit, []purging{
		{"settings_ceremonies", "challenge", "expires_at < ?2", at(now)},
		{"settings_pending_sign_ins", "token_hash", "expires_at < ?2", at(now)},
		{"settings_email_codes", "user_id", "expires_at < ?2", at(now)},
		{"settings_alerts", "token_hash", "expires_at < ?2", at(now)},
		{"settings_totp", "user_id", "confirmed_at IS NULL AND created_at < ?2", at(now.Add(-time.Hour))},
		{"settings_seen", "user_id, device_hash, country", "last_seen_at < ?2", at(now.Add(-400 * 24 * time.Hour))},
		{"settings_buckets", "key", "full_at < ?2", now.UnixMicro()},
	})
}
