package storetest

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
)

func noticeTests() []check {
	return []check{
		{"NoteOnce/OnceForEachNotice", noteOnce},
		{"NoteOnce/RolledBackIsNotNoted", noteRolledBack},
		{"NoteOnce/OneFirstOf16", noteRace},
		{"PurgeNotices/RemovesWhatWasNotedBefore", purgeNotices},
		{"PurgeNotices/AtMostTheLimit", purgeNoticesLimit},
	}
}

func (w *world) noteOnce(n notify.Notice, now time.Time, want bool) {
	w.Helper()
	first, err := notifyGet(w, func(ctx context.Context, tx notify.Tx) (bool, error) { return tx.NoteOnce(ctx, n, now) })
	w.must(err)
	if first != want {
		w.Errorf("NoteOnce of %v is the first: %t, want %t", n, first, want)
	}
}

func newNotice() notify.Notice {
	return notify.Notice{Org: id.NewOrg(), Kind: "limit_80", Name: "runs", Cycle: "2026-03"}
}

func noteOnce(w *world) {
	n := newNotice()
	w.noteOnce(n, base, true)
	for _, differ := range []func(*notify.Notice){
		func(n *notify.Notice) { n.Org = id.NewOrg() }, func(n *notify.Notice) { n.Kind = "limit_100" },
		func(n *notify.Notice) { n.Name = "" }, func(n *notify.Notice) { n.Cycle = "2026-04" },
	} {
		other := n
		differ(&other)
		w.noteOnce(other, base, true)
		w.noteOnce(other, base.Add(-day), false)
	}
	w.noteOnce(n, base.Add(day), false)
}

func noteRolledBack(w *world) {
	n := newNotice()
	w.undoneNotify(func(ctx context.Context, tx notify.Tx) error {
		_, err := tx.NoteOnce(ctx, n, base)
		return err
	})
	w.noteOnce(n, base, true)
}

func noteRace(w *world) {
	for range w.opts.rounds() {
		n := newNotice()
		var firsts atomic.Int32
		for _, err := range w.race(func(int) error {
			first := false
			err := w.tryNotify(func(ctx context.Context, tx notify.Tx) (err error) {
				first, err = tx.NoteOnce(ctx, n, base)
				return err
			})
			if err == nil && first {
				firsts.Add(1)
			}
			return err
		}) {
			w.must(err)
		}
		if firsts.Load() != 1 {
			w.Fatalf("%d of 16 callers were the first, want 1", firsts.Load())
		}
	}
}

func (w *world) purgeNotices(before time.Time, limit, want int) {
	w.Helper()
	n, err := notifyGet(w, func(ctx context.Context, tx notify.Tx) (int, error) { return tx.PurgeNotices(ctx, before, limit) })
	w.must(err)
	if n != want {
		w.Errorf("PurgeNotices removed %d, want %d", n, want)
	}
}

func purgeNotices(w *world) {
	old, late := newNotice(), newNotice()
	w.noteOnce(old, base, true)
	w.noteOnce(late, base.Add(tick), true)
	w.purgeNotices(base, 10, 0)
	w.purgeNotices(base.Add(tick), 10, 1)
	w.noteOnce(late, base, false)
	w.noteOnce(old, base, true)
}

func purgeNoticesLimit(w *world) {
	for i := range 5 {
		n := newNotice()
		n.Cycle = strconv.Itoa(i)
		w.noteOnce(n, base, true)
	}
	w.purgeNotices(base.Add(day), 3, 3)
	w.purgeNotices(base.Add(day), 3, 2)
}
