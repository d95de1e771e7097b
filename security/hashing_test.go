package security

import (
	"context"
	"crypto/sha256"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
)

func fastHasher(t *testing.T, h Hashing) *hasher {
	t.Helper()
	if h.MemoryKiB == 0 {
		h.MemoryKiB, h.Passes = 64, 1
	}
	out, err := newHasher(h)
	require.NoError(t, err)
	return out
}

func TestHashDefaults(t *testing.T) {
	h, err := newHasher(Hashing{})
	require.NoError(t, err)
	require.Equal(t, argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}, h.params)
	require.GreaterOrEqual(t, h.capacity, int64(64+cap(h.slots)))
	h, err = newHasher(Hashing{MemoryKiB: 64 * 1024, MemoryBudgetMiB: 64})
	require.NoError(t, err)
	require.Equal(t, 1, cap(h.slots), "bounded by memory")
	h, err = newHasher(Hashing{MemoryBudgetMiB: 64, Former: []HashParams{{64 * 1024, 1, 1}}})
	require.NoError(t, err)
	require.Equal(t, 1, cap(h.slots), "by that of former parameters, too")
	for _, bad := range []Hashing{
		{Slots: -1}, {Queue: -1}, {MemoryKiB: 4}, {MemoryKiB: 2 << 20}, {Passes: 65},
		{Former: []HashParams{{}}}, {Former: []HashParams{{64, 1, 1}, {4, 1, 1}}}, {Former: []HashParams{{2 << 20, 1, 1}}},
		{Former: []HashParams{{64, 0, 1}}}, {Former: []HashParams{{64, 65, 1}}}, {Former: []HashParams{{64, 1, 0}}},
	} {
		_, err := newHasher(bad)
		require.Error(t, err)
	}
}

func TestVerify(t *testing.T) {
	h, ctx := fastHasher(t, Hashing{}), t.Context()
	hash, err := h.hash(ctx, "correct horse 42")
	require.NoError(t, err)
	match, weak, err := h.verify(ctx, "correct horse 42", hash, Hash{})
	require.NoError(t, err)
	require.True(t, match)
	require.False(t, weak)
	match, _, err = h.verify(ctx, "correct horse 43", hash, Hash{})
	require.NoError(t, err)
	require.False(t, match)
	// No hash matches nothing, at the price of one.
	for _, password := range []string{"", "x", h.dummyOf(Hash{})} {
		match, _, err = h.verify(ctx, password, "", Hash{})
		require.NoError(t, err)
		require.False(t, match)
	}
}

func TestVerifyWeakerHash(t *testing.T) {
	ctx := t.Context()
	old, err := fastHasher(t, Hashing{MemoryKiB: 32, Passes: 1}).hash(ctx, "correct horse 42")
	require.NoError(t, err)
	match, weak, err := fastHasher(t, Hashing{}).verify(ctx, "correct horse 42", old, Hash{})
	require.NoError(t, err)
	require.True(t, match)
	require.True(t, weak)
	strong, err := fastHasher(t, Hashing{MemoryKiB: 128, Passes: 1}).hash(ctx, "correct horse 42")
	require.NoError(t, err)
	_, weak, err = fastHasher(t, Hashing{}).verify(ctx, "correct horse 42", strong, Hash{})
	require.NoError(t, err)
	require.False(t, weak, "a stronger one is never weakened")
}

// addressKeys are what many addresses are known by.
func addressKeys() []Hash {
	keys := make([]Hash, 3000)
	for i := range keys {
		keys[i] = sha256.Sum256([]byte(strconv.Itoa(i)))
	}
	return keys
}

// paramsOf returns the parameters of the dummy of an address.
func paramsOf(t *testing.T, h *hasher, address Hash) HashParams {
	t.Helper()
	p, _, _, err := argon2id.DecodeHash(h.dummyOf(address))
	require.NoError(t, err)
	return HashParams{p.Memory, p.Iterations, p.Parallelism}
}

// AUTH-01: while hashes of former parameters are stored, an address without an
// account looks like one of the present or of the former ones, always the same.
func TestDummyOfAnAddress(t *testing.T) {
	a, b, c := HashParams{32, 1, 1}, HashParams{64, 2, 1}, HashParams{256, 1, 1}
	at := func(present HashParams, former ...HashParams) *hasher {
		return fastHasher(t, Hashing{MemoryKiB: present.MemoryKiB, Passes: present.Passes, Former: former})
	}
	only, two, three := at(a), at(b, a), at(c, a, b)
	reordered := at(c, b, a, b, c) // after a restart, written in another way
	seen, moved := map[HashParams]int{}, 0
	for _, address := range addressKeys() {
		require.Equal(t, a, paramsOf(t, only, address), "without former ones nothing changes")
		before, after := paramsOf(t, two, address), paramsOf(t, three, address)
		require.Equal(t, after, paramsOf(t, three, address))
		require.Equal(t, after, paramsOf(t, reordered, address))
		if before != after {
			require.Equal(t, c, after, "whoever moves, moves to the present ones, as by signing in")
			moved++
		}
		seen[after]++
	}
	require.Len(t, seen, 3)
	for p, n := range seen {
		require.InDelta(t, 1000, n, 150, "%v", p)
	}
	require.Equal(t, seen[c], moved)
}

// What verifying takes is measured by the memory that it fills, which is all that
// these parameters differ in.
func TestVerifyCostsWhatAStoredHashCosts(t *testing.T) {
	ctx := t.Context()
	params := []HashParams{{1024, 1, 1}, {2048, 1, 1}, {4096, 1, 1}}
	h := fastHasher(t, Hashing{MemoryKiB: 4096, Passes: 1, Former: params[:2]})
	cost := func(hash PasswordHash, address Hash) uint32 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		match, _, err := h.verify(ctx, "wrong horse 42", hash, address)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.False(t, match)
		return uint32((after.TotalAlloc-before.TotalAlloc)>>20) << 10 // in whole MiB
	}
	for i, address := range addressKeys()[:30] {
		p := params[i%3]
		stored, err := fastHasher(t, Hashing{MemoryKiB: p.MemoryKiB, Passes: 1}).hash(ctx, "correct horse 42")
		require.NoError(t, err)
		require.Equal(t, p.MemoryKiB, cost(stored, address), "a stored hash costs what it says, whatever the address")
		require.Equal(t, paramsOf(t, h, address).MemoryKiB, cost("", address))
	}
}

// A hash that somebody imported must neither panic nor take the memory away.
func TestVerifyHostileHash(t *testing.T) {
	h := fastHasher(t, Hashing{})
	for _, stored := range []PasswordHash{
		"x", "$2a$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
		"$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$aGFzaGhhc2g", "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
		"$argon2id$v=19$m=64,t=1,p=1$$", "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$aGFzaGhhc2g",
	} {
		match, _, err := h.verify(t.Context(), "x", stored, Hash{})
		require.Error(t, err, string(stored))
		require.False(t, match)
	}
}

// No more hash at once than there are slots; no more wait than the queue holds;
// and the surplus is told when to come back.
func TestSlotsAndQueue(t *testing.T) {
	h := fastHasher(t, Hashing{MemoryKiB: 64, Passes: 1, Slots: 2, Queue: 3})
	var now, most, refused atomic.Int32
	release := make(chan struct{})
	var wg sync.WaitGroup
	entered := make(chan struct{}, 20)
	for range 20 {
		wg.Go(func() {
			leave, err := h.enter()
			entered <- struct{}{}
			if err != nil {
				var retry *fault.Retry
				if !errors.As(err, &retry) || retry.After < time.Second || !errors.Is(err, ErrOverloaded) {
					t.Errorf("refused with %v", err)
				}
				refused.Add(1)
				return
			}
			defer leave()
			<-release
			_ = h.slot(context.Background(), func() error {
				n := now.Add(1)
				defer now.Add(-1)
				for {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				time.Sleep(time.Millisecond)
				return nil
			})
		})
	}
	for range 20 {
		<-entered
	}
	close(release)
	wg.Wait()
	require.EqualValues(t, 15, refused.Load())
	require.LessOrEqual(t, most.Load(), int32(2))
	leave, err := h.enter()
	require.NoError(t, err, "places come back")
	leave()
}

func TestSlotGivesUpWithTheCaller(t *testing.T) {
	h := fastHasher(t, Hashing{MemoryKiB: 64, Passes: 1, Slots: 1})
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.slot(ctx, func() error { return nil }), context.Canceled)
}
