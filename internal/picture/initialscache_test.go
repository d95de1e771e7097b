package picture

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInitialsAreDrawnOnce(t *testing.T) {
	c := NewInitials()
	want, err := InitialsPNG(Disc, "AL", "seed", 64)
	require.NoError(t, err)
	first, err := c.PNG(t.Context(), Disc, "AL", "seed", 64)
	require.NoError(t, err)
	require.Equal(t, want, first)

	// Known ones need no slot, however many wait for one.
	release, err := c.slots.Acquire(t.Context())
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		again, err := c.PNG(ended, Disc, "AL", "seed", 64)
		require.NoError(t, err)
		require.Same(t, &first[0], &again[0])
	}
	for _, other := range []drawing{{initials: "AK", size: 64}, {initials: "AL", size: 128}, {shape: Tile, initials: "AL", size: 64}} {
		_, err = c.PNG(ended, other.shape, other.initials, "seed", other.size)
		require.ErrorIs(t, err, context.Canceled, "another picture has to be drawn")
	}
	release()

	other := "other"
	for i := 0; colourOf(other) == colourOf("seed"); i++ {
		other = strconv.Itoa(i)
	}
	recoloured, err := c.PNG(t.Context(), Disc, "AL", other, 64)
	require.NoError(t, err)
	require.NotEqual(t, first, recoloured)
	_, err = c.PNG(t.Context(), Disc, "AL", "seed", 5000)
	require.Error(t, err)
	require.Len(t, c.drawn, 2, "what failed is not kept")
}

func TestInitialsMemoryIsBounded(t *testing.T) {
	c := newInitials(20_000)
	for i := range 100 {
		_, err := c.PNG(t.Context(), Disc, strconv.Itoa(i), "seed", 64)
		require.NoError(t, err)
		_, err = c.PNG(t.Context(), Disc, "0", "seed", 64)
		require.NoError(t, err)
		sum := 0
		for d := range c.drawn {
			found, ok := c.drawn[d].Value.(*drawnInitials)
			require.True(t, ok)
			sum += found.cost()
		}
		require.Equal(t, sum, c.bytes)
		require.LessOrEqual(t, c.bytes, 20_000)
		require.Equal(t, len(c.drawn), c.recency.Len())
	}
	require.Greater(t, len(c.drawn), 5)
	_, kept := c.find(drawing{Disc, "0", colourOf("seed"), 64})
	require.True(t, kept, "what is asked for often stays")
	_, kept = c.find(drawing{Disc, "1", colourOf("seed"), 64})
	require.False(t, kept)

	_, err := c.PNG(t.Context(), Disc, strings.Repeat("x", 10_000), "seed", 64)
	require.NoError(t, err)
	for d := range c.drawn {
		require.LessOrEqual(t, len(d.initials), maxInitials)
	}

	tiny := newInitials(10)
	_, err = tiny.PNG(t.Context(), Disc, "AL", "seed", 64)
	require.NoError(t, err)
	require.Empty(t, tiny.drawn)
	require.Zero(t, tiny.bytes)
}

func TestInitialsByManyAtOnce(t *testing.T) {
	c := newInitials(50_000)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 8 {
				_, err := c.PNG(t.Context(), Disc, strconv.Itoa((i+j)%12), "seed", 64)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, c.bytes, 50_000)
}

func BenchmarkInitialsPNG(b *testing.B) {
	for _, size := range []int{64, 128, 512} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			for b.Loop() {
				if _, err := InitialsPNG(Disc, "AL", "seed", size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("remembered", func(b *testing.B) {
		c := NewInitials()
		for b.Loop() {
			if _, err := c.PNG(b.Context(), Disc, "AL", "seed", 512); err != nil {
				b.Fatal(err)
			}
		}
	})
}
