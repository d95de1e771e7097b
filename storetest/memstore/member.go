package memstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/orgs"
)

// errRole is what a database would say of a role that cannot be given.
var errRole = errors.New("memstore: not a role that can be given")

func checkRole(r orgs.Role) error {
	switch r {
	case orgs.Admin, orgs.Member, orgs.Viewer:
		return nil
	}
	return errRole
}

type memberKey struct {
	org  id.Org
	user id.User
}

// withRole returns a membership with the role it comes to: nobody is stored as
// Owner.
func (st *state) withRole(m orgs.Membership) orgs.Membership {
	if st.orgs[m.Org].Owner == m.User && !m.Suspended {
		m.Role = orgs.Owner
	}
	return m
}

// Member implements [orgs.Reader].
func (r orgsReader) Member(ctx context.Context, org id.Org, user id.User) (orgs.MemberView, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.MemberView{}, err
	}
	m, ok := st.members[memberKey{org, user}]
	u, living := st.users[user]
	if !ok || !living {
		return orgs.MemberView{}, orgs.ErrNotMember
	}
	return orgs.MemberView{Membership: st.withRole(m), Person: st.personOf(u)}, nil
}

// found is a member with the position in a list.
type found struct {
	orgs.MemberView
	orgs.Position
}

func compare(a, b orgs.Position) int {
	if a.ByEmail != b.ByEmail {
		if b.ByEmail {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.User.String(), b.User.String()))
}

// active returns the active members, each at its position in the list, in order.
func (st *state) active(org id.Org, prefix string, byEmail bool) []found {
	var list []found
	for key, m := range st.members {
		if key.org != org || m.Suspended {
			continue
		}
		u := st.users[m.User]
		at := orgs.Position{Key: text.Fold(u.Name), User: m.User}
		if !strings.HasPrefix(at.Key, prefix) {
			at.Key, at.ByEmail = text.Fold(u.Email), true
			if !byEmail || !strings.HasPrefix(at.Key, prefix) {
				continue
			}
		}
		list = append(list, found{orgs.MemberView{Membership: st.withRole(m), Person: st.personOf(u)}, at})
	}
	slices.SortFunc(list, func(a, b found) int { return compare(a.Position, b.Position) })
	return list
}

// Members implements [orgs.Reader].
func (r orgsReader) Members(ctx context.Context, org id.Org, prefix string, byEmail bool, after *orgs.Position, limit int) ([]orgs.MemberView, *orgs.Position, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, nil, err
	}
	var list []orgs.MemberView
	var last orgs.Position
	for _, f := range st.active(org, text.Fold(prefix), byEmail) {
		if after != nil && compare(f.Position, *after) <= 0 {
			continue
		}
		if len(list) >= limit {
			if len(list) == 0 {
				return nil, nil, nil
			}
			return list, &last, nil
		}
		list, last = append(list, f.MemberView), f.Position
	}
	return list, nil, nil
}

// WithoutSecondFactor implements [orgs.Reader].
func (r orgsReader) WithoutSecondFactor(ctx context.Context, org id.Org, limit int) ([]orgs.MemberView, int, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, 0, err
	}
	var list []orgs.MemberView
	n := 0
	for _, f := range st.active(org, "", false) {
		if f.Person.TwoFactor {
			continue
		}
		n++
		if len(list) < limit {
			list = append(list, f.MemberView)
		}
	}
	return list, n, nil
}

// Seats implements [orgs.Reader].
func (r orgsReader) Seats(ctx context.Context, org id.Org, now time.Time) (int, error) {
	st, err := r.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for key, m := range st.members {
		if key.org == org && !m.Suspended {
			n++
		}
	}
	for _, i := range st.invitations {
		if i.Org == org && i.At(now) == orgs.Pending {
			n++
		}
	}
	return n, nil
}

// Person implements [orgs.Reader].
func (r orgsReader) Person(ctx context.Context, user id.User) (orgs.Person, error) {
	return r.findPerson(ctx, func(u accounts.User) bool { return u.ID == user })
}

// PersonByEmail implements [orgs.Reader].
func (r orgsReader) PersonByEmail(ctx context.Context, key string) (orgs.Person, error) {
	return r.findPerson(ctx, func(u accounts.User) bool { return u.EmailKey == key })
}

func (r orgsReader) findPerson(ctx context.Context, match func(accounts.User) bool) (orgs.Person, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.Person{}, err
	}
	for _, u := range st.users {
		if match(u) {
			return st.personOf(u), nil
		}
	}
	return orgs.Person{}, orgs.ErrPersonNotFound
}

// personOf returns somebody as organizations know them.
func (st *state) personOf(u accounts.User) orgs.Person {
	p := orgs.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, EmailKey: u.EmailKey, AvatarKey: u.AvatarKey,
		Timezone: u.Timezone, Locale: u.Locale, TwoFactor: st.twoFactor(u.ID),
	}
	for _, k := range st.passkeys {
		if k.User == u.ID {
			p.TwoFactor = true
		}
	}
	return p
}

// InsertMember implements [orgs.Tx].
func (tx orgsTx) InsertMember(ctx context.Context, m orgs.Membership) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if err := checkRole(m.Role); err != nil {
		return err
	}
	if _, ok := st.users[m.User]; !ok {
		return orgs.ErrPersonNotFound
	}
	key := memberKey{m.Org, m.User}
	if _, ok := st.members[key]; ok {
		return orgs.ErrAlreadyMember
	}
	st.members[key] = m
	return nil
}

// SetRole implements [orgs.Tx].
func (tx orgsTx) SetRole(ctx context.Context, org id.Org, user id.User, role orgs.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return tx.changeMember(ctx, org, user, func(st *state, m orgs.Membership) {
		m.Role = role
		st.members[memberKey{org, user}] = m
	})
}

// SetSuspended implements [orgs.Tx].
func (tx orgsTx) SetSuspended(ctx context.Context, org id.Org, user id.User, suspended bool) error {
	return tx.changeMember(ctx, org, user, func(st *state, m orgs.Membership) {
		m.Suspended = suspended
		m.AccountDeleted = false
		st.members[memberKey{org, user}] = m
	})
}

// RemoveMember implements [orgs.Tx].
func (tx orgsTx) RemoveMember(ctx context.Context, org id.Org, user id.User) error {
	return tx.changeMember(ctx, org, user, func(st *state, _ orgs.Membership) {
		delete(st.members, memberKey{org, user})
		delete(st.reminders, memberKey{org, user})
	})
}

// changeMember calls change with a member who is not the Owner. A deleted
// organization has no Owner to lose.
func (tx orgsTx) changeMember(ctx context.Context, org id.Org, user id.User, change func(*state, orgs.Membership)) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	m, ok := st.members[memberKey{org, user}]
	if !ok {
		return orgs.ErrNotMember
	}
	if o := st.orgs[org]; o.Owner == user && o.DeletedAt.IsZero() {
		return orgs.ErrOwnerRequired
	}
	change(st, m)
	return nil
}
