package bunstore_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// openers open the same empty database of each kind, any number of times and
// without migrating.
func openers(t *testing.T) map[string]func(t *testing.T) *bunstore.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	dsn := sync.OnceValue(func() string { return dbtest.EmptyPostgresDSN(t) })
	return map[string]func(t *testing.T) *bunstore.DB{
		"sqlite": func(t *testing.T) *bunstore.DB {
			db, err := sqlite.OpenWith(t.Context(), sqlite.Config{Path: path, NoMigrate: true})
			return closing(t, db, err)
		},
		"postgres": func(t *testing.T) *bunstore.DB {
			db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dsn(), NoMigrate: true})
			return closing(t, db, err)
		},
	}
}

func closing(t *testing.T, db *bunstore.DB, err error) *bunstore.DB {
	t.Helper()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// tables returns how many tables of ours there are.
func tables(t *testing.T, db *bunstore.DB) (n int) {
	t.Helper()
	query := `SELECT count(*) FROM pg_tables WHERE tablename LIKE 'settings%'`
	if db.Dialect() == bunstore.SQLite {
		query = `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name LIKE 'settings%'`
	}
	require.NoError(t, db.Conn(t.Context()).NewRaw(query).Scan(t.Context(), &n))
	return n
}

func TestPendingAndReady(t *testing.T) {
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			files, err := fs.Glob(bunstore.Migrations(db.Dialect()), "*.sql")
			require.NoError(t, err)
			require.NotEmpty(t, files)
			pending, err := db.Pending(t.Context())
			require.NoError(t, err)
			require.Equal(t, files, pending)
			require.ErrorIs(t, db.Ready(t.Context()), bunstore.ErrPending)
			require.Zero(t, tables(t, db), "asking makes no table")

			require.NoError(t, db.Migrate(t.Context()))
			require.NoError(t, db.Ready(t.Context()))
			require.NoError(t, db.Ready(t.Context()))
			pending, err = db.Pending(t.Context())
			require.NoError(t, err)
			require.Empty(t, pending)
			require.NoError(t, db.Migrate(t.Context()), "again")
			person(t, db, "ada@example.com")
		})
	}
}

func TestReadyTellsOfAnOutage(t *testing.T) {
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			require.NoError(t, db.Migrate(t.Context()))
			require.NoError(t, db.Ready(t.Context()))
			require.NoError(t, db.Close())
			require.Error(t, db.Ready(t.Context()))
		})
	}
}

func TestFourMigrateAtOnce(t *testing.T) {
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			start := make(chan struct{})
			results := make(chan error, 4)
			for range 4 {
				db := open(t)
				go func() {
					<-start
					results <- db.Migrate(t.Context())
				}()
			}
			close(start)
			for range 4 {
				require.NoError(t, <-results)
			}
			db := open(t)
			require.NoError(t, db.Ready(t.Context()))
			var noted, versions int
			require.NoError(t, db.Conn(t.Context()).
				NewRaw(`SELECT count(*), count(DISTINCT version_id) FROM settings_migrations`).Scan(t.Context(), &noted, &versions))
			require.Equal(t, versions, noted, "each is noted once")
		})
	}
}

// Counting up is not a thing to be done twice, and would not fail.
func TestFourMigrateAtOnceWithAMigrationThatDoesNotMindBeingRepeated(t *testing.T) {
	files := fstest.MapFS{
		"00001_start.sql": {Data: []byte("-- +goose Up\nCREATE TABLE settings_counter (n integer);\nINSERT INTO settings_counter VALUES (0);\n")},
		"00002_count.sql": {Data: []byte("-- +goose Up\nUPDATE settings_counter SET n = n + 1;\n")},
		"00003_count.sql": {Data: []byte("-- +goose Up\nUPDATE settings_counter SET n = n + 1;\n")},
	}
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			results := make(chan error, 4)
			for range 4 {
				db := open(t)
				go func() { results <- db.MigrateFiles(t.Context(), files) }()
			}
			for range 4 {
				require.NoError(t, <-results)
			}
			var n int
			require.NoError(t, open(t).Conn(t.Context()).NewRaw(`SELECT n FROM settings_counter`).Scan(t.Context(), &n))
			require.Equal(t, 2, n)
		})
	}
}

func TestAFailingMigrationLeavesNothing(t *testing.T) {
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			second := &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE settings_two (n integer);\nINSERT INTO settings_no_such_table VALUES (1);\n")}
			files := fstest.MapFS{
				"00001_one.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE settings_one (n integer);\n")},
				"00002_two.sql":   second,
				"00003_three.sql": {Data: []byte("-- +goose Up\nCREATE TABLE settings_three (n integer);\n")},
			}
			for range 2 { // it is tried again
				require.ErrorContains(t, db.MigrateFiles(t.Context(), files), "settings_no_such_table")
				require.Equal(t, 2, tables(t, db), "the first, and the notes")
				pending, err := db.PendingFiles(t.Context(), files)
				require.NoError(t, err)
				require.Equal(t, []string{"00002_two.sql", "00003_three.sql"}, pending)
			}
			second.Data = []byte("-- +goose Up\nCREATE TABLE settings_two (n integer);\n")
			require.NoError(t, db.MigrateFiles(t.Context(), files))
			require.Equal(t, 4, tables(t, db))
		})
	}
}

func TestMigrateEndsWithItsContext(t *testing.T) {
	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, db.Migrate(ctx), context.Canceled)
			require.NoError(t, db.Migrate(t.Context()))
		})
	}
}

// Both dialects have the same tables with the same columns in the same order.
func TestDialectsAgree(t *testing.T) {
	type column struct {
		Table    string `bun:"table_name"`
		Name     string `bun:"column_name"`
		Nullable bool   `bun:"nullable"`
	}
	var pg, lite []column
	require.NoError(t, dbtest.Postgres(t).Conn(t.Context()).NewRaw(`
		SELECT table_name, column_name, is_nullable = 'YES' AS nullable FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name <> 'settings_migrations'
		ORDER BY table_name COLLATE "C", ordinal_position`).Scan(t.Context(), &pg))
	require.NoError(t, dbtest.SQLite(t).Conn(t.Context()).NewRaw(`
		SELECT m.name AS table_name, c.name AS column_name, c."notnull" = 0 AS nullable
		FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
		WHERE m.type = 'table' AND m.name LIKE 'settings%' AND m.name <> 'settings_migrations'
		ORDER BY m.name, c.cid`).Scan(t.Context(), &lite))
	require.NotEmpty(t, pg)
	require.Equal(t, pg, lite)
}
