package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// claimSlug makes slug the organization's, if it is free, was its own, or its
// reservation has ended by now. Of concurrent callers one gets it: the others
// wait for that one, and see what it has written.
func (t orgsTx) claimSlug(ctx context.Context, org id.Org, slug string, now time.Time) error {
	n, err := affected(t.tx.NewRaw(`
		INSERT INTO settings_org_slugs (slug, org_id, reserved_until) VALUES (?, ?, NULL)
		ON CONFLICT (slug) DO UPDATE SET org_id = EXCLUDED.org_id, reserved_until = NULL
		WHERE settings_org_slugs.reserved_until <= ?
		   OR (settings_org_slugs.reserved_until IS NOT NULL AND settings_org_slugs.org_id = EXCLUDED.org_id)`,
		slug, org, at(now)).Exec(ctx))
	if err == nil && n == 0 {
		err = orgs.ErrSlugTaken
	}
	return err
}

// ChangeSlug implements orgs.Tx.
func (t orgsTx) ChangeSlug(ctx context.Context, org id.Org, slug string, now, reserve time.Time) error {
	if err := checkText(slug); err != nil {
		return err
	}
	o, err := t.LockOrg(ctx, org)
	if err != nil || slug == o.Slug {
		return err
	}
	if err := t.claimSlug(ctx, org, slug, now); err != nil {
		return err
	}
	if _, err := t.tx.NewRaw(`UPDATE settings_orgs SET slug = ?, updated_at = ? WHERE id = ?`, slug, at(now), org).Exec(ctx); err != nil {
		return err
	}
	_, err = t.tx.NewRaw(`UPDATE settings_org_slugs SET reserved_until = ? WHERE slug = ? AND org_id = ?`, at(reserve), o.Slug, org).Exec(ctx)
	return err
}
