package picture

import (
	"context"
	"sync"
	"time"
)

// slotWait is how long somebody who uploads a picture is made to wait.
const slotWait = 5 * time.Second

// Slots bounds how many pictures are decoded at once, and with that the memory
// they take. It is safe for concurrent use.
type Slots struct{ free chan struct{} }

// NewSlots returns n slots, at least one.
func NewSlots(n int) *Slots { return &Slots{make(chan struct{}, max(n, 1))} }

// Acquire takes a slot, waiting up to 5 seconds for one. The caller gives it back
// by calling release, once or more often. The error is [ErrBusy] or that of ctx.
func (s *Slots) Acquire(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	timer := time.NewTimer(slotWait)
	defer timer.Stop()
	select {
	case s.free <- struct{}{}:
		return sync.OnceFunc(func() { <-s.free }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, ErrBusy
	}
}
