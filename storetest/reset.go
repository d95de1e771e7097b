package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func resetTests() []check {
	return []check{
		{"InsertReset/EveryFieldIsReadAsWritten", resetRoundTrip},
		{"InsertReset/VoidsTheFormerOneOfTheAddress", resetNewest},
		{"InsertReset/VoidsTheFormerOneOfSomebodyElse", resetOtherOwner},
		{"InsertReset/VoidsForGood", resetVoidForGood},
		{"InsertReset/RolledBackVoidsNothing", resetRolledBack},
		{"InsertReset/OneOf16IsTheNewest", resetNewestRace},
		{"InsertReset/ForNobodyOpensNothing", resetForNobody},
		{"InsertReset/ForNobodyVoidsTheFormerOne", resetThenNobody},
		{"ResetByHash/DoesNotSpend", resetByHash},
		{"SpendReset/WorksOnce", spendResetOnce},
		{"SpendReset/UnknownIsErrLinkGone", spendResetUnknown},
		{"SpendReset/GoneExactlyAtExpiry", spendResetExpiry},
		{"SpendReset/GoneWithAPasswordChange", spendResetAfter(func(w *world, user id.User) { w.setPassword(user, "another", base) })},
		{"SpendReset/GoneWithABumpedVersion", spendResetAfter(func(w *world, user id.User) { w.bump(user, id.Session{}) })},
		{"SpendReset/GoneUnderAnotherVersion", spendResetVersion},
		{"SpendReset/GoneWithTheAddress", spendResetFormerAddress},
		{"SpendReset/SurvivesAnUpgradedHash", spendResetUpgraded},
		{"SpendReset/UnspentIfRolledBack", spendResetRolledBack},
		{"SpendReset/OneWinnerOf16", spendResetRace},
		{"PurgeSessions/RemovesSpentAndExpiredLinks", purgeResets},
	}
}

// newReset returns a link for an hour from at, asked for the one address that the
// person has. Nobody has one, too.
func newReset(user id.User, name string, at time.Time) security.Reset {
	return security.Reset{
		Address: hashOf("address of " + user.String()), Hash: hashOf(name), User: user, Version: 1,
		CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
}

func (w *world) askToReset(r security.Reset) security.Reset {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertReset(ctx, r) })
	return r
}

func (w *world) spendReset(hash security.Hash, now time.Time) (security.Reset, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.Reset, error) {
		return tx.SpendReset(ctx, hash, now)
	})
}

// resetGone fails unless neither a look nor a use of the link is accepted.
func (w *world) resetGone(what string, hash security.Hash, now time.Time) {
	w.Helper()
	_, err := w.s.Security().ResetByHash(w.ctx, hash, now)
	w.refused("ResetByHash of "+what, err, security.ErrLinkGone)
	_, err = w.spendReset(hash, now)
	w.refused("SpendReset of "+what, err, security.ErrLinkGone)
}

func (w *world) resetWorks(r security.Reset, now time.Time) {
	w.Helper()
	got, err := w.s.Security().ResetByHash(w.ctx, r.Hash, now)
	w.must(err)
	w.same("ResetByHash", got, r)
	got, err = w.spendReset(r.Hash, now)
	w.must(err)
	w.same("SpendReset", got, r)
}

func resetRoundTrip(w *world) {
	ada := w.person("ada")
	for i, at := range moments() {
		w.resetWorks(w.askToReset(newReset(ada.ID, "link"+strconv.Itoa(i), at)), at)
	}
}

func resetNewest(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	others := w.askToReset(newReset(grace.ID, "others", base))
	first := w.askToReset(newReset(ada.ID, "first", base))
	second := w.askToReset(newReset(ada.ID, "second", base)) // at the same moment
	third := w.askToReset(newReset(ada.ID, "third", base.Add(time.Minute)))
	for what, r := range map[string]security.Reset{"the first link": first, "the second link": second} {
		w.resetGone(what, r.Hash, base.Add(time.Minute))
	}
	w.resetWorks(third, base.Add(time.Minute))
	w.resetGone("the first link, once the newest is spent", first.Hash, base.Add(time.Minute))
	w.resetWorks(others, base)
}

// resetOtherOwner: an address that went over to somebody else takes its link along.
func resetOtherOwner(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	former := w.askToReset(newReset(ada.ID, "former", base))
	r := newReset(grace.ID, "link", base)
	r.Address = former.Address
	w.askToReset(r)
	w.resetGone("a link for the former owner of the address", former.Hash, base)
	w.resetWorks(r, base)
	back := w.askToReset(newReset(ada.ID, "back", base))
	w.resetGone("a spent link of the address", r.Hash, base)
	w.resetWorks(back, base)
}

// resetVoidForGood lets the newest link expire and be removed before an earlier
// one would have expired.
func resetVoidForGood(w *world) {
	ada := w.person("ada")
	first := newReset(ada.ID, "first", base)
	first.ExpiresAt = base.Add(3 * time.Hour)
	w.askToReset(first)
	second := w.askToReset(newReset(ada.ID, "second", base.Add(time.Minute)))
	after := second.ExpiresAt.Add(time.Minute)
	w.resetGone("a superseded link, once the newest expired", first.Hash, after)
	w.purgeSessions(after, base.Add(-day), 10)
	w.resetGone("a superseded link, once the newest was removed", first.Hash, after)
}

func resetRolledBack(w *world) {
	ada := w.person("ada")
	first := w.askToReset(newReset(ada.ID, "first", base))
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		if err := tx.InsertReset(ctx, newReset(ada.ID, "second", base)); err != nil {
			w.Errorf("InsertReset: %v", err)
		}
		return errBoom
	})
	w.resetGone("a link that was never stored", hashOf("second"), base)
	w.resetWorks(first, base)
}

// resetNewestRace asks 16 times at once: however they follow each other, one
// link is left.
func resetNewestRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		link := func(i int) security.Reset { return newReset(ada.ID, ada.EmailKey+strconv.Itoa(i), base) }
		w.must(errors.Join(w.race(func(i int) error {
			return w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
				return tx.InsertReset(ctx, link(i))
			})
		})...))
		var errs []error
		for i := range racers {
			_, err := w.spendReset(link(i).Hash, base)
			errs = append(errs, err)
		}
		w.oneWinner(errs, security.ErrLinkGone)
	}
}

// resetForNobody: the same is stored for an address without an account, so that
// asking takes the same time.
func resetForNobody(w *world) {
	ada := w.person("ada")
	real := w.askToReset(newReset(ada.ID, "real", base))
	for _, name := range []string{"nobody", "nobody again"} {
		r := newReset(id.User{}, name, base)
		r.Version = 0
		w.askToReset(r)
		w.resetGone("a link for nobody", r.Hash, base)
	}
	w.resetWorks(real, base)
}

// resetThenNobody: what is asked for an address counts, and not who has it.
func resetThenNobody(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	r, others := w.askToReset(newReset(ada.ID, "link", base)), w.askToReset(newReset(grace.ID, "others", base))
	nobodys := newReset(id.User{}, "nobody", base)
	nobodys.Address, nobodys.Version = r.Address, 0
	w.askToReset(nobodys)
	w.resetGone("a link for somebody, after one for nobody", r.Hash, base)
	w.resetGone("a link for nobody", nobodys.Hash, base)
	w.resetWorks(w.askToReset(newReset(ada.ID, "again", base)), base)
	w.resetWorks(others, base)
}

func resetByHash(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	for range 3 {
		got, err := w.s.Security().ResetByHash(w.ctx, r.Hash, base)
		w.must(err)
		w.same("ResetByHash", got, r)
	}
	w.resetWorks(r, base)
}

func spendResetOnce(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	w.resetWorks(r, base)
	w.resetGone("a spent link", r.Hash, base)
}

func spendResetUnknown(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	for _, hash := range []security.Hash{hashOf("unknown"), {}} {
		w.resetGone("an unknown link", hash, base)
	}
	w.resetWorks(r, base)
}

func spendResetExpiry(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	for _, at := range []time.Time{r.ExpiresAt.Add(365 * day), r.ExpiresAt.Add(tick), r.ExpiresAt} {
		w.resetGone("an expired link", r.Hash, at)
	}
	w.resetWorks(r, r.ExpiresAt.Add(-tick))
}

func spendResetAfter(what func(w *world, user id.User)) func(w *world) {
	return func(w *world) {
		ada, grace := w.person("ada"), w.person("grace")
		r, others := w.askToReset(newReset(ada.ID, "link", base)), w.askToReset(newReset(grace.ID, "others", base))
		what(w, ada.ID)
		w.resetGone("a link made under a former Version", r.Hash, base)
		w.resetWorks(others, base)
	}
}

func spendResetVersion(w *world) {
	ada := w.person("ada")
	r := newReset(ada.ID, "link", base)
	r.Version = w.bump(ada.ID, id.Session{})
	w.resetWorks(w.askToReset(r), base)
	for i, version := range []int64{1, r.Version - 1, r.Version + 1, 0} {
		r := newReset(ada.ID, "wrong"+strconv.Itoa(i), base)
		r.Version = version
		w.askToReset(r)
		w.resetGone("a link of another Version", r.Hash, base)
	}
}

// spendResetFormerAddress: a link that was asked for a former address is void by
// its Version, which changes with the address, although that address has no newer one.
func spendResetFormerAddress(w *world) {
	ada := w.person("ada")
	former := w.askToReset(newReset(ada.ID, "former", base))
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		return tx.ChangeEmail(ctx, ada.ID, "new@example.com", "new@example.com", base, time.Time{})
	})
	version := w.bump(ada.ID, id.Session{})
	w.resetGone("a link for a former address", former.Hash, base)
	r := newReset(ada.ID, "link", base)
	r.Address, r.Version = hashOf("new@example.com"), version
	w.askToReset(r)
	w.resetGone("a link for a former address, after one for the present", former.Hash, base)
	w.resetWorks(r, base)
}

func spendResetUpgraded(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	if done, err := w.upgrade(ada.ID, "ada", "stronger"); err != nil || !done {
		w.Fatalf("UpgradePassword: %t, %v", done, err)
	}
	w.resetWorks(r, base)
}

func spendResetRolledBack(w *world) {
	ada := w.person("ada")
	r := w.askToReset(newReset(ada.ID, "link", base))
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		if _, err := tx.SpendReset(ctx, r.Hash, base); err != nil {
			w.Errorf("SpendReset: %v", err)
		}
		return errBoom
	})
	w.resetWorks(r, base)
}

func spendResetRace(w *world) {
	ada := w.person("ada")
	for round := range w.opts.rounds() {
		r := w.askToReset(newReset(ada.ID, "link"+strconv.Itoa(round), base))
		w.oneWinner(w.race(func(int) error { _, err := w.spendReset(r.Hash, base); return err }), security.ErrLinkGone)
	}
}

func purgeResets(w *world) {
	grace, edsger := w.person("grace"), w.person("edsger")
	expired := w.askToReset(newReset(grace.ID, "expired", base))
	live := w.askToReset(newReset(edsger.ID, "live", base.Add(time.Hour)))
	w.wantPurged(w.purgeSessions(expired.ExpiresAt, base.Add(-day), 10), 0)
	now := expired.ExpiresAt.Add(tick)
	w.wantPurged(w.purgeSessions(now, base.Add(-day), 10), 1)
	w.wantPurged(w.purgeSessions(now, base.Add(-day), 10), 0)
	w.resetWorks(live, now)
	// A store may drop a link as it is spent. Otherwise it goes now, and is not
	// left for its expiry.
	if n := w.purgeSessions(now, base.Add(-day), 10); n > 1 {
		w.Errorf("PurgeSessions removed %d links, and one was spent", n)
	}
	w.wantPurged(w.purgeSessions(live.ExpiresAt.Add(tick), base.Add(-day), 10), 0)
}
