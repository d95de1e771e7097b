package picture

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(2)
		first, err := s.Acquire(t.Context())
		require.NoError(t, err)
		second, err := s.Acquire(t.Context())
		require.NoError(t, err)

		start := time.Now()
		_, err = s.Acquire(t.Context())
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, slotWait, time.Since(start))

		// Given back while somebody waits.
		go func() {
			time.Sleep(time.Second)
			first()
			first() // once more takes nobody else's
		}()
		start = time.Now()
		third, err := s.Acquire(t.Context())
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
		_, err = s.Acquire(t.Context())
		require.ErrorIs(t, err, ErrBusy)

		second()
		third()
		for range 2 {
			_, err := s.Acquire(t.Context())
			require.NoError(t, err)
		}
	})
}

func TestSlotsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSlots(0)
		release, err := s.Acquire(t.Context())
		require.NoError(t, err, "there is always one")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		release()
		_, err = s.Acquire(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "not even if one is free")
	})
}
