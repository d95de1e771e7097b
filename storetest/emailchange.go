package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func emailChangeTests() []check {
	return []check{
		{"InsertEmailChange/EveryFieldIsReadAsWritten", changeRoundTrip},
		{"InsertEmailChange/EndsThePendingOne", changeSuperseded},
		{"InsertEmailChange/LeavesOtherPeoplesAlone", changeOfOthers},
		{"InsertEmailChange/OneOf16IsPending", changePendingRace},
		{"PendingEmailChange/NoneIsErrNoEmailChange", noPendingChange},
		{"EmailChangeByHash/UnknownIsErrLinkGone", changeUnknown},
		{"ConfirmEmailChange/RecordsNoticeAndUndoUntil", confirmRecords},
		{"ConfirmEmailChange/WorksOnce", confirmOnce},
		{"ConfirmEmailChange/OnlyByTheConfirmHash", confirmOtherHash},
		{"ConfirmEmailChange/GoneExactlyAtExpiry", confirmExpiry},
		{"ConfirmEmailChange/GoneWithItsSession", confirmAfterSession(func(ctx context.Context, tx security.Tx, s security.Session) error {
			_, err := tx.RevokeSession(ctx, s.User, s.ID)
			return err
		})},
		{"ConfirmEmailChange/GoneWithAllSessions", confirmAfterSession(func(ctx context.Context, tx security.Tx, s security.Session) error {
			_, err := tx.RevokeSessions(ctx, s.User, id.Session{})
			return err
		})},
		{"ConfirmEmailChange/GoneWithTheExpiryOfItsSession", confirmAfterSessionExpired},
		{"ConfirmEmailChange/GoneWithAPasswordChange", confirmAfterSession(func(ctx context.Context, tx security.Tx, s security.Session) error {
			version, err := tx.SetPassword(ctx, s.User, passwordHash("another"), base)
			if err != nil {
				return err
			}
			s.Version = version // the session lives on under the new credential
			return tx.RenewSession(ctx, s, security.Hash{})
		})},
		{"ConfirmEmailChange/GoneWithABumpedVersion", confirmAfterSession(func(ctx context.Context, tx security.Tx, s security.Session) error {
			_, err := tx.BumpVersion(ctx, s.User, s.ID)
			return err
		})},
		{"ConfirmEmailChange/SurvivesWhatDoesNotConcernIt", confirmAfterOtherThings},
		{"ConfirmEmailChange/UnspentIfRolledBack", confirmRolledBack},
		{"ConfirmEmailChange/OneWinnerOf16", confirmRace},
		{"CancelEmailChange/EndsThePendingOne", cancelChange},
		{"CancelEmailChange/NoneIsErrNoEmailChange", cancelNone},
		{"PurgeLinks/RemovesUnconfirmedChangesExpiredBefore", purgeUnconfirmed},
	}
}

// newChange returns a request of somebody to move to name@example.com, for a day
// from at.
func newChange(u accounts.User, s security.Session, name string, at time.Time) accounts.EmailChange {
	to := newUser(name)
	return accounts.EmailChange{
		ID: id.NewEmailChange(), User: u.ID, Session: s.ID, SignedInAt: s.SignedInAt,
		OldEmail: u.Email, OldKey: u.EmailKey, NewEmail: to.Email, NewKey: to.EmailKey,
		ConfirmHash: hashOf("confirm " + u.EmailKey + name), UndoHash: hashOf("undo " + u.EmailKey + name),
		RequestedAt: at, ExpiresAt: at.Add(day),
	}
}

// askFor stores such a request.
func (w *world) askFor(u accounts.User, s security.Session, name string, at time.Time) accounts.EmailChange {
	w.Helper()
	c := newChange(u, s, name, at)
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.InsertEmailChange(ctx, c) })
	return c
}

// noticeOf returns the hash that confirm stores.
func noticeOf(c accounts.EmailChange) accounts.Hash { return hashOf("notice " + c.ID.String()) }

func (w *world) confirm(c accounts.EmailChange, now time.Time) (accounts.EmailChange, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.EmailChange, error) {
		return tx.ConfirmEmailChange(ctx, c.ConfirmHash, noticeOf(c), now, now.Add(7*day))
	})
}

// gone fails unless neither a look nor a use of the hashes is accepted at now.
func (w *world) gone(what string, now time.Time, hashes ...accounts.Hash) {
	w.Helper()
	for _, hash := range hashes {
		_, err := w.s.Accounts().EmailChangeByHash(w.ctx, hash, now)
		w.refused("EmailChangeByHash of "+what, err, accounts.ErrLinkGone)
		_, err = accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.EmailChange, error) {
			return tx.ConfirmEmailChange(ctx, hash, hashOf("some notice"), now, now.Add(7*day))
		})
		w.refused("ConfirmEmailChange of "+what, err, accounts.ErrLinkGone)
		_, err = w.undo(hash, now)
		w.refused("UndoEmailChange of "+what, err, accounts.ErrLinkGone)
	}
}

// nonePending fails unless the person has no request that could be confirmed.
func (w *world) nonePending(user id.User, now time.Time) {
	w.Helper()
	_, err := w.s.Accounts().PendingEmailChange(w.ctx, user, now)
	w.refused("PendingEmailChange", err, accounts.ErrNoEmailChange)
}

// stillPending fails unless c could be confirmed at now.
func (w *world) stillPending(c accounts.EmailChange, now time.Time) {
	w.Helper()
	s := w.s.Accounts()
	got, err := s.PendingEmailChange(w.ctx, c.User, now)
	w.must(err)
	w.same("PendingEmailChange", got, c)
	for _, hash := range []accounts.Hash{c.ConfirmHash, c.UndoHash} {
		got, err = s.EmailChangeByHash(w.ctx, hash, now)
		w.must(err)
		w.same("EmailChangeByHash", got, c)
	}
}

func changeRoundTrip(w *world) {
	for i, at := range moments() {
		ada := w.person("ada" + strconv.Itoa(i))
		c := newChange(ada, w.signIn(ada.ID, at), "augusta", at)
		c.ExpiresAt = at.Add(time.Hour + tick)
		c.OldEmail, c.NewEmail = "\u00c4da <old>@Example.com", "N\u00f8w@Example.com"
		w.accounts(func(ctx context.Context, tx accounts.Tx) error {
			if err := tx.InsertEmailChange(ctx, c); err != nil {
				return err
			}
			got, err := tx.PendingEmailChange(ctx, ada.ID, at)
			w.same("PendingEmailChange in the transaction", got, c)
			return err
		})
		w.stillPending(c, at)
	}
}

func changeSuperseded(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	first := w.askFor(ada, s, "first", base)
	second := w.askFor(ada, s, "second", base) // at the same moment
	w.gone("a superseded request", base, first.ConfirmHash, first.UndoHash)
	w.stillPending(second, base)
	_, err := w.confirm(second, base)
	w.must(err)
	// The first stays ended, whatever becomes of the second.
	w.gone("a superseded request", base, first.ConfirmHash, first.UndoHash)
}

func changeOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	first := w.askFor(ada, w.signIn(ada.ID, base), "wanted", base)
	second := w.askFor(grace, w.signIn(grace.ID, base), "wanted", base) // nothing is reserved
	w.stillPending(first, base)
	w.stillPending(second, base)
	_, err := w.confirm(second, base)
	w.must(err)
	w.stillPending(first, base)
}

// changePendingRace asks 16 times at once: however they follow each other, one
// request is left.
func changePendingRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		s := w.signIn(ada.ID, base)
		var changes [racers]accounts.EmailChange
		for i := range changes {
			changes[i] = newChange(ada, s, "wanted"+strconv.Itoa(i), base)
		}
		w.must(errors.Join(w.race(func(i int) error {
			return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
				return tx.InsertEmailChange(ctx, changes[i])
			})
		})...))
		var errs []error
		for _, c := range changes {
			_, err := w.confirm(c, base)
			errs = append(errs, err)
		}
		w.oneWinner(errs, accounts.ErrLinkGone)
	}
}

func noPendingChange(w *world) {
	ada := w.person("ada")
	w.nonePending(ada.ID, base)
	w.nonePending(id.NewUser(), base)
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_, err := w.confirm(c, base)
	w.must(err)
	w.nonePending(ada.ID, base)
}

func changeUnknown(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	// A pending request has no NoticeHash yet, and zero is nobody's hash.
	w.gone("an unknown hash", base, hashOf("unknown"), accounts.Hash{})
	w.stillPending(c, base)
}

func confirmRecords(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	at := base.Add(time.Hour + tick)
	got, err := w.confirm(c, at)
	w.must(err)
	c.NoticeHash, c.ConfirmedAt, c.UndoUntil = noticeOf(c), at, at.Add(7*day)
	w.same("ConfirmEmailChange", got, c)
	for _, hash := range []accounts.Hash{c.UndoHash, c.NoticeHash} {
		got, err = w.s.Accounts().EmailChangeByHash(w.ctx, hash, at)
		w.must(err)
		w.same("EmailChangeByHash of a confirmed request", got, c)
	}
}

func confirmOnce(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_, err := w.confirm(c, base)
	w.must(err)
	_, err = w.confirm(c, base)
	w.refused("ConfirmEmailChange again", err, accounts.ErrLinkGone)
	_, err = w.s.Accounts().EmailChangeByHash(w.ctx, c.ConfirmHash, base)
	w.refused("EmailChangeByHash of a spent link", err, accounts.ErrLinkGone)
}

func confirmOtherHash(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.EmailChange, error) {
		return tx.ConfirmEmailChange(ctx, c.UndoHash, noticeOf(c), base, base.Add(7*day))
	})
	w.refused("ConfirmEmailChange by the UndoHash", err, accounts.ErrLinkGone)
	w.stillPending(c, base)
}

func confirmExpiry(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	for _, at := range []time.Time{c.ExpiresAt.Add(tick), c.ExpiresAt} {
		w.gone("an expired request", at, c.ConfirmHash, c.UndoHash)
		w.nonePending(ada.ID, at)
	}
	w.stillPending(c, c.ExpiresAt.Add(-tick))
	_, err := w.confirm(c, c.ExpiresAt.Add(-tick))
	w.must(err)
}

// confirmAfterSession proves that a request dies with what happens to the
// session that made it.
func confirmAfterSession(what func(ctx context.Context, tx security.Tx, s security.Session) error) func(w *world) {
	return func(w *world) {
		ada := w.person("ada")
		s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
		c := w.askFor(ada, s, "augusta", base)
		w.stillPending(c, base)
		w.security(func(ctx context.Context, tx security.Tx) error { return what(ctx, tx, s) })
		w.dead(c, base)
		_ = other // another session of the person does not keep the request alive
	}
}

// dead fails unless c can no longer be confirmed. Whether its link to cancel
// still works is not said, but looking and using agree about it.
func (w *world) dead(c accounts.EmailChange, now time.Time) {
	w.Helper()
	w.nonePending(c.User, now)
	_, err := w.s.Accounts().EmailChangeByHash(w.ctx, c.ConfirmHash, now)
	w.refused("EmailChangeByHash of a dead request", err, accounts.ErrLinkGone)
	_, err = w.confirm(c, now)
	w.refused("ConfirmEmailChange of a dead request", err, accounts.ErrLinkGone)
	_, looked := w.s.Accounts().EmailChangeByHash(w.ctx, c.UndoHash, now)
	_, used := w.undo(c.UndoHash, now)
	if (looked == nil) != (used == nil) {
		w.Errorf("EmailChangeByHash says %v of a link, and UndoEmailChange %v", looked, used)
	}
}

func confirmAfterSessionExpired(w *world) {
	ada := w.person("ada")
	s := newSession(ada.ID, base)
	s.ExpiresAt = base.Add(time.Hour)
	c := w.askFor(ada, w.store(s), "augusta", base)
	w.stillPending(c, s.ExpiresAt.Add(-tick))
	w.dead(c, s.ExpiresAt)
}

func confirmAfterOtherThings(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	c := w.askFor(ada, s, "augusta", base)
	w.security(func(ctx context.Context, tx security.Tx) error {
		if _, err := tx.RevokeSession(ctx, ada.ID, other.ID); err != nil {
			return err
		}
		if _, err := tx.SetPassword(ctx, grace.ID, passwordHash("new"), base); err != nil {
			return err
		}
		if _, err := tx.UpgradePassword(ctx, ada.ID, passwordHash("ada"), passwordHash("stronger")); err != nil {
			return err
		}
		s.Proofs = s.Proofs.With(audit.Password, base.Add(time.Hour))
		return tx.RenewSession(ctx, s, hashOf("another token"))
	})
	w.stillPending(c, base)
	_, err := w.confirm(c, base)
	w.must(err)
}

func confirmRolledBack(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_ = w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		if _, err := tx.ConfirmEmailChange(ctx, c.ConfirmHash, noticeOf(c), base, base.Add(7*day)); err != nil {
			w.Errorf("ConfirmEmailChange: %v", err)
		}
		return errBoom
	})
	w.stillPending(c, base)
}

func confirmRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
		w.oneWinner(w.race(func(int) error { _, err := w.confirm(c, base); return err }), accounts.ErrLinkGone)
	}
}

func (w *world) cancelChange(user id.User, now time.Time) (accounts.EmailChange, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.EmailChange, error) {
		return tx.CancelEmailChange(ctx, user, now)
	})
}

func cancelChange(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	s := w.signIn(ada.ID, base)
	c := w.askFor(ada, s, "augusta", base)
	others := w.askFor(grace, w.signIn(grace.ID, base), "hopper", base)
	got, err := w.cancelChange(ada.ID, base)
	w.must(err)
	w.same("CancelEmailChange", got, c)
	w.gone("a cancelled request", base, c.ConfirmHash, c.UndoHash)
	w.nonePending(ada.ID, base)
	_, err = w.cancelChange(ada.ID, base)
	w.refused("CancelEmailChange again", err, accounts.ErrNoEmailChange)
	w.stillPending(others, base)
	w.stillPending(w.askFor(ada, s, "again", base), base)
}

func cancelNone(w *world) {
	ada := w.person("ada")
	_, err := w.cancelChange(ada.ID, base)
	w.refused("CancelEmailChange of nothing", err, accounts.ErrNoEmailChange)
	c := w.askFor(ada, w.signIn(ada.ID, base), "augusta", base)
	_, err = w.cancelChange(ada.ID, c.ExpiresAt)
	w.refused("CancelEmailChange of an expired request", err, accounts.ErrNoEmailChange)
	_, err = w.confirm(c, base)
	w.must(err)
	_, err = w.cancelChange(ada.ID, base)
	w.refused("CancelEmailChange of a confirmed request", err, accounts.ErrNoEmailChange)
	_, err = w.undo(c.UndoHash, base) // which it has left alone
	w.must(err)
}

func purgeUnconfirmed(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	early := w.askFor(ada, w.signIn(ada.ID, base), "first", base)
	late := w.askFor(grace, w.signIn(grace.ID, base), "second", base.Add(tick))
	for _, step := range []struct {
		t    time.Time
		want int
	}{{early.ExpiresAt, 0}, {late.ExpiresAt, 1}, {late.ExpiresAt, 0}} {
		if n := w.purgeLinks(step.t); n != step.want {
			w.Errorf("PurgeLinks(%v) removed %d, want %d", step.t, n, step.want)
		}
	}
	w.gone("a purged request", base, early.ConfirmHash, early.UndoHash)
	w.stillPending(late, base)
}
