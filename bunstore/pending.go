package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type pendingRow struct {
	bun.BaseModel `bun:"table:settings_pending_sign_ins,alias:p"`

	Hash         digest  `bun:"token_hash,pk"`
	User         id.User `bun:"user_id"`
	Version      int64   `bun:"version"`
	Method       string  `bun:"method"`
	PasswordAt   stamp   `bun:"password_at"`
	TOTPAt       stamp   `bun:"totp_at"`
	BackupCodeAt stamp   `bun:"backup_code_at"`
	PasskeyAt    stamp   `bun:"passkey_at"`
	EmailCodeAt  stamp   `bun:"email_code_at"`
	SSOAt        stamp   `bun:"sso_at"`
	Tries        int     `bun:"tries"`
	CreatedAt    stamp   `bun:"created_at"`
	ExpiresAt    stamp   `bun:"expires_at"`
}

const pendingColumns = "token_hash, user_id, version, method, " +
	"password_at, totp_at, backup_code_at, passkey_at, email_code_at, sso_at, tries, created_at, expires_at"

// livingPending is the condition, in terms of p and of ?0 = now and ?1 = hash.
const livingPending = `p.token_hash = ?1 AND p.expires_at > ?0 AND EXISTS (
	SELECT 1 FROM settings_credentials AS c JOIN settings_users AS u ON u.id = c.user_id
	WHERE c.user_id = p.user_id AND c.version = p.version AND u.deleted_at IS NULL)`

func (r *pendingRow) pending() security.PendingSignIn {
	return security.PendingSignIn{
		Hash: security.Hash(r.Hash), User: r.User, Version: r.Version, Method: audit.Factor(r.Method),
		Proofs: audit.Proofs{
			Password: r.PasswordAt.Time, TOTP: r.TOTPAt.Time, BackupCode: r.BackupCodeAt.Time,
			Passkey: r.PasskeyAt.Time, EmailCode: r.EmailCodeAt.Time, SSO: r.SSOAt.Time,
		},
		Tries: r.Tries, CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
}

func selectPending(ctx context.Context, db bun.IDB, query string, args ...any) (security.PendingSignIn, error) {
	var row pendingRow
	if err := db.NewRaw(query, args...).Scan(ctx, &row); err != nil {
		return security.PendingSignIn{}, missing(err, security.ErrSignInExpired)
	}
	return row.pending(), nil
}

// PendingByToken implements security.FactorReader.
func (s securityReader) PendingByToken(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	return selectPending(ctx, s.conn(ctx), `
		SELECT `+pendingColumns+` FROM settings_pending_sign_ins AS p WHERE `+livingPending+` AND p.tries < ?2`,
		at(now), digest(hash), tries)
}

// InsertPending implements security.FactorTx.
func (t securityTx) InsertPending(ctx context.Context, p security.PendingSignIn) error {
	if err := checkText(string(p.Method)); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(&pendingRow{
		Hash: digest(p.Hash), User: p.User, Version: p.Version, Method: string(p.Method),
		PasswordAt: at(p.Proofs.Password), TOTPAt: at(p.Proofs.TOTP), BackupCodeAt: at(p.Proofs.BackupCode),
		PasskeyAt: at(p.Proofs.Passkey), EmailCodeAt: at(p.Proofs.EmailCode), SSOAt: at(p.Proofs.SSO),
		CreatedAt: at(p.CreatedAt), ExpiresAt: at(p.ExpiresAt),
	}).Exec(ctx)
	return err
}

// TryPending implements security.FactorTx. The credential is locked first,
// because the condition reads it, see SpendReset.
func (t securityTx) TryPending(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	if err := t.lockCredentialOfPending(ctx, hash); err != nil {
		return security.PendingSignIn{}, err
	}
	return selectPending(ctx, t.tx, `
		UPDATE settings_pending_sign_ins AS p SET tries = tries + 1 WHERE `+livingPending+` AND p.tries < ?2
		RETURNING `+pendingColumns, at(now), digest(hash), tries)
}

// SpendPending implements security.FactorTx.
func (t securityTx) SpendPending(ctx context.Context, hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	if err := t.lockCredentialOfPending(ctx, hash); err != nil {
		return security.PendingSignIn{}, err
	}
	return selectPending(ctx, t.tx, `
		DELETE FROM settings_pending_sign_ins AS p WHERE `+livingPending+` RETURNING `+pendingColumns, at(now), digest(hash))
}

func (t securityTx) lockCredentialOfPending(ctx context.Context, hash security.Hash) error {
	return t.lockCredentialOf(ctx, `SELECT user_id FROM settings_pending_sign_ins WHERE token_hash = ?`, digest(hash))
}
