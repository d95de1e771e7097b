package storetest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func invitationTests() []check {
	return []check{
		{"PutInvitation/EveryFieldIsReadAsWritten", invitationRoundTrip},
		{"PutInvitation/ListBelongsToTheCaller", invitationMemory},
		{"PutInvitation/TakesThePlaceOfAPendingOne", putInvitationPending},
		{"PutInvitation/TakesThePlaceOfAnExpiredOne", putInvitationExpired},
		{"PutInvitation/LeavesEndedOnes", putInvitationEnded},
		{"PutInvitation/LeavesThoseOfOtherOrganizations", putInvitationElsewhere},
		{"PutInvitation/NotAsOwner", putInvitationOwner},
		{"PutInvitation/OneOf16IsPending", putInvitationRace},
		{"InvitationByHash/DoesNotSpend", invitationByHash},
		{"Invitation/AnothersIsErrInvitationNotFound", invitationOfOthers},
		{"Invitations/PendingExpiredAndDeclinedNewestFirst", invitationsListed},
		{"Invitations/PagesHoldEachOnce", invitationsPages},
		{"InvitationsFor/PendingOfLivingOrganizations", invitationsFor},
		{"InvitationsSince/CountsEveryLinkFromThatMoment", invitationsSince},
	}
}

// newInvitation returns one to name@example.com that is not stored yet.
func newInvitation(org id.Org, by id.User, name string) orgs.Invitation {
	i := orgs.Invitation{
		ID: id.NewInvitation(), Org: org, Email: name + "@Example.com", EmailKey: name + "@example.com",
		Role: orgs.Member, State: orgs.Pending, InvitedBy: by, CreatedAt: base, ExpiresAt: base.Add(7 * day),
	}
	i.Hash = hashOf("invitation " + i.ID.String())
	return i
}

func (w *world) putInvitation(i orgs.Invitation) (stored id.Invitation, err error) {
	err = w.locked(i.Org, func(ctx context.Context, tx orgs.Tx) error {
		stored, err = tx.PutInvitation(ctx, i)
		return err
	})
	return stored, err
}

// invited stores an invitation.
func (w *world) invited(i orgs.Invitation) orgs.Invitation {
	w.Helper()
	stored, err := w.putInvitation(i)
	w.must(err)
	i.ID = stored
	return i
}

func (w *world) reply(hash orgs.Hash, state orgs.State, user id.User, now time.Time) (spent orgs.Invitation, err error) {
	err = w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
		spent, err = tx.SpendInvitation(ctx, hash, state, user, now)
		return err
	})
	return spent, err
}

func (w *world) endInvitation(org id.Org, invitation id.Invitation, now time.Time) (ended orgs.Invitation, err error) {
	err = w.locked(org, func(ctx context.Context, tx orgs.Tx) error {
		ended, err = tx.EndInvitation(ctx, org, invitation, now)
		return err
	})
	return ended, err
}

func (w *world) wantInvitation(want orgs.Invitation) {
	w.Helper()
	got, err := w.s.Orgs().Invitation(w.ctx, want.Org, want.ID)
	w.must(err)
	w.same("Invitation", got, want)
}

// linkGone fails if a link is good for anything at now.
func (w *world) linkGone(what string, hash orgs.Hash, now time.Time) {
	w.Helper()
	_, err := w.s.Orgs().InvitationByHash(w.ctx, hash, now)
	w.refused("InvitationByHash of "+what, err, orgs.ErrLinkGone)
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		for _, state := range []orgs.State{orgs.Accepted, orgs.Declined} {
			_, err := tx.SpendInvitation(ctx, hash, state, id.NewUser(), now)
			w.refused("SpendInvitation of "+what, err, orgs.ErrLinkGone)
		}
		return nil
	})
}

// linkWorks fails unless a link leads to the invitation at now.
func (w *world) linkWorks(want orgs.Invitation, now time.Time) {
	w.Helper()
	got, err := w.s.Orgs().InvitationByHash(w.ctx, want.Hash, now)
	w.must(err)
	w.same("InvitationByHash", got, want)
}

// wantInvitations fails unless these are the invitations of an organization.
func (w *world) wantInvitations(org id.Org, want ...orgs.Invitation) {
	w.Helper()
	got, err := w.s.Orgs().Invitations(w.ctx, org, id.Invitation{}, 100)
	w.must(err)
	if len(got) != len(want) {
		w.Fatalf("%d invitations, want %d", len(got), len(want))
	}
	for i := range want {
		w.same("Invitations", got[i], want[i])
	}
}

func invitationRoundTrip(w *world) {
	o, ada := w.founded("acme")
	for n, at := range moments() {
		i := newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(n))
		i.Role = []orgs.Role{orgs.Admin, orgs.Member, orgs.Viewer}[n%3]
		i.Projects = [][]string{nil, {"one"}, {`"quoted" \ \u0000`, "it's ? $1 {}", "\u674e", "", "one"}}[n%3]
		i.CreatedAt, i.ExpiresAt = at, at.Add(day+tick)
		stored, err := w.putInvitation(i)
		w.must(err)
		if stored != i.ID {
			w.Errorf("PutInvitation returned %v, want %v", stored, i.ID)
		}
		w.wantInvitation(i)
		w.linkWorks(i, at)
		i, err = w.reply(i.Hash, orgs.Accepted, ada.ID, at.Add(tick))
		w.must(err)
		if i.State != orgs.Accepted || i.AcceptedBy != ada.ID || !i.EndedAt.Equal(at.Add(tick)) {
			w.Errorf("SpendInvitation returned %+v", i)
		}
		w.wantInvitation(i)
	}
}

// invitationMemory changes what was written, and what was read.
func invitationMemory(w *world) {
	o, ada := w.founded("acme")
	i := newInvitation(o.ID, ada.ID, "guest")
	i.Projects = []string{"one", "two"}
	want := i
	want.Projects = slices.Clone(i.Projects)
	w.invited(i)
	i.Projects[0] = "another"
	w.wantInvitation(want)
	got, err := w.s.Orgs().Invitation(w.ctx, o.ID, i.ID)
	w.must(err)
	got.Projects[1] = "another"
	w.wantInvitation(want)
}

// again is a second invitation for the address of i, with everything else changed.
func again(i orgs.Invitation, at time.Time) orgs.Invitation {
	second := newInvitation(i.Org, id.NewUser(), "guest")
	second.Email, second.EmailKey, second.Role, second.Projects = "GUEST@example.com", i.EmailKey, orgs.Viewer, []string{"another"}
	second.CreatedAt, second.ExpiresAt = at, at.Add(7*day)
	return second
}

func putInvitationPending(w *world) {
	o, ada := w.founded("acme")
	i := newInvitation(o.ID, ada.ID, "guest")
	i.Projects = []string{"one"}
	w.invited(i)
	other := w.invited(newInvitation(o.ID, ada.ID, "joan"))
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.PutInvitation(ctx, again(i, base.Add(day)))
		return err
	})
	w.linkWorks(i, base.Add(day))
	second := w.invited(again(i, base.Add(day)))
	if second.ID != i.ID {
		w.Errorf("PutInvitation returned %v, want the former ID %v", second.ID, i.ID)
	}
	w.linkGone("the former link", i.Hash, base.Add(day))
	w.linkWorks(second, base.Add(8*day-tick))
	w.wantInvitations(o.ID, other, second)
}

func putInvitationExpired(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "guest"))
	at := i.ExpiresAt.Add(day)
	second := w.invited(again(i, at))
	if second.ID != i.ID {
		w.Errorf("PutInvitation returned %v, want the former ID %v", second.ID, i.ID)
	}
	w.linkGone("the former link", i.Hash, base)
	w.linkWorks(second, at)
	w.wantInvitations(o.ID, second)
}

func putInvitationEnded(w *world) {
	o, ada := w.founded("acme")
	accepted, err := w.reply(w.invited(newInvitation(o.ID, ada.ID, "guest")).Hash, orgs.Accepted, ada.ID, base)
	w.must(err)
	declined, err := w.reply(w.invited(again(accepted, base)).Hash, orgs.Declined, ada.ID, base)
	w.must(err)
	revoked, err := w.endInvitation(o.ID, w.invited(again(accepted, base)).ID, base)
	w.must(err)
	last := w.invited(again(accepted, base))
	for _, i := range []orgs.Invitation{accepted, declined, revoked, last} {
		w.wantInvitation(i)
	}
	w.linkWorks(last, base)
	for _, i := range []orgs.Invitation{accepted, declined, revoked} {
		w.linkGone("an ended one", i.Hash, base)
	}
}

func putInvitationElsewhere(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	i, elsewhere := w.invited(newInvitation(o.ID, ada.ID, "guest")), w.invited(newInvitation(other.ID, ada.ID, "guest"))
	w.linkWorks(i, base)
	w.linkWorks(elsewhere, base)
}

func putInvitationOwner(w *world) {
	o, ada := w.founded("acme")
	for _, role := range notRoles {
		i := newInvitation(o.ID, ada.ID, "guest")
		i.Role = role
		if _, err := w.putInvitation(i); err == nil {
			w.Errorf("PutInvitation as %q succeeds", role)
		}
	}
	w.wantInvitations(o.ID)
}

func putInvitationRace(w *world) {
	o, ada := w.founded("acme")
	for round := range w.opts.rounds() {
		var all [racers]orgs.Invitation
		for n := range all {
			all[n] = newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(round))
		}
		stored := map[id.Invitation]bool{}
		var ids [racers]id.Invitation
		for _, err := range w.race(func(n int) (err error) {
			ids[n], err = w.putInvitation(all[n])
			return err
		}) {
			w.must(err)
		}
		good := 0
		for n := range all {
			stored[ids[n]] = true
			if _, err := w.s.Orgs().InvitationByHash(w.ctx, all[n].Hash, base); err == nil {
				good++
			}
		}
		if len(stored) != 1 || good != 1 {
			w.Fatalf("%d links of %d invitations are good, want one of one", good, len(stored))
		}
		w.wantSeats(o.ID, base, 2+round)
	}
}

func invitationByHash(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "guest"))
	for range 3 {
		w.linkWorks(i, base)
	}
	w.wantInvitation(i)
	for _, hash := range []orgs.Hash{hashOf("unknown"), {}} {
		w.linkGone("nothing", hash, base)
	}
}

func invitationOfOthers(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	i := w.invited(newInvitation(o.ID, ada.ID, "guest"))
	for org, invitation := range map[id.Org]id.Invitation{other.ID: i.ID, o.ID: id.NewInvitation(), id.NewOrg(): i.ID, {}: {}} {
		_, err := w.s.Orgs().Invitation(w.ctx, org, invitation)
		w.refused("Invitation", err, orgs.ErrInvitationNotFound)
	}
	w.wantInvitations(other.ID)
}

func invitationsListed(w *world) {
	o, ada := w.founded("acme")
	w.wantInvitations(o.ID)
	old := w.invited(newInvitation(o.ID, ada.ID, "old"))
	declined, err := w.reply(w.invited(newInvitation(o.ID, ada.ID, "declined")).Hash, orgs.Declined, id.User{}, base)
	w.must(err)
	_, err = w.reply(w.invited(newInvitation(o.ID, ada.ID, "accepted")).Hash, orgs.Accepted, ada.ID, base)
	w.must(err)
	_, err = w.endInvitation(o.ID, w.invited(newInvitation(o.ID, ada.ID, "revoked")).ID, base)
	w.must(err)
	expired := newInvitation(o.ID, ada.ID, "expired")
	expired.ExpiresAt = base.Add(-10000 * day)
	w.invited(expired)
	w.wantInvitations(o.ID, expired, declined, old)
	renewed := w.invited(again(old, base.Add(day)))
	w.wantInvitations(o.ID, expired, declined, renewed)
}

func invitationsPages(w *world) {
	o, ada := w.founded("acme")
	var want []id.Invitation
	for n := range 7 {
		want = append(want, w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(n))).ID)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 2, 3, 7, 8} {
		var got []id.Invitation
		for after := (id.Invitation{}); ; after = got[len(got)-1] {
			page, err := w.s.Orgs().Invitations(w.ctx, o.ID, after, limit)
			w.must(err)
			if len(page) > limit || len(got) > len(want) {
				w.Fatalf("a page of %d, want %d", len(page), limit)
			}
			for _, i := range page {
				got = append(got, i.ID)
			}
			if len(page) < limit {
				break
			}
		}
		if !slices.Equal(got, want) {
			w.Errorf("pages of %d hold %v, want %v", limit, got, want)
		}
	}
	// One that has ended meanwhile is still a place to go on behind.
	_, err := w.endInvitation(o.ID, want[2], base)
	w.must(err)
	page, err := w.s.Orgs().Invitations(w.ctx, o.ID, want[2], 1)
	w.must(err)
	if len(page) != 1 || page[0].ID != want[3] {
		w.Errorf("behind one that has ended is %+v", page)
	}
}

func invitationsFor(w *world) {
	o, ada := w.founded("acme")
	other, eve := w.founded("others")
	gone, _ := w.founded("gone")
	first, second := w.invited(newInvitation(o.ID, ada.ID, "guest")), w.invited(newInvitation(other.ID, eve.ID, "guest"))
	deleted := w.invited(newInvitation(gone.ID, ada.ID, "guest"))
	w.invited(newInvitation(o.ID, ada.ID, "joan"))
	w.deleteOrg(gone.ID)
	want := func(now time.Time, want ...orgs.Invitation) {
		w.Helper()
		got, err := w.s.Orgs().InvitationsFor(w.ctx, "guest@example.com", now)
		w.must(err)
		if len(got) != len(want) {
			w.Fatalf("%d invitations, want %d", len(got), len(want))
		}
		for i := range want {
			w.same("InvitationsFor", got[i], want[i])
		}
	}
	want(base, second, first)
	want(first.ExpiresAt.Add(-tick), second, first)
	want(first.ExpiresAt)
	_, err := w.reply(second.Hash, orgs.Declined, id.User{}, base)
	w.must(err)
	want(base, first)
	w.must(w.restoreOrg(gone.ID))
	want(base, deleted, first)
	for _, key := range []string{"", "Guest@example.com", "guest", "g\x00"} {
		if got, err := w.s.Orgs().InvitationsFor(w.ctx, key, base); err != nil || len(got) != 0 {
			w.Errorf("%d invitations for %q: %v", len(got), key, err)
		}
	}
}

func invitationsSince(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.invited(newInvitation(other.ID, ada.ID, "guest"))
	want := func(since time.Time, want int) {
		w.Helper()
		n, err := w.s.Orgs().InvitationsSince(w.ctx, o.ID, since)
		w.must(err)
		if n != want {
			w.Errorf("%d links since %v, want %d", n, since, want)
		}
	}
	want(base, 0)
	i := w.invited(newInvitation(o.ID, ada.ID, "guest"))
	want(base, 1)
	want(base.Add(tick), 0)
	second := w.invited(again(i, base.Add(time.Hour))) // the former link was made all the same
	want(base, 2)
	want(base.Add(tick), 1)
	_, err := w.endInvitation(o.ID, second.ID, base)
	w.must(err)
	w.invited(again(i, base.Add(time.Hour)))
	want(base, 3)
	want(base.Add(time.Hour), 2)
	want(base.Add(time.Hour+tick), 0)
}
