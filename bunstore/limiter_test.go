package bunstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/storetest"
)

// Two nodes have pools of their own.
func TestLimiterSQLite(t *testing.T) {
	storetest.Limiter(t, func(t *testing.T, now func() time.Time) (one, other security.Limiter) {
		path := dbtest.SQLitePath(t)
		node := func() security.Limiter {
			db, err := sqlite.OpenWith(t.Context(), sqlite.Config{Path: path, NoMigrate: true})
			return closing(t, db, err).Limiter(now)
		}
		return node(), node()
	})
}

func TestLimiterPostgres(t *testing.T) {
	dsn := dbtest.PostgresDSN(t)
	var nodes [2]*bunstore.DB
	for i := range nodes {
		db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dsn, NoMigrate: true})
		nodes[i] = closing(t, db, err)
	}
	storetest.Limiter(t, func(t *testing.T, now func() time.Time) (one, other security.Limiter) {
		exec(t, nodes[0], `DELETE FROM settings_buckets`)
		return nodes[0].Limiter(now), nodes[1].Limiter(now)
	})
}

func TestLimiterInMemory(t *testing.T) {
	storetest.Limiter(t, func(_ *testing.T, now func() time.Time) (one, other security.Limiter) {
		l := security.NewMemoryLimiter(now)
		return l, l
	})
}

// What was taken stays taken when the transaction around it is undone, or is
// refused where it would wait for itself.
func TestLimiterInsideATransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		l := db.Limiter(func() time.Time { return now })
		taken := 0
		require.ErrorIs(t, db.InTx(t.Context(), func(ctx context.Context) error {
			wait, err := l.Take(ctx, "key", 1, time.Minute)
			require.Zero(t, wait)
			switch db.Dialect() {
			case bunstore.SQLite:
				require.ErrorIs(t, err, security.ErrInTransaction)
				require.ErrorIs(t, l.Give(ctx, "key", 1, time.Minute), security.ErrInTransaction)
			case bunstore.Postgres:
				require.NoError(t, err)
				taken++
			}
			return errBoom
		}), errBoom)
		wait, err := l.Take(t.Context(), "key", 1, time.Minute)
		require.NoError(t, err)
		require.Equal(t, time.Duration(taken)*time.Minute, wait)
	})
}

func TestLimiterWithOneConnection(t *testing.T) {
	db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dbtest.PostgresDSN(t), MaxOpenConns: 1})
	closing(t, db, err)
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		_, err := db.Limiter(nil).Take(ctx, "key", 1, time.Minute)
		require.ErrorIs(t, err, security.ErrInTransaction)
		return nil
	}))
	wait, err := db.Limiter(nil).Take(t.Context(), "key", 1, time.Minute)
	require.NoError(t, err)
	require.Zero(t, wait)
}

// An outage is not a full bucket.
func TestLimiterThatCannotDecide(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := db.Limiter(nil).Take(ctx, "key", 1, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, db.Limiter(nil).Give(ctx, "key", 1, time.Minute), context.Canceled)
	})
}

func TestFullBucketsArePurged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		l := db.Limiter(func() time.Time { return now })
		for key, every := range map[string]time.Duration{"short": time.Minute, "long": time.Hour} {
			_, err := l.Take(t.Context(), key, 1, every)
			require.NoError(t, err)
		}
		for _, step := range []struct {
			after time.Duration
			want  int
		}{{time.Minute, 0}, {time.Minute + time.Microsecond, 1}, {time.Hour, 0}, {time.Hour + time.Microsecond, 1}} {
			inSecurity(t, db, func(ctx context.Context, tx security.Tx) error {
				n, err := tx.PurgeFactors(ctx, now.Add(step.after), 10)
				if n != step.want {
					return errors.Join(err, errBoom)
				}
				return err
			})
		}
	})
}
