package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type emailCodeRow struct {
	bun.BaseModel `bun:"table:settings_email_codes,alias:e"`

	User      id.User    `bun:"user_id,pk"`
	Session   id.Session `bun:"session_id"`
	Hash      digest     `bun:"code_hash"`
	Tries     int        `bun:"tries"`
	CreatedAt stamp      `bun:"created_at"`
	ExpiresAt stamp      `bun:"expires_at"`
}

// PutEmailCode implements security.FactorTx.
func (t securityTx) PutEmailCode(ctx context.Context, c security.EmailCode) error {
	_, err := t.tx.NewInsert().Model(&emailCodeRow{
		User: c.User, Session: c.Session, Hash: digest(c.Hash), CreatedAt: at(c.CreatedAt), ExpiresAt: at(c.ExpiresAt),
	}).On("CONFLICT (user_id) DO UPDATE").
		Set("session_id = EXCLUDED.session_id").Set("code_hash = EXCLUDED.code_hash").Set("tries = 0").
		Set("created_at = EXCLUDED.created_at").Set("expires_at = EXCLUDED.expires_at").
		Exec(ctx)
	return err
}

// SpendEmailCode implements security.FactorTx. Counting the try locks the row, so
// that nothing comes between it and the end of the transaction.
func (t securityTx) SpendEmailCode(ctx context.Context, user id.User, session id.Session, hash security.Hash, now time.Time, tries int) error {
	var row emailCodeRow
	err := t.tx.NewRaw(`
		UPDATE settings_email_codes SET tries = tries + 1 WHERE user_id = ? AND expires_at > ? AND tries < ?
		RETURNING session_id, code_hash`, user, at(now), tries).Scan(ctx, &row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return security.ErrInvalidCode
	case err != nil:
		return err
	case row.Session != session || row.Hash != digest(hash):
		return security.ErrInvalidCode
	}
	_, err = t.tx.NewRaw(`DELETE FROM settings_email_codes WHERE user_id = ?`, user).Exec(ctx)
	return err
}
