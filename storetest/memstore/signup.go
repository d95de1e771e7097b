package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
)

// SignUpByHash implements [accounts.Reader].
func (r accountsReader) SignUpByHash(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.SignUp, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.SignUp{}, err
	}
	s, ok := st.signUps[hash]
	if !ok || !now.Before(s.ExpiresAt) {
		return accounts.SignUp{}, accounts.ErrLinkGone
	}
	return s, nil
}

// InsertSignUp implements [accounts.Tx].
func (tx accountsTx) InsertSignUp(ctx context.Context, s accounts.SignUp) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.signUps[s.Hash]; ok {
		return errDuplicate
	}
	st.signUps[s.Hash] = s
	return nil
}

// SpendSignUp implements [accounts.Tx].
func (tx accountsTx) SpendSignUp(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.SignUp, error) {
	s, err := tx.SignUpByHash(ctx, hash, now)
	if err == nil {
		delete(tx.tx.state.signUps, hash)
	}
	return s, err
}

// PurgeLinks implements [accounts.Tx].
func (tx accountsTx) PurgeLinks(ctx context.Context, t time.Time) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for hash, s := range st.signUps {
		if s.ExpiresAt.Before(t) {
			delete(st.signUps, hash)
			n++
		}
	}
	for key, c := range st.changes {
		if c.over(st, t) {
			delete(st.changes, key)
			n++
		}
	}
	return n, nil
}
