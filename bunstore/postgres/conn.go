package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/aegisrunner/account-settings/bunstore/internal/pools"
)

// mode is the first argument of a statement that is to run prepared; see
// pools.Pools.
type mode int

const (
	keep mode = iota + 1 // the connection keeps it
	hold                 // and it may be held back
)

type connector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner.(*stdlib.Conn)}, nil //nolint:forcetypeassert // stdlib has no other
}

// conn is a connection of pgx that saves round trips. BEGIN, and the statements
// whose result nobody waits for, are held back: they are sent with the next
// statement or with COMMIT, in one message, and run in their order (pipelining of
// PostgreSQL's extended protocol). Each sees what those before it have done and
// what others committed while it waited for a lock, as if it had been sent alone.
//
// Statements without a mode have their arguments in the text and run by the simple
// protocol: each text is new, and preparing it would take more round trips.
type conn struct {
	*stdlib.Conn
	within bool        // between BEGIN and the end of the transaction
	held   []statement // BEGIN, if it is among them, comes first

	// lost is why something that had been held back was not run. The server may not
	// have heard of it, so it is not up to the server to refuse what comes after:
	// without BEGIN each statement would be committed by itself.
	lost error
}

type statement struct {
	query string
	args  []any
}

var begin = statement{query: "begin"}

// maxHeld bounds the memory of a transaction that writes very much.
const maxHeld = 100

// errHeld: nobody knows how many rows a statement will change that has not run.
var errHeld = errors.New("postgres: the statement has been held back, and has no result")

type heldResult struct{}

func (heldResult) LastInsertId() (int64, error) { return 0, errHeld }
func (heldResult) RowsAffected() (int64, error) { return 0, errHeld }

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if opts != (driver.TxOptions{}) {
		return c.Conn.BeginTx(ctx, opts)
	}
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	c.within, c.lost = true, nil
	c.held = append(c.held[:0], begin)
	caller, _ := ctx.Value(pools.Caller{}).(context.Context)
	return &transaction{c, ctx, caller}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	m, values := split(args)
	switch {
	case m == 0:
		if undoes(query) {
			c.undo()
		}
		if err := c.send(ctx); err != nil {
			return nil, err
		}
		return c.Conn.ExecContext(ctx, query, simple(args))
	case c.lost != nil:
		return nil, c.lost
	case m == hold && c.within:
		if len(c.held) == maxHeld {
			if err := c.send(ctx); err != nil {
				return nil, err
			}
		}
		c.held = append(c.held, statement{query, values})
		return heldResult{}, nil
	case len(c.held) == 0:
		return c.Conn.ExecContext(ctx, query, args[1:])
	}
	results, err := c.pipeline(ctx, statement{query, values})
	if err != nil {
		return nil, err
	}
	tag, err := results.Exec()
	if e := results.Close(); err == nil {
		err = e
	}
	return driver.RowsAffected(tag.RowsAffected()), unsent(err)
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	m, values := split(args)
	switch {
	case m == 0:
		if err := c.send(ctx); err != nil {
			return nil, err
		}
		return c.Conn.QueryContext(ctx, query, simple(args))
	case c.lost != nil:
		return nil, c.lost
	case len(c.held) == 0:
		return c.query(ctx, query, values)
	}
	results, err := c.pipeline(ctx, statement{query, values})
	if err != nil {
		return nil, err
	}
	inner, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, unsent(err)
	}
	r, err := readAhead(inner, results)
	if err != nil {
		return nil, unsent(err)
	}
	return r, nil
}

// query runs a statement that is kept, alone.
func (c *conn) query(ctx context.Context, query string, values []any) (driver.Rows, error) {
	inner := c.Conn.Conn()
	if inner.IsClosed() {
		return nil, driver.ErrBadConn
	}
	found, err := inner.Query(ctx, query, values...)
	if err != nil {
		return nil, unsent(err)
	}
	r, err := readAhead(found, nil)
	if err != nil {
		return nil, unsent(err)
	}
	return r, nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.send(ctx); err != nil {
		return nil, err
	}
	inner, err := c.Conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &stmt{inner.(*stdlib.Stmt), c}, nil //nolint:forcetypeassert // stdlib has no other
}

// stmt is a statement that database/sql keeps prepared.
type stmt struct {
	*stdlib.Stmt
	c *conn
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.c.send(ctx); err != nil {
		return nil, err
	}
	return s.Stmt.ExecContext(ctx, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.c.send(ctx); err != nil {
		return nil, err
	}
	return s.Stmt.QueryContext(ctx, args)
}

// split takes the mode, or zero, from the arguments.
func split(args []driver.NamedValue) (mode, []any) {
	if len(args) == 0 {
		return 0, nil
	}
	m, ok := args[0].Value.(mode)
	if !ok {
		return 0, nil
	}
	values := make([]any, len(args)-1)
	for i := range values {
		values[i] = args[i+1].Value
	}
	return m, values
}

// simple asks pgx for the simple protocol, unless the arguments ask for something.
func simple(args []driver.NamedValue) []driver.NamedValue {
	if len(args) > 0 {
		if _, ok := args[0].Value.(pgx.QueryExecMode); ok {
			return args
		}
	}
	return append([]driver.NamedValue{{Value: pgx.QueryExecModeSimpleProtocol}}, args...)
}

// send sends what has been held back, and waits for it.
func (c *conn) send(ctx context.Context) error {
	switch {
	case c.lost != nil:
		return c.lost
	case len(c.held) == 0:
		return nil
	case c.begins():
		// Alone it is not worth preparing. And after statements that a connection
		// could not keep, a transaction does without any.
		c.drop()
		_, c.lost = c.Conn.Conn().Exec(ctx, begin.query, pgx.QueryExecModeSimpleProtocol)
		return unsent(c.lost)
	}
	results, err := c.pipeline(ctx)
	if err != nil {
		return err
	}
	c.lost = results.Close()
	return c.lost
}

// begins reports whether BEGIN is all that has been held back.
func (c *conn) begins() bool { return len(c.held) == 1 && c.held[0].query == begin.query }

// undoes reports whether query goes back to a savepoint.
func undoes(query string) bool {
	const start = "ROLLBACK TO "
	return len(query) > len(start) && strings.EqualFold(query[:len(start)], start)
}

// undo forgets what has been held back and what was lost: all of it since the
// latest savepoint, before which the connection sent what it had.
func (c *conn) undo() {
	c.drop()
	if c.Conn.Conn().PgConn().TxStatus() != 'I' {
		c.lost = nil
	}
}

// drop forgets what has been held back.
func (c *conn) drop() {
	clear(c.held)
	c.held = c.held[:0]
}

// pipeline sends what has been held back, and more with it, in one message. It
// returns when the results of more can be read; the caller closes them. After an
// error the server has run nothing that comes behind the statement that failed.
func (c *conn) pipeline(ctx context.Context, more ...statement) (pgx.BatchResults, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	var batch pgx.Batch
	for _, s := range c.held {
		batch.Queue(s.query, s.args...)
	}
	for _, s := range more {
		batch.Queue(s.query, s.args...)
	}
	held := len(c.held)
	c.drop()
	results := c.Conn.Conn().SendBatch(ctx, &batch)
	for range held {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			c.lost = err
			return nil, unsent(err)
		}
	}
	return results, nil
}

// unsent turns the error of something that has never left this machine into the
// one by which database/sql takes another connection; but if nobody waits any
// more, there is nothing wrong with this one.
func unsent(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case pgconn.SafeToRetry(err):
		return driver.ErrBadConn
	}
	return err
}
