package storetest

import (
	"context"
	"errors"
	"slices"
)

func hooksInOrder(w *world, d domain) {
	var calls []string
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		sc.afterCommit(func(ctx context.Context) {
			seen, err := d.seen(ctx, "one")
			if err != nil || !seen {
				w.Errorf("a hook sees what was committed: %t, %v", seen, err)
			}
			calls = append(calls, "first")
		})
		sc.afterCommit(func(context.Context) { calls = append(calls, "second") })
		return sc.write(ctx, "one")
	}))
	if want := []string{"first", "second"}; !slices.Equal(calls, want) {
		w.Errorf("hooks called: %v, want %v", calls, want)
	}
}

func hooksWait(w *world, d domain) {
	var calls []string
	note := func(call string) func(context.Context) { return func(context.Context) { calls = append(calls, call) } }
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		sc.afterCommit(note("outer"))
		err := d.enter(ctx, func(_ context.Context, sc scope) error { sc.afterCommit(note("inner")); return nil })
		if len(calls) > 0 {
			w.Errorf("hooks called before the outermost Update committed: %v", calls)
		}
		sc.afterCommit(note("outer again"))
		return err
	}))
	if want := []string{"outer", "inner", "outer again"}; !slices.Equal(calls, want) {
		w.Errorf("hooks called: %v, want %v", calls, want)
	}
}

func hooksNeverWhenUndone(w *world, d domain) {
	hook := func(context.Context) { w.Error("a hook of an undone transaction was called") }
	_ = d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		sc.afterCommit(hook)
		err := d.enter(ctx, func(_ context.Context, sc scope) error { sc.afterCommit(hook); return nil })
		return errors.Join(err, errBoom)
	})
	defer func() { _ = recover() }()
	_ = d.enter(w.ctx, func(_ context.Context, sc scope) error {
		sc.afterCommit(hook)
		panic(errBoom)
	})
}

func hooksOfUndoneInner(w *world, d domain) {
	if w.opts.NoSavepoints {
		w.Skip("without savepoints the outermost Update does not commit")
	}
	var calls []string
	note := func(call string) func(context.Context) { return func(context.Context) { calls = append(calls, call) } }
	w.must(d.enter(w.ctx, func(ctx context.Context, sc scope) error {
		sc.afterCommit(note("outer"))
		_ = d.enter(ctx, func(_ context.Context, sc scope) error { sc.afterCommit(note("undone")); return errBoom })
		sc.afterCommit(note("outer again"))
		return nil
	}))
	if want := []string{"outer", "outer again"}; !slices.Equal(calls, want) {
		w.Errorf("hooks called: %v, want %v", calls, want)
	}
}

func hooksAreOutside(w *world, d domain) {
	var inside, called bool
	w.must(d.enter(w.ctx, func(_ context.Context, sc scope) error {
		sc.afterCommit(func(ctx context.Context) { inside, called = w.s.Security().InTransaction(ctx), true })
		return nil
	}))
	if !called || inside {
		w.Errorf("hook called: %t, with a context that carries the transaction: %t", called, inside)
	}
}
