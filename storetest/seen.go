package storetest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func seenTests() []check {
	return []check{
		{"Seen/KnowsDeviceAndCountryApart", seenApart},
		{"Seen/NothingIsFromTheUnknown", seenUnknown},
		{"Seen/OfThePersonAlone", seenOfOthers},
		{"NoteSeen/LastSeenAtIsOfThePair", seenLast},
		{"NoteSeen/RolledBackIsNotNoted", seenRolledBack},
		{"NoteSeen/KeepsThe200SeenLast", seenBounded},
		{"NoteSeen/TheSameBy16AtOnce", seenRace},
		{"ForgetSeen/ForgetsThePersonsAlone", forgetSeen},
		{"PurgeFactors/ForgetsDevicesAfter400Days", purgeSeen},
	}
}

func (w *world) note(user id.User, device security.Hash, country string, now time.Time) {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.NoteSeen(ctx, user, device, country, now) })
}

func (w *world) wantSeen(user id.User, device security.Hash, country string, want security.Seen) {
	w.Helper()
	got, err := w.s.Security().Seen(w.ctx, user, device, country)
	w.must(err)
	w.same("Seen in "+strconv.Quote(country), got, want)
	u, err := w.s.Accounts().UserByID(w.ctx, user)
	if errors.Is(err, accounts.ErrUserNotFound) {
		return
	}
	w.must(err)
	p, err := w.s.Security().PersonByEmail(w.ctx, u.EmailKey)
	w.must(err)
	person, got, err := w.s.Security().PersonSeen(w.ctx, u.EmailKey, device, country)
	w.must(err)
	w.same("the person of PersonSeen", person, p)
	w.same("PersonSeen in "+strconv.Quote(country), got, want)
}

func seenApart(w *world) {
	ada := w.person("ada")
	laptop, phone, other := hashOf("laptop"), hashOf("phone"), hashOf("other")
	w.wantSeen(ada.ID, laptop, "GB", security.Seen{})
	w.note(ada.ID, laptop, "GB", base)
	w.note(ada.ID, phone, "FR", base)
	w.wantSeen(ada.ID, laptop, "GB", security.Seen{Any: true, Device: true, Country: true, LastSeenAt: base})
	w.wantSeen(ada.ID, laptop, "FR", security.Seen{Any: true, Device: true, Country: true}) // not both together
	w.wantSeen(ada.ID, laptop, "IN", security.Seen{Any: true, Device: true})
	w.wantSeen(ada.ID, other, "GB", security.Seen{Any: true, Country: true})
	w.wantSeen(ada.ID, other, "IN", security.Seen{Any: true})
	w.wantSeen(ada.ID, other, "gb", security.Seen{Any: true})
}

func seenBounded(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.note(grace.ID, hashOf("0"), "GB", base)
	w.security(func(ctx context.Context, tx security.Tx) error {
		for i := range 205 {
			if err := tx.NoteSeen(ctx, ada.ID, hashOf(strconv.Itoa(i)), "GB", base.Add(time.Duration(i)*time.Minute)); err != nil {
				return err
			}
		}
		return nil
	})
	for i, want := range map[int]bool{0: false, 4: false, 5: true, 204: true} {
		got, err := w.s.Security().Seen(w.ctx, ada.ID, hashOf(strconv.Itoa(i)), "")
		w.must(err)
		if got.Device != want {
			w.Errorf("device %d is known: %t, want %t", i, got.Device, want)
		}
	}
	w.wantSeen(grace.ID, hashOf("0"), "GB", security.Seen{Any: true, Device: true, Country: true, LastSeenAt: base})
}

// seenUnknown: a sign-in of which neither is known is an earlier one, but no
// later one is from the same device or country because of it.
func seenUnknown(w *world) {
	ada := w.person("ada")
	device, none := hashOf("laptop"), security.Hash{}
	w.note(ada.ID, none, "", base)
	w.wantSeen(ada.ID, none, "", security.Seen{Any: true, LastSeenAt: base})
	w.wantSeen(ada.ID, device, "GB", security.Seen{Any: true})
	w.note(ada.ID, device, "", base)
	w.wantSeen(ada.ID, device, "", security.Seen{Any: true, Device: true, LastSeenAt: base})
	w.note(ada.ID, none, "GB", base)
	w.wantSeen(ada.ID, none, "GB", security.Seen{Any: true, Country: true, LastSeenAt: base})
	w.wantSeen(ada.ID, none, "FR", security.Seen{Any: true})
}

func seenOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.note(grace.ID, hashOf("laptop"), "GB", base)
	for _, user := range []id.User{ada.ID, id.NewUser(), {}} {
		w.wantSeen(user, hashOf("laptop"), "GB", security.Seen{})
	}
	w.wantSeen(grace.ID, hashOf("laptop"), "GB", security.Seen{Any: true, Device: true, Country: true, LastSeenAt: base})
}

func seenLast(w *world) {
	ada := w.person("ada")
	laptop := hashOf("laptop")
	for i, at := range moments() {
		country := string(rune('A'+i)) + "A"
		w.note(ada.ID, laptop, country, at.Add(-day))
		w.note(ada.ID, laptop, country, at)
		w.wantSeen(ada.ID, laptop, country, security.Seen{Any: true, Device: true, Country: true, LastSeenAt: at})
	}
}

func seenRolledBack(w *world) {
	ada := w.person("ada")
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.NoteSeen(ctx, ada.ID, hashOf("laptop"), "GB", base)
	})
	w.wantSeen(ada.ID, hashOf("laptop"), "GB", security.Seen{})
}

func seenRace(w *world) {
	for round := range w.opts.rounds() {
		ada := w.person("ada" + strconv.Itoa(round))
		w.must(errors.Join(w.race(func(int) error {
			return w.try(func(ctx context.Context, tx security.Tx) error {
				return tx.NoteSeen(ctx, ada.ID, hashOf("laptop"), "GB", base)
			})
		})...))
		w.wantSeen(ada.ID, hashOf("laptop"), "GB", security.Seen{Any: true, Device: true, Country: true, LastSeenAt: base})
	}
}

func forgetSeen(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	for _, user := range []id.User{ada.ID, grace.ID} {
		w.note(user, hashOf("laptop"), "GB", base)
		w.note(user, hashOf("phone"), "", base)
	}
	for range 2 { // the second time there is nothing to forget
		w.security(func(ctx context.Context, tx security.Tx) error { return tx.ForgetSeen(ctx, ada.ID) })
	}
	w.wantSeen(ada.ID, hashOf("laptop"), "GB", security.Seen{})
	w.wantSeen(grace.ID, hashOf("laptop"), "GB", security.Seen{Any: true, Device: true, Country: true, LastSeenAt: base})
}

func purgeSeen(w *world) {
	ada := w.person("ada")
	w.note(ada.ID, hashOf("laptop"), "GB", base)
	w.note(ada.ID, hashOf("phone"), "GB", base.Add(time.Hour))
	w.wantPurgedAfter(base.Add(400*day), "a device")
	w.wantSeen(ada.ID, hashOf("laptop"), "GB", security.Seen{Any: true, Country: true})
}
