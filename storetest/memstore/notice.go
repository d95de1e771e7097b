package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/notify"
)

// NoteOnce implements [notify.Tx].
func (tx notifyTx) NoteOnce(ctx context.Context, n notify.Notice, now time.Time) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	if _, ok := st.notices[n]; ok {
		return false, nil
	}
	st.notices[n] = now
	return true, nil
}

// PurgeNotices implements [notify.Tx].
func (tx notifyTx) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	left := limit
	purge(st.notices, &left, func(_ notify.Notice, at time.Time) bool { return at.Before(before) })
	return limit - left, nil
}
