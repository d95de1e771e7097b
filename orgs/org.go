package orgs

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/internal/upload"
)

// MaxName is how many code points the name of an organization may have, after
// trimming and NFC.
const MaxName = 100

// maxOwned is how many organizations somebody may found in a day.
const maxFounded = 10

// NewOrg is what founding an organization needs.
type NewOrg struct {
	Name string
	Slug string // "": made from the name
}

// Create founds an organization; who acts is its Owner. A slug that is taken is
// ErrSlugTaken; one that was made from the name is changed until it is free.
func (s *Service) Create(ctx context.Context, actor audit.Actor, in NewOrg) (OrgView, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermOrgCreate, ActionOrgCreated, now); err != nil {
		return OrgView{}, err
	}
	var f fault.Fields
	name, err := text.Name("name", in.Name, MaxName)
	f.AddFields(err)
	slug, made := in.Slug, in.Slug == ""
	if made {
		slug = slugOf(name)
	} else {
		f.AddFields(CheckSlug("slug", slug))
	}
	if err := f.Err(); err != nil {
		return OrgView{}, err
	}
	if err := s.take(ctx, "orgs_founded:"+actor.User.String(), maxFounded, day/maxFounded); err != nil {
		return OrgView{}, err
	}
	o := Org{ID: id.NewOrg(), Slug: slug, Name: name, Owner: actor.User, LogoKey: upload.NewKey(), CreatedAt: now, UpdatedAt: now}
	for try := 0; ; try++ {
		err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
			if err := tx.InsertOrg(ctx, o); err != nil {
				return err
			}
			return tx.AppendAudit(ctx, did(actor, ActionOrgCreated, o.target(), o, now))
		})
		if !made || try == 4 || fault.Code(err) != ErrSlugTaken.Code() {
			break
		}
		o.Slug = withSuffix(slug)
	}
	if err != nil {
		return OrgView{}, err
	}
	return OrgView{Org: o, Membership: Membership{Org: o.ID, User: actor.User, Role: Owner, JoinedAt: now}}, nil
}

// List returns the organizations of the person who acts, deleted ones for their
// Owner alone.
func (s *Service) List(ctx context.Context, actor audit.Actor) ([]OrgView, error) {
	if err := s.allow(actor, PermOrgList, s.now()); err != nil {
		return nil, err
	}
	return s.c.Store.OrgsOf(ctx, actor.User)
}

// Get returns an organization by its identifier or slug, to its members alone.
// A former slug is a [*MovedError].
func (s *Service) Get(ctx context.Context, actor audit.Actor, ref string) (OrgView, error) {
	return s.admit(ctx, s.c.Store, actor, ref, PermOrgView, s.now())
}

// May reports whether the person who acts may do something in an organization
// now, for the host's own checks: nil, or why not.
func (s *Service) May(ctx context.Context, actor audit.Actor, ref string, perm audit.Permission) error {
	_, err := s.admit(ctx, s.c.Store, actor, ref, perm, s.now())
	return err
}

// Permissions returns what a role may do, by the policy in force.
func (s *Service) Permissions(r Role) []audit.Permission {
	var all []audit.Permission
	for perm, rule := range s.policy {
		if rule.Role != "" && r.AtLeast(Role(rule.Role)) {
			all = append(all, perm)
		}
	}
	slices.Sort(all)
	return all
}

// PlanOf returns the name of an organization's plan, to its Owner; else "".
func (s *Service) PlanOf(ctx context.Context, v OrgView) (string, error) {
	if v.Membership.Role != Owner {
		return "", nil
	}
	return s.c.Entitlements.PlanOf(ctx, v.ID)
}

// Patch changes what is not nil.
type Patch struct {
	Name           *string
	Slug           *string
	DefaultProject *string // "": none
}

// Update changes an organization. ErrSlugTaken.
func (s *Service) Update(ctx context.Context, actor audit.Actor, ref string, in Patch) (OrgView, error) {
	now := s.now()
	what := attempt{perm: PermOrgUpdate, action: ActionOrgUpdated}
	v, err := s.enter(ctx, actor, ref, what, now)
	if err != nil {
		return OrgView{}, err
	}
	var f fault.Fields
	if in.Name != nil {
		name, err := text.Name("name", *in.Name, MaxName)
		f.AddFields(err)
		in.Name = &name
	}
	if in.Slug != nil && *in.Slug != v.Slug {
		f.AddFields(CheckSlug("slug", *in.Slug))
	}
	if in.DefaultProject != nil && *in.DefaultProject != "" {
		// Asked before the transaction: the directory is the host's.
		projects, err := s.c.Projects.Projects(ctx, v.ID)
		if err != nil {
			return OrgView{}, err
		}
		if !slices.ContainsFunc(projects, func(p Project) bool { return p.ID == *in.DefaultProject }) {
			f.Add("default_project_id", "invalid", "is not a project of this organization")
		}
	}
	if err := f.Err(); err != nil {
		return OrgView{}, err
	}
	err = s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, now1 OrgView) error {
		v = now1
		return s.update(ctx, tx, actor, &v, in, now)
	})
	if err != nil {
		return OrgView{}, err
	}
	return v, nil
}

func (s *Service) update(ctx context.Context, tx Tx, actor audit.Actor, v *OrgView, in Patch, now time.Time) error {
	var changes []audit.Change
	set := func(field string, to *string, value *string) {
		if value != nil && *value != *to {
			changes = append(changes, audit.Change{Field: field, Before: *to, After: *value})
			*to = *value
		}
	}
	former := v.Slug
	set("slug", &v.Slug, in.Slug)
	if v.Slug != former {
		if err := tx.ChangeSlug(ctx, v.ID, v.Slug, now, now.Add(s.c.SlugQuarantine)); err != nil {
			return err
		}
	}
	initials := text.Initials(v.Name)
	set("name", &v.Name, in.Name)
	set("default_project", &v.DefaultProject, in.DefaultProject)
	if len(changes) == 0 {
		return nil
	}
	if !v.LogoUploaded && text.Initials(v.Name) != initials {
		v.LogoKey = upload.NewKey() // what is served under a key never changes
	}
	v.UpdatedAt = now
	if err := tx.UpdateOrg(ctx, v.Org); err != nil {
		return err
	}
	return tx.AppendAudit(ctx, did(actor, ActionOrgUpdated, v.target(), v.Org, now, changes...))
}

// Projects returns the projects of an organization from the host's directory.
func (s *Service) Projects(ctx context.Context, actor audit.Actor, ref string) ([]Project, error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermProjects, s.now())
	if err != nil {
		return nil, err
	}
	return s.c.Projects.Projects(ctx, v.ID)
}

// confirmed checks what was typed to confirm.
func confirmed(v OrgView, typed string) error {
	if typed == v.Slug {
		return nil
	}
	return fault.Fields{{Name: "confirm", Code: "mismatch", Message: "must be the slug of the organization"}}
}

// Delete marks an organization as deleted. It is gone for everybody at once; the
// Owner can restore it until the time that is returned. confirm is its slug.
func (s *Service) Delete(ctx context.Context, actor audit.Actor, ref, confirm string) (purgeAt time.Time, err error) {
	now := s.now()
	purgeAt = now.Add(s.c.Retention)
	err = s.change(ctx, actor, ref, attempt{perm: PermOrgDelete, action: ActionOrgDeleted}, now, func(ctx context.Context, tx Tx, v OrgView) error {
		if err := confirmed(v, confirm); err != nil {
			return err
		}
		if err := tx.DeleteOrg(ctx, v.ID, now, purgeAt); err != nil {
			return err
		}
		owner, err := tx.Person(ctx, v.Owner)
		if err != nil {
			return err
		}
		if err := s.post(ctx, tx, owner.Recipient(), OrgDeletedLetter{Org: v.Name, Slug: v.Slug, At: now, PurgeAt: purgeAt}, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionOrgDeleted, v.target(), v.Org, now))
	})
	return purgeAt, err
}

// Restore brings a deleted organization back.
func (s *Service) Restore(ctx context.Context, actor audit.Actor, ref string) error {
	now := s.now()
	return s.change(ctx, actor, ref, attempt{perm: PermOrgRestore, action: ActionOrgRestored}, now, func(ctx context.Context, tx Tx, v OrgView) error {
		if !now.Before(v.PurgeAt) {
			return ErrOrgNotFound
		}
		if err := tx.RestoreOrg(ctx, v.ID, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionOrgRestored, v.target(), v.Org, now))
	})
}
