package storetest

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func importTests() []check {
	return []check{
		{"InsertImport/EveryFieldIsReadAsWritten", importRoundTrip},
		{"InsertImport/ListsBelongToTheCaller", importMemory},
		{"InsertImport/WithoutAWaitingRowHasEnded", importEnded},
		{"InsertImport/NotAsOwner", importOwner},
		{"InsertImport/ManyRows", importMany},
		{"Import/CountsItsRows", importCounts},
		{"Import/AnothersIsErrImportNotFound", importOfOthers},
		{"Imports/NewestFirst", importsListed},
		{"ImportRows/OfAStateBehindALine", importRows},
		{"ImportReader/FailureIsNoAnswer", importOutage},
	}
}

// newImport returns one that is not stored yet.
func newImport(org id.Org, by id.User) orgs.Import {
	return orgs.Import{
		ID: id.NewImport(), Org: org, StartedBy: by, Name: "Ada Lovelace", Session: id.NewSession(),
		IP: netip.MustParseAddr("2001:db8::7"), UserAgent: "Mozilla/5.0", RequestID: "request", CreatedAt: base,
	}
}

// waitingRows are rows that wait, on the lines from 2.
func waitingRows(n int) []orgs.ImportRow {
	rows := make([]orgs.ImportRow, n)
	for i := range rows {
		rows[i] = orgs.ImportRow{Line: i + 2, Email: "guest" + strconv.Itoa(i) + "@example.com", Role: orgs.Member, State: orgs.RowWaiting}
	}
	return rows
}

func (w *world) insertImport(i orgs.Import, rows []orgs.ImportRow) error {
	return w.locked(i.Org, func(ctx context.Context, tx orgs.Tx) error { return tx.InsertImport(ctx, i, rows) })
}

// imported stores an import and returns it as it is read.
func (w *world) imported(i orgs.Import, rows ...orgs.ImportRow) orgs.Import {
	w.Helper()
	w.must(w.insertImport(i, rows))
	got, err := w.s.Orgs().Import(w.ctx, i.Org, i.ID)
	w.must(err)
	return got
}

func (w *world) wantImport(want orgs.Import) {
	w.Helper()
	got, err := w.s.Orgs().Import(w.ctx, want.Org, want.ID)
	w.must(err)
	w.same("Import", got, want)
}

func (w *world) wantRows(i id.Import, state orgs.RowState, after, limit int, want ...orgs.ImportRow) {
	w.Helper()
	got, err := w.s.Orgs().ImportRows(w.ctx, i, state, after, limit)
	w.must(err)
	if len(got) != len(want) {
		w.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for n := range want {
		w.same("ImportRows", got[n], want[n])
	}
}

func importRoundTrip(w *world) {
	o, ada := w.founded("acme")
	for n, at := range moments() {
		i := newImport(o.ID, ada.ID)
		i.Name, i.CreatedAt = names()[n%len(names())], at
		if n%2 == 1 {
			i.Session, i.IP, i.UserAgent, i.RequestID = id.Session{}, netip.Addr{}, "", ""
		}
		rows := []orgs.ImportRow{
			{Line: 1, Email: "Guest@Example.com", Role: orgs.Admin, Projects: []string{`"quoted" \ \u0000`, "it's ? $1 {}", "李", "one"}, State: orgs.RowWaiting},
			{Line: 2, Email: `no'body ? $1 "\"`, State: orgs.RowRefused, Code: "invalid_email"},
			{Line: 7, Email: "joan@example.com", Role: orgs.Viewer, State: orgs.RowInvited},
			{Line: 1000000, Role: orgs.Member, State: orgs.RowRefused, Code: "required"},
		}
		w.must(w.insertImport(i, rows))
		i.ImportCounts = orgs.ImportCounts{Rows: 4, Waiting: 1, Invited: 1, Refused: 2}
		w.wantImport(i)
		w.wantRows(i.ID, "", 0, 10, rows...)
	}
}

// importMemory changes what was written, and what was read.
func importMemory(w *world) {
	o, ada := w.founded("acme")
	rows := waitingRows(1)
	rows[0].Projects = []string{"one", "two"}
	i := w.imported(newImport(o.ID, ada.ID), rows...)
	want := rows[0]
	want.Projects = []string{"one", "two"}
	rows[0].Projects[0] = "another"
	w.wantRows(i.ID, "", 0, 10, want)
	got, err := w.s.Orgs().ImportRows(w.ctx, i.ID, "", 0, 10)
	w.must(err)
	got[0].Projects[1] = "another"
	w.wantRows(i.ID, "", 0, 10, want)
}

func importEnded(w *world) {
	o, ada := w.founded("acme")
	refused := orgs.ImportRow{Line: 1, State: orgs.RowRefused, Code: "invalid_email"}
	i := newImport(o.ID, ada.ID)
	i.EndedAt = base.Add(day) // the store knows better
	if got := w.imported(i, refused); !got.EndedAt.Equal(base) {
		w.Errorf("it has ended at %v, want %v", got.EndedAt, base)
	}
	waiting := newImport(o.ID, ada.ID)
	waiting.EndedAt = base
	if got := w.imported(waiting, append(waitingRows(1), refused)...); !got.EndedAt.IsZero() {
		w.Errorf("one with a row that waits has ended at %v", got.EndedAt)
	}
}

func importOwner(w *world) {
	o, ada := w.founded("acme")
	for _, role := range notRoles {
		for _, state := range []orgs.RowState{orgs.RowWaiting, orgs.RowRefused} {
			if role == "" && state == orgs.RowRefused {
				continue // what was no role is not kept
			}
			i, rows := newImport(o.ID, ada.ID), waitingRows(1)
			rows[0].Role, rows[0].State = role, state
			if state == orgs.RowRefused {
				rows[0].Code = "invalid_role"
			}
			if err := w.insertImport(i, rows); err == nil {
				w.Errorf("InsertImport with %q succeeds", role)
			}
			_, err := w.s.Orgs().Import(w.ctx, o.ID, i.ID)
			w.refused("Import", err, orgs.ErrImportNotFound)
		}
	}
}

func importMany(w *world) {
	o, ada := w.founded("acme")
	rows := waitingRows(1000)
	i := w.imported(newImport(o.ID, ada.ID), rows...)
	if i.Rows != 1000 || i.Waiting != 1000 {
		w.Errorf("%+v, want 1000 rows that wait", i.ImportCounts)
	}
	w.wantRows(i.ID, "", 0, 2000, rows...)
}

func importCounts(w *world) {
	o, ada := w.founded("acme")
	other := w.imported(newImport(o.ID, ada.ID), waitingRows(3)...)
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(4)...)
	w.must(w.endRow(i, 2, orgs.RowInvited, ""))
	w.must(w.endRow(i, 4, orgs.RowRefused, "seat_limit"))
	w.must(w.endRow(i, 3, orgs.RowRefused, "already_member"))
	i.ImportCounts = orgs.ImportCounts{Rows: 4, Waiting: 1, Invited: 1, Refused: 2}
	w.wantImport(i)
	w.wantImport(other)
}

func importOfOthers(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	for org, which := range map[id.Org]id.Import{other.ID: i.ID, o.ID: id.NewImport(), id.NewOrg(): i.ID, {}: {}} {
		_, err := w.s.Orgs().Import(w.ctx, org, which)
		w.refused("Import", err, orgs.ErrImportNotFound)
	}
	w.wantRows(id.NewImport(), "", 0, 10)
	w.wantRows(id.Import{}, "", 0, 10)
}

func importsListed(w *world) {
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	w.imported(newImport(other.ID, eve.ID), waitingRows(1)...)
	var all []orgs.Import
	for n := range 3 {
		i := newImport(o.ID, ada.ID)
		i.CreatedAt = base.Add(-time.Duration(n) * day)
		all = append(all, w.imported(i, waitingRows(n)...))
	}
	for limit, want := range map[int][]orgs.Import{0: nil, 1: {all[2]}, 2: {all[2], all[1]}, 5: {all[2], all[1], all[0]}} {
		got, err := w.s.Orgs().Imports(w.ctx, o.ID, limit)
		w.must(err)
		if len(got) != len(want) {
			w.Fatalf("%d imports, want %d", len(got), len(want))
		}
		for n := range want {
			w.same("Imports", got[n], want[n])
		}
	}
}

func importRows(w *world) {
	o, ada := w.founded("acme")
	rows := waitingRows(6) // lines 2 to 7
	for _, n := range []int{1, 4} {
		rows[n].State, rows[n].Code = orgs.RowRefused, "duplicate"
	}
	rows[2].State = orgs.RowInvited
	i := w.imported(newImport(o.ID, ada.ID), rows[5], rows[1], rows[0], rows[2], rows[4], rows[3])
	w.imported(newImport(o.ID, ada.ID), waitingRows(2)...)
	w.wantRows(i.ID, "", 0, 10, rows...)
	w.wantRows(i.ID, "", 3, 2, rows[2], rows[3])
	w.wantRows(i.ID, "", 7, 10)
	w.wantRows(i.ID, "", 0, 0)
	w.wantRows(i.ID, orgs.RowRefused, 0, 10, rows[1], rows[4])
	w.wantRows(i.ID, orgs.RowRefused, 3, 10, rows[4])
	w.wantRows(i.ID, orgs.RowInvited, 0, 10, rows[2])
	w.wantRows(i.ID, orgs.RowWaiting, 2, 1, rows[3])
}

func importOutage(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	ctx := w.cancelled()
	_, err := w.s.Orgs().Import(ctx, o.ID, i.ID)
	w.outage("Import", err)
	_, err = w.s.Orgs().Imports(ctx, o.ID, 10)
	w.outage("Imports", err)
	_, err = w.s.Orgs().ImportRows(ctx, i.ID, "", 0, 10)
	w.outage("ImportRows", err)
}
