package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func backupCodeTests() []check {
	return []check{
		{"ReplaceBackupCodes/VoidsAllEarlierOnes", replaceCodes},
		{"ReplaceBackupCodes/OfThePersonAlone", replaceCodesOfOthers},
		{"ReplaceBackupCodes/RolledBackVoidsNone", replaceCodesRolledBack},
		{"ReplaceBackupCodes/OneSetOf16IsLeft", replaceCodesRace},
		{"DropBackupCodes/ThoseMadeSinceAlone", dropCodes},
		{"SpendBackupCode/WorksOnceAndTellsHowManyAreLeft", spendCode},
		{"SpendBackupCode/AnothersIsErrInvalidCode", spendCodeOfOthers},
		{"SpendBackupCode/UnspentIfRolledBack", spendCodeRolledBack},
		{"SpendBackupCode/OneWinnerOf16", spendCodeRace},
		{"SpendBackupCode/TellsEachOf16AnotherNumber", spendCodesRace},
		{"SpendBackupCode/RacesReplaceBackupCodes", spendRacesReplace},
	}
}

func dropCodes(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	drop := func(since time.Time, want int) {
		w.Helper()
		n, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) { return tx.DropBackupCodes(ctx, ada.ID, since) })
		w.must(err)
		if n != want {
			w.Errorf("DropBackupCodes tells of %d, want %d", n, want)
		}
	}
	w.replaceCodes(ada.ID, "one", "two", "three") // at base
	w.replaceCodes(grace.ID, "four")
	drop(base.Add(tick), 0)
	w.wantCodes(ada.ID, 3)
	w.wantSpent(ada.ID, "one", 2)
	drop(base, 2)
	w.wantCodes(ada.ID, 0)
	_, err := w.spendCode(ada.ID, "two")
	w.refused("SpendBackupCode", err, security.ErrInvalidCode)
	w.wantCodes(grace.ID, 1)
}

func hashesOf(codes []string) []security.Hash {
	var hashes []security.Hash
	for _, code := range codes {
		hashes = append(hashes, hashOf(code))
	}
	return hashes
}

func (w *world) replaceCodes(user id.User, codes ...string) {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error {
		return tx.ReplaceBackupCodes(ctx, user, hashesOf(codes), base)
	})
}

func (w *world) spendCode(user id.User, code string) (int, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		return tx.SpendBackupCode(ctx, user, hashOf(code), base)
	})
}

func (w *world) wantSpent(user id.User, code string, left int) {
	w.Helper()
	n, err := w.spendCode(user, code)
	w.must(err)
	if n != left {
		w.Errorf("SpendBackupCode tells that %d are left, want %d", n, left)
	}
	w.wantCodes(user, left)
}

func (w *world) wantCodes(user id.User, want int) {
	w.Helper()
	n, err := w.s.Security().BackupCodes(w.ctx, user)
	w.must(err)
	if n != want {
		w.Errorf("BackupCodes = %d, want %d", n, want)
	}
}

func (w *world) notACode(user id.User, codes ...string) {
	w.Helper()
	for _, code := range codes {
		_, err := w.spendCode(user, code)
		w.refused("SpendBackupCode of "+code, err, security.ErrInvalidCode)
	}
}

func replaceCodes(w *world) {
	ada := w.person("ada")
	w.wantCodes(ada.ID, 0)
	w.replaceCodes(ada.ID, "a1", "a2", "a3")
	w.wantCodes(ada.ID, 3)
	w.wantSpent(ada.ID, "a1", 2)
	w.replaceCodes(ada.ID, "b1", "b2")
	w.wantCodes(ada.ID, 2)
	w.notACode(ada.ID, "a1", "a2", "a3")
	w.wantSpent(ada.ID, "b2", 1)
	w.replaceCodes(ada.ID, "b2") // the same code once more is a new one
	w.wantSpent(ada.ID, "b2", 0)
	w.replaceCodes(ada.ID)
	w.wantCodes(ada.ID, 0)
}

func replaceCodesOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.replaceCodes(grace.ID, "one", "two") // whoever has the same code
	w.replaceCodes(ada.ID, "one")
	w.replaceCodes(ada.ID)
	w.wantSpent(grace.ID, "one", 1)
}

func replaceCodesRolledBack(w *world) {
	ada := w.person("ada")
	w.replaceCodes(ada.ID, "a1", "a2")
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.ReplaceBackupCodes(ctx, ada.ID, hashesOf([]string{"b1"}), base)
	})
	w.notACode(ada.ID, "b1")
	w.wantSpent(ada.ID, "a1", 1)
}

func replaceCodesRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		w.replaceCodes(ada.ID, "first")
		w.must(errors.Join(w.race(func(i int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				return tx.ReplaceBackupCodes(ctx, ada.ID, hashesOf([]string{"one of " + strconv.Itoa(i), "two of " + strconv.Itoa(i)}), base)
			})
		})...))
		w.wantCodes(ada.ID, 2)
	}
}

func spendCode(w *world) {
	ada := w.person("ada")
	w.replaceCodes(ada.ID, "one", "two", "three")
	for i, code := range []string{"two", "one", "three"} {
		w.wantSpent(ada.ID, code, 2-i)
		w.notACode(ada.ID, code)
		w.wantCodes(ada.ID, 2-i)
	}
}

func spendCodeOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.replaceCodes(grace.ID, "graces")
	w.replaceCodes(ada.ID, "adas")
	w.notACode(ada.ID, "graces", "unknown")
	_, err := securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		return tx.SpendBackupCode(ctx, ada.ID, security.Hash{}, base)
	})
	w.refused("SpendBackupCode of no code", err, security.ErrInvalidCode)
	w.wantSpent(grace.ID, "graces", 0)
	w.wantSpent(ada.ID, "adas", 0)
}

func spendCodeRolledBack(w *world) {
	ada := w.person("ada")
	w.replaceCodes(ada.ID, "one")
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.SpendBackupCode(ctx, ada.ID, hashOf("one"), base)
		return err
	})
	w.wantSpent(ada.ID, "one", 0)
}

func spendCodeRace(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		w.replaceCodes(ada.ID, "one", "two")
		w.oneWinner(w.race(func(int) error { _, err := w.spendCode(ada.ID, "one"); return err }), security.ErrInvalidCode)
		w.wantCodes(ada.ID, 1)
	}
}

// spendCodesRace spends 16 codes at once: whoever spends the last but one must
// be told, since a mail depends on it.
func spendCodesRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		var codes []string
		for i := range racers {
			codes = append(codes, strconv.Itoa(i))
		}
		w.replaceCodes(ada.ID, codes...)
		left := make([]int, racers)
		w.must(errors.Join(w.race(func(i int) (err error) {
			left[i], err = w.spendCode(ada.ID, codes[i])
			return err
		})...))
		slices.Sort(left)
		for i, n := range left {
			if n != i {
				w.Fatalf("%d callers were told that %v are left, want each number once", racers, left)
			}
		}
	}
}

// spendRacesReplace: whatever comes first, at most one spends an old code, and
// what is left is the new set in full.
func spendRacesReplace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		w.replaceCodes(ada.ID, "old", "older")
		spent := make([]bool, racers)
		w.must(errors.Join(w.race(func(i int) error {
			if i == 0 {
				return w.try(func(ctx context.Context, tx security.Tx) error {
					return tx.ReplaceBackupCodes(ctx, ada.ID, hashesOf([]string{"new", "newer"}), base)
				})
			}
			left, err := w.spendCode(ada.ID, "old")
			spent[i] = err == nil
			if spent[i] && left != 1 {
				w.Errorf("the old code was spent, and %d are left, want 1", left)
			}
			if errors.Is(err, security.ErrInvalidCode) {
				return nil
			}
			return err
		})...))
		if i := slices.Index(spent, true); i >= 0 && slices.Contains(spent[i+1:], true) {
			w.Error("the old code was spent more than once")
		}
		w.wantCodes(ada.ID, 2)
		w.notACode(ada.ID, "old", "older")
		w.wantSpent(ada.ID, "new", 1)
	}
}
