package memstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// link is one that was made, whatever has become of it.
type link struct {
	org    id.Org
	madeAt time.Time
}

// alive reports whether an organization is there and not deleted.
func (st *state) alive(org id.Org) bool {
	o, ok := st.orgs[org]
	return ok && o.DeletedAt.IsZero()
}

// copied returns an invitation whose list is the caller's own.
func copied(i orgs.Invitation) orgs.Invitation {
	i.Projects = slices.Clone(i.Projects)
	return i
}

// InvitationByHash implements [orgs.Reader].
func (r orgsReader) InvitationByHash(ctx context.Context, hash orgs.Hash, now time.Time) (orgs.Invitation, error) {
	list, err := r.invitations(ctx, func(st *state, i orgs.Invitation) bool {
		return i.Hash == hash && i.At(now) == orgs.Pending && st.alive(i.Org)
	})
	if err == nil && len(list) == 0 {
		err = orgs.ErrLinkGone
	}
	if err != nil {
		return orgs.Invitation{}, err
	}
	return list[0], nil
}

// Invitation implements [orgs.Reader].
func (r orgsReader) Invitation(ctx context.Context, org id.Org, invitation id.Invitation) (orgs.Invitation, error) {
	list, err := r.invitations(ctx, func(_ *state, i orgs.Invitation) bool { return i.ID == invitation && i.Org == org })
	if err == nil && len(list) == 0 {
		err = orgs.ErrInvitationNotFound
	}
	if err != nil {
		return orgs.Invitation{}, err
	}
	return list[0], nil
}

// Invitations implements [orgs.Reader].
func (r orgsReader) Invitations(ctx context.Context, org id.Org, after id.Invitation, limit int) ([]orgs.Invitation, error) {
	list, err := r.invitations(ctx, func(_ *state, i orgs.Invitation) bool {
		return i.Org == org && (i.State == orgs.Pending || i.State == orgs.Declined) &&
			(after.IsZero() || i.ID.String() < after.String())
	})
	return list[:min(len(list), max(limit, 0))], err
}

// InvitationsFor implements [orgs.Reader].
func (r orgsReader) InvitationsFor(ctx context.Context, emailKey string, now time.Time) ([]orgs.Invitation, error) {
	return r.invitations(ctx, func(st *state, i orgs.Invitation) bool {
		return i.EmailKey == emailKey && i.At(now) == orgs.Pending && st.alive(i.Org)
	})
}

// invitations returns those that match, the newest first.
func (r orgsReader) invitations(ctx context.Context, match func(*state, orgs.Invitation) bool) ([]orgs.Invitation, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.Invitation
	for _, i := range st.invitations {
		if match(st, i) {
			list = append(list, copied(i))
		}
	}
	slices.SortFunc(list, func(a, b orgs.Invitation) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	return list, nil
}

// InvitationsSince implements [orgs.Reader].
func (r orgsReader) InvitationsSince(ctx context.Context, org id.Org, t time.Time) (int, error) {
	st, err := r.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, l := range st.links {
		if l.org == org && !l.madeAt.Before(t) {
			n++
		}
	}
	return n, nil
}

// PutInvitation implements [orgs.Tx].
func (tx orgsTx) PutInvitation(ctx context.Context, i orgs.Invitation) (id.Invitation, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return id.Invitation{}, err
	}
	if err := checkRole(i.Role); err != nil {
		return id.Invitation{}, err
	}
	if _, ok := st.links[i.Hash]; ok {
		return id.Invitation{}, errDuplicate
	}
	for _, other := range st.invitations {
		if other.Org == i.Org && other.EmailKey == i.EmailKey && other.State == orgs.Pending {
			i.ID = other.ID
		}
	}
	i.State, i.EndedAt, i.AcceptedBy = orgs.Pending, time.Time{}, id.User{}
	st.links[i.Hash] = link{org: i.Org, madeAt: i.CreatedAt}
	st.invitations[i.ID] = copied(i)
	return i.ID, nil
}

// SpendInvitation implements [orgs.Tx].
func (tx orgsTx) SpendInvitation(ctx context.Context, hash orgs.Hash, state orgs.State, user id.User, now time.Time) (orgs.Invitation, error) {
	if state != orgs.Accepted && state != orgs.Declined {
		return orgs.Invitation{}, errors.New("memstore: an invitation is accepted or declined")
	}
	i, err := tx.InvitationByHash(ctx, hash, now)
	if err != nil {
		return orgs.Invitation{}, err
	}
	i.State, i.EndedAt = state, now
	if state == orgs.Accepted {
		i.AcceptedBy = user
	}
	tx.tx.state.invitations[i.ID] = copied(i)
	return i, nil
}

// EndInvitation implements [orgs.Tx].
func (tx orgsTx) EndInvitation(ctx context.Context, org id.Org, invitation id.Invitation, now time.Time) (orgs.Invitation, error) {
	i, err := tx.Invitation(ctx, org, invitation)
	if err == nil && i.State != orgs.Pending {
		err = orgs.ErrInvitationNotFound
	}
	if err != nil {
		return orgs.Invitation{}, err
	}
	i.State, i.EndedAt = orgs.Revoked, now
	tx.tx.state.invitations[i.ID] = copied(i)
	return i, nil
}

// PurgeInvitations implements [orgs.Tx].
func (tx orgsTx) PurgeInvitations(ctx context.Context, t, now time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	left := limit
	purge(st.invitations, &left, func(_ id.Invitation, i orgs.Invitation) bool {
		if i.State == orgs.Pending {
			return i.ExpiresAt.Before(t)
		}
		return i.EndedAt.Before(t)
	})
	purge(st.links, &left, func(_ orgs.Hash, l link) bool { return l.madeAt.Before(t) })
	purge(st.slugs, &left, func(_ string, s slug) bool { return !s.reservedUntil.IsZero() && s.reservedUntil.Before(now) })
	return limit - left, nil
}
