package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// AlertByHash implements [security.FactorReader].
func (r securityReader) AlertByHash(ctx context.Context, hash security.Hash, now time.Time) (security.Alert, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.Alert{}, err
	}
	a, ok := st.alerts[hash]
	if !ok || !now.Before(a.ExpiresAt) {
		return security.Alert{}, security.ErrLinkGone
	}
	return a, nil
}

// InsertAlert implements [security.FactorTx].
func (tx securityTx) InsertAlert(ctx context.Context, a security.Alert) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if !st.enters(a.User) {
		return security.ErrPersonNotFound
	}
	if _, ok := st.alerts[a.Hash]; ok {
		return errDuplicate
	}
	st.alerts[a.Hash] = a
	return nil
}

// SpendAlert implements [security.FactorTx].
func (tx securityTx) SpendAlert(ctx context.Context, hash security.Hash, now time.Time) (security.Alert, error) {
	a, err := tx.AlertByHash(ctx, hash, now)
	if err == nil {
		delete(tx.tx.state.alerts, hash)
	}
	return a, err
}
