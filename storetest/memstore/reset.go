package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// reset is a link. Once void it stays void, whatever becomes of the one that
// replaced it.
type reset struct {
	security.Reset
	void bool // spent or superseded
}

// ResetByHash implements [security.Reader].
func (r securityReader) ResetByHash(ctx context.Context, hash security.Hash, now time.Time) (security.Reset, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.Reset{}, err
	}
	row, ok := st.resets[hash]
	c, known := st.credentials[row.User]
	if !ok || !known || row.void || !now.Before(row.ExpiresAt) || row.Version != c.version {
		return security.Reset{}, security.ErrLinkGone
	}
	return row.Reset, nil
}

// InsertReset implements [security.Tx].
func (tx securityTx) InsertReset(ctx context.Context, r security.Reset) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.resets[r.Hash]; ok {
		return errDuplicate
	}
	for hash, other := range st.resets {
		if other.Address == r.Address {
			other.void = true
			st.resets[hash] = other
		}
	}
	st.resets[r.Hash] = reset{Reset: r}
	return nil
}

// SpendReset implements [security.Tx].
func (tx securityTx) SpendReset(ctx context.Context, hash security.Hash, now time.Time) (security.Reset, error) {
	r, err := tx.ResetByHash(ctx, hash, now)
	if err == nil {
		tx.tx.state.resets[hash] = reset{Reset: r, void: true}
	}
	return r, err
}

func (st *state) purgeResets(now time.Time) int {
	n := 0
	for hash, r := range st.resets {
		if r.void || r.ExpiresAt.Before(now) {
			delete(st.resets, hash)
			n++
		}
	}
	return n
}
