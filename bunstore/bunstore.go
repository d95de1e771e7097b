package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/aegisrunner/account-settings/bunstore/internal/pools"
)

// Dialect is a kind of database.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// DB is the store of every domain in one database. It is safe for concurrent
// use. Make one with [New], or with Open of the packages sqlite and postgres.
type DB struct {
	dialect Dialect
	write   *bun.DB
	read    *bun.DB // reads outside of transactions; may be write
	owned   bool    // the pools are closed with the DB

	login   stmt // LoginByToken outside of transactions, where keep is nil
	keep    any  // see pools.Pools, as is hold
	hold    any
	current atomic.Bool
}

// New returns a store on a host's own database, whose dialect must be
// pgdialect or sqlitedialect. It does not touch the database; the host applies
// [DB.Migrate], and closes db itself, after [DB.Close].
//
// Under pgx db needs default_query_exec_mode=simple_protocol: bun writes
// arguments into the SQL text, which makes the statement cache a burden. On
// SQLite db needs, on every connection, _txlock=immediate, foreign_keys(1), a
// busy_timeout, and a file: in-memory databases differ from one connection to
// the next.
func New(db *bun.DB) (*DB, error) {
	return FromPools(pools.Pools{Write: db, Read: db})
}

// FromPools is for the driver packages below this one, which keep the writer of
// a SQLite database apart from its readers.
func FromPools(p pools.Pools) (*DB, error) {
	if p.Write == nil || p.Read == nil {
		return nil, errors.New("bunstore: no database")
	}
	d := &DB{write: p.Write, read: p.Read, owned: p.Owned}
	switch name := p.Write.Dialect().Name(); name {
	case dialect.PG:
		d.dialect = Postgres
	case dialect.SQLite:
		d.dialect = SQLite
	default:
		return nil, fmt.Errorf("bunstore: dialect %s is not supported", name)
	}
	d.login.off = p.NoPrepare
	if !p.NoPrepare {
		d.keep, d.hold = p.Keep, p.Hold
	}
	return d, nil
}

// Dialect returns the kind of database.
func (d *DB) Dialect() Dialect { return d.dialect }

// Close releases what the store holds, and the connections if the store opened
// them. Transactions must have ended.
func (d *DB) Close() error {
	err := d.login.close()
	if !d.owned {
		return err
	}
	if d.read != d.write {
		err = errors.Join(err, d.read.Close())
	}
	return errors.Join(err, d.write.Close())
}

// Conn returns the handle for the host's own statements: inside a transaction
// that ctx carries, that transaction; otherwise the pool that writes. What it
// returns for a transaction ends with it ([ErrScopeEnded]); its BeginTx and
// RunInTx are savepoints of bun, which know nothing of AfterCommit.
func (d *DB) Conn(ctx context.Context) bun.IDB {
	if sc := d.scope(ctx); sc != nil {
		return sc
	}
	return d.write
}

// reader returns where to read: the transaction that ctx carries, or a pool.
func (d *DB) reader(ctx context.Context) bun.IDB {
	if sc := d.scope(ctx); sc != nil {
		return sc
	}
	return d.read
}

// skipLocked is the clause that locks what was read, and passes over what others
// have locked. On SQLite the transaction is the lock, as there is one writer.
func (d Dialect) skipLocked() bun.Safe {
	if d == Postgres {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Ready returns nil when the database answers and has every table that this
// version needs; [ErrPending] when it has not. That there is nothing pending is
// asked once and then remembered.
func (d *DB) Ready(ctx context.Context) error {
	if !d.current.Load() {
		pending, err := d.Pending(ctx)
		if err != nil {
			return err
		}
		if len(pending) > 0 {
			return fmt.Errorf("%w: %d", ErrPending, len(pending))
		}
		d.current.Store(true)
		return nil
	}
	var one int
	if err := d.read.DB.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("bunstore: %w", err)
	}
	return nil
}

// Clock returns the time by the database's clock, in UTC. SQLite's is that of
// this machine.
func (d *DB) Clock(ctx context.Context) (time.Time, error) {
	query := "SELECT clock_timestamp()"
	if d.dialect == SQLite {
		query = "SELECT strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')"
	}
	var now stamp
	err := d.reader(ctx).NewRaw(query).Scan(ctx, &now)
	return now.Time, err
}

// affected returns how many rows a statement changed.
func affected(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
