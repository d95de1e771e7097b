package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"time"
)

// The defaults of [CourierConfig].
const (
	defaultBatch       = 4
	defaultSendTimeout = 30 * time.Second
)

// markTimeout bounds the note in the store of what became of a letter. The note
// is made even when the caller has given up: a letter that was sent and not
// noted is sent again.
const markTimeout = 5 * time.Second

// CourierConfig configures a [Courier]. Fields without a default are required.
type CourierConfig struct {
	Store    Store
	Mailer   Mailer
	Renderer Renderer
	Sealer   Sealer // what the letters were sealed with
	From     string // sender of letters whose Renderer names none: "Acme <hello@acme.test>"

	// AddressKey names an address where it must not be stored. It returns the same
	// for every spelling of one mailbox. nil: no address is ever suppressed.
	AddressKey func(address string) AddressKey

	Now func() time.Time
	Log *slog.Logger // kinds and identifiers, never addresses or content; nil: silent

	// Batch is how many letters are claimed at once. Few, because letters that
	// were claimed by a process that died wait for the end of Lease. Default 4.
	Batch int

	// Lease is how long claimed letters are hidden from other couriers. At least
	// SendTimeout; default and best (Batch+1) × SendTimeout.
	Lease time.Duration

	// SendTimeout bounds rendering and sending one letter. Default 30 s.
	SendTimeout time.Duration
}

// Courier delivers the letters of the outbox. It is safe for concurrent use,
// beside any number of couriers on other nodes, and safe to kill at any point:
// a letter is sent at least once, and again only if the process died, or the
// store failed, between the mailer's answer and the note of it.
type Courier struct{ cfg CourierConfig }

// NewCourier returns a courier, or an error that names every missing or wrong
// field.
func NewCourier(cfg CourierConfig) (*Courier, error) {
	cfg.Batch = cmp.Or(cfg.Batch, defaultBatch)
	cfg.SendTimeout = cmp.Or(cfg.SendTimeout, defaultSendTimeout)
	cfg.Lease = cmp.Or(cfg.Lease, time.Duration(cfg.Batch+1)*cfg.SendTimeout)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	check := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New("mail: CourierConfig."+problem))
		}
	}
	check(cfg.Store != nil, "Store is missing")
	check(cfg.Mailer != nil, "Mailer is missing")
	check(cfg.Renderer != nil, "Renderer is missing")
	check(cfg.Sealer != nil, "Sealer is missing")
	check(cfg.Now != nil, "Now is missing")
	_, err := netmail.ParseAddress(cfg.From)
	check(err == nil, `From is not an address such as "Acme <hello@acme.test>"`)
	check(cfg.Batch > 0, "Batch is negative")
	check(cfg.SendTimeout > 0, "SendTimeout is negative")
	check(cfg.Lease >= cfg.SendTimeout, "Lease is shorter than SendTimeout")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Courier{cfg}, nil
}

// Deliver sends what is due until nothing is, and returns how many letters the
// mailer took. A letter that fails is logged and comes again later; it holds up
// no other and is no error here. The error is the store's, or ctx's when that
// ended.
func (c *Courier) Deliver(ctx context.Context) (delivered int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return delivered, err
		}
		claimed := c.cfg.Now()
		batch, err := c.cfg.Store.ClaimMail(ctx, claimed, c.cfg.Lease, c.cfg.Batch)
		if err != nil {
			return delivered, fmt.Errorf("mail: claim: %w", err)
		}
		if len(batch) == 0 {
			return delivered, nil
		}
		for _, e := range batch {
			// What is left of the lease would not cover a slow server: the rest is
			// given back by letting it run out, rather than sent twice.
			if c.cfg.Now().Sub(claimed) > c.cfg.Lease-c.cfg.SendTimeout {
				break
			}
			sent, err := c.deliver(ctx, e)
			if sent {
				delivered++
			}
			if err != nil {
				return delivered, err
			}
		}
	}
}

// Health returns since when the longest waiting letter has been due, or the
// zero time when none is. Minutes mean that no courier runs, or that the mailer
// has been failing.
func (c *Courier) Health(ctx context.Context) (since time.Time, err error) {
	return c.cfg.Store.OldestDueMail(ctx, c.cfg.Now())
}

// deliver sends one letter and notes what became of it.
func (c *Courier) deliver(ctx context.Context, e Envelope) (sent bool, err error) {
	why, err := c.suppressed(ctx, e.To.Address)
	if err != nil {
		return false, err
	}
	if why != "" && e.Urgency != Urgent {
		err = &stepError{step: "send", err: errSuppressed, safe: true}
	} else {
		err = c.send(ctx, e)
	}
	if ctx.Err() != nil && err != nil {
		// Cut off by the caller, which says nothing about the letter. It keeps its
		// count of attempts and comes back when the lease runs out.
		return false, ctx.Err()
	}
	log := c.cfg.Log.With("kind", e.Kind, "mail", e.ID.String())
	mark, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTimeout)
	defer cancel()
	now := c.cfg.Now()
	switch {
	case err == nil:
		log.DebugContext(ctx, "mail sent")
		return true, errors.Join(storeError(c.cfg.Store.MailSent(mark, e.ID, now)), c.arrived(mark, e.To.Address, why))
	case errors.Is(err, ErrDiscard):
		return false, storeError(c.cfg.Store.MailSent(mark, e.ID, now))
	}
	if errors.Is(err, ErrNoMailbox) {
		if err := c.Suppress(mark, e.To.Address, Bounced); err != nil {
			return false, err
		}
	}
	reason, next := reasonOf(err), retryAt(now, e.Attempts+1)
	if errors.Is(err, ErrRejected) || next.IsZero() {
		level := slog.LevelError
		if errors.Is(err, ErrNoMailbox) || errors.Is(err, errSuppressed) {
			level = slog.LevelInfo // what people type is not the operator's to mend
		}
		log.Log(ctx, level, "mail given up", "reason", reason, "attempts", e.Attempts+1)
		return false, storeError(c.cfg.Store.MailFailed(mark, e.ID, now, time.Time{}, reason))
	}
	log.WarnContext(ctx, "mail failed", "reason", reason, "attempts", e.Attempts+1, "next", next)
	return false, storeError(c.cfg.Store.MailFailed(mark, e.ID, now, next, reason))
}

func storeError(err error) error {
	if err != nil {
		return fmt.Errorf("mail: note delivery: %w", err)
	}
	return nil
}

// send opens, renders and sends. A panic of the host's renderer or mailer is
// that letter's failure.
func (c *Courier) send(ctx context.Context, e Envelope) (err error) {
	if e.Kind == (Decoy{}).Kind() {
		return ErrDiscard
	}
	step := "open"
	defer func() {
		if p := recover(); p != nil {
			// The value may quote the letter; its type does not.
			err = &stepError{step: step, err: fmt.Errorf("panic of type %T", p), safe: true}
		} else if err != nil {
			err = &stepError{step: step, err: err}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.SendTimeout)
	defer cancel()
	letter, err := e.Open(c.cfg.Sealer)
	if err != nil {
		return err
	}
	step = "render"
	m, err := c.cfg.Renderer.RenderMail(ctx, e.Kind, e.To, letter)
	if err != nil {
		return err
	}
	m.ID, m.Kind, m.To, m.ToName = e.ID, e.Kind, e.To.Address, e.To.Name
	m.From = cmp.Or(m.From, c.cfg.From)
	step = "send"
	return c.cfg.Mailer.SendMail(ctx, m)
}
