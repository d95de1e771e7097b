package bunstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/bunstore/internal/pools"
)

// maxTries is how often the outermost transaction is run at most.
const maxTries = 3

// transaction is one transaction of the database.
type transaction struct {
	db  *DB
	tx  *sql.Tx
	bun *bun.Tx // tx with bun's hooks; nil when the host began it

	mu      sync.Mutex
	current *scope // the innermost open one
	names   int    // savepoints so far
	broken  error  // nothing may follow this, and nothing may be committed

	first  bool        // another try follows a failure that another try can mend
	held   atomic.Bool // a statement may have been held back, see later
	inline atomic.Bool // a prepared statement was of no use, so none is run again
}

// again reports whether a failure of the transaction is worth another try. One
// after a prepared statement that was of no use goes without.
func (t *transaction) again(err error) bool {
	return t.db.dialect.conflict(err) || t.first && t.inline.Load()
}

// scope is a transaction, or a savepoint in one. It is also the handle for
// statements in it, see conn.go.
type scope struct {
	t      *transaction
	parent *scope
	ended  bool // guarded by t.mu, as is after
	after  []func(context.Context)
}

// scopeKey is the key of contexts. Stores of the same pool share transactions.
type scopeKey struct{ pool *sql.DB }

func (d *DB) scope(ctx context.Context) *scope {
	sc, _ := ctx.Value(scopeKey{d.write.DB}).(*scope)
	return sc
}

func (d *DB) with(ctx context.Context, sc *scope) context.Context {
	return context.WithValue(ctx, scopeKey{d.write.DB}, sc)
}

// inTransaction reports whether ctx carries a transaction that has not ended.
func (d *DB) inTransaction(ctx context.Context) bool {
	sc := d.scope(ctx)
	return sc != nil && sc.usable() == nil
}

// InTx runs fn in one transaction that every Update of the domains, called with
// the context that fn gets, joins as a savepoint. It commits if fn returns nil;
// if fn returns an error or panics, or ctx is done by then, it rolls back. The
// error is fn's own. A function that waits on another transaction of the same
// database, begun with another context, waits for itself.
//
// fn may run up to three times, see the package documentation.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return d.update(ctx, func(ctx context.Context, _ *scope) error { return fn(ctx) })
}

func (d *DB) update(ctx context.Context, fn func(ctx context.Context, sc *scope) error) error {
	if sc := d.scope(ctx); sc != nil {
		return sc.savepoint(ctx, fn)
	}
	for try := 1; ; try++ {
		after, again, err := d.once(ctx, try == 1, fn)
		if err == nil {
			// The change has happened, so its wake-up calls do not depend on
			// whether the caller still waits.
			ctx = context.WithoutCancel(ctx)
			for _, f := range after {
				f(ctx)
			}
			return nil
		}
		if !again || try == maxTries || !pause(ctx, try) {
			return err
		}
	}
}

// pause waits 5 to 10 ms before the second try and twice that before the third,
// and reports whether ctx lasted.
func pause(ctx context.Context, try int) bool {
	var b [8]byte
	_, _ = rand.Read(b[:])
	base := 5 * time.Millisecond << (try - 1)
	timer := time.NewTimer(base + time.Duration(binary.LittleEndian.Uint64(b[:])%uint64(base)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// once runs fn in one transaction on one connection, and reports whether a
// failure is worth another try. From the second on nothing runs prepared.
func (d *DB) once(ctx context.Context, first bool, fn func(ctx context.Context, sc *scope) error) (after []func(context.Context), again bool, err error) {
	conn, err := d.write.Conn(ctx)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = conn.Close() }()

	// The wait for BEGIN ends with ctx. From then on database/sql must not roll
	// back behind our back, but here, where a failure to do so is noticed. A
	// BEGIN that found SQLite busy has waited busy_timeout already.
	begin, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), pools.Caller{}, ctx))
	defer cancel()
	detach := context.AfterFunc(ctx, cancel)
	tx, err := conn.BeginTx(begin, nil)
	attached := detach()
	if err != nil {
		return nil, false, err
	}
	sc := &scope{t: &transaction{db: d, tx: tx.Tx, bun: &tx, first: first}}
	sc.t.current = sc
	sc.t.inline.Store(!first)

	finished := false
	defer func() {
		if finished {
			return
		}
		_, _ = sc.end()
		// Where one prepared statement was of no use others may be no better, and
		// each would cost a transaction.
		if tx.Rollback() != nil || first && sc.t.inline.Load() {
			discard(conn.Conn)
		}
	}()
	if !attached {
		return nil, false, ctx.Err()
	}
	if err := fn(d.with(ctx, sc), sc); err != nil {
		return nil, sc.t.again(err), err
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if after, err = sc.end(); err != nil {
		return nil, sc.t.again(err), err
	}
	finished = true
	if err := sc.t.note(tx.Commit()); err != nil {
		if d.dialect == SQLite || first && sc.t.inline.Load() {
			discard(conn.Conn) // the transaction may still be open
		}
		return nil, sc.t.again(err), err
	}
	return after, false, nil
}

// discard keeps a connection in an unknown state from being used again.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// savepoint runs fn in a part of the transaction that can be undone by itself.
func (sc *scope) savepoint(ctx context.Context, fn func(ctx context.Context, sc *scope) error) error {
	child, name, err := sc.open()
	if err != nil {
		return err
	}
	if _, err := sc.t.tx.ExecContext(ctx, "SAVEPOINT "+name); err != nil {
		_, _ = child.end()
		return sc.t.note(err)
	}
	finished := false
	defer func() {
		if !finished {
			child.undo(ctx, name)
		}
	}()
	if err := fn(sc.t.db.with(ctx, child), child); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := sc.t.tx.ExecContext(ctx, "RELEASE SAVEPOINT "+name); err != nil {
		return sc.t.note(err)
	}
	finished = true
	after, err := child.end()
	if err != nil {
		return err
	}
	sc.t.mu.Lock()
	defer sc.t.mu.Unlock()
	sc.after = append(sc.after, after...)
	return nil
}

// open makes a child of sc the innermost scope and names its savepoint.
func (sc *scope) open() (child *scope, name string, err error) {
	t := sc.t
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case sc.ended:
		return nil, "", ErrScopeEnded
	case t.broken != nil:
		return nil, "", t.broken
	case t.current != sc:
		return nil, "", ErrScopeBusy
	}
	t.names++
	child = &scope{t: t, parent: sc}
	t.current = child
	return child, fmt.Sprintf("settings_%d", t.names), nil
}

// undo rolls back to the savepoint of sc. If that cannot be done the whole
// transaction is lost.
func (sc *scope) undo(ctx context.Context, name string) {
	_, _ = sc.end()
	ctx = context.WithoutCancel(ctx)
	for _, statement := range []string{"ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT "} {
		if _, err := sc.t.tx.ExecContext(ctx, statement+name); err != nil {
			sc.t.breakWith(fmt.Errorf("bunstore: roll back to savepoint: %w", err))
			return
		}
	}
}

// end closes sc to further use. It returns what was registered to run after the
// commit, or what forbids committing.
func (sc *scope) end() ([]func(context.Context), error) {
	t := sc.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == sc {
		t.current = sc.parent
	}
	sc.ended = true
	after := sc.after
	sc.after = nil
	return after, t.broken
}

// usable returns why sc can take no statement, or nil.
func (sc *scope) usable() error {
	sc.t.mu.Lock()
	defer sc.t.mu.Unlock()
	for s := sc; s != nil; s = s.parent {
		if s.ended {
			return ErrScopeEnded
		}
	}
	return sc.t.broken
}

// note remembers an error after which the transaction must not go on, or not with
// prepared statements: it may be that of one that was held back.
func (t *transaction) note(err error) error {
	if t.held.Load() && stale(err) {
		t.inline.Store(true)
	}
	if t.db.dialect.fatal(err) {
		t.breakWith(err)
	}
	return err
}

func (t *transaction) breakWith(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = err
	}
}

// AfterCommit implements the method of every Tx. Registered on a savepoint that
// has ended, it makes the transaction fail with [ErrScopeEnded]; after the end of
// the transaction there is nothing left to fail, and fn never runs.
func (sc *scope) AfterCommit(fn func(ctx context.Context)) {
	sc.t.mu.Lock()
	defer sc.t.mu.Unlock()
	if !sc.ended {
		sc.after = append(sc.after, fn)
	} else if sc.t.broken == nil {
		sc.t.broken = ErrScopeEnded
	}
}
