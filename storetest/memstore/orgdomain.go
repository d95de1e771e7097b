package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// Domains implements [orgs.Reader].
func (r orgsReader) Domains(ctx context.Context, org id.Org) ([]orgs.Domain, error) {
	return r.domains(ctx, func(_ *state, d orgs.Domain) bool { return d.Org == org })
}

// AutoJoin implements [orgs.Reader].
func (r orgsReader) AutoJoin(ctx context.Context, user id.User, domain string) ([]orgs.Domain, error) {
	return r.domains(ctx, func(st *state, d orgs.Domain) bool {
		_, member := st.members[memberKey{d.Org, user}]
		return d.Name == domain && !d.VerifiedAt.IsZero() && d.AutoJoin && st.alive(d.Org) && !member
	})
}

// domains returns those that match, by name.
func (r orgsReader) domains(ctx context.Context, match func(*state, orgs.Domain) bool) ([]orgs.Domain, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.Domain
	for _, d := range st.domains {
		if match(st, d) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b orgs.Domain) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// InsertDomain implements [orgs.Tx].
func (tx orgsTx) InsertDomain(ctx context.Context, d orgs.Domain) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if err := checkRole(d.Role); err != nil {
		return err
	}
	for _, other := range st.domains {
		if other.Org == d.Org && other.Name == d.Name {
			return orgs.ErrDomainExists
		}
	}
	d.VerifiedAt = time.Time{}
	st.domains[d.ID] = d
	return nil
}

// VerifyDomain implements [orgs.Tx].
func (tx orgsTx) VerifyDomain(ctx context.Context, org id.Org, domain id.Domain, now time.Time) error {
	d, err := tx.domain(ctx, org, domain)
	if err != nil {
		return err
	}
	for _, other := range tx.tx.state.domains {
		if other.Name == d.Name && other.Org != org && !other.VerifiedAt.IsZero() {
			return orgs.ErrDomainTaken
		}
	}
	d.VerifiedAt = now
	tx.tx.state.domains[domain] = d
	return nil
}

// UpdateDomain implements [orgs.Tx].
func (tx orgsTx) UpdateDomain(ctx context.Context, d orgs.Domain) error {
	old, err := tx.domain(ctx, d.Org, d.ID)
	if err != nil {
		return err
	}
	if err := checkRole(d.Role); err != nil {
		return err
	}
	old.AutoJoin, old.Role = d.AutoJoin, d.Role
	tx.tx.state.domains[d.ID] = old
	return nil
}

// DeleteDomain implements [orgs.Tx].
func (tx orgsTx) DeleteDomain(ctx context.Context, org id.Org, domain id.Domain) (orgs.Domain, error) {
	d, err := tx.domain(ctx, org, domain)
	if err == nil {
		delete(tx.tx.state.domains, domain)
	}
	return d, err
}

// domain returns one of the organization.
func (tx orgsTx) domain(ctx context.Context, org id.Org, domain id.Domain) (orgs.Domain, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return orgs.Domain{}, err
	}
	d, ok := st.domains[domain]
	if !ok || d.Org != org {
		return orgs.Domain{}, orgs.ErrDomainNotFound
	}
	return d, nil
}
