package storetest

import (
	"context"
	"errors"
	"slices"
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

func (w *world) removeNobodys(cutoff time.Time, limit int) (n int) {
	w.Helper()
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		n, err = tx.RemoveNobodys(ctx, cutoff, limit)
		return err
	})
	return n
}

// nobodys returns an entry that is in no history and no log.
func nobodys(at time.Time) audit.Entry { return newEntry(id.NewUser(), at).InHistoryOf(id.User{}) }

func removeNobodys(w *world) {
	ada, org := w.person("ada"), id.NewOrg()
	cutoff := base.Add(time.Second)
	own, inLog := newEntry(ada.ID, base), newLogged(org, base)
	w.record(nobodys(cutoff.Add(-tick)), nobodys(cutoff), own, inLog)
	err := w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		_, err := tx.RemoveNobodys(ctx, base.Add(day), 10)
		return errors.Join(err, errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Errorf("RemoveNobodys in a transaction that was undone: %v", err)
	}
	for i, want := range []int{1, 0} {
		if n := w.removeNobodys(cutoff, 10); n != want {
			w.Errorf("removal %d returned %d, want %d", i, n, want)
		}
	}
	if n := w.removeNobodys(cutoff.Add(tick), 10); n != 1 {
		w.Errorf("%d entries were left that are not older, want 1", n)
	}
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 1 {
		w.Errorf("%d entries of a history are left, want 1", len(got))
	}
	w.holds(w.readLog(), org, audit.Filter{}, 10, []audit.Entry{inLog})
}

func removeNobodysLimit(w *world) {
	for i := range 7 {
		w.record(nobodys(base.Add(time.Duration(i) * time.Second)))
	}
	for i, want := range []int{3, 3, 1, 0} {
		if n := w.removeNobodys(base.Add(day), 3); n != want {
			w.Errorf("removal %d with a limit of 3 returned %d, want %d", i, n, want)
		}
	}
}

// lived records the histories of some people, and returns them by identifier.
func (w *world) lived() []audit.History {
	w.Helper()
	org := id.NewOrg()
	var want []audit.History
	for i := range 5 {
		p := w.person("p" + string(rune('0'+i)))
		h := audit.History{User: p.ID, Oldest: base.Add(time.Duration(5-i) * time.Second)}
		w.record(newEntry(p.ID, base.Add(-day)).InLogOf(org), newEntry(p.ID, h.Oldest), newEntry(p.ID, h.Oldest.Add(time.Second)))
		want = append(want, h)
	}
	logged := w.person("logged") // what is of hers is in a log
	w.record(newEntry(logged.ID, base).InLogOf(org), nobodys(base), newLogged(org, base))
	w.person("silent")
	want = append(want, audit.History{User: logged.ID})
	slices.SortFunc(want, func(a, b audit.History) int { return slices.Compare(a.User[:], b.User[:]) })
	return want
}

func (w *world) historiesAfter(after id.User, limit int) []audit.History {
	w.Helper()
	got, err := w.s.Audit().Histories(w.ctx, after, limit)
	w.must(err)
	return got
}

func histories(w *world) {
	want := w.lived()
	w.same("Histories", w.historiesAfter(id.User{}, 100), want)
	w.same("Histories after the second", w.historiesAfter(want[1].User, 100), want[2:])
	if got := w.historiesAfter(id.User{}, 0); len(got) != 0 {
		w.Errorf("a limit of 0 returned %d histories", len(got))
	}
	if got := w.historiesAfter(want[len(want)-1].User, 10); len(got) != 0 {
		w.Errorf("after the last there are %d histories", len(got))
	}
}

func historiesPages(w *world) {
	want := w.lived()
	for _, limit := range []int{1, 2, len(want)} {
		var got []audit.History
		for after := (id.User{}); len(got) <= len(want); after = got[len(got)-1].User {
			page := w.historiesAfter(after, limit)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		w.same("Histories in pages", got, want)
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
			_, err := tx.ToErase(ctx, audit.Person{ID: e.ActorID, Targets: []string{"x"}, Addresses: []string{"x"}}, id.Entry{}, 10)
			return err
		},
		"Rewrite": func(ctx context.Context, tx audit.Tx) error { return tx.Rewrite(ctx, e.ID, audit.NewLine(e)) },
		"RemoveHistory": func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.RemoveHistory(ctx, e.ActorID, base, 10)
			return err
		},
		"RemoveNobodys": func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.RemoveNobodys(ctx, base, 10)
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
