package orgs

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// What is in this file is for the deletion of accounts and for jobs. It is called
// with an actor of the product itself or of the host's staff, or inside of the
// transaction of the whole; who may do that is the caller's to decide.

// Hold locks every organization that a person has to do with, in the order of their
// ID, until the transaction ends that it is called in. What decides over a person
// in all organizations calls it before it locks the person: whoever decides over a
// member locks the organization first.
func (s *Service) Hold(ctx context.Context, user id.User) error {
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		_, err := hold(ctx, tx, user)
		return err
	})
}

func hold(ctx context.Context, tx Tx, user id.User) ([]Membership, error) {
	all, err := tx.MembershipsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	owned, err := tx.OrgsOwnedBy(ctx, user)
	if err != nil {
		return nil, err
	}
	orgs := make([]id.Org, 0, len(all)+len(owned))
	for _, m := range all {
		orgs = append(orgs, m.Org)
	}
	for _, o := range owned {
		orgs = append(orgs, o.ID)
	}
	slices.SortFunc(orgs, func(a, b id.Org) int { return bytes.Compare(a[:], b[:]) })
	for _, org := range slices.Compact(orgs) {
		if _, err := tx.LockOrg(ctx, org); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// AccountDeleted suspends the memberships of somebody who deletes their account:
// they are gone from every team, and their seats are free. It is called in that
// transaction, with the person locked after Hold. ErrSoleOwner if they own a living
// organization. Why a member was suspended is no organization's business, and not
// in its log.
func (s *Service) AccountDeleted(ctx context.Context, actor audit.Actor, user id.User) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		// Once more: there may be some that came after Hold, and none can come now.
		all, err := hold(ctx, tx, user)
		if err != nil {
			return err
		}
		owned, err := tx.OrgsOwnedBy(ctx, user)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(owned, func(o Org) bool { return o.DeletedAt.IsZero() }) {
			return ErrSoleOwner
		}
		p, err := tx.Person(ctx, user)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.Suspended {
				continue
			}
			e := did(actor, ActionMemberSuspended, userTarget(p), Org{ID: m.Org}, now)
			if err := tx.AppendAudit(ctx, e); err != nil {
				return err
			}
		}
		return tx.SuspendMemberships(ctx, user)
	})
}

// AccountRestored reinstates, with the role they had, in each organization where a
// seat is free, somebody whose account was restored; elsewhere the membership ends.
// The Owner of a deleted organization, which has no use for seats, comes back in any
// case. It is called in the transaction that restored the account, after Hold.
func (s *Service) AccountRestored(ctx context.Context, actor audit.Actor, user id.User) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		all, err := hold(ctx, tx, user)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.AccountDeleted {
				if err := s.comeBack(ctx, tx, actor, m, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// comeBack reinstates a member, or ends the membership if no seat is free.
func (s *Service) comeBack(ctx context.Context, tx Tx, actor audit.Actor, m Membership, now time.Time) error {
	o, err := tx.Org(ctx, m.Org)
	if err != nil {
		return err
	}
	p, err := tx.Person(ctx, m.User)
	if err != nil {
		return err
	}
	if err := tx.ReinstateMembership(ctx, o.ID, m.User); err != nil {
		return err
	}
	action := ActionMemberReinstated
	err = s.seatFree(ctx, tx, o.ID, now)
	owns := !o.DeletedAt.IsZero() && o.Owner == m.User
	if errors.Is(err, ErrSeatLimit) && !owns {
		action, err = ActionMemberRemoved, tx.RemoveMember(ctx, o.ID, m.User)
	}
	if err != nil && !errors.Is(err, ErrSeatLimit) {
		return err
	}
	return tx.AppendAudit(ctx, did(actor, action, userTarget(p), o, now))
}

// MoveOwnership is TransferOwnership by the host's staff: for an Owner who cannot.
// The former Owner goes on as Admin. Both are mailed. ErrForbidden for anybody
// else; ErrNotMember unless to is an active member; ErrOrgNotFound, also for a
// deleted organization.
func (s *Service) MoveOwnership(ctx context.Context, actor audit.Actor, org id.Org, to id.User) error {
	if actor.Kind != audit.KindSupport {
		return ErrForbidden
	}
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o, err := tx.LockOrg(ctx, org)
		if err != nil {
			return err
		}
		m, err := tx.Member(ctx, org, to)
		switch {
		case err != nil:
			return err
		case m.Suspended:
			return ErrNotMember
		case o.Owner == to:
			return nil
		}
		return s.handOver(ctx, tx, actor, o, m, now)
	})
}

// RemoveFiles removes the logo of an organization that is being removed; what of it
// waits to be collected goes with CollectLogos. It may be called again. Returns how
// many went.
func (s *Service) RemoveFiles(ctx context.Context, org id.Org) (int, error) {
	o, err := s.c.Store.Org(ctx, org)
	if err != nil || !o.LogoUploaded {
		return 0, err
	}
	return 1, s.logos().Remove(ctx, o.LogoKey)
}

// MayPurge locks an organization and returns nil if it is deleted and due to be
// removed at now, else ErrOrgNotFound.
func (s *Service) MayPurge(ctx context.Context, org id.Org, now time.Time) error {
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o, err := tx.LockOrg(ctx, org)
		if err == nil && (o.PurgeAt.IsZero() || o.PurgeAt.After(now)) {
			err = ErrOrgNotFound
		}
		return err
	})
}

// ForgetPerson removes what is kept of somebody who is removed for good, in the
// transaction that does. Returns how much of what kind went.
func (s *Service) ForgetPerson(ctx context.Context, user id.User, addresses []string) (removed map[string]int, err error) {
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		removed, err = tx.ForgetPerson(ctx, user, addresses)
		return err
	})
	return removed, err
}

// RemoveOrg removes an organization that is deleted and due, in the transaction
// that leaves the receipt. Nobody can take its slug for another SlugQuarantine.
// Returns how much of what kind went.
func (s *Service) RemoveOrg(ctx context.Context, org id.Org) (removed map[string]int, err error) {
	reserve := s.now().Add(s.c.SlugQuarantine)
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockOrg(ctx, org); err != nil {
			return err
		}
		removed, err = tx.RemoveOrg(ctx, org, reserve)
		return err
	})
	return removed, err
}
