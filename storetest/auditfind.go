package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// together asks for every combination of conditions, and compares with what
// chooses entry by entry.
func (w *world) together(read func() reading) {
	org := id.NewOrg()
	users := []id.User{id.NewUser(), id.NewUser()}
	all := logged(org, 48)
	for i := range all {
		all[i].ActorID = users[i%2]
		all[i].Action = audit.Action(fmt.Sprintf("orgs.event_%d", i/2%3))
		all[i].Target.ID = strconv.Itoa(i / 6 % 2)
	}
	w.record(all...)
	middle := all[len(all)/2].At
	for n := range 2 * 3 * 2 * 4 {
		var f audit.Filter
		if n%2 == 1 {
			f.Actor = users[1].String()
		}
		f.Actions = [][]audit.Action{nil, {"orgs.event_1"}, {"orgs.event_0", "orgs.event_2"}}[n/2%3]
		if n/6%2 == 1 {
			f.Target = "1"
		}
		if n/12%2 == 1 {
			f.From = middle
		}
		if n/24 == 1 {
			f.To = middle.Add(3 * time.Second)
		}
		var want []audit.Entry
		for _, e := range all {
			if (f.Actor == "" || e.ActorKey() == f.Actor) && (f.Actions == nil || slices.Contains(f.Actions, e.Action)) &&
				(f.Target == "" || e.Target.ID == f.Target) && !e.At.Before(f.From) && (f.To.IsZero() || e.At.Before(f.To)) {
				want = append(want, e)
			}
		}
		w.holds(read(), org, f, 2, want)
		w.holds(read(), org, f, 100, want)
	}
}

func logOwnWrites(w *world) {
	org := id.NewOrg()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		if err := tx.AppendAudit(ctx, newLogged(org, base)); err != nil {
			return err
		}
		p, err := w.s.Audit().Log(ctx, org, audit.Filter{}, audit.Position{}, 10)
		if len(p.Items) != 1 {
			w.Errorf("Log in the transaction returned %d, want 1", len(p.Items))
		}
		return err
	})
	err := w.s.Audit().Update(w.ctx, func(ctx context.Context, tx audit.Tx) error {
		if err := tx.AppendAudit(ctx, newLogged(org, base)); err != nil {
			return err
		}
		p, err := tx.Log(ctx, org, audit.Filter{}, audit.Position{}, 10)
		if len(p.Items) != 2 {
			w.Errorf("Log of the handle returned %d, want 2", len(p.Items))
		}
		return errors.Join(err, errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v", err)
	}
	if got := w.all(w.readLog(), org, audit.Filter{}, 10); len(got) != 1 {
		w.Errorf("%d entries are stored, want 1", len(got))
	}
}

func linesWithSeal(w *world) {
	org := id.NewOrg()
	all := logged(org, 5)
	w.record(all...)
	leaves := map[id.Entry]audit.Leaf{}
	for _, l := range w.seal(org, 3) {
		leaves[l.Entry] = l
	}
	sealed := 0
	for i, s := range w.all(w.readLines(), org, audit.Filter{}, 2) {
		w.reads("Lines", s, all[i])
		l, ok := leaves[s.ID]
		if s.Sealed != ok || s.Seq != l.Seq || s.Leaf != l.Hash {
			w.Errorf("Lines returned the seal %t, %d, %x, want %t, %d, %x", s.Sealed, s.Seq, s.Leaf, ok, l.Seq, l.Hash)
		}
		if s.Sealed {
			sealed++
		}
	}
	if sealed != 3 {
		w.Errorf("Lines returned %d sealed entries, want 3", sealed)
	}
}

func findSealed(w *world) {
	org := id.NewOrg()
	all := logged(org, 3)
	w.record(all...)
	leaves := w.seal(org, 2)
	for _, e := range all {
		want := audit.Stored{At: e.At, ID: e.ID}
		for _, l := range leaves {
			if l.Entry == e.ID {
				want.Sealed, want.Seq, want.Leaf = true, l.Seq, l.Hash
			}
		}
		got, err := w.s.Audit().Find(w.ctx, org, e.ID)
		w.must(err)
		w.same("Find", got, want)
	}
}

func findOthers(w *world) {
	ada := w.person("ada")
	org, other := id.NewOrg(), id.NewOrg()
	own, e := newEntry(ada.ID, base), newLogged(other, base)
	w.record(own, e)
	for what, ask := range map[string]struct {
		org   id.Org
		entry id.Entry
	}{
		"another organization's": {org, e.ID}, "nobody's": {id.Org{}, e.ID}, "an unknown one": {other, id.NewEntry()},
		"none": {other, id.Entry{}}, "one of a history": {other, own.ID}, "one of a history, of no organization": {id.Org{}, own.ID},
	} {
		_, err := w.s.Audit().Find(w.ctx, ask.org, ask.entry)
		w.refused("Find of "+what, err, audit.ErrNoEntry)
	}
}

func auditOutage(w *world) {
	org := id.NewOrg()
	e := newLogged(org, base)
	w.record(e)
	w.seal(org, 1)
	ctx, s := w.cancelled(), w.s.Audit()
	_, err := s.Log(ctx, org, audit.Filter{}, audit.Position{}, 10)
	w.outage("Log", err)
	_, err = s.Lines(ctx, org, audit.Filter{}, audit.Position{}, 10)
	w.outage("Lines", err)
	_, err = s.Sealed(ctx, org, 0, 10)
	w.outage("Sealed", err)
	_, err = s.Find(ctx, org, e.ID)
	w.outage("Find", err)
	_, err = s.LogTree(ctx, org)
	w.outage("LogTree", err)
	_, err = s.Checkpoints(ctx, org, 0, 10)
	w.outage("Checkpoints", err)
	_, _, err = s.Unsealed(ctx, 10)
	w.outage("Unsealed", err)
	_, err = s.Logs(ctx, id.Org{}, 10)
	w.outage("Logs", err)
}
