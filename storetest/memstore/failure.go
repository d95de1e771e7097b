package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/security"
)

type failure struct {
	since time.Time
	count int
}

// BumpFailures implements [security.Tx].
func (tx securityTx) BumpFailures(ctx context.Context, key security.Hash, now time.Time, window time.Duration) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	return st.bump(key, now, window), nil
}

// BumpRequests implements [accounts.Tx].
func (tx accountsTx) BumpRequests(ctx context.Context, key accounts.Hash, now time.Time, window time.Duration) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	return st.bump(key, now, window), nil
}

func (st *state) bump(key [32]byte, now time.Time, window time.Duration) int {
	f, ok := st.failures[key]
	if !ok || !now.Before(f.since.Add(window)) {
		f = failure{since: now}
	}
	f.count++
	st.failures[key] = f
	return f.count
}

func (st *state) purgeFailures(now time.Time) int {
	n := 0
	for key, f := range st.failures {
		if f.since.Before(now.Add(-24 * time.Hour)) {
			delete(st.failures, key)
			n++
		}
	}
	return n
}
