package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func (w *world) removeHistory(user id.User, cutoff time.Time, limit int) (n int) {
	w.Helper()
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		n, err = tx.RemoveHistory(ctx, user, cutoff, limit)
		return err
	})
	return n
}

func removeHistory(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	cutoff := base.Add(time.Second)
	old, young := newEntry(ada.ID, cutoff.Add(-tick)), newEntry(ada.ID, cutoff)
	inLog := newEntry(ada.ID, base).InLogOf(id.NewOrg())
	byAda := newEntry(ada.ID, base).InHistoryOf(grace.ID)
	nobodys := newEntry(ada.ID, base).InHistoryOf(id.User{})
	w.record(old, young, inLog, byAda, nobodys)
	if n := w.removeHistory(id.User{}, base.Add(day), 10); n != 0 {
		w.Errorf("%d entries of nobody were removed", n)
	}
	if n := w.removeHistory(ada.ID, cutoff, 10); n != 1 {
		w.Errorf("%d entries were removed, want 1", n)
	}
	left := w.history(ada.ID, id.Entry{}, 10)
	if len(left) != 2 || left[0].ID != inLog.ID || left[1].ID != young.ID {
		w.Errorf("%d entries are left, want the young one and that of a log", len(left))
	}
	if got := w.history(grace.ID, id.Entry{}, 10); len(got) != 1 {
		w.Errorf("%d entries of another person are left, want 1", len(got))
	}
	err := w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		_, err := tx.RemoveHistory(ctx, ada.ID, base.Add(day), 10)
		return errors.Join(err, errBoom)
	})
	if !errors.Is(err, errBoom) || len(w.history(ada.ID, id.Entry{}, 10)) != 2 {
		w.Errorf("entries were removed by a transaction that was undone: %v", err)
	}
}

func removeHistoryLimit(w *world) {
	ada := w.person("ada")
	w.record(sequence(ada.ID, 7)...)
	for i, want := range []int{3, 3, 1, 0} {
		if n := w.removeHistory(ada.ID, base.Add(day), 3); n != want {
			w.Errorf("removal %d with a limit of 3 returned %d, want %d", i, n, want)
		}
	}
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 0 {
		w.Errorf("%d entries are left", len(got))
	}
}

func auditTxOutage(w *world) {
	org := id.NewOrg()
	e := newLogged(org, base)
	w.record(e)
	for what, ask := range map[string]func(ctx context.Context, tx audit.Tx) error{
		"LockTree": func(ctx context.Context, tx audit.Tx) error { _, err := tx.LockTree(ctx, org); return err },
		"ToSeal":   func(ctx context.Context, tx audit.Tx) error { _, err := tx.ToSeal(ctx, org, 10); return err },
		"Seal": func(ctx context.Context, tx audit.Tx) error {
			return tx.Seal(ctx, audit.Tree{Org: org, Size: 1, Note: []byte("x"), At: base}, []audit.Leaf{{Entry: e.ID}})
		},
		"Expired": func(ctx context.Context, tx audit.Tx) error { _, err := tx.Expired(ctx, org, base, 10); return err },
		"Prune":   func(ctx context.Context, tx audit.Tx) error { return tx.Prune(ctx, audit.Tree{Org: org}) },
		"ToErase": func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, e.ActorID, []string{"x"}, id.Entry{}, 10)
			return err
		},
		"Rewrite": func(ctx context.Context, tx audit.Tx) error { return tx.Rewrite(ctx, e.ID, audit.NewLine(e)) },
		"RemoveHistory": func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.RemoveHistory(ctx, e.ActorID, base, 10)
			return err
		},
	} {
		_ = w.s.Audit().Update(w.ctx, func(_ context.Context, tx audit.Tx) error {
			err := ask(w.cancelled(), tx) //nolint:contextcheck // one that has ended
			w.outage(what, err)
			return err
		})
	}
	w.holds(w.readLog(), org, audit.Filter{}, 10, []audit.Entry{e})
}
