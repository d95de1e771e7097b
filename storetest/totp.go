package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func totpTests() []check {
	return []check{
		{"TOTP/NoneIsErrFactorNotFound", totpNone},
		{"TOTPKeys/EachNameOnce", totpKeys},
		{"PutTOTP/EveryFieldIsReadAsWritten", putTOTPRoundTrip},
		{"PutTOTP/WaitsToBeConfirmed", putTOTPUnconfirmed},
		{"PutTOTP/ReplacesAnUnconfirmedOne", putTOTPReplaces},
		{"PutTOTP/ErrTOTPEnabledOverAConfirmedOne", putTOTPEnabled},
		{"PutTOTP/OneOf16IsThere", putTOTPRace},
		{"ConfirmTOTP/UsesUpTheStep", confirmTOTP},
		{"ConfirmTOTP/AnotherIsErrFactorNotFound", confirmTOTPAnother},
		{"ConfirmTOTP/MadeAfterMadeSince", confirmTOTPAge},
		{"ConfirmTOTP/UnconfirmedIfRolledBack", confirmTOTPRolledBack},
		{"ConfirmTOTP/OneWinnerOf16", confirmTOTPRace},
		{"ConfirmTOTP/RacesPutTOTP", confirmTOTPRacesPut},
		{"AdvanceTOTP/EachStepOnceAndForward", advanceTOTP},
		{"AdvanceTOTP/NotOfAnotherApp", advanceTOTPAnother},
		{"AdvanceTOTP/NotBeforeTheConfirmation", advanceTOTPUnconfirmed},
		{"AdvanceTOTP/NotWhileSuspended", advanceTOTPSuspended},
		{"AdvanceTOTP/UnusedIfRolledBack", advanceTOTPRolledBack},
		{"AdvanceTOTP/OneWinnerOf16", advanceTOTPRace},
		{"AdvanceTOTP/StepsOf16NeverGoBack", advanceTOTPOrder},
		{"FailTOTP/SuspendsAtEveryMultiple", failTOTP},
		{"FailTOTP/WithoutUntilSuspendsNobody", failTOTPWithoutUntil},
		{"FailTOTP/KeepsALongerSuspension", failTOTPLonger},
		{"FailTOTP/WithoutAConfirmedAppIsZero", failTOTPNone},
		{"FailTOTP/CountsEachOf16", failTOTPRace},
		{"ResealTOTP/ReplacesTheOldAlone", resealTOTP},
		{"ResealTOTP/OneWinnerOf16", resealTOTPRace},
		{"DeleteTOTP/RemovesThePersonsAlone", deleteTOTP},
		{"DeleteTOTP/ThereIfRolledBack", deleteTOTPRolledBack},
		{"DeleteTOTP/OneWinnerOf16", deleteTOTPRace},
		{"PurgeFactors/RemovesAppsUnconfirmedForAnHour", purgeTOTP},
	}
}

// newTOTP returns an app made at a time, which is not stored yet.
func newTOTP(user id.User, at time.Time) security.TOTP {
	return security.TOTP{ID: id.NewFactor(), User: user, Sealed: []byte("sealed for " + user.String()), Key: "k1", CreatedAt: at}
}

func (w *world) putTOTP(t security.TOTP) security.TOTP {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.PutTOTP(ctx, t) })
	return t
}

func (w *world) confirmTOTP(t security.TOTP, step int64, now time.Time) error {
	return w.try(func(ctx context.Context, tx security.Tx) error {
		return tx.ConfirmTOTP(ctx, t.User, t.ID, step, now, t.CreatedAt.Add(-tick))
	})
}

// confirmed2FA stores an app made and confirmed at base.
func (w *world) confirmed2FA(user id.User, step int64) security.TOTP {
	w.Helper()
	t := w.putTOTP(newTOTP(user, base))
	w.must(w.confirmTOTP(t, step, base))
	t.ConfirmedAt, t.LastUsedAt, t.LastStep = base, base, step
	return t
}

func (w *world) advance(t security.TOTP, step int64, now time.Time) (bool, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (bool, error) {
		return tx.AdvanceTOTP(ctx, t.User, t.ID, step, now)
	})
}

func (w *world) wantAdvance(t security.TOTP, step int64, now time.Time, want bool) {
	w.Helper()
	did, err := w.advance(t, step, now)
	w.must(err)
	if did != want {
		w.Fatalf("AdvanceTOTP to step %d at %v = %t, want %t", step, now, did, want)
	}
}

func (w *world) failTOTP(user id.User, limit int, until time.Time) int {
	w.Helper()
	n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) { return tx.FailTOTP(ctx, user, limit, until) })
	w.must(err)
	return n
}

func (w *world) deleteTOTP(user id.User) error {
	return w.try(func(ctx context.Context, tx security.Tx) error { return tx.DeleteTOTP(ctx, user) })
}

func (w *world) wantTOTP(want security.TOTP) {
	w.Helper()
	got, err := w.s.Security().TOTP(w.ctx, want.User)
	w.must(err)
	w.same("TOTP", got, want)
}

func (w *world) noTOTP(user id.User) {
	w.Helper()
	_, err := w.s.Security().TOTP(w.ctx, user)
	w.refused("TOTP", err, security.ErrFactorNotFound)
}

func totpNone(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.confirmed2FA(grace.ID, 1)
	for _, user := range []id.User{ada.ID, id.NewUser(), {}} {
		w.noTOTP(user)
	}
}

func totpKeys(w *world) {
	want := func(want ...string) {
		w.Helper()
		got, err := w.s.Security().TOTPKeys(w.ctx)
		w.must(err)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			w.Errorf("TOTPKeys = %q, want %q", got, want)
		}
	}
	want()
	for i, key := range []string{"2026-11", "2026-10", "2026-11"} { // unconfirmed ones too
		t := newTOTP(w.person("ada"+strconv.Itoa(i)).ID, base)
		t.Key = key
		w.putTOTP(t)
	}
	want("2026-10", "2026-11")
}

func putTOTPRoundTrip(w *world) {
	for i, at := range moments() {
		t := newTOTP(w.person("ada"+strconv.Itoa(i)).ID, at)
		t.Key = "key of " + names()[i%len(names())]
		t.Sealed = [][]byte{{0}, {0xff, 0, 0x80}, []byte(`'\x00"`), bytes.Repeat([]byte{0xa5}, 512)}[i%4]
		w.putTOTP(t)
		w.wantTOTP(t)
		w.must(w.confirmTOTP(t, int64(i)<<40+1, at.Add(tick)))
		t.ConfirmedAt, t.LastUsedAt, t.LastStep = at.Add(tick), at.Add(tick), int64(i)<<40+1
		w.wantTOTP(t)
		w.failTOTP(t.User, 1, at.Add(2*tick))
		t.Failures, t.SuspendedUntil = 1, at.Add(2*tick)
		w.wantTOTP(t)
	}
}

// putTOTPUnconfirmed: only ConfirmTOTP confirms.
func putTOTPUnconfirmed(w *world) {
	ada := w.person("ada")
	want := newTOTP(ada.ID, base)
	t := want
	t.ConfirmedAt, t.LastUsedAt, t.LastStep = base, base, 7
	t.Failures, t.SuspendedUntil = 3, base.Add(day)
	w.putTOTP(t)
	w.wantTOTP(want)
}

func putTOTPReplaces(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	others := w.putTOTP(newTOTP(grace.ID, base))
	first, second := w.putTOTP(newTOTP(ada.ID, base)), newTOTP(ada.ID, base.Add(time.Minute))
	second.Sealed, second.Key = []byte("another secret"), "k2"
	w.undone(func(ctx context.Context, tx security.Tx) error { return tx.PutTOTP(ctx, second) })
	w.wantTOTP(first)
	w.putTOTP(second)
	w.wantTOTP(second)
	w.refused("ConfirmTOTP of a replaced one", w.confirmTOTP(first, 1, base), security.ErrFactorNotFound)
	w.must(w.confirmTOTP(second, 1, base))
	w.wantTOTP(others)
}

func putTOTPEnabled(w *world) {
	ada := w.person("ada")
	t := w.confirmed2FA(ada.ID, 1)
	for _, again := range []security.TOTP{newTOTP(ada.ID, base.Add(time.Hour)), t} {
		w.refused("PutTOTP", w.try(func(ctx context.Context, tx security.Tx) error { return tx.PutTOTP(ctx, again) }), security.ErrTOTPEnabled)
	}
	w.wantTOTP(t)
}

func putTOTPRace(w *world) {
	ada := w.person("ada")
	var apps [racers]security.TOTP
	for i := range apps {
		apps[i] = newTOTP(ada.ID, base)
	}
	w.must(errors.Join(w.race(func(i int) error {
		return w.try(func(ctx context.Context, tx security.Tx) error { return tx.PutTOTP(ctx, apps[i]) })
	})...))
	var errs []error
	for _, t := range apps {
		errs = append(errs, w.confirmTOTP(t, 1, base))
	}
	w.oneWinner(errs, security.ErrFactorNotFound)
}

func confirmTOTP(w *world) {
	ada := w.person("ada")
	t := w.putTOTP(newTOTP(ada.ID, base))
	now := base.Add(time.Minute + tick)
	w.must(w.confirmTOTP(t, 58, now))
	t.ConfirmedAt, t.LastUsedAt, t.LastStep = now, now, 58
	w.wantTOTP(t)
	w.wantAdvance(t, 58, now, false)
	w.wantAdvance(t, 59, now, true)
}

func confirmTOTPAnother(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t, graces := w.putTOTP(newTOTP(ada.ID, base)), w.putTOTP(newTOTP(grace.ID, base))
	for what, other := range map[string]security.TOTP{
		"an unknown app": newTOTP(ada.ID, base), "somebody else's app": {ID: graces.ID, User: ada.ID, CreatedAt: base},
		"an app without an ID": {User: ada.ID, CreatedAt: base},
	} {
		w.refused("ConfirmTOTP of "+what, w.confirmTOTP(other, 1, base), security.ErrFactorNotFound)
	}
	w.wantTOTP(t)
	w.wantTOTP(graces)
	w.must(w.confirmTOTP(t, 1, base))
	w.refused("ConfirmTOTP again", w.confirmTOTP(t, 2, base.Add(day)), security.ErrFactorNotFound)
	t.ConfirmedAt, t.LastUsedAt, t.LastStep = base, base, 1
	w.wantTOTP(t)
}

func confirmTOTPAge(w *world) {
	ada := w.person("ada")
	t := w.putTOTP(newTOTP(ada.ID, base))
	confirm := func(madeSince time.Time) error {
		return w.try(func(ctx context.Context, tx security.Tx) error {
			return tx.ConfirmTOTP(ctx, ada.ID, t.ID, 1, base.Add(time.Hour), madeSince)
		})
	}
	for _, since := range []time.Time{base.Add(day), base.Add(tick), base} {
		w.refused("ConfirmTOTP of one made too early", confirm(since), security.ErrFactorNotFound)
	}
	w.wantTOTP(t)
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.ConfirmTOTP(ctx, ada.ID, t.ID, 1, base, time.Time{})
	})
	w.must(confirm(base.Add(-tick)))
}

func confirmTOTPRolledBack(w *world) {
	ada := w.person("ada")
	t := w.putTOTP(newTOTP(ada.ID, base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.ConfirmTOTP(ctx, ada.ID, t.ID, 1, base, base.Add(-tick))
	})
	w.wantTOTP(t)
}

func confirmTOTPRace(w *world) {
	for round := range w.opts.rounds() {
		t := w.putTOTP(newTOTP(w.person("ada"+strconv.Itoa(round)).ID, base))
		winner := w.oneWinner(w.race(func(i int) error { return w.confirmTOTP(t, int64(i), base) }), security.ErrFactorNotFound)
		got, err := w.s.Security().TOTP(w.ctx, t.User)
		w.must(err)
		if got.LastStep != int64(winner) {
			w.Errorf("LastStep = %d, want that of the winner, %d", got.LastStep, winner)
		}
	}
}

// confirmTOTPRacesPut: a confirmed app is never replaced, and a replaced one
// never confirmed.
func confirmTOTPRacesPut(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		t, another := w.putTOTP(newTOTP(ada.ID, base)), newTOTP(ada.ID, base)
		errs := w.race(func(i int) error {
			if i%2 == round%2 { // neither always comes first
				return w.confirmTOTP(t, 1, base)
			}
			return w.try(func(ctx context.Context, tx security.Tx) error { return tx.PutTOTP(ctx, another) })
		})
		confirmed := false
		for i, err := range errs {
			confirmed = confirmed || i%2 == round%2 && err == nil
		}
		got, err := w.s.Security().TOTP(w.ctx, ada.ID)
		w.must(err)
		if want := map[bool]id.Factor{true: t.ID, false: another.ID}[confirmed]; got.ID != want || got.ConfirmedAt.IsZero() == confirmed {
			w.Errorf("confirmed: %t, but %v is stored, confirmed at %v", confirmed, got.ID, got.ConfirmedAt)
		}
	}
}
