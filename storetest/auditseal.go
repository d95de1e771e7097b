package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func auditSealTests() []check {
	return []check{
		{"ToSeal/InTheOrderOfIdentifiers", toSealOrder},
		{"ToSeal/OfTheOrganizationAlone", toSealOfOthers},
		{"Seal/StoresLeavesTreeAndCheckpoint", sealRoundTrip},
		{"Seal/TreesBelongToTheCaller", sealMemory},
		{"Seal/FollowsWhatWasSealed", sealFollows},
		{"Seal/RolledBackTheyWait", sealRolledBack},
		{"Seal/WhatDoesNotWaitIsAnError", sealTwice},
		{"Seal/TakenPlaceIsAnError", sealTaken},
		{"Seal/ManyAtOnce", sealMany},
		{"Seal/EachOnceBy16AtOnce", sealRace},
		{"Seal/EachOnceWhileOthersAppend", sealAppendRace},
		{"Sealed/InTheOrderOfSealsFromAPlace", sealedOrder},
		{"LogTree/OfALogWithoutSealsHasOrgAlone", treeOfNothing},
		{"Checkpoints/LargestFirstBelowASize", checkpointsBelow},
		{"Unsealed/OrganizationsAndTheOldestOfAll", unsealed},
		{"Unsealed/NoneWhenAllAreSealed", unsealedNone},
		{"Logs/InTheOrderOfIdentifiers", logs},
	}
}

// grown returns t with leaves for entries that follow. What it is made of is
// nobody's concern but that of package audit.
func grown(t audit.Tree, waiting []audit.Stored) (audit.Tree, []audit.Leaf) {
	leaves := make([]audit.Leaf, len(waiting))
	for i, e := range waiting {
		leaves[i] = audit.Leaf{Entry: e.ID, Seq: t.Size + uint64(i), Hash: hashOf("leaf of " + e.ID.String())}
	}
	t.Size += uint64(len(leaves))
	t.Hashes = [][32]byte{hashOf("a" + strconv.FormatUint(t.Size, 10)), hashOf("b" + strconv.FormatUint(t.Size, 10))}
	t.Note = []byte("example.com/" + t.Org.String() + "\n" + strconv.FormatUint(t.Size, 10) + "\n\n\u2014 x\n")
	t.At = base.Add(time.Duration(t.Size) * time.Second) //nolint:gosec // a few
	return t, leaves
}

// trySeal seals what waits in a log, limit entries at most, and returns the tree
// and what was sealed.
func (w *world) trySeal(org id.Org, limit int) (t audit.Tree, leaves []audit.Leaf, err error) {
	err = w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		if t, err = tx.LockTree(ctx, org); err != nil {
			return err
		}
		waiting, err := tx.ToSeal(ctx, org, limit)
		if leaves = nil; err != nil || len(waiting) == 0 {
			return err
		}
		t, leaves = grown(t, waiting)
		return tx.Seal(ctx, t, leaves)
	})
	return t, leaves, err
}

func (w *world) seal(org id.Org, limit int) []audit.Leaf {
	w.Helper()
	_, leaves, err := w.trySeal(org, limit)
	w.must(err)
	return leaves
}

func (w *world) sealedFrom(org id.Org, from uint64, limit int) []audit.Stored {
	w.Helper()
	got, err := w.s.Audit().Sealed(w.ctx, org, from, limit)
	w.must(err)
	if len(got) > limit {
		w.Fatalf("Sealed returned %d with a limit of %d", len(got), limit)
	}
	return got
}

// gapless fails unless the log has n sealed entries, each at one place, from first
// on without a gap.
func (w *world) gapless(org id.Org, first uint64, n int) {
	w.Helper()
	seen := map[id.Entry]bool{}
	got := w.sealedFrom(org, 0, n+100)
	for i, s := range got {
		if !s.Sealed || s.Seq != first+uint64(i) {
			w.Fatalf("entry %d is at place %d (sealed: %t), want %d", i, s.Seq, s.Sealed, first+uint64(i))
		}
		if seen[s.ID] {
			w.Fatalf("entry %v has two places", s.ID)
		}
		seen[s.ID] = true
	}
	if len(got) != n {
		w.Errorf("%d entries are sealed, want %d", len(got), n)
	}
}

func (w *world) tree(org id.Org) audit.Tree {
	w.Helper()
	t, err := w.s.Audit().LogTree(w.ctx, org)
	w.must(err)
	return t
}

// toSeal returns what waits for its seal.
func (w *world) toSeal(org id.Org, limit int) (got []audit.Stored) {
	w.Helper()
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		got, err = tx.ToSeal(ctx, org, limit)
		return err
	})
	return got
}

func toSealOrder(w *world) {
	org := id.NewOrg()
	stored := logged(org, 9) // by time
	w.record(stored...)
	want := slices.Clone(stored)
	slices.SortFunc(want, func(a, b audit.Entry) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, limit := range []int{1, 4, 9, 20} {
		got := w.toSeal(org, limit)
		if len(got) != min(limit, len(want)) {
			w.Fatalf("ToSeal returned %d with a limit of %d, want %d", len(got), limit, min(limit, len(want)))
		}
		for i, s := range got {
			w.reads("ToSeal", s, want[i])
		}
	}
	w.seal(org, 4)
	if got := w.toSeal(org, 20); len(got) != 5 || got[0].ID != want[4].ID {
		w.Errorf("%d entries wait after 4 of 9 were sealed", len(got))
	}
}

func toSealOfOthers(w *world) {
	ada := w.person("ada")
	org := id.NewOrg()
	w.record(newLogged(org, base), newLogged(id.NewOrg(), base), newEntry(ada.ID, base))
	if got := w.toSeal(org, 10); len(got) != 1 {
		w.Errorf("%d entries wait, want 1", len(got))
	}
	for what, o := range map[string]id.Org{"no organization": {}, "an unknown one": id.NewOrg()} {
		if got := w.toSeal(o, 10); len(got) != 0 {
			w.Errorf("%d entries of %s wait", len(got), what)
		}
	}
}

func sealRoundTrip(w *world) {
	org, other := id.NewOrg(), id.NewOrg()
	w.record(logged(org, 3)...)
	w.record(logged(other, 2)...)
	w.seal(other, 10)
	waiting := w.toSeal(org, 10)
	want, leaves := grown(audit.Tree{Org: org}, waiting)
	leaves[1].Hash = [32]byte{} // a hash as good as any
	w.audit(func(ctx context.Context, tx audit.Tx) error {
		got, err := tx.LockTree(ctx, org)
		w.same("LockTree", got, audit.Tree{Org: org})
		return errors.Join(err, tx.Seal(ctx, want, leaves))
	})
	w.same("LogTree", w.tree(org), want)
	w.audit(func(ctx context.Context, tx audit.Tx) error {
		got, err := tx.LockTree(ctx, org)
		w.same("LockTree", got, want)
		return err
	})
	got, err := w.s.Audit().Checkpoints(w.ctx, org, 0, 10)
	w.must(err)
	if len(got) != 1 {
		w.Fatalf("%d checkpoints are stored, want 1", len(got))
	}
	w.same("Checkpoints", got[0], audit.Checkpoint{Size: want.Size, At: want.At, Note: want.Note})
	for i, s := range w.sealedFrom(org, 0, 10) {
		if s.ID != leaves[i].Entry || s.Leaf != leaves[i].Hash || s.Seq != leaves[i].Seq || !s.Sealed || !bytes.Equal(s.Line, waiting[i].Line) {
			w.Errorf("Sealed returned %v at %d with %x, want %v at %d with %x", s.ID, s.Seq, s.Leaf, leaves[i].Entry, leaves[i].Seq, leaves[i].Hash)
		}
		if !s.At.Equal(waiting[i].At) || s.At.Location() != time.UTC {
			w.Errorf("Sealed returned an entry of %v, want %v", s.At, waiting[i].At)
		}
	}
}

func sealMemory(w *world) {
	org := id.NewOrg()
	w.record(logged(org, 3)...)
	want, leaves := grown(audit.Tree{Org: org}, w.toSeal(org, 10))
	given := want
	given.Hashes, given.Note = slices.Clone(want.Hashes), bytes.Clone(want.Note)
	w.audit(func(ctx context.Context, tx audit.Tx) error {
		_, err := tx.LockTree(ctx, org)
		return errors.Join(err, tx.Seal(ctx, given, leaves))
	})
	given.Hashes[0], given.Note[0] = [32]byte{}, 0
	got := w.tree(org)
	w.same("LogTree", got, want)
	got.Hashes[0], got.Note[0] = [32]byte{}, 0
	w.same("LogTree", w.tree(org), want)
	for range 2 {
		list, err := w.s.Audit().Checkpoints(w.ctx, org, 0, 1)
		w.must(err)
		w.same("Checkpoints", list[0].Note, want.Note)
		list[0].Note[0] = 0
	}
}

func sealFollows(w *world) {
	org := id.NewOrg()
	w.record(logged(org, 7)...)
	for _, limit := range []int{3, 1, 10, 10} {
		w.seal(org, limit)
	}
	w.gapless(org, 0, 7)
	w.record(logged(org, 2)...)
	w.seal(org, 10)
	w.gapless(org, 0, 9)
	if t := w.tree(org); t.Size != 9 {
		w.Errorf("the tree has %d entries, want 9", t.Size)
	}
}

func sealRolledBack(w *world) {
	org := id.NewOrg()
	w.record(logged(org, 3)...)
	err := w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		t, err := tx.LockTree(ctx, org)
		w.must(err)
		waiting, err := tx.ToSeal(ctx, org, 10)
		w.must(err)
		t, leaves := grown(t, waiting)
		return errors.Join(tx.Seal(ctx, t, leaves), errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v", err)
	}
	w.same("LogTree", w.tree(org), audit.Tree{Org: org})
	if got := w.toSeal(org, 10); len(got) != 3 {
		w.Errorf("%d entries wait, want 3", len(got))
	}
	w.gapless(org, 0, 0)
}

// resealed returns what the store says to leaves that are sealed after those that
// w.seal has sealed.
func (w *world) resealed(org id.Org, leaves ...audit.Leaf) error {
	return w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		t, err := tx.LockTree(ctx, org)
		if err != nil {
			return err
		}
		t.Size += uint64(len(leaves))
		return tx.Seal(ctx, t, leaves)
	})
}

func sealTwice(w *world) {
	ada := w.person("ada")
	org, other := id.NewOrg(), id.NewOrg()
	w.record(logged(org, 2)...)
	theirs, own := newLogged(other, base), newEntry(ada.ID, base)
	w.record(theirs, own)
	sealed := w.seal(org, 10)
	last := newLogged(org, base)
	w.record(last)
	for what, e := range map[string]id.Entry{
		"one with a seal": sealed[0].Entry, "another log's": theirs.ID, "one of a history": own.ID, "an unknown one": id.NewEntry(),
	} {
		if err := w.resealed(org, audit.Leaf{Entry: e, Seq: 2}); err == nil {
			w.Errorf("sealing %s is no error", what)
		}
		if err := w.resealed(org, audit.Leaf{Entry: last.ID, Seq: 2}, audit.Leaf{Entry: e, Seq: 3}); err == nil {
			w.Errorf("sealing %s with another is no error", what)
		}
	}
	w.gapless(org, 0, 2)
	w.must(w.resealed(org, audit.Leaf{Entry: last.ID, Seq: 2}))
	w.gapless(org, 0, 3)
}

func sealTaken(w *world) {
	org := id.NewOrg()
	w.record(logged(org, 2)...)
	w.seal(org, 10)
	e := newLogged(org, base)
	w.record(e)
	for seq := range uint64(2) {
		if err := w.resealed(org, audit.Leaf{Entry: e.ID, Seq: seq}); err == nil {
			w.Errorf("sealing at place %d, which is taken, is no error", seq)
		}
	}
	w.gapless(org, 0, 2)
}

func sealMany(w *world) {
	org := id.NewOrg()
	const many = 1000
	all := make([]audit.Entry, many)
	for i := range all {
		all[i] = newLogged(org, base)
	}
	w.record(all...)
	if got := w.seal(org, many); len(got) != many {
		w.Fatalf("%d entries waited, want %d", len(got), many)
	}
	w.gapless(org, 0, many)
}

func sealRace(w *world) {
	const entries = 40
	for range w.opts.rounds() {
		org := id.NewOrg()
		w.record(logged(org, entries)...)
		for _, err := range w.race(func(int) error { return w.sealAll(org, 3) }) {
			w.must(err)
		}
		w.gapless(org, 0, entries)
		if t := w.tree(org); t.Size != entries {
			w.Errorf("the tree has %d entries, want %d", t.Size, entries)
		}
	}
}

// sealAll seals until nothing waits.
func (w *world) sealAll(org id.Org, limit int) error {
	for {
		if _, leaves, err := w.trySeal(org, limit); err != nil || len(leaves) == 0 {
			return err
		}
	}
}

func sealAppendRace(w *world) {
	for range w.opts.rounds() {
		org := id.NewOrg()
		for _, err := range w.race(func(caller int) error {
			for range 4 {
				if caller%4 == 0 {
					if err := w.sealAll(org, 3); err != nil {
						return err
					}
					continue
				}
				err := w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
					return tx.AppendAudit(ctx, newLogged(org, base))
				})
				if err != nil {
					return err
				}
			}
			return nil
		}) {
			w.must(err)
		}
		w.must(w.sealAll(org, 100))
		w.gapless(org, 0, racers*3/4*4)
	}
}
