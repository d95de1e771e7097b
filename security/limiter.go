package security

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/clientip"
)

// Limiter bounds how often something may be tried. Implementations are safe for
// concurrent use and count atomically: of callers at once no more than the
// bucket holds get through. One that cannot decide returns an error, and the
// attempt is refused.
type Limiter interface {
	// Take takes one unit from the bucket named key, which holds up to burst
	// units and regains one every interval. It returns how long to wait when
	// the bucket is empty, else zero.
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, err error)

	// Give returns a unit that was taken, to a bucket of the same shape.
	Give(ctx context.Context, key string, burst int, every time.Duration) error
}

// MemoryLimiter is a [Limiter] for one process. It forgets full buckets, and
// holds at most 100,000: beyond that some are forgotten, whichever they are, so
// that memory stays bounded (about 20 MiB).
type MemoryLimiter struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

// bucket is kept as the time at which it will be full again (GCRA, ITU-T
// I.371): one number, and no timer.
type bucket struct{ full time.Time }

const maxBuckets = 100_000

// NewMemoryLimiter returns a limiter on the clock now; nil: time.Now.
func NewMemoryLimiter(now func() time.Time) *MemoryLimiter {
	if now == nil {
		now = time.Now
	}
	return &MemoryLimiter{now: now, buckets: map[string]*bucket{}}
}

// Take implements [Limiter].
func (m *MemoryLimiter) Take(_ context.Context, key string, burst int, every time.Duration) (time.Duration, error) {
	if burst < 1 || every <= 0 {
		return 0, errors.New("security: a bucket needs a size and an interval")
	}
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	b := m.buckets[key]
	if b == nil {
		b = &bucket{full: now}
		m.buckets[key] = b
	}
	if b.full.Before(now) {
		b.full = now
	}
	size := time.Duration(burst) * every
	if b.full.After(now.Add(size)) { // the clock was set back
		b.full = now.Add(size)
	}
	next := b.full.Add(every)
	if wait := next.Sub(now.Add(size)); wait > 0 {
		return wait, nil
	}
	b.full = next
	return 0, nil
}

// Give implements [Limiter].
func (m *MemoryLimiter) Give(_ context.Context, key string, _ int, every time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.buckets[key]; b != nil {
		b.full = b.full.Add(-every)
	}
	return nil
}

// Len returns how many buckets are held.
func (m *MemoryLimiter) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.buckets)
}

// sweep forgets full buckets now and then, and when there are too many, also
// others: whichever the map yields first, a tenth of them, which costs an
// attacker more than it gains.
func (m *MemoryLimiter) sweep(now time.Time) {
	crowded := len(m.buckets) >= maxBuckets
	if !crowded && now.Sub(m.swept) < time.Minute && !now.Before(m.swept) {
		return
	}
	m.swept = now
	for k, b := range m.buckets {
		if !b.full.After(now) {
			delete(m.buckets, k)
		}
	}
	if excess := len(m.buckets) - maxBuckets*9/10; crowded && excess > 0 {
		for k := range m.buckets {
			if excess--; excess < 0 {
				break
			}
			delete(m.buckets, k)
		}
	}
}

// The budgets of everything that checks a password. An account is bounded twice:
// tightly for each network, so that guessing from one place ends soon, and
// loosely over all, so that guessing from many places does not lock the rightful
// owner out for long.
var (
	budgetPasswordFrom    = budget{"password_from", 10, 30 * time.Second}
	budgetPassword        = budget{"password", 50, 6 * time.Second}
	budgetPasswordNetwork = budget{"password_network", 300, time.Second}
	budgetLink            = budget{"link", 300, time.Second}
	budgetForgot          = budget{"forgot", 300, time.Second}
	budgetMail            = budget{"mail", 5, 30 * time.Minute}

	// Three of a million codes are right at any time. 10 tries and one more every
	// 10 minutes are at most 154 in a day: somebody who knows the password gets
	// in with a chance of 1 in 2,000. From a browser that the person signed in
	// from it is 298, and 1 in 1,100.
	budgetTOTP       = budget{"totp", 10, 10 * time.Minute}
	budgetKnownCode  = budget{"code_known", 10, 5 * time.Minute}
	budgetBackupCode = budget{"backup_code", 10, 30 * time.Second}

	budgetCeremony   = budget{"passkey", 60, 10 * time.Second}
	budgetEmailCode  = budget{"email_code", 5, 10 * time.Minute}
	budgetEmailTries = budget{"email_code_tries", 10, 10 * time.Minute}
)

type budget struct {
	name  string
	burst int
	every time.Duration
}

// taken is what an attempt took, to be given back when it was no guess.
type taken struct {
	limiter Limiter
	units   []takenUnit
}

type takenUnit struct {
	budget
	key string
}

// take takes from each bucket in turn. If one is empty, what was taken before is
// given back: a refused attempt costs nothing, so a flood against one account
// does not use up the network's budget.
func (s *Service) take(ctx context.Context, units ...takenUnit) (*taken, error) {
	t := &taken{limiter: s.c.Limiter}
	if err := s.takeMore(ctx, t, units...); err != nil {
		return nil, err
	}
	return t, nil
}

// takeMore is take for buckets that are known later.
func (s *Service) takeMore(ctx context.Context, t *taken, units ...takenUnit) error {
	for _, u := range units {
		wait, err := s.c.Limiter.Take(ctx, u.name+":"+u.key, u.burst, u.every)
		switch {
		case err != nil:
			t.giveBack(ctx)
			s.c.Log.ErrorContext(ctx, "security: limiter failed, attempt refused", "err", err)
			return &fault.Retry{Reason: errors.Join(fault.Unavailable, err), After: 5 * time.Second}
		case wait > 0:
			t.giveBack(ctx)
			return &fault.Retry{Reason: ErrRateLimited, After: wait}
		}
		t.units = append(t.units, u)
	}
	return nil
}

func (t *taken) giveBack(ctx context.Context) {
	for _, u := range t.units {
		// Best effort: at worst the bucket stays a unit emptier for a while.
		_ = t.limiter.Give(ctx, u.name+":"+u.key, u.burst, u.every)
	}
	t.units = nil
}

func networkUnit(b budget, a audit.Actor) takenUnit {
	return takenUnit{b, clientip.Network(a.IP)}
}

// passwordUnits is the one budget of every endpoint that checks this account's
// password. account is a keyed hash of the canonical address, so that all
// spellings share one bucket, known or not. A browser that the person has signed
// in from is apart from all others, who can neither use its budget up nor share
// in it.
func passwordUnits(account Hash, a audit.Actor, known bool) []takenUnit {
	key := hex.EncodeToString(account[:16])
	if known {
		return []takenUnit{{budgetPasswordFrom, key + "@device:" + hex.EncodeToString(a.Device[:16])}}
	}
	return []takenUnit{
		{budgetPasswordFrom, key + "@" + clientip.Network(a.IP)},
		{budgetPassword, key},
	}
}

// codeUnits is the one budget of every endpoint that checks this person's codes.
// It is taken for each try and given back for the right one, and no other
// success fills it. Backup codes have 80 bits: bounding them for each network is
// enough, and leaves them open to an owner whose other budget somebody else has
// used up.
func codeUnits(method audit.Factor, p Person, a audit.Actor, known bool) []takenUnit {
	key := p.ID.String()
	switch {
	case known:
		return []takenUnit{{budgetKnownCode, key + "@device:" + hex.EncodeToString(a.Device[:16])}}
	case method == audit.BackupCode:
		return []takenUnit{{budgetBackupCode, key + "@" + clientip.Network(a.IP)}}
	}
	return []takenUnit{{budgetTOTP, key}}
}
