package memstore

import (
	"context"
	"maps"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// backupCode is one that has not been spent.
type backupCode struct {
	user id.User
	hash security.Hash
}

// BackupCodes implements [security.FactorReader].
func (r securityReader) BackupCodes(ctx context.Context, user id.User) (int, error) {
	st, err := r.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for code := range st.backupCodes {
		if code.user == user {
			n++
		}
	}
	return n, nil
}

// ReplaceBackupCodes implements [security.FactorTx].
func (tx securityTx) ReplaceBackupCodes(ctx context.Context, user id.User, hashes []security.Hash, now time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.users[user]; !ok {
		return security.ErrPersonNotFound
	}
	maps.DeleteFunc(st.backupCodes, func(code backupCode, _ time.Time) bool { return code.user == user })
	for _, hash := range hashes {
		st.backupCodes[backupCode{user, hash}] = now
	}
	return nil
}

// DropBackupCodes implements [security.FactorTx].
func (tx securityTx) DropBackupCodes(ctx context.Context, user id.User, since time.Time) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for c, made := range st.backupCodes {
		if c.user == user && !made.Before(since) {
			delete(st.backupCodes, c)
			n++
		}
	}
	return n, nil
}

// SpendBackupCode implements [security.FactorTx].
func (tx securityTx) SpendBackupCode(ctx context.Context, user id.User, hash security.Hash, _ time.Time) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	code := backupCode{user, hash}
	if _, ok := st.backupCodes[code]; !ok {
		return 0, security.ErrInvalidCode
	}
	delete(st.backupCodes, code)
	return tx.BackupCodes(ctx, user)
}
