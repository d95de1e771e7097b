package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type totpRow struct {
	bun.BaseModel `bun:"table:settings_totp,alias:t"`

	User           id.User   `bun:"user_id,pk"`
	ID             id.Factor `bun:"id"`
	Sealed         []byte    `bun:"sealed"`
	Key            string    `bun:"sealed_key"`
	CreatedAt      stamp     `bun:"created_at"`
	ConfirmedAt    stamp     `bun:"confirmed_at"`
	LastStep       int64     `bun:"last_step"`
	LastUsedAt     stamp     `bun:"last_used_at"`
	Failures       int       `bun:"failures"`
	SuspendedUntil stamp     `bun:"suspended_until"`
}

func (r *totpRow) totp() security.TOTP {
	return security.TOTP{
		ID: r.ID, User: r.User, Sealed: r.Sealed, Key: r.Key, CreatedAt: r.CreatedAt.Time,
		ConfirmedAt: r.ConfirmedAt.Time, LastStep: r.LastStep, LastUsedAt: r.LastUsedAt.Time,
		Failures: r.Failures, SuspendedUntil: r.SuspendedUntil.Time,
	}
}

// TOTP implements security.FactorReader.
func (s securityReader) TOTP(ctx context.Context, user id.User) (security.TOTP, error) {
	var row totpRow
	if err := s.conn(ctx).NewSelect().Model(&row).Where("user_id = ?", user).Scan(ctx); err != nil {
		return security.TOTP{}, missing(err, security.ErrFactorNotFound)
	}
	return row.totp(), nil
}

// TOTPKeys implements security.FactorReader.
func (s securityReader) TOTPKeys(ctx context.Context) (keys []string, err error) {
	err = s.conn(ctx).NewRaw(`SELECT DISTINCT sealed_key FROM settings_totp ORDER BY sealed_key`).Scan(ctx, &keys)
	return keys, err
}

// PutTOTP implements security.FactorTx.
func (t securityTx) PutTOTP(ctx context.Context, app security.TOTP) error {
	if err := checkText(app.Key); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`
		INSERT INTO settings_totp AS t (user_id, id, sealed, sealed_key, created_at, last_step, failures) VALUES (?, ?, ?, ?, ?, 0, 0)
		ON CONFLICT (user_id) DO UPDATE SET
			id = EXCLUDED.id, sealed = EXCLUDED.sealed, sealed_key = EXCLUDED.sealed_key, created_at = EXCLUDED.created_at
		WHERE t.confirmed_at IS NULL`,
		app.User, app.ID, app.Sealed, app.Key, at(app.CreatedAt)).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrTOTPEnabled
	}
	return err
}

// ConfirmTOTP implements security.FactorTx. Whoever holds LockPerson decides by
// what factors there are, so this waits for them.
func (t securityTx) ConfirmTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now, madeSince time.Time) error {
	if err := t.lockCredential(ctx, user); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`
		UPDATE settings_totp SET confirmed_at = ?0, last_used_at = ?0, last_step = ?1
		WHERE user_id = ?2 AND id = ?3 AND confirmed_at IS NULL AND (?4 IS NULL OR created_at > ?4)`,
		at(now), step, user, totp, at(madeSince)).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrFactorNotFound
	}
	return err
}

// AdvanceTOTP implements security.FactorTx.
func (t securityTx) AdvanceTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now time.Time) (bool, error) {
	n, err := affected(t.tx.NewRaw(`
		UPDATE settings_totp SET last_step = ?0, last_used_at = ?1, failures = 0
		WHERE user_id = ?2 AND id = ?3 AND confirmed_at IS NOT NULL AND last_step < ?0
			AND (suspended_until IS NULL OR suspended_until <= ?1)`,
		step, at(now), user, totp).Exec(ctx))
	return n == 1, err
}

// FailTOTP implements security.FactorTx. A suspension that lasts longer stays.
func (t securityTx) FailTOTP(ctx context.Context, user id.User, limit int, until time.Time) (int, error) {
	if limit < 1 { // of which nothing is a multiple
		limit, until = 1, time.Time{}
	}
	var n int
	err := t.tx.NewRaw(`
		UPDATE settings_totp SET failures = failures + 1,
			suspended_until = CASE
				WHEN (failures + 1) % ?0 = 0 AND (suspended_until IS NULL OR suspended_until < ?1) THEN ?1
				ELSE suspended_until END
		WHERE user_id = ?2 AND confirmed_at IS NOT NULL RETURNING failures`, limit, at(until), user).Scan(ctx, &n)
	return n, missing(err, nil)
}

// ResealTOTP implements security.FactorTx.
func (t securityTx) ResealTOTP(ctx context.Context, user id.User, totp id.Factor, old, sealed []byte, key string) (bool, error) {
	if err := checkText(key); err != nil {
		return false, err
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_totp SET sealed = ?, sealed_key = ? WHERE user_id = ? AND id = ? AND sealed = ?`,
		sealed, key, user, totp, old).Exec(ctx))
	return n == 1, err
}

// DeleteTOTP implements security.FactorTx.
func (t securityTx) DeleteTOTP(ctx context.Context, user id.User) error {
	if err := t.lockCredential(ctx, user); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`DELETE FROM settings_totp WHERE user_id = ?`, user).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrFactorNotFound
	}
	return err
}
