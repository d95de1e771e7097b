package mail

import (
	"context"
	"errors"
	"fmt"
)

// errSuppressed is why a letter that nobody asked for does not go.
var errSuppressed = fmt.Errorf("%w: the address is suppressed", ErrRejected)

// Suppress keeps every letter from an address that is not [Urgent]: what a person
// asks for, and what is about the safety of their account, is still tried. The
// courier does so itself when the mailer says [ErrNoMailbox]. A host calls it with
// what its mail provider reports later, after checking that the report is the
// provider's.
//
// Bounced ends by itself when an urgent letter is taken again. Complained ends by
// [Courier.Release] alone.
func (c *Courier) Suppress(ctx context.Context, address string, why Suppression) error {
	if why != Bounced && why != Complained {
		return fmt.Errorf("mail: suppress: %q is no reason", why)
	}
	if c.cfg.AddressKey == nil {
		return nil
	}
	if err := c.cfg.Store.SuppressAddress(ctx, c.cfg.AddressKey(address), why, c.cfg.Now()); err != nil {
		return fmt.Errorf("mail: suppress: %w", err)
	}
	return nil
}

// Release ends what Suppress began, for whatever reason.
func (c *Courier) Release(ctx context.Context, address string) error {
	if c.cfg.AddressKey == nil {
		return nil
	}
	key := c.cfg.AddressKey(address)
	if err := errors.Join(c.cfg.Store.ReleaseAddress(ctx, key, Bounced), c.cfg.Store.ReleaseAddress(ctx, key, Complained)); err != nil {
		return fmt.Errorf("mail: release: %w", err)
	}
	return nil
}

func (c *Courier) suppressed(ctx context.Context, address string) (Suppression, error) {
	if c.cfg.AddressKey == nil {
		return "", nil
	}
	why, err := c.cfg.Store.AddressSuppressed(ctx, c.cfg.AddressKey(address))
	if err != nil {
		return "", fmt.Errorf("mail: suppressed: %w", err)
	}
	return why, nil
}

// arrived ends a suppression that a letter has shown to be wrong.
func (c *Courier) arrived(ctx context.Context, address string, why Suppression) error {
	if why != Bounced {
		return nil
	}
	if err := c.cfg.Store.ReleaseAddress(ctx, c.cfg.AddressKey(address), Bounced); err != nil {
		return fmt.Errorf("mail: release: %w", err)
	}
	return nil
}
