package memstore

import (
	"bytes"
	"context"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// InsertCeremony implements [security.FactorTx].
func (tx securityTx) InsertCeremony(ctx context.Context, c security.Ceremony) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.ceremonies[c.Challenge]; ok {
		return errDuplicate
	}
	c.Data = bytes.Clone(c.Data)
	st.ceremonies[c.Challenge] = c
	return nil
}

// SpendCeremony implements [security.FactorTx].
func (tx securityTx) SpendCeremony(ctx context.Context, challenge security.Hash, now time.Time) (security.Ceremony, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return security.Ceremony{}, err
	}
	c, ok := st.ceremonies[challenge]
	if !ok || !now.Before(c.ExpiresAt) {
		return security.Ceremony{}, security.ErrCeremonyGone
	}
	delete(st.ceremonies, challenge)
	return c, nil
}
