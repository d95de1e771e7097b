package settings_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// ledger is a store that notes the entries of what was committed, and that fails
// where a test wants it to.
type ledger struct {
	settings.Store

	mu        sync.Mutex
	committed []audit.Entry
	fails     failure
}

// failure is where a transaction that leaves entries fails.
type failure string

const (
	nowhere  failure = ""
	atAppend failure = "when the entry is appended"
	atCommit failure = "at its end"
)

var errNoCommit = errors.New("connection lost at commit")

func (l *ledger) fail(where failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fails = where
}

func (l *ledger) failing(where failure) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fails == where
}

// since returns what was committed after the first n entries.
func (l *ledger) since(n int) []audit.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.committed[n:])
}

func (l *ledger) len() int { return len(l.since(0)) }

// draft is what a transaction has appended so far.
type draft struct{ entries []audit.Entry }

type draftKey struct{}

func (l *ledger) append(ctx context.Context, to audit.Appender, d *draft, e audit.Entry) error {
	if l.failing(atAppend) {
		return errDiskFull
	}
	if err := to.AppendAudit(ctx, e); err != nil {
		return err
	}
	d.entries = append(d.entries, e)
	return nil
}

// run begins a transaction of the store below by begin, or joins the one of ctx,
// and gives fn what its entries are noted in.
func (l *ledger) run(ctx context.Context, begin func(context.Context, func(context.Context) error) error, fn func(context.Context, *draft) error) error {
	if outer, ok := ctx.Value(draftKey{}).(*draft); ok {
		n := len(outer.entries)
		err := begin(ctx, func(ctx context.Context) error { return fn(ctx, outer) })
		if err != nil {
			outer.entries = outer.entries[:n]
		}
		return err
	}
	var d *draft
	err := begin(ctx, func(ctx context.Context) error {
		d = &draft{} // it may run again
		if err := fn(context.WithValue(ctx, draftKey{}, d), d); err != nil {
			return err
		}
		if len(d.entries) > 0 && l.failing(atCommit) {
			return errNoCommit
		}
		return nil
	})
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.committed = append(l.committed, d.entries...)
	}
	return err
}

func (l *ledger) InTx(ctx context.Context, fn func(context.Context) error) error {
	return l.run(ctx, l.Store.InTx, func(ctx context.Context, _ *draft) error { return fn(ctx) })
}

func (l *ledger) Accounts() accounts.Store { return ledgerAccounts{l.Store.Accounts(), l} }
func (l *ledger) Security() security.Store { return ledgerSecurity{l.Store.Security(), l} }
func (l *ledger) Orgs() orgs.Store         { return ledgerOrgs{l.Store.Orgs(), l} }
func (l *ledger) Notify() notify.Store     { return ledgerNotify{l.Store.Notify(), l} }
func (l *ledger) Audit() audit.Store       { return ledgerAudit{l.Store.Audit(), l} }

type ledgerAccounts struct {
	accounts.Store
	l *ledger
}

func (s ledgerAccounts) Update(ctx context.Context, fn func(context.Context, accounts.Tx) error) error {
	var tx accounts.Tx
	return s.l.run(ctx, func(ctx context.Context, in func(context.Context) error) error {
		return s.Store.Update(ctx, func(ctx context.Context, t accounts.Tx) error { tx = t; return in(ctx) })
	}, func(ctx context.Context, d *draft) error { return fn(ctx, accountsTx{tx, s.l, d}) })
}

type accountsTx struct {
	accounts.Tx
	l *ledger
	d *draft
}

func (t accountsTx) AppendAudit(ctx context.Context, e audit.Entry) error {
	return t.l.append(ctx, t.Tx, t.d, e)
}

type ledgerSecurity struct {
	security.Store
	l *ledger
}

func (s ledgerSecurity) Update(ctx context.Context, fn func(context.Context, security.Tx) error) error {
	var tx security.Tx
	return s.l.run(ctx, func(ctx context.Context, in func(context.Context) error) error {
		return s.Store.Update(ctx, func(ctx context.Context, t security.Tx) error { tx = t; return in(ctx) })
	}, func(ctx context.Context, d *draft) error { return fn(ctx, securityTx{tx, s.l, d}) })
}

type securityTx struct {
	security.Tx
	l *ledger
	d *draft
}

func (t securityTx) AppendAudit(ctx context.Context, e audit.Entry) error {
	return t.l.append(ctx, t.Tx, t.d, e)
}

type ledgerOrgs struct {
	orgs.Store
	l *ledger
}

func (s ledgerOrgs) Update(ctx context.Context, fn func(context.Context, orgs.Tx) error) error {
	var tx orgs.Tx
	return s.l.run(ctx, func(ctx context.Context, in func(context.Context) error) error {
		return s.Store.Update(ctx, func(ctx context.Context, t orgs.Tx) error { tx = t; return in(ctx) })
	}, func(ctx context.Context, d *draft) error { return fn(ctx, orgsTx{tx, s.l, d}) })
}

type orgsTx struct {
	orgs.Tx
	l *ledger
	d *draft
}

func (t orgsTx) AppendAudit(ctx context.Context, e audit.Entry) error {
	return t.l.append(ctx, t.Tx, t.d, e)
}

type ledgerNotify struct {
	notify.Store
	l *ledger
}

func (s ledgerNotify) Update(ctx context.Context, fn func(context.Context, notify.Tx) error) error {
	var tx notify.Tx
	return s.l.run(ctx, func(ctx context.Context, in func(context.Context) error) error {
		return s.Store.Update(ctx, func(ctx context.Context, t notify.Tx) error { tx = t; return in(ctx) })
	}, func(ctx context.Context, d *draft) error { return fn(ctx, notifyTx{tx, s.l, d}) })
}

type notifyTx struct {
	notify.Tx
	l *ledger
	d *draft
}

func (t notifyTx) AppendAudit(ctx context.Context, e audit.Entry) error {
	return t.l.append(ctx, t.Tx, t.d, e)
}

type ledgerAudit struct {
	audit.Store
	l *ledger
}

func (s ledgerAudit) Update(ctx context.Context, fn func(context.Context, audit.Tx) error) error {
	var tx audit.Tx
	return s.l.run(ctx, func(ctx context.Context, in func(context.Context) error) error {
		return s.Store.Update(ctx, func(ctx context.Context, t audit.Tx) error { tx = t; return in(ctx) })
	}, func(ctx context.Context, d *draft) error { return fn(ctx, auditTx{tx, s.l, d}) })
}

type auditTx struct {
	audit.Tx
	l *ledger
	d *draft
}

func (t auditTx) AppendAudit(ctx context.Context, e audit.Entry) error {
	return t.l.append(ctx, t.Tx, t.d, e)
}
