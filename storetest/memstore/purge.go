package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// PurgeFactors implements [security.FactorTx].
func (tx securityTx) PurgeFactors(ctx context.Context, now time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	left := limit
	purge(st.ceremonies, &left, func(_ security.Hash, c security.Ceremony) bool { return c.ExpiresAt.Before(now) })
	purge(st.pending, &left, func(_ security.Hash, p security.PendingSignIn) bool { return p.ExpiresAt.Before(now) })
	purge(st.emailCodes, &left, func(_ id.User, c emailCode) bool { return c.ExpiresAt.Before(now) })
	purge(st.alerts, &left, func(_ security.Hash, a security.Alert) bool { return a.ExpiresAt.Before(now) })
	purge(st.totp, &left, func(user id.User, t security.TOTP) bool {
		return !st.twoFactor(user) && t.CreatedAt.Before(now.Add(-time.Hour))
	})
	purge(st.seen, &left, func(_ place, last time.Time) bool { return last.Before(now.Add(-400 * 24 * time.Hour)) })
	return limit - left, nil
}

// purge removes what is over while there is something left of the limit.
func purge[K comparable, V any](rows map[K]V, left *int, over func(K, V) bool) {
	for key, row := range rows {
		if *left > 0 && over(key, row) {
			delete(rows, key)
			*left--
		}
	}
}
