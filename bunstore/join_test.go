package bunstore_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

func begin(t *testing.T, db *bunstore.DB) *sql.Tx {
	t.Helper()
	tx, err := pool(t, db).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

func TestJoinCommitsWithTheHost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		kept, undone := newUser("kept@example.com"), newUser("undone@example.com")
		hooks := 0
		tx := begin(t, db)
		ctx, done := db.Join(t.Context(), tx)
		require.True(t, db.Security().InTransaction(ctx))
		require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			tx.AfterCommit(func(context.Context) { hooks++ })
			return tx.InsertUser(ctx, kept)
		}))
		require.ErrorIs(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			tx.AfterCommit(func(context.Context) { t.Error("ran") })
			require.NoError(t, tx.InsertUser(ctx, undone))
			return errBoom
		}), errBoom)
		var n int
		require.NoError(t, db.Conn(ctx).QueryRowContext(ctx, `SELECT count(*) FROM settings_users WHERE email = ?`, kept.Email).Scan(&n))
		require.Equal(t, 1, n)
		requireNobody(t, db, kept) // seen from outside

		require.NoError(t, tx.Commit())
		require.Zero(t, hooks)
		done(true)
		done(true)
		require.Equal(t, 1, hooks)
		require.Equal(t, "Ada Lovelace", nameOf(t, db, kept))
		requireNobody(t, db, undone)
		require.ErrorIs(t, rename(ctx, db, kept, "late"), bunstore.ErrScopeEnded)
	})
}

func TestJoinRollsBackWithTheHost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		tx := begin(t, db)
		ctx, done := db.Join(t.Context(), tx)
		require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			tx.AfterCommit(func(context.Context) { t.Error("ran") })
			return tx.InsertUser(ctx, u)
		}))
		require.NoError(t, tx.Rollback())
		done(false)
		requireNobody(t, db, u)
		_, err := db.Accounts().UserByID(ctx, u.ID)
		require.ErrorIs(t, err, bunstore.ErrScopeEnded)
	})
}

func TestJoinRunsNothingAgain(t *testing.T) {
	db := dbtest.Postgres(t)
	ctx, done := db.Join(t.Context(), begin(t, db))
	defer done(false)
	runs := 0
	err := db.InTx(ctx, func(ctx context.Context) error {
		runs++
		_, err := db.Conn(ctx).ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'deadlock_detected'; END $$`)
		return err
	})
	require.ErrorContains(t, err, "conflict")
	require.Equal(t, 1, runs)
	person(t, db, "ada@example.com")
}
