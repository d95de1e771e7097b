package memstore

import (
	"context"
	"sync/atomic"
)

// transaction is an outermost Update: a private copy, and what to call once it
// is published.
type transaction struct {
	state *state
	hooks []func(ctx context.Context)
}

// scope is one Update, outermost or joined. Its handle works until its function
// returns.
type scope struct {
	tx    *transaction
	ended atomic.Bool
}

// scopeKey finds the scope of a store in a context. It holds the store, since a
// context may carry transactions of several.
type scopeKey struct{ store *Store }

func (s *Store) scope(ctx context.Context) *scope {
	sc, _ := ctx.Value(scopeKey{s}).(*scope)
	return sc
}

// view returns what a reader outside of a transaction handle sees: what the
// transaction of ctx has written so far, or else the last commit.
func (s *Store) view(ctx context.Context) (*state, error) {
	if sc := s.scope(ctx); sc != nil {
		return sc.view(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.state.Load(), nil
}

// view returns the state that the holder of sc reads and writes.
func (sc *scope) view(ctx context.Context) (*state, error) {
	if sc.ended.Load() {
		return nil, ErrScopeEnded
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return sc.tx.state, nil
}

// AfterCommit implements the method of the same name of every Tx.
func (sc *scope) AfterCommit(fn func(ctx context.Context)) {
	if !sc.ended.Load() {
		sc.tx.hooks = append(sc.tx.hooks, fn)
	}
}

// update runs fn in a transaction of its own, or in that of ctx.
func (s *Store) update(ctx context.Context, fn func(ctx context.Context, sc *scope) error) error {
	if outer := s.scope(ctx); outer != nil {
		return s.join(ctx, outer, fn)
	}
	tx := &transaction{}
	if err := s.commit(ctx, tx, fn); err != nil {
		return err
	}
	for _, hook := range tx.hooks {
		hook(ctx)
	}
	return nil
}

// commit publishes what fn has written, unless it fails or panics.
func (s *Store) commit(ctx context.Context, tx *transaction, fn func(ctx context.Context, sc *scope) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writers <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writers }()

	tx.state = s.state.Load().clone()
	if err := s.within(ctx, &scope{tx: tx}, fn); err != nil {
		return err
	}
	s.state.Store(tx.state)
	return nil
}

// join runs fn inside the transaction of outer, and takes back what it did
// unless it succeeds.
func (s *Store) join(ctx context.Context, outer *scope, fn func(ctx context.Context, sc *scope) error) error {
	before, err := outer.view(ctx)
	if err != nil {
		return err
	}
	tx, hooks := outer.tx, len(outer.tx.hooks)
	tx.state = before.clone()
	joined := false
	defer func() {
		if !joined {
			tx.state, tx.hooks = before, tx.hooks[:hooks]
		}
	}()
	if err := s.within(ctx, &scope{tx: tx}, fn); err != nil {
		return err
	}
	joined = true
	return nil
}

// within calls fn with the scope, and ends the scope whatever happens. A
// context that was cancelled meanwhile is a failure, as it is in a database.
func (s *Store) within(ctx context.Context, sc *scope, fn func(ctx context.Context, sc *scope) error) error {
	defer sc.ended.Store(true)
	if err := fn(context.WithValue(ctx, scopeKey{s}, sc), sc); err != nil {
		return err
	}
	return ctx.Err()
}
