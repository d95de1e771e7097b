package storetest

import (
	"context"
	"strconv"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func memberTests() []check {
	return []check{
		{"InsertMember/EveryFieldIsReadAsWritten", memberRoundTrip},
		{"InsertMember/ErrAlreadyMember", memberAlready},
		{"InsertMember/NobodyIsErrPersonNotFound", memberNobody},
		{"InsertMember/NotAsOwner", memberNotOwner},
		{"InsertMember/OneWinnerOf16", insertMemberRace},
		{"InsertMember/RolledBackIsNoMember", insertMemberRolledBack},
		{"Member/NobodyElseIsErrNotMember", memberOfOthers},
		{"Member/TellsOfSecondFactors", memberSecondFactor},
		{"SetRole/ChangesTheRoleAlone", setRole},
		{"SetRole/OwnerIsErrOwnerRequired", setRoleOfOwner},
		{"SetRole/NotToOwner", setRoleToOwner},
		{"SetRole/StrangerIsErrNotMember", setRoleOfStranger},
		{"SetSuspended/ForgetsNothing", setSuspended},
		{"SetSuspended/OwnerIsErrOwnerRequired", suspendOwner},
		{"SetSuspended/StrangerIsErrNotMember", suspendStranger},
		{"RemoveMember/EndsThatOne", removeMember},
		{"RemoveMember/OwnerIsErrOwnerRequired", removeOwner},
		{"RemoveMember/StrangerIsErrNotMember", removeStranger},
		{"RemoveMember/OneWinnerOf16", removeMemberRace},
		{"Person/NobodyIsErrPersonNotFound", orgPerson},
	}
}

func (w *world) join(org id.Org, user id.User, role orgs.Role) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error {
		return tx.InsertMember(ctx, orgs.Membership{Org: org, User: user, Role: role, JoinedAt: base})
	})
}

// joined stores somebody at name@example.com, who is a member.
func (w *world) joined(org id.Org, name string, role orgs.Role) accounts.User {
	w.Helper()
	u := w.user(name)
	w.must(w.join(org, u.ID, role))
	return u
}

func (w *world) setRole(org id.Org, user id.User, role orgs.Role) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.SetRole(ctx, org, user, role) })
}

func (w *world) suspend(org id.Org, user id.User, suspended bool) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.SetSuspended(ctx, org, user, suspended) })
}

func (w *world) remove(org id.Org, user id.User) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.RemoveMember(ctx, org, user) })
}

func orgPersonOf(u accounts.User) orgs.Person {
	return orgs.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, EmailKey: u.EmailKey, AvatarKey: u.AvatarKey, Timezone: u.Timezone, Locale: u.Locale,
	}
}

func (w *world) wantMembership(want orgs.Membership) {
	w.Helper()
	m, err := w.s.Orgs().Member(w.ctx, want.Org, want.User)
	w.must(err)
	w.same("Member", m.Membership, want)
}

func (w *world) notMember(org id.Org, user id.User) {
	w.Helper()
	_, err := w.s.Orgs().Member(w.ctx, org, user)
	w.refused("Member", err, orgs.ErrNotMember)
}

func memberRoundTrip(w *world) {
	o, ada := w.founded("acme")
	for i, at := range moments() {
		u := w.user("member" + strconv.Itoa(i))
		m := orgs.Membership{
			Org: o.ID, User: u.ID, Role: []orgs.Role{orgs.Admin, orgs.Member, orgs.Viewer}[i%3], Suspended: i%2 == 1, JoinedAt: at,
		}
		if i%3 > 0 {
			m.InvitedBy = ada.ID
		}
		w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.InsertMember(ctx, m) }))
		got, err := w.s.Orgs().Member(w.ctx, o.ID, u.ID)
		w.must(err)
		w.same("Member", got, orgs.MemberView{Membership: m, Person: orgPersonOf(u)})
	}
}

func memberAlready(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Viewer)
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		for _, user := range []id.User{grace.ID, ada.ID} {
			m := orgs.Membership{Org: o.ID, User: user, Role: orgs.Admin, JoinedAt: base.Add(day)}
			w.refused("InsertMember", tx.InsertMember(ctx, m), orgs.ErrAlreadyMember)
		}
		return nil
	}))
	w.must(w.suspend(o.ID, grace.ID, true))
	w.refused("InsertMember of a suspended one", w.join(o.ID, grace.ID, orgs.Admin), orgs.ErrAlreadyMember)
	w.wantMembership(orgs.Membership{Org: o.ID, User: grace.ID, Role: orgs.Viewer, Suspended: true, JoinedAt: base})
	w.wantOneOwner(o.ID, ada.ID)
	other, _ := w.founded("others")
	w.must(w.join(other.ID, grace.ID, orgs.Member))
}

func memberNobody(w *world) {
	o, _ := w.founded("acme")
	for _, user := range []id.User{id.NewUser(), {}} {
		w.refused("InsertMember", w.join(o.ID, user, orgs.Member), orgs.ErrPersonNotFound)
	}
}

// notRoles cannot be given.
var notRoles = []orgs.Role{orgs.Owner, "", "Admin", "admin,owner", "superuser"}

func memberNotOwner(w *world) {
	o, ada := w.founded("acme")
	grace := w.user("grace")
	for _, role := range notRoles {
		if w.join(o.ID, grace.ID, role) == nil {
			w.Errorf("InsertMember as %q succeeds", role)
		}
	}
	w.notMember(o.ID, grace.ID)
	w.wantOneOwner(o.ID, ada.ID)
}

func insertMemberRace(w *world) {
	o, _ := w.founded("acme")
	for round := range w.opts.rounds() {
		u := w.user("member" + strconv.Itoa(round))
		w.oneWinner(w.race(func(int) error { return w.join(o.ID, u.ID, orgs.Member) }), orgs.ErrAlreadyMember)
		w.wantRole(o.ID, u.ID, orgs.Member)
	}
}

func insertMemberRolledBack(w *world) {
	o, ada := w.founded("acme")
	grace := w.user("grace")
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		return tx.InsertMember(ctx, orgs.Membership{Org: o.ID, User: grace.ID, Role: orgs.Member, JoinedAt: base})
	})
	w.notMember(o.ID, grace.ID)
	w.wantMembers(o.ID, ada)
}

func memberOfOthers(w *world) {
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	w.notMember(o.ID, eve.ID)
	w.notMember(other.ID, ada.ID)
	w.notMember(o.ID, id.NewUser())
	w.notMember(id.NewOrg(), ada.ID)
	w.notMember(id.Org{}, id.User{})
}

// wantTwoFactor fails unless every view of a member tells the same.
func (w *world) wantTwoFactor(org id.Org, u accounts.User, want bool) {
	w.Helper()
	m, err := w.s.Orgs().Member(w.ctx, org, u.ID)
	w.must(err)
	byID, err := w.s.Orgs().Person(w.ctx, u.ID)
	w.must(err)
	byEmail, err := w.s.Orgs().PersonByEmail(w.ctx, u.EmailKey)
	w.must(err)
	for what, p := range map[string]orgs.Person{"Member": m.Person, "Person": byID, "PersonByEmail": byEmail} {
		if p.TwoFactor != want {
			w.Errorf("%s: TwoFactor = %t, want %t", what, p.TwoFactor, want)
		}
	}
}

func memberSecondFactor(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Member), w.joined(o.ID, "joan", orgs.Member)
	w.putTOTP(newTOTP(joan.ID, base)) // not confirmed
	for _, u := range []accounts.User{ada, grace, joan} {
		w.wantTwoFactor(o.ID, u, false)
	}
	w.confirmed2FA(ada.ID, 1)
	w.addPasskey(grace.ID, "key")
	w.wantTwoFactor(o.ID, ada, true)
	w.wantTwoFactor(o.ID, grace, true)
	w.wantTwoFactor(o.ID, joan, false)
}

func setRole(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.user("grace"), w.joined(o.ID, "joan", orgs.Member)
	m := orgs.Membership{Org: o.ID, User: grace.ID, Role: orgs.Viewer, InvitedBy: ada.ID, JoinedAt: base.Add(tick)}
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.InsertMember(ctx, m) }))
	for _, role := range []orgs.Role{orgs.Admin, orgs.Member, orgs.Viewer, orgs.Viewer} {
		w.must(w.setRole(o.ID, grace.ID, role))
		m.Role = role
		w.wantMembership(m)
		w.wantRole(o.ID, joan.ID, orgs.Member)
	}
	w.must(w.suspend(o.ID, grace.ID, true))
	w.must(w.setRole(o.ID, grace.ID, orgs.Admin))
	m.Role, m.Suspended = orgs.Admin, true
	w.wantMembership(m)
}

// ownerStays proves that act is refused about the Owner.
func (w *world) ownerStays(act func(org id.Org, user id.User) error) {
	w.Helper()
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Member)
	w.refused("of the Owner", act(o.ID, ada.ID), orgs.ErrOwnerRequired)
	w.wantOneOwner(o.ID, ada.ID)
	w.must(w.setOwner(o.ID, ada.ID, grace.ID))
	w.refused("of the new Owner", act(o.ID, grace.ID), orgs.ErrOwnerRequired)
	w.wantOneOwner(o.ID, grace.ID)
	w.wantRole(o.ID, ada.ID, orgs.Admin)
	w.must(act(o.ID, ada.ID))
}

// strangers proves that act is refused about whoever is no member, and that the
// transaction goes on.
func (w *world) strangers(act func(ctx context.Context, tx orgs.Tx, org id.Org, user id.User) error) {
	w.Helper()
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	joan := w.joined(other.ID, "joan", orgs.Member)
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		for _, user := range []id.User{eve.ID, joan.ID, id.NewUser(), {}} {
			w.refused("of a stranger", act(ctx, tx, o.ID, user), orgs.ErrNotMember)
		}
		w.refused("in no organization", act(ctx, tx, id.NewOrg(), ada.ID), orgs.ErrNotMember)
		return nil
	}))
	w.wantMembership(orgs.Membership{Org: other.ID, User: joan.ID, Role: orgs.Member, JoinedAt: base})
	w.wantOneOwner(o.ID, ada.ID)
}

func setRoleOfOwner(w *world) {
	w.ownerStays(func(org id.Org, user id.User) error { return w.setRole(org, user, orgs.Viewer) })
}

func setRoleToOwner(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Member)
	for _, role := range notRoles {
		if w.setRole(o.ID, grace.ID, role) == nil {
			w.Errorf("SetRole to %q succeeds", role)
		}
	}
	w.wantRole(o.ID, grace.ID, orgs.Member)
	w.wantOneOwner(o.ID, ada.ID)
}

func setRoleOfStranger(w *world) {
	w.strangers(func(ctx context.Context, tx orgs.Tx, org id.Org, user id.User) error {
		return tx.SetRole(ctx, org, user, orgs.Viewer)
	})
}

func setSuspended(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Viewer), w.joined(o.ID, "joan", orgs.Member)
	want := orgs.Membership{Org: o.ID, User: grace.ID, Role: orgs.Viewer, JoinedAt: base}
	for range 2 { // again is no failure
		w.must(w.suspend(o.ID, grace.ID, true))
		want.Suspended = true
		w.wantMembership(want)
	}
	w.wantMembers(o.ID, ada, joan)
	for range 2 {
		w.must(w.suspend(o.ID, grace.ID, false))
		want.Suspended = false
		w.wantMembership(want)
	}
	w.wantMembers(o.ID, ada, grace, joan)
}

func suspendOwner(w *world) {
	w.ownerStays(func(org id.Org, user id.User) error { return w.suspend(org, user, true) })
}

func suspendStranger(w *world) {
	w.strangers(func(ctx context.Context, tx orgs.Tx, org id.Org, user id.User) error {
		return tx.SetSuspended(ctx, org, user, true)
	})
}

func removeMember(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Admin), w.joined(o.ID, "joan", orgs.Member)
	other, _ := w.founded("others")
	w.must(w.join(other.ID, grace.ID, orgs.Viewer))
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error { return tx.RemoveMember(ctx, o.ID, grace.ID) })
	w.wantRole(o.ID, grace.ID, orgs.Admin)
	w.must(w.remove(o.ID, grace.ID))
	w.notMember(o.ID, grace.ID)
	w.wantMembers(o.ID, ada, joan)
	w.wantRole(other.ID, grace.ID, orgs.Viewer)
	w.must(w.suspend(o.ID, joan.ID, true))
	w.must(w.remove(o.ID, joan.ID))
	w.notMember(o.ID, joan.ID)
	w.must(w.join(o.ID, grace.ID, orgs.Viewer))
	w.wantRole(o.ID, grace.ID, orgs.Viewer)
}

func removeOwner(w *world) { w.ownerStays(w.remove) }

func removeStranger(w *world) {
	w.strangers(func(ctx context.Context, tx orgs.Tx, org id.Org, user id.User) error {
		return tx.RemoveMember(ctx, org, user)
	})
}

func removeMemberRace(w *world) {
	o, _ := w.founded("acme")
	for round := range w.opts.rounds() {
		u := w.joined(o.ID, "member"+strconv.Itoa(round), orgs.Member)
		w.oneWinner(w.race(func(int) error { return w.remove(o.ID, u.ID) }), orgs.ErrNotMember)
		w.notMember(o.ID, u.ID)
	}
}

func orgPerson(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	for _, u := range []accounts.User{ada, grace} {
		p, err := w.s.Orgs().Person(w.ctx, u.ID)
		w.must(err)
		w.same("Person", p, orgPersonOf(u))
		p, err = w.s.Orgs().PersonByEmail(w.ctx, u.EmailKey)
		w.must(err)
		w.same("PersonByEmail", p, orgPersonOf(u))
	}
	for _, user := range []id.User{id.NewUser(), {}} {
		_, err := w.s.Orgs().Person(w.ctx, user)
		w.refused("Person", err, orgs.ErrPersonNotFound)
	}
	for _, key := range []string{"", ada.Email, "nobody@example.com", "a\x00@example.com"} {
		_, err := w.s.Orgs().PersonByEmail(w.ctx, key)
		w.refused("PersonByEmail", err, orgs.ErrPersonNotFound)
	}
}
