package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/security"
)

func failureTests() []check {
	return append(counterTests("BumpFailures", bumpFailures),
		check{"PurgeSessions/RemovesFailureCountsOlderThanADay", purgeFailures})
}

func requestTests() []check { return counterTests("BumpRequests", bumpRequests) }

// bump counts once in a transaction of its own, which ends with the error of end.
type bump func(w *world, key string, now time.Time, window time.Duration, end error) (int, error)

func bumpFailures(w *world, key string, now time.Time, window time.Duration, end error) (int, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (int, error) {
		n, err := tx.BumpFailures(ctx, hashOf(key), now, window)
		return n, errors.Join(err, end)
	})
}

func bumpRequests(w *world, key string, now time.Time, window time.Duration, end error) (int, error) {
	return accountsGet(w, func(ctx context.Context, tx accounts.Tx) (int, error) {
		n, err := tx.BumpRequests(ctx, hashOf(key), now, window)
		return n, errors.Join(err, end)
	})
}

func counterTests(method string, b bump) []check {
	of := func(test func(c counter)) func(w *world) {
		return func(w *world) { test(counter{w, method, b}) }
	}
	return []check{
		{method + "/CountsThisOneIncluded", of(bumpCounts)},
		{method + "/KeysAreCountedApart", of(bumpKeys)},
		{method + "/WindowEndsAndTheNextBegins", of(bumpWindow)},
		{method + "/RolledBackIsNotCounted", of(bumpRolledBack)},
		{method + "/CountsEachOf16", of(bumpRace)},
	}
}

// counter is a world with the method that is tested.
type counter struct {
	*world
	method string
	bump   bump
}

func (c counter) want(key string, now time.Time, window time.Duration, want int) {
	c.Helper()
	got, err := c.bump(c.world, key, now, window, nil)
	c.must(err)
	if got != want {
		c.Errorf("%s of %q at %v = %d, want %d", c.method, key, now, got, want)
	}
}

func bumpCounts(w counter) {
	for i := range 5 {
		w.want("key", base.Add(time.Duration(i)*time.Second), time.Hour, i+1)
	}
}

func bumpKeys(w counter) {
	w.want("one", base, time.Hour, 1)
	w.want("two", base, time.Hour, 1)
	w.want("one", base, time.Hour, 2)
	w.want("two", base, time.Hour, 2)
}

// bumpWindow: a window is measured from its first failure, however many follow,
// and the next begins with a failure, not with the end of the last.
func bumpWindow(w counter) {
	const window = time.Hour
	w.want("key", base, window, 1)
	w.want("key", base.Add(window/2), window, 2)
	w.want("key", base.Add(window-tick), window, 3)
	second := base.Add(window)
	w.want("key", second, window, 1)
	w.want("key", second.Add(window-tick), window, 2)
	third := second.Add(window + window/2)
	w.want("key", third, window, 1)
	w.want("key", third.Add(window-tick), window, 2)
	w.want("key", third.Add(window), window, 1)
}

func bumpRolledBack(w counter) {
	w.want("key", base, time.Hour, 1)
	if _, err := w.bump(w.world, "key", base, time.Hour, errBoom); !errors.Is(err, errBoom) {
		w.Errorf("%s in a transaction that fails: %v", w.method, err)
	}
	w.want("key", base, time.Hour, 2)
}

func bumpRace(w counter) {
	for round := range w.opts.rounds() {
		key := "key" + strconv.Itoa(round) // from the very first failure on
		counts := make([]int, racers)
		errs := w.race(func(i int) (err error) {
			counts[i], err = w.bump(w.world, key, base, time.Hour, nil)
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

func purgeFailures(world *world) {
	w := counter{world, "BumpFailures", bumpFailures}
	const window = 72 * time.Hour
	w.want("key", base, window, 1)
	w.purgeSessions(base.Add(day-time.Hour), base.Add(-day), 10)
	w.want("key", base, window, 2)
	if n := w.purgeSessions(base.Add(day+time.Hour), base.Add(-day), 10); n != 1 {
		w.Errorf("PurgeSessions removed %d, want the failure count", n)
	}
	w.want("key", base.Add(day+time.Hour), window, 1)
}
