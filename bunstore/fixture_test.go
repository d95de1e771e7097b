package bunstore_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

var now = time.Date(2026, time.March, 14, 15, 9, 26, 500000*1000, time.UTC)

// newUser is somebody with an address, who is not stored yet.
func newUser(email string) accounts.User {
	u := id.NewUser()
	return accounts.User{
		ID: u, Name: "Ada Lovelace", Email: email, EmailKey: email, Timezone: "Europe/London", Locale: "en",
		AvatarKey: u.String(), CreatedAt: now, UpdatedAt: now,
	}
}

// insert stores a person with a password in one transaction.
func insert(ctx context.Context, db *bunstore.DB, u accounts.User) error {
	return db.InTx(ctx, func(ctx context.Context) error {
		if err := db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			return tx.InsertUser(ctx, u)
		}); err != nil {
			return err
		}
		return db.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error {
			return tx.InsertCredential(ctx, u.ID, "$argon2id$", now)
		})
	})
}

func person(t testing.TB, db *bunstore.DB, email string) accounts.User {
	t.Helper()
	u := newUser(email)
	require.NoError(t, insert(t.Context(), db, u))
	return u
}

// signIn stores a session of u under hash.
func signIn(t testing.TB, db *bunstore.DB, u accounts.User, hash security.Hash) security.Session {
	t.Helper()
	s := security.Session{
		ID: id.NewSession(), User: u.ID, Method: audit.Password, Version: 1,
		Proofs:     audit.Proofs{}.With(audit.Password, now),
		UserAgent:  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(90 * 24 * time.Hour),
	}
	require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
		return tx.InsertSession(ctx, s, hash)
	}))
	return s
}

// rename changes a name, and is the plainest of writes.
func rename(ctx context.Context, db *bunstore.DB, u accounts.User, name string) error {
	u.Name = name
	return db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, u) })
}

func nameOf(t testing.TB, db *bunstore.DB, u accounts.User) string {
	t.Helper()
	got, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	return got.Name
}

func requireNobody(t testing.TB, db *bunstore.DB, u accounts.User) {
	t.Helper()
	_, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.ErrorIs(t, err, accounts.ErrUserNotFound)
}

// pool is the host's side of the database: what writes, outside of transactions.
func pool(t testing.TB, db *bunstore.DB) *sql.DB {
	t.Helper()
	host, ok := db.Conn(t.Context()).(*bun.DB)
	require.True(t, ok)
	return host.DB
}

func exec(t testing.TB, db *bunstore.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.Conn(t.Context()).ExecContext(t.Context(), statement, args...)
	require.NoError(t, err)
}
