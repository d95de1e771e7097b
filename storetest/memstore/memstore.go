// Package memstore keeps everything in memory. It is for tests, and it is the
// example of a store of one's own: it passes storetest.All.
//
// It is simple before it is fast. A transaction holds the one lock of the store
// and works on a copy of all there is; committing publishes the copy. So
// transactions run one after the other, a rollback forgets, and whoever reads
// outside of a transaction sees the last commit without waiting. The cost of a
// transaction grows with the number of rows: a few thousand are fine.
//
// As with a database of one connection, a call inside a transaction that is
// given the outer context waits for itself, until that context's deadline.
package memstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// ErrScopeEnded is returned by everything that is asked of a transaction after
// its function has returned.
var ErrScopeEnded = errors.New("memstore: transaction has ended")

// Store is a complete store. It is safe for concurrent use; a transaction
// handle belongs to one goroutine.
type Store struct {
	writers chan struct{} // one place: whoever fills it writes
	state   atomic.Pointer[state]
}

var _ flows.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return newStore(1) }

func newStore(writers int) *Store {
	s := &Store{writers: make(chan struct{}, writers)}
	s.state.Store(&state{})
	return s
}

// InTx implements [flows.Store].
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return s.update(ctx, func(ctx context.Context, _ *scope) error { return fn(ctx) })
}

// Accounts implements [flows.Store].
func (s *Store) Accounts() accounts.Store { return accountsStore{accountsReader{s.view}, s} }

// Security implements [flows.Store].
func (s *Store) Security() security.Store { return securityStore{securityReader{s.view}, s} }

// Orgs implements [flows.Store].
func (s *Store) Orgs() orgs.Store { return orgsStore{orgsReader{s.view}, s} }

// Notify implements [flows.Store].
func (s *Store) Notify() notify.Store { return notifyStore{notifyReader{s.view}, s} }

// Mail implements [flows.Store].
func (s *Store) Mail() mail.Store { return outbox{s} }

// Audit implements [flows.Store].
func (s *Store) Audit() audit.Store { return auditStore{auditReader{s.view}, s} }

// Blobs implements [flows.Store].
func (s *Store) Blobs() accounts.BlobStore { return blobs{s} }

// Ready implements [flows.Store]. Memory always answers.
func (s *Store) Ready(ctx context.Context) error { return ctx.Err() }

// Clock implements [flows.Store]. There is no other clock than that of the node.
func (s *Store) Clock(ctx context.Context) (time.Time, error) { return time.Now().UTC(), ctx.Err() }

type accountsStore struct {
	accountsReader
	s *Store
}

// Update implements [accounts.Store].
func (a accountsStore) Update(ctx context.Context, fn func(ctx context.Context, tx accounts.Tx) error) error {
	return a.s.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, accountsTx{accountsReader{sc.view}, sc})
	})
}

// accountsTx is spread over the files of its nouns.
type accountsTx struct {
	accountsReader
	*scope
}

// accountsReader is spread over the files of its nouns. view returns what there
// is to read: the last commit, or what the transaction sees.
type accountsReader struct {
	view func(ctx context.Context) (*state, error)
}

type securityStore struct {
	securityReader
	s *Store
}

// Update implements [security.Store].
func (c securityStore) Update(ctx context.Context, fn func(ctx context.Context, tx security.Tx) error) error {
	return c.s.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, securityTx{securityReader{sc.view}, sc})
	})
}

// InTransaction implements [security.Store].
func (c securityStore) InTransaction(ctx context.Context) bool { return c.s.scope(ctx) != nil }

// securityTx is spread over the files of its nouns.
type securityTx struct {
	securityReader
	*scope
}

// securityReader is spread over the files of its nouns.
type securityReader struct {
	view func(ctx context.Context) (*state, error)
}

type orgsStore struct {
	orgsReader
	s *Store
}

// Update implements [orgs.Store].
func (o orgsStore) Update(ctx context.Context, fn func(ctx context.Context, tx orgs.Tx) error) error {
	return o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, orgsTx{orgsReader{sc.view}, sc})
	})
}

// orgsTx is spread over the files of its nouns.
type orgsTx struct {
	orgsReader
	*scope
}

// orgsReader is spread over the files of its nouns.
type orgsReader struct {
	view func(ctx context.Context) (*state, error)
}
