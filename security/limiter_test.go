package security_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aegisrunner/account-settings/security"
)

func TestMemoryLimiter(t *testing.T) {
	now := time.Now()
	l := security.NewMemoryLimiter(func() time.Time { return now })
	take := func() time.Duration {
		wait, err := l.Take(t.Context(), "k", 3, 10*time.Second)
		require.NoError(t, err)
		return wait
	}
	for range 3 {
		require.Zero(t, take())
	}
	require.Equal(t, 10*time.Second, take())
	now = now.Add(9 * time.Second)
	require.Equal(t, time.Second, take(), "being refused does not cost anything")
	now = now.Add(time.Second)
	require.Zero(t, take())
	require.NotZero(t, take())
	require.NoError(t, l.Give(t.Context(), "k", 3, 10*time.Second))
	require.Zero(t, take())
	now = now.Add(time.Hour)
	for range 3 {
		require.Zero(t, take())
	}
	require.NotZero(t, take(), "no more than the bucket holds")
	now = now.Add(-time.Hour)
	require.LessOrEqual(t, take(), 30*time.Second, "a clock that is set back locks nobody out for long")
	_, err := l.Take(t.Context(), "k", 0, time.Second)
	require.Error(t, err)
}

func TestMemoryLimiterAtOnce(t *testing.T) {
	l := security.NewMemoryLimiter(nil)
	var through atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if wait, err := l.Take(t.Context(), "k", 10, time.Hour); err == nil && wait == 0 {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 10, through.Load())
}

// However calls and time are mixed, no more get through than the bucket holds
// and regains.
func TestMemoryLimiterNeverExceeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_700_000_000, 0)
		now := start
		l := security.NewMemoryLimiter(func() time.Time { return now })
		burst := rapid.IntRange(1, 20).Draw(t, "burst")
		every := time.Duration(rapid.IntRange(1, 100).Draw(t, "every")) * time.Second
		through := 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 60), 1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(step) * time.Second)
			if wait, err := l.Take(nil, "k", burst, every); err != nil { //nolint:staticcheck // unused by this limiter
				t.Fatal(err)
			} else if wait == 0 {
				through++
			}
			if most := burst + int(now.Sub(start)/every); through > most {
				t.Fatalf("%d got through, at most %d may", through, most)
			}
		}
	})
}

func TestMemoryLimiterIsBounded(t *testing.T) {
	l := security.NewMemoryLimiter(nil)
	for i := range 250_000 {
		_, err := l.Take(t.Context(), fmt.Sprint(i), 5, time.Hour)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, l.Len(), 100_000)
}
