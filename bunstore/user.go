package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

type userRow struct {
	bun.BaseModel `bun:"table:settings_users,alias:u"`

	ID             id.User `bun:"id,pk"`
	ExternalID     string  `bun:"external_id,nullzero"`
	Name           string  `bun:"name"`
	Email          string  `bun:"email"`
	EmailKey       string  `bun:"email_key"`
	Timezone       string  `bun:"timezone"`
	Locale         string  `bun:"locale"`
	AvatarKey      string  `bun:"avatar_key,nullzero"`
	AvatarUploaded bool    `bun:"avatar_uploaded"`
	CreatedAt      stamp   `bun:"created_at"`
	UpdatedAt      stamp   `bun:"updated_at"`
}

func newUserRow(u accounts.User) *userRow {
	return &userRow{
		ID: u.ID, ExternalID: u.ExternalID, Name: u.Name, Email: u.Email, EmailKey: u.EmailKey,
		Timezone: u.Timezone, Locale: u.Locale, AvatarKey: u.AvatarKey, AvatarUploaded: u.AvatarUploaded,
		CreatedAt: at(u.CreatedAt), UpdatedAt: at(u.UpdatedAt),
	}
}

func (r *userRow) user() accounts.User {
	return accounts.User{
		ID: r.ID, ExternalID: r.ExternalID, Name: r.Name, Email: r.Email, EmailKey: r.EmailKey,
		Timezone: r.Timezone, Locale: r.Locale, AvatarKey: r.AvatarKey, AvatarUploaded: r.AvatarUploaded,
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time,
	}
}

// checkUser refuses what cannot be stored, before it takes an address.
func checkUser(u accounts.User) error {
	return checkText(u.ExternalID, u.Name, u.Email, u.EmailKey, u.Timezone, u.Locale, u.AvatarKey)
}

// selectUser reads whom column names. On SQLite the transaction itself is the
// lock, as there is one writer; NO KEY lets others insert rows that refer to
// the locked one.
func selectUser(ctx context.Context, db bun.IDB, lock bool, column, value string) (accounts.User, error) {
	if value == "" || !plain(value) {
		return accounts.User{}, accounts.ErrUserNotFound
	}
	var row userRow
	q := db.NewSelect().Model(&row).Where("? = ?", bun.Ident(column), value).Where("deleted_at IS NULL")
	if lock {
		q = q.For("NO KEY UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return accounts.User{}, missing(err, accounts.ErrUserNotFound)
	}
	return row.user(), nil
}

// UserByID implements accounts.Reader.
func (s accountsReader) UserByID(ctx context.Context, user id.User) (accounts.User, error) {
	return selectUser(ctx, s.conn(ctx), false, "id", user.String())
}

// UserByEmail implements accounts.Reader.
func (s accountsReader) UserByEmail(ctx context.Context, key string) (accounts.User, error) {
	return selectUser(ctx, s.conn(ctx), false, "email_key", key)
}

// UserByAvatar implements accounts.Reader.
func (s accountsReader) UserByAvatar(ctx context.Context, key string) (accounts.User, error) {
	return selectUser(ctx, s.conn(ctx), false, "avatar_key", key)
}

// LockUser implements accounts.Tx.
func (t accountsTx) LockUser(ctx context.Context, user id.User) (accounts.User, error) {
	return selectUser(ctx, t.tx, t.db.dialect == Postgres, "id", user.String())
}

// InsertUser implements accounts.Tx. The address comes first: whoever is told
// ErrEmailTaken has written nothing, and may go on.
func (t accountsTx) InsertUser(ctx context.Context, u accounts.User) error {
	if err := checkUser(u); err != nil {
		return err
	}
	if err := t.claimAddress(ctx, u.ID, u.EmailKey, u.CreatedAt); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(newUserRow(u)).Exec(ctx)
	return err
}

// UpdateUser implements accounts.Tx.
func (t accountsTx) UpdateUser(ctx context.Context, u accounts.User) error {
	if err := checkUser(u); err != nil {
		return err
	}
	n, err := affected(t.tx.NewUpdate().Model(newUserRow(u)).
		Column("external_id", "name", "timezone", "locale", "avatar_key", "avatar_uploaded", "updated_at").
		Where("id = ?", u.ID).Where("deleted_at IS NULL").Exec(ctx))
	if err == nil && n == 0 {
		err = accounts.ErrUserNotFound
	}
	if err != nil {
		return err
	}
	return t.updateMemberKey(ctx, u.ID, "name_key", u.Name)
}

// ChangeEmail implements accounts.Tx.
func (t accountsTx) ChangeEmail(ctx context.Context, user id.User, email, key string, now, reserve time.Time) error {
	if err := checkText(email, key); err != nil {
		return err
	}
	u, err := t.LockUser(ctx, user)
	if err != nil {
		return err
	}
	if key != u.EmailKey {
		if err := t.claimAddress(ctx, user, key, now); err != nil {
			return err
		}
	}
	if _, err := t.tx.NewUpdate().Model((*userRow)(nil)).
		Set("email = ?", email).Set("email_key = ?", key).Set("updated_at = ?", at(now)).
		Where("id = ?", user).Exec(ctx); err != nil {
		return err
	}
	if err := t.updateMemberKey(ctx, user, "email_key", email); err != nil {
		return err
	}
	if key == u.EmailKey {
		return nil
	}
	return t.leaveAddress(ctx, user, u.EmailKey, reserve)
}
