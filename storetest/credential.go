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

func credentialTests() []check {
	return []check{
		{"InsertCredential/VersionIsOne", insertCredential},
		{"InsertCredential/WithoutAPassword", insertWithoutPassword},
		{"PersonByID/NobodyIsErrPersonNotFound", personNobody},
		{"PersonByEmail/FindsTheCanonicalFormAlone", personByEmail},
		{"PersonByEmail/FollowsAChangeOfAddress", personFollows},
		{"Reader/CancelledContextIsNotAnAnswer", securityReadersCancelled},
		{"LockPerson/NobodyIsErrPersonNotFound", lockNoPerson},
		{"LockPerson/LosesNoChangeOf16", lockPersonRace},
		{"LockPerson/CountsTheSessions", lockPersonCounts},
		{"SetPassword/ReplacesTheHashAndTheVersion", setPassword},
		{"SetPassword/EmptyRemovesIt", removePassword},
		{"SetPassword/NobodyIsErrPersonNotFound", setPasswordOfNobody},
		{"UpgradePassword/ReplacesTheOldHashAlone", upgradePassword},
		{"UpgradePassword/NeverOverwritesANewPassword", upgradeTooLate},
		{"UpgradePassword/OneWinnerOf16", upgradeRace},
		{"BumpVersion/ChangesTheVersionAlone", bumpVersion},
		{"BumpVersion/NobodyIsErrPersonNotFound", bumpNobody},
		{"BumpVersion/KeepsOneSessionOfThePerson", bumpKeeps},
	}
}

func (w *world) wantPerson(want security.Person) {
	w.Helper()
	got, err := w.s.Security().PersonByID(w.ctx, want.ID)
	w.must(err)
	w.same("PersonByID", got, want)
}

// notAPerson fails if anybody signs in with the address.
func (w *world) notAPerson(key string) {
	w.Helper()
	_, err := w.s.Security().PersonByEmail(w.ctx, key)
	w.refused("PersonByEmail", err, security.ErrPersonNotFound)
	_, _, err = w.s.Security().PersonSeen(w.ctx, key, hashOf("laptop"), "GB")
	w.refused("PersonSeen", err, security.ErrPersonNotFound)
}

// asPerson returns what security knows of somebody stored by person.
func asPerson(u accounts.User, name string) security.Person {
	return security.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, Timezone: u.Timezone, Locale: u.Locale,
		PasswordHash: passwordHash(name), PasswordChangedAt: base, Version: 1,
	}
}

func (w *world) setPassword(user id.User, name string, now time.Time) int64 {
	w.Helper()
	version, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int64, error) {
		return tx.SetPassword(ctx, user, passwordHash(name), now)
	})
	w.must(err)
	return version
}

func (w *world) bump(user id.User, keep id.Session) int64 {
	w.Helper()
	version, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int64, error) {
		return tx.BumpVersion(ctx, user, keep)
	})
	w.must(err)
	return version
}

func insertCredential(w *world) {
	for i, at := range moments() {
		name := "ada" + strconv.Itoa(i)
		u := newUser(name)
		u.Name = names()[i%len(names())]
		w.must(w.insert(u))
		want := asPerson(u, name)
		want.PasswordChangedAt = at
		w.security(func(ctx context.Context, tx security.Tx) error {
			if err := tx.InsertCredential(ctx, u.ID, want.PasswordHash, at); err != nil {
				return err
			}
			got, err := tx.PersonByID(ctx, u.ID)
			w.same("PersonByID in the transaction", got, want)
			return err
		})
		w.wantPerson(want)
		got, err := w.s.Security().PersonByEmail(w.ctx, u.EmailKey)
		w.must(err)
		w.same("PersonByEmail", got, want)
		got, err = securityGet(w, func(ctx context.Context, tx security.Tx) (security.Person, error) {
			return tx.LockPerson(ctx, u.ID)
		})
		w.must(err)
		w.same("LockPerson", got, want)
	}
}

func insertWithoutPassword(w *world) {
	u := w.user("ada")
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertCredential(ctx, u.ID, "", base) })
	want := asPerson(u, "ada")
	want.PasswordHash, want.PasswordChangedAt = "", time.Time{}
	w.wantPerson(want)
	s := w.signIn(u.ID, base)
	l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
	w.must(err)
	if l.HasPassword {
		w.Error("HasPassword of a person without a password")
	}
	if version := w.setPassword(u.ID, "first", base.Add(tick)); version == 1 {
		w.Error("the first password left the Version as it was")
	}
}

func personNobody(w *world) {
	w.person("ada")
	for _, nobody := range []id.User{id.NewUser(), {}} {
		_, err := w.s.Security().PersonByID(w.ctx, nobody)
		w.refused("PersonByID", err, security.ErrPersonNotFound)
	}
}

func personByEmail(w *world) {
	ada := w.person("ada")
	for _, key := range []string{"", "grace@example.com", ada.Email, "ada@example.co", "%"} {
		w.notAPerson(key)
	}
}

func personFollows(w *world) {
	ada := w.person("ada")
	w.must(w.changeEmail(ada.ID, "augusta", base, base.Add(7*day)))
	want := asPerson(ada, "ada")
	want.Email = newUser("augusta").Email
	got, err := w.s.Security().PersonByEmail(w.ctx, "augusta@example.com")
	w.must(err)
	w.same("PersonByEmail", got, want)
	w.notAPerson(ada.EmailKey)
}

func securityReadersCancelled(w *world) {
	ada := w.person("ada")
	session, reset := w.signIn(ada.ID, base), w.askToReset(newReset(ada.ID, "link", base))
	s, ctx := w.s.Security(), w.cancelled()
	_, err := s.PersonByID(ctx, ada.ID)
	w.outage("PersonByID", err)
	_, err = s.PersonByEmail(ctx, ada.EmailKey)
	w.outage("PersonByEmail", err)
	_, err = s.LoginByToken(ctx, tokenOf(session))
	w.outage("LoginByToken", err)
	_, err = s.Sessions(ctx, ada.ID, base, base.Add(-day), id.Session{}, 10)
	w.outage("Sessions", err)
	_, err = s.ResetByHash(ctx, reset.Hash, base)
	w.outage("ResetByHash", err)
}

func lockNoPerson(w *world) {
	_, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Person, error) {
		return tx.LockPerson(ctx, id.NewUser())
	})
	w.refused("LockPerson", err, security.ErrPersonNotFound)
}

func lockPersonCounts(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.signIn(ada.ID, base)
	w.signIn(ada.ID, base.Add(time.Hour))
	w.signIn(grace.ID, base)
	for user, want := range map[id.User]int{ada.ID: 2, grace.ID: 1, w.person("alan").ID: 0} {
		p, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Person, error) { return tx.LockPerson(ctx, user) })
		w.must(err)
		if p.Sessions != want {
			w.Errorf("%d sessions, want %d", p.Sessions, want)
		}
	}
}

// lockPersonRace counts in the hash: without the lock, two who read the same
// number write the same one.
func lockPersonRace(w *world) {
	u := w.user("ada")
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertCredential(ctx, u.ID, "0", base) })
	errs := w.race(func(int) error {
		return w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
			p, err := tx.LockPerson(ctx, u.ID)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(string(p.PasswordHash))
			if err != nil {
				return err
			}
			_, err = tx.SetPassword(ctx, u.ID, security.PasswordHash(strconv.Itoa(n+1)), base)
			return err
		})
	})
	w.must(errors.Join(errs...))
	got, err := w.s.Security().PersonByID(w.ctx, u.ID)
	w.must(err)
	if string(got.PasswordHash) != strconv.Itoa(racers) {
		w.Errorf("%s of %d changes under the lock are left", string(got.PasswordHash), racers)
	}
}

func setPassword(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	seen := map[int64]bool{1: true}
	for i := range 3 {
		want := asPerson(ada, "password"+strconv.Itoa(i))
		want.PasswordChangedAt = base.Add(time.Duration(i)*time.Hour + tick)
		want.Version = w.setPassword(ada.ID, "password"+strconv.Itoa(i), want.PasswordChangedAt)
		if seen[want.Version] {
			w.Errorf("SetPassword returned Version %d a second time", want.Version)
		}
		seen[want.Version] = true
		w.wantPerson(want)
	}
	w.wantPerson(asPerson(grace, "grace"))
}

func removePassword(w *world) {
	ada := w.person("ada")
	want := asPerson(ada, "ada")
	version, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int64, error) {
		return tx.SetPassword(ctx, ada.ID, "", base.Add(day))
	})
	w.must(err)
	if version == want.Version {
		w.Error("removing the password left the Version as it was")
	}
	want.PasswordHash, want.PasswordChangedAt, want.Version = "", time.Time{}, version
	w.wantPerson(want)
}

func setPasswordOfNobody(w *world) {
	_, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int64, error) {
		return tx.SetPassword(ctx, id.NewUser(), passwordHash("new"), base)
	})
	w.refused("SetPassword", err, security.ErrPersonNotFound)
}

func (w *world) upgrade(user id.User, old, name string) (bool, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (bool, error) {
		return tx.UpgradePassword(ctx, user, passwordHash(old), passwordHash(name))
	})
}

func upgradePassword(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	done, err := w.upgrade(ada.ID, "ada", "stronger")
	w.must(err)
	if !done {
		w.Fatal("UpgradePassword of the present hash reports that it did nothing")
	}
	want := asPerson(ada, "stronger") // the same Version, and changed when it was
	w.wantPerson(want)
	done, err = w.upgrade(ada.ID, "ada", "stronger still")
	w.must(err)
	if done {
		w.Error("UpgradePassword of a former hash reports that it did something")
	}
	w.wantPerson(want)
	w.wantPerson(asPerson(grace, "grace"))
}

func upgradeTooLate(w *world) {
	ada := w.person("ada")
	want := asPerson(ada, "new")
	want.Version = w.setPassword(ada.ID, "new", base)
	done, err := w.upgrade(ada.ID, "ada", "old password, stronger")
	w.must(err)
	if done {
		w.Error("UpgradePassword brought a former password back")
	}
	w.wantPerson(want)
}

func upgradeRace(w *world) {
	for round := range w.opts.rounds() {
		name := "ada" + strconv.Itoa(round)
		u := w.person(name)
		var did [racers]bool
		errs := w.race(func(i int) (err error) {
			did[i], err = w.upgrade(u.ID, name, "stronger"+strconv.Itoa(i))
			return err
		})
		w.must(errors.Join(errs...))
		w.wantPerson(asPerson(u, "stronger"+strconv.Itoa(w.oneTrue(did))))
	}
}

// oneTrue returns who reports to have done it, and fails unless it is one.
func (w *world) oneTrue(did [racers]bool) int {
	w.Helper()
	winner, wins := -1, 0
	for i, d := range did {
		if d {
			winner, wins = i, wins+1
		}
	}
	if wins != 1 {
		w.Fatalf("%d of %d callers report to have done it, want 1", wins, racers)
	}
	return winner
}

func bumpVersion(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	want := asPerson(ada, "ada")
	seen := map[int64]bool{1: true}
	for range 3 {
		want.Version = w.bump(ada.ID, id.Session{})
		if seen[want.Version] {
			w.Errorf("BumpVersion returned %d a second time", want.Version)
		}
		seen[want.Version] = true
		w.wantPerson(want)
	}
	w.wantPerson(asPerson(grace, "grace"))
}

func bumpNobody(w *world) {
	_, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int64, error) {
		return tx.BumpVersion(ctx, id.NewUser(), id.Session{})
	})
	w.refused("BumpVersion", err, security.ErrPersonNotFound)
}

func bumpKeeps(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	kept, other, graces := w.signIn(ada.ID, base), w.signIn(ada.ID, base), w.signIn(grace.ID, base)
	version := func(s security.Session) int64 {
		w.Helper()
		l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
		w.must(err)
		return l.Session.Version
	}
	present := w.bump(ada.ID, kept.ID)
	if got := version(kept); got != present {
		w.Errorf("the kept session is of Version %d, want %d", got, present)
	}
	if got := version(other); got != 1 {
		w.Errorf("another session of the person went over to Version %d", got)
	}
	present = w.bump(ada.ID, graces.ID) // not the person's: it keeps none
	for what, s := range map[string]security.Session{"a kept one of an earlier time": kept, "somebody else's": graces} {
		if got := version(s); got == present {
			w.Errorf("session that is %s went over to Version %d", what, got)
		}
	}
	w.bump(ada.ID, id.Session{})
	w.bump(ada.ID, id.NewSession()) // unknown: it keeps none, and is no error
}
