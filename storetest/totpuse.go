package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func advanceTOTP(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t, others := w.confirmed2FA(ada.ID, 10), w.confirmed2FA(grace.ID, 10)
	w.failTOTP(ada.ID, 5, time.Time{})
	for _, s := range []struct {
		step int64
		want bool
	}{{10, false}, {9, false}, {-1, false}, {12, true}, {12, false}, {11, false}, {13, true}, {1 << 40, true}, {14, false}} {
		now := base.Add(time.Duration(s.step%1000) * time.Second)
		before, err := w.s.Security().TOTP(w.ctx, ada.ID)
		w.must(err)
		w.wantAdvance(t, s.step, now, s.want)
		if want := before; !s.want {
			w.wantTOTP(want)
			continue
		}
		t.LastStep, t.LastUsedAt = s.step, now
		w.wantTOTP(t) // and no Failures
	}
	w.wantTOTP(others)
}

func advanceTOTPAnother(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t, graces := w.confirmed2FA(ada.ID, 1), w.confirmed2FA(grace.ID, 1)
	for _, other := range []security.TOTP{newTOTP(ada.ID, base), {ID: graces.ID, User: ada.ID}, {ID: t.ID, User: grace.ID}, {User: ada.ID}} {
		w.wantAdvance(other, 2, base, false)
	}
	w.wantTOTP(t)
	w.wantTOTP(graces)
	w.must(w.deleteTOTP(ada.ID))
	w.wantAdvance(t, 2, base, false)
}

func advanceTOTPUnconfirmed(w *world) {
	ada := w.person("ada")
	t := w.putTOTP(newTOTP(ada.ID, base))
	w.wantAdvance(t, 2, base, false)
	w.wantTOTP(t)
}

func advanceTOTPSuspended(w *world) {
	ada := w.person("ada")
	t := w.confirmed2FA(ada.ID, 1)
	until := base.Add(time.Minute)
	w.failTOTP(ada.ID, 1, until)
	for _, now := range []time.Time{base, until.Add(-tick)} {
		w.wantAdvance(t, 2, now, false)
	}
	w.wantAdvance(t, 2, until, true)
}

func advanceTOTPRolledBack(w *world) {
	ada := w.person("ada")
	t := w.confirmed2FA(ada.ID, 1)
	w.undone(func(ctx context.Context, tx security.Tx) error {
		did, err := tx.AdvanceTOTP(ctx, ada.ID, t.ID, 2, base)
		if !did {
			w.Error("AdvanceTOTP reports that it did not")
		}
		return err
	})
	w.wantTOTP(t)
	w.wantAdvance(t, 2, base, true)
}

func advanceTOTPRace(w *world) {
	t := w.confirmed2FA(w.person("ada").ID, 1)
	for round := range w.opts.rounds() {
		var did [racers]bool
		w.must(errors.Join(w.race(func(i int) (err error) {
			did[i], err = w.advance(t, int64(round)+2, base)
			return err
		})...))
		w.oneTrue(did)
	}
}

// advanceTOTPOrder uses 16 different steps at once: the highest one always
// counts, and no lower one after it.
func advanceTOTPOrder(w *world) {
	for round := range w.opts.rounds() {
		t := w.confirmed2FA(w.person("ada"+strconv.Itoa(round)).ID, 0)
		var did [racers]bool
		w.must(errors.Join(w.race(func(i int) (err error) {
			did[i], err = w.advance(t, int64(i)+1, base)
			return err
		})...))
		got, err := w.s.Security().TOTP(w.ctx, t.User)
		w.must(err)
		if !did[racers-1] || got.LastStep != racers {
			w.Errorf("LastStep = %d, the highest of %d counted: %t", got.LastStep, racers, did[racers-1])
		}
	}
}

func failTOTP(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t, others := w.confirmed2FA(ada.ID, 1), w.confirmed2FA(grace.ID, 1)
	for i := range 7 {
		until := base.Add(time.Duration(i) * time.Hour)
		if n := w.failTOTP(ada.ID, 3, until); n != i+1 {
			w.Errorf("FailTOTP = %d, want %d", n, i+1)
		}
		t.Failures = i + 1
		if t.Failures%3 == 0 {
			t.SuspendedUntil = until
		}
		w.wantTOTP(t)
	}
	w.wantTOTP(others)
	w.wantAdvance(t, 2, base.Add(day), true)
	if n := w.failTOTP(ada.ID, 3, base); n != 1 {
		w.Errorf("FailTOTP after a right code = %d, want 1", n)
	}
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.FailTOTP(ctx, ada.ID, 3, base)
		return err
	})
	if n := w.failTOTP(ada.ID, 3, base); n != 2 {
		w.Errorf("FailTOTP after a rollback = %d, want 2", n)
	}
}

func failTOTPWithoutUntil(w *world) {
	t := w.confirmed2FA(w.person("ada").ID, 1)
	for i := range 3 {
		w.failTOTP(t.User, i, time.Time{}) // a limit of zero, too
	}
	t.Failures = 3
	w.wantTOTP(t)
}

func failTOTPLonger(w *world) {
	t := w.confirmed2FA(w.person("ada").ID, 1)
	w.failTOTP(t.User, 1, base.Add(time.Hour))
	w.failTOTP(t.User, 1, base.Add(time.Minute))
	w.failTOTP(t.User, 1, time.Time{})
	t.Failures, t.SuspendedUntil = 3, base.Add(time.Hour)
	w.wantTOTP(t)
}

func failTOTPNone(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t := w.putTOTP(newTOTP(grace.ID, base))
	for _, user := range []id.User{ada.ID, grace.ID, id.NewUser()} {
		if n := w.failTOTP(user, 1, base.Add(day)); n != 0 {
			w.Errorf("FailTOTP = %d, want 0", n)
		}
	}
	w.wantTOTP(t)
}

func failTOTPRace(w *world) {
	for round := range w.opts.rounds() {
		t := w.confirmed2FA(w.person("ada"+strconv.Itoa(round)).ID, 1)
		counts := make([]int, racers)
		w.must(errors.Join(w.race(func(i int) (err error) {
			counts[i], err = securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
				return tx.FailTOTP(ctx, t.User, 5, base)
			})
			return err
		})...))
		slices.Sort(counts)
		for i, n := range counts {
			if n != i+1 {
				w.Fatalf("%d callers were told %v, want each number once", racers, counts)
			}
		}
	}
}

func (w *world) reseal(t security.TOTP, old, sealed, key string) (bool, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (bool, error) {
		return tx.ResealTOTP(ctx, t.User, t.ID, []byte(old), []byte(sealed), key)
	})
}

func resealTOTP(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	t, others := w.confirmed2FA(ada.ID, 1), w.confirmed2FA(grace.ID, 1)
	for what, other := range map[string]security.TOTP{
		"an unknown app": newTOTP(ada.ID, base), "somebody else's": {ID: t.ID, User: grace.ID}, "another's": {ID: others.ID, User: ada.ID},
	} {
		if did, err := w.reseal(other, string(t.Sealed), "new", "k2"); did || err != nil {
			w.Errorf("ResealTOTP of %s = %t, %v", what, did, err)
		}
	}
	for _, step := range []struct {
		old, sealed string
		want        bool
	}{{"wrong", "new", false}, {string(t.Sealed), "new\x00secret", true}, {string(t.Sealed), "late", false}} {
		did, err := w.reseal(t, step.old, step.sealed, "k2")
		w.must(err)
		if did != step.want {
			w.Errorf("ResealTOTP of %q = %t, want %t", step.old, did, step.want)
		}
	}
	t.Sealed, t.Key = []byte("new\x00secret"), "k2"
	w.wantTOTP(t)
	w.wantTOTP(others)
}

func resealTOTPRace(w *world) {
	for round := range w.opts.rounds() {
		t := w.confirmed2FA(w.person("ada"+strconv.Itoa(round)).ID, 1)
		var did [racers]bool
		w.must(errors.Join(w.race(func(i int) (err error) {
			did[i], err = w.reseal(t, string(t.Sealed), "sealed by "+strconv.Itoa(i), "k2")
			return err
		})...))
		t.Sealed, t.Key = []byte("sealed by "+strconv.Itoa(w.oneTrue(did))), "k2"
		w.wantTOTP(t)
	}
}

func deleteTOTP(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	others := w.confirmed2FA(grace.ID, 1)
	w.refused("DeleteTOTP of none", w.deleteTOTP(ada.ID), security.ErrFactorNotFound)
	w.putTOTP(newTOTP(ada.ID, base))
	w.must(w.deleteTOTP(ada.ID))
	w.noTOTP(ada.ID)
	w.confirmed2FA(ada.ID, 1)
	w.must(w.deleteTOTP(ada.ID))
	w.noTOTP(ada.ID)
	w.refused("DeleteTOTP again", w.deleteTOTP(ada.ID), security.ErrFactorNotFound)
	w.wantTOTP(others)
}

func deleteTOTPRolledBack(w *world) {
	t := w.confirmed2FA(w.person("ada").ID, 1)
	w.undone(func(ctx context.Context, tx security.Tx) error { return tx.DeleteTOTP(ctx, t.User) })
	w.wantTOTP(t)
}

func deleteTOTPRace(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		w.confirmed2FA(ada.ID, 1)
		w.oneWinner(w.race(func(int) error { return w.deleteTOTP(ada.ID) }), security.ErrFactorNotFound)
	}
}

func purgeTOTP(w *world) {
	t, late := w.confirmed2FA(w.person("ada").ID, 1), w.putTOTP(newTOTP(w.person("grace").ID, base))
	w.wantPurgedAfter(base.Add(time.Hour), "an app that waits to be confirmed")
	w.noTOTP(late.User)
	w.purgeFactors(base.Add(365*day), 10)
	w.wantTOTP(t)
}
