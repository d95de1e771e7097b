package storetest

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func orgTests() []check {
	return []check{
		{"InsertOrg/EveryFieldIsReadAsWritten", orgRoundTrip},
		{"InsertOrg/OwnerIsTheFirstMember", orgOwner},
		{"InsertOrg/ErrSlugTakenIfSomebodys", orgSlugTaken},
		{"InsertOrg/OneWinnerOf16", insertOrgRace},
		{"InsertOrg/RolledBackLeavesTheSlugFree", insertOrgRolledBack},
		{"InsertOrg/NobodyIsErrPersonNotFound", insertOrgNobody},
		{"Org/UnknownIsErrOrgNotFound", orgUnknown},
		{"LockOrg/OneAtATimeOf16", lockOrgRace},
		{"UpdateOrg/StoresAllButSlugOwnerAndDeletion", updateOrg},
		{"UpdateOrg/UnknownIsErrOrgNotFound", updateOrgUnknown},
		{"View/ByIdentifierAndBySlug", viewByBoth},
		{"View/OfActiveMembersAlone", viewOfOthers},
		{"View/IdentifierBeforeASlugThatLooksLikeOne", viewLooksLike},
		{"View/DeletedForItsLastOwnerAlone", viewDeleted},
		{"OrgByLogo/FindsTheLivingByThePresentLogoAlone", orgByLogo},
		{"OrgsOf/ByNameThoseOfAnActiveMember", orgsOfByName},
		{"OrgsOf/DeletedForItsLastOwnerAlone", orgsOfDeleted},
		{"DeleteOrg/IsFoundAsDeleted", deleteOrg},
		{"DeleteOrg/KeepsTheSlug", deleteOrgSlug},
		{"DeleteOrg/AgainIsErrOrgNotFound", deleteOrgAgain},
		{"RestoreOrg/ForTheSameOwner", restoreOrg},
		{"RestoreOrg/ErrNotMemberWithoutItsOwner", restoreOrphan},
		{"RestoreOrg/LivingIsErrNotDeleted", restoreLiving},
		{"OrgReader/FailureIsNoAnswer", orgOutage},
	}
}

func (w *world) tryOrgs(fn func(ctx context.Context, tx orgs.Tx) error) error {
	return w.s.Orgs().Update(w.ctx, fn)
}

func (w *world) orgs(fn func(ctx context.Context, tx orgs.Tx) error) {
	w.Helper()
	w.must(w.tryOrgs(fn))
}

// locked runs fn in a transaction with an organization locked, as the contract
// wants it.
func (w *world) locked(org id.Org, fn func(ctx context.Context, tx orgs.Tx) error) error {
	return w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
		if _, err := tx.LockOrg(ctx, org); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

// undoneOrg runs fn in a transaction that is rolled back.
func (w *world) undoneOrg(fn func(ctx context.Context, tx orgs.Tx) error) {
	w.Helper()
	err := w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
		if err := fn(ctx, tx); err != nil {
			w.Errorf("before the rollback: %v", err)
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v, want the error of fn", err)
	}
}

// newOrg returns an organization that is not stored yet.
func newOrg(slug string, owner id.User) orgs.Org {
	o := orgs.Org{ID: id.NewOrg(), Slug: slug, Name: "Acme", Owner: owner, CreatedAt: base, UpdatedAt: base}
	o.LogoKey = hex.EncodeToString(o.ID[:])
	return o
}

func (w *world) insertOrg(o orgs.Org) error {
	return w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error { return tx.InsertOrg(ctx, o) })
}

// founded stores an organization of a new person, named after it.
func (w *world) founded(slug string) (orgs.Org, accounts.User) {
	w.Helper()
	owner := w.user(slug)
	o := newOrg(slug, owner.ID)
	w.must(w.insertOrg(o))
	return o, owner
}

func (w *world) org(org id.Org) orgs.Org {
	w.Helper()
	o, err := w.s.Orgs().Org(w.ctx, org)
	w.must(err)
	return o
}

func (w *world) deleteOrg(org id.Org) {
	w.Helper()
	w.must(w.locked(org, func(ctx context.Context, tx orgs.Tx) error {
		return tx.DeleteOrg(ctx, org, base.Add(day), base.Add(31*day))
	}))
}

func (w *world) restoreOrg(org id.Org) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.RestoreOrg(ctx, org, base.Add(2*day)) })
}

// views fails unless user sees the organization by ref.
func (w *world) views(user id.User, ref string, want orgs.Org, role orgs.Role) {
	w.Helper()
	v, err := w.s.Orgs().View(w.ctx, user, ref)
	w.must(err)
	w.same("View", v.Org, want)
	if v.Membership.Org != want.ID || v.Membership.User != user || v.Membership.Role != role {
		w.Errorf("View by %q with membership %+v, want that of %v as %s", ref, v.Membership, user, role)
	}
}

// hidden fails if user sees anything by one of refs.
func (w *world) hidden(user id.User, refs ...string) {
	w.Helper()
	for _, ref := range refs {
		_, err := w.s.Orgs().View(w.ctx, user, ref)
		w.refused("View by "+strconv.Quote(ref), err, orgs.ErrOrgNotFound)
	}
}

func orgRoundTrip(w *world) {
	ada := w.user("ada")
	for i, at := range moments() {
		o := newOrg("acme-"+strconv.Itoa(i), ada.ID)
		o.Name = names()[i%len(names())]
		o.LogoUploaded, o.RequireSecondFactor = i%2 == 0, i%3 == 0
		o.DefaultProject = []string{"", `p"'\?1`, "\u674e"}[i%3]
		o.CreatedAt, o.UpdatedAt = at, at.Add(tick)
		if i%2 == 1 {
			o.GraceUntil = at.Add(day)
		}
		w.must(w.insertOrg(o))
		w.same("Org", w.org(o.ID), o)
		w.views(ada.ID, o.Slug, o, orgs.Owner)
		w.orgs(func(ctx context.Context, tx orgs.Tx) error {
			got, err := tx.LockOrg(ctx, o.ID)
			w.same("LockOrg", got, o)
			return err
		})
	}
}

func orgOwner(w *world) {
	o, ada := w.founded("acme")
	m, err := w.s.Orgs().Member(w.ctx, o.ID, ada.ID)
	w.must(err)
	w.same("Member", m.Membership, orgs.Membership{Org: o.ID, User: ada.ID, Role: orgs.Owner, JoinedAt: base})
	w.wantMembers(o.ID, ada)
}

func orgSlugTaken(w *world) {
	o, ada := w.founded("acme")
	grace := w.user("grace")
	for _, owner := range []id.User{ada.ID, grace.ID} {
		again := newOrg("acme", owner)
		again.CreatedAt = base.Add(10000 * day)
		w.orgs(func(ctx context.Context, tx orgs.Tx) error {
			w.refused("InsertOrg", tx.InsertOrg(ctx, again), orgs.ErrSlugTaken)
			return nil // a refusal has written nothing
		})
		_, err := w.s.Orgs().Org(w.ctx, again.ID)
		w.refused("Org", err, orgs.ErrOrgNotFound)
		w.hidden(owner, again.ID.String())
	}
	w.views(ada.ID, "acme", o, orgs.Owner)
	w.hidden(grace.ID, "acme")
}

func insertOrgRace(w *world) {
	ada := w.user("ada")
	for round := range w.opts.rounds() {
		var all [racers]orgs.Org
		for i := range all {
			all[i] = newOrg("acme-"+strconv.Itoa(round), ada.ID)
		}
		winner := w.oneWinner(w.race(func(i int) error { return w.insertOrg(all[i]) }), orgs.ErrSlugTaken)
		w.views(ada.ID, all[winner].Slug, all[winner], orgs.Owner)
	}
}

func insertOrgRolledBack(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	o := newOrg("acme", ada.ID)
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error { return tx.InsertOrg(ctx, o) })
	w.hidden(ada.ID, "acme", o.ID.String())
	w.must(w.insertOrg(newOrg("acme", grace.ID)))
}

func insertOrgNobody(w *world) {
	ada := w.user("ada")
	o := newOrg("acme", id.NewUser())
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		w.refused("InsertOrg", tx.InsertOrg(ctx, o), orgs.ErrPersonNotFound)
		return tx.InsertOrg(ctx, newOrg("acme", ada.ID))
	})
	_, err := w.s.Orgs().Org(w.ctx, o.ID)
	w.refused("Org", err, orgs.ErrOrgNotFound)
}

func orgUnknown(w *world) {
	w.founded("acme")
	for _, org := range []id.Org{id.NewOrg(), {}} {
		_, err := w.s.Orgs().Org(w.ctx, org)
		w.refused("Org", err, orgs.ErrOrgNotFound)
		w.orgs(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.LockOrg(ctx, org)
			w.refused("LockOrg", err, orgs.ErrOrgNotFound)
			return nil
		})
	}
}

// lockOrgRace counts in the name: a count that is lost was read without a lock.
func lockOrgRace(w *world) {
	o, _ := w.founded("acme")
	o.Name = "0"
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateOrg(ctx, o) }))
	for _, err := range w.race(func(int) error {
		return w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
			o, err := tx.LockOrg(ctx, o.ID)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(o.Name)
			o.Name = strconv.Itoa(n + 1)
			return errors.Join(err, tx.UpdateOrg(ctx, o))
		})
	}) {
		w.must(err)
	}
	if got := w.org(o.ID).Name; got != strconv.Itoa(racers) {
		w.Errorf("%d callers have counted to %s", racers, got)
	}
}

func updateOrg(w *world) {
	o, ada := w.founded("acme")
	other, grace := w.founded("others")
	for _, name := range names() {
		changed := o
		changed.Slug, changed.Owner, changed.CreatedAt = "stolen", grace.ID, base.Add(day)
		changed.DeletedAt, changed.PurgeAt = base, base.Add(day)
		changed.Name, changed.LogoKey, changed.LogoUploaded = name, "logo-"+hex.EncodeToString([]byte(name)), true
		changed.DefaultProject, changed.RequireSecondFactor, changed.GraceUntil = "project", true, base.Add(7*day+tick)
		changed.UpdatedAt = base.Add(tick)
		w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateOrg(ctx, changed) }))
		changed.Slug, changed.Owner, changed.CreatedAt = o.Slug, o.Owner, o.CreatedAt
		changed.DeletedAt, changed.PurgeAt = o.DeletedAt, o.PurgeAt
		w.views(ada.ID, "acme", changed, orgs.Owner)
	}
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateOrg(ctx, o) }))
	w.same("Org", w.org(o.ID), o)
	w.same("another Org", w.org(other.ID), other)
}

func updateOrgUnknown(w *world) {
	o, ada := w.founded("acme")
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		w.refused("UpdateOrg", tx.UpdateOrg(ctx, newOrg("acme", ada.ID)), orgs.ErrOrgNotFound)
		return nil
	})
	w.same("Org", w.org(o.ID), o)
}

func viewByBoth(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Viewer)
	for _, ref := range []string{"acme", o.ID.String()} {
		w.views(ada.ID, ref, o, orgs.Owner)
		w.views(grace.ID, ref, o, orgs.Viewer)
	}
}

func viewOfOthers(w *world) {
	o, ada := w.founded("acme")
	_, eve := w.founded("others")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.hidden(eve.ID, "acme", o.ID.String())
	w.hidden(id.NewUser(), "acme", o.ID.String())
	w.hidden(ada.ID, "", "Acme", "acm", "acme ", "unknown", "ac\x00me", "\xff", id.NewOrg().String(), "others")
	w.must(w.suspend(o.ID, grace.ID, true))
	w.hidden(grace.ID, "acme", o.ID.String())
	w.must(w.suspend(o.ID, grace.ID, false))
	w.views(grace.ID, "acme", o, orgs.Admin)
	w.must(w.remove(o.ID, grace.ID))
	w.hidden(grace.ID, "acme", o.ID.String())
}

func viewLooksLike(w *world) {
	o, ada := w.founded("acme")
	eve := w.user("eve")
	trap := newOrg(o.ID.String(), eve.ID)
	w.must(w.insertOrg(trap))
	w.must(w.join(trap.ID, ada.ID, orgs.Viewer))
	w.views(ada.ID, o.ID.String(), o, orgs.Owner)
	w.views(eve.ID, o.ID.String(), trap, orgs.Owner)
}

func viewDeleted(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.deleteOrg(o.ID)
	o.DeletedAt, o.PurgeAt = base.Add(day), base.Add(31*day)
	for _, ref := range []string{"acme", o.ID.String()} {
		w.views(ada.ID, ref, o, orgs.Owner)
		w.hidden(grace.ID, ref)
	}
}

// wantOrgs fails unless OrgsOf finds exactly these.
func (w *world) wantOrgs(user id.User, want ...orgs.Org) {
	w.Helper()
	got, err := w.s.Orgs().OrgsOf(w.ctx, user)
	w.must(err)
	if len(got) != len(want) {
		w.Fatalf("OrgsOf found %d, want %d", len(got), len(want))
	}
	for i := range want {
		w.same("OrgsOf", got[i].Org, want[i])
		if got[i].Membership.User != user || got[i].Membership.Org != want[i].ID {
			w.Errorf("OrgsOf with membership %+v", got[i].Membership)
		}
	}
}

func orgsOfByName(w *world) {
	ada := w.user("ada")
	w.wantOrgs(ada.ID)
	var all [4]orgs.Org
	for i, name := range []string{"zeta", "\u00c9clair", "Beta", "alpha"} {
		all[i] = newOrg("acme-"+strconv.Itoa(i), ada.ID)
		all[i].Name = name
		w.must(w.insertOrg(all[i]))
	}
	w.wantOrgs(ada.ID, all[3], all[2], all[1], all[0])
	others, _ := w.founded("others") // by the name of Acme
	w.must(w.join(others.ID, ada.ID, orgs.Member))
	w.wantOrgs(ada.ID, others, all[3], all[2], all[1], all[0])
	w.must(w.suspend(others.ID, ada.ID, true))
	w.wantOrgs(ada.ID, all[3], all[2], all[1], all[0])
}

func orgsOfDeleted(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.wantOrgs(grace.ID, o)
	w.deleteOrg(o.ID)
	o.DeletedAt, o.PurgeAt = base.Add(day), base.Add(31*day)
	w.wantOrgs(ada.ID, o)
	w.wantOrgs(grace.ID)
}
