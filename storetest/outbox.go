package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

func outboxTests() []check {
	return []check{
		{"EnqueueMail/EveryFieldIsReadAsWritten", letterRoundTrip},
		{"EnqueueMail/FromEveryDomain", enqueueEverywhere},
		{"EnqueueMail/RolledBackIsNeverSent", enqueueRolledBack},
		{"ClaimMail/DueFromThatMomentOn", claimDue},
		{"ClaimMail/MostUrgentThenOldestFirst", claimOrder},
		{"ClaimMail/AtMostTheLimit", claimLimit},
		{"ClaimMail/HiddenUntilTheLeaseEnds", claimLease},
		{"ClaimMail/EachLetterToOneOf16", claimRace},
		{"ClaimMail/CancelledContextIsAnError", mailCancelled},
		{"MailSent/IsNeverClaimedAgain", mailSent},
		{"MailSent/BlanksTheLetter", mailSentBlanks},
		{"MailSent/OutlivesALateFailure", mailSentThenFailed},
		{"MailFailed/CountsAndIsDueAgainAtNext", mailFailed},
		{"MailFailed/NextMayBeBeforeTheLeaseEnds", mailFailedEarly},
		{"MailFailed/WithoutNextIsGivenUp", mailGivenUp},
		{"MailFailed/GivenUpIsKeptAndBlanked", mailGivenUpBlanks},
		{"OldestDueMail/ZeroWhenNoneIsDue", oldestNone},
		{"OldestDueMail/SinceWhenTheLongestWaits", oldestDue},
		{"PurgeMail/RemovesWhatWasDoneBefore", purgeMail},
		{"SuppressAddress/IsToldOfThatAddressAlone", suppressAddress},
		{"SuppressAddress/AComplaintOutlastsABounce", suppressTwice},
		{"SuppressAddress/By16AtOnce", suppressRace},
		{"ReleaseAddress/ForItsReasonAlone", releaseAddress},
	}
}

// newLetter returns a letter that is due at base.
func newLetter(content string) mail.Envelope {
	return mail.Envelope{
		ID: id.NewMail(), Kind: "account.confirm_email", Urgency: mail.Normal, Sealed: []byte(content),
		To:        mail.Recipient{Address: "Ada@Example.com", Name: "Ada Lovelace", Locale: "en-GB", Timezone: "Europe/London"},
		CreatedAt: base, DueAt: base,
	}
}

func (w *world) enqueue(letters ...mail.Envelope) {
	w.Helper()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		for _, l := range letters {
			if err := tx.EnqueueMail(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) claim(now time.Time, limit int) []mail.Envelope {
	w.Helper()
	got, err := w.s.Mail().ClaimMail(w.ctx, now, time.Minute, limit)
	w.must(err)
	return got
}

// wantClaimed fails unless exactly these letters are claimed, in this order.
func (w *world) wantClaimed(now time.Time, limit int, want ...mail.Envelope) {
	w.Helper()
	got := w.claim(now, limit)
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = got[i].ID == want[i].ID
	}
	if !same {
		w.Fatalf("ClaimMail at %v returned %v, want %v", now, contents(got), contents(want))
	}
}

func contents(letters []mail.Envelope) []string {
	all := []string{}
	for _, l := range letters {
		all = append(all, string(l.Sealed))
	}
	return all
}

func letterRoundTrip(w *world) {
	want := map[id.Mail]mail.Envelope{}
	add := func(l mail.Envelope) { want[l.ID] = l; w.enqueue(l) }
	for _, name := range names() {
		l := newLetter("content")
		l.To.Name = name
		add(l)
	}
	for _, at := range moments() {
		l := newLetter("content")
		l.CreatedAt, l.DueAt = at, at.Add(tick)
		add(l)
	}
	for _, u := range []mail.Urgency{mail.Urgent, mail.Normal, mail.Bulk} {
		l := newLetter(string(bytes.Repeat([]byte{0, 0xff, '\'', '\\', 0x80}, 2000)))
		l.Urgency, l.To = u, mail.Recipient{Address: "j\u00f6rg@example.com"}
		add(l)
	}
	got := w.claim(base.Add(100*365*day), 100)
	if len(got) != len(want) {
		w.Fatalf("%d letters were claimed, want %d", len(got), len(want))
	}
	for _, l := range got {
		w.same("ClaimMail", l, want[l.ID])
	}
}

func enqueueEverywhere(w *world) {
	first, second, third := newLetter("first"), newLetter("second"), newLetter("third")
	second.DueAt, third.DueAt = base.Add(tick), base.Add(2*tick)
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.EnqueueMail(ctx, first) })
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.EnqueueMail(ctx, second) })
	w.orgs(func(ctx context.Context, tx orgs.Tx) error { return tx.EnqueueMail(ctx, third) })
	w.wantClaimed(base.Add(2*tick), 10, first, second, third)
}

func enqueueRolledBack(w *world) {
	_ = w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		return errors.Join(tx.EnqueueMail(ctx, newLetter("one")), errBoom)
	})
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		return errors.Join(tx.EnqueueMail(ctx, newLetter("two")), errBoom)
	})
	w.wantClaimed(base.Add(day), 10)
}

func claimDue(w *world) {
	now, later := newLetter("now"), newLetter("later")
	later.DueAt = base.Add(time.Hour)
	w.enqueue(later, now)
	w.wantClaimed(base.Add(-tick), 10)
	w.wantClaimed(base, 10, now)
	w.wantClaimed(later.DueAt.Add(-tick), 1, now) // its lease has ended
	w.wantClaimed(later.DueAt, 10, later)
}

func claimOrder(w *world) {
	var letters []mail.Envelope
	for i, u := range []mail.Urgency{mail.Bulk, mail.Normal, mail.Urgent, mail.Normal, mail.Bulk, mail.Urgent} {
		l := newLetter(strconv.Itoa(i))
		l.Urgency = u
		// The later stored, the older: the order of storing is no order.
		l.CreatedAt, l.DueAt = base.Add(-time.Duration(i)*time.Minute), base.Add(-time.Duration(i)*time.Minute)
		letters = append(letters, l)
	}
	w.enqueue(letters...)
	w.wantClaimed(base, 3, letters[5], letters[2], letters[3])
	w.wantClaimed(base, 10, letters[1], letters[4], letters[0])
}

func claimLimit(w *world) {
	w.enqueue(newLetter("one"), newLetter("two"), newLetter("three"))
	seen := map[id.Mail]bool{}
	for _, want := range []int{2, 1, 0} {
		got := w.claim(base, 2)
		if len(got) != want {
			w.Fatalf("ClaimMail with a limit of 2 returned %d letters, want %d", len(got), want)
		}
		for _, l := range got {
			if seen[l.ID] {
				w.Errorf("letter %q was claimed twice", l.Sealed)
			}
			seen[l.ID] = true
		}
	}
}

func claimLease(w *world) {
	l := newLetter("one")
	w.enqueue(l)
	at := base.Add(time.Hour)
	w.wantClaimed(at, 10, l)
	w.wantClaimed(at, 10)
	w.wantClaimed(at.Add(time.Minute-tick), 10)
	got := w.claim(at.Add(time.Minute), 10)
	if len(got) != 1 {
		w.Fatalf("ClaimMail at the end of the lease returned %v, want the letter", contents(got))
	}
	// A lease that ran out is not a failure that was counted.
	w.same("ClaimMail again", got[0], l)
}

func claimRace(w *world) {
	for range w.opts.rounds() {
		var letters []mail.Envelope
		for i := range 2 * racers {
			letters = append(letters, newLetter(strconv.Itoa(i)))
		}
		w.enqueue(letters...)
		var claimed [racers][]mail.Envelope
		errs := w.race(func(i int) (err error) {
			claimed[i], err = w.s.Mail().ClaimMail(w.ctx, base, time.Minute, 3)
			return err
		})
		w.must(errors.Join(errs...))
		times := map[id.Mail]int{}
		for _, l := range slices.Concat(claimed[:]...) {
			times[l.ID]++
		}
		for _, l := range w.claim(base, 100) { // what the others, seeing it taken, left over
			times[l.ID]++
		}
		for _, l := range letters {
			if times[l.ID] != 1 {
				w.Fatalf("letter %q was claimed %d times, want once", l.Sealed, times[l.ID])
			}
			w.must(w.s.Mail().MailSent(w.ctx, l.ID, base))
		}
	}
}

func mailCancelled(w *world) {
	l := newLetter("one")
	w.enqueue(l)
	s, ctx := w.s.Mail(), w.cancelled()
	_, err := s.ClaimMail(ctx, base, time.Minute, 10)
	w.outage("ClaimMail", err)
	w.outage("MailSent", s.MailSent(ctx, l.ID, base))
	w.outage("MailFailed", s.MailFailed(ctx, l.ID, base, time.Time{}, "refused"))
	_, err = s.OldestDueMail(ctx, base)
	w.outage("OldestDueMail", err)
	_, err = s.PurgeMail(ctx, base)
	w.outage("PurgeMail", err)
	w.wantClaimed(base, 10, l)
}

func mailSent(w *world) {
	sent, other := newLetter("sent"), newLetter("other")
	other.DueAt = base.Add(tick)
	w.enqueue(sent, other)
	w.wantClaimed(base.Add(tick), 10, sent, other)
	w.must(w.s.Mail().MailSent(w.ctx, sent.ID, base.Add(time.Second)))
	w.wantClaimed(base.Add(day), 10, other)
}

// sealed returns the stored content of a letter, if the store can tell.
func (w *world) sealed(l mail.Envelope) []byte {
	w.Helper()
	if w.opts.SealedMail == nil {
		w.Skip("Options.SealedMail is not set: whether the letter is blanked is not proven")
	}
	return w.opts.SealedMail(w.T, w.s, l.ID)
}

func (w *world) wantSealed(l mail.Envelope, want []byte) {
	w.Helper()
	if got := w.sealed(l); !bytes.Equal(got, want) {
		w.Errorf("the stored content is %q, want %q", got, want)
	}
}

func mailSentBlanks(w *world) {
	l, other := newLetter("live secret"), newLetter("other")
	w.enqueue(l, other)
	w.wantSealed(l, l.Sealed)
	w.claim(base, 10)
	w.wantSealed(l, l.Sealed)
	w.must(w.s.Mail().MailSent(w.ctx, l.ID, base))
	w.wantSealed(l, nil)
	w.wantSealed(other, other.Sealed)
}

// mailSentThenFailed: of two who hold a letter, because the lease of the first
// ran out, one may succeed and the other fail.
func mailSentThenFailed(w *world) {
	l := newLetter("one")
	w.enqueue(l)
	w.claim(base, 10)
	w.must(w.s.Mail().MailSent(w.ctx, l.ID, base))
	w.must(w.s.Mail().MailFailed(w.ctx, l.ID, base, base.Add(time.Minute), "timeout"))
	w.wantClaimed(base.Add(day), 10)
}

func mailFailed(w *world) {
	l, other := newLetter("one"), newLetter("other")
	other.DueAt = base.Add(tick)
	w.enqueue(l, other)
	w.wantClaimed(base.Add(tick), 10, l, other)
	for i := range 3 {
		next := base.Add(time.Duration(i+1) * time.Hour)
		w.must(w.s.Mail().MailFailed(w.ctx, l.ID, base, next, "connection refused"))
		w.wantClaimed(next.Add(-tick), 10, other)
		got := w.claim(next, 10)
		if len(got) != 1 || got[0].ID != l.ID {
			w.Fatalf("ClaimMail at next returned %v, want the letter", contents(got))
		}
		want := l
		want.Attempts, want.DueAt = i+1, next
		w.same("ClaimMail after a failure", got[0], want)
	}
}

func mailFailedEarly(w *world) {
	l := newLetter("one")
	w.enqueue(l)
	_, err := w.s.Mail().ClaimMail(w.ctx, base, day, 10)
	w.must(err)
	w.must(w.s.Mail().MailFailed(w.ctx, l.ID, base, base.Add(time.Second), "connection refused"))
	w.wantClaimed(base.Add(time.Second-tick), 10)
	w.wantClaimed(base.Add(time.Second), 10, l)
}

func mailGivenUp(w *world) {
	l, other := newLetter("one"), newLetter("other")
	w.enqueue(l)
	w.claim(base, 10)
	w.must(w.s.Mail().MailFailed(w.ctx, l.ID, base, time.Time{}, "mailbox unknown"))
	w.enqueue(other)
	w.wantClaimed(base.Add(365*day), 10, other)
}

func mailGivenUpBlanks(w *world) {
	l, retried := newLetter("live secret"), newLetter("retried")
	w.enqueue(l, retried)
	w.claim(base, 10)
	w.must(w.s.Mail().MailFailed(w.ctx, l.ID, base, time.Time{}, "mailbox unknown"))
	w.must(w.s.Mail().MailFailed(w.ctx, retried.ID, base, base.Add(day), "timeout"))
	w.wantSealed(l, nil)
	w.wantSealed(retried, retried.Sealed)
}

func (w *world) wantOldest(now, want time.Time) {
	w.Helper()
	got, err := w.s.Mail().OldestDueMail(w.ctx, now)
	w.must(err)
	if !got.Equal(want) || got.Location() != time.UTC {
		w.Errorf("OldestDueMail at %v = %v, want %v", now, got, want)
	}
}

func oldestNone(w *world) {
	w.wantOldest(base, time.Time{})
	l, sent, lost := newLetter("one"), newLetter("sent"), newLetter("lost")
	l.DueAt = base.Add(day)
	w.enqueue(l, sent)
	w.claim(base, 10)
	w.must(w.s.Mail().MailSent(w.ctx, sent.ID, base))
	w.wantOldest(l.DueAt.Add(-tick), time.Time{})
	w.enqueue(lost)
	w.claim(base, 10)
	w.must(w.s.Mail().MailFailed(w.ctx, lost.ID, base, time.Time{}, "mailbox unknown"))
	w.wantOldest(l.DueAt.Add(-tick), time.Time{})
	w.wantOldest(l.DueAt, l.DueAt)
}

func oldestDue(w *world) {
	newer, older := newLetter("newer"), newLetter("older")
	older.Urgency, older.DueAt = mail.Bulk, base.Add(-time.Hour-tick)
	w.enqueue(newer, older)
	w.wantOldest(base, older.DueAt)
	w.wantOldest(older.DueAt, older.DueAt)
	w.claim(older.DueAt, 10)
	next := base.Add(time.Hour)
	w.must(w.s.Mail().MailFailed(w.ctx, older.ID, base, next, "timeout"))
	w.wantOldest(base, newer.DueAt)
	w.claim(base, 10)
	w.must(w.s.Mail().MailSent(w.ctx, newer.ID, base))
	w.wantOldest(next, next)
	// Whoever claimed it and died has not sent it.
	w.claim(next, 10)
	if got, err := w.s.Mail().OldestDueMail(w.ctx, next.Add(day)); err != nil || got.IsZero() {
		w.Errorf("OldestDueMail after a lease ran out = %v, %v", got, err)
	}
}

func purgeMail(w *world) {
	sent, lost, waiting := newLetter("sent"), newLetter("lost"), newLetter("waiting")
	w.enqueue(sent, lost, waiting)
	w.claim(base, 10)
	w.must(w.s.Mail().MailSent(w.ctx, sent.ID, base.Add(time.Minute)))
	w.must(w.s.Mail().MailFailed(w.ctx, lost.ID, base.Add(2*time.Minute), time.Time{}, "mailbox unknown"))
	for _, step := range []struct {
		t    time.Time
		want int
	}{
		{base.Add(time.Minute), 0},
		{base.Add(time.Minute + tick), 1},
		{base.Add(2 * time.Minute), 0},
		{base.Add(365 * day), 1},
		{base.Add(365 * day), 0},
	} {
		n, err := w.s.Mail().PurgeMail(w.ctx, step.t)
		w.must(err)
		if n != step.want {
			w.Errorf("PurgeMail(%v) removed %d, want %d", step.t, n, step.want)
		}
	}
	w.wantClaimed(base.Add(365*day), 10, waiting)
}
