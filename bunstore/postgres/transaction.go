package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// transaction is one whose BEGIN may still be held back.
type transaction struct {
	c      *conn
	ctx    context.Context //nolint:containedctx // database/sql gives none to Commit
	caller context.Context //nolint:containedctx // see pools.Caller; may be nil
}

// Commit implements driver.Tx.
func (t *transaction) Commit() error {
	tag, err := t.commit()
	if err != nil {
		// What failed may be a statement before COMMIT, which leaves the
		// transaction open.
		_ = t.Rollback()
		return err
	}
	t.end()
	if tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return nil
}

func (t *transaction) commit() (pgconn.CommandTag, error) {
	const query = "commit"
	if len(t.c.held) == 0 || t.c.begins() {
		if err := t.c.send(t.ctx); err != nil {
			return pgconn.CommandTag{}, err
		}
		return t.c.Conn.Conn().Exec(t.ctx, query, pgx.QueryExecModeSimpleProtocol)
	}
	stop := t.c.interrupt(t.caller)
	results, err := t.c.pipeline(t.ctx, statement{query: query})
	if err != nil {
		return pgconn.CommandTag{}, stop(err)
	}
	tag, err := results.Exec()
	if e := results.Close(); err == nil {
		err = e
	}
	return tag, stop(err)
}

// cancelTimeout is how long the server has to take the request to stop, and to
// answer what it was asked before, altogether.
const cancelTimeout = 5 * time.Second

// interrupt asks the server to stop what it is at once ctx is done: a statement
// that was held back may wait for somebody's lock. The connection is left to read
// the answer, so that it is known whether COMMIT was reached. The function that it
// returns ends this, and adds to the error of what was stopped why it was.
func (c *conn) interrupt(ctx context.Context) (stop func(error) error) {
	if ctx == nil {
		return func(err error) error { return err }
	}
	inner := c.Conn.Conn()
	asked := make(chan struct{})
	unused := context.AfterFunc(ctx, func() {
		defer close(asked)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
		defer cancel()
		last, _ := limit.Deadline()
		if inner.PgConn().CancelRequest(limit) != nil {
			last = time.Unix(0, 0) // now
		}
		_ = inner.PgConn().Conn().SetDeadline(last)
	})
	return func(err error) error {
		if unused() {
			return err
		}
		<-asked
		// The request may arrive late, and must not meet what others run.
		_ = inner.Close(context.WithoutCancel(ctx))
		if err != nil {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return err
	}
}

// Rollback implements driver.Tx. Nothing of what was held back is sent.
func (t *transaction) Rollback() error {
	t.end()
	inner := t.c.Conn.Conn()
	if inner.IsClosed() || inner.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := inner.Exec(t.ctx, "rollback", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		_ = inner.Close(t.ctx) // nobody knows what state it is in
	}
	return err
}

func (t *transaction) end() {
	t.c.drop()
	t.c.within, t.c.lost = false, nil
}
