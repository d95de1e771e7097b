package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/security"
)

// BumpFailures implements security.Tx. Counts are kept for a day at least;
// longer windows may begin anew after that.
func (t securityTx) BumpFailures(ctx context.Context, key security.Hash, now time.Time, window time.Duration) (int, error) {
	return t.bump(ctx, digest(key), now, window)
}

// BumpRequests implements accounts.Tx, as BumpFailures does.
func (t accountsTx) BumpRequests(ctx context.Context, key accounts.Hash, now time.Time, window time.Duration) (int, error) {
	return t.bump(ctx, digest(key), now, window)
}

func (w writer) bump(ctx context.Context, key digest, now time.Time, window time.Duration) (int, error) {
	var n int
	err := w.tx.run(bumpFailures, key, at(now), at(now.Add(-window))).Scan(ctx, &n)
	return n, err
}

var bumpFailures = newStatement(`
	INSERT INTO settings_failures AS f (key, failures, started_at) VALUES ($1, 1, $2)
	ON CONFLICT (key) DO UPDATE SET
		failures   = CASE WHEN f.started_at <= $3 THEN 1 ELSE f.failures + 1 END,
		started_at = CASE WHEN f.started_at <= $3 THEN EXCLUDED.started_at ELSE f.started_at END
	RETURNING failures`)
