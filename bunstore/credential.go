package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// personRow is a person joined with the credential. It is not a table.
type personRow struct {
	ID                id.User `bun:"id"`
	Name              string  `bun:"name"`
	Email             string  `bun:"email"`
	Timezone          string  `bun:"timezone"`
	Locale            string  `bun:"locale"`
	PasswordHash      string  `bun:"password_hash"`
	PasswordChangedAt stamp   `bun:"password_changed_at"`
	TwoFactor         bool    `bun:"two_factor"`
	Passkeys          int     `bun:"passkeys"`
	Version           int64   `bun:"version"`
	Sessions          int     `bun:"sessions"`
	RestorableUntil   stamp   `bun:"purge_at"`
}

func (r *personRow) person() security.Person {
	return security.Person{
		Sessions: r.Sessions, RestorableUntil: r.RestorableUntil.Time,
		ID: r.ID, Name: r.Name, Email: r.Email, Timezone: r.Timezone, Locale: r.Locale,
		PasswordHash: security.PasswordHash(r.PasswordHash), PasswordChangedAt: r.PasswordChangedAt.Time,
		TwoFactor: r.TwoFactor, Passkeys: r.Passkeys, Version: r.Version,
	}
}

const personColumns = `u.id, u.name, u.email, u.timezone, u.locale, u.purge_at,
	c.password_hash, c.password_changed_at, COALESCE(c.version, 0) AS version,
	EXISTS (SELECT 1 FROM settings_totp AS t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS two_factor,
	(SELECT count(*) FROM settings_passkeys AS k WHERE k.user_id = u.id) AS passkeys`

const personFrom = `
	FROM settings_users AS u LEFT JOIN settings_credentials AS c ON c.user_id = u.id
	WHERE ` + mayEnter + ` AND `

// mayEnter is the condition that a person can sign in, in terms of u: to everything,
// or, if the account is deleted, to restore it.
const mayEnter = `(u.deleted_at IS NULL OR u.purge_at IS NOT NULL)`

var (
	personByEmail = newStatement(`SELECT ` + personColumns + personFrom + `u.email_key = $1`)
	personSeen    = newStatement(`SELECT ` + personColumns + `, ` + seenColumns("u.id") + personFrom + `u.email_key = $1`)
	personByID    = newStatement(`SELECT ` + personColumns + personFrom + `u.id = $1`)
	lockedPerson  = newStatement(`SELECT ` + personColumns + `,
		(SELECT count(*) FROM settings_sessions AS s WHERE s.user_id = u.id) AS sessions` + personFrom + `u.id = $1`)
	lockCredential = newStatement(`SELECT version FROM settings_credentials WHERE user_id = $1 FOR NO KEY UPDATE`)
)

func scanPerson(ctx context.Context, q *bun.RawQuery) (security.Person, error) {
	var row personRow
	if err := q.Scan(ctx, &row); err != nil {
		return security.Person{}, missing(err, security.ErrPersonNotFound)
	}
	return row.person(), nil
}

// PersonByEmail implements security.Reader.
func (s securityReader) PersonByEmail(ctx context.Context, key string) (security.Person, error) {
	if key == "" || !plain(key) {
		return security.Person{}, security.ErrPersonNotFound
	}
	return scanPerson(ctx, s.run(ctx, personByEmail, key))
}

// PersonSeen implements security.FactorReader.
func (s securityReader) PersonSeen(ctx context.Context, key string, device security.Hash, country string) (security.Person, security.Seen, error) {
	if key == "" || !plain(key) {
		return security.Person{}, security.Seen{}, security.ErrPersonNotFound
	}
	if !plain(country) {
		country = ""
	}
	var row struct {
		personRow
		seenRow
	}
	err := s.run(ctx, personSeen, key, digest(device), nullText(country), device[:], country).Scan(ctx, &row)
	if err != nil {
		return security.Person{}, security.Seen{}, missing(err, security.ErrPersonNotFound)
	}
	return row.person(), row.seen(), nil
}

// PersonByID implements security.Reader.
func (s securityReader) PersonByID(ctx context.Context, user id.User) (security.Person, error) {
	if user.IsZero() {
		return security.Person{}, security.ErrPersonNotFound
	}
	return scanPerson(ctx, s.run(ctx, personByID, user))
}

// LockPerson implements security.Tx. On PostgreSQL one statement would not do:
// who had to wait for the lock would read factors and sessions as they were
// before, and two requests at once would each leave the other's passkey.
func (t securityTx) LockPerson(ctx context.Context, user id.User) (security.Person, error) {
	if err := t.lockCredential(ctx, user); err != nil {
		return security.Person{}, err
	}
	return scanPerson(ctx, t.tx.run(lockedPerson, user))
}

// lockCredential keeps others from changing the credential, and the factors, of
// a person until the transaction ends. On SQLite the transaction is the lock.
func (t securityTx) lockCredential(ctx context.Context, user id.User) error {
	return t.lock(ctx, lockCredential, user)
}

func (t securityTx) lock(ctx context.Context, st statement, arg any) error {
	if t.tx.t.db.dialect == SQLite {
		return nil
	}
	return t.tx.later(ctx, st, arg)
}

// InsertCredential implements security.Tx.
func (t securityTx) InsertCredential(ctx context.Context, user id.User, hash security.PasswordHash, now time.Time) error {
	if err := checkText(string(hash)); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`
		INSERT INTO settings_credentials (user_id, password_hash, password_changed_at, version)
		SELECT id, ?, ?, 1 FROM settings_users WHERE id = ? AND deleted_at IS NULL`,
		nullText(string(hash)), changedAt(hash, now), user).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrPersonNotFound
	}
	return err
}

// SetPassword implements security.Tx.
func (t securityTx) SetPassword(ctx context.Context, user id.User, hash security.PasswordHash, now time.Time) (version int64, err error) {
	if err := checkText(string(hash)); err != nil {
		return 0, err
	}
	err = t.tx.NewRaw(`
		UPDATE settings_credentials SET password_hash = ?, password_changed_at = ?, version = version + 1
		WHERE user_id = ? RETURNING version`,
		nullText(string(hash)), changedAt(hash, now), user).Scan(ctx, &version)
	return version, missing(err, security.ErrPersonNotFound)
}

// UpgradePassword implements security.Tx.
func (t securityTx) UpgradePassword(ctx context.Context, user id.User, old, stronger security.PasswordHash) (bool, error) {
	if err := checkText(string(stronger)); err != nil {
		return false, err
	}
	if old == "" || stronger == "" || !plain(string(old)) {
		return false, nil // no password is not a weaker hash of one
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_credentials SET password_hash = ? WHERE user_id = ? AND password_hash = ?`,
		string(stronger), user, string(old)).Exec(ctx))
	return n == 1, err
}

// BumpVersion implements security.Tx.
func (t securityTx) BumpVersion(ctx context.Context, user id.User, keep id.Session) (version int64, err error) {
	err = t.tx.NewRaw(`UPDATE settings_credentials SET version = version + 1 WHERE user_id = ? RETURNING version`, user).
		Scan(ctx, &version)
	if err != nil || keep.IsZero() {
		return version, missing(err, security.ErrPersonNotFound)
	}
	_, err = t.tx.NewRaw(`UPDATE settings_sessions SET version = ? WHERE id = ? AND user_id = ?`, version, keep, user).Exec(ctx)
	return version, err
}

// nullText is NULL when there is no text.
func nullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// changedAt is when a password was set: never, without a password.
func changedAt(hash security.PasswordHash, now time.Time) stamp {
	if hash == "" {
		return stamp{}
	}
	return at(now)
}
