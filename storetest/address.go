package storetest

import (
	"context"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

func addressTests() []check {
	return []check{
		{"ChangeEmail/TakesTheNewAddress", changeEmail},
		{"ChangeEmail/CaseOnlyKeepsTheAddress", changeCase},
		{"ChangeEmail/TakenIsErrEmailTaken", changeToTaken},
		{"ChangeEmail/NobodyIsErrUserNotFound", changeOfNobody},
		{"ChangeEmail/WithoutReserveFreesTheFormer", changeWithoutReserve},
		{"ChangeEmail/ReservedIsNobodyElsesUntilThen", reservedFromInsert},
		{"ChangeEmail/ReservedCannotBeChangedToUntilThen", reservedFromChange},
		{"ChangeEmail/OwnerTakesAReservedAddressBack", reservedTakenBack},
		{"ChangeEmail/OwnerLosesItOnceSomebodyElseTookIt", reservedLost},
		{"ChangeEmail/EachFormerAddressIsReserved", reservedChain},
		{"ChangeEmail/ReservedIsNobodysAddress", reservedIsNotFound},
		{"ChangeEmail/OneWinnerOf16ForAnAddress", changeRace},
	}
}

// changeEmail gives somebody the address name@example.com.
func (w *world) changeEmail(user id.User, name string, now, reserve time.Time) error {
	u := newUser(name)
	return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		return tx.ChangeEmail(ctx, user, u.Email, u.EmailKey, now, reserve)
	})
}

// signUpAt tries to take name@example.com for somebody new.
func (w *world) signUpAt(name string, at time.Time) error {
	u := newUser(name)
	u.CreatedAt, u.UpdatedAt = at, at
	return w.insert(u)
}

// owns fails unless the address is the person's, and found.
func (w *world) owns(user id.User, name string) {
	w.Helper()
	got, err := w.s.Accounts().UserByEmail(w.ctx, newUser(name).EmailKey)
	w.must(err)
	if got.ID != user {
		w.Errorf("%s@example.com belongs to %v, want %v", name, got.ID, user)
	}
}

func changeEmail(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.must(w.changeEmail(ada.ID, "augusta", base.Add(time.Hour), time.Time{}))
	want := ada
	want.Email, want.EmailKey = "Augusta@Example.com", "augusta@example.com"
	got, err := w.s.Accounts().UserByEmail(w.ctx, want.EmailKey)
	w.must(err)
	w.same("UserByEmail", got, want, "UpdatedAt")
	p, err := w.s.Security().PersonByEmail(w.ctx, want.EmailKey)
	w.must(err)
	if p.ID != ada.ID || p.Email != want.Email {
		w.Errorf("PersonByEmail found %v at %q", p.ID, p.Email)
	}
	_, err = w.s.Accounts().UserByEmail(w.ctx, ada.EmailKey)
	w.refused("UserByEmail of the former address", err, accounts.ErrUserNotFound)
	w.owns(grace.ID, "grace")
}

func changeCase(w *world) {
	for what, reserve := range map[string]time.Time{"": {}, " with a reservation": base.Add(7 * day)} {
		name := "ada" + strconv.Itoa(len(what))
		u := w.user(name)
		w.accounts(func(ctx context.Context, tx accounts.Tx) error {
			return tx.ChangeEmail(ctx, u.ID, "ADA@EXAMPLE.COM", u.EmailKey, base, reserve)
		})
		got, err := w.s.Accounts().UserByEmail(w.ctx, u.EmailKey)
		w.must(err)
		if got.ID != u.ID || got.Email != "ADA@EXAMPLE.COM" {
			w.Errorf("UserByEmail after a change of case%s found %v at %q", what, got.ID, got.Email)
		}
		// It is the person's present address, not a reserved one.
		for _, at := range []time.Time{base, base.Add(8 * day)} {
			w.refused("InsertUser after a change of case"+what, w.signUpAt(name, at), accounts.ErrEmailTaken)
		}
	}
}

func changeToTaken(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		err := tx.ChangeEmail(ctx, ada.ID, "grace@example.com", grace.EmailKey, base, base.Add(7*day))
		w.refused("ChangeEmail", err, accounts.ErrEmailTaken)
		return tx.InsertUser(ctx, newUser("edsger")) // the transaction goes on
	})
	got, err := w.s.Accounts().UserByID(w.ctx, ada.ID)
	w.must(err)
	w.same("who was refused", got, ada)
	w.owns(ada.ID, "ada")
	w.owns(grace.ID, "grace")
	w.refused("InsertUser", w.signUpAt("ada", base.Add(8*day)), accounts.ErrEmailTaken)
}

func changeOfNobody(w *world) {
	w.refused("ChangeEmail", w.changeEmail(id.NewUser(), "ada", base, time.Time{}), accounts.ErrUserNotFound)
	w.must(w.signUpAt("ada", base)) // nobody has taken it
}

func changeWithoutReserve(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	w.must(w.changeEmail(ada.ID, "augusta", base, time.Time{}))
	w.must(w.changeEmail(grace.ID, "ada", base, time.Time{}))
	w.must(w.signUpAt("grace", base))
	w.owns(grace.ID, "ada")
}

func reservedFromInsert(w *world) {
	until := base.Add(7 * day)
	for i, at := range []time.Time{base, base.Add(tick), until.Add(-tick), until, until.Add(tick)} {
		name := "ada" + strconv.Itoa(i)
		u := w.user(name)
		w.must(w.changeEmail(u.ID, "new"+strconv.Itoa(i), base, until))
		err := w.signUpAt(name, at)
		if at.Before(until) {
			w.refused("InsertUser while reserved", err, accounts.ErrEmailTaken)
		} else {
			w.must(err)
		}
	}
}

func reservedFromChange(w *world) {
	until := base.Add(7 * day)
	for i, at := range []time.Time{base, until.Add(-tick), until, until.Add(tick)} {
		name, other := "ada"+strconv.Itoa(i), w.user("grace"+strconv.Itoa(i))
		u := w.user(name)
		w.must(w.changeEmail(u.ID, "new"+strconv.Itoa(i), base, until))
		err := w.changeEmail(other.ID, name, at, time.Time{})
		if at.Before(until) {
			w.refused("ChangeEmail while reserved", err, accounts.ErrEmailTaken)
			w.owns(other.ID, "grace"+strconv.Itoa(i))
		} else {
			w.must(err)
			w.owns(other.ID, name)
		}
	}
}

func reservedTakenBack(w *world) {
	ada := w.user("ada")
	w.must(w.changeEmail(ada.ID, "augusta", base, base.Add(7*day)))
	w.must(w.changeEmail(ada.ID, "ada", base.Add(day), time.Time{}))
	w.owns(ada.ID, "ada")
	// It is the present address again, so that the end of the former
	// reservation means nothing, and the other one is free.
	w.refused("InsertUser", w.signUpAt("ada", base.Add(30*day)), accounts.ErrEmailTaken)
	w.must(w.signUpAt("augusta", base.Add(day)))
}

func reservedLost(w *world) {
	ada, until := w.user("ada"), base.Add(7*day)
	w.must(w.changeEmail(ada.ID, "augusta", base, until))
	w.must(w.signUpAt("ada", until))
	w.refused("ChangeEmail", w.changeEmail(ada.ID, "ada", until, time.Time{}), accounts.ErrEmailTaken)
	w.owns(ada.ID, "augusta")
}

func reservedChain(w *world) {
	ada := w.user("ada")
	w.must(w.changeEmail(ada.ID, "second", base, base.Add(7*day)))
	w.must(w.changeEmail(ada.ID, "third", base.Add(day), base.Add(8*day)))
	at := base.Add(2 * day)
	w.refused("InsertUser at the first address", w.signUpAt("ada", at), accounts.ErrEmailTaken)
	w.refused("InsertUser at the second address", w.signUpAt("second", at), accounts.ErrEmailTaken)
	w.must(w.signUpAt("ada", base.Add(7*day)))
	w.refused("InsertUser at the second address", w.signUpAt("second", base.Add(7*day)), accounts.ErrEmailTaken)
	w.must(w.signUpAt("second", base.Add(8*day)))
}

func reservedIsNotFound(w *world) {
	ada := w.person("ada")
	w.must(w.changeEmail(ada.ID, "augusta", base, base.Add(7*day)))
	_, err := w.s.Accounts().UserByEmail(w.ctx, ada.EmailKey)
	w.refused("UserByEmail of a reserved address", err, accounts.ErrUserNotFound)
	w.notAPerson(ada.EmailKey)
}

func changeRace(w *world) {
	var users [racers]accounts.User
	for i := range users {
		users[i] = w.user("user" + strconv.Itoa(i))
	}
	for round := range w.opts.rounds() {
		name := "wanted" + strconv.Itoa(round)
		errs := w.race(func(i int) error { return w.changeEmail(users[i].ID, name, base, time.Time{}) })
		winner := users[w.oneWinner(errs, accounts.ErrEmailTaken)]
		w.owns(winner.ID, name)
		for _, u := range users {
			got, err := w.s.Accounts().UserByID(w.ctx, u.ID)
			w.must(err)
			if (got.EmailKey == newUser(name).EmailKey) != (u.ID == winner.ID) {
				w.Errorf("caller %v has %q, and %v won", u.ID, got.EmailKey, winner.ID)
			}
		}
	}
}
