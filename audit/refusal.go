package audit

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// Refusals records that somebody tried what they may not do. The zero value is of
// no use. It is safe for concurrent use if its functions are.
type Refusals struct {
	// Take takes one unit from a bucket; see security.Limiter.
	Take func(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, err error)

	// Append stores an entry in a transaction of its own.
	Append func(ctx context.Context, e Entry) error
}

// The refusals of an action that are recorded for one person, in one organization:
// never more than 20 in an hour. So nobody can fill a log.
const (
	refusalsAtOnce = 10
	refusalsEvery  = 6 * time.Minute
)

// Record returns err, the answer to what a wanted to do. If it is a refusal that
// matters, one for want of a fresh proof or of the right to do so, it is recorded
// first: in the log of org, or, if that is zero, in the person's own history. What
// cannot be recorded is not answered: then it returns why not.
//
// It is called after the transaction in which a was refused, which was rolled
// back. Inside of somebody else's transaction the entry shares its fate.
func (r Refusals) Record(ctx context.Context, a Actor, action Action, target Target, org id.Org, now time.Time, err error) error {
	if !errors.Is(err, fault.StepUp) && !errors.Is(err, fault.Forbidden) || a.User.IsZero() {
		return err
	}
	key := "refused:" + string(action) + ":" + a.User.String()
	e := a.WasRefused(action, target, fault.Code(err), now)
	if org.IsZero() {
		e = e.InHistoryOf(a.User)
	} else {
		e, key = e.InLogOf(org), key+"@"+org.String()
	}
	wait, failed := r.Take(ctx, key, refusalsAtOnce, refusalsEvery)
	switch {
	case failed != nil:
		return &fault.Retry{Reason: errors.Join(fault.Unavailable, failed), After: 5 * time.Second}
	case wait > 0:
		return err
	}
	if failed := r.Append(ctx, e); failed != nil {
		return failed
	}
	return err
}
