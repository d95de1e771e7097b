package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type backupCodeRow struct {
	bun.BaseModel `bun:"table:settings_backup_codes,alias:b"`

	User      id.User `bun:"user_id,pk"`
	Hash      digest  `bun:"code_hash,pk"`
	CreatedAt stamp   `bun:"created_at"`
}

// BackupCodes implements security.FactorReader.
func (s securityReader) BackupCodes(ctx context.Context, user id.User) (n int, err error) {
	err = s.conn(ctx).NewRaw(`SELECT count(*) FROM settings_backup_codes WHERE user_id = ? AND spent_at IS NULL`, user).Scan(ctx, &n)
	return n, err
}

// ReplaceBackupCodes implements security.FactorTx. Without the lock two at once
// would each remove the former codes, and leave those of both.
func (t securityTx) ReplaceBackupCodes(ctx context.Context, user id.User, hashes []security.Hash, now time.Time) error {
	if err := t.lockCredential(ctx, user); err != nil {
		return err
	}
	_, err := t.tx.NewRaw(`DELETE FROM settings_backup_codes WHERE user_id = ?`, user).Exec(ctx)
	if err != nil || len(hashes) == 0 {
		return err
	}
	rows := make([]backupCodeRow, len(hashes))
	for i, hash := range hashes {
		rows[i] = backupCodeRow{User: user, Hash: digest(hash), CreatedAt: at(now)}
	}
	_, err = t.tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// DropBackupCodes implements security.FactorTx.
func (t securityTx) DropBackupCodes(ctx context.Context, user id.User, since time.Time) (n int, err error) {
	if err := t.lockCredential(ctx, user); err != nil {
		return 0, err
	}
	err = t.tx.NewRaw(`SELECT count(*) FROM settings_backup_codes WHERE user_id = ? AND created_at >= ? AND spent_at IS NULL`,
		user, at(since)).Scan(ctx, &n)
	if err != nil {
		return 0, err
	}
	_, err = t.tx.NewRaw(`DELETE FROM settings_backup_codes WHERE user_id = ? AND created_at >= ?`, user, at(since)).Exec(ctx)
	return n, err
}

// SpendBackupCode implements security.FactorTx. Without the lock two different
// codes at once would each be told that the other one is left.
func (t securityTx) SpendBackupCode(ctx context.Context, user id.User, hash security.Hash, now time.Time) (left int, err error) {
	if err := t.lockCredential(ctx, user); err != nil {
		return 0, err
	}
	n, err := affected(t.tx.NewRaw(`
		UPDATE settings_backup_codes SET spent_at = ? WHERE user_id = ? AND code_hash = ? AND spent_at IS NULL`,
		at(now), user, digest(hash)).Exec(ctx))
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, security.ErrInvalidCode
	}
	return t.BackupCodes(ctx, user)
}
