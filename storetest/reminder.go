package storetest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func reminderTests() []check {
	return []check{
		{"TakeReminders/OfTheOrganizationWithoutSecondFactor", takeReminders},
		{"TakeReminders/AtMostTheLimit", takeRemindersLimit},
		{"TakeReminders/EachReminderOnce", takeRemindersOnce},
		{"TakeReminders/AnotherDateBeginsAnew", takeRemindersMoved},
		{"TakeReminders/EndWithTheMembership", takeRemindersRejoined},
		{"TakeReminders/RolledBackAreTakenAgain", takeRemindersRolledBack},
		{"LockOrgToRemind/FromTheDatesOn", lockOrgToRemind},
		{"LockOrgToRemind/TheFirstDateFirst", lockOrgToRemindOrder},
		{"LockOrgToRemind/NotOfNobody", lockOrgToRemindNobody},
		{"LockOrgToRemind/EachMemberOnceBy16", remindRace},
	}
}

// asks has an organization ask for two factors from a date on.
func (w *world) asks(o *orgs.Org, grace time.Time) {
	w.Helper()
	o.RequireSecondFactor, o.GraceUntil = !grace.IsZero(), grace
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateOrg(ctx, *o) }))
}

func (w *world) takeReminders(o orgs.Org, now time.Time, limit int) (list []orgs.Reminded, err error) {
	err = w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		list, err = tx.TakeReminders(ctx, o, now, limit)
		return err
	})
	return list, err
}

// wantReminded fails unless these are told at now; all of them again, or none.
func (w *world) wantReminded(o orgs.Org, now time.Time, again bool, want ...string) {
	w.Helper()
	list, err := w.takeReminders(o, now, 100)
	w.must(err)
	var names []string
	for _, m := range list {
		names = append(names, m.Person.Name)
		if m.Again != again {
			w.Errorf("%s is told again: %v, want %v", m.Person.Name, m.Again, again)
		}
	}
	if !slices.Equal(names, want) {
		w.Errorf("at %v %q are told, want %q", now, names, want)
	}
}

func (w *world) wantDue(now time.Time, want orgs.Org) {
	w.Helper()
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		o, err := tx.LockOrgToRemind(ctx, now)
		w.same("LockOrgToRemind", o, want)
		return err
	})
}

func (w *world) nobodyDue(now time.Time) {
	w.Helper()
	w.refused("LockOrgToRemind", w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.LockOrgToRemind(ctx, now)
		return err
	}), orgs.ErrOrgNotFound)
}

// asking stores an organization that asks for two factors in 30 days, with a Bob
// who has none and an Owner, "acme", who has.
func (w *world) asking() (orgs.Org, accounts.User) {
	w.Helper()
	o, owner := w.founded("acme")
	w.confirmed2FA(owner.ID, 1)
	bob := w.called("Bob", "bob")
	w.must(w.join(o.ID, bob.ID, orgs.Member))
	w.asks(&o, base.Add(30*day))
	return w.org(o.ID), bob
}

func takeReminders(w *world) {
	o, bob := w.asking()
	other, _ := w.founded("others")
	w.joined(other.ID, "eve", orgs.Member)
	for _, name := range []string{"Zoe", "anna", "Carol"} {
		u := w.called(name, name)
		w.must(w.join(o.ID, u.ID, orgs.Member))
		switch name {
		case "Zoe":
			w.must(w.suspend(o.ID, u.ID, true))
		case "Carol":
			w.addPasskey(u.ID, "key")
		}
	}
	list, err := w.takeReminders(o, base, 100)
	w.must(err)
	if len(list) != 2 || list[0].Person.Name != "anna" {
		w.Fatalf("%+v, want anna and Bob", list)
	}
	m, err := w.s.Orgs().Member(w.ctx, o.ID, bob.ID)
	w.must(err)
	w.same("TakeReminders", list[1], orgs.Reminded{MemberView: m})
	w.wantReminded(other, base, false)
}

func takeRemindersLimit(w *world) {
	o, _ := w.asking()
	for i := range 4 {
		w.must(w.join(o.ID, w.called("Guest "+strconv.Itoa(i), "guest"+strconv.Itoa(i)).ID, orgs.Viewer))
	}
	for _, want := range [][2]int{{0, 0}, {-1, 0}, {2, 2}, {2, 2}, {2, 1}, {2, 0}} {
		list, err := w.takeReminders(o, base, want[0])
		w.must(err)
		if len(list) != want[1] {
			w.Errorf("%d are told with a limit of %d, want %d", len(list), want[0], want[1])
		}
	}
}

func takeRemindersOnce(w *world) {
	o, _ := w.asking()
	grace := o.GraceUntil
	w.wantReminded(o, base, false, "Bob")
	w.wantReminded(o, base, false)
	w.wantReminded(o, grace.Add(-7*day-tick), false)
	carol := w.called("Carol", "carol")
	w.must(w.join(o.ID, carol.ID, orgs.Member))
	w.wantReminded(o, grace.Add(-7*day-tick), false, "Carol")
	w.wantReminded(o, grace.Add(-7*day), true, "Bob", "Carol")
	w.wantReminded(o, grace.Add(-day-tick), true)
	w.confirmed2FA(carol.ID, 1)
	w.wantReminded(o, grace.Add(-day), true, "Bob")
	w.wantReminded(o, base, true) // the clock of this node is behind
	late := w.called("Dora", "dora")
	w.must(w.join(o.ID, late.ID, orgs.Member))
	w.wantReminded(o, grace.Add(orgs.RemindedLate), false)
	w.wantReminded(o, grace.Add(orgs.RemindedLate-tick), false, "Dora")
	w.wantReminded(o, grace.Add(orgs.RemindedLate-tick), false)
}

func takeRemindersMoved(w *world) {
	o, _ := w.asking()
	grace := o.GraceUntil
	w.wantReminded(o, grace.Add(-day), false, "Bob")
	w.asks(&o, time.Time{})
	w.wantReminded(o, grace.Add(-day), false)
	w.asks(&o, grace)
	w.wantReminded(o, grace.Add(-day), false)
	w.asks(&o, grace.Add(day))
	w.wantReminded(o, grace.Add(-day), false, "Bob")
	w.wantReminded(o, grace, true, "Bob")
}

func takeRemindersRejoined(w *world) {
	o, bob := w.asking()
	w.wantReminded(o, base, false, "Bob")
	w.must(w.suspend(o.ID, bob.ID, true))
	w.must(w.suspend(o.ID, bob.ID, false))
	w.wantReminded(o, base, false)
	w.must(w.remove(o.ID, bob.ID))
	w.must(w.join(o.ID, bob.ID, orgs.Viewer))
	w.wantReminded(o, base, false, "Bob")
}

func takeRemindersRolledBack(w *world) {
	o, _ := w.asking()
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.TakeReminders(ctx, o, base, 10)
		return err
	})
	w.wantReminded(o, base, false, "Bob")
}

// lockOrgToRemind sees that it finds what TakeReminders would return, and nothing
// else: that the two agree at every date.
func lockOrgToRemind(w *world) {
	o, _ := w.asking()
	grace := o.GraceUntil
	w.wantDue(base, o)
	w.wantReminded(o, base, false, "Bob")
	w.nobodyDue(base)
	for _, left := range []time.Duration{7 * day, day} {
		w.nobodyDue(grace.Add(-left - tick))
		w.wantDue(grace.Add(-left), o)
		w.wantReminded(o, grace.Add(-left), true, "Bob")
		w.nobodyDue(grace.Add(-left))
	}
	w.must(w.join(o.ID, w.called("Carol", "carol").ID, orgs.Member))
	w.wantDue(grace.Add(orgs.RemindedLate-tick), o)
	w.nobodyDue(grace.Add(orgs.RemindedLate))
	w.asks(&o, grace.Add(day))
	w.wantDue(grace.Add(orgs.RemindedLate), w.org(o.ID))
	w.asks(&o, time.Time{})
	w.nobodyDue(base)
}

func lockOrgToRemindOrder(w *world) {
	later, _ := w.founded("acme")
	first, _ := w.founded("others")
	w.asks(&later, base.Add(30*day))
	w.asks(&first, base.Add(29*day))
	first, later = w.org(first.ID), w.org(later.ID)
	w.wantDue(base, first)
	w.wantReminded(first, base, false, "Ada Lovelace")
	w.wantDue(base, later)
	w.wantDue(base.Add(22*day), first)
}

func lockOrgToRemindNobody(w *world) {
	o, bob := w.asking()
	w.must(w.suspend(o.ID, bob.ID, true))
	w.nobodyDue(base)
	w.must(w.suspend(o.ID, bob.ID, false))
	w.wantDue(base, o)
	w.addPasskey(bob.ID, "key")
	w.nobodyDue(base)
	other, _ := w.founded("others")
	w.asks(&other, base.Add(day))
	w.wantDue(base, w.org(other.ID))
	w.deleteOrg(other.ID)
	w.nobodyDue(base)
}

// remindRace has many workers remind at once, as the job does.
func remindRace(w *world) {
	var all []orgs.Org
	for n := range 3 {
		o, _ := w.founded("acme-" + strconv.Itoa(n))
		for i := range 5 {
			w.joined(o.ID, "guest"+strconv.Itoa(n)+"-"+strconv.Itoa(i), orgs.Member)
		}
		w.asks(&o, base.Add(30*day))
		all = append(all, o)
	}
	type once struct {
		org  id.Org
		user id.User
	}
	var told [racers][]once
	for range w.opts.rounds() {
		for n, err := range w.race(func(n int) error {
			return w.tryOrgs(func(ctx context.Context, tx orgs.Tx) error {
				o, err := tx.LockOrgToRemind(ctx, base)
				if err != nil {
					return err
				}
				list, err := tx.TakeReminders(ctx, o, base, 2)
				told[n] = nil
				for _, m := range list {
					told[n] = append(told[n], once{o.ID, m.User})
				}
				return err
			})
		}) {
			if err != nil {
				w.refused("LockOrgToRemind", err, orgs.ErrOrgNotFound)
				told[n] = nil
			}
		}
		got := map[once]bool{}
		for _, list := range told {
			for _, m := range list {
				if got[m] {
					w.Fatalf("%v was told twice", m)
				}
				got[m] = true
			}
		}
		// Whoever comes while others have the organizations locked may find none.
		for _, o := range all {
			list, err := w.takeReminders(o, base, 100)
			w.must(err)
			for _, m := range list {
				if got[once{o.ID, m.User}] {
					w.Fatalf("%v was told twice", m)
				}
				got[once{o.ID, m.User}] = true
			}
		}
		if len(got) != 18 {
			w.Fatalf("%d were told, want 18", len(got))
		}
		w.nobodyDue(base)
		for i := range all {
			w.asks(&all[i], all[i].GraceUntil.Add(day))
		}
	}
}
