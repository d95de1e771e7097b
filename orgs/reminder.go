package orgs

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/mail"
)

// Reminder is how far an organization that asks for two factors has come in
// telling a member who has none.
type Reminder int

// The reminders, in their order. A later one makes up for those before it: who
// joins three days before the date gets one letter, and the last one.
const (
	Announced Reminder = 1 + iota // that two factors will be asked for
	WeekLeft                      // 7 days or less
	DayLeft                       // 1 day or less
)

// RemindedLate is for how long after the date people are still told of it: those
// for whom there was no time before, because it was set to that moment, or because
// no job ran.
const RemindedLate = day

// Reminder returns what members without a second factor are to be told at now;
// zero: nothing.
func (o Org) Reminder(now time.Time) Reminder {
	switch left := o.GraceUntil.Sub(now); {
	case !o.RequireSecondFactor, !o.DeletedAt.IsZero(), left <= -RemindedLate:
		return 0
	case left <= day:
		return DayLeft
	case left <= 7*day:
		return WeekLeft
	}
	return Announced
}

// Reminded is a member who is to be told.
type Reminded struct {
	MemberView
	Again bool // was told of this date before
}

// ReminderTx is the part of [Tx] about reminders.
type ReminderTx interface {
	// LockOrgToRemind locks, as LockOrg does, an organization for which
	// TakeReminders would return somebody at now, and returns it: the one whose
	// GraceUntil comes first. It passes over those that others have locked.
	// ErrOrgNotFound if there is none.
	LockOrgToRemind(ctx context.Context, now time.Time) (Org, error)

	// TakeReminders returns up to limit active members without a second factor, by
	// folded name, to whom what o.Reminder returns at now, or a later reminder, was
	// not sent for this GraceUntil; and notes that it was. Another GraceUntil begins
	// anew. What is noted ends with the membership.
	TakeReminders(ctx context.Context, o Org, now time.Time, limit int) ([]Reminded, error)
}

// remindedAtOnce bounds the letters of one transaction, and of one run of the job:
// they are urgent, and somebody's password reset waits behind them.
const (
	remindedAtOnce = 100
	remindedPerRun = 5
)

// RemindSecondFactor mails members without a second factor, of all organizations
// that ask for two: when that was announced, if they were not told then, 7 days
// and 1 day before the date; each once for a person, an organization and a date. It
// is a job: it may run on any number of nodes at once and be killed at any point,
// because letters and the note of them are written in one transaction with the
// organization locked. A run puts up to 500 letters into the outbox; what is left
// is the next one's.
func (s *Service) RemindSecondFactor(ctx context.Context) error {
	for range remindedPerRun {
		now := s.now()
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
			o, err := tx.LockOrgToRemind(ctx, now)
			if err != nil {
				return err
			}
			return s.remind(ctx, tx, o, now)
		})
		switch {
		case errors.Is(err, ErrOrgNotFound):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

// remind mails some of those who are to be told. The organization is locked: it
// cannot stop asking meanwhile, and nobody else mails the same people.
func (s *Service) remind(ctx context.Context, tx Tx, o Org, now time.Time) error {
	members, err := tx.TakeReminders(ctx, o, now, remindedAtOnce)
	if err != nil {
		return err
	}
	for _, m := range members {
		l := SecondFactorLetter{Org: o.Name, Until: o.GraceUntil, Again: m.Again}
		if err := s.postWith(ctx, tx, mail.Urgent, m.Person.Recipient(), l, now); err != nil {
			return err
		}
	}
	return nil
}
