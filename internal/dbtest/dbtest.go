// Package dbtest gives tests a fresh database: on SQLite, and on a real
// PostgreSQL.
//
// The PostgreSQL server is the one that SETTINGS_TEST_POSTGRES names by the DSN
// of a superuser. Without it a cluster is started from the installed programs,
// once for each test process, which ends with the process. Where there are no
// programs the tests that need them are skipped, loudly, and fail if CI=true.
package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
)

// timeout bounds making one database.
const timeout = time.Minute

// Each runs fn on a fresh database of each kind, as subtests "sqlite" and
// "postgres".
func Each(t *testing.T, fn func(t *testing.T, db *bunstore.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// SQLite returns an empty database in a file of the test, with its tables.
func SQLite(t testing.TB) *bunstore.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	db, err := sqlite.OpenWith(ctx, sqlite.Config{
		Path:        SQLitePath(t),
		Synchronous: sqlite.Normal, // a test does not outlive a power failure
		NoMigrate:   true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// SQLitePath returns a file of the test that has the tables and nothing in them.
func SQLitePath(t testing.TB) string {
	t.Helper()
	content, err := sqliteTemplate()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "test.db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// sqliteTemplate is the content of a migrated file. With the race detector,
// migrating takes longer than most tests.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "settings-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "template.db")
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // the last connection to close writes everything to the file
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // made above
})

// Postgres returns an empty database of the server's, with its tables.
func Postgres(t testing.TB) *bunstore.DB {
	t.Helper()
	dsn := PostgresDSN(t)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	db, err := postgres.OpenWith(ctx, postgres.Config{DSN: dsn, NoMigrate: true}) // the template was migrated
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// PostgresDSN returns how to reach a fresh database of the server's that has the
// tables and nothing in them. It is dropped when the test ends.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	s, err := theServer()
	return s.fresh(t, err, true)
}

// EmptyPostgresDSN is PostgresDSN without the tables.
func EmptyPostgresDSN(t testing.TB) string {
	t.Helper()
	s, err := theServer()
	return s.fresh(t, err, false)
}

// Main runs the tests of a package and takes the cluster down in order:
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// Without it the cluster ends with the process all the same, and what was made
// on a server that SETTINGS_TEST_POSTGRES names may be left over. What the package
// itself has to clear away after its last test goes into after.
func Main(m *testing.M, after ...func()) {
	code := m.Run()
	for _, f := range after {
		f()
	}
	stop()
	exit(code)
}
