package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// BumpFailures implements security.Tx. Counts are kept for a day at least;
// longer windows may begin anew after that.
func (t securityTx) BumpFailures(ctx context.Context, key security.Hash, now time.Time, window time.Duration) (int, error) {
	var n int
	err := t.tx.NewRaw(`
		INSERT INTO settings_failures AS f (key, failures, started_at) VALUES (?0, 1, ?1)
		ON CONFLICT (key) DO UPDATE SET
			failures   = CASE WHEN f.started_at <= ?2 THEN 1 ELSE f.failures + 1 END,
			started_at = CASE WHEN f.started_at <= ?2 THEN EXCLUDED.started_at ELSE f.started_at END
		RETURNING failures`, digest(key), at(now), at(now.Add(-window))).Scan(ctx, &n)
	return n, err
}
