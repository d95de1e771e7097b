package security

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
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

	// Former are the parameters that were used before, in any order, for as long
	// as hashes of them may be stored: a weaker one is replaced when its owner
	// signs in. Verifying takes the time of the hash's own parameters, so an
	// attempt at an address without an account takes that of the present ones or
	// of one of these, always of the same for one address. Without Former, raising
	// the parameters tells who has an account and has not signed in since. Each is
	// bounded like the present ones.
	Former []HashParams

	// Slots is how many passwords are hashed at once. Zero: as many as there
	// are cores, but no more than fit into MemoryBudgetMiB.
	Slots int

	// MemoryBudgetMiB bounds Slots by memory, of the most expensive parameters.
	// Zero: 256.
	MemoryBudgetMiB int

	// Queue is how many callers may wait for a slot; one more gets
	// ErrOverloaded. Zero: 32 for each slot, and at least 64.
	Queue int
}

// HashParams are the parameters of argon2id (RFC 9106, section 3.1).
type HashParams struct {
	MemoryKiB   uint32 // at least 8 × Parallelism; at most 1 GiB
	Passes      uint32 // 1 to 64
	Parallelism uint8  // at least 1
}

// A stored hash that asks for more is refused.
const (
	maxHashMemoryKiB = 1 << 20 // 1 GiB
	maxHashPasses    = 64
)

func (p HashParams) valid() bool {
	return p.Parallelism >= 1 && p.MemoryKiB >= 8*uint32(p.Parallelism) && p.MemoryKiB <= maxHashMemoryKiB &&
		p.Passes >= 1 && p.Passes <= maxHashPasses
}

type hasher struct {
	params   argon2id.Params
	slots    chan struct{}
	inside   atomic.Int64 // callers that hash or wait
	capacity int64
	dummies  []dummy // of the present parameters and of former ones
}

func newHasher(h Hashing) (*hasher, error) {
	defaultTo(&h.MemoryKiB, 19*1024)
	defaultTo(&h.Passes, 2)
	defaultTo(&h.Parallelism, 1)
	defaultTo(&h.MemoryBudgetMiB, 256)
	present := HashParams{h.MemoryKiB, h.Passes, h.Parallelism}
	largest, valid := h.MemoryKiB, present.valid()
	dummies := []dummy{newDummy(present)}
	for _, p := range h.Former {
		largest, valid = max(largest, p.MemoryKiB), valid && p.valid()
		dummies = append(dummies, newDummy(p))
	}
	if h.Slots == 0 {
		h.Slots = max(1, min(runtime.GOMAXPROCS(0), h.MemoryBudgetMiB*1024/int(largest)))
	}
	if h.Queue == 0 {
		h.Queue = max(64, 32*h.Slots)
	}
	if h.Slots < 0 || h.Queue < 0 || !valid {
		return nil, errors.New("security: Config.Hashing is out of range")
	}
	return &hasher{
		params: argon2id.Params{
			Memory: h.MemoryKiB, Iterations: h.Passes, Parallelism: h.Parallelism, SaltLength: 16, KeyLength: 32,
		},
		slots:    make(chan struct{}, h.Slots),
		capacity: int64(h.Slots + h.Queue),
		dummies:  dummies,
	}, nil
}

// dummy is a hash in PHC form that no password has, and that costs what a real
// one of the same parameters costs.
type dummy struct{ params, hash string }

// newDummy puts a dummy together from random bytes. It costs nothing to make.
func newDummy(p HashParams) dummy {
	var b [48]byte
	_, _ = rand.Read(b[:])
	enc := base64.RawStdEncoding
	params := fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d", p.MemoryKiB, p.Passes, p.Parallelism)
	return dummy{params, params + "$" + enc.EncodeToString(b[:16]) + "$" + enc.EncodeToString(b[16:])}
}

// dummyOf returns the hash that stands for an address, which is given as a keyed
// hash: without the key nobody can tell which it is. Each address ranks all
// parameters and takes the first (rendezvous hashing). So when others become the
// present ones, an address either keeps its own or goes over to those, as that of
// a person does who signs in; none ever goes back to older ones.
func (h *hasher) dummyOf(address Hash) string {
	var first string
	var rank [sha256.Size]byte
	for _, d := range h.dummies {
		r := sha256.Sum256(append(address[:], d.params...))
		if first == "" || bytes.Compare(r[:], rank[:]) > 0 {
			first, rank = d.hash, r
		}
	}
	return first
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
// dummy of the address: it takes as long as a stored one, and never matches.
func (h *hasher) verify(ctx context.Context, password string, hash PasswordHash, address Hash) (match, weak bool, err error) {
	stored := h.dummyOf(address)
	if hash != "" {
		stored = string(hash)
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
