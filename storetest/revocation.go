package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func revocationTests() []check {
	return []check{
		{"RevokeSession/EndsThatOne", revokeSession},
		{"RevokeSession/UnknownIsErrSessionNotFound", revokeUnknown},
		{"RevokeSession/SomebodyElsesIsErrSessionNotFound", revokeOthers},
		{"RevokeSession/OneWinnerOf16", revokeRace},
		{"RevokeSessions/EndsAllButOne", revokeAllButOne},
		{"RevokeSessions/EndsAll", revokeAll},
		{"RevokeSessions/RolledBackEndsNone", revokeRolledBack},
		{"TrimSessions/KeepsTheNewestSignIns", trimSessions},
		{"TrimSessions/EachOf16KeepsTheLimit", trimRace},
		{"PurgeSessions/RemovesExpiredBeforeNow", purgeExpired},
		{"PurgeSessions/RemovesLastUsedBeforeIdleSince", purgeIdle},
		{"PurgeSessions/AtMostTheLimit", purgeLimit},
	}
}

// revoke ends one session.
func (w *world) revoke(user id.User, session id.Session) (security.Session, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.Session, error) {
		return tx.RevokeSession(ctx, user, session)
	})
}

// endAllBut ends the sessions of a person except one, and returns how many.
func (w *world) endAllBut(user id.User, except id.Session) int {
	w.Helper()
	n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		return tx.RevokeSessions(ctx, user, except)
	})
	w.must(err)
	return n
}

func (w *world) endSessions(user id.User) {
	w.Helper()
	if w.endAllBut(user, id.Session{}) == 0 {
		w.Fatal("RevokeSessions ended none")
	}
}

func revokeSession(w *world) {
	ada := w.person("ada")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	got, err := w.revoke(ada.ID, s.ID)
	w.must(err)
	w.same("RevokeSession", got, s)
	w.signedOut(s)
	w.signedIn(other)
	_, err = w.revoke(ada.ID, s.ID)
	w.refused("RevokeSession again", err, security.ErrSessionNotFound)
}

func revokeUnknown(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	for _, unknown := range []id.Session{id.NewSession(), {}} {
		_, err := w.revoke(ada.ID, unknown)
		w.refused("RevokeSession", err, security.ErrSessionNotFound)
	}
	w.signedIn(s)
}

func revokeOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	s := w.signIn(grace.ID, base)
	_, err := w.revoke(ada.ID, s.ID)
	w.refused("RevokeSession", err, security.ErrSessionNotFound)
	w.signedIn(s)
}

func revokeRace(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		s := w.signIn(ada.ID, base)
		w.oneWinner(w.race(func(int) error { _, err := w.revoke(ada.ID, s.ID); return err }), security.ErrSessionNotFound)
	}
}

func revokeAllButOne(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	kept, others := w.signIn(ada.ID, base), w.signIn(grace.ID, base)
	ended := []security.Session{w.signIn(ada.ID, base.Add(-time.Hour)), w.signIn(ada.ID, base.Add(time.Hour))}
	if n := w.endAllBut(ada.ID, kept.ID); n != len(ended) {
		w.Errorf("RevokeSessions ended %d, want %d", n, len(ended))
	}
	for _, s := range ended {
		w.signedOut(s)
	}
	w.signedIn(kept)
	w.signedIn(others)
	if n := w.endAllBut(ada.ID, kept.ID); n != 0 {
		w.Errorf("RevokeSessions ended %d more", n)
	}
	// Somebody else's session is none of the person's and saves none.
	if n := w.endAllBut(ada.ID, others.ID); n != 1 {
		w.Errorf("RevokeSessions except somebody else's ended %d, want 1", n)
	}
	w.signedIn(others)
}

func revokeAll(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	others := w.signIn(grace.ID, base)
	ended := []security.Session{w.signIn(ada.ID, base), w.signIn(ada.ID, base)}
	if n := w.endAllBut(ada.ID, id.Session{}); n != len(ended) {
		w.Errorf("RevokeSessions ended %d, want %d", n, len(ended))
	}
	for _, s := range ended {
		w.signedOut(s)
	}
	w.signedIn(others)
	if n := w.endAllBut(ada.ID, id.Session{}); n != 0 {
		w.Errorf("RevokeSessions ended %d of none", n)
	}
}

func revokeRolledBack(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		_, err := tx.RevokeSessions(ctx, ada.ID, id.Session{})
		return errors.Join(err, errBoom)
	})
	w.signedIn(s)
}

func (w *world) trim(user id.User, keep int) int {
	w.Helper()
	n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) { return tx.TrimSessions(ctx, user, keep) })
	w.must(err)
	return n
}

func trimSessions(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	others := w.signIn(grace.ID, base.Add(-day))
	// Stored in an order that is neither that of the sign-ins nor its reverse,
	// and used last in yet another.
	var byAge [4]security.Session
	for _, age := range []int{2, 0, 3, 1} {
		s := newSession(ada.ID, base.Add(-time.Duration(age)*time.Hour))
		s.LastUsedAt = base.Add(time.Duration(age) * time.Minute)
		byAge[age] = w.store(s)
	}
	for _, step := range []struct{ keep, ended, left int }{{9, 0, 4}, {4, 0, 4}, {2, 2, 2}, {2, 0, 2}, {0, 2, 0}} {
		if n := w.trim(ada.ID, step.keep); n != step.ended {
			w.Errorf("TrimSessions(%d) ended %d, want %d", step.keep, n, step.ended)
		}
		for age, s := range byAge {
			if age < step.left {
				w.signedIn(s)
			} else {
				w.signedOut(s)
			}
		}
	}
	w.signedIn(others)
}

// trimRace signs in and trims at once, under the lock of the person.
func trimRace(w *world) {
	const keep = 3
	ada := w.person("ada")
	errs := w.race(func(i int) error {
		s := newSession(ada.ID, base.Add(time.Duration(i)*time.Second))
		return w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
			if _, err := tx.LockPerson(ctx, ada.ID); err != nil {
				return err
			}
			if err := tx.InsertSession(ctx, s, tokenOf(s)); err != nil {
				return err
			}
			_, err := tx.TrimSessions(ctx, ada.ID, keep)
			return err
		})
	})
	w.must(errors.Join(errs...))
	w.wantListed(ada.ID, base, base.Add(-day), keep)
}

func (w *world) purgeSessions(now, idleSince time.Time, limit int) int {
	w.Helper()
	n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		return tx.PurgeSessions(ctx, now, idleSince, limit)
	})
	w.must(err)
	return n
}

func (w *world) wantPurged(got, want int) {
	w.Helper()
	if got != want {
		w.Errorf("PurgeSessions removed %d, want %d", got, want)
	}
}

func purgeExpired(w *world) {
	ada := w.person("ada")
	early, late := newSession(ada.ID, base), newSession(ada.ID, base)
	late.ExpiresAt = early.ExpiresAt.Add(tick)
	w.store(early)
	w.store(late)
	w.wantPurged(w.purgeSessions(early.ExpiresAt, base.Add(-day), 10), 0)
	w.signedIn(early)
	w.wantPurged(w.purgeSessions(late.ExpiresAt, base.Add(-day), 10), 1)
	w.signedOut(early)
	w.signedIn(late)
}

func purgeIdle(w *world) {
	ada := w.person("ada")
	early, late := newSession(ada.ID, base), newSession(ada.ID, base)
	late.LastUsedAt = early.LastUsedAt.Add(tick)
	w.store(early)
	w.store(late)
	w.wantPurged(w.purgeSessions(base, early.LastUsedAt, 10), 0)
	w.signedIn(early)
	w.wantPurged(w.purgeSessions(base, late.LastUsedAt, 10), 1)
	w.signedOut(early)
	w.signedIn(late)
}

func purgeLimit(w *world) {
	for i := range 5 {
		w.signIn(w.person("ada"+strconv.Itoa(i)).ID, base)
	}
	later := base.Add(365 * day)
	for _, want := range []int{2, 2, 1, 0} {
		w.wantPurged(w.purgeSessions(later, base.Add(-day), 2), want)
	}
}
