package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
)

func choiceTests() []check {
	return []check{
		{"Person/EveryFieldIsReadAsWritten", notifyPerson},
		{"Person/UnknownIsErrPersonNotFound", notifyNobody},
		{"SetChoice/IsReadAsChosen", setChoice},
		{"SetChoice/TakesThePlaceOfTheFormer", setChoiceAgain},
		{"SetChoice/OfThePersonAlone", setChoiceOthers},
		{"SetChoice/UnknownIsErrPersonNotFound", setChoiceUnknown},
		{"SetChoice/RolledBackIsNotChosen", setChoiceRolledBack},
		{"LockPerson/LosesNoChoiceOf16", lockNotifyRace},
		{"ForgetPerson/ForgetsThePersonsAlone", forgetChoices},
	}
}

func (w *world) notify(fn func(ctx context.Context, tx notify.Tx) error) {
	w.Helper()
	w.must(w.tryNotify(fn))
}

func (w *world) tryNotify(fn func(ctx context.Context, tx notify.Tx) error) error {
	return w.s.Notify().Update(w.ctx, fn)
}

// undoneNotify runs fn in a transaction that is rolled back.
func (w *world) undoneNotify(fn func(ctx context.Context, tx notify.Tx) error) {
	w.Helper()
	err := w.tryNotify(func(ctx context.Context, tx notify.Tx) error {
		if err := fn(ctx, tx); err != nil {
			w.Errorf("before the rollback: %v", err)
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		w.Fatalf("Update returned %v, want the error of fn", err)
	}
}

// notifyGet runs fn in a transaction and returns what it returns.
func notifyGet[V any](w *world, fn func(ctx context.Context, tx notify.Tx) (V, error)) (V, error) {
	var v V
	err := w.tryNotify(func(ctx context.Context, tx notify.Tx) (err error) {
		v, err = fn(ctx, tx)
		return err
	})
	return v, err
}

func (w *world) choose(user id.User, c notify.Category, enabled bool) {
	w.Helper()
	w.notify(func(ctx context.Context, tx notify.Tx) error { return tx.SetChoice(ctx, user, c, enabled, base) })
}

func (w *world) wantChoices(user id.User, want map[notify.Category]bool) {
	w.Helper()
	got, err := w.s.Notify().Choices(w.ctx, user)
	w.must(err)
	w.same("Choices", got, want)
}

func notifyPerson(w *world) {
	u := w.user("ada")
	want := notify.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, EmailKey: u.EmailKey, Timezone: u.Timezone, Locale: u.Locale, CreatedAt: u.CreatedAt,
	}
	got, err := w.s.Notify().Person(w.ctx, u.ID)
	w.must(err)
	w.same("Person", got, want)
	got, err = notifyGet(w, func(ctx context.Context, tx notify.Tx) (notify.Person, error) { return tx.LockPerson(ctx, u.ID) })
	w.must(err)
	w.same("LockPerson", got, want)
}

func notifyNobody(w *world) {
	w.user("ada")
	for _, user := range []id.User{id.NewUser(), {}} {
		_, err := w.s.Notify().Person(w.ctx, user)
		w.refused("Person", err, notify.ErrPersonNotFound)
		_, err = notifyGet(w, func(ctx context.Context, tx notify.Tx) (notify.Person, error) { return tx.LockPerson(ctx, user) })
		w.refused("LockPerson", err, notify.ErrPersonNotFound)
		w.wantChoices(user, map[notify.Category]bool{})
	}
}

func setChoice(w *world) {
	ada := w.user("ada")
	want := map[notify.Category]bool{}
	for i, c := range notify.Categories() {
		w.wantChoices(ada.ID, want)
		w.choose(ada.ID, c, i%2 == 0)
		want[c] = i%2 == 0
	}
	w.wantChoices(ada.ID, want)
}

func setChoiceAgain(w *world) {
	ada := w.user("ada")
	for _, enabled := range []bool{true, false, false, true} {
		w.choose(ada.ID, notify.WeeklyDigest, enabled)
		w.wantChoices(ada.ID, map[notify.Category]bool{notify.WeeklyDigest: enabled})
	}
}

func setChoiceOthers(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	w.choose(ada.ID, notify.WeeklyDigest, false)
	w.choose(grace.ID, notify.WeeklyDigest, true)
	w.wantChoices(ada.ID, map[notify.Category]bool{notify.WeeklyDigest: false})
	w.wantChoices(grace.ID, map[notify.Category]bool{notify.WeeklyDigest: true})
}

func setChoiceUnknown(w *world) {
	for _, user := range []id.User{id.NewUser(), {}} {
		w.refused("SetChoice", w.tryNotify(func(ctx context.Context, tx notify.Tx) error {
			return tx.SetChoice(ctx, user, notify.WeeklyDigest, true, base)
		}), notify.ErrPersonNotFound)
	}
}

func setChoiceRolledBack(w *world) {
	ada := w.user("ada")
	w.undoneNotify(func(ctx context.Context, tx notify.Tx) error {
		return tx.SetChoice(ctx, ada.ID, notify.WeeklyDigest, false, base)
	})
	w.wantChoices(ada.ID, map[notify.Category]bool{})
}

// lockNotifyRace: each caller turns the choice around that the one before has left.
func lockNotifyRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.user("ada" + strconv.Itoa(round))
		w.must(errors.Join(w.race(func(int) error {
			return w.tryNotify(func(ctx context.Context, tx notify.Tx) error {
				if _, err := tx.LockPerson(ctx, ada.ID); err != nil {
					return err
				}
				choices, err := tx.Choices(ctx, ada.ID)
				if err != nil {
					return err
				}
				// A number in binary, a category for each digit.
				for _, c := range notify.Categories() {
					on := !choices[c]
					if err := tx.SetChoice(ctx, ada.ID, c, on, base); err != nil || on {
						return err
					}
				}
				return nil
			})
		})...))
		all, err := w.s.Notify().Choices(w.ctx, ada.ID)
		w.must(err)
		for c, on := range all {
			if on { // 16 is 0 once all four digits have gone round
				w.Errorf("%s is on after 16 callers: a choice was lost", c)
			}
		}
	}
}

func forgetChoices(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	for _, user := range []id.User{ada.ID, grace.ID} {
		w.choose(user, notify.WeeklyDigest, false)
	}
	for range 2 { // the second time there is nothing to forget
		w.notify(func(ctx context.Context, tx notify.Tx) error { return tx.ForgetPerson(ctx, ada.ID) })
	}
	w.wantChoices(ada.ID, map[notify.Category]bool{})
	w.wantChoices(grace.ID, map[notify.Category]bool{notify.WeeklyDigest: false})
}

// inNotify marks by choices of people who are there before: each mark is one
// category of one person.
func inNotify(w *world) domain {
	s := w.s.Notify()
	people := []id.User{w.user("chooser").ID, w.user("another").ID, w.user("last").ID}
	var mu sync.Mutex
	places := map[string]int{}
	place := func(mark string) (id.User, notify.Category) {
		mu.Lock()
		defer mu.Unlock()
		i, ok := places[mark]
		if !ok {
			i = len(places)
			places[mark] = i
		}
		all := notify.Categories()
		return people[i/len(all)], all[i%len(all)]
	}
	look := func(r notify.Reader) func(ctx context.Context, mark string) (bool, error) {
		return func(ctx context.Context, mark string) (bool, error) {
			user, c := place(mark)
			choices, err := r.Choices(ctx, user)
			_, there := choices[c]
			return there, err
		}
	}
	return domain{
		seen: look(s),
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return s.Update(ctx, func(ctx context.Context, tx notify.Tx) error {
				return fn(ctx, scope{
					write: func(ctx context.Context, mark string) error {
						user, c := place(mark)
						return tx.SetChoice(ctx, user, c, true, base)
					},
					read:        look(tx),
					afterCommit: tx.AfterCommit,
					refuse: func(ctx context.Context) error {
						w.refused("SetChoice", tx.SetChoice(ctx, id.NewUser(), notify.WeeklyDigest, true, base), notify.ErrPersonNotFound)
						return nil
					},
				})
			})
		},
	}
}
