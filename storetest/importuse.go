package storetest

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func importUseTests() []check {
	return []check{
		{"ClaimImport/HidesItUntilThen", claimImportHides},
		{"ClaimImport/LeastRecentlyClaimedFirst", claimImportOrder},
		{"ClaimImport/EndedOnesAreErrImportNotFound", claimImportEnded},
		{"ClaimImport/EachOf16GetsAnother", claimImportRace},
		{"ReleaseImport/EndsTheClaim", releaseImport},
		{"ReleaseImport/LeavesAClaimThatFollowed", releaseStale},
		{"EndImportRow/EndsOneThatWaits", endImportRow},
		{"EndImportRow/TheLastOneEndsTheImport", endLastRow},
		{"EndImportRow/EndedIsErrImportNotFound", endEndedRow},
		{"EndImportRow/RolledBackItWaits", endRowRolledBack},
		{"EndImportRow/OneWinnerOf16", endRowRace},
		{"PurgeImports/BegunBeforeT", purgeImports},
		{"PurgeImports/AtMostTheLimit", purgeImportsLimit},
	}
}

func (w *world) claimImport(now, until time.Time) (i orgs.Import, err error) {
	err = w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
		i, err = tx.ClaimImport(ctx, now, until)
		return err
	})
	return i, err
}

func (w *world) wantClaim(now, until time.Time, want orgs.Import) {
	w.Helper()
	got, err := w.claimImport(now, until)
	w.must(err)
	w.same("ClaimImport", got, want)
}

func (w *world) nothingToClaim(now time.Time) {
	w.Helper()
	_, err := w.claimImport(now, now.Add(day))
	w.refused("ClaimImport", err, orgs.ErrImportNotFound)
}

func (w *world) release(i id.Import, until, now time.Time) {
	w.Helper()
	w.orgs(func(ctx context.Context, tx orgs.Tx) error { return tx.ReleaseImport(ctx, i, until, now) })
}

func (w *world) endRow(i orgs.Import, line int, state orgs.RowState, code string) error {
	return w.locked(i.Org, func(ctx context.Context, tx orgs.Tx) error {
		return tx.EndImportRow(ctx, i.ID, line, state, code, base.Add(time.Hour))
	})
}

func claimImportHides(w *world) {
	o, ada := w.founded("acme")
	w.nothingToClaim(base)
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(2)...)
	w.nothingToClaim(base.Add(-tick))
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.ClaimImport(ctx, base, base.Add(time.Minute))
		return err
	})
	w.wantClaim(base, base.Add(time.Minute), i)
	w.nothingToClaim(base)
	w.nothingToClaim(base.Add(time.Minute - tick))
	w.wantClaim(base.Add(time.Minute), base.Add(time.Hour), i)
	w.nothingToClaim(base.Add(time.Hour - tick))
}

// claimImportOrder sees that none waits for another that is longer.
func claimImportOrder(w *world) {
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	second := newImport(o.ID, ada.ID)
	second.CreatedAt = base.Add(2 * time.Second)
	first := newImport(other.ID, eve.ID)
	first.CreatedAt = base.Add(time.Second)
	second, first = w.imported(second, waitingRows(1)...), w.imported(first, waitingRows(1)...)
	now := base.Add(time.Minute)
	w.wantClaim(now, now.Add(time.Minute), first)
	w.release(first.ID, now.Add(time.Minute), now)
	w.wantClaim(now, now.Add(time.Minute), second)
	w.release(second.ID, now.Add(time.Minute), now.Add(tick))
	now = now.Add(tick)
	w.wantClaim(now, now.Add(time.Minute), first)
	w.wantClaim(now, now.Add(time.Minute), second)
	w.nothingToClaim(now)
}

func claimImportEnded(w *world) {
	o, ada := w.founded("acme")
	w.imported(newImport(o.ID, ada.ID), orgs.ImportRow{Line: 1, State: orgs.RowRefused, Code: "invalid_email"})
	w.nothingToClaim(base.Add(day))
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	w.must(w.endRow(i, 2, orgs.RowInvited, ""))
	w.nothingToClaim(base.Add(day))
}

func claimImportRace(w *world) {
	o, ada := w.founded("acme")
	for range w.opts.rounds() {
		for range racers / 2 {
			w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
		}
		var claimed [racers]id.Import
		got := map[id.Import]bool{}
		for n, err := range w.race(func(n int) error {
			i, err := w.claimImport(base, base.Add(1000*day))
			claimed[n] = i.ID
			return err
		}) {
			if err != nil {
				w.refused("ClaimImport", err, orgs.ErrImportNotFound)
				continue
			}
			if got[claimed[n]] {
				w.Fatalf("%v was claimed twice", claimed[n])
			}
			got[claimed[n]] = true
		}
		// Whoever comes while another claims may find nothing, and come again.
		for len(got) < racers/2 {
			i, err := w.claimImport(base, base.Add(1000*day))
			w.must(err)
			if got[i.ID] {
				w.Fatalf("%v was claimed twice", i.ID)
			}
			got[i.ID] = true
		}
		w.nothingToClaim(base)
	}
}

func releaseImport(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	until := base.Add(time.Hour)
	w.wantClaim(base, until, i)
	w.release(i.ID, until, base.Add(time.Minute))
	w.nothingToClaim(base.Add(time.Minute - tick))
	w.wantClaim(base.Add(time.Minute), until, i)
	w.release(id.NewImport(), until, base) // of nothing is no failure
	w.nothingToClaim(until.Add(-tick))
}

func releaseStale(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	until := base.Add(time.Minute)
	w.wantClaim(base, until, i)
	w.wantClaim(until, until.Add(time.Hour), i)
	w.release(i.ID, until, until)
	w.nothingToClaim(until.Add(time.Hour - tick))
}

func endImportRow(w *world) {
	o, ada := w.founded("acme")
	rows := waitingRows(3)
	i, other := w.imported(newImport(o.ID, ada.ID), rows...), w.imported(newImport(o.ID, ada.ID), rows...)
	w.must(w.endRow(i, 3, orgs.RowInvited, ""))
	w.must(w.endRow(i, 4, orgs.RowRefused, "seat_limit"))
	w.wantRows(other.ID, "", 0, 10, rows...)
	rows[1].State = orgs.RowInvited
	rows[2].State, rows[2].Code = orgs.RowRefused, "seat_limit"
	w.wantRows(i.ID, "", 0, 10, rows...)
	w.wantImport(other)
}

func endLastRow(w *world) {
	o, ada := w.founded("acme")
	other := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(2)...)
	w.must(w.endRow(i, 3, orgs.RowInvited, ""))
	i.ImportCounts = orgs.ImportCounts{Rows: 2, Waiting: 1, Invited: 1}
	w.wantImport(i)
	w.must(w.endRow(i, 2, orgs.RowRefused, "already_member"))
	i.EndedAt = base.Add(time.Hour)
	i.ImportCounts = orgs.ImportCounts{Rows: 2, Invited: 1, Refused: 1}
	w.wantImport(i)
	w.wantImport(other)
}

func endEndedRow(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), append(waitingRows(2), orgs.ImportRow{Line: 1, State: orgs.RowRefused, Code: "invalid_email"})...)
	w.must(w.endRow(i, 2, orgs.RowInvited, ""))
	for _, line := range []int{1, 2, 0, 9} {
		w.refused("EndImportRow", w.endRow(i, line, orgs.RowRefused, "duplicate"), orgs.ErrImportNotFound)
	}
	i.ID = id.NewImport()
	w.refused("EndImportRow", w.endRow(i, 3, orgs.RowInvited, ""), orgs.ErrImportNotFound)
}

func endRowRolledBack(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(1)...)
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		return tx.EndImportRow(ctx, i.ID, 2, orgs.RowInvited, "", base)
	})
	w.wantImport(i)
	w.wantRows(i.ID, orgs.RowWaiting, 0, 10, waitingRows(1)...)
}

func endRowRace(w *world) {
	o, ada := w.founded("acme")
	i := w.imported(newImport(o.ID, ada.ID), waitingRows(w.opts.rounds())...)
	for round := range w.opts.rounds() {
		w.oneWinner(w.race(func(int) error { return w.endRow(i, round+2, orgs.RowInvited, "") }), orgs.ErrImportNotFound)
	}
	got, err := w.s.Orgs().Import(w.ctx, o.ID, i.ID)
	w.must(err)
	if got.Invited != w.opts.rounds() || got.EndedAt.IsZero() {
		w.Errorf("%+v, ended at %v", got.ImportCounts, got.EndedAt)
	}
}

func (w *world) purgeImports(t time.Time, limit int) (n int) {
	w.Helper()
	w.orgs(func(ctx context.Context, tx orgs.Tx) (err error) {
		n, err = tx.PurgeImports(ctx, t, limit)
		return err
	})
	return n
}

func purgeImports(w *world) {
	o, ada := w.founded("acme")
	old, ended, young := newImport(o.ID, ada.ID), newImport(o.ID, ada.ID), newImport(o.ID, ada.ID)
	old.CreatedAt, ended.CreatedAt = base.Add(-tick), base.Add(-tick)
	old = w.imported(old, waitingRows(3)...)
	ended = w.imported(ended, orgs.ImportRow{Line: 1, State: orgs.RowRefused, Code: "invalid_email"})
	young = w.imported(young, waitingRows(2)...)
	if n := w.purgeImports(base.Add(-tick), 10); n != 0 {
		w.Errorf("PurgeImports removed %d, want none", n)
	}
	if n := w.purgeImports(base, 10); n != 2 {
		w.Errorf("PurgeImports removed %d, want 2", n)
	}
	for _, i := range []orgs.Import{old, ended} {
		_, err := w.s.Orgs().Import(w.ctx, o.ID, i.ID)
		w.refused("Import", err, orgs.ErrImportNotFound)
		w.wantRows(i.ID, "", 0, 10)
		w.refused("EndImportRow", w.endRow(i, 2, orgs.RowInvited, ""), orgs.ErrImportNotFound)
	}
	w.wantImport(young)
	w.wantRows(young.ID, "", 0, 10, waitingRows(2)...)
}

func purgeImportsLimit(w *world) {
	o, ada := w.founded("acme")
	for range 5 {
		w.imported(newImport(o.ID, ada.ID), waitingRows(2)...)
	}
	for _, want := range []int{2, 2, 1, 0} {
		if n := w.purgeImports(base.Add(tick), 2); n != want {
			w.Errorf("PurgeImports removed %d, want %d", n, want)
		}
	}
	if n := w.purgeImports(base.Add(tick), 0); n != 0 {
		w.Errorf("PurgeImports removed %d with a limit of 0", n)
	}
}
