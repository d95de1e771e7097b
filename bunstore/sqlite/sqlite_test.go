package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/id"
)

var now = time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)

func open(t *testing.T, c sqlite.Config) *bunstore.DB {
	t.Helper()
	db, err := sqlite.OpenWith(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func insert(t *testing.T, db *bunstore.DB, email string) accounts.User {
	t.Helper()
	u := accounts.User{ID: id.NewUser(), Name: "Ada Lovelace", Email: email, EmailKey: email, CreatedAt: now, UpdatedAt: now}
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, u)
	}))
	return u
}

func TestOnlyFilesAreOpened(t *testing.T) {
	for _, path := range []string{"", ":memory:", "file::memory:", "file:x.db?mode=memory", "a\x00b"} {
		_, err := sqlite.Open(path)
		require.ErrorIs(t, err, sqlite.ErrNotAFile, path)
	}
	_, err := sqlite.Open(filepath.Join(t.TempDir(), "no", "folder", "x.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = sqlite.Open(t.TempDir())
	require.Error(t, err)
	_, err = sqlite.OpenWith(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Synchronous: "OFF"})
	require.ErrorContains(t, err, "Synchronous")
	_, err = sqlite.OpenWith(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Readers: -1})
	require.ErrorContains(t, err, "Readers")
}

func TestAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 100)), 0o600))
	_, err := sqlite.Open(path)
	require.ErrorContains(t, err, "not a database")
	kept, err := os.ReadFile(path) //nolint:gosec // of the test
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(kept), "not a database"), "it is left as it was")
}

func TestThePathIsTakenAsItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"plain.db", "with space.db", "a?b#c%20&d=e.db", "ünï.db", filepath.Join(t.TempDir(), "absolute.db")} {
		db := open(t, sqlite.Config{Path: path})
		u := insert(t, db, "ada@example.com")
		_, err := os.Stat(path)
		require.NoError(t, err, path)
		got, err := db.Accounts().UserByID(t.Context(), u.ID) // by a reader
		require.NoError(t, err)
		require.Equal(t, u, got)
		require.NoError(t, db.Close())

		db = open(t, sqlite.Config{Path: path})
		_, err = db.Accounts().UserByID(t.Context(), u.ID)
		require.NoError(t, err, "a restart keeps everything")
	}
}

func TestNobodyElseReadsTheFile(t *testing.T) {
	folder := t.TempDir()
	db := open(t, sqlite.Config{Path: filepath.Join(folder, "x.db")})
	insert(t, db, "ada@example.com")
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 3) // with -wal and -shm
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

func TestPragmas(t *testing.T) {
	pragma := func(db *bunstore.DB, name string) (value string) {
		require.NoError(t, db.Conn(t.Context()).NewRaw("PRAGMA ?", bun.Ident(name)).Scan(t.Context(), &value))
		return value
	}
	for level, c := range map[string]sqlite.Config{"2": {}, "1": {Synchronous: sqlite.Normal}} {
		c.Path = filepath.Join(t.TempDir(), "x.db")
		db := open(t, c)
		require.Equal(t, level, pragma(db, "synchronous"))
		require.Equal(t, "wal", pragma(db, "journal_mode"))
		require.Equal(t, "1", pragma(db, "foreign_keys"))
		require.Equal(t, "10000", pragma(db, "busy_timeout"))
	}
}

// A reader neither waits for the writer nor sees what is not committed.
func TestReadersDoNotWait(t *testing.T) {
	db := open(t, sqlite.Config{Path: filepath.Join(t.TempDir(), "x.db"), Readers: 1})
	u := insert(t, db, "ada@example.com")
	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		changed := u
		changed.Name = "Augusta Ada"
		require.NoError(t, tx.UpdateUser(ctx, changed))
		outside, err := db.Accounts().UserByID(t.Context(), u.ID) //nolint:contextcheck // outside on purpose
		require.NoError(t, err)
		require.Equal(t, "Ada Lovelace", outside.Name)
		inside, err := db.Accounts().UserByID(ctx, u.ID)
		require.NoError(t, err)
		require.Equal(t, "Augusta Ada", inside.Name)
		return nil
	}))
	got, err := db.Accounts().UserByID(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, "Augusta Ada", got.Name)
}

// Two processes on one file: the second writer waits for the first, as long as
// its context lasts.
func TestASecondProcessWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	one, two := open(t, sqlite.Config{Path: path}), open(t, sqlite.Config{Path: path})
	u := insert(t, one, "ada@example.com")
	began := make(chan struct{})
	result := make(chan error, 1)
	require.NoError(t, one.InTx(t.Context(), func(context.Context) error {
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.Error(t, two.InTx(short, func(context.Context) error { return nil })) //nolint:contextcheck // of another store

		go func() { //nolint:contextcheck // of another store
			close(began)
			result <- two.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
				return tx.UpdateUser(ctx, u)
			})
		}()
		<-began
		return nil
	}))
	require.NoError(t, <-result)
}
