package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func emailCodeTests() []check {
	return []check{
		{"PutEmailCode/VoidsTheEarlierOne", putEmailCode},
		{"PutEmailCode/BeginsWithoutTries", putEmailCodeTries},
		{"PutEmailCode/RolledBackVoidsNothing", putEmailCodeRolledBack},
		{"PutEmailCode/OneOf16IsGood", putEmailCodeRace},
		{"SpendEmailCode/WorksOnce", spendEmailCode},
		{"SpendEmailCode/ForThatSessionAlone", spendEmailCodeSession},
		{"SpendEmailCode/OfThatPersonAlone", spendEmailCodeOfOthers},
		{"SpendEmailCode/GoneExactlyAtExpiry", spendEmailCodeExpiry},
		{"SpendEmailCode/NoMoreTriesThanThatMany", spendEmailCodeTries},
		{"SpendEmailCode/UnspentIfRolledBack", spendEmailCodeRolledBack},
		{"SpendEmailCode/OneWinnerOf16", spendEmailCodeRace},
		{"SpendEmailCode/NoMoreTriesThanThatManyOf16", spendEmailCodeTriesRace},
		{"PurgeFactors/RemovesExpiredCodes", purgeEmailCodes},
	}
}

// newEmailCode returns a code for ten minutes.
func newEmailCode(s security.Session, code string, at time.Time) security.EmailCode {
	return security.EmailCode{User: s.User, Session: s.ID, Hash: hashOf(code), CreatedAt: at, ExpiresAt: at.Add(10 * time.Minute)}
}

func (w *world) mailCode(c security.EmailCode) security.EmailCode {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.PutEmailCode(ctx, c) })
	return c
}

// spendEmailCode keeps the count of what is refused.
func (w *world) spendEmailCode(user id.User, session id.Session, code string, now time.Time) error {
	return w.kept(func(ctx context.Context, tx security.Tx) error {
		return tx.SpendEmailCode(ctx, user, session, hashOf(code), now, maxTries)
	})
}

func (w *world) notAnEmailCode(what string, s security.Session, code string, now time.Time) {
	w.Helper()
	w.refused("SpendEmailCode of "+what, w.spendEmailCode(s.User, s.ID, code, now), security.ErrInvalidCode)
}

func (w *world) anEmailCode(s security.Session, code string, now time.Time) {
	w.Helper()
	w.must(w.spendEmailCode(s.User, s.ID, code, now))
}

func putEmailCode(w *world) {
	s, others := w.signIn(w.person("ada").ID, base), w.signIn(w.person("grace").ID, base)
	w.mailCode(newEmailCode(others, "others", base))
	w.mailCode(newEmailCode(s, "first", base))
	later := w.signIn(s.User, base.Add(time.Hour))
	w.mailCode(newEmailCode(later, "second", base.Add(time.Hour)))
	w.notAnEmailCode("a code that was replaced", s, "first", base)
	w.notAnEmailCode("a code for another session", s, "second", base)
	w.anEmailCode(later, "second", base.Add(time.Hour))
	w.notAnEmailCode("a code that was replaced by a spent one", s, "first", base)
	w.anEmailCode(others, "others", base)
}

func putEmailCodeTries(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	for range 2 {
		w.mailCode(newEmailCode(s, "code", base))
		for range maxTries - 1 {
			w.notAnEmailCode("a wrong code", s, "wrong", base)
		}
	}
	w.anEmailCode(s, "code", base)
}

func putEmailCodeRolledBack(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	w.mailCode(newEmailCode(s, "first", base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.PutEmailCode(ctx, newEmailCode(s, "second", base))
	})
	w.notAnEmailCode("a code that was never stored", s, "second", base)
	w.anEmailCode(s, "first", base)
}

func putEmailCodeRace(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	for range w.opts.rounds() {
		w.must(errors.Join(w.race(func(i int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				return tx.PutEmailCode(ctx, newEmailCode(s, strconv.Itoa(i), base))
			})
		})...))
		var errs []error
		for i := range racers {
			errs = append(errs, w.try(func(ctx context.Context, tx security.Tx) error {
				return tx.SpendEmailCode(ctx, s.User, s.ID, hashOf(strconv.Itoa(i)), base, maxTries)
			}))
		}
		w.oneWinner(errs, security.ErrInvalidCode)
	}
}

func spendEmailCode(w *world) {
	for i, at := range moments() {
		s := w.signIn(w.person("ada"+strconv.Itoa(i)).ID, base)
		w.notAnEmailCode("no code", s, "code", at)
		w.mailCode(newEmailCode(s, "code", at))
		w.notAnEmailCode("a wrong code", s, "wrong", at)
		w.anEmailCode(s, "code", at)
		w.notAnEmailCode("a spent code", s, "code", at)
	}
}

func spendEmailCodeSession(w *world) {
	ada := w.person("ada")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	w.mailCode(newEmailCode(s, "code", base))
	w.notAnEmailCode("a code for another session", other, "code", base)
	w.notAnEmailCode("a code for no session", security.Session{User: ada.ID}, "code", base)
	w.anEmailCode(s, "code", base)
}

func spendEmailCodeOfOthers(w *world) {
	ada, s := w.person("ada"), w.signIn(w.person("grace").ID, base)
	w.mailCode(newEmailCode(s, "code", base))
	for range maxTries { // none of which is counted
		w.refused("SpendEmailCode", w.spendEmailCode(ada.ID, s.ID, "code", base), security.ErrInvalidCode)
	}
	w.anEmailCode(s, "code", base)
}

func spendEmailCodeExpiry(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	c := w.mailCode(newEmailCode(s, "code", base))
	for _, now := range []time.Time{c.ExpiresAt.Add(day), c.ExpiresAt.Add(tick), c.ExpiresAt} {
		w.notAnEmailCode("an expired code", s, "code", now)
	}
	w.anEmailCode(s, "code", c.ExpiresAt.Add(-tick))
}

// spendEmailCodeTries: also who guesses in another session of the person uses
// tries up.
func spendEmailCodeTries(w *world) {
	ada := w.person("ada")
	s, other := w.signIn(ada.ID, base), w.signIn(ada.ID, base)
	w.mailCode(newEmailCode(s, "code", base))
	w.notAnEmailCode("a code for another session", other, "code", base)
	for range maxTries - 1 {
		w.notAnEmailCode("a wrong code", s, "wrong", base)
	}
	w.notAnEmailCode("the right code after the last try", s, "code", base)
	w.mailCode(newEmailCode(s, "code", base))
	for range maxTries - 1 {
		w.notAnEmailCode("a wrong code", s, "wrong", base)
	}
	w.anEmailCode(s, "code", base) // with the last try
}

func spendEmailCodeRolledBack(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	w.mailCode(newEmailCode(s, "code", base))
	for range maxTries {
		w.undone(func(ctx context.Context, tx security.Tx) error {
			return tx.SpendEmailCode(ctx, s.User, s.ID, hashOf("code"), base, maxTries)
		})
	}
	w.anEmailCode(s, "code", base)
}

func spendEmailCodeRace(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	for range w.opts.rounds() {
		w.mailCode(newEmailCode(s, "code", base))
		w.oneWinner(w.race(func(int) error { return w.spendEmailCode(s.User, s.ID, "code", base) }), security.ErrInvalidCode)
	}
}

// spendEmailCodeTriesRace guesses 16 times at once: as many are too many.
func spendEmailCodeTriesRace(w *world) {
	s := w.signIn(w.person("ada").ID, base)
	for range w.opts.rounds() {
		w.mailCode(newEmailCode(s, "code", base))
		for i, err := range w.race(func(int) error { return w.spendEmailCode(s.User, s.ID, "wrong", base) }) {
			if !errors.Is(err, security.ErrInvalidCode) {
				w.Errorf("guess %d: %v", i, err)
			}
		}
		w.notAnEmailCode("the right code after too many tries", s, "code", base)
	}
}

func purgeEmailCodes(w *world) {
	s, other := w.signIn(w.person("ada").ID, base), w.signIn(w.person("grace").ID, base)
	c := w.mailCode(newEmailCode(s, "code", base))
	w.mailCode(newEmailCode(other, "live", base.Add(time.Hour)))
	w.wantPurgedAfter(c.ExpiresAt, "a mailed code")
	w.anEmailCode(other, "live", base.Add(time.Hour))
}
