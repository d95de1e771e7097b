package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/orgs"
)

// told is the last reminder that a member was sent, and of which date.
type told struct {
	grace    time.Time
	reminder orgs.Reminder
}

// toRemind are the members that TakeReminders would return without a limit.
func (st *state) toRemind(o orgs.Org, now time.Time) []orgs.Reminded {
	due := o.Reminder(now)
	if due == 0 {
		return nil
	}
	var list []orgs.Reminded
	for _, f := range st.active(o.ID, "", false) {
		last := st.reminders[memberKey{o.ID, f.User}]
		again := last.grace.Equal(o.GraceUntil)
		if f.Person.TwoFactor || again && last.reminder >= due {
			continue
		}
		list = append(list, orgs.Reminded{MemberView: f.MemberView, Again: again})
	}
	return list
}

// LockOrgToRemind implements [orgs.ReminderTx]. The transaction holds the lock
// already.
func (tx orgsTx) LockOrgToRemind(ctx context.Context, now time.Time) (orgs.Org, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return orgs.Org{}, err
	}
	var due []orgs.Org
	for _, o := range st.orgs {
		if len(st.toRemind(o, now)) > 0 {
			due = append(due, o)
		}
	}
	if len(due) == 0 {
		return orgs.Org{}, orgs.ErrOrgNotFound
	}
	return slices.MinFunc(due, func(a, b orgs.Org) int {
		if c := a.GraceUntil.Compare(b.GraceUntil); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	}), nil
}

// TakeReminders implements [orgs.ReminderTx].
func (tx orgsTx) TakeReminders(ctx context.Context, o orgs.Org, now time.Time, limit int) ([]orgs.Reminded, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	list := st.toRemind(o, now)
	list = list[:min(len(list), max(limit, 0))]
	for _, m := range list {
		st.reminders[memberKey{o.ID, m.User}] = told{o.GraceUntil, o.Reminder(now)}
	}
	return list, nil
}
