package security

import (
	"context"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// AccountDeleted is the part of this domain when the person who acts deletes their
// account, in the transaction that does: all sessions end, and nothing that is half
// finished or was mailed opens anything any more. ErrUnauthenticated of package
// audit if the session has ended meanwhile, or the credential changed.
func (s *Service) AccountDeleted(ctx context.Context, actor audit.Actor) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return unauthenticatedIfGone(err)
		}
		if err := tx.VoidAlerts(ctx, p.ID, now); err != nil {
			return err
		}
		return s.endAll(ctx, tx, actor, p, id.Session{})
	})
}

// AccountRestored is the part of this domain when a deleted account is restored by
// its person, whose session becomes an ordinary one, or by the host's staff: all
// other sessions end. What the deletion ended stays so. It is called in the
// transaction that restores. ErrPersonNotFound.
func (s *Service) AccountRestored(ctx context.Context, actor audit.Actor, user id.User) error {
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if actor.Kind == audit.KindSupport {
			p, err := tx.LockPerson(ctx, user)
			if err != nil {
				return err
			}
			return s.endAll(ctx, tx, actor, p, id.Session{})
		}
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return unauthenticatedIfGone(err)
		}
		return s.endAll(ctx, tx, actor, p, actor.Session)
	})
}

// endAll ends the sessions of a person who is locked, and voids what was made under
// the present credential, but for the session keep.
func (s *Service) endAll(ctx context.Context, tx Tx, actor audit.Actor, p Person, keep id.Session) error {
	if _, err := tx.BumpVersion(ctx, p.ID, keep); err != nil {
		return err
	}
	n, err := tx.RevokeSessions(ctx, p.ID, keep)
	if err != nil || n == 0 {
		return err
	}
	entry := actor.Did(ActionSessionsRevoked, p.target(), s.now(), audit.Change{Field: "ended", After: itoa(n)})
	return tx.AppendAudit(ctx, entry.InHistoryOf(p.ID))
}

// RemovePerson removes all that is kept of somebody who is removed for good, in the
// transaction that does. Returns how much of what kind went.
func (s *Service) RemovePerson(ctx context.Context, user id.User) (removed map[string]int, err error) {
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		removed, err = tx.RemovePerson(ctx, user)
		return err
	})
	return removed, err
}
