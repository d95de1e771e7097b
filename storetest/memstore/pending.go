package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// living returns a half-finished sign-in that has not come to its end, whatever
// tries were made.
func (st *state) living(hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	p, ok := st.pending[hash]
	c, known := st.credentials[p.User]
	if !ok || !known || !now.Before(p.ExpiresAt) || p.Version != c.version {
		return security.PendingSignIn{}, security.ErrSignInExpired
	}
	return p, nil
}

// PendingByToken implements [security.FactorReader].
func (r securityReader) PendingByToken(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.PendingSignIn{}, err
	}
	p, err := st.living(hash, now)
	if err == nil && p.Tries >= tries {
		return security.PendingSignIn{}, security.ErrSignInExpired
	}
	return p, err
}

// InsertPending implements [security.FactorTx].
func (tx securityTx) InsertPending(ctx context.Context, p security.PendingSignIn) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if !st.enters(p.User) {
		return security.ErrPersonNotFound
	}
	if _, ok := st.pending[p.Hash]; ok {
		return errDuplicate
	}
	p.Tries = 0
	st.pending[p.Hash] = p
	return nil
}

// TryPending implements [security.FactorTx].
func (tx securityTx) TryPending(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	p, err := tx.PendingByToken(ctx, hash, now, tries)
	if err != nil {
		return security.PendingSignIn{}, err
	}
	p.Tries++
	tx.tx.state.pending[hash] = p
	return p, nil
}

// SpendPending implements [security.FactorTx].
func (tx securityTx) SpendPending(ctx context.Context, hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return security.PendingSignIn{}, err
	}
	p, err := st.living(hash, now)
	if err != nil {
		return security.PendingSignIn{}, err
	}
	delete(st.pending, hash)
	return p, nil
}
