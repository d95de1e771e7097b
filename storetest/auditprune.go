package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func auditPruneTests() []check {
	return []check{
		{"Expired/OldestFirstUntilOneIsNotOlder", expiredOrder},
		{"Prune/RemovesWhatIsBeforeStart", pruneBefore},
		{"Prune/OfThatLogAlone", pruneOthers},
		{"Prune/RolledBackRemovesNothing", pruneRolledBack},
		{"Prune/RacesSeal", pruneRace},
		{"RemoveHistory/OlderThanTheCutoffAndInNoLog", removeHistory},
		{"RemoveHistory/AtMostTheLimit", removeHistoryLimit},
		{"RemoveNobodys/OlderThanTheCutoffAndNobodys", removeNobodys},
		{"RemoveNobodys/AtMostTheLimit", removeNobodysLimit},
		{"Histories/InTheOrderOfIdentifiersWithTheOldest", histories},
		{"Histories/PagesHoldEachOnce", historiesPages},
		{"AuditTx/FailureIsNoAnswer", auditTxOutage},
	}
}

// sealedInOrder stores n entries, one of each second, in the order of their
// identifiers, and seals them.
func (w *world) sealedInOrder(org id.Org, n int) []audit.Entry {
	w.Helper()
	all := make([]audit.Entry, n)
	for i := range all {
		all[i] = newLogged(org, base.Add(time.Duration(i)*time.Second))
	}
	w.record(all...)
	w.seal(org, n)
	return all
}

func (w *world) expired(org id.Org, cutoff time.Time, limit int) (got []audit.Stored) {
	w.Helper()
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		got, err = tx.Expired(ctx, org, cutoff, limit)
		return err
	})
	return got
}

func expiredOrder(w *world) {
	org := id.NewOrg()
	var all []audit.Entry
	for _, second := range []int{2, 0, 1, 5, 0, 6} { // in the order of their identifiers
		all = append(all, newLogged(org, base.Add(time.Duration(second)*time.Second)))
	}
	w.record(all...)
	leaves := w.seal(org, 5) // the last one waits
	w.sealedInOrder(id.NewOrg(), 3)
	for _, c := range []struct {
		cutoff      time.Time
		limit, want int
	}{
		{base.Add(3 * time.Second), 10, 3}, // the fifth is old, and behind one that is not
		{base.Add(3 * time.Second), 2, 2},
		{base.Add(5 * time.Second), 10, 3},
		{base.Add(5*time.Second + tick), 10, 5},
		{base.Add(2 * time.Second), 10, 0},
		{base.Add(day), 10, 5},
	} {
		got := w.expired(org, c.cutoff, c.limit)
		if len(got) != c.want {
			w.Errorf("%d entries are older than %v with a limit of %d, want %d", len(got), c.cutoff, c.limit, c.want)
			continue
		}
		for i, s := range got {
			w.same("Expired", s, audit.Stored{At: all[i].At, ID: all[i].ID, Sealed: true, Seq: leaves[i].Seq, Leaf: leaves[i].Hash})
		}
	}
}

// pruned returns what the tree of a log is without the entries before start.
func pruned(t audit.Tree, start uint64) audit.Tree {
	t.Start, t.StartHashes = start, [][32]byte{hashOf("start"), hashOf("again")}
	return t
}

func (w *world) prune(org id.Org, start uint64) audit.Tree {
	w.Helper()
	var t audit.Tree
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		t, err = tx.LockTree(ctx, org)
		t = pruned(t, start)
		return errors.Join(err, tx.Prune(ctx, t))
	})
	return t
}

func pruneBefore(w *world) {
	org := id.NewOrg()
	all := w.sealedInOrder(org, 3)
	all = append(all, w.sealedInOrder(org, 2)...) // checkpoints at 3, 5, 7
	all = append(all, w.sealedInOrder(org, 2)...)
	waiting := newLogged(org, base.Add(-day))
	w.record(waiting)

	want := w.prune(org, 4)
	w.same("LogTree", w.tree(org), want)
	w.gapless(org, 4, 3)
	kept := append(slices.Clone(all[4:]), waiting)
	slices.SortFunc(kept, byPosition)
	w.holds(w.readLog(), org, audit.Filter{}, 10, kept)
	if _, err := w.s.Audit().Find(w.ctx, org, all[3].ID); !errors.Is(err, audit.ErrNoEntry) {
		w.Errorf("Find of an entry that was removed: %v", err)
	}
	if got := w.toSeal(org, 10); len(got) != 1 || got[0].ID != waiting.ID {
		w.Errorf("%d entries wait, want that which did", len(got))
	}
	w.checkpointSizes(org, 7, 5)
	w.prune(org, 5)
	w.checkpointSizes(org, 7, 5) // it ends where what is kept begins
	w.prune(org, 6)
	w.checkpointSizes(org, 7)
	w.gapless(org, 6, 1)
}

// checkpointSizes fails unless the checkpoints of a log have these sizes.
func (w *world) checkpointSizes(org id.Org, want ...uint64) {
	w.Helper()
	list, err := w.s.Audit().Checkpoints(w.ctx, org, 0, 100)
	w.must(err)
	var sizes []uint64
	for _, c := range list {
		sizes = append(sizes, c.Size)
	}
	if !slices.Equal(sizes, want) {
		w.Errorf("there are checkpoints of %v, want %v", sizes, want)
	}
}

func pruneOthers(w *world) {
	ada := w.person("ada")
	org, other := id.NewOrg(), id.NewOrg()
	w.sealedInOrder(org, 3)
	w.sealedInOrder(other, 1)
	w.sealedInOrder(other, 2)
	before := w.tree(other)
	own := newEntry(ada.ID, base.Add(-day))
	w.record(own)
	w.prune(org, 3)
	w.gapless(org, 3, 0)
	w.gapless(other, 0, 3)
	w.same("LogTree", w.tree(other), before)
	w.checkpointSizes(other, 3, 1)
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 1 {
		w.Errorf("%d entries of a history are left, want 1", len(got))
	}
}

func pruneRolledBack(w *world) {
	org := id.NewOrg()
	w.sealedInOrder(org, 3)
	before := w.tree(org)
	_ = w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		t, err := tx.LockTree(ctx, org)
		return errors.Join(err, tx.Prune(ctx, pruned(t, 2)), errBoom)
	})
	w.gapless(org, 0, 3)
	w.same("LogTree", w.tree(org), before)
}

// pruneRace seals and prunes at once: neither loses what the other did.
func pruneRace(w *world) {
	const entries = 48
	for range w.opts.rounds() {
		org := id.NewOrg()
		w.record(logged(org, entries)...)
		for _, err := range w.race(func(caller int) error {
			if caller%2 == 0 {
				return w.sealAll(org, 3)
			}
			for range 4 {
				if err := w.pruneOne(org); err != nil {
					return err
				}
			}
			return nil
		}) {
			w.must(err)
		}
		t := w.tree(org)
		if t.Size != entries || t.Start > racers/2*4 {
			w.Errorf("the tree is of [%d, %d), want up to %d", t.Start, t.Size, entries)
		}
		w.gapless(org, t.Start, entries-int(t.Start)) //nolint:gosec // a few
	}
}

// pruneOne removes the oldest sealed entry, if there is one.
func (w *world) pruneOne(org id.Org) error {
	return w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		t, err := tx.LockTree(ctx, org)
		if err != nil {
			return err
		}
		old, err := tx.Expired(ctx, org, base.Add(day), 1)
		if err != nil || len(old) == 0 {
			return err
		}
		if old[0].Seq != t.Start {
			w.Errorf("the oldest is at place %d, and the log begins at %d", old[0].Seq, t.Start)
		}
		return tx.Prune(ctx, pruned(t, t.Start+1))
	})
}
