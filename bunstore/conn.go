package bunstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

var _ bun.IDB = (*scope)(nil)

// statements runs finished SQL in a scope: it refuses what comes after the end,
// and notices errors that SQLite answers by undoing the transaction.
type statements struct{ sc *scope }

// done is a context that ended for a reason of ours. database/sql returns its
// error before it sends anything, which is the only way into a *sql.Row.
type done struct {
	context.Context
	err error
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (done) Done() <-chan struct{} { return closed }
func (d done) Err() error          { return d.err }

func (s statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := s.sc.usable(); err != nil {
		return nil, err
	}
	res, err := s.sc.t.tx.ExecContext(ctx, query, args...)
	return res, s.sc.t.note(err)
}

func (s statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := s.sc.usable(); err != nil {
		return nil, err
	}
	rows, err := s.sc.t.tx.QueryContext(ctx, query, args...) //nolint:sqlclosecheck,rowserrcheck // the caller's
	return rows, s.sc.t.note(err)
}

//nolint:contextcheck // done is the context, with an end of ours
func (s statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := s.sc.usable(); err != nil {
		ctx = done{ctx, err}
	}
	row := s.sc.t.tx.QueryRowContext(ctx, query, args...)
	_ = s.sc.t.note(row.Err())
	return row
}

// The methods below are those of bun.Tx, with the checks above.

func (sc *scope) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return sc.NewRaw(query, args...).Exec(ctx)
}

func (sc *scope) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := sc.usable(); err != nil {
		return nil, err
	}
	if sc.t.bun == nil { // bun gives no way to run its hooks
		return statements{sc}.QueryContext(ctx, sc.t.db.write.QueryGen().FormatQuery(query, args...))
	}
	rows, err := sc.t.bun.QueryContext(ctx, query, args...) //nolint:sqlclosecheck,rowserrcheck // the caller's
	return rows, sc.t.note(err)
}

//nolint:contextcheck // done is the context, with an end of ours
func (sc *scope) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if sc.t.bun == nil {
		return statements{sc}.QueryRowContext(ctx, sc.t.db.write.QueryGen().FormatQuery(query, args...))
	}
	if err := sc.usable(); err != nil {
		ctx = done{ctx, err}
	}
	row := sc.t.bun.QueryRowContext(ctx, query, args...)
	_ = sc.t.note(row.Err())
	return row
}

var errJoined = errors.New("bunstore: no bun.Tx in a transaction that the host has begun; use DB.InTx")

func (sc *scope) BeginTx(ctx context.Context, opts *sql.TxOptions) (bun.Tx, error) {
	if err := sc.usable(); err != nil {
		return bun.Tx{}, err
	}
	if sc.t.bun == nil {
		return bun.Tx{}, errJoined
	}
	return sc.t.bun.BeginTx(ctx, opts)
}

func (sc *scope) RunInTx(ctx context.Context, opts *sql.TxOptions, fn func(ctx context.Context, tx bun.Tx) error) error {
	if err := sc.usable(); err != nil {
		return err
	}
	if sc.t.bun == nil {
		return errJoined
	}
	return sc.t.bun.RunInTx(ctx, opts, fn)
}

func (sc *scope) Dialect() schema.Dialect { return sc.t.db.write.Dialect() }

func (sc *scope) NewValues(model any) *bun.ValuesQuery {
	return sc.t.db.write.NewValues(model).Conn(statements{sc})
}
func (sc *scope) NewSelect() *bun.SelectQuery {
	return sc.t.db.write.NewSelect().Conn(statements{sc})
}
func (sc *scope) NewInsert() *bun.InsertQuery {
	return sc.t.db.write.NewInsert().Conn(statements{sc})
}
func (sc *scope) NewUpdate() *bun.UpdateQuery {
	return sc.t.db.write.NewUpdate().Conn(statements{sc})
}
func (sc *scope) NewDelete() *bun.DeleteQuery {
	return sc.t.db.write.NewDelete().Conn(statements{sc})
}
func (sc *scope) NewMerge() *bun.MergeQuery {
	return sc.t.db.write.NewMerge().Conn(statements{sc})
}
func (sc *scope) NewRaw(query string, args ...any) *bun.RawQuery {
	return sc.t.db.write.NewRaw(query, args...).Conn(statements{sc})
}
func (sc *scope) NewCreateTable() *bun.CreateTableQuery {
	return sc.t.db.write.NewCreateTable().Conn(statements{sc})
}
func (sc *scope) NewDropTable() *bun.DropTableQuery {
	return sc.t.db.write.NewDropTable().Conn(statements{sc})
}
func (sc *scope) NewCreateIndex() *bun.CreateIndexQuery {
	return sc.t.db.write.NewCreateIndex().Conn(statements{sc})
}
func (sc *scope) NewDropIndex() *bun.DropIndexQuery {
	return sc.t.db.write.NewDropIndex().Conn(statements{sc})
}
func (sc *scope) NewTruncateTable() *bun.TruncateTableQuery {
	return sc.t.db.write.NewTruncateTable().Conn(statements{sc})
}
func (sc *scope) NewAddColumn() *bun.AddColumnQuery {
	return sc.t.db.write.NewAddColumn().Conn(statements{sc})
}
func (sc *scope) NewDropColumn() *bun.DropColumnQuery {
	return sc.t.db.write.NewDropColumn().Conn(statements{sc})
}
