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

// livingPending is the condition, in terms of p and of $1 = now and $2 = hash.
const livingPending = `p.token_hash = $2 AND p.expires_at > $1 AND EXISTS (
	SELECT 1 FROM settings_credentials AS c JOIN settings_users AS u ON u.id = c.user_id
	WHERE c.user_id = p.user_id AND c.version = p.version AND ` + mayEnter + `)`

var (
	insertPending = newInsert("settings_pending_sign_ins", pendingColumns)
	selectPending = newStatement(`SELECT ` + pendingColumns + ` FROM settings_pending_sign_ins AS p WHERE ` + livingPending + ` AND p.tries < $3`)
	tryPending    = newStatement(`UPDATE settings_pending_sign_ins AS p SET tries = tries + 1 WHERE ` + livingPending + ` AND p.tries < $3
		RETURNING ` + pendingColumns)
	lockCredentialOfPending = newStatement(`
		SELECT version FROM settings_credentials
		WHERE user_id = (SELECT user_id FROM settings_pending_sign_ins WHERE token_hash = $1) FOR NO KEY UPDATE`)
	spendPending = newStatement(`DELETE FROM settings_pending_sign_ins AS p WHERE ` + livingPending + ` RETURNING ` + pendingColumns)
)

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

func scanPending(ctx context.Context, q *bun.RawQuery) (security.PendingSignIn, error) {
	var row pendingRow
	if err := q.Scan(ctx, &row); err != nil {
		return security.PendingSignIn{}, missing(err, security.ErrSignInExpired)
	}
	return row.pending(), nil
}

// PendingByToken implements security.FactorReader.
func (s securityReader) PendingByToken(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	return scanPending(ctx, s.run(ctx, selectPending, at(now), digest(hash), tries))
}

// InsertPending implements security.FactorTx.
func (t securityTx) InsertPending(ctx context.Context, p security.PendingSignIn) error {
	if err := checkText(string(p.Method)); err != nil {
		return err
	}
	return t.tx.later(ctx, insertPending, digest(p.Hash), p.User, p.Version, string(p.Method),
		at(p.Proofs.Password), at(p.Proofs.TOTP), at(p.Proofs.BackupCode),
		at(p.Proofs.Passkey), at(p.Proofs.EmailCode), at(p.Proofs.SSO),
		0, at(p.CreatedAt), at(p.ExpiresAt))
}

// TryPending implements security.FactorTx. The credential is locked first,
// because the condition reads it, see SpendReset.
func (t securityTx) TryPending(ctx context.Context, hash security.Hash, now time.Time, tries int) (security.PendingSignIn, error) {
	if err := t.lockCredentialOfPending(ctx, hash); err != nil {
		return security.PendingSignIn{}, err
	}
	return scanPending(ctx, t.tx.run(tryPending, at(now), digest(hash), tries))
}

// SpendPending implements security.FactorTx.
func (t securityTx) SpendPending(ctx context.Context, hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	if err := t.lockCredentialOfPending(ctx, hash); err != nil {
		return security.PendingSignIn{}, err
	}
	return scanPending(ctx, t.tx.run(spendPending, at(now), digest(hash)))
}

func (t securityTx) lockCredentialOfPending(ctx context.Context, hash security.Hash) error {
	return t.lock(ctx, lockCredentialOfPending, digest(hash))
}
