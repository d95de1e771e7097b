package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
)

type signUpRow struct {
	bun.BaseModel `bun:"table:settings_sign_ups,alias:su"`

	Hash      digest `bun:"token_hash,pk"`
	Email     string `bun:"email"`
	EmailKey  string `bun:"email_key"`
	CreatedAt stamp  `bun:"created_at"`
	ExpiresAt stamp  `bun:"expires_at"`
}

const signUpColumns = "token_hash, email, email_key, created_at, expires_at"

func (r *signUpRow) signUp() accounts.SignUp {
	return accounts.SignUp{
		Hash: accounts.Hash(r.Hash), Email: r.Email, EmailKey: r.EmailKey,
		CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
}

// SignUpByHash implements accounts.Reader.
func (s accountsReader) SignUpByHash(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.SignUp, error) {
	var row signUpRow
	err := s.conn(ctx).NewSelect().Model(&row).
		Where("token_hash = ?", digest(hash)).Where("spent_at IS NULL").Where("expires_at > ?", at(now)).Scan(ctx)
	if err != nil {
		return accounts.SignUp{}, missing(err, accounts.ErrLinkGone)
	}
	return row.signUp(), nil
}

// InsertSignUp implements accounts.Tx.
func (t accountsTx) InsertSignUp(ctx context.Context, s accounts.SignUp) error {
	if err := checkText(s.Email, s.EmailKey); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(&signUpRow{
		Hash: digest(s.Hash), Email: s.Email, EmailKey: s.EmailKey, CreatedAt: at(s.CreatedAt), ExpiresAt: at(s.ExpiresAt),
	}).Exec(ctx)
	return err
}

// SpendSignUp implements accounts.Tx.
func (t accountsTx) SpendSignUp(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.SignUp, error) {
	var row signUpRow
	err := t.tx.NewRaw(`
		UPDATE settings_sign_ups SET spent_at = ?
		WHERE token_hash = ? AND spent_at IS NULL AND expires_at > ?
		RETURNING `+signUpColumns, at(now), digest(hash), at(now)).Scan(ctx, &row)
	if err != nil {
		return accounts.SignUp{}, missing(err, accounts.ErrLinkGone)
	}
	return row.signUp(), nil
}

// PurgeLinks implements accounts.Tx. Addresses whose reservation has ended are
// free already; their rows go too, and are not counted.
func (t accountsTx) PurgeLinks(ctx context.Context, before time.Time) (int, error) {
	n, err := affected(t.tx.NewRaw(`DELETE FROM settings_sign_ups WHERE expires_at < ?`, at(before)).Exec(ctx))
	if err != nil {
		return n, err
	}
	unconfirmed, err := affected(t.tx.NewRaw(`
		DELETE FROM settings_email_changes WHERE confirmed_at IS NULL AND expires_at < ?`, at(before)).Exec(ctx))
	n += unconfirmed
	if err != nil {
		return n, err
	}
	confirmed, err := affected(t.tx.NewRaw(`
		DELETE FROM settings_email_changes AS c
		WHERE c.confirmed_at IS NOT NULL AND c.undo_until < ? AND NOT EXISTS (
			SELECT 1 FROM settings_addresses AS a
			WHERE a.key = c.old_key AND a.user_id = c.user_id AND a.reserved_until >= ?)`,
		at(before), at(before)).Exec(ctx))
	n += confirmed
	if err != nil {
		return n, err
	}
	_, err = t.tx.NewRaw(`DELETE FROM settings_addresses WHERE reserved_until < ?`, at(before)).Exec(ctx)
	return n, err
}
