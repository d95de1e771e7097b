package storetest

import (
	"context"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
)

func undoTests() []check {
	return []check{
		{"UndoEmailChange/CancelsAPendingRequest", undoPending},
		{"UndoEmailChange/UndoesAConfirmedOneByEitherHash", undoConfirmed},
		{"UndoEmailChange/NotByTheConfirmHash", undoByConfirmHash},
		{"UndoEmailChange/GoneExactlyAtUndoUntil", undoUntil},
		{"UndoEmailChange/EndsLaterChanges", undoEndsLater},
		{"UndoEmailChange/LeavesEarlierChanges", undoLeavesEarlier},
		{"UndoEmailChange/LeavesOtherPeoplesAlone", undoLeavesOthers},
		{"UndoEmailChange/OutlivesSessionAndCredential", undoOutlives},
		{"UndoEmailChange/OneWinnerOf16", undoRace},
		{"UndoEmailChange/RacesConfirmEmailChange", undoRacesConfirm},
		{"EmailChangeSince/TheFirstThatCanBeUndone", changeSince},
		{"PurgeLinks/RemovesConfirmedChangesAfterUndoUntil", purgeConfirmed},
		{"PurgeLinks/KeepsConfirmedChangesWhileReserved", purgeReserved},
	}
}

func (w *world) undo(hash accounts.Hash, now time.Time) (accounts.EmailChange, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.EmailChange, error) {
		return tx.UndoEmailChange(ctx, hash, now)
	})
}

// confirmed stores a request of u and confirms it at the same moment.
func (w *world) confirmed(u accounts.User, name string, at time.Time) accounts.EmailChange {
	w.Helper()
	c, err := w.confirm(w.askFor(u, w.signIn(u.ID, at), name, at), at)
	w.must(err)
	return c
}

func changeSince(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	since := func(t, now time.Time) (accounts.EmailChange, error) {
		return w.s.Accounts().EmailChangeSince(w.ctx, ada.ID, t, now)
	}
	_, err := since(base, base)
	w.refused("EmailChangeSince", err, accounts.ErrNoEmailChange)
	first := w.confirmed(ada, "augusta", base.Add(time.Hour))
	w.confirmed(grace, "amazing", base.Add(time.Hour))
	second := w.confirmed(ada, "countess", base.Add(2*time.Hour))
	w.askFor(ada, w.signIn(ada.ID, base.Add(3*time.Hour)), "pending", base.Add(3*time.Hour))
	for at, want := range map[time.Time]accounts.EmailChange{
		base: first, first.ConfirmedAt: first, first.ConfirmedAt.Add(tick): second, second.ConfirmedAt: second,
	} {
		got, err := since(at, base.Add(4*time.Hour))
		w.must(err)
		w.same("EmailChangeSince", got, want)
	}
	_, err = since(second.ConfirmedAt.Add(tick), base.Add(4*time.Hour))
	w.refused("EmailChangeSince a later time", err, accounts.ErrNoEmailChange)
	_, err = since(base, second.UndoUntil)
	w.refused("EmailChangeSince once it is too late", err, accounts.ErrNoEmailChange)
	_, err = w.undo(second.UndoHash, base.Add(4*time.Hour))
	w.must(err)
	_, err = since(second.ConfirmedAt, base.Add(4*time.Hour))
	w.refused("EmailChangeSince once it is undone", err, accounts.ErrNoEmailChange)
}

func undoPending(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	got, err := w.undo(c.UndoHash, base)
	w.must(err)
	w.same("UndoEmailChange", got, c) // ConfirmedAt is zero: it was pending
	w.gone("a cancelled request", base, c.ConfirmHash, c.UndoHash)
	w.nonePending(ada.ID, base)
}

func undoConfirmed(w *world) {
	for i, by := range []string{"UndoHash", "NoticeHash"} {
		c := w.confirmed(w.person("ada"+strconv.Itoa(i)), "augusta", base)
		hash := c.UndoHash
		if by == "NoticeHash" {
			hash = c.NoticeHash
		}
		got, err := w.undo(hash, base.Add(day))
		w.must(err)
		w.same("UndoEmailChange by the "+by, got, c)
		w.gone("an undone change", base, c.ConfirmHash, c.UndoHash, c.NoticeHash)
	}
}

func undoByConfirmHash(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_, err := w.undo(c.ConfirmHash, base)
	w.refused("UndoEmailChange of a pending one by its ConfirmHash", err, accounts.ErrLinkGone)
	w.stillPending(c, base)
	done := w.confirmed(grace, "hopper", base)
	_, err = w.undo(done.ConfirmHash, base)
	w.refused("UndoEmailChange of a confirmed one by its ConfirmHash", err, accounts.ErrLinkGone)
}

func undoUntil(w *world) {
	c := w.confirmed(w.person("ada"), "augusta", base)
	for _, at := range []time.Time{c.UndoUntil.Add(tick), c.UndoUntil} {
		w.gone("a change past its undo time", at, c.UndoHash, c.NoticeHash)
	}
	// The expiry of the request itself no longer matters.
	got, err := w.undo(c.NoticeHash, c.UndoUntil.Add(-tick))
	w.must(err)
	w.same("UndoEmailChange", got, c)
}

func undoEndsLater(w *world) {
	ada := w.person("ada")
	first := w.confirmed(ada, "first", base)
	second := w.confirmed(ada, "second", base.Add(time.Hour))
	at := base.Add(2 * time.Hour)
	third := w.askFor(ada, w.signIn(ada.ID, at), "third", at)
	_, err := w.undo(first.NoticeHash, at)
	w.must(err)
	w.gone("a later change, which was confirmed", at, second.UndoHash, second.NoticeHash)
	w.gone("a later change, which was pending", at, third.ConfirmHash, third.UndoHash)
	w.nonePending(ada.ID, at)
}

func undoLeavesEarlier(w *world) {
	ada := w.person("ada")
	first := w.confirmed(ada, "first", base)
	second := w.confirmed(ada, "second", base.Add(time.Hour))
	at := base.Add(2 * time.Hour)
	_, err := w.undo(second.NoticeHash, at)
	w.must(err)
	got, err := w.undo(first.NoticeHash, at)
	w.must(err)
	w.same("UndoEmailChange of the earlier one", got, first)
}

func undoLeavesOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	c := w.confirmed(ada, "augusta", base)
	others := w.confirmed(grace, "hopper", base.Add(time.Hour))
	_, err := w.undo(c.NoticeHash, base.Add(2*time.Hour))
	w.must(err)
	_, err = w.undo(others.NoticeHash, base.Add(2*time.Hour))
	w.must(err)
}

// undoOutlives: whoever took an account over cannot void the links in the
// owner's mailbox by signing out or by changing the password.
func undoOutlives(w *world) {
	ada := w.person("ada")
	c := w.confirmed(ada, "augusta", base)
	w.endSessions(ada.ID)
	w.setPassword(ada.ID, "another", base)
	got, err := w.undo(c.NoticeHash, base.Add(day))
	w.must(err)
	w.same("UndoEmailChange", got, c)
}

func undoRace(w *world) {
	for round := range w.opts.rounds() {
		c := w.confirmed(w.person("ada"+strconv.Itoa(round)), "augusta", base)
		w.oneWinner(w.race(func(i int) error {
			hash := c.UndoHash
			if i%2 == 0 {
				hash = c.NoticeHash // both links undo the same change, once
			}
			_, err := w.undo(hash, base)
			return err
		}), accounts.ErrLinkGone)
	}
}

// undoRacesConfirm: either the request is cancelled and nobody confirms it, or
// it is confirmed once and then undone. The undo tells which.
func undoRacesConfirm(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
		var undone [racers]accounts.EmailChange
		errs := w.race(func(i int) (err error) {
			if i%2 == 0 {
				_, err = w.confirm(c, base)
				return err
			}
			undone[i], err = w.undo(c.UndoHash, base)
			return err
		})
		var confirms, undos []error
		wasConfirmed := false
		for i, err := range errs {
			if i%2 == 0 {
				confirms = append(confirms, err)
				continue
			}
			undos = append(undos, err)
			if err == nil {
				wasConfirmed = !undone[i].ConfirmedAt.IsZero()
			}
		}
		w.oneWinner(undos, accounts.ErrLinkGone)
		if wasConfirmed {
			w.oneWinner(confirms, accounts.ErrLinkGone)
		} else {
			for _, err := range confirms {
				w.refused("ConfirmEmailChange of a cancelled request", err, accounts.ErrLinkGone)
			}
		}
		w.gone("an undone change", base, c.ConfirmHash, c.UndoHash)
	}
}

func purgeConfirmed(w *world) {
	c := w.confirmed(w.person("ada"), "augusta", base)
	for _, step := range []struct {
		t    time.Time
		want int
	}{{c.ExpiresAt.Add(tick), 0}, {c.UndoUntil, 0}, {c.UndoUntil.Add(tick), 1}, {c.UndoUntil.Add(tick), 0}} {
		if n := w.purgeLinks(step.t); n != step.want {
			w.Errorf("PurgeLinks(%v) removed %d, want %d", step.t, n, step.want)
		}
	}
	w.gone("a purged change", base, c.UndoHash, c.NoticeHash)
}

func purgeReserved(w *world) {
	ada := w.person("ada")
	c := w.confirmed(ada, "augusta", base)
	until := c.UndoUntil.Add(day)
	w.must(w.changeEmail(ada.ID, "augusta", base, until))
	if n := w.purgeLinks(until); n != 0 {
		w.Errorf("PurgeLinks removed %d while the former address is reserved", n)
	}
	w.refused("InsertUser at a reserved address", w.signUpAt("ada", until.Add(-tick)), accounts.ErrEmailTaken)
	if n := w.purgeLinks(until.Add(tick)); n == 0 {
		w.Error("PurgeLinks removed nothing after the reservation")
	}
	w.owns(ada.ID, "augusta")
	w.must(w.signUpAt("ada", until))
}
