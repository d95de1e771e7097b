package storetest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

func auditLogTests() []check {
	return []check{
		{"Log/EntriesAsTheyWereAppended", logRoundTrip},
		{"Log/WithoutTheirSeal", logWithoutSeal},
		{"Log/NewestFirst", logOrder},
		{"Log/PagesHoldEachOnce", func(w *world) { w.pagesHoldEach(w.readLog) }},
		{"Log/ArrivingEntriesMoveNoPage", logArriving},
		{"Log/OfTheOrganizationAlone", func(w *world) { w.ofTheOrg(w.readLog) }},
		{"Log/ByActor", func(w *world) { w.byActor(w.readLog) }},
		{"Log/ByActions", func(w *world) { w.byActions(w.readLog) }},
		{"Log/ByTarget", func(w *world) { w.byTarget(w.readLog) }},
		{"Log/FromAndTo", func(w *world) { w.fromAndTo(w.readLog) }},
		{"Log/ConditionsHoldTogether", func(w *world) { w.together(w.readLog) }},
		{"Log/SeesItsOwnTransaction", logOwnWrites},
		{"Lines/EntriesWithTheirSeal", linesWithSeal},
		{"Lines/OldestFirst", linesOrder},
		{"Lines/PagesHoldEachOnce", func(w *world) { w.pagesHoldEach(w.readLines) }},
		{"Lines/OfTheOrganizationAlone", func(w *world) { w.ofTheOrg(w.readLines) }},
		{"Lines/ByActor", func(w *world) { w.byActor(w.readLines) }},
		{"Lines/ByActions", func(w *world) { w.byActions(w.readLines) }},
		{"Lines/ByTarget", func(w *world) { w.byTarget(w.readLines) }},
		{"Lines/FromAndTo", func(w *world) { w.fromAndTo(w.readLines) }},
		{"Lines/ConditionsHoldTogether", func(w *world) { w.together(w.readLines) }},
		{"Find/WithItsSealAndWithoutItsLine", findSealed},
		{"Find/NotInThatLogIsErrNoEntry", findOthers},
		{"AuditReader/FailureIsNoAnswer", auditOutage},
	}
}

func (w *world) audit(fn func(ctx context.Context, tx audit.Tx) error) {
	w.Helper()
	w.must(w.s.Audit().Update(w.ctx, fn))
}

// newLogged returns an entry in the log of an organization.
func newLogged(org id.Org, at time.Time) audit.Entry {
	user := id.NewUser()
	return audit.Actor{Kind: audit.KindUser, User: user, Name: "Ada Lovelace"}.
		Did("orgs.renamed", audit.Target{Kind: "org", ID: org.String(), Name: "Acme"}, at).InLogOf(org)
}

// logged returns n entries of a log, which are not stored yet, in the order of
// the log: two at each moment, and those that were made last come first.
func logged(org id.Org, n int) []audit.Entry {
	all := make([]audit.Entry, n)
	for i := range all {
		all[i] = newLogged(org, base.Add(time.Duration((n-1-i)/2)*time.Second))
	}
	slices.SortFunc(all, byPosition)
	return all
}

// byPosition is the order of a log: by time, then by identifier.
func byPosition(a, b audit.Entry) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return slices.Compare(a.ID[:], b.ID[:])
}

// reading is Log, or Lines.
type reading struct {
	what   string
	oldest bool
	page   func(ctx context.Context, org id.Org, f audit.Filter, from audit.Position, limit int) (audit.Page, error)
}

func (w *world) readLog() reading   { return reading{"Log", false, w.s.Audit().Log} }
func (w *world) readLines() reading { return reading{"Lines", true, w.s.Audit().Lines} }

// all returns what the pages of a log hold, of limit entries at most each.
func (w *world) all(r reading, org id.Org, f audit.Filter, limit int) []audit.Stored {
	w.Helper()
	var all []audit.Stored
	from := audit.Position{}
	for range 1000 {
		p, err := r.page(w.ctx, org, f, from, limit)
		w.must(err)
		if len(p.Items) > limit {
			w.Fatalf("%s returned %d with a limit of %d", r.what, len(p.Items), limit)
		}
		all = append(all, p.Items...)
		if p.Next.IsZero() {
			return all
		}
		from = p.Next
	}
	w.Fatalf("%s never ends", r.what)
	return nil
}

// holds fails unless the pages of a log hold these entries, which are in its order.
func (w *world) holds(r reading, org id.Org, f audit.Filter, limit int, want []audit.Entry) {
	w.Helper()
	got := w.all(r, org, f, limit)
	if len(got) != len(want) {
		w.Errorf("%s of %+v in pages of %d: %d entries, want %d", r.what, f, limit, len(got), len(want))
		return
	}
	if !r.oldest {
		want = slices.Clone(want)
		slices.Reverse(want)
	}
	for i, e := range want {
		g := got[i]
		if g.ID != e.ID || !g.At.Equal(e.At) {
			w.Errorf("%s of %+v in pages of %d: entry %d is %v of %v, want %v of %v", r.what, f, limit, i, g.ID, g.At, e.ID, e.At)
			return
		}
	}
}

// reads fails unless a stored entry is e.
func (w *world) reads(what string, s audit.Stored, e audit.Entry) {
	w.Helper()
	got, err := s.Line.Entry()
	w.must(err)
	got.User, got.Org = e.User, e.Org
	w.same(what, got, e)
	if s.ID != e.ID || !s.At.Equal(e.At) || s.At.Location() != time.UTC {
		w.Errorf("%s: entry %v of %v, want %v of %v", what, s.ID, s.At, e.ID, e.At)
	}
}

func logRoundTrip(w *world) {
	org := id.NewOrg()
	var want []audit.Entry
	for i, at := range moments() {
		e := newLogged(org, at)
		e.ActorName, e.Target.Name = names()[i%len(names())], names()[(i+1)%len(names())]
		e.Changes = []audit.Change{{Field: "name", Before: names()[(i+2)%len(names())], After: `"]}`}}
		want = append(want, e)
	}
	w.record(want...)
	slices.SortFunc(want, byPosition)
	for _, r := range []reading{w.readLog(), w.readLines()} {
		got := w.all(r, org, audit.Filter{}, 100)
		if len(got) != len(want) {
			w.Fatalf("%s returned %d entries, want %d", r.what, len(got), len(want))
		}
		if !r.oldest {
			slices.Reverse(got)
		}
		for i := range got {
			w.reads(r.what, got[i], want[i])
		}
	}
	first := w.all(w.readLog(), org, audit.Filter{}, 100)
	first[0].Line[0] = 'x'
	if again := w.all(w.readLog(), org, audit.Filter{}, 100); again[0].Line[0] != '{' {
		w.Error("the line is the reader's memory")
	}
}

func logWithoutSeal(w *world) {
	org := id.NewOrg()
	want := logged(org, 4)
	w.record(want...)
	w.seal(org, 2)
	w.holds(w.readLog(), org, audit.Filter{}, 10, want)
	for _, s := range w.all(w.readLog(), org, audit.Filter{}, 10) {
		if s.Sealed || s.Seq != 0 || s.Leaf != [32]byte{} {
			w.Errorf("Log returned the seal %t, %d, %x", s.Sealed, s.Seq, s.Leaf)
		}
	}
}

func logOrder(w *world) {
	org := id.NewOrg()
	want := logged(org, 9)
	stored := slices.Clone(want)
	slices.SortFunc(stored, func(a, b audit.Entry) int { return slices.Compare(a.ID[:], b.ID[:]) })
	w.record(stored...)
	w.holds(w.readLog(), org, audit.Filter{}, 100, want)
}

func linesOrder(w *world) {
	org := id.NewOrg()
	want := logged(org, 9)
	w.record(want...)
	w.holds(w.readLines(), org, audit.Filter{}, 100, want)
}

func (w *world) pagesHoldEach(read func() reading) {
	org := id.NewOrg()
	want := logged(org, 20)
	w.record(want...)
	for _, limit := range []int{1, 3, 10, 20} {
		w.holds(read(), org, audit.Filter{}, limit, want)
	}
}

func logArriving(w *world) {
	org := id.NewOrg()
	want := logged(org, 12)
	w.record(want...)
	var got []audit.Stored
	from := audit.Position{}
	for range 10 {
		p, err := w.s.Audit().Log(w.ctx, org, audit.Filter{}, from, 3)
		w.must(err)
		got = append(got, p.Items...)
		if from = p.Next; from.IsZero() {
			break
		}
		w.record(newLogged(org, base.Add(day)), newLogged(org, base.Add(2*day)))
	}
	if len(got) != len(want) {
		w.Fatalf("pages hold %d entries while others arrive, want %d", len(got), len(want))
	}
	for i, g := range got {
		if e := want[len(want)-1-i]; g.ID != e.ID {
			w.Errorf("entry %d is %v, want %v", i, g.ID, e.ID)
		}
	}
}

func (w *world) ofTheOrg(read func() reading) {
	ada := w.person("ada")
	org, other := id.NewOrg(), id.NewOrg()
	want := logged(org, 3)
	w.record(want...)
	w.record(logged(other, 2)...)
	w.record(newEntry(ada.ID, base))
	w.holds(read(), org, audit.Filter{}, 10, want)
	for what, o := range map[string]id.Org{"no organization": {}, "an unknown one": id.NewOrg()} {
		if got := w.all(read(), o, audit.Filter{}, 10); len(got) != 0 {
			w.Errorf("the log of %s has %d entries", what, len(got))
		}
	}
}

func (w *world) byActor(read func() reading) {
	org, ada, token := id.NewOrg(), id.NewUser(), id.NewToken()
	by := map[string]audit.Actor{
		ada.String():             {Kind: audit.KindUser, User: ada, Name: "Ada"},
		token.String():           {Kind: audit.KindToken, Token: token, Name: "CI"},
		string(audit.KindSystem): audit.System("purge"),
		"support":                {Kind: audit.KindSupport, Name: "Grace"},
		"anonymous":              {},
	}
	var all []audit.Entry
	want := map[string][]audit.Entry{"": nil, id.NewUser().String(): nil, "nobody": nil, "a\x00": nil}
	for key, a := range by {
		for i := range 3 {
			e := a.Did("orgs.renamed", audit.Target{Kind: "org"}, base.Add(time.Duration(i)*time.Second)).InLogOf(org)
			want[key] = append(want[key], e)
			all = append(all, e)
		}
	}
	w.record(all...)
	slices.SortFunc(all, byPosition)
	want[""] = all
	for key, entries := range want {
		w.holds(read(), org, audit.Filter{Actor: key}, 2, entries)
	}
	w.holds(read(), id.NewOrg(), audit.Filter{Actor: ada.String()}, 2, nil)
}

func (w *world) byActions(read func() reading) {
	org := id.NewOrg()
	all := logged(org, 600)
	of := map[audit.Action][]audit.Entry{}
	many := make([]audit.Action, audit.MaxActions)
	for i := range many {
		many[i] = audit.Action("orgs.event_" + strconv.Itoa(i))
	}
	for i := range all {
		all[i].Action = many[i%len(many)]
		of[all[i].Action] = append(of[all[i].Action], all[i])
	}
	w.record(all...)
	one, two := many[0], many[2]
	both := slices.Concat(of[one], of[two])
	slices.SortFunc(both, byPosition)
	if len(of[one]) == 0 || len(of[two]) == 0 {
		w.Fatal("there are no such entries")
	}
	w.holds(read(), org, audit.Filter{Actions: []audit.Action{one}}, 2, of[one])
	w.holds(read(), org, audit.Filter{Actions: []audit.Action{one, two}}, 3, both)
	w.holds(read(), org, audit.Filter{Actions: []audit.Action{"orgs.unknown", one, "a\x00"}}, 3, of[one])
	w.holds(read(), org, audit.Filter{Actions: []audit.Action{"orgs.unknown"}}, 3, nil)
	w.holds(read(), org, audit.Filter{Actions: many}, 100, all)
}

func (w *world) byTarget(read func() reading) {
	org := id.NewOrg()
	targets := append(names(), "192.0.2.7", "192.0.2", "192.0.2.70")
	of := map[string][]audit.Entry{}
	all := logged(org, 4*len(targets))
	for i := range all {
		all[i].Target.ID = targets[i%len(targets)]
		of[all[i].Target.ID] = append(of[all[i].Target.ID], all[i])
	}
	bare := newLogged(org, base)
	bare.Target = audit.Target{}
	w.record(append(all, bare)...)
	for _, target := range targets {
		w.holds(read(), org, audit.Filter{Target: target}, 3, of[target])
	}
	for _, target := range []string{"unknown", "X", "a\x00", "\xff"} {
		w.holds(read(), org, audit.Filter{Target: target}, 3, nil)
	}
}

func (w *world) fromAndTo(read func() reading) {
	org := id.NewOrg()
	var all []audit.Entry
	for i := range 6 {
		all = append(all, newLogged(org, base.Add(time.Duration(i/2)*tick)))
	}
	w.record(all...)
	at := func(ticks int) time.Time { return base.Add(time.Duration(ticks) * tick) }
	for f, want := range map[[2]time.Time][]audit.Entry{
		{at(0), at(3)}: all,
		{at(1), {}}:    all[2:],
		{{}, at(1)}:    all[:2],
		{at(1), at(2)}: all[2:4],
		{at(2), {}}:    all[4:],
		{at(3), {}}:    nil,
		{{}, at(0)}:    nil,
		{at(2), at(1)}: nil,
	} {
		for _, limit := range []int{1, 10} {
			w.holds(read(), org, audit.Filter{From: f[0], To: f[1]}, limit, want)
		}
	}
	// In another zone it is the same moment.
	zone := time.FixedZone("", -5*3600)
	w.holds(read(), org, audit.Filter{From: at(1).In(zone), To: at(2).In(zone)}, 10, all[2:4])
}
