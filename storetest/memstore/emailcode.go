package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type emailCode struct {
	security.EmailCode
	tries int
}

// PutEmailCode implements [security.FactorTx].
func (tx securityTx) PutEmailCode(ctx context.Context, c security.EmailCode) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if !st.enters(c.User) {
		return security.ErrPersonNotFound
	}
	st.emailCodes[c.User] = emailCode{EmailCode: c}
	return nil
}

// SpendEmailCode implements [security.FactorTx].
func (tx securityTx) SpendEmailCode(ctx context.Context, user id.User, session id.Session, hash security.Hash, now time.Time, tries int) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	c, ok := st.emailCodes[user]
	if !ok || !now.Before(c.ExpiresAt) || c.tries >= tries {
		return security.ErrInvalidCode
	}
	if c.Session != session || c.Hash != hash {
		c.tries++
		st.emailCodes[user] = c
		return security.ErrInvalidCode
	}
	delete(st.emailCodes, user)
	return nil
}
