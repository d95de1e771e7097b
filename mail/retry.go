package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// backoff is how long a letter rests after each failure: a little under a day
// in all, which outlasts what a mail server is usually away. Then it is given
// up, since the links in it have long expired.
var backoff = [...]time.Duration{
	30 * time.Second, 2 * time.Minute, 10 * time.Minute,
	time.Hour, 4 * time.Hour, 8 * time.Hour, 10 * time.Hour,
}

// retryAt returns when a letter that has failed so often is due again, or the
// zero time when it is given up.
func retryAt(now time.Time, failures int) time.Time {
	if failures > len(backoff) {
		return time.Time{}
	}
	return now.Add(backoff[failures-1])
}

// stepError is a failure with the step at which it happened.
type stepError struct {
	step string
	err  error
	safe bool // the text of err quotes nothing
}

func (e *stepError) Error() string { return "mail: " + e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// reasonOf says for a log what went wrong. The texts of foreign errors are left
// out, since servers quote addresses and templates quote what they were given.
func reasonOf(err error) string {
	var at *stepError
	if !errors.As(err, &at) {
		return "failed"
	}
	var reasoned interface{ Reason() string }
	var network *net.OpError
	var resolve *net.DNSError
	what := fmt.Sprintf("error of type %T", at.err)
	switch {
	case at.safe:
		what = at.err.Error()
	case errors.As(at.err, &reasoned):
		what = reasoned.Reason()
	case errors.Is(at.err, context.DeadlineExceeded):
		what = "timed out"
	case errors.As(at.err, &network):
		what = network.Error()
	case errors.As(at.err, &resolve):
		what = resolve.Error()
	case errors.Is(at.err, ErrRejected):
		what = "rejected"
	}
	return at.step + ": " + what
}
