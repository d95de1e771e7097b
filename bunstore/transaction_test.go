package bunstore_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

var errBoom = errors.New("boom")

func TestPanicRollsBackAndGoesOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		hook := func(context.Context) { t.Error("the hook of what was undone ran") }
		require.PanicsWithError(t, "boom", func() {
			_ = db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
				tx.AfterCommit(hook)
				require.NoError(t, tx.InsertUser(ctx, u))
				panic(errBoom)
			})
		})
		requireNobody(t, db, u)
		require.NoError(t, insert(t.Context(), db, u), "the connection works again")
	})
}

func TestPanicInASavepointUndoesItAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		kept, undone := newUser("kept@example.com"), newUser("undone@example.com")
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, insert(ctx, db, kept))
			require.PanicsWithError(t, "boom", func() {
				_ = db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
					require.NoError(t, tx.InsertUser(ctx, undone))
					panic(errBoom)
				})
			})
			return nil
		}))
		require.Equal(t, "Ada Lovelace", nameOf(t, db, kept))
		requireNobody(t, db, undone)
	})
}

func TestGoexitRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = db.InTx(t.Context(), func(ctx context.Context) error {
				if err := insert(ctx, db, u); err != nil {
					t.Error(err)
				}
				return leave()
			})
		})
		wg.Wait()
		requireNobody(t, db, u)
		require.NoError(t, insert(t.Context(), db, u))
	})
}

func TestHooksRunInOrderAfterTheOutermostCommit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		var ran []string
		note := func(s string) func(context.Context) {
			return func(ctx context.Context) {
				if _, err := db.Accounts().UserByID(ctx, u.ID); err != nil { // outside, and committed
					t.Error(err)
				}
				ran = append(ran, s)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			tx.AfterCommit(note("first"))
			require.ErrorIs(t, db.Accounts().Update(ctx, func(_ context.Context, tx accounts.Tx) error {
				tx.AfterCommit(note("undone"))
				return errBoom
			}), errBoom)
			require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
				tx.AfterCommit(note("second"))
				return tx.InsertUser(ctx, u)
			}))
			require.Empty(t, ran)
			tx.AfterCommit(note("third"))
			tx.AfterCommit(func(context.Context) { cancel() })
			tx.AfterCommit(note("although the caller has gone"))
			return nil
		}))
		require.Equal(t, []string{"first", "second", "third", "although the caller has gone"}, ran)
	})
}

func TestAHookMayWrite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		require.NoError(t, db.Accounts().Update(t.Context(), func(_ context.Context, tx accounts.Tx) error {
			tx.AfterCommit(func(ctx context.Context) {
				if err := rename(ctx, db, u, "Augusta Ada"); err != nil {
					t.Error(err)
				}
			})
			return nil
		}))
		require.Equal(t, "Augusta Ada", nameOf(t, db, u))
	})
}

func TestNothingWorksInAnEndedScope(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		refused := func(t *testing.T, ctx context.Context, tx accounts.Tx) {
			t.Helper()
			_, err := tx.UserByID(ctx, u.ID)
			require.ErrorIs(t, err, bunstore.ErrScopeEnded)
			require.ErrorIs(t, tx.UpdateUser(ctx, u), bunstore.ErrScopeEnded)
			_, err = db.Accounts().UserByID(ctx, u.ID)
			require.ErrorIs(t, err, bunstore.ErrScopeEnded)
			require.ErrorIs(t, rename(ctx, db, u, "late"), bunstore.ErrScopeEnded)
			require.ErrorIs(t, db.InTx(ctx, func(context.Context) error { return nil }), bunstore.ErrScopeEnded)
			require.False(t, db.Security().InTransaction(ctx))

			conn := db.Conn(ctx)
			_, err = conn.ExecContext(ctx, "SELECT ?", 1)
			require.ErrorIs(t, err, bunstore.ErrScopeEnded)
			rows, err := conn.QueryContext(ctx, "SELECT ?", 1) //nolint:rowserrcheck // there are none
			require.ErrorIs(t, err, bunstore.ErrScopeEnded)
			require.Nil(t, rows)
			var one int
			require.ErrorIs(t, conn.QueryRowContext(ctx, "SELECT ?", 1).Scan(&one), bunstore.ErrScopeEnded)
			require.ErrorIs(t, conn.NewRaw("SELECT ?", 1).Scan(ctx, &one), bunstore.ErrScopeEnded)
			_, err = conn.BeginTx(ctx, nil)
			require.ErrorIs(t, err, bunstore.ErrScopeEnded)
		}
		var lateCtx context.Context
		var lateTx accounts.Tx
		keep := func(ctx context.Context, tx accounts.Tx) error {
			lateCtx, lateTx = ctx, tx
			return nil
		}
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
			require.True(t, db.Security().InTransaction(ctx))
			require.NoError(t, db.Accounts().Update(ctx, keep))
			refused(t, lateCtx, lateTx) // a savepoint, while its transaction goes on
			return rename(ctx, db, u, "Augusta Ada")
		}))
		require.NoError(t, db.Accounts().Update(t.Context(), keep))
		refused(t, lateCtx, lateTx)
		require.ErrorIs(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
			_ = keep(ctx, tx)
			return errBoom
		}), errBoom)
		refused(t, lateCtx, lateTx)
		require.Equal(t, "Augusta Ada", nameOf(t, db, u))
	})
}

func TestAHookRegisteredLateFailsTheTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		err := db.InTx(t.Context(), func(ctx context.Context) error {
			var late accounts.Tx
			require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
				late = tx
				return tx.InsertUser(ctx, u)
			}))
			late.AfterCommit(func(context.Context) { t.Error("ran") })
			return nil
		})
		require.ErrorIs(t, err, bunstore.ErrScopeEnded)
		requireNobody(t, db, u)
	})
}

func TestASavepointOfAnOuterScopeIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		require.NoError(t, db.InTx(t.Context(), func(outer context.Context) error {
			return db.InTx(outer, func(ctx context.Context) error {
				require.ErrorIs(t, rename(outer, db, u, "wrong context"), bunstore.ErrScopeBusy)
				return rename(ctx, db, u, "Augusta Ada")
			})
		}))
		require.Equal(t, "Augusta Ada", nameOf(t, db, u))
	})
}

func TestADoneContextRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u, other := newUser("ada@example.com"), newUser("grace@example.com")
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		err := db.InTx(ctx, func(ctx context.Context) error {
			runs++
			require.NoError(t, insert(ctx, db, u))
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, runs)
		requireNobody(t, db, u)

		// A savepoint with a deadline of its own goes alone.
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
			short, cancel := context.WithCancel(ctx)
			require.ErrorIs(t, db.InTx(short, func(ctx context.Context) error {
				require.NoError(t, insert(ctx, db, u))
				cancel()
				return nil
			}), context.Canceled)
			return insert(ctx, db, other)
		}))
		requireNobody(t, db, u)
		require.Equal(t, "Ada Lovelace", nameOf(t, db, other))

		require.ErrorIs(t, db.InTx(ctx, func(context.Context) error { return nil }), context.Canceled)
	})
}

// The deadline comes while a statement runs.
func TestAStatementInterruptedRollsBack(t *testing.T) {
	forever := map[bunstore.Dialect]string{
		bunstore.Postgres: "SELECT pg_sleep(60)",
		bunstore.SQLite:   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
	}
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := newUser("ada@example.com")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := db.InTx(t.Context(), func(inside context.Context) error {
			require.NoError(t, insert(inside, db, u))
			// The deadline is the statement's alone, and its failure is swallowed.
			var n int
			require.Error(t, db.Conn(inside).QueryRowContext(ctx, forever[db.Dialect()]).Scan(&n))
			return nil
		})
		require.Error(t, err)
		require.Less(t, time.Since(began), 30*time.Second)
		requireNobody(t, db, u)
		require.NoError(t, insert(t.Context(), db, u), "the pool has recovered")
	})
}

func TestTheWaitForAConnectionEndsWithTheContext(t *testing.T) {
	db := dbtest.SQLite(t) // one connection writes
	require.NoError(t, db.InTx(t.Context(), func(context.Context) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		err := db.InTx(ctx, func(context.Context) error { return nil }) //nolint:contextcheck // a second transaction on purpose
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return nil
	}))
}

func TestHostsOwnStatementsTakePart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		exec(t, db, `CREATE TABLE host_profiles (user_id text PRIMARY KEY, note text)`)
		count := func() (n int) {
			require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT count(*) FROM host_profiles`).Scan(t.Context(), &n))
			return n
		}
		try := func(u accounts.User, result error) error {
			return db.InTx(t.Context(), func(ctx context.Context) error {
				require.NoError(t, insert(ctx, db, u))
				_, err := db.Conn(ctx).ExecContext(ctx, `INSERT INTO host_profiles VALUES (?, ?)`, u.ID, "it's")
				require.NoError(t, err)
				var note string
				require.NoError(t, db.Conn(ctx).QueryRowContext(ctx, `SELECT note FROM host_profiles WHERE user_id = ?`, u.ID).Scan(&note))
				require.Equal(t, "it's", note)
				rows, err := db.Conn(ctx).QueryContext(ctx, `SELECT note FROM host_profiles WHERE user_id = ?`, u.ID)
				require.NoError(t, err)
				require.True(t, rows.Next())
				require.NoError(t, rows.Close()) //nolint:sqlclosecheck // within a transaction, now
				require.NoError(t, rows.Err())
				return result
			})
		}
		u := newUser("ada@example.com")
		require.ErrorIs(t, try(u, errBoom), errBoom)
		requireNobody(t, db, u)
		require.Zero(t, count())
		require.NoError(t, try(u, nil))
		require.Equal(t, 1, count())
	})
}

// leave ends the goroutine, as a failed assertion does.
func leave() error {
	runtime.Goexit()
	return nil
}
