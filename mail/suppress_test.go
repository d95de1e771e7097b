package mail_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/mail"
)

func byAddress(c *mail.CourierConfig) {
	c.AddressKey = func(to string) mail.AddressKey { return sha256.Sum256([]byte(strings.ToLower(to))) }
}

// A mailbox that is not there gets what is asked for and nothing else, until it is
// there again.
func TestADeadAddressGetsOnlyWhatIsUrgent(t *testing.T) {
	r, courier := newRig(t, byAddress)
	gone := errors.Join(mail.ErrRejected, mail.ErrNoMailbox)
	r.send = func(context.Context, mail.Message) error { return gone }
	first := r.write(t, "digest", mail.Bulk)
	deliver(t, courier, 0)
	require.True(t, r.get(first).givenUp)
	require.NotContains(t, r.log.String(), "level=ERROR", "an address is not the operator's to mend")

	r.send = func(_ context.Context, m mail.Message) error {
		require.NotEqual(t, "next digest", m.Text, "nothing that nobody asked for is tried")
		return gone
	}
	next, code := r.write(t, "next digest", mail.Bulk), r.write(t, "code", mail.Urgent)
	deliver(t, courier, 0)
	require.True(t, r.get(next).givenUp)
	require.Contains(t, r.get(next).reason, "suppressed")
	require.Equal(t, "send: rejected", r.get(code).reason, "it was tried")

	r.send = nil
	r.write(t, "another code", mail.Urgent)
	deliver(t, courier, 1)
	r.write(t, "third digest", mail.Normal)
	deliver(t, courier, 1)
}

// A complaint is not taken back by a letter that arrives.
func TestAComplaintStands(t *testing.T) {
	r, courier := newRig(t, byAddress)
	require.NoError(t, courier.Suppress(t.Context(), "ADA@acme.test", mail.Complained))
	require.NoError(t, courier.Suppress(t.Context(), "ada@acme.test", mail.Bounced))
	r.write(t, "code", mail.Urgent)
	deliver(t, courier, 1)
	r.write(t, "digest", mail.Bulk)
	deliver(t, courier, 0)
	require.NoError(t, courier.Release(t.Context(), "ada@acme.test"))
	r.write(t, "digest", mail.Bulk)
	deliver(t, courier, 1)
	require.Error(t, courier.Suppress(t.Context(), "ada@acme.test", "boredom"))
}

// Without a key for addresses nothing is suppressed.
func TestSuppressionIsOptional(t *testing.T) {
	r, courier := newRig(t)
	require.NoError(t, courier.Suppress(t.Context(), "ada@acme.test", mail.Complained))
	r.write(t, "digest", mail.Bulk)
	deliver(t, courier, 1)
	require.NoError(t, courier.Release(t.Context(), "ada@acme.test"))
}

func deliver(t *testing.T, courier *mail.Courier, want int) {
	t.Helper()
	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, n)
}
