package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// maxTries is how many tries the subtests allow.
const maxTries = 5

func pendingTests() []check {
	return []check{
		{"InsertPending/EveryFieldIsReadAsWritten", pendingRoundTrip},
		{"InsertPending/BeginsWithoutTries", pendingBegins},
		{"PendingByToken/CountsNothing", pendingByToken},
		{"TryPending/CountsBeforeItReturns", tryPending},
		{"TryPending/NoMoreThanThatMany", tryPendingLimit},
		{"TryPending/UnknownIsErrSignInExpired", pendingUnknown},
		{"TryPending/GoneExactlyAtExpiry", pendingExpiry},
		{"TryPending/GoneWithAPasswordChange", pendingAfter(func(w *world, user id.User) { w.setPassword(user, "another", base) })},
		{"TryPending/GoneWithABumpedVersion", pendingAfter(func(w *world, user id.User) { w.bump(user, id.Session{}) })},
		{"TryPending/GoneUnderAnotherVersion", pendingVersion},
		{"TryPending/SurvivesAnUpgradedHash", pendingUpgraded},
		{"TryPending/UncountedIfRolledBack", tryPendingRolledBack},
		{"TryPending/NoMoreThanThatManyOf16", tryPendingRace},
		{"TryPending/OneWinnerOf16ForTheLast", tryPendingLastRace},
		{"TryPending/RacesSetPassword", tryPendingRacesPassword},
		{"SpendPending/WorksOnceAfterAnyNumberOfTries", spendPending},
		{"SpendPending/UnspentIfRolledBack", spendPendingRolledBack},
		{"SpendPending/OneWinnerOf16", spendPendingRace},
		{"SpendPending/RacesSetPassword", spendPendingRacesPassword},
		{"PurgeFactors/RemovesExpiredSignIns", purgePending},
	}
}

// newPending returns a sign-in that waits five minutes for a second factor.
func newPending(user id.User, name string, at time.Time) security.PendingSignIn {
	return security.PendingSignIn{
		Hash: hashOf(name), User: user, Version: 1, Method: audit.Password, Proofs: audit.Proofs{Password: at},
		CreatedAt: at, ExpiresAt: at.Add(5 * time.Minute),
	}
}

// halfway stores a half-finished sign-in.
func (w *world) halfway(p security.PendingSignIn) security.PendingSignIn {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertPending(ctx, p) })
	return p
}

func (w *world) tryPending(hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.PendingSignIn, error) {
		return tx.TryPending(ctx, hash, now, maxTries)
	})
}

func (w *world) spendPending(hash security.Hash, now time.Time) (security.PendingSignIn, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.PendingSignIn, error) {
		return tx.SpendPending(ctx, hash, now)
	})
}

// pendingGone fails unless a half-finished sign-in is of no use at all.
func (w *world) pendingGone(what string, hash security.Hash, now time.Time) {
	w.Helper()
	_, err := w.s.Security().PendingByToken(w.ctx, hash, now, maxTries)
	w.refused("PendingByToken of "+what, err, security.ErrSignInExpired)
	_, err = w.tryPending(hash, now)
	w.refused("TryPending of "+what, err, security.ErrSignInExpired)
	_, err = w.spendPending(hash, now)
	w.refused("SpendPending of "+what, err, security.ErrSignInExpired)
}

// pendingWorks fails unless it can be looked at, tried and spent.
func (w *world) pendingWorks(p security.PendingSignIn, now time.Time) {
	w.Helper()
	got, err := w.s.Security().PendingByToken(w.ctx, p.Hash, now, maxTries)
	w.must(err)
	w.same("PendingByToken", got, p)
	got, err = w.tryPending(p.Hash, now)
	w.must(err)
	p.Tries++
	w.same("TryPending", got, p)
	got, err = w.spendPending(p.Hash, now)
	w.must(err)
	w.same("SpendPending", got, p)
}

func pendingRoundTrip(w *world) {
	ada := w.person("ada")
	for i, at := range moments() {
		p := newPending(ada.ID, strconv.Itoa(i), at)
		p.ExpiresAt, p.Method = at.Add(tick), audit.Passkey
		p.Proofs = audit.Proofs{
			Password: at, TOTP: at.Add(1 * tick), BackupCode: at.Add(2 * tick),
			Passkey: at.Add(3 * tick), EmailCode: at.Add(4 * tick), SSO: at.Add(5 * tick),
		}
		w.pendingWorks(w.halfway(p), at)
	}
	for _, f := range []audit.Factor{audit.Password, audit.TOTP, audit.BackupCode, audit.Passkey, audit.EmailCode, audit.SSO} {
		p := newPending(ada.ID, string(f), base)
		p.Method, p.Proofs = f, audit.Proofs{}.With(f, base) // the others were never proven
		w.pendingWorks(w.halfway(p), base)
	}
}

func pendingBegins(w *world) {
	p := newPending(w.person("ada").ID, "half", base)
	p.Tries = maxTries
	w.halfway(p)
	p.Tries = 0
	w.pendingWorks(p, base)
}

func pendingByToken(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	for range maxTries + 1 {
		got, err := w.s.Security().PendingByToken(w.ctx, p.Hash, base, 1)
		w.must(err)
		w.same("PendingByToken", got, p)
	}
	_, err := w.s.Security().PendingByToken(w.ctx, p.Hash, base, 0)
	w.refused("PendingByToken without a try", err, security.ErrSignInExpired)
}

func tryPending(w *world) {
	ada := w.person("ada")
	p, other := w.halfway(newPending(ada.ID, "half", base)), w.halfway(newPending(ada.ID, "other", base))
	for range maxTries {
		got, err := w.tryPending(p.Hash, base)
		w.must(err)
		p.Tries++
		w.same("TryPending", got, p)
	}
	w.pendingWorks(other, base)
}

func tryPendingLimit(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	for range maxTries {
		_, err := w.tryPending(p.Hash, base)
		w.must(err)
	}
	for range 2 {
		_, err := w.tryPending(p.Hash, base)
		w.refused("TryPending after the last try", err, security.ErrSignInExpired)
		_, err = w.s.Security().PendingByToken(w.ctx, p.Hash, base, maxTries)
		w.refused("PendingByToken after the last try", err, security.ErrSignInExpired)
	}
}

func pendingUnknown(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	for _, hash := range []security.Hash{hashOf("unknown"), {}} {
		w.pendingGone("an unknown sign-in", hash, base)
	}
	w.pendingWorks(p, base)
}

func pendingExpiry(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	for _, now := range []time.Time{p.ExpiresAt.Add(day), p.ExpiresAt.Add(tick), p.ExpiresAt} {
		w.pendingGone("an expired sign-in", p.Hash, now)
	}
	w.pendingWorks(p, p.ExpiresAt.Add(-tick))
}

func pendingAfter(what func(w *world, user id.User)) func(w *world) {
	return func(w *world) {
		ada, grace := w.person("ada"), w.person("grace")
		p, others := w.halfway(newPending(ada.ID, "half", base)), w.halfway(newPending(grace.ID, "others", base))
		what(w, ada.ID)
		w.pendingGone("a sign-in begun under a former Version", p.Hash, base)
		w.pendingWorks(others, base)
	}
}

func pendingVersion(w *world) {
	ada := w.person("ada")
	p := newPending(ada.ID, "half", base)
	p.Version = w.bump(ada.ID, id.Session{})
	w.pendingWorks(w.halfway(p), base)
	for i, version := range []int64{1, p.Version - 1, p.Version + 1, 0} {
		p := newPending(ada.ID, "wrong"+strconv.Itoa(i), base)
		p.Version = version
		w.halfway(p)
		w.pendingGone("a sign-in of another Version", p.Hash, base)
	}
}

func pendingUpgraded(w *world) {
	ada := w.person("ada")
	p := w.halfway(newPending(ada.ID, "half", base))
	if done, err := w.upgrade(ada.ID, "ada", "stronger"); err != nil || !done {
		w.Fatalf("UpgradePassword: %t, %v", done, err)
	}
	w.pendingWorks(p, base)
}

func tryPendingRolledBack(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.TryPending(ctx, p.Hash, base, maxTries)
		return err
	})
	w.pendingWorks(p, base)
}

func tryPendingRace(w *world) {
	ada := w.person("ada")
	for round := range w.opts.rounds() {
		p := w.halfway(newPending(ada.ID, strconv.Itoa(round), base))
		var counts []int
		tries := make([]int, racers)
		for i, err := range w.race(func(i int) error {
			got, err := w.tryPending(p.Hash, base)
			tries[i] = got.Tries
			return err
		}) {
			switch {
			case err == nil:
				counts = append(counts, tries[i])
			case !errors.Is(err, security.ErrSignInExpired):
				w.Errorf("TryPending: %v", err)
			}
		}
		slices.Sort(counts)
		if !slices.Equal(counts, []int{1, 2, 3, 4, 5}) {
			w.Fatalf("callers were told that %v tries were made, want 1 to %d", counts, maxTries)
		}
	}
}

func tryPendingLastRace(w *world) {
	ada := w.person("ada")
	for round := range w.opts.rounds() {
		p := w.halfway(newPending(ada.ID, strconv.Itoa(round), base))
		for range maxTries - 1 {
			_, err := w.tryPending(p.Hash, base)
			w.must(err)
		}
		w.oneWinner(w.race(func(int) error { _, err := w.tryPending(p.Hash, base); return err }), security.ErrSignInExpired)
	}
}

func spendPending(w *world) {
	ada := w.person("ada")
	p, other := w.halfway(newPending(ada.ID, "half", base)), w.halfway(newPending(ada.ID, "other", base))
	for range maxTries {
		_, err := w.tryPending(p.Hash, base)
		w.must(err)
	}
	got, err := w.spendPending(p.Hash, base) // the last try was right
	w.must(err)
	p.Tries = maxTries
	w.same("SpendPending", got, p)
	w.pendingGone("a spent sign-in", p.Hash, base)
	w.pendingWorks(other, base)
}

func spendPendingRolledBack(w *world) {
	p := w.halfway(newPending(w.person("ada").ID, "half", base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.SpendPending(ctx, p.Hash, base)
		return err
	})
	w.pendingWorks(p, base)
}

func spendPendingRace(w *world) {
	ada := w.person("ada")
	for round := range w.opts.rounds() {
		p := w.halfway(newPending(ada.ID, strconv.Itoa(round), base))
		w.oneWinner(w.race(func(int) error { _, err := w.spendPending(p.Hash, base); return err }), security.ErrSignInExpired)
	}
}

func tryPendingRacesPassword(w *world) {
	w.racesPassword(func(ctx context.Context, tx security.Tx, hash security.Hash) error {
		_, err := tx.TryPending(ctx, hash, base, racers)
		return err
	})
}

func spendPendingRacesPassword(w *world) {
	w.racesPassword(func(ctx context.Context, tx security.Tx, hash security.Hash) error {
		_, err := tx.SpendPending(ctx, hash, base)
		return err
	})
}

// racesPassword uses half-finished sign-ins while the password changes. Whoever
// got through holds the credential, so that no new password can have been set:
// it must read the Version that the sign-in was begun under.
func (w *world) racesPassword(use func(ctx context.Context, tx security.Tx, hash security.Hash) error) {
	w.Helper()
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		name := func(i int) string { return ada.EmailKey + strconv.Itoa(i) }
		for i := range racers {
			w.halfway(newPending(ada.ID, name(i), base))
		}
		errs := w.race(func(i int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				if i%4 == 0 {
					_, err := tx.SetPassword(ctx, ada.ID, passwordHash("another"), base)
					return err
				}
				if err := use(ctx, tx, hashOf(name(i))); err != nil {
					return err
				}
				p, err := tx.PersonByID(ctx, ada.ID)
				if err == nil && p.Version != 1 {
					w.Errorf("a sign-in got through under Version %d, begun under 1", p.Version)
				}
				return err
			})
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, security.ErrSignInExpired) {
				w.Errorf("unexpected error: %v", err)
			}
		}
	}
}

func purgePending(w *world) {
	ada := w.person("ada")
	p, live := w.halfway(newPending(ada.ID, "half", base)), w.halfway(newPending(ada.ID, "live", base.Add(time.Hour)))
	w.wantPurgedAfter(p.ExpiresAt, "a half-finished sign-in")
	w.pendingWorks(live, base.Add(time.Hour))
}
