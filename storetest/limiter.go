package storetest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

// OpenLimiter returns two limiters with the same buckets, all of them full, on
// the clock now: as two nodes would have them, or one limiter twice if it is made
// for one process.
type OpenLimiter = func(t *testing.T, now func() time.Time) (one, other security.Limiter)

// Limiter tests a security.Limiter. It must do as [security.MemoryLimiter] does,
// for intervals of whole microseconds.
func Limiter(t *testing.T, open OpenLimiter) { Options{}.Limiter(t, open) }

// Limiter is [Limiter] with options.
func (o Options) Limiter(t *testing.T, open OpenLimiter) {
	for _, c := range []struct {
		name string
		run  func(w *limiterWorld)
	}{
		{"Take/AsMuchAsTheBucketHolds", takeBurst},
		{"Take/RegainsOneEveryInterval", takeRegains},
		{"Take/WaitIsHonest", takeWait},
		{"Take/RefusalCostsNothing", takeRefused},
		{"Take/KeysAreApart", takeKeys},
		{"Take/ClockSetBackLocksNobodyOutForLong", takeClock},
		{"Take/NeedsASizeAndAnInterval", takeShape},
		{"Take/NoMoreThanTheBucketHoldsOf200", takeRace},
		{"Take/DoesAsMemoryLimiter", takeModel},
		{"Give/ReturnsAUnit", giveBack},
		{"Give/NeverMoreThanTheBucketHolds", giveTooMuch},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), o.timeout())
			defer cancel()
			w := &limiterWorld{T: t, ctx: ctx}
			w.clock.Store(base.UnixMicro())
			w.nodes[0], w.nodes[1] = open(t, w.now)
			c.run(w)
		})
	}
}

// limiterWorld is two limiters with a clock. They take turns.
type limiterWorld struct {
	*testing.T
	ctx   context.Context
	clock atomic.Int64 // in microseconds
	nodes [2]security.Limiter
	calls atomic.Int64
}

func (w *limiterWorld) now() time.Time         { return time.UnixMicro(w.clock.Load()).UTC() }
func (w *limiterWorld) later(d time.Duration)  { w.clock.Add(d.Microseconds()) }
func (w *limiterWorld) next() security.Limiter { return w.nodes[w.calls.Add(1)%2] }
func (w *limiterWorld) must(what string, e error) {
	w.Helper()
	if e != nil {
		w.Fatalf("%s: unexpected error: %v", what, e)
	}
}

func (w *limiterWorld) take(key string, burst int, every time.Duration) time.Duration {
	w.Helper()
	wait, err := w.next().Take(w.ctx, key, burst, every)
	w.must("Take", err)
	return wait
}

func (w *limiterWorld) give(key string, burst int, every time.Duration) {
	w.Helper()
	w.must("Give", w.next().Give(w.ctx, key, burst, every))
}

// wantTakes fails unless so many can be taken at once, and no more.
func (w *limiterWorld) wantTakes(key string, burst int, every time.Duration, want int) {
	w.Helper()
	for i := range want {
		if wait := w.take(key, burst, every); wait != 0 {
			w.Fatalf("Take %d of %d: wait %v", i+1, want, wait)
		}
	}
	w.wantWait(key, burst, every)
}

func (w *limiterWorld) wantWait(key string, burst int, every time.Duration) time.Duration {
	w.Helper()
	wait := w.take(key, burst, every)
	if wait <= 0 {
		w.Fatalf("Take of an empty bucket got through: wait %v", wait)
	}
	return wait
}

func takeBurst(w *limiterWorld) {
	for _, burst := range []int{1, 2, 7} {
		w.wantTakes("burst "+strconv.Itoa(burst), burst, time.Minute, burst)
	}
}

func takeRegains(w *limiterWorld) {
	const every = 10 * time.Second
	w.wantTakes("key", 3, every, 3)
	w.later(every - tick)
	w.wantTakes("key", 3, every, 0)
	w.later(tick)
	w.wantTakes("key", 3, every, 1)
	w.later(2*every + every/2) // and half of the next, which is not lost
	w.wantTakes("key", 3, every, 2)
	w.later(every / 2)
	w.wantTakes("key", 3, every, 1)
	w.later(365 * day)
	w.wantTakes("key", 3, every, 3)
}

func takeWait(w *limiterWorld) {
	const every = 7*time.Second + 3*tick
	w.wantTakes("key", 2, every, 2)
	for _, passed := range []time.Duration{0, tick, every / 3} {
		w.later(passed)
		wait := w.wantWait("key", 2, every)
		w.later(wait - tick)
		if left := w.wantWait("key", 2, every); left != tick {
			w.Errorf("a microsecond before it ends the wait is %v", left)
		}
		w.later(tick)
		w.wantTakes("key", 2, every, 1)
	}
}

func takeRefused(w *limiterWorld) {
	w.wantTakes("key", 2, time.Minute, 2)
	for range 10 {
		if wait := w.wantWait("key", 2, time.Minute); wait != time.Minute {
			w.Fatalf("wait = %v, want a minute", wait)
		}
	}
}

func takeKeys(w *limiterWorld) {
	for _, key := range []string{"", "a", "A", "a ", "a\x00", "a\x00b", "\xff", "\u00e9", "e\u0301", "'; --", strings.Repeat("k", 5000), strings.Repeat("k", 5001)} {
		w.wantTakes(key, 2, time.Minute, 2)
	}
}

func takeClock(w *limiterWorld) {
	const every = 10 * time.Second
	w.wantTakes("key", 3, every, 3)
	w.later(-time.Hour)
	if wait := w.wantWait("key", 3, every); wait > every {
		w.Errorf("wait = %v, want %v at most", wait, every)
	}
	w.later(every)
	w.wantTakes("key", 3, every, 1)
	w.later(3 * every)
	w.wantTakes("key", 3, every, 3)
}

func takeShape(w *limiterWorld) {
	for _, shape := range []struct {
		burst int
		every time.Duration
	}{{0, time.Second}, {-1, time.Second}, {1, 0}, {1, -time.Second}} {
		if wait, err := w.next().Take(w.ctx, "key", shape.burst, shape.every); err == nil {
			w.Errorf("Take from a bucket of %d every %v: wait %v and no error", shape.burst, shape.every, wait)
		}
	}
	w.wantTakes("key", 1, time.Second, 1)
}

func takeRace(w *limiterWorld) {
	for round, burst := range []int{1, 10, 50} {
		var through atomic.Int64
		var done sync.WaitGroup
		start := make(chan struct{})
		for i := range 200 {
			done.Go(func() {
				<-start
				wait, err := w.nodes[i%2].Take(w.ctx, "key"+strconv.Itoa(round), burst, time.Hour)
				switch {
				case err != nil:
					w.Errorf("Take: %v", err)
				case wait == 0:
					through.Add(1)
				}
			})
		}
		close(start)
		done.Wait()
		if n := through.Load(); n != int64(burst) {
			w.Errorf("%d of 200 got through, want %d", n, burst)
		}
	}
}

// takeModel mixes calls and time, the same each time.
func takeModel(w *limiterWorld) {
	model := security.NewMemoryLimiter(w.now)
	state := uint64(1)
	below := func(n int64) int64 { // a linear congruential generator, with Knuth's constants
		state = state*6364136223846793005 + 1442695040888963407
		return int64(state>>33) % n
	}
	shapes := []struct {
		burst int
		every time.Duration
	}{{1, time.Second}, {5, 300 * time.Millisecond}, {10, 1*time.Second + 7*tick}}
	for step := range 400 {
		i := below(int64(len(shapes)))
		key, burst, every := strconv.Itoa(int(i)), shapes[i].burst, shapes[i].every
		switch below(10) {
		case 0:
			w.later(time.Duration(below(int64(2 * time.Second))))
		case 1:
			w.give(key, burst, every)
			w.must("Give", model.Give(w.ctx, key, burst, every))
		default:
			w.later(time.Duration(below(int64(100 * time.Millisecond))))
			want, err := model.Take(w.ctx, key, burst, every)
			w.must("Take", err)
			if got := w.take(key, burst, every); got != want {
				w.Fatalf("step %d: wait = %v, want %v", step, got, want)
			}
		}
	}
}

func giveBack(w *limiterWorld) {
	w.give("unknown", 2, time.Minute) // which is full
	w.wantTakes("unknown", 2, time.Minute, 2)
	w.wantTakes("other", 2, time.Minute, 2)
	w.give("unknown", 2, time.Minute)
	w.wantTakes("unknown", 2, time.Minute, 1)
	w.wantTakes("other", 2, time.Minute, 0)
}

func giveTooMuch(w *limiterWorld) {
	w.wantTakes("key", 2, time.Minute, 2)
	for range 5 {
		w.give("key", 2, time.Minute)
	}
	w.wantTakes("key", 2, time.Minute, 2)
}
