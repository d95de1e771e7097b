package mail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// rig is a courier with what it works on. render and send can be replaced; send
// is called for each message, beside others.
type rig struct {
	outbox
	clock
	box    box
	log    bytes.Buffer
	render func(ctx context.Context, n note) (mail.Message, error)
	send   func(ctx context.Context, m mail.Message) error

	mu   sync.Mutex
	took []mail.Message
}

func (r *rig) RenderMail(ctx context.Context, kind string, to mail.Recipient, letter json.RawMessage) (mail.Message, error) {
	var n note
	if err := json.Unmarshal(letter, &n); err != nil {
		return mail.Message{}, err
	}
	if r.render != nil {
		return r.render(ctx, n)
	}
	return mail.Message{Subject: kind + " for " + to.Name, Text: n.Secret}, nil
}

func (r *rig) SendMail(ctx context.Context, m mail.Message) error {
	if r.send != nil {
		if err := r.send(ctx, m); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, m)
	return nil
}

func (r *rig) sent() []mail.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

// write puts a letter into the outbox.
func (r *rig) write(t *testing.T, secret string, u mail.Urgency) id.Mail {
	t.Helper()
	e, err := mail.Seal(r.box, mail.Recipient{Address: "ada@acme.test", Name: "Ada"}, u, note{secret}, r.Now())
	require.NoError(t, err)
	return r.put(e)
}

func newRig(t *testing.T, change ...func(*mail.CourierConfig)) (*rig, *mail.Courier) {
	t.Helper()
	r := &rig{box: newBox(t)}
	r.at = time.Date(2026, 11, 23, 9, 41, 0, 0, time.UTC)
	cfg := mail.CourierConfig{Store: &r.outbox, Mailer: r, Renderer: r, Sealer: r.box, From: "Acme <hello@acme.test>",
		Now: r.Now, Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range change {
		c(&cfg)
	}
	courier, err := mail.NewCourier(cfg)
	require.NoError(t, err)
	return r, courier
}

func TestNewCourierNamesEveryFault(t *testing.T) {
	_, err := mail.NewCourier(mail.CourierConfig{Batch: -1, SendTimeout: -1})
	for _, want := range []string{"Store", "Mailer", "Renderer", "Sealer", "Now", "From", "Batch", "SendTimeout"} {
		require.ErrorContains(t, err, want)
	}
	_, err = mail.NewCourier(mail.CourierConfig{Lease: time.Second, SendTimeout: time.Minute})
	require.ErrorContains(t, err, "Lease is shorter")
}

func TestDeliver(t *testing.T) {
	r, courier := newRig(t)
	bulk := r.write(t, "c", mail.Bulk)
	normal := r.write(t, "b", mail.Normal)
	urgent := r.write(t, "a", mail.Urgent)
	later, err := mail.Seal(r.box, mail.Recipient{Address: "x@acme.test"}, mail.Urgent, note{"d"}, r.Now())
	require.NoError(t, err)
	later.DueAt = r.Now().Add(time.Hour)
	r.put(later)

	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	took := r.sent()
	require.Equal(t, []id.Mail{urgent, normal, bulk}, []id.Mail{took[0].ID, took[1].ID, took[2].ID})
	require.Equal(t, mail.Message{ID: urgent, Kind: "test.note", From: "Acme <hello@acme.test>", To: "ada@acme.test",
		ToName: "Ada", Subject: "test.note for Ada", Text: "a"}, took[0])
	require.Equal(t, r.Now(), r.get(urgent).sent)
	require.Nil(t, r.get(urgent).Sealed)

	n, err = courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "each once")
}

func TestTheRendererMayNameTheSenderButNotTheRecipient(t *testing.T) {
	r, courier := newRig(t)
	r.render = func(context.Context, note) (mail.Message, error) {
		return mail.Message{From: "Other <other@acme.test>", To: "victim@evil.test", ToName: "V", ID: id.NewMail(), Kind: "x", Text: "t"}, nil
	}
	letter := r.write(t, "a", mail.Urgent)
	_, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, mail.Message{ID: letter, Kind: "test.note", From: "Other <other@acme.test>", To: "ada@acme.test",
		ToName: "Ada", Text: "t"}, r.sent()[0])
}

func TestDecoysAndDiscardedLettersReachNobody(t *testing.T) {
	r, courier := newRig(t)
	r.render = func(context.Context, note) (mail.Message, error) {
		return mail.Message{}, fmt.Errorf("unsubscribed: %w", mail.ErrDiscard)
	}
	decoy, err := mail.Seal(r.box, mail.Recipient{Address: "nobody@acme.test"}, mail.Urgent, mail.Decoy{}, r.Now())
	require.NoError(t, err)
	r.put(decoy)
	discarded := r.write(t, "a", mail.Urgent)
	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Empty(t, r.sent())
	for _, m := range []id.Mail{decoy.ID, discarded} {
		require.False(t, r.get(m).sent.IsZero())
		require.Zero(t, r.get(m).Attempts)
	}
}

func TestAFailedLetterComesBackLaterAndLaterAndIsGivenUpWithinADay(t *testing.T) {
	r, courier := newRig(t)
	r.send = func(context.Context, mail.Message) error { return errors.New("451 try later") }
	letter, began := r.write(t, "a", mail.Urgent), r.Now()
	var waits []time.Duration
	for !r.get(letter).givenUp {
		n, err := courier.Deliver(t.Context())
		require.NoError(t, err, "a letter's failure is not the courier's")
		require.Zero(t, n)
		got := r.get(letter)
		if next := got.notes[len(got.notes)-1]; !next.IsZero() {
			waits = append(waits, next.Sub(r.Now()))
			// A moment before, it is not due.
			r.move(next.Sub(r.Now()) - time.Microsecond)
			_, err = courier.Deliver(t.Context())
			require.NoError(t, err)
			require.Len(t, r.get(letter).notes, len(got.notes))
			r.move(time.Microsecond)
		}
		require.Less(t, len(waits), 20)
	}
	require.Equal(t, []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}, waits[:4])
	require.True(t, slices.IsSorted(waits))
	require.Greater(t, r.Now().Sub(began), 20*time.Hour)
	require.Less(t, r.Now().Sub(began), 24*time.Hour)
	require.Contains(t, r.log.String(), "mail given up")
}

func TestARejectedLetterIsGivenUpAtOnce(t *testing.T) {
	r, courier := newRig(t)
	r.send = func(context.Context, mail.Message) error { return fmt.Errorf("550 no such user: %w", mail.ErrRejected) }
	letter := r.write(t, "a", mail.Urgent)
	_, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.True(t, r.get(letter).givenUp)
	require.Equal(t, "send: rejected", r.get(letter).reason)
}

func TestOneBadLetterHoldsUpNoOther(t *testing.T) {
	r, courier := newRig(t)
	r.render = func(_ context.Context, n note) (mail.Message, error) {
		switch n.Secret {
		case "renderer panics":
			panic("template quotes " + n.Secret)
		case "renderer fails":
			return mail.Message{}, errors.New("no such template")
		}
		return mail.Message{Text: n.Secret}, nil
	}
	r.send = func(_ context.Context, m mail.Message) error {
		if m.Text == "mailer panics" {
			_ = m.Headers["x"][len(m.Text)] // beyond the end
		}
		return nil
	}
	bad := map[string]id.Mail{}
	for _, s := range []string{"renderer panics", "renderer fails", "mailer panics", "cannot be opened", "swapped"} {
		bad[s] = r.write(t, s, mail.Urgent)
	}
	r.rows[bad["cannot be opened"]].Sealed[3] ^= 1
	// What was sealed for one letter does not open as another.
	r.rows[bad["swapped"]].Sealed = r.rows[bad["renderer fails"]].Sealed
	good := []id.Mail{r.write(t, "one", mail.Bulk), r.write(t, "two", mail.Bulk)}

	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(good), n)
	for name, m := range bad {
		require.Equal(t, 1, r.get(m).Attempts, name)
		require.Equal(t, r.Now().Add(30*time.Second), r.get(m).DueAt, name)
	}
	require.Equal(t, "render: panic of type string", r.get(bad["renderer panics"]).reason)
	require.Equal(t, "render: error of type *errors.errorString", r.get(bad["renderer fails"]).reason)
	require.Contains(t, r.get(bad["mailer panics"]).reason, "send: panic of type runtime")
	require.Contains(t, r.get(bad["cannot be opened"]).reason, "open: ")
	require.Contains(t, r.get(bad["swapped"]).reason, "open: ")
}

func TestASlowMailerIsCutOff(t *testing.T) {
	r, courier := newRig(t, func(c *mail.CourierConfig) { c.SendTimeout = 30 * time.Millisecond })
	r.send = func(ctx context.Context, _ mail.Message) error { <-ctx.Done(); return ctx.Err() }
	letter := r.write(t, "a", mail.Urgent)
	_, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, r.get(letter).Attempts)
	require.Equal(t, "send: timed out", r.get(letter).reason)
}

func TestDeliveryStopsWithTheContext(t *testing.T) {
	r, courier := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.send = func(ctx context.Context, _ mail.Message) error { cancel(); <-ctx.Done(); return ctx.Err() }
	first, second := r.write(t, "a", mail.Urgent), r.write(t, "b", mail.Bulk)
	_, err := courier.Deliver(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, r.get(first).Attempts, "being cut off is no failure of the letter")
	require.Zero(t, r.get(second).Attempts)
	require.Equal(t, 1, r.claims)

	// Both come back when the lease has run out.
	r.send = nil
	r.move(time.Hour)
	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

func TestWhatWasSentIsNotedThoughTheContextEnded(t *testing.T) {
	r, courier := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	r.send = func(context.Context, mail.Message) error { cancel(); return nil }
	letter := r.write(t, "a", mail.Urgent)
	n, err := courier.Deliver(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, n)
	require.False(t, r.get(letter).sent.IsZero())
}

func TestAKilledCourierSendsAgainUnderTheSameID(t *testing.T) {
	r, courier := newRig(t)
	letter := r.write(t, "a", mail.Urgent)
	r.failing = errors.New("the database is away")
	n, err := courier.Deliver(t.Context())
	require.ErrorIs(t, err, r.failing)
	require.Equal(t, 1, n)
	r.failing = nil
	n, err = courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Zero(t, n, "hidden by the lease")
	r.move(time.Hour)
	_, err = courier.Deliver(t.Context())
	require.NoError(t, err)
	require.Len(t, r.sent(), 2)
	require.Equal(t, []id.Mail{letter, letter}, []id.Mail{r.sent()[0].ID, r.sent()[1].ID})
}

func TestALeaseIsNotOverrun(t *testing.T) {
	r, courier := newRig(t, func(c *mail.CourierConfig) {
		c.Batch, c.SendTimeout, c.Lease = 10, 30*time.Second, 100*time.Second
	})
	for range 10 {
		r.write(t, "a", mail.Urgent)
	}
	inSend := map[id.Mail]int{}
	r.send = func(_ context.Context, m mail.Message) error {
		r.move(29 * time.Second) // a slow server
		inSend[m.ID]++
		require.True(t, r.get(m.ID).hidden.After(r.Now()), "sent under a lease that still holds")
		return nil
	}
	n, err := courier.Deliver(t.Context())
	require.NoError(t, err)
	for n < 10 {
		r.move(time.Minute)
		more, err := courier.Deliver(t.Context())
		require.NoError(t, err)
		require.NotZero(t, more)
		n += more
	}
	require.Len(t, inSend, 10)
	for _, times := range inSend {
		require.Equal(t, 1, times)
	}
}

func TestSeveralCouriersShareTheWork(t *testing.T) {
	r, courier := newRig(t)
	const letters = 64
	for range letters {
		r.write(t, "a", mail.Urgent)
	}
	var wg sync.WaitGroup
	counts := make([]int, 4)
	errs := make([]error, 4)
	for i := range counts {
		wg.Go(func() { counts[i], errs[i] = courier.Deliver(t.Context()) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, letters, counts[0]+counts[1]+counts[2]+counts[3])
	seen := map[id.Mail]bool{}
	for _, m := range r.sent() {
		require.False(t, seen[m.ID])
		seen[m.ID] = true
	}
}

// quoting is an error as servers and templates make them.
type quoting struct{}

func (quoting) Error() string  { return "550 <ada@acme.test> Ada: https://app.acme.test/?token=hush" }
func (quoting) Reason() string { return "the server answered 550" }

func TestLogsAndReasonsHoldNoAddressAndNoContent(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"explains itself": {quoting{}, "send: the server answered 550"},
		"quotes":          {errors.New("no mailbox ada@acme.test for hush"), "send: error of type *errors.errorString"},
		"wrapped":         {fmt.Errorf("ada@acme.test: %w", quoting{}), "send: the server answered 550"},
		"network":         {&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}, "send: dial tcp: connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			r, courier := newRig(t)
			r.send = func(context.Context, mail.Message) error { return tc.err }
			letter := r.write(t, "hush", mail.Urgent)
			_, err := courier.Deliver(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.want, r.get(letter).reason)
			require.Contains(t, r.log.String(), "kind=test.note")
			require.Contains(t, r.log.String(), letter.String())
			for _, secret := range []string{"ada", "Ada", "hush"} {
				require.NotContains(t, r.log.String()+r.get(letter).reason, secret)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	r, courier := newRig(t)
	since, err := courier.Health(t.Context())
	require.NoError(t, err)
	require.True(t, since.IsZero())
	r.write(t, "a", mail.Urgent)
	written := r.Now()
	r.move(5 * time.Minute)
	since, err = courier.Health(t.Context())
	require.NoError(t, err)
	require.Equal(t, written, since)
}
