package bunstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

var _ flows.Store = (*DB)(nil)

// Accounts returns the store of package accounts.
func (d *DB) Accounts() accounts.Store { return accountsStore{accountsReader{source{d, nil}}} }

// Security returns the store of package security.
func (d *DB) Security() security.Store { return securityStore{securityReader{source{d, nil}}} }

// Orgs returns the store of package orgs.
func (d *DB) Orgs() orgs.Store { return orgsStore{orgsReader{source{d, nil}}} }

// Notify returns the store of package notify.
func (d *DB) Notify() notify.Store { return notifyStore{notifyReader{source{d, nil}}} }

// Mail returns the reading side of the outbox.
func (d *DB) Mail() mail.Store { return outbox{d} }

// Audit returns the store of the audit log.
func (d *DB) Audit() audit.Store { return auditStore{auditReader{source{d, nil}}} }

// Blobs returns the store of pictures.
func (d *DB) Blobs() accounts.BlobStore { return blobs{d} }

// source is where a reader reads: the transaction it belongs to, or else
// whatever the context says.
type source struct {
	db *DB
	sc *scope // nil outside of a Tx
}

func (s source) conn(ctx context.Context) bun.IDB {
	if s.sc != nil {
		return s.sc
	}
	return s.db.reader(ctx)
}

// writer is what every Tx has: the scope that it writes in, and the places that
// every change writes to.
type writer struct{ tx *scope }

// AfterCommit implements the method of every Tx.
func (w writer) AfterCommit(fn func(ctx context.Context)) { w.tx.AfterCommit(fn) }

// AppendAudit implements audit.Appender.
func (w writer) AppendAudit(ctx context.Context, e audit.Entry) error {
	return appendAudit(ctx, w.tx, e)
}

// EnqueueMail implements mail.Outbox.
func (w writer) EnqueueMail(ctx context.Context, e mail.Envelope) error {
	return enqueueMail(ctx, w.tx, e)
}

type accountsReader struct{ source }

type accountsStore struct{ accountsReader }

type accountsTx struct {
	accountsReader
	writer
}

// Update implements accounts.Store.
func (s accountsStore) Update(ctx context.Context, fn func(ctx context.Context, tx accounts.Tx) error) error {
	return s.db.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, accountsTx{accountsReader{source{s.db, sc}}, writer{sc}})
	})
}

type securityReader struct{ source }

type securityStore struct{ securityReader }

type securityTx struct {
	securityReader
	writer
}

// Update implements security.Store.
func (s securityStore) Update(ctx context.Context, fn func(ctx context.Context, tx security.Tx) error) error {
	return s.db.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, securityTx{securityReader{source{s.db, sc}}, writer{sc}})
	})
}

// InTransaction implements security.Store.
func (s securityStore) InTransaction(ctx context.Context) bool { return s.db.inTransaction(ctx) }

type orgsReader struct{ source }

type orgsStore struct{ orgsReader }

type orgsTx struct {
	orgsReader
	writer
}

// Update implements orgs.Store.
func (s orgsStore) Update(ctx context.Context, fn func(ctx context.Context, tx orgs.Tx) error) error {
	return s.db.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, orgsTx{orgsReader{source{s.db, sc}}, writer{sc}})
	})
}

type notifyReader struct{ source }

type notifyStore struct{ notifyReader }

type notifyTx struct {
	notifyReader
	writer
}

// Update implements notify.Store.
func (s notifyStore) Update(ctx context.Context, fn func(ctx context.Context, tx notify.Tx) error) error {
	return s.db.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, notifyTx{notifyReader{source{s.db, sc}}, writer{sc}})
	})
}
