package storetest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func auditEraseTests() []check {
	return []check{
		{"ToErase/ByActorTargetHistoryAndAddress", toErase},
		{"ToErase/PagesHoldEachOnce", toErasePages},
		{"Rewrite/ReplacesTheLineAlone", rewrite},
		{"Rewrite/UnknownIsErrNoEntry", rewriteUnknown},
	}
}

func (w *world) toErase(p audit.Person, after id.Entry, limit int) (got []audit.Stored) {
	w.Helper()
	w.audit(func(ctx context.Context, tx audit.Tx) (err error) {
		got, err = tx.ToErase(ctx, p, after, limit)
		return err
	})
	if len(got) > limit {
		w.Fatalf("ToErase returned %d with a limit of %d", len(got), limit)
	}
	return got
}

// naming records entries that name ada, in the order of their identifiers and not
// of time, and some that do not.
func (w *world) naming() (ada audit.Person, all []audit.Entry) {
	p, grace := w.person("ada"), w.person("grace")
	session := id.NewSession().String()
	ada = audit.Person{ID: p.ID, Addresses: []string{"Ada.L@example.com"}, Targets: []string{session}}
	for i, change := range []func(e *audit.Entry){
		func(e *audit.Entry) { e.ActorID = ada.ID },
		func(e *audit.Entry) { e.Target.ID = ada.ID.String() },
		func(e *audit.Entry) { e.ActorID, e.Target.ID = ada.ID, ada.ID.String() },
		func(e *audit.Entry) { e.Target = audit.Target{Kind: "session", ID: session, Name: "Firefox"} },
		func(e *audit.Entry) { e.User = ada.ID },
		func(e *audit.Entry) { e.User, e.Org = ada.ID, id.Org{} },
		func(e *audit.Entry) { e.Target = invitation("ada.l@EXAMPLE.com") },
		func(e *audit.Entry) { e.User, e.Org, e.ActorID = grace.ID, id.Org{}, ada.ID },
		func(e *audit.Entry) { e.User, e.Org, e.Target.ID = grace.ID, id.Org{}, ada.ID.String() },
		func(e *audit.Entry) { e.Org, e.ActorID = id.Org{}, ada.ID },
		func(e *audit.Entry) { e.Org, e.Target.ID = id.Org{}, ada.ID.String() },
		func(e *audit.Entry) { e.Org, e.Target = id.Org{}, invitation("ada.l@example.com") },
		func(e *audit.Entry) { e.User, e.Org, e.Target.ID = ada.ID, id.Org{}, ada.ID.String() },
	} {
		e := newLogged(id.NewOrg(), base.Add(-time.Duration(i)*time.Second))
		change(&e)
		all = append(all, e)
	}
	var others []audit.Entry
	for _, change := range []func(e *audit.Entry){
		func(e *audit.Entry) { e.Target.Name = p.Name },
		func(e *audit.Entry) { e.Target.Name = ada.Addresses[0] },
		func(e *audit.Entry) { e.Target = invitation("ada@example.com") },
		func(e *audit.Entry) { e.Target = invitation("") },
		func(e *audit.Entry) { e.ActorKind, e.ActorID, e.Target = audit.KindSystem, id.User{}, audit.Target{} },
		func(e *audit.Entry) { e.User, e.Org, e.ActorID = grace.ID, id.Org{}, grace.ID },
	} {
		e := newLogged(id.NewOrg(), base)
		change(&e)
		others = append(others, e)
	}
	w.record(append(others, all...)...)
	return ada, all
}

func invitation(address string) audit.Target {
	return audit.Target{Kind: audit.TargetInvitation, ID: id.NewInvitation().String(), Name: address}
}

func toErase(w *world) {
	ada, all := w.naming()
	got := w.toErase(ada, id.Entry{}, 100)
	if len(got) != len(all) {
		w.Fatalf("ToErase returned %d entries, want %d", len(got), len(all))
	}
	for i, s := range got {
		if s.User != all[i].User {
			w.Errorf("entry %d is of the history of %v, want %v", i, s.User, all[i].User)
		}
		s.User = id.User{}
		w.reads("ToErase", s, all[i])
	}
	for what, c := range map[string]struct {
		person audit.Person
		want   int
	}{
		"by the identifier alone": {audit.Person{ID: ada.ID}, 10},
		"by one target":           {audit.Person{Targets: ada.Targets}, 1},
		"by several targets":      {audit.Person{ID: id.NewUser(), Targets: append([]string{ada.ID.String()}, ada.Targets...)}, 6},
		"by an address":           {audit.Person{Addresses: []string{strings.ToUpper(ada.Addresses[0])}}, 2},
		"by nothing":              {audit.Person{}, 0},
		"by an empty target":      {audit.Person{Targets: []string{""}, Addresses: []string{""}}, 0},
		"by strangers": {audit.Person{
			ID: id.NewUser(), Targets: []string{id.NewUser().String(), "a\x00"}, Addresses: []string{"x@example.com", "a\x00", "\xff"},
		}, 0},
		"by what is no person": {audit.Person{ID: id.User{15: 1}}, 0},
	} {
		if got := w.toErase(c.person, id.Entry{}, 100); len(got) != c.want {
			w.Errorf("ToErase %s returned %d, want %d", what, len(got), c.want)
		}
	}
}

func toErasePages(w *world) {
	ada, all := w.naming()
	for _, limit := range []int{1, 2, len(all)} {
		var got []id.Entry
		for after := (id.Entry{}); ; after = got[len(got)-1] {
			page := w.toErase(ada, after, limit)
			if len(page) == 0 || len(got) > len(all) {
				break
			}
			for _, s := range page {
				got = append(got, s.ID)
			}
		}
		if len(got) != len(all) {
			w.Fatalf("pages of %d hold %d entries, want %d", limit, len(got), len(all))
		}
		for i := range got {
			if got[i] != all[i].ID {
				w.Errorf("entry %d in pages of %d is %v, want %v", i, limit, got[i], all[i].ID)
			}
		}
	}
}

func rewrite(w *world) {
	org := id.NewOrg()
	all := w.sealedInOrder(org, 2)
	waiting := newLogged(org, base.Add(day))
	w.record(waiting)
	all = append(all, waiting)
	before := w.all(w.readLines(), org, audit.Filter{}, 10)
	for _, i := range []int{0, 2} {
		less, err := before[i].Line.Erase(audit.EraseActor)
		w.must(err)
		given := bytes.Clone(less)
		w.audit(func(ctx context.Context, tx audit.Tx) error { return tx.Rewrite(ctx, all[i].ID, given) })
		before[i].Line, given[0] = less, 'x'
	}
	for i, s := range w.all(w.readLines(), org, audit.Filter{}, 10) {
		w.same("Lines", s, before[i])
	}
	w.holds(w.readLog(), org, audit.Filter{Actor: all[0].ActorID.String()}, 10, all[:1])
	if got := w.toSeal(org, 10); len(got) != 1 || !bytes.Equal(got[0].Line, before[2].Line) {
		w.Errorf("%d entries wait, want the one that was rewritten", len(got))
	}
}

func rewriteUnknown(w *world) {
	org := id.NewOrg()
	w.record(newLogged(org, base))
	w.audit(func(ctx context.Context, tx audit.Tx) error {
		w.refused("Rewrite", tx.Rewrite(ctx, id.NewEntry(), audit.NewLine(newLogged(org, base))), audit.ErrNoEntry)
		return nil
	})
}
