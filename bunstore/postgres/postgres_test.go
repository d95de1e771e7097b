package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func open(t *testing.T, c postgres.Config) *bunstore.DB {
	t.Helper()
	db, err := postgres.OpenWith(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// with adds a parameter to a DSN, which is a URL or a list of keywords.
func with(dsn, key, value string) string {
	if !strings.Contains(dsn, "://") {
		return dsn + " " + key + "=" + value
	}
	if strings.Contains(dsn, "?") {
		return dsn + "&" + key + "=" + value
	}
	return dsn + "?" + key + "=" + value
}

func TestOpenMigrates(t *testing.T) {
	dsn := dbtest.EmptyPostgresDSN(t)
	bare := open(t, postgres.Config{DSN: dsn, NoMigrate: true})
	require.ErrorIs(t, bare.Ready(t.Context()), bunstore.ErrPending)
	db, err := postgres.Open(dsn)
	require.NoError(t, err)
	require.NoError(t, db.Ready(t.Context()))
	require.NoError(t, db.Close())
	require.NoError(t, bare.Ready(t.Context()))
}

func TestRefusals(t *testing.T) {
	const secret = "correct-horse"
	for _, dsn := range []string{
		"postgres://ada:" + secret + "@127.0.0.1:notaport/db",
		"user=ada password=" + secret + " port=notaport",
		"postgres://ada:" + secret + "@127.0.0.1:1/db?connect_timeout=2",
	} {
		for _, noMigrate := range []bool{false, true} {
			_, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dsn, NoMigrate: noMigrate})
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret)
		}
	}
	for _, c := range []postgres.Config{{MaxOpenConns: -1}, {MaxIdleConns: -1}, {ConnMaxLifetime: -1}} {
		_, err := postgres.OpenWith(t.Context(), c)
		require.ErrorContains(t, err, "negative")
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := postgres.OpenWith(ctx, postgres.Config{DSN: dbtest.EmptyPostgresDSN(t)})
	require.ErrorIs(t, err, context.Canceled)
}

// The tables live where the search_path says.
func TestTablesInASchemaOfTheHosts(t *testing.T) {
	dsn := dbtest.EmptyPostgresDSN(t)
	public := open(t, postgres.Config{DSN: dsn, NoMigrate: true})
	_, err := public.Conn(t.Context()).ExecContext(t.Context(), `CREATE SCHEMA host`)
	require.NoError(t, err)
	db := open(t, postgres.Config{DSN: with(dsn, "search_path", "host")})
	require.NoError(t, db.Ready(t.Context()))
	require.NoError(t, db.Migrate(t.Context()))
	var elsewhere int
	require.NoError(t, public.Conn(t.Context()).
		NewRaw(`SELECT count(*) FROM pg_tables WHERE tablename LIKE 'settings%' AND schemaname <> 'host'`).
		Scan(t.Context(), &elsewhere))
	require.Zero(t, elsewhere)
	require.ErrorIs(t, public.Ready(t.Context()), bunstore.ErrPending)

	at := time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)
	u := accounts.User{ID: id.NewUser(), Name: "Ada Lovelace", Email: "a@example.com", EmailKey: "a@example.com", CreatedAt: at, UpdatedAt: at}
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, u)
	}))
	got, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, u, got)
}

// Times come back in UTC, whatever the server and its session think.
func TestTimesAreUTC(t *testing.T) {
	db := open(t, postgres.Config{DSN: with(dbtest.PostgresDSN(t), "timezone", "Asia/Kathmandu")})
	at := time.Date(2026, time.March, 14, 15, 9, 26, 123456000, time.UTC)
	u := accounts.User{ID: id.NewUser(), Name: "Ada Lovelace", Email: "a@example.com", EmailKey: "a@example.com", CreatedAt: at, UpdatedAt: at}
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, u)
	}))
	got, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, u, got)
}

func TestThePoolHasABound(t *testing.T) {
	db := open(t, postgres.Config{DSN: dbtest.PostgresDSN(t), MaxOpenConns: 2})
	var inside, most int
	var mu sync.Mutex
	two := make(chan struct{}) // closed once there are
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if inside += n; inside == 2 && most < 2 {
			close(two)
		}
		most = max(most, inside)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := db.InTx(t.Context(), func(context.Context) error {
				count(1)
				defer count(-1)
				select {
				case <-two: // as many as there may be: a third one has every chance
					time.Sleep(time.Millisecond)
				case <-time.After(30 * time.Second): // the bound is lower
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 2, most)
}
