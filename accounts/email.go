package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/token"
)

// RequestEmailChange asks to change the address of the person who acts. Nothing
// changes until the link mailed to the new address is opened; the old address is
// told at once, with a link to cancel. An earlier request is replaced. If the
// address belongs to somebody else the answer is the same, and that person gets
// a notice instead of a link.
func (s *Service) RequestEmailChange(ctx context.Context, actor audit.Actor, email string) (EmailChange, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermEmailChange, ActionEmailChangeRequested, now); err != nil {
		return EmailChange{}, err
	}
	addr, err := address.Parse(email)
	if err != nil {
		return EmailChange{}, err
	}
	if err := s.take(ctx, "email_change", actor.User.String(), 5, 12*time.Minute); err != nil {
		return EmailChange{}, err
	}
	mayMail, err := s.mayMail(ctx, addr.Key)
	if err != nil {
		return EmailChange{}, err
	}
	confirm, undo := token.New(), token.New()
	c := EmailChange{
		ID: id.NewEmailChange(), User: actor.User, Session: actor.Session, SignedInAt: actor.SignedInAt,
		NewEmail: addr.Email, NewKey: addr.Key, ConfirmHash: confirm.Hash(), UndoHash: undo.Hash(),
		RequestedAt: now, ExpiresAt: now.Add(s.c.EmailChangeLifetime),
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, actor.User)
		if err != nil {
			return err
		}
		if u.Email == addr.Email {
			return fault.Fields{{Name: "email", Code: "same_email", Message: "is your address already"}}
		}
		c.OldEmail, c.OldKey = u.Email, u.EmailKey
		if err := tx.InsertEmailChange(ctx, c); err != nil {
			return err
		}
		if mayMail {
			if err := s.askNewAddress(ctx, tx, u, c, confirm, now); err != nil {
				return err
			}
		}
		notice := EmailChangeRequestedLetter{UndoToken: undo.Reveal(), NewEmail: c.NewEmail, At: now, Device: deviceOf(actor)}
		if err := s.post(ctx, tx, u.recipient(), notice, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionEmailChangeRequested, u.target(), now,
			audit.Change{Field: "email", Before: c.OldEmail, After: c.NewEmail}).InHistoryOf(u.ID))
	})
	if err != nil {
		return EmailChange{}, err
	}
	return c, nil
}

// askNewAddress mails the link to the new address, or, if that is somebody
// else's, a notice to them.
func (s *Service) askNewAddress(ctx context.Context, tx Tx, u User, c EmailChange, confirm token.Secret, now time.Time) error {
	other, err := tx.UserByEmail(ctx, c.NewKey)
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return err
	}
	if err == nil && other.ID != u.ID {
		return s.post(ctx, tx, other.recipient(), EmailInUseLetter{}, now)
	}
	to := u.recipient()
	to.Address = c.NewEmail
	letter := ConfirmEmailLetter{Token: confirm.Reveal(), OldEmail: c.OldEmail, ExpiresAt: c.ExpiresAt}
	return s.post(ctx, tx, to, letter, now)
}

// PendingEmailChange returns the request that waits to be confirmed, else
// ErrNoEmailChange.
func (s *Service) PendingEmailChange(ctx context.Context, actor audit.Actor) (EmailChange, error) {
	now := s.now()
	if err := s.allow(actor, PermEmailPending, now); err != nil {
		return EmailChange{}, err
	}
	return s.c.Store.PendingEmailChange(ctx, actor.User, now)
}

// CancelEmailChange withdraws the pending request, else ErrNoEmailChange.
func (s *Service) CancelEmailChange(ctx context.Context, actor audit.Actor) error {
	now := s.now()
	if err := s.permit(ctx, actor, PermEmailCancel, ActionEmailChangeCanceled, now); err != nil {
		return err
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		c, err := tx.CancelEmailChange(ctx, actor.User, now)
		if err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionEmailChangeCanceled, audit.UserTarget(c.User, actor.Name), now).InHistoryOf(c.User))
	})
}

// EmailChangeByToken returns the request that a link of any of its mails belongs
// to, without using the link, else ErrLinkGone. A pending one is confirmed from
// the new address and canceled from the old; a confirmed one is undone.
func (s *Service) EmailChangeByToken(ctx context.Context, actor audit.Actor, raw string) (EmailChange, error) {
	secret, err := s.linkToken(ctx, actor, raw)
	if err != nil {
		return EmailChange{}, err
	}
	return s.c.Store.EmailChangeByHash(ctx, secret.Hash(), s.now())
}

// ConfirmEmailChange makes the new address the person's, whoever is signed in
// where the link is opened. The old one is told, and reserved for
// Config.UndoLifetime. ErrLinkGone; ErrEmailTaken if the address has got an
// account meanwhile, in which case nothing changes and the link is not spent.
// Ending the sessions and reset links of before is the caller's part, in the same
// transaction; security.Service.EmailChanged does.
func (s *Service) ConfirmEmailChange(ctx context.Context, actor audit.Actor, raw string) (EmailChange, error) {
	now := s.now()
	if err := s.allow(actor, PermEmailByLink, now); err != nil {
		return EmailChange{}, err
	}
	secret, err := s.linkToken(ctx, actor, raw)
	if err != nil {
		return EmailChange{}, err
	}
	notice := token.New()
	var c EmailChange
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		c, err = tx.ConfirmEmailChange(ctx, secret.Hash(), notice.Hash(), now, now.Add(s.c.UndoLifetime))
		if err != nil {
			return err
		}
		u, err := tx.LockUser(ctx, c.User)
		if err != nil {
			return err
		}
		if err := tx.ChangeEmail(ctx, c.User, c.NewEmail, c.NewKey, now, c.UndoUntil); err != nil {
			return err
		}
		letter := EmailChangedLetter{UndoToken: notice.Reveal(), NewEmail: c.NewEmail, At: now, UndoUntil: c.UndoUntil}
		if err := s.post(ctx, tx, u.recipient(), letter, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.AsNobody().Did(ActionEmailChanged, u.target(), now,
			audit.Change{Field: "email", Before: c.OldEmail, After: c.NewEmail}).InHistoryOf(u.ID))
	})
	if err != nil {
		return EmailChange{}, err
	}
	return c, nil
}

// UndoEmailChange cancels a pending request, or brings the old address back if
// it was confirmed; ConfirmedAt of what it returns tells which. After one that was
// confirmed it is the caller's part, in the same transaction, to end the sessions,
// to void the password and to mail a link for a new one, as security.Service.Recover
// does. ErrLinkGone.
func (s *Service) UndoEmailChange(ctx context.Context, actor audit.Actor, raw string) (EmailChange, error) {
	now := s.now()
	if err := s.allow(actor, PermEmailByLink, now); err != nil {
		return EmailChange{}, err
	}
	secret, err := s.linkToken(ctx, actor, raw)
	if err != nil {
		return EmailChange{}, err
	}
	var c EmailChange
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		c, err = s.undo(ctx, tx, actor, secret.Hash(), now)
		return err
	})
	if err != nil {
		return EmailChange{}, err
	}
	return c, nil
}

// UndoEmailSince undoes the changes of a person's address that were confirmed at
// since or later, if they still can be undone, and reports whether there was one.
// It is called in the transaction in which a person says that a sign-in was
// somebody else's, before the caller's part as of UndoEmailChange.
func (s *Service) UndoEmailSince(ctx context.Context, actor audit.Actor, user id.User, since time.Time) (bool, error) {
	now := s.now()
	undone := false
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		c, err := tx.EmailChangeSince(ctx, user, since, now)
		if errors.Is(err, ErrNoEmailChange) {
			return nil
		}
		if err != nil {
			return err
		}
		undone = true
		_, err = s.undo(ctx, tx, actor, c.UndoHash, now)
		return err
	})
	return undone, err
}

func (s *Service) undo(ctx context.Context, tx Tx, actor audit.Actor, hash Hash, now time.Time) (EmailChange, error) {
	c, err := tx.UndoEmailChange(ctx, hash, now)
	if err != nil {
		return c, err
	}
	u, err := tx.LockUser(ctx, c.User)
	if err != nil {
		return c, err
	}
	if c.ConfirmedAt.IsZero() {
		return c, tx.AppendAudit(ctx, actor.AsNobody().Did(ActionEmailChangeCanceled, u.target(), now).InHistoryOf(u.ID))
	}
	if err := tx.ChangeEmail(ctx, c.User, c.OldEmail, c.OldKey, now, time.Time{}); err != nil {
		return c, err
	}
	before := u.Email
	u.Email = c.OldEmail
	if err := s.post(ctx, tx, u.recipient(), EmailRestoredLetter{At: now}, now); err != nil {
		return c, err
	}
	return c, tx.AppendAudit(ctx, actor.AsNobody().Did(ActionEmailRestored, u.target(), now,
		audit.Change{Field: "email", Before: before, After: c.OldEmail}).InHistoryOf(u.ID))
}

func (s *Service) linkToken(ctx context.Context, actor audit.Actor, raw string) (token.Secret, error) {
	if err := s.takeNetwork(ctx, actor, "link"); err != nil {
		return token.Secret{}, err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return token.Secret{}, ErrLinkGone
	}
	return secret, nil
}
