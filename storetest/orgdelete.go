package storetest

import (
	"context"
	"strconv"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func deleteOrg(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error { return tx.DeleteOrg(ctx, o.ID, base, base.Add(day)) })
	w.same("Org", w.org(o.ID), o)
	w.deleteOrg(o.ID)
	o.DeletedAt, o.PurgeAt = base.Add(day), base.Add(31*day)
	w.same("Org", w.org(o.ID), o)
	w.same("another Org", w.org(other.ID), other)
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		got, err := tx.LockOrg(ctx, o.ID)
		w.same("LockOrg", got, o)
		return err
	})
	m, err := w.s.Orgs().Member(w.ctx, o.ID, ada.ID)
	w.must(err)
	if m.Role != orgs.Owner {
		w.Errorf("its last Owner is %s", m.Role)
	}
}

func deleteOrgSlug(w *world) {
	o, _ := w.founded("acme")
	grace := w.user("grace")
	w.deleteOrg(o.ID)
	again := newOrg("acme", grace.ID)
	again.CreatedAt = base.Add(10000 * day)
	w.refused("InsertOrg", w.insertOrg(again), orgs.ErrSlugTaken)
}

func deleteOrgAgain(w *world) {
	o, _ := w.founded("acme")
	w.deleteOrg(o.ID)
	deleted := w.org(o.ID)
	for _, org := range []id.Org{o.ID, id.NewOrg(), {}} {
		w.orgs(func(ctx context.Context, tx orgs.Tx) error {
			w.refused("DeleteOrg", tx.DeleteOrg(ctx, org, base.Add(2*day), base.Add(40*day)), orgs.ErrOrgNotFound)
			return nil
		})
	}
	w.same("Org", w.org(o.ID), deleted)
}

func orgByLogo(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	find := func(key string, want *orgs.Org) {
		w.Helper()
		got, err := w.s.Orgs().OrgByLogo(w.ctx, key)
		if want == nil {
			w.refused("OrgByLogo by "+strconv.Quote(key), err, orgs.ErrOrgNotFound)
			return
		}
		w.must(err)
		w.same("OrgByLogo", got, *want)
	}
	former := o.LogoKey
	find(former, &o)
	find(other.LogoKey, &other)
	for _, key := range []string{"", "unknown", former + " ", former[1:], "a\x00b", "\xff", o.Slug, o.ID.String()} {
		find(key, nil)
	}
	o.LogoKey, o.LogoUploaded = "another-logo", true
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateOrg(ctx, o) }))
	find("another-logo", &o)
	find(former, nil)

	// A deleted organization shows nothing until it is restored.
	w.deleteOrg(o.ID)
	find("another-logo", nil)
	find(other.LogoKey, &other)
	w.must(w.restoreOrg(o.ID))
	o.UpdatedAt = base.Add(2 * day)
	find("another-logo", &o)
}

func restoreOrg(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.deleteOrg(o.ID)
	w.must(w.restoreOrg(o.ID))
	o.UpdatedAt = base.Add(2 * day)
	w.same("Org", w.org(o.ID), o)
	w.views(grace.ID, "acme", o, orgs.Admin)
	w.wantOneOwner(o.ID, ada.ID)
	w.refused("RemoveMember of a restored Owner", w.remove(o.ID, ada.ID), orgs.ErrOwnerRequired)
}

// restoreOrphan also shows that nobody is held by a deleted organization.
func restoreOrphan(w *world) {
	o, ada := w.founded("acme")
	w.joined(o.ID, "grace", orgs.Admin)
	w.deleteOrg(o.ID)
	w.must(w.suspend(o.ID, ada.ID, true))
	w.hidden(ada.ID, "acme")
	w.refused("RestoreOrg without its Owner's rights", w.restoreOrg(o.ID), orgs.ErrNotMember)
	w.must(w.suspend(o.ID, ada.ID, false))
	w.must(w.restoreOrg(o.ID))
	w.deleteOrg(o.ID)
	w.must(w.remove(o.ID, ada.ID))
	w.refused("RestoreOrg without its Owner", w.restoreOrg(o.ID), orgs.ErrNotMember)
	if w.org(o.ID).DeletedAt.IsZero() {
		w.Error("an organization lives without its Owner")
	}
}

func restoreLiving(w *world) {
	o, _ := w.founded("acme")
	w.refused("RestoreOrg", w.restoreOrg(o.ID), orgs.ErrNotDeleted)
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		w.refused("RestoreOrg", tx.RestoreOrg(ctx, id.NewOrg(), base), orgs.ErrOrgNotFound)
		return nil
	})
	w.same("Org", w.org(o.ID), o)
}

// orgOutage asks with a context that is done, for what is not there.
func orgOutage(w *world) {
	o, ada := w.founded("acme")
	ctx, r := w.cancelled(), w.s.Orgs()
	for what, ask := range map[string]func() error{
		"Org":                 func() error { _, err := r.Org(ctx, id.NewOrg()); return err },
		"OrgByLogo":           func() error { _, err := r.OrgByLogo(ctx, "unknown"); return err },
		"View":                func() error { _, err := r.View(ctx, ada.ID, "unknown"); return err },
		"View by ID":          func() error { _, err := r.View(ctx, ada.ID, id.NewOrg().String()); return err },
		"OrgsOf":              func() error { _, err := r.OrgsOf(ctx, ada.ID); return err },
		"Member":              func() error { _, err := r.Member(ctx, o.ID, id.NewUser()); return err },
		"Members":             func() error { _, _, err := r.Members(ctx, o.ID, "", false, nil, 10); return err },
		"WithoutSecondFactor": func() error { _, _, err := r.WithoutSecondFactor(ctx, o.ID, 10); return err },
		"Seats":               func() error { _, err := r.Seats(ctx, o.ID, base); return err },
		"Person":              func() error { _, err := r.Person(ctx, id.NewUser()); return err },
		"PersonByEmail":       func() error { _, err := r.PersonByEmail(ctx, "unknown@example.com"); return err },
		"InvitationByHash":    func() error { _, err := r.InvitationByHash(ctx, hashOf("unknown"), base); return err },
		"Invitation":          func() error { _, err := r.Invitation(ctx, o.ID, id.NewInvitation()); return err },
		"Invitations":         func() error { _, err := r.Invitations(ctx, o.ID, id.Invitation{}, 10); return err },
		"InvitationsFor":      func() error { _, err := r.InvitationsFor(ctx, "unknown@example.com", base); return err },
		"InvitationsSince":    func() error { _, err := r.InvitationsSince(ctx, o.ID, base); return err },
		"Domains":             func() error { _, err := r.Domains(ctx, o.ID); return err },
		"AutoJoin":            func() error { _, err := r.AutoJoin(ctx, ada.ID, "example.com"); return err },
	} {
		w.outage(what, ask())
	}
}
