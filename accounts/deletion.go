package accounts

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
)

// Now is the time that this service decides by.
func (s *Service) Now() time.Time { return s.now() }

// PurgeAt returns until when an account that is deleted at now can be restored.
func (s *Service) PurgeAt(now time.Time) time.Time { return now.Add(s.c.Retention) }

// MayDelete reports whether the person who acts may delete their account now,
// having typed confirm, which is to be their address: nil, or why not. What is
// refused is recorded.
func (s *Service) MayDelete(ctx context.Context, actor audit.Actor, confirm string) error {
	if err := s.permit(ctx, actor, PermDelete, ActionDeleted, s.now()); err != nil {
		return err
	}
	u, err := s.c.Store.UserByID(ctx, actor.User)
	if err != nil {
		return unauthenticatedIfGone(err)
	}
	return confirmed(u, confirm)
}

// confirmed checks what was typed to confirm.
func confirmed(u User, typed string) error {
	a, err := address.Parse(strings.TrimSpace(typed))
	if err == nil && a.Key == u.EmailKey {
		return nil
	}
	return fault.Fields{{Name: "confirm", Code: "mismatch", Message: "must be the address of the account"}}
}

// unauthenticatedIfGone says "not signed in" of a person who was deleted while the
// request was under way.
func unauthenticatedIfGone(err error) error {
	if errors.Is(err, ErrUserNotFound) {
		return audit.ErrUnauthenticated
	}
	return err
}

// Delete makes the person who acts nobody, and returns until when they can come
// back. It is the part of this domain in a deletion and is called in the
// transaction of all of it, see flows: with leave, which is called once the person
// is locked and ends what other domains hold for them. confirm is their address.
func (s *Service) Delete(ctx context.Context, actor audit.Actor, confirm string, leave func(ctx context.Context) error) (purgeAt time.Time, err error) {
	now := s.now()
	if err := s.allow(actor, PermDelete, now); err != nil {
		return time.Time{}, err
	}
	purgeAt = s.PurgeAt(now)
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, actor.User)
		if err != nil {
			return unauthenticatedIfGone(err)
		}
		if err := confirmed(u, confirm); err != nil {
			return err
		}
		if err := leave(ctx); err != nil {
			return err
		}
		if err := s.c.BeforeDeletion(ctx, u); err != nil {
			return err
		}
		if _, err := tx.CancelEmailChange(ctx, u.ID, now); err != nil && !errors.Is(err, ErrNoEmailChange) {
			return err
		}
		if err := s.EndExports(ctx, u.ID); err != nil {
			return err
		}
		letter := AccountDeletedLetter{At: now, PurgeAt: purgeAt, Device: deviceOf(actor)}
		if err := s.post(ctx, tx, u.recipient(), letter, now); err != nil {
			return err
		}
		change := audit.Change{Field: "purge_at", After: purgeAt.Format(time.RFC3339)}
		if err := tx.AppendAudit(ctx, actor.Did(ActionDeleted, u.target(), now, change).InHistoryOf(u.ID)); err != nil {
			return err
		}
		return tx.MarkDeleted(ctx, u.ID, now, purgeAt)
	})
	if err != nil {
		return time.Time{}, err
	}
	return purgeAt, nil
}

// Restore undoes Delete. Who acts is the person, by a session that is good for
// that, or the host's staff. It is the part of this domain, called in the
// transaction of all of it. ErrNotDeleted; ErrAccountGone once the time is over or
// the removal has begun.
func (s *Service) Restore(ctx context.Context, actor audit.Actor, user id.User) error {
	now := s.now()
	if err := s.mayRestore(actor, user, now); err != nil {
		return err
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockDeleted(ctx, user)
		if errors.Is(err, ErrUserNotFound) {
			return s.notDeleted(ctx, tx, user)
		}
		if err != nil {
			return err
		}
		if !now.Before(u.PurgeAt) { // which is zero once it is being removed
			return ErrAccountGone
		}
		if err := tx.MarkRestored(ctx, user, now); err != nil {
			return err
		}
		letter := AccountRestoredLetter{At: now, Support: actor.Kind == audit.KindSupport}
		if !letter.Support {
			letter.Device = deviceOf(actor)
		}
		if err := s.post(ctx, tx, u.recipient(), letter, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionRestored, u.target(), now).InHistoryOf(user))
	})
}

// notDeleted tells somebody who is not deleted from somebody who is no more.
func (s *Service) notDeleted(ctx context.Context, tx Tx, user id.User) error {
	_, err := tx.UserByID(ctx, user)
	switch {
	case err == nil:
		return ErrNotDeleted
	case errors.Is(err, ErrUserNotFound):
		return ErrAccountGone
	}
	return err
}

// MayRestore reports whether who acts may restore the account of a person: nil, or
// why not. What is refused is recorded.
func (s *Service) MayRestore(ctx context.Context, actor audit.Actor, user id.User) error {
	now := s.now()
	err := s.mayRestore(actor, user, now)
	return s.refusals().Record(ctx, actor, ActionRestored, audit.UserTarget(user, ""), id.Org{}, now, err)
}

func (s *Service) mayRestore(actor audit.Actor, user id.User, now time.Time) error {
	if actor.Kind == audit.KindSupport {
		return nil
	}
	if err := s.allow(actor, PermRestore, now); err != nil {
		return err
	}
	switch {
	case user != actor.User:
		return ErrUserNotFound
	case actor.Limited != audit.RestoreOnly:
		return ErrNotDeleted
	}
	return nil
}

// Receipts returns up to limit records of what was removed for good, oldest
// first, behind after (zero: from the start). They name nobody.
func (s *Service) Receipts(ctx context.Context, after id.Receipt, limit int) ([]Purge, error) {
	return s.c.Store.Receipts(ctx, after, limit)
}

// RemoveFiles removes the files of a person who is being removed; what of them
// waits to be collected goes with [Service.CollectBlobs]. It may be called again.
func (s *Service) RemoveFiles(ctx context.Context, user id.User) (Removed, error) {
	u, err := s.c.Store.DeletedUser(ctx, user)
	if err != nil {
		return nil, err
	}
	if err := s.RemoveExports(ctx, user); err != nil {
		return nil, err
	}
	if !u.AvatarUploaded {
		return Removed{}, nil
	}
	return Removed{"pictures": 1}, s.shelf().Remove(ctx, u.AvatarKey)
}

// RemoveUser removes somebody whose removal has begun, with the mail to these
// addresses, in the transaction that leaves the receipt. Returns how much of what
// kind went.
func (s *Service) RemoveUser(ctx context.Context, user id.User, addresses []string) (removed Removed, err error) {
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.RemoveMail(ctx, addresses)
		if err != nil {
			return err
		}
		if removed, err = tx.RemoveUser(ctx, user, addresses); err != nil {
			return err
		}
		removed.Add(Removed{"letters": n})
		return nil
	})
	return removed, err
}
