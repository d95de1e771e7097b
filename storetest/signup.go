package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
)

func signUpTests() []check {
	return []check{
		{"InsertSignUp/EveryFieldIsReadAsWritten", signUpRoundTrip},
		{"InsertSignUp/ReservesNothing", signUpReservesNothing},
		{"SignUpByHash/DoesNotSpend", signUpByHash},
		{"SignUpByHash/UnknownIsErrLinkGone", signUpUnknown},
		{"SignUpByHash/GoneExactlyAtExpiry", signUpExpiry},
		{"SpendSignUp/WorksOnce", spendOnce},
		{"SpendSignUp/GoneExactlyAtExpiry", spendExpiry},
		{"SpendSignUp/UnspentIfRolledBack", spendRolledBack},
		{"SpendSignUp/OneWinnerOf16", spendRace},
		{"PurgeLinks/RemovesSignUpsExpiredBefore", purgeSignUps},
	}
}

// newSignUp returns a sign-up of name@example.com for a day from base.
func newSignUp(name string) accounts.SignUp {
	u := newUser(name)
	return accounts.SignUp{
		Hash: hashOf(name), Email: u.Email, EmailKey: u.EmailKey, CreatedAt: base, ExpiresAt: base.Add(day),
	}
}

func (w *world) askToSignUp(s accounts.SignUp) accounts.SignUp {
	w.Helper()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.InsertSignUp(ctx, s) })
	return s
}

func (w *world) spend(hash accounts.Hash, now time.Time) (accounts.SignUp, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.SignUp, error) {
		return tx.SpendSignUp(ctx, hash, now)
	})
}

func signUpRoundTrip(w *world) {
	for i, at := range moments() {
		s := newSignUp("ada" + strconv.Itoa(i))
		s.CreatedAt, s.ExpiresAt = at, at.Add(day)
		w.askToSignUp(s)
		got, err := w.s.Accounts().SignUpByHash(w.ctx, s.Hash, at)
		w.must(err)
		w.same("SignUpByHash", got, s)
		got, err = w.spend(s.Hash, at)
		w.must(err)
		w.same("SpendSignUp", got, s)
	}
}

func signUpReservesNothing(w *world) {
	first, second := newSignUp("ada"), newSignUp("ada")
	second.Hash = hashOf("another link")
	w.askToSignUp(first)
	w.askToSignUp(second)
	w.must(w.signUpAt("ada", base)) // somebody else is first
	third := newSignUp("ada")
	third.Hash = hashOf("a link to a taken address")
	w.askToSignUp(third)
	for _, s := range []accounts.SignUp{first, second, third} {
		got, err := w.spend(s.Hash, base.Add(time.Hour))
		w.must(err)
		w.same("SpendSignUp", got, s)
	}
}

func signUpByHash(w *world) {
	s := w.askToSignUp(newSignUp("ada"))
	for range 3 {
		_, err := w.s.Accounts().SignUpByHash(w.ctx, s.Hash, base)
		w.must(err)
	}
	_, err := w.spend(s.Hash, base)
	w.must(err)
	_, err = w.s.Accounts().SignUpByHash(w.ctx, s.Hash, base)
	w.refused("SignUpByHash of a spent link", err, accounts.ErrLinkGone)
}

func signUpUnknown(w *world) {
	w.askToSignUp(newSignUp("ada"))
	for _, hash := range []accounts.Hash{hashOf("unknown"), {}} {
		_, err := w.s.Accounts().SignUpByHash(w.ctx, hash, base)
		w.refused("SignUpByHash", err, accounts.ErrLinkGone)
		_, err = w.spend(hash, base)
		w.refused("SpendSignUp", err, accounts.ErrLinkGone)
	}
}

func signUpExpiry(w *world) {
	s := w.askToSignUp(newSignUp("ada"))
	_, err := w.s.Accounts().SignUpByHash(w.ctx, s.Hash, s.ExpiresAt.Add(-tick))
	w.must(err)
	for _, at := range []time.Time{s.ExpiresAt, s.ExpiresAt.Add(tick), s.ExpiresAt.Add(365 * day)} {
		_, err = w.s.Accounts().SignUpByHash(w.ctx, s.Hash, at)
		w.refused("SignUpByHash of an expired link", err, accounts.ErrLinkGone)
	}
}

func spendOnce(w *world) {
	s := w.askToSignUp(newSignUp("ada"))
	got, err := w.spend(s.Hash, base)
	w.must(err)
	w.same("SpendSignUp", got, s)
	_, err = w.spend(s.Hash, base)
	w.refused("SpendSignUp again", err, accounts.ErrLinkGone)
}

func spendExpiry(w *world) {
	s := w.askToSignUp(newSignUp("ada"))
	for _, at := range []time.Time{s.ExpiresAt.Add(365 * day), s.ExpiresAt.Add(tick), s.ExpiresAt} {
		_, err := w.spend(s.Hash, at)
		w.refused("SpendSignUp of an expired link", err, accounts.ErrLinkGone)
	}
	_, err := w.spend(s.Hash, s.ExpiresAt.Add(-tick))
	w.must(err)
}

func spendRolledBack(w *world) {
	s := w.askToSignUp(newSignUp("ada"))
	err := w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		_, err := tx.SpendSignUp(ctx, s.Hash, base)
		return errors.Join(err, errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v, want the error of fn", err)
	}
	_, err = w.spend(s.Hash, base)
	w.must(err)
}

func spendRace(w *world) {
	for round := range w.opts.rounds() {
		s := w.askToSignUp(newSignUp("ada" + strconv.Itoa(round)))
		w.oneWinner(w.race(func(int) error {
			got, err := w.spend(s.Hash, base)
			if err == nil {
				w.same("SpendSignUp", got, s)
			}
			return err
		}), accounts.ErrLinkGone)
	}
}

func (w *world) purgeLinks(t time.Time) int {
	w.Helper()
	n, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) (int, error) { return tx.PurgeLinks(ctx, t) })
	w.must(err)
	return n
}

func purgeSignUps(w *world) {
	early, late := newSignUp("ada"), newSignUp("grace")
	late.ExpiresAt = early.ExpiresAt.Add(tick)
	w.askToSignUp(early)
	w.askToSignUp(late)
	for _, step := range []struct {
		t    time.Time
		want int
	}{{early.ExpiresAt, 0}, {late.ExpiresAt, 1}, {late.ExpiresAt, 0}} {
		if n := w.purgeLinks(step.t); n != step.want {
			w.Errorf("PurgeLinks(%v) removed %d, want %d", step.t, n, step.want)
		}
	}
	_, err := w.s.Accounts().SignUpByHash(w.ctx, early.Hash, base)
	w.refused("SignUpByHash of a purged link", err, accounts.ErrLinkGone)
	_, err = w.s.Accounts().SignUpByHash(w.ctx, late.Hash, base)
	w.must(err)
}
