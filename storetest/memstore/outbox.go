package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// letter is an envelope with what became of it.
type letter struct {
	mail.Envelope
	hiddenUntil time.Time // by whoever claimed it
	doneAt      time.Time // sent or given up; the content is gone
}

// waiting reports whether the letter is still to be sent, at now or before.
func (l letter) waiting(now time.Time) bool {
	return l.doneAt.IsZero() && !l.DueAt.After(now)
}

// Sealed returns the content that is stored for a letter, and whether there is
// such a letter. It is nil once the letter was sent or given up.
func (s *Store) Sealed(m id.Mail) ([]byte, bool) {
	l, ok := s.state.Load().letters[m]
	return bytes.Clone(l.Envelope.Sealed), ok
}

// EnqueueMail implements [mail.Outbox].
func (sc *scope) EnqueueMail(ctx context.Context, e mail.Envelope) error {
	st, err := sc.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.letters[e.ID]; ok {
		return errDuplicate
	}
	e.Sealed = bytes.Clone(e.Sealed)
	st.letters[e.ID] = letter{Envelope: e}
	return nil
}

type outbox struct{ s *Store }

// ClaimMail implements [mail.Store].
func (o outbox) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]mail.Envelope, error) {
	var claimed []mail.Envelope
	err := o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		claimed = nil
		for _, l := range sc.tx.state.letters {
			if l.waiting(now) && !l.hiddenUntil.After(now) {
				claimed = append(claimed, l.Envelope)
			}
		}
		slices.SortFunc(claimed, func(a, b mail.Envelope) int {
			return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID.String(), b.ID.String()))
		})
		claimed = claimed[:min(limit, len(claimed))]
		for i, e := range claimed {
			sc.tx.state.letters[e.ID] = letter{Envelope: e, hiddenUntil: now.Add(lease)}
			claimed[i].Sealed = bytes.Clone(e.Sealed)
		}
		return nil
	})
	return claimed, err
}

// MailSent implements [mail.Store].
func (o outbox) MailSent(ctx context.Context, m id.Mail, now time.Time) error {
	return o.change(ctx, m, func(l letter) letter {
		l.Envelope.Sealed, l.doneAt = nil, now
		return l
	})
}

// MailFailed implements [mail.Store]. Why it failed is nothing to keep in memory.
func (o outbox) MailFailed(ctx context.Context, m id.Mail, now, next time.Time, _ string) error {
	return o.change(ctx, m, func(l letter) letter {
		l.Attempts++
		l.DueAt, l.hiddenUntil = next, time.Time{}
		if next.IsZero() {
			l.Envelope.Sealed, l.doneAt = nil, now
		}
		return l
	})
}

// change changes a letter, unless another caller has finished it meanwhile.
func (o outbox) change(ctx context.Context, m id.Mail, to func(letter) letter) error {
	return o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		if l, ok := sc.tx.state.letters[m]; ok && l.doneAt.IsZero() {
			sc.tx.state.letters[m] = to(l)
		}
		return nil
	})
}

// OldestDueMail implements [mail.Store].
func (o outbox) OldestDueMail(ctx context.Context, now time.Time) (time.Time, error) {
	st, err := o.s.view(ctx)
	if err != nil {
		return time.Time{}, err
	}
	var oldest time.Time
	for _, l := range st.letters {
		if l.waiting(now) && (oldest.IsZero() || l.DueAt.Before(oldest)) {
			oldest = l.DueAt
		}
	}
	return oldest, nil
}

// PurgeMail implements [mail.Store].
func (o outbox) PurgeMail(ctx context.Context, t time.Time) (int, error) {
	n := 0
	err := o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		n = 0
		for key, l := range sc.tx.state.letters {
			if !l.doneAt.IsZero() && l.doneAt.Before(t) {
				delete(sc.tx.state.letters, key)
				n++
			}
		}
		return nil
	})
	return n, err
}

// SuppressAddress implements [mail.Store].
func (o outbox) SuppressAddress(ctx context.Context, address mail.AddressKey, why mail.Suppression, _ time.Time) error {
	return o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		if sc.tx.state.suppressed[address] != mail.Complained {
			sc.tx.state.suppressed[address] = why
		}
		return nil
	})
}

// ReleaseAddress implements [mail.Store].
func (o outbox) ReleaseAddress(ctx context.Context, address mail.AddressKey, why mail.Suppression) error {
	return o.s.update(ctx, func(ctx context.Context, sc *scope) error {
		if sc.tx.state.suppressed[address] == why {
			delete(sc.tx.state.suppressed, address)
		}
		return nil
	})
}

// AddressSuppressed implements [mail.Store].
func (o outbox) AddressSuppressed(ctx context.Context, address mail.AddressKey) (mail.Suppression, error) {
	st, err := o.s.view(ctx)
	if err != nil {
		return "", err
	}
	return st.suppressed[address], nil
}
