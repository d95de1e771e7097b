package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func invitationUseTests() []check {
	return []check{
		{"SpendInvitation/WorksOnce", spendInvitation},
		{"SpendInvitation/DeclinedIsNobodys", declineInvitation},
		{"SpendInvitation/AcceptedOrDeclinedAlone", spendAsAnother},
		{"SpendInvitation/GoneExactlyAtExpiry", spendInvitationExpiry},
		{"SpendInvitation/GoneWhileTheOrganizationIsDeleted", spendInvitationDeleted},
		{"SpendInvitation/UnspentIfRolledBack", spendInvitationRolledBack},
		{"SpendInvitation/OneWinnerOf16", spendInvitationRace},
		{"SpendInvitation/RacesEndInvitation", spendRacesEnd},
		{"SpendInvitation/RacesPutInvitation", spendRacesPut},
		{"EndInvitation/RevokesPendingAndExpired", endInvitation},
		{"EndInvitation/EndedIsErrInvitationNotFound", endEnded},
		{"EndInvitation/AnothersIsErrInvitationNotFound", endOfOthers},
		{"PurgeInvitations/EndedOrExpiredBeforeT", purgeInvitations},
		{"PurgeInvitations/CountsOfLinksBeforeT", purgeLinksMade},
		{"PurgeInvitations/SlugsReservedUntilBeforeNow", purgeSlugs},
		{"PurgeInvitations/AtMostTheLimit", purgeInvitationsLimit},
	}
}

func spendInvitation(w *world) {
	o, ada := w.founded("acme")
	grace := w.user("grace")
	i, other := w.invited(newInvitation(o.ID, ada.ID, "grace")), w.invited(newInvitation(o.ID, ada.ID, "joan"))
	got, err := w.reply(i.Hash, orgs.Accepted, grace.ID, base.Add(day))
	w.must(err)
	i.State, i.EndedAt, i.AcceptedBy = orgs.Accepted, base.Add(day), grace.ID
	w.same("SpendInvitation", got, i)
	w.linkGone("a spent one", i.Hash, base.Add(day))
	w.wantInvitation(i)
	w.linkWorks(other, base)
}

func declineInvitation(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "grace"))
	got, err := w.reply(i.Hash, orgs.Declined, ada.ID, base.Add(day))
	w.must(err)
	i.State, i.EndedAt = orgs.Declined, base.Add(day)
	w.same("SpendInvitation", got, i)
	w.linkGone("a declined one", i.Hash, base.Add(day))
	w.wantInvitation(i)
}

func spendAsAnother(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "grace"))
	for _, state := range []orgs.State{orgs.Pending, orgs.Revoked, orgs.Expired, ""} {
		if _, err := w.reply(i.Hash, state, ada.ID, base); err == nil {
			w.Errorf("SpendInvitation as %q succeeds", state)
		}
	}
	w.wantInvitation(i)
}

func spendInvitationExpiry(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "grace"))
	for _, now := range []time.Time{i.ExpiresAt.Add(day), i.ExpiresAt.Add(tick), i.ExpiresAt} {
		w.linkGone("an expired one", i.Hash, now)
	}
	w.linkWorks(i, i.ExpiresAt.Add(-tick))
	_, err := w.reply(i.Hash, orgs.Accepted, ada.ID, i.ExpiresAt.Add(-tick))
	w.must(err)
}

func spendInvitationDeleted(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "grace"))
	w.deleteOrg(o.ID)
	w.linkGone("a deleted organization's", i.Hash, base)
	w.wantInvitation(i)
	w.must(w.restoreOrg(o.ID))
	w.linkWorks(i, base)
	_, err := w.reply(i.Hash, orgs.Accepted, ada.ID, base)
	w.must(err)
}

func spendInvitationRolledBack(w *world) {
	o, ada := w.founded("acme")
	i := w.invited(newInvitation(o.ID, ada.ID, "grace"))
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.SpendInvitation(ctx, i.Hash, orgs.Accepted, ada.ID, base)
		return err
	})
	w.linkWorks(i, base)
}

func spendInvitationRace(w *world) {
	o, ada := w.founded("acme")
	for round := range w.opts.rounds() {
		i := w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(round)))
		states := []orgs.State{orgs.Accepted, orgs.Declined}
		winner := w.oneWinner(w.race(func(n int) error {
			_, err := w.reply(i.Hash, states[n%2], ada.ID, base)
			return err
		}), orgs.ErrLinkGone)
		got, err := w.s.Orgs().Invitation(w.ctx, o.ID, i.ID)
		w.must(err)
		if got.State != states[winner%2] {
			w.Errorf("the invitation is %s, the winner made it %s", got.State, states[winner%2])
		}
	}
}

func spendRacesEnd(w *world) {
	o, ada := w.founded("acme")
	for round := range w.opts.rounds() {
		i := w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(round)))
		winners := 0
		for n, err := range w.race(func(n int) error {
			if n%2 == 0 {
				_, err := w.endInvitation(o.ID, i.ID, base)
				return err
			}
			_, err := w.reply(i.Hash, orgs.Accepted, ada.ID, base)
			return err
		}) {
			switch {
			case err == nil:
				winners++
			case n%2 == 0:
				w.refused("EndInvitation", err, orgs.ErrInvitationNotFound)
			default:
				w.refused("SpendInvitation", err, orgs.ErrLinkGone)
			}
		}
		if winners != 1 {
			w.Fatalf("%d callers have ended one invitation", winners)
		}
	}
}

// spendRacesPut accepts the former link while new ones are made: whoever got
// through has joined, and what was made after that is another invitation.
func spendRacesPut(w *world) {
	o, ada := w.founded("acme")
	for round := range w.opts.rounds() {
		i := w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(round)))
		accepted := 0
		for n, err := range w.race(func(n int) error {
			if n%4 == 0 {
				_, err := w.putInvitation(again(i, base))
				return err
			}
			_, err := w.reply(i.Hash, orgs.Accepted, ada.ID, base)
			return err
		}) {
			switch {
			case n%4 == 0:
				w.must(err)
			case err == nil:
				accepted++
			case !errors.Is(err, orgs.ErrLinkGone):
				w.Errorf("SpendInvitation: %v", err)
			}
		}
		got, err := w.s.Orgs().Invitation(w.ctx, o.ID, i.ID)
		w.must(err)
		if accepted > 1 || (accepted == 1) != (got.State == orgs.Accepted) {
			w.Errorf("accepted by %d callers, stored as %s", accepted, got.State)
		}
		w.linkGone("the former link", i.Hash, base)
	}
}

func endInvitation(w *world) {
	o, ada := w.founded("acme")
	pending, other := w.invited(newInvitation(o.ID, ada.ID, "grace")), w.invited(newInvitation(o.ID, ada.ID, "joan"))
	expired := w.invited(newInvitation(o.ID, ada.ID, "dora"))
	for _, i := range []orgs.Invitation{pending, expired} {
		now := base.Add(day)
		if i.ID == expired.ID {
			now = i.ExpiresAt.Add(day)
		}
		w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.EndInvitation(ctx, o.ID, i.ID, now)
			return err
		})
		w.linkWorks(i, base)
		got, err := w.endInvitation(o.ID, i.ID, now)
		w.must(err)
		i.State, i.EndedAt = orgs.Revoked, now
		w.same("EndInvitation", got, i)
		w.wantInvitation(i)
		w.linkGone("a revoked one", i.Hash, base)
	}
	w.linkWorks(other, base)
}

func endEnded(w *world) {
	o, ada := w.founded("acme")
	for n, end := range []func(i orgs.Invitation) error{
		func(i orgs.Invitation) error { _, err := w.reply(i.Hash, orgs.Accepted, ada.ID, base); return err },
		func(i orgs.Invitation) error { _, err := w.reply(i.Hash, orgs.Declined, ada.ID, base); return err },
		func(i orgs.Invitation) error { _, err := w.endInvitation(o.ID, i.ID, base); return err },
	} {
		i := w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(n)))
		w.must(end(i))
		before, err := w.s.Orgs().Invitation(w.ctx, o.ID, i.ID)
		w.must(err)
		_, err = w.endInvitation(o.ID, i.ID, base.Add(day))
		w.refused("EndInvitation", err, orgs.ErrInvitationNotFound)
		w.wantInvitation(before)
	}
}

func endOfOthers(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	i := w.invited(newInvitation(o.ID, ada.ID, "guest"))
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		for org, invitation := range map[id.Org]id.Invitation{other.ID: i.ID, o.ID: id.NewInvitation(), {}: {}} {
			_, err := tx.EndInvitation(ctx, org, invitation, base)
			w.refused("EndInvitation", err, orgs.ErrInvitationNotFound)
		}
		return nil
	})
	w.linkWorks(i, base)
}

func (w *world) purgeInvitations(t, now time.Time, limit int) (n int) {
	w.Helper()
	w.orgs(func(ctx context.Context, tx orgs.Tx) (err error) {
		n, err = tx.PurgeInvitations(ctx, t, now, limit)
		return err
	})
	return n
}

func purgeInvitations(w *world) {
	o, ada := w.founded("acme")
	expired := w.invited(newInvitation(o.ID, ada.ID, "expired"))
	later := newInvitation(o.ID, ada.ID, "later")
	later.ExpiresAt = base.Add(1000 * day)
	later = w.invited(later)
	t := expired.ExpiresAt
	var ended []orgs.Invitation
	for n, state := range []orgs.State{orgs.Accepted, orgs.Declined, orgs.Revoked} {
		i := newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(n))
		i.ExpiresAt = base.Add(1000 * day)
		w.invited(i)
		var err error
		if state == orgs.Revoked {
			i, err = w.endInvitation(o.ID, i.ID, t)
		} else {
			i, err = w.reply(i.Hash, state, ada.ID, t)
		}
		w.must(err)
		ended = append(ended, i)
	}
	ended = append(ended, expired)
	w.purgeInvitations(t, t, 100)
	for _, i := range ended {
		w.wantInvitation(i)
	}
	if n := w.purgeInvitations(t.Add(tick), t, 100); n != len(ended) {
		w.Errorf("PurgeInvitations removed %d, want %d", n, len(ended))
	}
	for _, i := range ended {
		_, err := w.s.Orgs().Invitation(w.ctx, o.ID, i.ID)
		w.refused("Invitation", err, orgs.ErrInvitationNotFound)
	}
	w.linkWorks(later, t.Add(tick))
}

func purgeLinksMade(w *world) {
	o, ada := w.founded("acme")
	i := newInvitation(o.ID, ada.ID, "guest")
	i.ExpiresAt = base.Add(1000 * day)
	w.invited(i)
	for t, want := range map[time.Time]int{base: 1, base.Add(-day): 1} {
		w.purgeInvitations(t, t, 100)
		n, err := w.s.Orgs().InvitationsSince(w.ctx, o.ID, base)
		w.must(err)
		if n != want {
			w.Errorf("%d links are counted, want %d", n, want)
		}
	}
	w.purgeInvitations(base.Add(tick), base, 100)
	n, err := w.s.Orgs().InvitationsSince(w.ctx, o.ID, base)
	w.must(err)
	if n > 1 {
		w.Errorf("%d links are counted, 1 was made", n)
	}
	w.linkWorks(i, base)
}

func purgeSlugs(w *world) {
	o, ada := w.founded("acme")
	reserve := base.Add(90 * day)
	w.must(w.changeSlug(o.ID, "apex", base, reserve))
	w.purgeInvitations(base, reserve, 100)
	w.views(ada.ID, "acme", w.org(o.ID), orgs.Owner)
	if n := w.purgeInvitations(base, reserve.Add(tick), 100); n != 1 {
		w.Errorf("PurgeInvitations removed %d, want one slug", n)
	}
	w.hidden(ada.ID, "acme")
	w.views(ada.ID, "apex", w.org(o.ID), orgs.Owner)
	w.must(w.insertOrg(newOrg("acme", ada.ID)))
}

func purgeInvitationsLimit(w *world) {
	o, ada := w.founded("acme")
	for n := range 5 {
		w.invited(newInvitation(o.ID, ada.ID, "guest"+strconv.Itoa(n)))
	}
	w.must(w.changeSlug(o.ID, "apex", base, base.Add(day)))
	w.must(w.changeSlug(o.ID, "zenith", base, base.Add(day)))
	end := base.Add(1000 * day)
	total := 0
	for total < 7 {
		n := w.purgeInvitations(end, end, 2)
		if n < 1 || n > 2 {
			w.Fatalf("PurgeInvitations removed %d with a limit of 2", n)
		}
		total += n
	}
	for w.purgeInvitations(end, end, 2) > 0 {
		total++
	}
	if total > 100 || w.purgeInvitations(end, end, 0) != 0 {
		w.Error("PurgeInvitations has no end")
	}
	w.wantInvitations(o.ID)
}
