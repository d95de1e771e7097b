package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// crossingTests prove that the domains of a store share its transactions.
func crossingTests() []check {
	checks := []check{
		{"Ready/NilOnceOpened", func(w *world) { w.must(w.s.Ready(w.ctx)) }},
		{"Clock/TellsTheTime", clock},
		{"Clock/CancelledContextIsAnError", clockCancelled},
		{"InTx/CommitsEveryDomain", func(w *world) { w.spanning(nil) }},
		{"InTx/RollsBackEveryDomain", func(w *world) { w.spanning(errBoom) }},
		{"InTransaction/TellsByTheContext", inTransaction},
	}
	ways := []struct {
		name string
		in   func(w *world) domain
	}{{"Accounts", inAccounts}, {"Security", inSecurity}, {"Orgs", inOrgs}, {"Notify", inNotify}, {"Audit", inAudit}, {"InTx", inTx}}
	for _, outer := range ways {
		for _, inner := range ways {
			if outer.name != inner.name {
				checks = append(checks, check{
					"Crossing/" + inner.name + "JoinsIn" + outer.name,
					func(w *world) { joins(w, outer.in(w), w.renamed(inner.in)) },
				})
			}
		}
	}
	return checks
}

// clock allows what the product allows before it stops to remove anything.
func clock(w *world) {
	const skew = 5 * time.Second
	before := time.Now()
	now, err := w.s.Clock(w.ctx)
	w.must(err)
	if now.Before(before.Add(-skew)) || now.After(time.Now().Add(skew)) {
		w.Errorf("Clock is %v at %v", now, before)
	}
	if now.Location() != time.UTC {
		w.Errorf("Clock is in %v, want UTC", now.Location())
	}
}

func clockCancelled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if now, err := w.s.Clock(ctx); !errors.Is(err, context.Canceled) {
		w.Errorf("Clock with a canceled context returned %v, %v", now, err)
	}
}

// renamed makes the marks of a domain differ from those of any other, since two
// domains may mark by the same rows. One person serves every use of a store.
func (w *world) renamed(in func(w *world) domain) domain {
	d := in(w)
	return domain{
		seen: func(ctx context.Context, mark string) (bool, error) { return d.seen(ctx, "joined-"+mark) },
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return d.enter(ctx, func(ctx context.Context, sc scope) error {
				write, read := sc.write, sc.read
				sc.write = func(ctx context.Context, mark string) error { return write(ctx, "joined-"+mark) }
				sc.read = func(ctx context.Context, mark string) (bool, error) { return read(ctx, "joined-"+mark) }
				return fn(ctx, sc)
			})
		},
	}
}

// joins proves that a transaction of inner joins the one of outer: it is undone
// and lasts with it, and is undone alone.
func joins(w *world, outer, inner domain) {
	write := func(d domain, ctx context.Context, mark string, result error) error {
		return d.enter(ctx, func(ctx context.Context, sc scope) error { return errors.Join(sc.write(ctx, mark), result) })
	}
	err := outer.enter(w.ctx, func(ctx context.Context, sc scope) error {
		return errors.Join(sc.write(ctx, "first"), write(inner, ctx, "first", nil), errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Errorf("the outermost transaction returned %v, want the error of fn", err)
	}
	w.expect(outer, map[string]bool{"first": false})
	w.expect(inner, map[string]bool{"first": false})

	hooks := 0
	w.must(outer.enter(w.ctx, func(ctx context.Context, sc scope) error {
		err := inner.enter(ctx, func(ctx context.Context, sc scope) error {
			sc.afterCommit(func(context.Context) { hooks++ })
			return sc.write(ctx, "second")
		})
		if hooks > 0 {
			w.Error("a joined hook was called before the outermost transaction committed")
		}
		return errors.Join(err, sc.write(ctx, "second"))
	}))
	if hooks != 1 {
		w.Errorf("a joined hook was called %d times, want once", hooks)
	}
	w.expect(outer, map[string]bool{"second": true})
	w.expect(inner, map[string]bool{"second": true})
	if w.opts.NoSavepoints {
		return
	}
	w.must(outer.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := write(inner, ctx, "third", errBoom); !errors.Is(err, errBoom) {
			w.Errorf("the joined transaction returned %v, want the error of its fn", err)
		}
		return sc.write(ctx, "third")
	}))
	w.expect(outer, map[string]bool{"third": true})
	w.expect(inner, map[string]bool{"third": false})
}

// spanning writes in every domain in one transaction that returns result.
func (w *world) spanning(result error) {
	w.Helper()
	u := newUser("ada")
	s := newSession(u.ID, base)
	letter := newLetter("spanning")
	entry := audit.Actor{}.Did("account.created", audit.UserTarget(u.ID, u.Name), base).InHistoryOf(u.ID)
	err := w.s.InTx(w.ctx, func(ctx context.Context) error {
		err := w.s.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			return errors.Join(tx.InsertUser(ctx, u), tx.EnqueueMail(ctx, letter))
		})
		if err != nil {
			return err
		}
		err = w.s.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error {
			return errors.Join(
				tx.InsertCredential(ctx, u.ID, passwordHash("ada"), base),
				tx.InsertSession(ctx, s, tokenOf(s)),
				tx.AppendAudit(ctx, entry))
		})
		if err != nil {
			return err
		}
		if _, err := w.s.Security().PersonByEmail(ctx, u.EmailKey); err != nil {
			w.Errorf("a sibling does not see the transaction's own write: %v", err)
		}
		return result
	})
	if !errors.Is(err, result) {
		w.Fatalf("InTx returned %v, want %v", err, result)
	}
	want := result == nil
	_, err = w.s.Accounts().UserByID(w.ctx, u.ID)
	w.there("the person", err, want)
	_, err = w.s.Security().LoginByToken(w.ctx, tokenOf(s))
	w.there("the session", err, want)
	letters, err := w.s.Mail().ClaimMail(w.ctx, base, day, 10)
	w.must(err)
	entries, err := w.s.Audit().Entries(w.ctx, u.ID, id.Entry{}, 10)
	w.must(err)
	if got := len(letters) + len(entries); (got == 2) != want || (got == 0) == want {
		w.Errorf("%d letters and %d entries are stored, committed: %t", len(letters), len(entries), want)
	}
}

func (w *world) there(what string, err error, want bool) {
	w.Helper()
	got, err := found(err)
	w.must(err)
	if got != want {
		w.Errorf("%s is stored: %t, want %t", what, got, want)
	}
}

func inTransaction(w *world) {
	s := w.s.Security()
	tell := func(where string, ctx context.Context, want bool) {
		w.Helper()
		if got := s.InTransaction(ctx); got != want {
			w.Errorf("InTransaction %s = %t, want %t", where, got, want)
		}
	}
	tell("outside", w.ctx, false)
	w.security(func(ctx context.Context, _ security.Tx) error { tell("in security", ctx, true); return nil })
	w.accounts(func(ctx context.Context, _ accounts.Tx) error { tell("in accounts", ctx, true); return nil })
	w.must(w.s.InTx(w.ctx, func(ctx context.Context) error {
		tell("in InTx", ctx, true)
		tell("beside it", w.ctx, false) //nolint:contextcheck // the outer context is what is asked about
		return nil
	}))
}
