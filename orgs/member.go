package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
)

// MemberList is a page of members.
type MemberList struct {
	Items []MemberView
	Next  string // "" on the last page

	// Full tells whether addresses and second factors may be shown.
	Full bool
}

// Members returns the members of an organization, by name: up to limit (1–200),
// whose name or address begins with prefix. Addresses and second factors are
// there for Admins alone. A cursor that is not ours is a fault.Fields.
func (s *Service) Members(ctx context.Context, actor audit.Actor, ref, prefix, after string, limit int) (MemberList, error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermMembersView, s.now())
	if err != nil {
		return MemberList{}, err
	}
	if limit < 1 || limit > 200 {
		return MemberList{}, fault.Fields{{Name: "limit", Code: "invalid", Message: "must be 1 to 200"}}
	}
	if len(prefix) > 320 {
		return MemberList{}, fault.Fields{{Name: "q", Code: "too_long", Message: "is too long", Params: map[string]any{"max": 320}}}
	}
	from, err := position(after)
	if err != nil {
		return MemberList{}, err
	}
	list := MemberList{Full: v.Membership.Role.AtLeast(Admin)}
	if !list.Full && from != nil && from.ByEmail {
		return MemberList{}, errCursor // of somebody who could see more
	}
	// Who may not see an address cannot find one either.
	items, next, err := s.c.Store.Members(ctx, v.ID, prefix, list.Full, from, limit)
	if err != nil {
		return MemberList{}, err
	}
	if next != nil {
		list.Next = cursor.Encode(next.Key, next.User.String(), map[bool]string{true: "e", false: "n"}[next.ByEmail])
	}
	for _, m := range items {
		if !list.Full {
			m.Person.Email, m.Person.EmailKey, m.Person.TwoFactor = "", "", false
		}
		list.Items = append(list.Items, m)
	}
	return list, nil
}

var errCursor = fault.Fields{{Name: "cursor", Code: "invalid", Message: "is not a cursor of this list"}}

func position(after string) (*Position, error) {
	if after == "" {
		return nil, nil
	}
	parts, ok := cursor.Decode(after, 3)
	if !ok {
		return nil, errCursor
	}
	user, err := id.ParseUser(parts[1])
	if err != nil || parts[2] != "e" && parts[2] != "n" {
		return nil, errCursor
	}
	return &Position{Key: parts[0], User: user, ByEmail: parts[2] == "e"}, nil
}

// SetRole gives a member another role, at once. Nobody gives a role above their
// own. ErrOwnerRequired for the Owner, and for the role of Owner, which is handed
// over by TransferOwnership; ErrNotMember.
func (s *Service) SetRole(ctx context.Context, actor audit.Actor, ref string, user id.User, role string) (MemberView, error) {
	now := s.now()
	var m MemberView
	what := attempt{PermMemberRole, ActionRoleChanged, userTarget(Person{ID: user})}
	err := s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) (err error) {
		if m, err = tx.Member(ctx, v.ID, user); err != nil {
			return err
		}
		to := Role(role)
		if to != Owner { // which is no mistake in what was typed
			if to, err = assignable("role", role); err != nil {
				return err
			}
		}
		if m.Role == Owner || to == Owner {
			return ErrOwnerRequired
		}
		if !v.Membership.Role.AtLeast(to) || !v.Membership.Role.AtLeast(m.Role) {
			return ErrForbidden
		}
		if m.Role == to {
			return nil
		}
		change := audit.Change{Field: "role", Before: string(m.Role), After: string(to)}
		if err := tx.SetRole(ctx, v.ID, user, to); err != nil {
			return err
		}
		m.Role = to
		if err := s.post(ctx, tx, m.Person.Recipient(), RoleChangedLetter{Org: v.Name, Role: to, By: actor.Name, At: now}, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionRoleChanged, userTarget(m.Person), v.Org, now, change))
	})
	return m, err
}

// Remove ends somebody's membership at once; oneself: leaving. The Owner can do
// neither: ErrOwnerRequired.
func (s *Service) Remove(ctx context.Context, actor audit.Actor, ref string, user id.User) error {
	now := s.now()
	what := attempt{PermMemberRemove, ActionMemberRemoved, userTarget(Person{ID: user})}
	if user == actor.User {
		what.perm, what.action = PermLeave, ActionMemberLeft
	}
	return s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		m, err := tx.Member(ctx, v.ID, user)
		if err != nil {
			return err
		}
		if m.Role == Owner {
			return ErrOwnerRequired
		}
		if !v.Membership.Role.AtLeast(m.Role) {
			return ErrForbidden
		}
		if err := tx.RemoveMember(ctx, v.ID, user); err != nil {
			return err
		}
		if what.perm == PermLeave {
			return tx.AppendAudit(ctx, did(actor, ActionMemberLeft, userTarget(m.Person), v.Org, now))
		}
		if err := s.post(ctx, tx, m.Person.Recipient(), MemberRemovedLetter{Org: v.Name, By: actor.Name, At: now}, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionMemberRemoved, userTarget(m.Person), v.Org, now))
	})
}

// TransferOwnership makes another active member the Owner, and the Owner who acts
// an Admin, in one step. confirm is the slug. Both are mailed. ErrStaleOwner if
// somebody else has become the Owner meanwhile.
func (s *Service) TransferOwnership(ctx context.Context, actor audit.Actor, ref string, to id.User, confirm string) error {
	now := s.now()
	what := attempt{PermTransfer, ActionOwnershipMoved, userTarget(Person{ID: to})}
	return s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		m, err := tx.Member(ctx, v.ID, to)
		if err != nil || m.Suspended {
			if err == nil {
				err = ErrNotMember
			}
			return err
		}
		if err := confirmed(v, confirm); err != nil {
			return err
		}
		if to == actor.User {
			return fault.Fields{{Name: "user_id", Code: "invalid", Message: "is the Owner already"}}
		}
		if v.demands(now) && !m.Person.TwoFactor {
			return fault.Fields{{Name: "user_id", Code: "second_factor_missing", Message: "has no second factor, which this organization asks for"}}
		}
		return s.handOver(ctx, tx, actor, v.Org, m, now)
	})
}

// handOver makes m the Owner of an organization that is locked.
func (s *Service) handOver(ctx context.Context, tx Tx, actor audit.Actor, o Org, m MemberView, now time.Time) error {
	if err := tx.SetOwner(ctx, o.ID, o.Owner, m.User, now); err != nil {
		return err
	}
	former, err := tx.Person(ctx, o.Owner)
	if err != nil {
		return err
	}
	letters := map[Person]OwnershipLetter{
		m.Person: {Org: o.Name, Other: former.Name, Became: true, At: now},
		former:   {Org: o.Name, Other: m.Person.Name, At: now},
	}
	for p, l := range letters {
		if err := s.post(ctx, tx, p.Recipient(), l, now); err != nil {
			return err
		}
	}
	change := audit.Change{Field: "owner", Before: former.ID.String(), After: m.Person.ID.String()}
	return tx.AppendAudit(ctx, did(actor, ActionOwnershipMoved, userTarget(m.Person), o, now, change))
}

// SuspendMember takes somebody's rights away in an organization without
// forgetting the role; ReinstateMember gives them back. They are for the host's
// staff and for account deletion, and are called with an actor of theirs.
// ErrOwnerRequired for the Owner.
func (s *Service) SuspendMember(ctx context.Context, actor audit.Actor, org id.Org, user id.User) error {
	return s.suspend(ctx, actor, org, user, true, ActionMemberSuspended)
}

// ReinstateMember undoes SuspendMember. It does not ask for a seat.
func (s *Service) ReinstateMember(ctx context.Context, actor audit.Actor, org id.Org, user id.User) error {
	return s.suspend(ctx, actor, org, user, false, ActionMemberReinstated)
}

func (s *Service) suspend(ctx context.Context, actor audit.Actor, org id.Org, user id.User, suspended bool, action audit.Action) error {
	if actor.Kind != audit.KindSystem && actor.Kind != audit.KindSupport {
		return ErrForbidden
	}
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o, err := tx.LockOrg(ctx, org)
		if err != nil {
			return err
		}
		m, err := tx.Member(ctx, org, user)
		if err != nil {
			return err
		}
		if err := tx.SetSuspended(ctx, org, user, suspended); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, action, userTarget(m.Person), o, now))
	})
}

// OwnedBy returns the living organizations that a person owns: as long as there
// are some, the account cannot be deleted (ErrSoleOwner).
func (s *Service) OwnedBy(ctx context.Context, user id.User) ([]Org, error) {
	all, err := s.c.Store.OrgsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	var owned []Org
	for _, v := range all {
		if v.Owner == user && v.DeletedAt.IsZero() {
			owned = append(owned, v.Org)
		}
	}
	return owned, nil
}

// Purge removes what has ended, and files of addresses that were handed in a week
// ago. It may run on any number of nodes at once and be killed at any point.
func (s *Service) Purge(ctx context.Context) error {
	err := s.purge(ctx, 1000, func(ctx context.Context, tx Tx, now time.Time, limit int) (int, error) {
		return tx.PurgeInvitations(ctx, now.Add(-invitationsKept), now, limit)
	})
	if err != nil {
		return err
	}
	// Few at once: each may have a thousand rows.
	return s.purge(ctx, 20, func(ctx context.Context, tx Tx, now time.Time, limit int) (int, error) {
		return tx.PurgeImports(ctx, now.Add(-importsKept), limit)
	})
}

func (s *Service) purge(ctx context.Context, limit int, some func(ctx context.Context, tx Tx, now time.Time, limit int) (int, error)) error {
	for {
		now := s.now()
		var n int
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = some(ctx, tx, now, limit)
			return err
		})
		if err != nil || n < limit {
			return err
		}
	}
}

const (
	// invitationsKept is how long an invitation stays listed after it has ended.
	invitationsKept = 90 * day

	// importsKept is how long a file of addresses, and what came of them, is kept.
	importsKept = 7 * day
)
