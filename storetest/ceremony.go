package storetest

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func ceremonyTests() []check {
	return []check{
		{"InsertCeremony/EveryFieldIsReadAsWritten", ceremonyRoundTrip},
		{"SpendCeremony/WorksOnce", spendCeremony},
		{"SpendCeremony/UnknownIsErrCeremonyGone", spendCeremonyUnknown},
		{"SpendCeremony/GoneExactlyAtExpiry", spendCeremonyExpiry},
		{"SpendCeremony/UnspentIfRolledBack", spendCeremonyRolledBack},
		{"SpendCeremony/OneWinnerOf16", spendCeremonyRace},
		{"PurgeFactors/RemovesExpiredChallenges", purgeCeremonies},
	}
}

// newCeremony returns a challenge for five minutes, for nobody in particular.
func newCeremony(name string, at time.Time) security.Ceremony {
	return security.Ceremony{
		Challenge: hashOf(name), Purpose: security.ForSignIn, Data: []byte(`{"challenge":"` + name + `"}`), ExpiresAt: at.Add(5 * time.Minute),
	}
}

func (w *world) ask(c security.Ceremony) security.Ceremony {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertCeremony(ctx, c) })
	return c
}

func (w *world) answer(challenge security.Hash, now time.Time) (security.Ceremony, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.Ceremony, error) {
		return tx.SpendCeremony(ctx, challenge, now)
	})
}

func (w *world) answered(c security.Ceremony, now time.Time) {
	w.Helper()
	got, err := w.answer(c.Challenge, now)
	w.must(err)
	w.same("SpendCeremony", got, c)
}

func (w *world) ceremonyGone(what string, challenge security.Hash, now time.Time) {
	w.Helper()
	_, err := w.answer(challenge, now)
	w.refused("SpendCeremony of "+what, err, security.ErrCeremonyGone)
}

func ceremonyRoundTrip(w *world) {
	ada := w.person("ada")
	purposes := []security.Purpose{security.ForSignIn, security.ForSecondFactor, security.ForReauthenticate, security.ForRegistration}
	for i, at := range moments() {
		c := newCeremony(strconv.Itoa(i), at)
		c.Purpose, c.ExpiresAt = purposes[i%len(purposes)], at.Add(tick)
		c.Data = [][]byte{nil, []byte(`{"a":"'\\u0000 \" \\"}`), bytes.Repeat([]byte("x"), 65536)}[i%3]
		if i > 0 {
			c.User = ada.ID
		}
		if i%2 == 1 {
			c.Session = id.NewSession() // whether it is there is not the challenge's concern
		}
		if i%3 == 1 {
			c.Pending = hashOf("half-finished")
		}
		w.ask(c)
		w.answered(c, at)
	}
}

func spendCeremony(w *world) {
	c, other := w.ask(newCeremony("challenge", base)), w.ask(newCeremony("other", base))
	w.answered(c, base)
	w.ceremonyGone("an answered challenge", c.Challenge, base)
	w.answered(other, base)
}

func spendCeremonyUnknown(w *world) {
	c := w.ask(newCeremony("challenge", base))
	for _, challenge := range []security.Hash{hashOf("unknown"), {}} {
		w.ceremonyGone("an unknown challenge", challenge, base)
	}
	w.answered(c, base)
}

func spendCeremonyExpiry(w *world) {
	c := w.ask(newCeremony("challenge", base))
	for _, now := range []time.Time{c.ExpiresAt.Add(day), c.ExpiresAt.Add(tick), c.ExpiresAt} {
		w.ceremonyGone("an expired challenge", c.Challenge, now)
	}
	w.answered(c, c.ExpiresAt.Add(-tick))
}

func spendCeremonyRolledBack(w *world) {
	c := w.ask(newCeremony("challenge", base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.SpendCeremony(ctx, c.Challenge, base)
		return err
	})
	w.answered(c, base)
}

func spendCeremonyRace(w *world) {
	for round := range w.opts.rounds() {
		c := w.ask(newCeremony(strconv.Itoa(round), base))
		w.oneWinner(w.race(func(int) error { _, err := w.answer(c.Challenge, base); return err }), security.ErrCeremonyGone)
	}
}

func purgeCeremonies(w *world) {
	c, live := w.ask(newCeremony("challenge", base)), w.ask(newCeremony("live", base.Add(time.Hour)))
	w.wantPurgedAfter(c.ExpiresAt, "a challenge")
	w.answered(live, base.Add(time.Hour))
}
