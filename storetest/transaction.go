package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/fault"
)

var errBoom = errors.New("boom")

func transactionTests(in func(w *world) domain) []check {
	with := func(name string, run func(w *world, d domain)) check {
		return check{name, func(w *world) { run(w, in(w)) }}
	}
	return []check{
		with("Update/CommitsWhenNil", commitsWhenNil),
		with("Update/RollsBackOnErrorWhichIsItsOwn", rollsBackOnError),
		with("Update/RollsBackOnPanicAndPanicsOn", rollsBackOnPanic),
		with("Update/KeepsContextValues", keepsContextValues),
		with("Update/SeesItsOwnWrites", seesItsOwnWrites),
		with("Update/HidesWhatIsNotCommitted", hidesUncommitted),
		with("Update/RefusalLeavesItUsable", refusalLeavesUsable),
		with("Update/NestedIsUndoneWithTheOutermost", nestedUndone),
		with("Update/NestedLastsWithTheOutermost", nestedLasts),
		with("Update/InnerFailureIsUndoneAlone", innerFailure),
		with("Update/InnerPanicIsUndoneAlone", innerPanic),
		with("Update/CancelledContextStartsNothing", cancelledBefore),
		with("Update/CancelledInsideAnswersTruly", cancelledInside),
		with("Update/FinishedScopeRefuses", finishedScope),
		with("Update/FinishedInnerScopeRefuses", finishedInnerScope),
		with("AfterCommit/RunsInOrderOnceCommitted", hooksInOrder),
		with("AfterCommit/OfInnerWaitsForTheOutermost", hooksWait),
		with("AfterCommit/NeverWhenUndone", hooksNeverWhenUndone),
		with("AfterCommit/NeverWhenInnerIsUndone", hooksOfUndoneInner),
		with("AfterCommit/IsOutsideOfTheTransaction", hooksAreOutside),
	}
}

func commitsWhenNil(w *world, d domain) {
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, "one") }))
	w.expect(d, map[string]bool{"one": true, "two": false})
}

func rollsBackOnError(w *world, d domain) {
	err := d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		return errors.Join(sc.write(ctx, "one"), errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Errorf("Update returned %v, want the error of fn", err)
	}
	w.expect(d, map[string]bool{"one": false})
}

func rollsBackOnPanic(w *world, d domain) {
	func() {
		defer func() {
			if got := recover(); got != any(errBoom) {
				w.Errorf("Update panicked with %v, want the value of fn", got)
			}
		}()
		_ = d.enter(w.ctx, func(ctx context.Context, sc scope) error {
			if err := sc.write(ctx, "one"); err != nil {
				return err
			}
			panic(errBoom)
		})
	}()
	w.expect(d, map[string]bool{"one": false})
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, "two") }))
}

func keepsContextValues(w *world, d domain) {
	type key int
	value := func(ctx context.Context, k key, want string) {
		w.Helper()
		if got := ctx.Value(k); got != want {
			w.Errorf("value of the context = %v, want %q", got, want)
		}
	}
	w.must(d.enter(context.WithValue(w.ctx, key(1), "outer"), func(ctx context.Context, _ scope) error {
		value(ctx, 1, "outer")
		ctx = context.WithValue(ctx, key(2), "between")
		return d.enter(ctx, func(ctx context.Context, _ scope) error {
			value(ctx, 1, "outer")
			value(ctx, 2, "between")
			return nil
		})
	}))
}

func seesItsOwnWrites(w *world, d domain) {
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := sc.write(ctx, "one"); err != nil {
			return err
		}
		for what, look := range map[string]func(context.Context, string) (bool, error){
			"the handle": sc.read, "the store with the inner context": d.seen,
		} {
			if seen, err := look(ctx, "one"); err != nil || !seen {
				w.Errorf("%s sees the transaction's own write: %t, %v", what, seen, err)
			}
		}
		return nil
	}))
}

// hidesUncommitted reads beside an open transaction that will be undone. The
// reader may wait for its end, but never sees what it wrote.
func hidesUncommitted(w *world, d domain) {
	type answer struct {
		seen bool
		err  error
	}
	answers := make(chan answer, 1)
	err := d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := sc.write(ctx, "one"); err != nil {
			return err
		}
		go func() {
			seen, err := d.seen(w.ctx, "one")
			answers <- answer{seen, err}
		}()
		select {
		case a := <-answers:
			answers <- a
		case <-time.After(200 * time.Millisecond):
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		w.Errorf("Update returned %v, want the error of fn", err)
	}
	if a := <-answers; a.err != nil || a.seen {
		w.Errorf("a reader beside the transaction saw its write: %t, %v", a.seen, a.err)
	}
}

func refusalLeavesUsable(w *world, d domain) {
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := sc.refuse(ctx); err != nil && !errors.Is(err, fault.Gone) {
			return err
		}
		return sc.write(ctx, "one")
	}))
	w.expect(d, map[string]bool{"one": true})
}

func nestedUndone(w *world, d domain) {
	err := d.enter(w.ctx, func(ctx context.Context, _ scope) error {
		err := d.enter(ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, "inner") })
		return errors.Join(err, errBoom)
	})
	if !errors.Is(err, errBoom) {
		w.Errorf("Update returned %v, want the error of fn", err)
	}
	w.expect(d, map[string]bool{"inner": false})
}

func nestedLasts(w *world, d domain) {
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		return errors.Join(
			sc.write(ctx, "before"),
			d.enter(ctx, func(ctx context.Context, sc scope) error {
				return errors.Join(sc.write(ctx, "inner"),
					d.enter(ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, "innermost") }))
			}),
			sc.write(ctx, "after"),
		)
	}))
	w.expect(d, map[string]bool{"before": true, "inner": true, "innermost": true, "after": true})
}

func innerFailure(w *world, d domain) {
	err := d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := sc.write(ctx, "before"); err != nil {
			return err
		}
		err := d.enter(ctx, func(ctx context.Context, sc scope) error {
			return errors.Join(sc.write(ctx, "inner"), errBoom)
		})
		if !errors.Is(err, errBoom) {
			w.Errorf("the inner Update returned %v, want the error of its fn", err)
		}
		if w.opts.NoSavepoints {
			return nil
		}
		return sc.write(ctx, "after")
	})
	w.undoneAlone(d, err)
}

func innerPanic(w *world, d domain) {
	err := d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		if err := sc.write(ctx, "before"); err != nil {
			return err
		}
		func() {
			defer func() {
				if got := recover(); got != any(errBoom) {
					w.Errorf("the inner Update panicked with %v, want the value of its fn", got)
				}
			}()
			_ = d.enter(ctx, func(ctx context.Context, sc scope) error {
				if err := sc.write(ctx, "inner"); err != nil {
					return err
				}
				panic(errBoom)
			})
		}()
		if w.opts.NoSavepoints {
			return nil
		}
		return sc.write(ctx, "after")
	})
	w.undoneAlone(d, err)
}

// undoneAlone checks what is left of an outer Update, which returned err, after
// an inner one has failed.
func (w *world) undoneAlone(d domain, err error) {
	w.Helper()
	if w.opts.NoSavepoints {
		if err == nil {
			w.Error("the outermost Update committed although an inner one had failed")
		}
		w.expect(d, map[string]bool{"before": false, "inner": false})
		return
	}
	w.must(err)
	w.expect(d, map[string]bool{"before": true, "inner": false, "after": true})
}

func cancelledBefore(w *world, d domain) {
	err := d.enter(w.cancelled(), func(ctx context.Context, sc scope) error { return sc.write(ctx, "one") })
	w.outage("Update with a cancelled context", err)
	w.expect(d, map[string]bool{"one": false})
}

// cancelledInside allows either end, as long as the answer is the truth.
func cancelledInside(w *world, d domain) {
	outer, cancel := context.WithCancel(w.ctx)
	defer cancel()
	err := d.enter(outer, func(ctx context.Context, sc scope) error {
		err := sc.write(ctx, "one")
		cancel()
		return err
	})
	w.expect(d, map[string]bool{"one": err == nil})
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, "two") }))
}

// refuses fails unless nothing can be done any more with a scope or its context.
func (w *world) refuses(ctx context.Context, d domain, sc scope, mark string) {
	w.Helper()
	w.outage("a write through the finished handle", sc.write(ctx, mark))
	_, err := sc.read(ctx, mark)
	w.outage("a read through the finished handle", err)
	_, err = d.seen(ctx, mark)
	w.outage("a read with the finished context", err)
	w.outage("an Update with the finished context",
		d.enter(ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, mark) }))
}

func finishedScope(w *world, d domain) {
	var (
		late    context.Context
		stale   scope
		enclose = func(ctx context.Context, sc scope) error { late, stale = ctx, sc; return nil }
	)
	w.must(d.enter(w.ctx, enclose))
	w.refuses(late, d, stale, "one")
	if err := d.enter(w.ctx, func(ctx context.Context, sc scope) error { return errors.Join(enclose(ctx, sc), errBoom) }); !errors.Is(err, errBoom) {
		w.Errorf("Update returned %v, want the error of fn", err)
	}
	w.refuses(late, d, stale, "one")
	w.expect(d, map[string]bool{"one": false})
}

func finishedInnerScope(w *world, d domain) {
	if w.opts.NoSavepoints {
		w.Skip("without savepoints an inner scope is the outer one")
	}
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error { //nolint:contextcheck // see below
		var (
			late  context.Context
			stale scope
		)
		if err := d.enter(ctx, func(ctx context.Context, sc scope) error { late, stale = ctx, sc; return nil }); err != nil {
			return err
		}
		w.refuses(late, d, stale, "one") //nolint:contextcheck // a finished context is what is tried
		return sc.write(ctx, "two")
	}))
	w.expect(d, map[string]bool{"one": false, "two": true})
}
