package settings

import (
	"context"
	"errors"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
)

// freePlan is the plan of the catalogue whose Owners hear of its limits whatever
// they prefer; see orgs.Plans.
const freePlan = "free"

// directory is what package notify is told of organizations.
type directory struct {
	store orgs.Reader
	plans orgs.Entitlements // nil: there are none
}

// Organizations implements notify.Directory.
func (d directory) Organizations(ctx context.Context, user id.User) ([]notify.Organization, error) {
	all, err := d.store.OrgsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	out := make([]notify.Organization, 0, len(all))
	for _, o := range all {
		if !o.DeletedAt.IsZero() {
			continue
		}
		known, err := d.known(ctx, o.Org)
		if err != nil {
			return nil, err
		}
		out = append(out, known)
	}
	return out, nil
}

// Organization implements notify.Directory.
func (d directory) Organization(ctx context.Context, org id.Org) (notify.Organization, error) {
	o, err := d.store.Org(ctx, org)
	if errors.Is(err, orgs.ErrOrgNotFound) || err == nil && !o.DeletedAt.IsZero() {
		return notify.Organization{}, notify.ErrOrgNotFound
	}
	if err != nil {
		return notify.Organization{}, err
	}
	return d.known(ctx, o)
}

func (d directory) known(ctx context.Context, o orgs.Org) (notify.Organization, error) {
	known := notify.Organization{ID: o.ID, Slug: o.Slug, Name: o.Name, Owner: o.Owner, Paid: true}
	if d.plans == nil {
		return known, nil
	}
	plan, err := d.plans.PlanOf(ctx, o.ID)
	known.Paid = plan != freePlan
	return known, err
}

// signUpMails are the kinds of mail that the pages of signing up announce.
func (s *Settings) signUpMails() []string {
	var out []string
	for _, c := range s.Notify.Defaults() {
		out = append(out, string(c))
	}
	return out
}
