package mail_test

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// outbox is the contract of mail.Store over a map.
type outbox struct {
	mu      sync.Mutex
	rows    map[id.Mail]*row
	claims  int
	failing error // of every note of a delivery

	suppressed map[mail.AddressKey]mail.Suppression
}

type row struct {
	mail.Envelope
	hidden  time.Time
	sent    time.Time
	givenUp bool
	reason  string
	notes   []time.Time // next of each failure
}

func (o *outbox) put(e mail.Envelope) id.Mail {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rows == nil {
		o.rows = map[id.Mail]*row{}
	}
	o.rows[e.ID] = &row{Envelope: e}
	return e.ID
}

func (o *outbox) get(m id.Mail) row {
	o.mu.Lock()
	defer o.mu.Unlock()
	return *o.rows[m]
}

func (r *row) done() bool { return r.givenUp || !r.sent.IsZero() }

func (o *outbox) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]mail.Envelope, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.claims++
	var due []*row
	for _, r := range o.rows {
		if !r.done() && !r.DueAt.After(now) && !r.hidden.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	var out []mail.Envelope
	for _, r := range due[:min(limit, len(due))] {
		r.hidden = now.Add(lease)
		out = append(out, r.Envelope)
	}
	return out, nil
}

func (o *outbox) MailSent(ctx context.Context, m id.Mail, now time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(o.failing, ctx.Err()); err != nil {
		return err
	}
	o.rows[m].sent, o.rows[m].Sealed = now, nil
	return nil
}

func (o *outbox) MailFailed(ctx context.Context, m id.Mail, _, next time.Time, reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := cmp.Or(o.failing, ctx.Err()); err != nil {
		return err
	}
	r := o.rows[m]
	r.Attempts++
	r.notes, r.reason = append(r.notes, next), reason
	r.hidden, r.DueAt, r.givenUp = time.Time{}, next, next.IsZero()
	return nil
}

func (o *outbox) OldestDueMail(_ context.Context, now time.Time) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var oldest time.Time
	for _, r := range o.rows {
		if !r.done() && !r.DueAt.After(now) && (oldest.IsZero() || r.DueAt.Before(oldest)) {
			oldest = r.DueAt
		}
	}
	return oldest, nil
}

func (o *outbox) PurgeMail(context.Context, time.Time) (int, error) { return 0, nil }

// box seals with AES-256-GCM.
type box struct{ aead cipher.AEAD }

func newBox(t *testing.T) box {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(t, err)
	return box{aead}
}

func (b box) Seal(plain, context []byte) ([]byte, error) {
	return b.aead.Seal(nil, nil, plain, context), nil
}

func (b box) Open(sealed, context []byte) ([]byte, error) {
	return b.aead.Open(nil, nil, sealed, context)
}

// clock is a Now that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// note is a letter of these tests.
type note struct {
	Secret string `json:"secret"`
}

func (note) Kind() string { return "test.note" }

func (o *outbox) SuppressAddress(_ context.Context, address mail.AddressKey, why mail.Suppression, _ time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suppressed == nil {
		o.suppressed = map[mail.AddressKey]mail.Suppression{}
	}
	if o.suppressed[address] != mail.Complained {
		o.suppressed[address] = why
	}
	return nil
}

func (o *outbox) ReleaseAddress(_ context.Context, address mail.AddressKey, why mail.Suppression) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.suppressed[address] == why {
		delete(o.suppressed, address)
	}
	return nil
}

func (o *outbox) AddressSuppressed(_ context.Context, address mail.AddressKey) (mail.Suppression, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.suppressed[address], nil
}
