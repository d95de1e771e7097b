package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

func failureTests() []check {
	return []check{
		{"BumpFailures/CountsThisOneIncluded", bumpCounts},
		{"BumpFailures/KeysAreCountedApart", bumpKeys},
		{"BumpFailures/WindowEndsAndTheNextBegins", bumpWindow},
		{"BumpFailures/RolledBackIsNotCounted", bumpRolledBack},
		{"BumpFailures/CountsEachOf16", bumpRace},
		{"PurgeSessions/RemovesFailureCountsOlderThanADay", purgeFailures},
	}
}

func (w *world) fail(key string, now time.Time, window time.Duration) (int, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		return tx.BumpFailures(ctx, hashOf(key), now, window)
	})
}

func (w *world) wantFailures(key string, now time.Time, window time.Duration, want int) {
	w.Helper()
	got, err := w.fail(key, now, window)
	w.must(err)
	if got != want {
		w.Errorf("BumpFailures of %q at %v = %d, want %d", key, now, got, want)
	}
}

func bumpCounts(w *world) {
	for i := range 5 {
		w.wantFailures("key", base.Add(time.Duration(i)*time.Second), time.Hour, i+1)
	}
}

func bumpKeys(w *world) {
	w.wantFailures("one", base, time.Hour, 1)
	w.wantFailures("two", base, time.Hour, 1)
	w.wantFailures("one", base, time.Hour, 2)
	w.wantFailures("two", base, time.Hour, 2)
}

// bumpWindow: a window is measured from its first failure, however many follow,
// and the next begins with a failure, not with the end of the last.
func bumpWindow(w *world) {
	const window = time.Hour
	w.wantFailures("key", base, window, 1)
	w.wantFailures("key", base.Add(window/2), window, 2)
	w.wantFailures("key", base.Add(window-tick), window, 3)
	second := base.Add(window)
	w.wantFailures("key", second, window, 1)
	w.wantFailures("key", second.Add(window-tick), window, 2)
	third := second.Add(window + window/2)
	w.wantFailures("key", third, window, 1)
	w.wantFailures("key", third.Add(window-tick), window, 2)
	w.wantFailures("key", third.Add(window), window, 1)
}

func bumpRolledBack(w *world) {
	w.wantFailures("key", base, time.Hour, 1)
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		_, err := tx.BumpFailures(ctx, hashOf("key"), base, time.Hour)
		return errors.Join(err, errBoom)
	})
	w.wantFailures("key", base, time.Hour, 2)
}

func bumpRace(w *world) {
	for round := range w.opts.rounds() {
		key := "key" + strconv.Itoa(round) // from the very first failure on
		counts := make([]int, racers)
		errs := w.race(func(i int) (err error) {
			counts[i], err = w.fail(key, base, time.Hour)
			return err
		})
		w.must(errors.Join(errs...))
		slices.Sort(counts)
		for i, n := range counts {
			if n != i+1 {
				w.Fatalf("%d callers were told %v, want each number once", racers, counts)
			}
		}
	}
}

func purgeFailures(w *world) {
	const window = 72 * time.Hour
	w.wantFailures("key", base, window, 1)
	w.purgeSessions(base.Add(day-time.Hour), base.Add(-day), 10)
	w.wantFailures("key", base, window, 2)
	if n := w.purgeSessions(base.Add(day+time.Hour), base.Add(-day), 10); n != 1 {
		w.Errorf("PurgeSessions removed %d, want the failure count", n)
	}
	w.wantFailures("key", base.Add(day+time.Hour), window, 1)
}
