package bunstore

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// deletedRow is a person with the times of the deletion. It is not a table.
type deletedRow struct {
	userRow
	DeletedAt stamp `bun:"deleted_at"`
	PurgeAt   stamp `bun:"purge_at"`
}

const deletedColumns = `u.id, u.external_id, u.name, u.email, u.email_key, u.timezone, u.locale,
	u.avatar_key, u.avatar_uploaded, u.created_at, u.updated_at, u.deleted_at, u.purge_at`

func selectDeleted(ctx context.Context, db bun.IDB, user id.User, lock string) (accounts.DeletedUser, error) {
	var row deletedRow
	err := db.NewRaw(`SELECT `+deletedColumns+` FROM settings_users AS u
		WHERE u.id = ? AND u.deleted_at IS NOT NULL ?`, user, bun.Safe(lock)).Scan(ctx, &row)
	if err != nil {
		return accounts.DeletedUser{}, missing(err, accounts.ErrUserNotFound)
	}
	return accounts.DeletedUser{User: row.user(), DeletedAt: row.DeletedAt.Time, PurgeAt: row.PurgeAt.Time}, nil
}

// DeletedUser implements accounts.DeletionReader.
func (s accountsReader) DeletedUser(ctx context.Context, user id.User) (accounts.DeletedUser, error) {
	return selectDeleted(ctx, s.conn(ctx), user, "")
}

// DueUsers implements accounts.DeletionReader.
func (s accountsReader) DueUsers(ctx context.Context, now time.Time, after id.User, limit int) ([]id.User, error) {
	behind := bun.SafeQuery("1 = 1")
	if !after.IsZero() {
		behind = bun.SafeQuery("u.id > ?", after)
	}
	var due []id.User
	err := s.conn(ctx).NewRaw(`
		SELECT u.id FROM settings_users AS u LEFT JOIN settings_purges AS p ON p.subject = u.id
		WHERE u.deleted_at IS NOT NULL AND (u.purge_at <= ?0 OR (u.purge_at IS NULL AND p.claimed_until <= ?0)) AND ?1
		ORDER BY u.id LIMIT ?2`, at(now), behind, max(limit, 0)).Scan(ctx, &due)
	return due, err
}

// AddressesOf implements accounts.DeletionReader.
func (s accountsReader) AddressesOf(ctx context.Context, user id.User) ([]string, error) {
	var all []string
	err := s.conn(ctx).NewRaw(`
		SELECT email FROM settings_users WHERE id = ?0
		UNION SELECT email_key FROM settings_users WHERE id = ?0
		UNION SELECT key FROM settings_addresses WHERE user_id = ?0
		UNION SELECT old_email FROM settings_email_changes WHERE user_id = ?0
		UNION SELECT old_key FROM settings_email_changes WHERE user_id = ?0
		UNION SELECT new_email FROM settings_email_changes WHERE user_id = ?0 AND confirmed_at IS NOT NULL
		UNION SELECT new_key FROM settings_email_changes WHERE user_id = ?0 AND confirmed_at IS NOT NULL
		ORDER BY 1`, user).Scan(ctx, &all)
	return all, err
}

// MarkDeleted implements accounts.DeletionTx.
func (t accountsTx) MarkDeleted(ctx context.Context, user id.User, now, purgeAt time.Time) error {
	return someUser(affected(t.tx.NewRaw(`UPDATE settings_users SET deleted_at = ?, purge_at = ? WHERE id = ? AND deleted_at IS NULL`,
		at(now), at(purgeAt), user).Exec(ctx)))
}

// someUser returns ErrUserNotFound if nothing was changed.
func someUser(n int, err error) error {
	if err == nil && n == 0 {
		err = accounts.ErrUserNotFound
	}
	return err
}

// LockDeleted implements accounts.DeletionTx.
func (t accountsTx) LockDeleted(ctx context.Context, user id.User) (accounts.DeletedUser, error) {
	lock := "FOR NO KEY UPDATE"
	if t.db.dialect == SQLite {
		lock = "" // the transaction is the lock
	}
	return selectDeleted(ctx, t.tx, user, lock)
}

// MarkRestored implements accounts.DeletionTx.
func (t accountsTx) MarkRestored(ctx context.Context, user id.User, now time.Time) error {
	return someUser(affected(t.tx.NewRaw(`
		UPDATE settings_users SET deleted_at = NULL, purge_at = NULL, updated_at = ? WHERE id = ? AND purge_at IS NOT NULL`,
		at(now), user).Exec(ctx)))
}

// RemoveMail implements accounts.DeletionTx.
func (t accountsTx) RemoveMail(ctx context.Context, addresses []string) (int, error) {
	if len(addresses) == 0 {
		return 0, nil
	}
	return affected(t.tx.NewRaw(`DELETE FROM settings_outbox WHERE lower(to_address) IN (?)`, bun.List(folded(addresses))).Exec(ctx))
}

// folded are addresses in small letters, as lower makes them in PostgreSQL, and in
// SQLite, which knows those of ASCII alone.
func folded(addresses []string) []string {
	all := make([]string, 0, 2*len(addresses))
	for _, a := range addresses {
		ascii := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			return r
		}, a)
		all = append(all, strings.ToLower(a), ascii)
	}
	return all
}

// RemoveUser implements accounts.DeletionTx.
func (t accountsTx) RemoveUser(ctx context.Context, user id.User, addresses []string) (accounts.Removed, error) {
	removed := accounts.Removed{}
	if len(addresses) > 0 {
		n, err := affected(t.tx.NewRaw(`DELETE FROM settings_sign_ups WHERE email_key IN (?0)`,
			bun.List(folded(addresses))).Exec(ctx))
		if err != nil {
			return nil, err
		}
		removed.Add(accounts.Removed{"sign_ups": n})
	}
	for _, table := range []struct{ kind, name string }{
		{"email_changes", "settings_email_changes"}, {"addresses", "settings_addresses"},
	} {
		n, err := affected(t.tx.NewRaw(`DELETE FROM ? WHERE user_id = ?`, bun.Ident(table.name), user).Exec(ctx))
		if err != nil {
			return nil, err
		}
		removed.Add(accounts.Removed{table.kind: n})
	}
	n, err := affected(t.tx.NewRaw(`
		DELETE FROM settings_users WHERE id = ?0 AND deleted_at IS NOT NULL AND purge_at IS NULL
		AND EXISTS (SELECT 1 FROM settings_purges WHERE subject = ?0)`, user).Exec(ctx))
	if err := someUser(n, err); err != nil {
		return nil, err
	}
	removed.Add(accounts.Removed{"people": n})
	return removed, nil
}
