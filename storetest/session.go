package storetest

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func sessionTests() []check {
	return []check{
		{"InsertSession/EveryFieldIsReadAsWritten", sessionRoundTrip},
		{"LoginByToken/ReturnsThePersonWithoutTheHash", loginPerson},
		{"LoginByToken/FindsASessionInAnyState", loginAnyState},
		{"LoginByToken/UnknownIsErrSessionNotFound", loginUnknown},
		{"Sessions/NewestSignInFirst", sessionsOrder},
		{"Sessions/PagesHoldEachOnce", sessionsPages},
		{"Sessions/OfThePersonAlone", sessionsOfOthers},
		{"Sessions/EndExactlyAtExpiry", sessionsExpiry},
		{"Sessions/UsedAfterIdleSince", sessionsIdle},
		{"Sessions/OfThePresentVersion", sessionsVersion},
		{"RenewSession/StoresProofsAndVersionAlone", renewSession},
		{"RenewSession/ReplacesTheToken", renewToken},
		{"RenewSession/RevokedIsErrSessionNotFound", renewRevoked},
		{"HoldSession/EndedOrAnothersIsErrSessionNotFound", holdSession},
		{"HoldSession/NobodyEndsItMeanwhile", holdRacesRevoke},
		{"TouchSession/NotesAUse", touchSession},
		{"TouchSession/AtMostOncePerNotSince", touchAtMostOnce},
		{"TouchSession/GoneIsNoError", touchGone},
		{"TouchSession/OneWriterOf16", touchRace},
	}
}

func sessionRoundTrip(w *world) {
	ada := w.person("ada")
	var sessions []security.Session
	for i, at := range moments() {
		s := newSession(ada.ID, at)
		s.LastUsedAt, s.ExpiresAt = at.Add(time.Minute+tick), at.Add(day+tick)
		s.Connection, s.Method, s.Version = "connection-"+strconv.Itoa(i), audit.SSO, int64(i)+1
		s.Proofs = audit.Proofs{
			Password: at, TOTP: at.Add(1 * tick), BackupCode: at.Add(2 * tick),
			Passkey: at.Add(3 * tick), EmailCode: at.Add(4 * tick), SSO: at.Add(5 * tick),
		}
		sessions = append(sessions, s)
	}
	for _, f := range []audit.Factor{audit.Password, audit.TOTP, audit.BackupCode, audit.Passkey, audit.EmailCode, audit.SSO} {
		s := newSession(ada.ID, base)
		s.Method, s.Proofs = f, audit.Proofs{}.With(f, base) // the others were never proven
		sessions = append(sessions, s)
	}
	for _, ip := range []netip.Addr{
		{}, netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"), netip.IPv6Loopback(),
		netip.MustParseAddr("2001:db8:85a3::8a2e:370:7334"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	} {
		s := newSession(ada.ID, base)
		s.IP, s.Proofs, s.UserAgent = ip, audit.Proofs{}, ""
		sessions = append(sessions, s)
	}
	for _, agent := range []string{strings.Repeat("a", 512), strings.Repeat("\u00e9", 256), strings.Repeat("\U0001F469", 128), names()[5]} {
		s := newSession(ada.ID, base)
		s.UserAgent = agent
		sessions = append(sessions, s)
	}
	for _, s := range sessions {
		w.store(s)
		l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
		w.must(err)
		w.same("LoginByToken", l.Session, s)
	}
	for _, s := range sessions {
		got, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Session, error) {
			return tx.RevokeSession(ctx, ada.ID, s.ID)
		})
		w.must(err)
		w.same("RevokeSession", got, s)
	}
}

func loginPerson(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.signIn(grace.ID, base)
	s := w.signIn(ada.ID, base)
	want := security.Login{Session: s, Person: asPerson(ada, "ada"), HasPassword: true}
	want.Person.PasswordHash = ""
	got, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
	w.must(err)
	w.same("LoginByToken", got, want)
	w.security(func(ctx context.Context, tx security.Tx) error {
		got, err := tx.LoginByToken(ctx, tokenOf(s))
		w.same("LoginByToken in a transaction", got, want)
		return err
	})
}

// loginAnyState: whether a session is good is for the caller to say, who knows
// the time.
func loginAnyState(w *world) {
	ada := w.person("ada")
	expired, idle, stale := newSession(ada.ID, base), newSession(ada.ID, base), newSession(ada.ID, base)
	expired.ExpiresAt = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	idle.LastUsedAt = expired.ExpiresAt
	stale.Version = 77
	for _, s := range []security.Session{expired, idle, stale} {
		w.signedIn(w.store(s))
	}
	version := w.bump(ada.ID, id.Session{})
	l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(expired))
	w.must(err)
	if l.Session.Version != 1 || l.Person.Version != version {
		w.Errorf("session of Version %d, person of Version %d, want 1 and %d", l.Session.Version, l.Person.Version, version)
	}
}

func loginUnknown(w *world) {
	ada := w.person("ada")
	w.signIn(ada.ID, base)
	for _, hash := range []security.Hash{hashOf("unknown"), {}} {
		_, err := w.s.Security().LoginByToken(w.ctx, hash)
		w.refused("LoginByToken", err, security.ErrSessionNotFound)
	}
}

// list returns the sessions at base that were used within a day before.
func (w *world) list(user id.User, after id.Session, limit int) []security.Session {
	w.Helper()
	got, err := w.s.Security().Sessions(w.ctx, user, base, base.Add(-day), after, limit)
	w.must(err)
	return got
}

func sessionIDs(sessions []security.Session) []id.Session {
	var ids []id.Session
	for _, s := range sessions {
		ids = append(ids, s.ID)
	}
	return ids
}

func sessionsOrder(w *world) {
	ada := w.person("ada")
	middle, newest, oldest := w.signIn(ada.ID, base.Add(-time.Hour)), w.signIn(ada.ID, base), w.signIn(ada.ID, base.Add(-2*time.Hour))
	got := w.list(ada.ID, id.Session{}, 10)
	want := []security.Session{newest, middle, oldest}
	if !slices.Equal(sessionIDs(got), sessionIDs(want)) {
		w.Fatalf("Sessions = %v, want %v", sessionIDs(got), sessionIDs(want))
	}
	for i := range want {
		w.same("Sessions", got[i], want[i])
	}
}

// sessionsPages has many sign-ins at one moment, which an order by time alone
// would repeat or lose between pages.
func sessionsPages(w *world) {
	ada := w.person("ada")
	all := map[id.Session]bool{}
	for i := range 11 {
		all[w.signIn(ada.ID, base.Add(-time.Duration(i/4)*time.Minute)).ID] = true
	}
	for _, limit := range []int{1, 2, 3, 11, 50} {
		var got []security.Session
		for after := (id.Session{}); ; after = got[len(got)-1].ID {
			page := w.list(ada.ID, after, limit)
			if len(page) > limit {
				w.Fatalf("a page of %d sessions with a limit of %d", len(page), limit)
			}
			got = append(got, page...)
			if len(page) < limit || len(got) > len(all) {
				break
			}
		}
		w.pagesHold(got, all)
	}
}

func (w *world) pagesHold(got []security.Session, all map[id.Session]bool) {
	w.Helper()
	seen, ties := map[id.Session]bool{}, 0
	for i, s := range got {
		if seen[s.ID] || !all[s.ID] {
			w.Fatalf("session %v is listed twice, or is none", s.ID)
		}
		seen[s.ID] = true
		if i == 0 {
			continue
		}
		switch before := got[i-1]; {
		case s.SignedInAt.After(before.SignedInAt):
			w.Fatalf("session %d is newer than the one before", i)
		case s.SignedInAt.Equal(before.SignedInAt):
			// The contract has no direction, but one for all.
			direction := bytes.Compare(s.ID[:], before.ID[:])
			if ties != 0 && ties != direction {
				w.Fatalf("session %d is not in the order of identifiers", i)
			}
			ties = direction
		}
	}
	if len(seen) != len(all) {
		w.Fatalf("%d of %d sessions are listed", len(seen), len(all))
	}
}

func sessionsOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.signIn(grace.ID, base)
	if got := w.list(ada.ID, id.Session{}, 10); len(got) != 0 {
		w.Errorf("Sessions of a person without any = %v", sessionIDs(got))
	}
	s := w.signIn(ada.ID, base)
	if got := w.list(ada.ID, id.Session{}, 10); !slices.Equal(sessionIDs(got), []id.Session{s.ID}) {
		w.Errorf("Sessions = %v, want %v", sessionIDs(got), s.ID)
	}
}

// wantListed fails unless the sessions of the person at now are as many.
func (w *world) wantListed(user id.User, now, idleSince time.Time, want int) {
	w.Helper()
	got, err := w.s.Security().Sessions(w.ctx, user, now, idleSince, id.Session{}, 10)
	w.must(err)
	if len(got) != want {
		w.Errorf("%d sessions are listed at %v, used after %v, want %d", len(got), now, idleSince, want)
	}
}

func sessionsExpiry(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	w.wantListed(ada.ID, s.ExpiresAt.Add(-tick), base.Add(-day), 1)
	w.wantListed(ada.ID, s.ExpiresAt, base.Add(-day), 0)
	w.wantListed(ada.ID, s.ExpiresAt.Add(tick), base.Add(-day), 0)
}

func sessionsIdle(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	w.wantListed(ada.ID, base, s.LastUsedAt.Add(-tick), 1)
	w.wantListed(ada.ID, base, s.LastUsedAt, 0)
	w.wantListed(ada.ID, base, s.LastUsedAt.Add(tick), 0)
}

func sessionsVersion(w *world) {
	ada := w.person("ada")
	w.signIn(ada.ID, base)
	version := w.bump(ada.ID, id.Session{})
	w.wantListed(ada.ID, base, base.Add(-day), 0)
	s := newSession(ada.ID, base)
	s.Version = version
	w.store(s)
	w.wantListed(ada.ID, base, base.Add(-day), 1)
}

func (w *world) renew(s security.Session, hash security.Hash) error {
	return w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error { return tx.RenewSession(ctx, s, hash) })
}

func renewSession(w *world) {
	ada := w.person("ada")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	want := s
	want.Proofs = audit.Proofs{TOTP: base.Add(time.Hour + tick), Passkey: base.Add(tick)}
	want.Version = 2
	written := want
	written.IP, written.UserAgent, written.Connection = netip.Addr{}, "", "another"
	written.LastUsedAt, written.ExpiresAt = base.Add(day), base.Add(365*day)
	w.must(w.renew(written, security.Hash{}))
	for s, want := range map[id.Session]security.Session{s.ID: want, other.ID: other} {
		l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(security.Session{ID: s}))
		w.must(err)
		w.same("LoginByToken", l.Session, want)
	}
}

func renewToken(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	w.must(w.renew(s, hashOf("new token")))
	w.signedOut(s) // the former token opens nothing
	l, err := w.s.Security().LoginByToken(w.ctx, hashOf("new token"))
	w.must(err)
	w.same("LoginByToken", l.Session, s)
}

func renewRevoked(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	w.endSessions(ada.ID)
	for _, hash := range []security.Hash{{}, hashOf("new token")} {
		w.refused("RenewSession", w.renew(s, hash), security.ErrSessionNotFound)
	}
	w.signedOut(s)
	_, err := w.s.Security().LoginByToken(w.ctx, hashOf("new token"))
	w.refused("LoginByToken", err, security.ErrSessionNotFound)
}

func (w *world) hold(user id.User, s id.Session) error {
	return w.try(func(ctx context.Context, tx security.Tx) error { return tx.HoldSession(ctx, user, s) })
}

func holdSession(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	s := w.signIn(ada.ID, base)
	w.must(w.hold(ada.ID, s.ID))
	w.refused("HoldSession of another", w.hold(grace.ID, s.ID), security.ErrSessionNotFound)
	w.refused("HoldSession", w.hold(ada.ID, id.NewSession()), security.ErrSessionNotFound)
	w.endSessions(ada.ID)
	w.refused("HoldSession once ended", w.hold(ada.ID, s.ID), security.ErrSessionNotFound)
}

// holdRacesRevoke: whoever holds a session finds it until the end of the
// transaction, whoever else would end it.
func holdRacesRevoke(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		s := w.signIn(ada.ID, base)
		errs := w.race(func(i int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				if i%4 == 0 {
					_, err := tx.RevokeSession(ctx, ada.ID, s.ID)
					return err
				}
				if err := tx.HoldSession(ctx, ada.ID, s.ID); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
				if _, err := tx.LoginByToken(ctx, tokenOf(s)); err != nil {
					return errors.New("a session that is held has ended")
				}
				return nil
			})
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, security.ErrSessionNotFound) {
				w.Fatal(err)
			}
		}
	}
}

func (w *world) touch(s security.Session, now, notSince time.Time) (bool, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (bool, error) {
		return tx.TouchSession(ctx, s.ID, s.IP, s.UserAgent, now, notSince)
	})
}

func touchSession(w *world) {
	ada := w.person("ada")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	for i, ip := range []netip.Addr{netip.MustParseAddr("2001:db8::1"), {}} {
		s.IP, s.UserAgent = ip, "agent "+names()[i+3]
		s.LastUsedAt = s.LastUsedAt.Add(time.Minute + tick)
		did, err := w.touch(s, s.LastUsedAt, s.LastUsedAt.Add(-time.Minute))
		w.must(err)
		if !did {
			w.Fatal("TouchSession reports that it noted nothing")
		}
		for _, want := range []security.Session{s, other} {
			l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(want))
			w.must(err)
			w.same("LoginByToken", l.Session, want)
		}
	}
}

func touchAtMostOnce(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	for _, step := range []struct {
		notSince time.Time
		want     bool
	}{{s.LastUsedAt.Add(-tick), false}, {s.LastUsedAt.Add(-day), false}, {s.LastUsedAt, true}} {
		changed := s
		changed.IP, changed.UserAgent = netip.IPv6Loopback(), "another agent"
		did, err := w.touch(changed, base.Add(time.Minute), step.notSince)
		w.must(err)
		if did != step.want {
			w.Fatalf("TouchSession of one used at %v, not since %v: did = %t", s.LastUsedAt, step.notSince, did)
		}
		want := s
		if did {
			want = changed
			want.LastUsedAt = base.Add(time.Minute)
		}
		l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
		w.must(err)
		w.same("LoginByToken", l.Session, want)
	}
}

func touchGone(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	w.endSessions(ada.ID)
	did, err := w.touch(s, base.Add(day), base.Add(day-time.Minute))
	w.must(err)
	if did {
		w.Error("TouchSession reports to have noted a use of a session that is gone")
	}
	w.signedOut(s)
}

func touchRace(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		s := w.signIn(ada.ID, base)
		var did [racers]bool
		errs := w.race(func(i int) (err error) {
			did[i], err = w.touch(s, base.Add(time.Minute), base)
			return err
		})
		w.must(errors.Join(errs...))
		w.oneTrue(did)
	}
}
