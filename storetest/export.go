package storetest

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

func exportTests() []check {
	return []check{
		{"InsertExport/EveryFieldIsReadAsWritten", exportRoundTrip},
		{"InsertExport/ListsBelongToTheCaller", exportMemory},
		{"InsertExport/OneOfAPersonRuns", exportOneRuns},
		{"InsertExport/OneWinnerOf16", exportRace},
		{"Export/AnothersIsErrExportNotFound", exportOfOthers},
		{"Exports/NewestFirst", exportsListed},
		{"ExportReader/FailureIsNoAnswer", exportOutage},
		{"ClaimExport/HidesItUntilThen", claimExportHides},
		{"ClaimExport/LeastRecentlyClaimedFirst", claimExportOrder},
		{"ClaimExport/OnlyWhatRunsAndHasNotExpired", claimExportOver},
		{"ClaimExport/EachOf16GetsAnother", claimExportRace},
		{"SaveExport/StoresHowFarItHasCome", saveExport},
		{"SaveExport/OfALostClaimIsErrExportNotFound", saveExportLost},
		{"EndExports/EndsThoseOfThePerson", endExports},
		{"DueExports/FromThatMomentOn", dueExports},
		{"RemoveExport/LeavesNothingToRead", removeExport},
	}
}

// newExport returns one that is not stored yet.
func newExport(user id.User) accounts.Export {
	return accounts.Export{
		ID: id.NewExport(), User: user, State: accounts.ExportRunning, Sources: []string{"profile", "history"},
		CreatedAt: base, ExpiresAt: base.Add(7 * day),
	}
}

func (w *world) tryInsertExport(e accounts.Export) error {
	return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.InsertExport(ctx, e) })
}

// exported stores an export and returns it.
func (w *world) exported(e accounts.Export) accounts.Export {
	w.Helper()
	w.must(w.tryInsertExport(e))
	return e
}

func (w *world) wantExport(want accounts.Export) {
	w.Helper()
	got, err := w.s.Accounts().Export(w.ctx, want.User, want.ID)
	w.must(err)
	w.same("Export", got, want)
}

func (w *world) noExport(user id.User, e id.Export) {
	w.Helper()
	_, err := w.s.Accounts().Export(w.ctx, user, e)
	w.refused("Export", err, accounts.ErrExportNotFound)
}

func (w *world) claimExport(now, until time.Time) (accounts.Export, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.Export, error) {
		return tx.ClaimExport(ctx, now, until)
	})
}

// wantExportClaim claims want, which is then claimed once more.
func (w *world) wantExportClaim(now, until time.Time, want accounts.Export) accounts.Export {
	w.Helper()
	got, err := w.claimExport(now, until)
	w.must(err)
	want.Claim++
	want.Tries++
	w.same("ClaimExport", got, want)
	return got
}

func (w *world) noExportToClaim(now time.Time) {
	w.Helper()
	_, err := w.claimExport(now, now.Add(day))
	w.refused("ClaimExport", err, accounts.ErrExportNotFound)
}

func (w *world) saveExport(e accounts.Export, until time.Time) error {
	return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.SaveExport(ctx, e, until) })
}

func exportRoundTrip(w *world) {
	for n, at := range moments() {
		e := newExport(w.person("ada" + string(rune('a'+n))).ID)
		e.CreatedAt, e.ExpiresAt = at, at.Add(day)
		e.Sources = []string{"profile", "it's ? $1 {}", "李"}
		e.Parts = []accounts.ExportPart{{Claim: 3, Size: 1 << 40, Records: 7}, {Claim: 4}}
		e.Records, e.Claim, e.Tries = 7, 4, 2
		w.exported(e)
		w.wantExport(e)
		none := newExport(w.person("someone" + string(rune('a'+n))).ID)
		none.Sources = nil
		w.exported(none)
		w.wantExport(none)
	}
}

// exportMemory changes what was written, and what was read.
func exportMemory(w *world) {
	e := newExport(w.person("ada").ID)
	e.Parts = []accounts.ExportPart{{Claim: 1, Size: 2}}
	want := e
	e.Sources, e.Parts = []string{"profile", "history"}, []accounts.ExportPart{{Claim: 1, Size: 2}}
	w.exported(e)
	e.Sources[0], e.Parts[0].Size = "another", 3
	w.wantExport(want)
	got, err := w.s.Accounts().Export(w.ctx, e.User, e.ID)
	w.must(err)
	got.Sources[1], got.Parts[0].Claim = "another", 3
	w.wantExport(want)
}

func exportOneRuns(w *world) {
	ada, joan := w.person("ada"), w.person("joan")
	first := w.exported(newExport(ada.ID))
	second := newExport(ada.ID)
	w.refused("InsertExport", w.tryInsertExport(second), accounts.ErrExportRunning)
	w.noExport(ada.ID, second.ID)
	w.exported(newExport(joan.ID))
	first = w.wantExportClaim(base, base.Add(day), first)
	first.State, first.EndedAt = accounts.ExportFailed, base
	w.must(w.saveExport(first, base))
	w.exported(second)
	w.wantExport(second)
}

func exportRace(w *world) {
	for range w.opts.rounds() {
		user := w.person("ada" + id.NewUser().String()).ID
		w.oneWinner(w.race(func(int) error { return w.tryInsertExport(newExport(user)) }), accounts.ErrExportRunning)
	}
}

func exportOfOthers(w *world) {
	ada, joan := w.person("ada"), w.person("joan")
	e := w.exported(newExport(ada.ID))
	w.noExport(joan.ID, e.ID)
	w.noExport(ada.ID, id.NewExport())
	w.noExport(id.User{}, e.ID)
}

func exportsListed(w *world) {
	ada, joan := w.person("ada"), w.person("joan")
	w.exported(newExport(joan.ID))
	var all []accounts.Export
	for n := range 3 {
		e := newExport(ada.ID)
		e.CreatedAt = base.Add(-time.Duration(n) * day)
		if n < 2 {
			w.exported(e)
			w.accounts(func(ctx context.Context, tx accounts.Tx) error {
				_, err := tx.EndExports(ctx, ada.ID, base)
				return err
			})
			e.State, e.EndedAt, e.ExpiresAt = accounts.ExportEnded, base, base
		} else {
			w.exported(e)
		}
		all = append(all, e)
	}
	for limit, want := range map[int][]accounts.Export{0: nil, 1: {all[2]}, 2: {all[2], all[1]}, 5: {all[2], all[1], all[0]}} {
		got, err := w.s.Accounts().Exports(w.ctx, ada.ID, limit)
		w.must(err)
		if len(got) != len(want) {
			w.Fatalf("%d exports, want %d", len(got), len(want))
		}
		for n := range want {
			w.same("Exports", got[n], want[n])
		}
	}
}

func exportOutage(w *world) {
	e := w.exported(newExport(w.person("ada").ID))
	ctx := w.cancelled()
	_, err := w.s.Accounts().Export(ctx, e.User, e.ID)
	w.outage("Export", err)
	_, err = w.s.Accounts().Exports(ctx, e.User, 10)
	w.outage("Exports", err)
}

func claimExportHides(w *world) {
	w.noExportToClaim(base)
	e := w.exported(newExport(w.person("ada").ID))
	w.noExportToClaim(base.Add(-tick))
	e = w.wantExportClaim(base, base.Add(time.Minute), e)
	w.wantExport(e)
	w.noExportToClaim(base)
	w.noExportToClaim(base.Add(time.Minute - tick))
	w.wantExportClaim(base.Add(time.Minute), base.Add(time.Hour), e)
	w.noExportToClaim(base.Add(time.Hour - tick))
}

func claimExportOrder(w *world) {
	second, first := newExport(w.person("ada").ID), newExport(w.person("joan").ID)
	second.CreatedAt, first.CreatedAt = base.Add(2*time.Second), base.Add(time.Second)
	w.exported(second)
	w.exported(first)
	now := base.Add(time.Minute)
	first = w.wantExportClaim(now, now.Add(time.Minute), first)
	w.must(w.saveExport(first, now))
	second = w.wantExportClaim(now, now.Add(time.Minute), second)
	w.must(w.saveExport(second, now.Add(tick)))
	now = now.Add(tick)
	w.wantExportClaim(now, now.Add(time.Minute), first)
	w.wantExportClaim(now, now.Add(time.Minute), second)
	w.noExportToClaim(now)
}

func claimExportOver(w *world) {
	e := newExport(w.person("ada").ID)
	e.ExpiresAt = base.Add(time.Hour)
	w.exported(e)
	w.noExportToClaim(base.Add(time.Hour))
	e = w.wantExportClaim(base.Add(time.Hour-tick), base.Add(time.Hour-tick), e)
	e.State, e.EndedAt, e.ExpiresAt = accounts.ExportReady, base, base.Add(day)
	w.must(w.saveExport(e, base))
	w.noExportToClaim(base.Add(time.Hour))
}

func claimExportRace(w *world) {
	for range w.opts.rounds() {
		for range racers / 2 {
			w.exported(newExport(w.person("ada" + id.NewUser().String()).ID))
		}
		var claimed [racers]id.Export
		got := map[id.Export]bool{}
		for n, err := range w.race(func(n int) error {
			e, err := w.claimExport(base, base.Add(6*day))
			claimed[n] = e.ID
			return err
		}) {
			if err != nil {
				w.refused("ClaimExport", err, accounts.ErrExportNotFound)
				continue
			}
			if got[claimed[n]] {
				w.Fatalf("%v was claimed twice", claimed[n])
			}
			got[claimed[n]] = true
		}
		// Whoever comes while another claims may find nothing, and come again.
		for len(got) < racers/2 {
			e, err := w.claimExport(base, base.Add(6*day))
			w.must(err)
			if got[e.ID] {
				w.Fatalf("%v was claimed twice", e.ID)
			}
			got[e.ID] = true
		}
	}
}

func saveExport(w *world) {
	other := w.exported(newExport(w.person("joan").ID))
	e := newExport(w.person("ada").ID)
	e.CreatedAt = base.Add(-time.Second)
	w.exported(e)
	e = w.wantExportClaim(base, base.Add(time.Minute), e)
	e.Parts, e.Records, e.Tries = []accounts.ExportPart{{Claim: 1, Size: 5, Records: 2}}, 2, 0
	w.must(w.saveExport(e, base.Add(time.Hour)))
	w.wantExport(e)
	other = w.wantExportClaim(base.Add(time.Minute), base.Add(day), other) // the other one is claimed still
	w.noExportToClaim(base.Add(time.Hour - tick))
	e = w.wantExportClaim(base.Add(time.Hour), base.Add(day), e)
	e.State, e.EndedAt, e.ExpiresAt = accounts.ExportReady, base.Add(time.Hour), base.Add(2*day)
	e.Parts = append(e.Parts, accounts.ExportPart{Claim: 2, Size: 9})
	w.must(w.saveExport(e, base.Add(day)))
	w.wantExport(e)
	w.wantExport(other)
}

func saveExportLost(w *world) {
	e := w.exported(newExport(w.person("ada").ID))
	lost := w.wantExportClaim(base, base.Add(time.Minute), e)
	now := w.wantExportClaim(base.Add(time.Minute), base.Add(time.Hour), lost)
	lost.State, lost.EndedAt = accounts.ExportFailed, base
	w.refused("SaveExport", w.saveExport(lost, base), accounts.ErrExportNotFound)
	w.wantExport(now)
	now.State, now.EndedAt = accounts.ExportReady, base
	w.must(w.saveExport(now, base))
	w.refused("SaveExport", w.saveExport(now, base), accounts.ErrExportNotFound) // it runs no more
	w.wantExport(now)
}

func (w *world) wantEnded(user id.User, now time.Time, want int) {
	w.Helper()
	n, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) (int, error) { return tx.EndExports(ctx, user, now) })
	w.must(err)
	if n != want {
		w.Errorf("EndExports ends %d, want %d", n, want)
	}
}

func endExports(w *world) {
	ada, joan := w.person("ada"), w.person("joan")
	other := w.exported(newExport(joan.ID))
	w.wantEnded(ada.ID, base, 0)
	for _, state := range []accounts.ExportState{accounts.ExportRunning, accounts.ExportReady, accounts.ExportFailed} {
		e := newExport(ada.ID)
		e.CreatedAt = base.Add(-time.Minute)
		w.exported(e)
		if state != accounts.ExportRunning {
			e = w.wantExportClaim(base.Add(-time.Second), base.Add(-time.Second), e)
			e.State, e.EndedAt, e.ExpiresAt = state, base, base.Add(day)
			w.must(w.saveExport(e, base))
		}
		w.wantEnded(ada.ID, base.Add(time.Hour), 1)
		e.State, e.EndedAt, e.ExpiresAt = accounts.ExportEnded, base.Add(time.Hour), base.Add(time.Hour)
		w.wantExport(e)
		w.wantEnded(ada.ID, base.Add(2*time.Hour), 0)
		w.wantExport(e)
	}
	w.wantExport(other)
}

func (w *world) wantDueExports(now time.Time, limit int, want ...id.Export) {
	w.Helper()
	got, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) ([]accounts.Export, error) {
		return tx.DueExports(ctx, now, limit)
	})
	w.must(err)
	if len(got) != len(want) {
		w.Fatalf("%d exports are due, want %d", len(got), len(want))
	}
	for n, e := range want {
		if got[n].ID != e {
			w.Errorf("due export %d is %v, want %v", n, got[n].ID, e)
		}
	}
}

func dueExports(w *world) {
	late, soon := newExport(w.person("ada").ID), newExport(w.person("joan").ID)
	late.ExpiresAt, soon.ExpiresAt = base.Add(2*time.Hour), base.Add(time.Hour)
	w.exported(late)
	w.exported(soon)
	w.wantDueExports(base.Add(time.Hour-tick), 10)
	w.wantDueExports(base.Add(time.Hour), 10, soon.ID)
	w.wantDueExports(base.Add(2*time.Hour), 10, soon.ID, late.ID)
	w.wantDueExports(base.Add(2*time.Hour), 1, soon.ID)
	w.wantDueExports(base.Add(2*time.Hour), 0)
}

func removeExport(w *world) {
	other := w.exported(newExport(w.person("joan").ID))
	e := newExport(w.person("ada").ID)
	e.Parts = []accounts.ExportPart{{Claim: 1, Size: 2}}
	w.exported(e)
	remove := func(now, again time.Time) {
		w.Helper()
		w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.RemoveExport(ctx, e.ID, now, again) })
	}
	remove(base.Add(time.Hour), base.Add(2*time.Hour))
	e.State, e.Parts, e.EndedAt, e.ExpiresAt = accounts.ExportRemoved, nil, base.Add(time.Hour), base.Add(2*time.Hour)
	w.wantExport(e)
	w.wantEnded(e.User, base.Add(time.Hour), 0)
	remove(base.Add(2*time.Hour), base.Add(3*time.Hour)) // when it had ended stays
	e.ExpiresAt = base.Add(3 * time.Hour)
	w.wantExport(e)
	for range 2 {
		w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.ForgetExport(ctx, e.ID) })
		w.noExport(e.User, e.ID)
		remove(base, base)
	}
	w.wantExport(other)
}
