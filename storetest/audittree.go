package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func sealedOrder(w *world) {
	ada := w.person("ada")
	org := id.NewOrg()
	w.record(logged(org, 6)...)
	w.record(newLogged(id.NewOrg(), base), newEntry(ada.ID, base))
	leaves := w.seal(org, 5)
	for from := range uint64(7) {
		for _, limit := range []int{1, 2, 10} {
			want := leaves[min(int(from), 5):] //nolint:gosec // a few
			want = want[:min(limit, len(want))]
			got := w.sealedFrom(org, from, limit)
			if len(got) != len(want) {
				w.Fatalf("Sealed from %d returned %d with a limit of %d, want %d", from, len(got), limit, len(want))
			}
			for i, s := range got {
				if s.ID != want[i].Entry || s.Seq != want[i].Seq {
					w.Errorf("Sealed from %d returned %v at %d, want %v at %d", from, s.ID, s.Seq, want[i].Entry, want[i].Seq)
				}
			}
		}
	}
	for what, o := range map[string]id.Org{"no organization": {}, "an unknown one": id.NewOrg()} {
		if got := w.sealedFrom(o, 0, 10); len(got) != 0 {
			w.Errorf("Sealed of %s returned %d", what, len(got))
		}
	}
}

func treeOfNothing(w *world) {
	org := id.NewOrg()
	w.same("LogTree", w.tree(org), audit.Tree{Org: org})
	w.record(newLogged(org, base))
	for range 2 {
		w.audit(func(ctx context.Context, tx audit.Tx) error {
			got, err := tx.LockTree(ctx, org)
			w.same("LockTree", got, audit.Tree{Org: org})
			return err
		})
	}
	w.same("LogTree", w.tree(org), audit.Tree{Org: org})
}

func checkpointsBelow(w *world) {
	org := id.NewOrg()
	w.record(logged(org, 9)...)
	var want []audit.Checkpoint // the smallest first
	for _, n := range []int{2, 3, 1, 3} {
		t, _, err := w.trySeal(org, n)
		w.must(err)
		want = append(want, audit.Checkpoint{Size: t.Size, At: t.At, Note: t.Note})
	}
	w.record(newLogged(id.NewOrg(), base))
	slices.Reverse(want)
	for below := range uint64(12) {
		for _, limit := range []int{1, 2, 10} {
			left := want
			for below > 0 && len(left) > 0 && left[0].Size >= below {
				left = left[1:]
			}
			left = left[:min(limit, len(left))]
			got, err := w.s.Audit().Checkpoints(w.ctx, org, below, limit)
			w.must(err)
			if len(got) != len(left) {
				w.Fatalf("Checkpoints below %d returned %d with a limit of %d, want %d", below, len(got), limit, len(left))
			}
			for i := range got {
				w.same("Checkpoints", got[i], left[i])
			}
		}
	}
	got, err := w.s.Audit().Checkpoints(w.ctx, id.NewOrg(), 0, 10)
	w.must(err)
	if len(got) != 0 {
		w.Errorf("Checkpoints of an unknown organization returned %d", len(got))
	}
}

// waiting returns what Unsealed does, and fails if an organization is named twice.
func (w *world) waiting(limit int) ([]id.Org, time.Time) {
	w.Helper()
	got, oldest, err := w.s.Audit().Unsealed(w.ctx, limit)
	w.must(err)
	if len(got) > limit {
		w.Fatalf("Unsealed returned %d with a limit of %d", len(got), limit)
	}
	for i, org := range got {
		if slices.Contains(got[:i], org) {
			w.Fatalf("Unsealed returned %v twice", org)
		}
	}
	return got, oldest
}

func unsealed(w *world) {
	ada := w.person("ada")
	w.record(newEntry(ada.ID, base.Add(-day))) // waits for nothing
	var all []id.Org
	for i := range 4 {
		org := id.NewOrg()
		all = append(all, org)
		for j := range 3 { // the oldest of all is of one in the middle
			w.record(newLogged(org, base.Add(time.Duration(j+(i+2)%4)*time.Second)))
		}
	}
	for _, limit := range []int{1, 3, 10} {
		got, oldest := w.waiting(limit)
		if len(got) != min(limit, len(all)) {
			w.Errorf("Unsealed returned %d with a limit of %d, want %d", len(got), limit, min(limit, len(all)))
		}
		for _, org := range got {
			if !slices.Contains(all, org) {
				w.Errorf("Unsealed returned %v, in whose log nothing waits", org)
			}
		}
		if !oldest.Equal(base) || oldest.Location() != time.UTC {
			w.Errorf("the oldest waits since %v, want %v", oldest, base)
		}
	}
	w.seal(all[2], 1)
	if got, oldest := w.waiting(10); len(got) != 4 || !oldest.Equal(base.Add(time.Second)) {
		w.Errorf("%d organizations wait since %v", len(got), oldest)
	}
	w.seal(all[2], 10)
	if got, _ := w.waiting(10); len(got) != 3 || slices.Contains(got, all[2]) {
		w.Errorf("%d organizations wait after one of 4 was sealed", len(got))
	}
}

func unsealedNone(w *world) {
	for range 2 {
		if got, oldest := w.waiting(10); len(got) != 0 || !oldest.IsZero() {
			w.Errorf("%d organizations wait since %v, want none", len(got), oldest)
		}
		org := id.NewOrg()
		w.record(logged(org, 3)...)
		w.seal(org, 10)
	}
}

func logs(w *world) {
	var all []id.Org
	for range 5 {
		org := id.NewOrg()
		w.record(newLogged(org, base))
		w.seal(org, 10)
		all = append(all, org)
	}
	never, empty := id.NewOrg(), id.NewOrg()
	w.record(newLogged(never, base))
	w.audit(func(ctx context.Context, tx audit.Tx) error { _, err := tx.LockTree(ctx, empty); return err })
	slices.SortFunc(all, func(a, b id.Org) int { return slices.Compare(a[:], b[:]) })
	for _, limit := range []int{1, 2, 5, 10} {
		var got []id.Org
		for after := (id.Org{}); ; after = got[len(got)-1] {
			page, err := w.s.Audit().Logs(w.ctx, after, limit)
			w.must(err)
			if len(page) > limit {
				w.Fatalf("Logs returned %d with a limit of %d", len(page), limit)
			}
			if len(page) == 0 || len(got) > len(all) {
				break
			}
			got = append(got, page...)
		}
		if !slices.Equal(got, all) {
			w.Errorf("Logs in pages of %d are %v, want %v", limit, got, all)
		}
	}
}
