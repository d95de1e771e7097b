package memstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/orgs"
)

// Org implements [orgs.Reader].
func (r orgsReader) Org(ctx context.Context, org id.Org) (orgs.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.Org{}, err
	}
	o, ok := st.orgs[org]
	if !ok {
		return orgs.Org{}, orgs.ErrOrgNotFound
	}
	return o, nil
}

// LockOrg implements [orgs.Tx]. The transaction holds the lock already.
func (tx orgsTx) LockOrg(ctx context.Context, org id.Org) (orgs.Org, error) { return tx.Org(ctx, org) }

// OrgByLogo implements [orgs.Reader].
func (r orgsReader) OrgByLogo(ctx context.Context, key string) (orgs.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.Org{}, err
	}
	for org, o := range st.orgs {
		if o.LogoKey == key && o.DeletedAt.IsZero() {
			return r.Org(ctx, org)
		}
	}
	return orgs.Org{}, orgs.ErrOrgNotFound
}

// View implements [orgs.Reader].
func (r orgsReader) View(ctx context.Context, user id.User, ref string) (orgs.OrgView, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.OrgView{}, err
	}
	if org, err := id.ParseOrg(ref); err == nil {
		if v, ok := st.viewOf(org, user); ok {
			return v, nil
		}
	}
	v, ok := st.viewOf(st.slugs[ref].org, user)
	if !ok {
		return orgs.OrgView{}, orgs.ErrOrgNotFound
	}
	return v, nil
}

// OrgsOf implements [orgs.Reader].
func (r orgsReader) OrgsOf(ctx context.Context, user id.User) ([]orgs.OrgView, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.OrgView
	for org := range st.orgs {
		if v, ok := st.viewOf(org, user); ok {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b orgs.OrgView) int {
		return cmp.Or(cmp.Compare(text.Fold(a.Name), text.Fold(b.Name)), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return list, nil
}

// viewOf returns an organization as user sees it, and whether user does.
func (st *state) viewOf(org id.Org, user id.User) (orgs.OrgView, bool) {
	o := st.orgs[org]
	m, member := st.members[memberKey{org, user}]
	if !member || m.Suspended {
		return orgs.OrgView{}, false
	}
	if !o.DeletedAt.IsZero() && o.Owner != user {
		return orgs.OrgView{}, false
	}
	return orgs.OrgView{Org: o, Membership: st.withRole(m)}, true
}

// InsertOrg implements [orgs.Tx].
func (tx orgsTx) InsertOrg(ctx context.Context, o orgs.Org) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.users[o.Owner]; !ok {
		return orgs.ErrPersonNotFound
	}
	if _, ok := st.orgs[o.ID]; ok {
		return errDuplicate
	}
	if err := st.claimSlug(o.ID, o.Slug, o.CreatedAt); err != nil {
		return err
	}
	o.DeletedAt, o.PurgeAt = time.Time{}, time.Time{}
	st.orgs[o.ID] = o
	st.members[memberKey{o.ID, o.Owner}] = orgs.Membership{Org: o.ID, User: o.Owner, Role: orgs.Admin, JoinedAt: o.CreatedAt}
	return nil
}

// UpdateOrg implements [orgs.Tx].
func (tx orgsTx) UpdateOrg(ctx context.Context, o orgs.Org) error {
	old, err := tx.Org(ctx, o.ID)
	if err != nil {
		return err
	}
	o.Slug, o.Owner = old.Slug, old.Owner
	o.CreatedAt, o.DeletedAt, o.PurgeAt = old.CreatedAt, old.DeletedAt, old.PurgeAt
	tx.tx.state.orgs[o.ID] = o
	return nil
}

// SetOwner implements [orgs.Tx]. The stored role of an Owner is Admin, which is
// what a former Owner is.
func (tx orgsTx) SetOwner(ctx context.Context, org id.Org, from, to id.User, now time.Time) error {
	o, err := tx.Org(ctx, org)
	if err != nil {
		return err
	}
	if !o.DeletedAt.IsZero() {
		return orgs.ErrOrgNotFound
	}
	if o.Owner != from {
		return orgs.ErrStaleOwner
	}
	st := tx.tx.state
	m, ok := st.members[memberKey{org, to}]
	if !ok || m.Suspended {
		return orgs.ErrNotMember
	}
	o.Owner, o.UpdatedAt = to, now
	st.orgs[org] = o
	m.Role = orgs.Admin
	st.members[memberKey{org, to}] = m
	former := st.members[memberKey{org, from}]
	former.Role = orgs.Admin
	st.members[memberKey{org, from}] = former
	return nil
}

// DeleteOrg implements [orgs.Tx].
func (tx orgsTx) DeleteOrg(ctx context.Context, org id.Org, now, purge time.Time) error {
	o, err := tx.Org(ctx, org)
	if err != nil {
		return err
	}
	if !o.DeletedAt.IsZero() {
		return orgs.ErrOrgNotFound
	}
	o.DeletedAt, o.PurgeAt = now, purge
	tx.tx.state.orgs[org] = o
	return nil
}

// RestoreOrg implements [orgs.Tx].
func (tx orgsTx) RestoreOrg(ctx context.Context, org id.Org, now time.Time) error {
	o, err := tx.Org(ctx, org)
	if err != nil {
		return err
	}
	if o.DeletedAt.IsZero() {
		return orgs.ErrNotDeleted
	}
	if tx.tx.state.purging(accounts.Subject(org)) {
		return orgs.ErrOrgNotFound
	}
	if m, ok := tx.tx.state.members[memberKey{org, o.Owner}]; !ok || m.Suspended {
		return orgs.ErrNotMember
	}
	o.DeletedAt, o.PurgeAt, o.UpdatedAt = time.Time{}, time.Time{}, now
	tx.tx.state.orgs[org] = o
	return nil
}
