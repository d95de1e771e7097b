package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// slug says whose a slug is: of an organization that has it, or had it.
type slug struct {
	org           id.Org
	reservedUntil time.Time // zero while it is the present slug
}

// claimSlug makes slug the organization's, if it can be at now.
func (st *state) claimSlug(org id.Org, name string, now time.Time) error {
	s, taken := st.slugs[name]
	former := !s.reservedUntil.IsZero()
	if taken && !(former && s.org == org) && !(former && !now.Before(s.reservedUntil)) {
		return orgs.ErrSlugTaken
	}
	st.slugs[name] = slug{org: org}
	return nil
}

// ChangeSlug implements [orgs.Tx].
func (tx orgsTx) ChangeSlug(ctx context.Context, org id.Org, name string, now, reserve time.Time) error {
	o, err := tx.Org(ctx, org)
	if err != nil || o.Slug == name {
		return err
	}
	st := tx.tx.state
	if err := st.claimSlug(org, name, now); err != nil {
		return err
	}
	st.slugs[o.Slug] = slug{org: org, reservedUntil: reserve}
	o.Slug, o.UpdatedAt = name, now
	st.orgs[org] = o
	return nil
}
