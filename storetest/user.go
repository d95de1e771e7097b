package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

func userTests() []check {
	return []check{
		{"InsertUser/EveryFieldIsReadAsWritten", userRoundTrip},
		{"InsertUser/TakenAddressIsErrEmailTaken", insertTakenAddress},
		{"InsertUser/TakenExternalIDIsRefused", insertTakenExternalID},
		{"InsertUser/WithoutExternalIDManyCoexist", insertWithoutExternalID},
		{"InsertUser/OneWinnerOf16ForAnAddress", insertRace},
		{"UserByID/NobodyIsErrUserNotFound", nobodyByID},
		{"UserByEmail/FindsTheCanonicalFormAlone", userByEmail},
		{"UserByAvatar/FindsThePresentPictureAlone", userByAvatar},
		{"Reader/CancelledContextIsNotAnAnswer", accountsReadersCancelled},
		{"LockUser/NobodyIsErrUserNotFound", lockNobody},
		{"LockUser/LosesNoChangeOf16", lockUserRace},
		{"UpdateUser/StoresEverythingButTheAddress", updateUser},
		{"UpdateUser/NobodyIsErrUserNotFound", updateNobody},
	}
}

func userRoundTrip(w *world) {
	var users []accounts.User
	for i, name := range names() {
		u := newUser("name" + strconv.Itoa(i))
		u.Name = name
		users = append(users, u)
	}
	for i, at := range moments() {
		u := newUser("time" + strconv.Itoa(i))
		u.CreatedAt, u.UpdatedAt = at, at.Add(tick)
		u.ExternalID, u.AvatarUploaded, u.Locale = "host/"+strconv.Itoa(i), true, "zh-Hant-TW"
		users = append(users, u)
	}
	for _, u := range users {
		w.accounts(func(ctx context.Context, tx accounts.Tx) error {
			if err := tx.InsertUser(ctx, u); err != nil {
				return err
			}
			got, err := tx.UserByID(ctx, u.ID)
			w.same("UserByID in the transaction", got, u)
			return err
		})
	}
	for _, u := range users {
		got, err := w.s.Accounts().UserByID(w.ctx, u.ID)
		w.must(err)
		w.same("UserByID", got, u)
		got, err = w.s.Accounts().UserByEmail(w.ctx, u.EmailKey)
		w.must(err)
		w.same("UserByEmail", got, u)
		got, err = w.s.Accounts().UserByAvatar(w.ctx, u.AvatarKey)
		w.must(err)
		w.same("UserByAvatar", got, u)
		got, err = accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.User, error) { return tx.LockUser(ctx, u.ID) })
		w.must(err)
		w.same("LockUser", got, u)
	}
}

func (w *world) insert(u accounts.User) error {
	return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, u) })
}

func insertTakenAddress(w *world) {
	ada := w.user("ada")
	other := newUser("ada")
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		w.refused("InsertUser", tx.InsertUser(ctx, other), accounts.ErrEmailTaken)
		// The refusal is an answer: the transaction that got it goes on.
		return tx.InsertUser(ctx, newUser("grace"))
	})
	_, err := w.s.Accounts().UserByID(w.ctx, other.ID)
	w.refused("UserByID of who was refused", err, accounts.ErrUserNotFound)
	got, err := w.s.Accounts().UserByEmail(w.ctx, ada.EmailKey)
	w.must(err)
	w.same("who had the address", got, ada)
}

func insertTakenExternalID(w *world) {
	ada, grace := newUser("ada"), newUser("grace")
	ada.ExternalID, grace.ExternalID = "host/1", "host/1"
	w.must(w.insert(ada))
	if err := w.insert(grace); err == nil {
		w.Fatal("two people have one external identifier")
	}
	// What was refused takes no address either.
	grace.ExternalID = "host/2"
	w.must(w.insert(grace))
	grace.ExternalID = "host/1"
	err := w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, grace) })
	if err == nil {
		w.Fatal("two people have one external identifier after UpdateUser")
	}
}

func insertWithoutExternalID(w *world) {
	for _, name := range []string{"ada", "grace", "edsger"} {
		w.must(w.insert(newUser(name)))
	}
}

func insertRace(w *world) {
	for round := range w.opts.rounds() {
		var users [racers]accounts.User
		for i := range users {
			users[i] = newUser("ada" + strconv.Itoa(round))
		}
		winner := w.oneWinner(w.race(func(i int) error { return w.insert(users[i]) }), accounts.ErrEmailTaken)
		got, err := w.s.Accounts().UserByEmail(w.ctx, users[0].EmailKey)
		w.must(err)
		w.same("who has the address", got, users[winner])
	}
}

func nobodyByID(w *world) {
	w.user("ada")
	for _, nobody := range []id.User{id.NewUser(), {}} {
		_, err := w.s.Accounts().UserByID(w.ctx, nobody)
		w.refused("UserByID", err, accounts.ErrUserNotFound)
	}
}

func userByEmail(w *world) {
	ada := w.user("ada")
	for _, key := range []string{"", "grace@example.com", ada.Email, "ada@example.co", "%", "ada@example_com"} {
		_, err := w.s.Accounts().UserByEmail(w.ctx, key)
		w.refused("UserByEmail", err, accounts.ErrUserNotFound)
	}
}

func userByAvatar(w *world) {
	ada := w.user("ada")
	former := ada.AvatarKey
	ada.AvatarKey, ada.AvatarUploaded = "another-picture", true
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, ada) })
	got, err := w.s.Accounts().UserByAvatar(w.ctx, ada.AvatarKey)
	w.must(err)
	w.same("UserByAvatar", got, ada)
	_, err = w.s.Accounts().UserByAvatar(w.ctx, former)
	w.refused("UserByAvatar of the former picture", err, accounts.ErrUserNotFound)
}

func accountsReadersCancelled(w *world) {
	ada := w.person("ada")
	c := w.askFor(ada, w.signIn(ada.ID, base), "one", base)
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertSignUp(ctx, accounts.SignUp{Hash: hashOf("up"), Email: "n@example.com", EmailKey: "n@example.com", CreatedAt: base, ExpiresAt: base.Add(day)})
	})
	s, ctx := w.s.Accounts(), w.cancelled()
	_, err := s.UserByID(ctx, ada.ID)
	w.outage("UserByID", err)
	_, err = s.UserByEmail(ctx, ada.EmailKey)
	w.outage("UserByEmail", err)
	_, err = s.UserByAvatar(ctx, ada.AvatarKey)
	w.outage("UserByAvatar", err)
	_, err = s.SignUpByHash(ctx, hashOf("up"), base)
	w.outage("SignUpByHash", err)
	_, err = s.PendingEmailChange(ctx, ada.ID, base)
	w.outage("PendingEmailChange", err)
	_, err = s.EmailChangeByHash(ctx, c.ConfirmHash, base)
	w.outage("EmailChangeByHash", err)
}

func lockNobody(w *world) {
	_, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) (accounts.User, error) {
		return tx.LockUser(ctx, id.NewUser())
	})
	w.refused("LockUser", err, accounts.ErrUserNotFound)
}

// lockUserRace counts in a field: without the lock, two who read the same number
// write the same one.
func lockUserRace(w *world) {
	ada := w.user("ada")
	ada.Name = "0"
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, ada) })
	errs := w.race(func(int) error {
		return w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
			u, err := tx.LockUser(ctx, ada.ID)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(u.Name)
			if err != nil {
				return err
			}
			u.Name = strconv.Itoa(n + 1)
			return tx.UpdateUser(ctx, u)
		})
	})
	w.must(errors.Join(errs...))
	got, err := w.s.Accounts().UserByID(w.ctx, ada.ID)
	w.must(err)
	if got.Name != strconv.Itoa(racers) {
		w.Errorf("%s of %d changes under the lock are left", got.Name, racers)
	}
}

func updateUser(w *world) {
	ada, grace := w.user("ada"), w.user("grace")
	changed := ada
	changed.ExternalID, changed.Name, changed.Timezone, changed.Locale = "host/9", "Augusta", "Asia/Kolkata", "hi"
	changed.AvatarKey, changed.AvatarUploaded = "another-picture", true
	changed.UpdatedAt = base.Add(time.Hour + tick)
	written := changed
	written.Email, written.EmailKey = "Other@example.com", "other@example.com"
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, written) })

	got, err := w.s.Accounts().UserByID(w.ctx, ada.ID)
	w.must(err)
	w.same("UserByID", got, changed)
	_, err = w.s.Accounts().UserByEmail(w.ctx, "other@example.com")
	w.refused("UserByEmail of an address that UpdateUser was given", err, accounts.ErrUserNotFound)
	got, err = w.s.Accounts().UserByID(w.ctx, grace.ID)
	w.must(err)
	w.same("somebody else", got, grace)

	changed.ExternalID, changed.AvatarUploaded = "", false
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, changed) })
	got, err = w.s.Accounts().UserByID(w.ctx, ada.ID)
	w.must(err)
	w.same("UserByID after emptying", got, changed)
}

func updateNobody(w *world) {
	err := w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		return tx.UpdateUser(ctx, newUser("nobody"))
	})
	w.refused("UpdateUser", err, accounts.ErrUserNotFound)
}
