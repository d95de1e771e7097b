// Package sqlite opens bunstore on a SQLite file. It links modernc.org/sqlite,
// which needs no C compiler.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/internal/pools"
)

// ErrNotAFile is returned for in-memory databases and for URIs.
var ErrNotAFile = errors.New("sqlite: want the path of a file; an in-memory database differs from connection to connection")

// Synchronous is how sure a commit is.
type Synchronous string

const (
	// Full waits until each commit has reached the disk. It is the default.
	Full Synchronous = "FULL"

	// Normal lets a power failure or a crash of the operating system take the
	// last commits back, without damage to the file. It is faster, and means that
	// a session that was revoked may be alive again, a password that was replaced
	// may work again, and a spent link may be spent again.
	Normal Synchronous = "NORMAL"
)

// Config says how to open a database. Path is all it needs.
type Config struct {
	// Path of the file, which is made with mode 0600 if there is none. Beside it
	// SQLite keeps two files of the same name with -wal and -shm appended. It must
	// be on a local disk.
	Path string

	// Readers is how many connections read at once; 0 means one for each CPU, and
	// at least 4. There is always one connection that writes.
	Readers int

	// Synchronous is Full if it is empty.
	Synchronous Synchronous

	// NoMigrate leaves the tables as they are; see bunstore.DB.Migrate.
	NoMigrate bool
}

// Open opens the database at path, makes it if there is none, and brings its
// tables up to date.
func Open(path string) (*bunstore.DB, error) {
	return OpenWith(context.Background(), Config{Path: path})
}

// OpenWith is Open with everything that can be chosen. ctx bounds opening, not
// the life of what it returns. A writer waits up to 10 seconds for another
// process that writes.
func OpenWith(ctx context.Context, c Config) (*bunstore.DB, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	// SQLite would make it readable for everybody; its other files take after it.
	f, err := os.OpenFile(c.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}

	writer, err := c.open("_txlock=immediate", 1)
	if err != nil {
		return nil, err
	}
	reader, err := c.open("_pragma=query_only(1)", c.Readers)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	db, err := bunstore.FromPools(pools.Pools{Write: writer, Read: reader, Owned: true})
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	if c.NoMigrate {
		err = writer.PingContext(ctx)
	} else {
		err = db.Migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", c.Path, err), db.Close())
	}
	return db, nil
}

// check completes c, or says what is wrong with it.
func (c *Config) check() error {
	if c.Path == "" || c.Path == ":memory:" || strings.HasPrefix(c.Path, "file:") || strings.IndexByte(c.Path, 0) >= 0 {
		return ErrNotAFile
	}
	if c.Readers == 0 {
		c.Readers = max(4, runtime.GOMAXPROCS(0))
	}
	if c.Readers < 0 {
		return errors.New("sqlite: Config.Readers is negative")
	}
	if c.Synchronous == "" {
		c.Synchronous = Full
	}
	if c.Synchronous != Full && c.Synchronous != Normal {
		return fmt.Errorf("sqlite: Config.Synchronous %q is neither Full nor Normal", c.Synchronous)
	}
	return nil
}

// open opens a pool of size connections, all alike.
func (c *Config) open(more string, size int) (*bun.DB, error) {
	// The path is a part of a URI, in which ? and # would end it.
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(c.Path)}).EscapedPath()}
	dsn := file.String() + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)" +
		"&_pragma=synchronous(" + string(c.Synchronous) + ")&" + more
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", c.Path, err)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return bun.NewDB(db, sqlitedialect.New()), nil
}
