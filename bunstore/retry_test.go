package bunstore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// Two transactions that lock the same two people in opposite order: PostgreSQL
// ends one of them, which runs again.
func TestADeadlockIsRunAgain(t *testing.T) {
	db := dbtest.Postgres(t)
	a, b := person(t, db, "a@example.com"), person(t, db, "b@example.com")
	var runs atomic.Int64
	var both sync.WaitGroup
	both.Add(2)
	swap := func(first, second accounts.User) error {
		met := false
		return db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
			runs.Add(1)
			u, err := tx.LockUser(ctx, first.ID)
			if err != nil {
				return err
			}
			if !met {
				met = true
				both.Done()
				both.Wait()
			}
			if _, err := tx.LockUser(ctx, second.ID); err != nil {
				return err
			}
			u.Name += "!"
			return tx.UpdateUser(ctx, u)
		})
	}
	results := make(chan error, 2)
	go func() { results <- swap(a, b) }()
	go func() { results <- swap(b, a) }()
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	require.EqualValues(t, 3, runs.Load())
	require.Equal(t, "Ada Lovelace!", nameOf(t, db, a))
	require.Equal(t, "Ada Lovelace!", nameOf(t, db, b))
}

// conflictAtCommit makes the commit of whoever writes to host_log fail with a
// SQLSTATE, times in a row.
func conflictAtCommit(t *testing.T, db *bunstore.DB, action string) {
	exec(t, db, `CREATE TABLE host_log (n int)`)
	exec(t, db, `CREATE SEQUENCE host_tries`) // not undone by a rollback
	exec(t, db, `CREATE FUNCTION host_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+action+`; RETURN NULL; END $$`)
	exec(t, db, `CREATE CONSTRAINT TRIGGER host_refuse AFTER INSERT ON host_log
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION host_refuse()`)
}

// writeLog is a transaction that meets the trigger, and how often it ran.
func writeLog(ctx context.Context, db *bunstore.DB, hook func(context.Context)) (runs int, err error) {
	err = db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
		runs++
		tx.AfterCommit(hook)
		_, err := db.Conn(ctx).ExecContext(ctx, `INSERT INTO host_log VALUES (1)`)
		return err
	})
	return runs, err
}

func TestAConflictAtCommitIsRunAgain(t *testing.T) {
	db := dbtest.Postgres(t)
	conflictAtCommit(t, db, `IF nextval('host_tries') <= 2 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END IF`)
	hooks := 0
	runs, err := writeLog(t.Context(), db, func(context.Context) { hooks++ })
	require.NoError(t, err)
	require.Equal(t, 3, runs)
	require.Equal(t, 1, hooks)
}

func TestThreeTriesAreAll(t *testing.T) {
	db := dbtest.Postgres(t)
	conflictAtCommit(t, db, `RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'`)
	runs, err := writeLog(t.Context(), db, func(context.Context) { t.Error("ran") })
	require.ErrorContains(t, err, "conflict")
	require.Equal(t, 3, runs)
}

// The server goes away while it commits: nobody knows whether it did.
func TestAnUnknownOutcomeIsNotRunAgain(t *testing.T) {
	db := dbtest.Postgres(t)
	conflictAtCommit(t, db, `PERFORM pg_terminate_backend(pg_backend_pid())`)
	runs, err := writeLog(t.Context(), db, func(context.Context) { t.Error("ran") })
	require.Error(t, err)
	require.Equal(t, 1, runs)
	person(t, db, "ada@example.com") // the pool has recovered
}

func TestARefusalIsNotRunAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		person(t, db, "ada@example.com")
		runs := 0
		err := db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
			runs++
			return tx.InsertUser(ctx, newUser("ada@example.com"))
		})
		require.ErrorIs(t, err, accounts.ErrEmailTaken)
		require.ErrorIs(t, err, fault.Conflict)
		require.Equal(t, 1, runs)
	})
}

// Only the outermost function runs again: a savepoint hands the conflict on.
func TestASavepointIsNotRunAgain(t *testing.T) {
	db := dbtest.Postgres(t)
	inner, outer := 0, 0
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		outer++
		return db.InTx(ctx, func(ctx context.Context) error {
			inner++
			_, err := db.Conn(ctx).ExecContext(ctx, `DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = 'deadlock_detected'; END $$`)
			return err
		})
	})
	require.ErrorContains(t, err, "conflict")
	require.Equal(t, 3, outer)
	require.Equal(t, 3, inner)
}

// A host's SQLite without _txlock=immediate: what was read is out of date by the
// time of the first write, and SQLite refuses it at once.
func TestSQLiteBusyIsRunAgain(t *testing.T) {
	db := hostDB(t, "_busy_timeout=10000")
	u := person(t, db, "ada@example.com")
	runs := 0
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		runs++
		got, err := tx.UserByID(ctx, u.ID)
		if err != nil {
			return err
		}
		if runs == 1 { // somebody else, in between
			other := got
			other.Locale = "de"
			//nolint:contextcheck // outside of the transaction on purpose
			require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
				return tx.UpdateUser(ctx, other)
			}))
		}
		got.Name += "!"
		return tx.UpdateUser(ctx, got)
	}))
	require.Equal(t, 2, runs)
	got, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, "Ada Lovelace!", got.Name)
	require.Equal(t, "de", got.Locale, "the other's change was not lost")
}

// After BUSY SQLite may have undone everything, so that a function that goes on
// as if nothing had happened cannot commit the rest.
func TestSQLiteBusySwallowedIsRunAgain(t *testing.T) {
	db := hostDB(t, "_busy_timeout=10000")
	u := person(t, db, "ada@example.com")
	runs := 0
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		runs++
		got, err := tx.UserByID(ctx, u.ID)
		require.NoError(t, err)
		if runs == 1 {
			require.NoError(t, rename(t.Context(), db, u, "somebody else's")) //nolint:contextcheck // outside on purpose
			require.Error(t, tx.UpdateUser(ctx, got))
			require.Error(t, tx.InsertUser(ctx, newUser("grace@example.com")))
			return nil
		}
		got.Name += "!"
		return tx.UpdateUser(ctx, got)
	}))
	require.Equal(t, 2, runs)
	require.Equal(t, "somebody else's!", nameOf(t, db, u))
}
