package security

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/aegisrunner/account-settings/fault"
)

// Hashing says how passwords are hashed with argon2id (RFC 9106). The zero value
// is OWASP's minimum: 19 MiB, 2 passes, 1 lane.
type Hashing struct {
	MemoryKiB   uint32 // zero: 19 × 1024
	Passes      uint32 // zero: 2
	Parallelism uint8  // zero: 1

	// Slots is how many passwords are hashed at once. Zero: as many as there
	// are cores, but no more than fit into MemoryBudgetMiB.
	Slots int

	// MemoryBudgetMiB bounds Slots by memory. Zero: 256.
	MemoryBudgetMiB int

	// Queue is how many callers may wait for a slot; one more gets
	// ErrOverloaded. Zero: 32 for each slot, and at least 64.
	Queue int
}

// A stored hash that asks for more is refused.
const (
	maxHashMemoryKiB = 1 << 20 // 1 GiB
	maxHashPasses    = 64
)

type hasher struct {
	params   argon2id.Params
	slots    chan struct{}
	inside   atomic.Int64 // callers that hash or wait
	capacity int64
	dummy    string // verifies nothing, and costs what a real one costs
}

func newHasher(h Hashing) (*hasher, error) {
	defaultTo(&h.MemoryKiB, 19*1024)
	defaultTo(&h.Passes, 2)
	defaultTo(&h.Parallelism, 1)
	defaultTo(&h.MemoryBudgetMiB, 256)
	if h.Slots == 0 {
		h.Slots = max(1, min(runtime.GOMAXPROCS(0), h.MemoryBudgetMiB*1024/int(h.MemoryKiB)))
	}
	if h.Queue == 0 {
		h.Queue = max(64, 32*h.Slots)
	}
	if h.Slots < 0 || h.Queue < 0 || h.MemoryKiB < 8*uint32(h.Parallelism) || h.MemoryKiB > maxHashMemoryKiB || h.Passes > maxHashPasses {
		return nil, errors.New("security: Config.Hashing is out of range")
	}
	return &hasher{
		params: argon2id.Params{
			Memory: h.MemoryKiB, Iterations: h.Passes, Parallelism: h.Parallelism, SaltLength: 16, KeyLength: 32,
		},
		slots:    make(chan struct{}, h.Slots),
		capacity: int64(h.Slots + h.Queue),
		dummy:    dummyHash(h),
	}, nil
}

// dummyHash returns a hash in PHC form that no password has. It is put together
// from random bytes and costs nothing to make.
func dummyHash(h Hashing) string {
	var b [48]byte
	_, _ = rand.Read(b[:])
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s",
		h.MemoryKiB, h.Passes, h.Parallelism, enc.EncodeToString(b[:16]), enc.EncodeToString(b[16:]))
}

// enter takes a place among those who hash or wait, and refuses at once when
// there is none. The caller must call leave. It is asked before the limiter is,
// so that a flood spends neither budgets nor look-ups.
func (h *hasher) enter() (leave func(), err error) {
	if h.inside.Add(1) > h.capacity {
		h.inside.Add(-1)
		// The queue is drained in about this time on a slow core.
		after := time.Duration(h.capacity) * 60 * time.Millisecond / time.Duration(cap(h.slots))
		return nil, &fault.Retry{Reason: ErrOverloaded, After: max(after, time.Second)}
	}
	return func() { h.inside.Add(-1) }, nil
}

// slot runs fn in a hash slot. Nothing that waits for a database may be in fn.
func (h *hasher) slot(ctx context.Context, fn func() error) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.slots }()
	return fn()
}

// hash returns the hash of a normalised password.
func (h *hasher) hash(ctx context.Context, password string) (hash PasswordHash, err error) {
	err = h.slot(ctx, func() error {
		s, err := argon2id.CreateHash(password, &h.params)
		hash = PasswordHash(s)
		return err
	})
	return hash, err
}

// verify reports whether a normalised password has the hash, and whether the
// hash is weaker than what is configured. An empty hash is compared with the
// dummy: it takes as long, and never matches.
func (h *hasher) verify(ctx context.Context, password string, hash PasswordHash) (match, weak bool, err error) {
	stored := string(hash)
	if stored == "" {
		stored = h.dummy
	}
	params, salt, key, err := argon2id.DecodeHash(stored)
	if err != nil {
		return false, false, fmt.Errorf("security: stored hash: %w", err)
	}
	// A hash may have been imported. The library panics on some of these, and
	// others would take the memory or the processor away.
	if params.Iterations < 1 || params.Iterations > maxHashPasses || params.Parallelism < 1 ||
		params.Memory > maxHashMemoryKiB || len(salt) < 8 || len(key) < 16 {
		return false, false, errors.New("security: stored hash has parameters out of range")
	}
	err = h.slot(ctx, func() error {
		match, _, err = argon2id.CheckHash(password, stored)
		return err
	})
	if err != nil {
		return false, false, fmt.Errorf("security: verify: %w", err)
	}
	weak = params.Memory < h.params.Memory || params.Iterations < h.params.Iterations && params.Memory <= h.params.Memory
	return match && hash != "", weak, nil
}
