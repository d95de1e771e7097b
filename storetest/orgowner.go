package storetest

import (
	"context"
	"errors"
	"strconv"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func orgOwnerTests() []check {
	return []check{
		{"SetOwner/FormerOwnerGoesOnAsAdmin", setOwner},
		{"SetOwner/WhoIsNotTheOwnerIsErrStaleOwner", setOwnerStale},
		{"SetOwner/NoActiveMemberIsErrNotMember", setOwnerStranger},
		{"SetOwner/DeletedIsErrOrgNotFound", setOwnerDeleted},
		{"SetOwner/RolledBackChangesNothing", setOwnerRolledBack},
		{"SetOwner/OneWinnerOf16ToDifferentMembers", setOwnerRace},
		{"SetOwner/RacesRemoveMember", setOwnerRacesRemove},
		{"SetOwner/RacesSetSuspended", setOwnerRacesSuspend},
		{"SetOwner/RacesTheFormerOwnersLeaving", setOwnerRacesLeave},
		{"SetOwner/RacesSetRole", setOwnerRacesRole},
	}
}

func (w *world) setOwner(org id.Org, from, to id.User) error {
	return w.locked(org, func(ctx context.Context, tx orgs.Tx) error { return tx.SetOwner(ctx, org, from, to, base.Add(day)) })
}

// wantOneOwner fails unless the organization has exactly that Owner, who is an
// active member, wherever one looks.
func (w *world) wantOneOwner(org id.Org, owner id.User) {
	w.Helper()
	if got := w.org(org).Owner; got != owner {
		w.Errorf("the Owner is %v, want %v", got, owner)
	}
	m, err := w.s.Orgs().Member(w.ctx, org, owner)
	w.must(err)
	if m.Role != orgs.Owner || m.Suspended {
		w.Errorf("the Owner is a member %+v", m.Membership)
	}
	list, _, err := w.s.Orgs().Members(w.ctx, org, "", false, nil, 1000)
	w.must(err)
	n := 0
	for _, m := range list {
		if m.Role == orgs.Owner {
			n++
		}
	}
	if n != 1 {
		w.Errorf("%d active members are Owner, want 1", n)
	}
}

func (w *world) wantRole(org id.Org, user id.User, want orgs.Role) {
	w.Helper()
	m, err := w.s.Orgs().Member(w.ctx, org, user)
	w.must(err)
	if m.Role != want {
		w.Errorf("the role is %s, want %s", m.Role, want)
	}
}

func setOwner(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Viewer), w.joined(o.ID, "joan", orgs.Member)
	w.must(w.setOwner(o.ID, ada.ID, grace.ID))
	o.Owner, o.UpdatedAt = grace.ID, base.Add(day)
	w.same("Org", w.org(o.ID), o)
	w.wantOneOwner(o.ID, grace.ID)
	w.wantRole(o.ID, ada.ID, orgs.Admin)
	w.wantRole(o.ID, joan.ID, orgs.Member)
	w.must(w.setOwner(o.ID, grace.ID, ada.ID)) // who was a Viewer
	w.wantOneOwner(o.ID, ada.ID)
	w.wantRole(o.ID, grace.ID, orgs.Admin)
	w.must(w.remove(o.ID, grace.ID))
}

func setOwnerStale(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Admin), w.joined(o.ID, "joan", orgs.Admin)
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		for _, from := range []id.User{grace.ID, joan.ID, id.NewUser(), {}} {
			w.refused("SetOwner", tx.SetOwner(ctx, o.ID, from, grace.ID, base), orgs.ErrStaleOwner)
		}
		return nil
	}))
	w.wantOneOwner(o.ID, ada.ID)
	w.must(w.setOwner(o.ID, ada.ID, grace.ID))
	w.refused("SetOwner again", w.setOwner(o.ID, ada.ID, joan.ID), orgs.ErrStaleOwner)
	w.wantOneOwner(o.ID, grace.ID)
}

func setOwnerStranger(w *world) {
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.must(w.suspend(o.ID, grace.ID, true))
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		for _, to := range []id.User{eve.ID, grace.ID, id.NewUser(), {}} {
			w.refused("SetOwner", tx.SetOwner(ctx, o.ID, ada.ID, to, base), orgs.ErrNotMember)
		}
		return nil
	}))
	w.wantOneOwner(o.ID, ada.ID)
	w.wantOneOwner(other.ID, eve.ID)
}

func setOwnerDeleted(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Admin)
	w.deleteOrg(o.ID)
	w.refused("SetOwner", w.setOwner(o.ID, ada.ID, grace.ID), orgs.ErrOrgNotFound)
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		w.refused("SetOwner of none", tx.SetOwner(ctx, id.NewOrg(), ada.ID, grace.ID, base), orgs.ErrOrgNotFound)
		return nil
	})
	if w.org(o.ID).Owner != ada.ID {
		w.Error("a deleted organization has changed hands")
	}
}

func setOwnerRolledBack(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Viewer)
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		return tx.SetOwner(ctx, o.ID, ada.ID, grace.ID, base.Add(day))
	})
	w.same("Org", w.org(o.ID), o)
	w.wantOneOwner(o.ID, ada.ID)
	w.wantRole(o.ID, grace.ID, orgs.Viewer)
}

func setOwnerRace(w *world) {
	o, ada := w.founded("acme")
	var members [racers]id.User
	for i := range members {
		members[i] = w.joined(o.ID, "member"+strconv.Itoa(i), orgs.Member).ID
	}
	for range w.opts.rounds() {
		winner := w.oneWinner(w.race(func(i int) error { return w.setOwner(o.ID, ada.ID, members[i]) }), orgs.ErrStaleOwner)
		w.wantOneOwner(o.ID, members[winner])
		w.must(w.setOwner(o.ID, members[winner], ada.ID))
	}
}

// racesSetOwner has 8 callers hand ownership over to a member, while 8 do
// something else to that member, or to the Owner. What they get must be among
// the answers, and there must be an Owner.
func (w *world) racesSetOwner(act func(ctx context.Context, tx orgs.Tx, o orgs.Org, to id.User) error, answers ...*fault.Sentinel) {
	w.Helper()
	for round := range w.opts.rounds() {
		o, ada := w.founded("acme-" + strconv.Itoa(round))
		grace := w.joined(o.ID, "grace"+strconv.Itoa(round), orgs.Member)
		for i, err := range w.race(func(i int) error {
			if i%2 == 0 {
				return w.setOwner(o.ID, ada.ID, grace.ID)
			}
			return w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return act(ctx, tx, o, grace.ID) })
		}) {
			known := err == nil
			for _, answer := range append(answers, orgs.ErrStaleOwner, orgs.ErrNotMember) {
				known = known || errors.Is(err, answer)
			}
			if !known {
				w.Errorf("caller %d got %v", i, err)
			}
		}
		w.wantOneOwner(o.ID, w.org(o.ID).Owner)
	}
}

func setOwnerRacesRemove(w *world) {
	w.racesSetOwner(func(ctx context.Context, tx orgs.Tx, o orgs.Org, to id.User) error {
		return tx.RemoveMember(ctx, o.ID, to)
	}, orgs.ErrOwnerRequired)
}

func setOwnerRacesSuspend(w *world) {
	w.racesSetOwner(func(ctx context.Context, tx orgs.Tx, o orgs.Org, to id.User) error {
		return tx.SetSuspended(ctx, o.ID, to, true)
	}, orgs.ErrOwnerRequired)
}

func setOwnerRacesLeave(w *world) {
	w.racesSetOwner(func(ctx context.Context, tx orgs.Tx, o orgs.Org, _ id.User) error {
		return tx.RemoveMember(ctx, o.ID, o.Owner)
	}, orgs.ErrOwnerRequired)
}

func setOwnerRacesRole(w *world) {
	w.racesSetOwner(func(ctx context.Context, tx orgs.Tx, o orgs.Org, to id.User) error {
		return tx.SetRole(ctx, o.ID, to, orgs.Viewer)
	}, orgs.ErrOwnerRequired)
}
