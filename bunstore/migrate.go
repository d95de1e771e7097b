package bunstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrationsTable is where goose notes what was applied. The name is ours, so
// that a host may use goose for its own tables.
const migrationsTable = "settings_migrations"

// migrationLock is the key of the advisory lock on PostgreSQL. It is the text
// "settings" as a number, big end first, and is never changed.
const migrationLock = "8315180330343360371"

//go:embed migrations
var embedded embed.FS

// Migrations returns the migrations of a dialect, for hosts with a tool of their
// own: files NNNNN_name.sql, to be applied in the order of their names, each in
// one transaction. The annotations of goose in them are comments. A host that
// applies them itself either notes them in settings_migrations as goose does, or
// leaves [DB.Migrate], [DB.Pending] and [DB.Ready] alone.
func Migrations(d Dialect) fs.FS {
	sub, err := fs.Sub(embedded, path.Join("migrations", string(d)))
	if err != nil { // not a path: not a dialect either
		return embed.FS{}
	}
	return sub
}

// Migrate brings the tables up to date: each pending migration in a transaction
// of its own, together with the note that it was applied. One that fails leaves
// nothing behind and is tried again by the next call. Any number of processes may
// call it at once. There is no way back.
//
// On PostgreSQL it holds a session's advisory lock meanwhile; behind a pooler in
// transaction mode give it a direct connection.
func (d *DB) Migrate(ctx context.Context) error {
	return d.migrate(ctx, Migrations(d.dialect))
}

// Pending returns the file names of the migrations that were not applied, the
// next one first. It only reads.
func (d *DB) Pending(ctx context.Context) ([]string, error) {
	return d.pending(ctx, Migrations(d.dialect))
}

func (d *DB) migrate(ctx context.Context, files fs.FS) error {
	left, err := d.pending(ctx, files)
	for err == nil && len(left) > 0 {
		before := len(left)
		failure := d.apply(ctx, files)
		left, err = d.pending(ctx, files)
		// On SQLite nothing keeps two processes from starting the same
		// migration. The one that comes second fails, finds it done, and goes on.
		if err == nil && failure != nil && len(left) == before {
			err = failure
		}
	}
	if err != nil {
		return fmt.Errorf("bunstore: migrate: %w", err)
	}
	return nil
}

// apply runs what is pending by goose.
func (d *DB) apply(ctx context.Context, files fs.FS) error {
	dialect := database.DialectPostgres
	if d.dialect == SQLite {
		dialect = database.DialectSQLite3
	}
	store, err := database.NewStore(dialect, migrationsTable)
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.dialect == Postgres {
		options = append(options, goose.WithStore(onceStore{store}), goose.WithSessionLocker(advisoryLock{}))
	} else {
		options = append(options, goose.WithStore(sqliteStore{onceStore{store}}))
	}
	provider, err := goose.NewProvider(goose.DialectCustom, d.write.DB, files, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// pending compares the files with the table. goose could tell, but would create
// the table for it.
func (d *DB) pending(ctx context.Context, files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '" + migrationsTable + "'"
	if d.dialect == Postgres {
		exists = "SELECT count(to_regclass('" + migrationsTable + "'))"
	}
	var tables int
	if err := d.write.DB.QueryRowContext(ctx, exists).Scan(&tables); err != nil {
		return nil, err
	}
	if tables == 0 {
		return names, nil
	}
	var applied []int64
	if err := d.write.NewRaw("SELECT version_id FROM "+migrationsTable).Scan(ctx, &applied); err != nil {
		return nil, err
	}
	known := make(map[int64]bool, len(applied))
	for _, version := range applied {
		known[version] = true
	}
	var left []string
	for _, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %q: %w", name, err)
		}
		if !known[version] {
			left = append(left, name)
		}
	}
	return left, nil
}

// advisoryLock keeps other processes out while migrations run. It waits as long
// as its context lasts.
type advisoryLock struct{}

func (advisoryLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+migrationLock+")")
	return err
}

func (advisoryLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+migrationLock+")")
	return err
}

var errApplied = errors.New("applied by another process meanwhile")

// onceStore refuses to note a migration twice: goose decides what to apply
// before it opens the transaction.
type onceStore struct{ database.Store }

// TableExists implements what goose looks for.
func (s onceStore) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	if t, ok := s.Store.(interface {
		TableExists(ctx context.Context, db database.DBTxConn) (bool, error)
	}); ok {
		return t.TableExists(ctx, db)
	}
	return false, errors.ErrUnsupported
}

func (s onceStore) Insert(ctx context.Context, db database.DBTxConn, req database.InsertRequest) error {
	_, err := s.GetMigration(ctx, db, req.Version)
	switch {
	case errors.Is(err, database.ErrVersionNotFound):
		return s.Store.Insert(ctx, db, req)
	case err != nil:
		return err
	case req.Version == 0:
		return nil
	}
	return errApplied
}

// sqliteStore does not mind when another process has been faster: there is no
// lock around goose's making of its table.
type sqliteStore struct{ onceStore }

func (s sqliteStore) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	if _, err := s.GetLatestVersion(ctx, db); err == nil {
		return nil
	}
	return s.onceStore.CreateVersionTable(ctx, db)
}
