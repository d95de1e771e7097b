package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func factorTests() []check {
	return []check{
		{"Person/TellsItsFactors", personFactors},
		{"LockPerson/TellsTheFactorsThatAreLeft", lockTellsFactors},
		{"LockPerson/KeepsTheFactorsAsTheyAre", lockKeepsFactors},
		{"FactorReader/CancelledContextIsNotAnAnswer", factorReadersCancelled},
		{"FactorTx/CancelledContextIsNotAnAnswer", factorWritersCancelled},
		{"PurgeFactors/AtMostTheLimit", purgeFactorsLimit},
	}
}

// try runs fn in a transaction, which is undone if it fails.
func (w *world) try(fn func(ctx context.Context, tx security.Tx) error) error {
	return w.s.Security().Update(w.ctx, fn)
}

// kept runs fn in a transaction that commits also when fn is refused.
func (w *world) kept(fn func(ctx context.Context, tx security.Tx) error) (refusal error) {
	err := w.try(func(ctx context.Context, tx security.Tx) error {
		refusal = fn(ctx, tx)
		return nil
	})
	return errors.Join(refusal, err)
}

// undone runs fn, which must succeed, in a transaction that is rolled back.
func (w *world) undone(fn func(ctx context.Context, tx security.Tx) error) {
	w.Helper()
	err := w.try(func(ctx context.Context, tx security.Tx) error {
		if err := fn(ctx, tx); err != nil {
			w.Errorf("before the rollback: %v", err)
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v, want the error of fn", err)
	}
}

// wantFactors fails unless every way to read a person tells these factors.
func (w *world) wantFactors(user id.User, session security.Session, twoFactor bool, passkeys int) {
	w.Helper()
	byID, err := w.s.Security().PersonByID(w.ctx, user)
	w.must(err)
	byEmail, err := w.s.Security().PersonByEmail(w.ctx, byID.Email)
	w.must(err)
	locked, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Person, error) { return tx.LockPerson(ctx, user) })
	w.must(err)
	login, err := w.s.Security().LoginByToken(w.ctx, tokenOf(session))
	w.must(err)
	inside, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Login, error) {
		return tx.LoginByToken(ctx, tokenOf(session))
	})
	w.must(err)
	for what, p := range map[string]security.Person{
		"PersonByID": byID, "PersonByEmail": byEmail, "LockPerson": locked,
		"LoginByToken": login.Person, "LoginByToken in a transaction": inside.Person,
	} {
		if p.TwoFactor != twoFactor || p.Passkeys != passkeys {
			w.Errorf("%s: TwoFactor = %t, Passkeys = %d, want %t and %d", what, p.TwoFactor, p.Passkeys, twoFactor, passkeys)
		}
	}
}

func personFactors(w *world) {
	u := newUser("ada")
	u.Email = u.EmailKey // by which wantFactors looks
	w.must(w.insert(u))
	w.security(func(ctx context.Context, tx security.Tx) error {
		return tx.InsertCredential(ctx, u.ID, passwordHash("ada"), base)
	})
	grace := w.person("grace")
	s := w.signIn(u.ID, base)
	w.wantFactors(u.ID, s, false, 0)
	w.confirmed2FA(grace.ID, 1)
	w.addPasskey(grace.ID, "grace's")
	w.wantFactors(u.ID, s, false, 0)
	app := w.putTOTP(newTOTP(u.ID, base))
	w.wantFactors(u.ID, s, false, 0)
	w.must(w.confirmTOTP(app, 1, base))
	w.wantFactors(u.ID, s, true, 0)
	first, second := w.addPasskey(u.ID, "first"), w.addPasskey(u.ID, "second")
	w.wantFactors(u.ID, s, true, 2)
	w.must(w.deletePasskey(u.ID, first.ID))
	w.must(w.deleteTOTP(u.ID))
	w.wantFactors(u.ID, s, false, 1)
	w.must(w.deletePasskey(u.ID, second.ID))
	w.wantFactors(u.ID, s, false, 0)
}

// lockTellsFactors removes passkeys at once, each caller unless it is the last:
// what LockPerson tells must be what whoever had the lock before has left.
func lockTellsFactors(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		keys := []security.Passkey{w.addPasskey(ada.ID, ada.EmailKey+"1"), w.addPasskey(ada.ID, ada.EmailKey+"2")}
		errs := w.race(func(i int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				p, err := tx.LockPerson(ctx, ada.ID)
				switch {
				case err != nil:
					return err
				case p.Passkeys == 1:
					return security.ErrLastFactor
				}
				_, err = tx.DeletePasskey(ctx, ada.ID, keys[i%2].ID)
				return err
			})
		})
		w.oneWinner(errs, security.ErrLastFactor)
	}
}

// lockKeepsFactors: half of the callers lock the person, and the others change
// the factors without. What LockPerson told must hold until the transaction ends.
func lockKeepsFactors(w *world) {
	ada := w.person("ada")
	app := w.putTOTP(newTOTP(ada.ID, base))
	keys := make([]security.Passkey, racers)
	for i := range keys {
		keys[i] = newPasskey(ada.ID, strconv.Itoa(i), base)
		if i%4 == 1 {
			w.must(w.insertPasskey(keys[i]))
		}
	}
	w.must(errors.Join(w.race(func(i int) error {
		switch {
		case i == 1:
			return errors.Join(w.confirmTOTP(app, 1, base), w.deleteTOTP(ada.ID))
		case i%4 == 1:
			return w.deletePasskey(ada.ID, keys[i].ID)
		case i%4 == 3:
			return w.insertPasskey(keys[i])
		}
		return w.try(func(ctx context.Context, tx security.Tx) error {
			locked, err := tx.LockPerson(ctx, ada.ID)
			if err != nil {
				return err
			}
			time.Sleep(2 * time.Millisecond) // in which the others would get through
			left, err := tx.PersonByID(ctx, ada.ID)
			if locked.TwoFactor != left.TwoFactor || locked.Passkeys != left.Passkeys {
				w.Errorf("TwoFactor was %t and is %t, Passkeys were %d and are %d",
					locked.TwoFactor, left.TwoFactor, locked.Passkeys, left.Passkeys)
			}
			return err
		})
	})...))
}

func factorReadersCancelled(w *world) {
	ada := w.person("ada")
	w.confirmed2FA(ada.ID, 1)
	pending, alert := w.halfway(newPending(ada.ID, "half", base)), w.alert(newAlert(ada.ID, "alert", base))
	s, ctx := w.s.Security(), w.cancelled()
	_, err := s.TOTP(ctx, ada.ID)
	w.outage("TOTP", err)
	_, err = s.TOTPKeys(ctx)
	w.outage("TOTPKeys", err)
	_, err = s.BackupCodes(ctx, ada.ID)
	w.outage("BackupCodes", err)
	_, err = s.Passkeys(ctx, ada.ID)
	w.outage("Passkeys", err)
	_, err = s.PendingByToken(ctx, pending.Hash, base, 5)
	w.outage("PendingByToken", err)
	_, err = s.Seen(ctx, ada.ID, hashOf("device"), "GB")
	w.outage("Seen", err)
	_, _, err = s.PersonSeen(ctx, ada.EmailKey, hashOf("device"), "GB")
	w.outage("PersonSeen", err)
	_, err = s.AlertByHash(ctx, alert.Hash, base)
	w.outage("AlertByHash", err)
}

// factorWritersCancelled gives a transaction that works a context that does not.
func factorWritersCancelled(w *world) {
	ada := w.person("ada")
	s := w.signIn(ada.ID, base)
	app, key := w.confirmed2FA(ada.ID, 1), w.addPasskey(ada.ID, "key")
	w.replaceCodes(ada.ID, "one")
	pending, alert := w.halfway(newPending(ada.ID, "half", base)), w.alert(newAlert(ada.ID, "alert", base))
	ceremony, code := w.ask(newCeremony("challenge", base)), w.mailCode(newEmailCode(s, "123456", base))
	for what, fn := range map[string]func(ctx context.Context, tx security.Tx) error{
		"ConfirmTOTP": func(ctx context.Context, tx security.Tx) error {
			return tx.ConfirmTOTP(ctx, ada.ID, app.ID, 2, base, base.Add(-time.Hour))
		},
		"AdvanceTOTP": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.AdvanceTOTP(ctx, ada.ID, app.ID, 2, base)
			return err
		},
		"FailTOTP": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.FailTOTP(ctx, ada.ID, 5, base)
			return err
		},
		"DeleteTOTP": func(ctx context.Context, tx security.Tx) error { return tx.DeleteTOTP(ctx, ada.ID) },
		"SpendBackupCode": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendBackupCode(ctx, ada.ID, hashOf("one"), base)
			return err
		},
		"UsePasskey":    func(ctx context.Context, tx security.Tx) error { _, err := tx.UsePasskey(ctx, key, 0); return err },
		"RenamePasskey": func(ctx context.Context, tx security.Tx) error { return tx.RenamePasskey(ctx, ada.ID, key.ID, "name") },
		"DeletePasskey": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.DeletePasskey(ctx, ada.ID, key.ID)
			return err
		},
		"SpendCeremony": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendCeremony(ctx, ceremony.Challenge, base)
			return err
		},
		"TryPending": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.TryPending(ctx, pending.Hash, base, 5)
			return err
		},
		"SpendPending": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendPending(ctx, pending.Hash, base)
			return err
		},
		"SpendEmailCode": func(ctx context.Context, tx security.Tx) error {
			return tx.SpendEmailCode(ctx, ada.ID, s.ID, code.Hash, base, 5)
		},
		"SpendAlert": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendAlert(ctx, alert.Hash, base)
			return err
		},
	} {
		_ = w.try(func(ctx context.Context, tx security.Tx) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			err := fn(ctx, tx)
			w.outage(what, err)
			return err
		})
	}
}

func (w *world) purgeFactors(now time.Time, limit int) int {
	w.Helper()
	n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) { return tx.PurgeFactors(ctx, now, limit) })
	w.must(err)
	return n
}

// wantPurgedAfter fails unless a row lasts until that moment, and goes after it.
func (w *world) wantPurgedAfter(moment time.Time, what string) {
	w.Helper()
	if n := w.purgeFactors(moment, 10); n != 0 {
		w.Errorf("PurgeFactors removed %d at the last moment of %s", n, what)
	}
	if n := w.purgeFactors(moment.Add(tick), 10); n != 1 {
		w.Errorf("PurgeFactors removed %d after the last moment of %s, want 1", n, what)
	}
	if n := w.purgeFactors(moment.Add(tick), 10); n != 0 {
		w.Errorf("PurgeFactors removed %d again", n)
	}
}

func purgeFactorsLimit(w *world) {
	ada := w.person("ada")
	w.ask(newCeremony("one", base))
	w.ask(newCeremony("two", base))
	w.ask(newCeremony("three", base))
	w.halfway(newPending(ada.ID, "half", base))
	w.alert(newAlert(ada.ID, "alert", base))
	for _, want := range []int{2, 2, 1, 0} {
		if n := w.purgeFactors(base.Add(365*day), 2); n != want {
			w.Errorf("PurgeFactors removed %d, want %d", n, want)
		}
	}
	if n := w.purgeFactors(base.Add(365*day), 0); n != 0 {
		w.Errorf("PurgeFactors removed %d with a limit of none", n)
	}
}
