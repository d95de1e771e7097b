package storetest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func passkeyTests() []check {
	return []check{
		{"InsertPasskey/EveryFieldIsReadAsWritten", passkeyRoundTrip},
		{"InsertPasskey/DataBelongsToTheCaller", passkeyMemory},
		{"InsertPasskey/ErrPasskeyTakenForWhomever", passkeyTaken},
		{"InsertPasskey/OneWinnerOf16", passkeyRace},
		{"InsertPasskey/RolledBackIsFree", passkeyRolledBack},
		{"Passkeys/OldestFirst", passkeysOrder},
		{"Passkeys/OfThePersonAlone", passkeysOfOthers},
		{"UsePasskey/StoresTheUseAlone", usePasskey},
		{"UsePasskey/OnlyIfCountedIsStillStored", usePasskeyCounted},
		{"UsePasskey/NotSomebodyElses", usePasskeyOfOthers},
		{"UsePasskey/OneWinnerOf16", usePasskeyRace},
		{"RenamePasskey/ChangesTheNameAlone", renamePasskey},
		{"RenamePasskey/AnothersIsErrFactorNotFound", renamePasskeyOfOthers},
		{"DeletePasskey/ReturnsWhatItRemoved", deletePasskey},
		{"DeletePasskey/AnothersIsErrFactorNotFound", deletePasskeyOfOthers},
		{"DeletePasskey/ThereIfRolledBack", deletePasskeyRolledBack},
		{"DeletePasskey/OneWinnerOf16", deletePasskeyRace},
	}
}

// newPasskey returns a passkey that is not stored yet. name makes its credential.
func newPasskey(user id.User, name string, at time.Time) security.Passkey {
	credential := hashOf("credential " + name)
	return security.Passkey{
		ID: id.NewFactor(), User: user, Name: name, CredentialID: credential[:],
		Data: []byte(`{"publicKey":"` + name + `"}`), CreatedAt: at,
	}
}

func (w *world) insertPasskey(p security.Passkey) error {
	return w.try(func(ctx context.Context, tx security.Tx) error { return tx.InsertPasskey(ctx, p) })
}

func (w *world) addPasskey(user id.User, name string) security.Passkey {
	w.Helper()
	p := newPasskey(user, name, base)
	w.must(w.insertPasskey(p))
	return p
}

func (w *world) usePasskey(p security.Passkey, counted uint32) (bool, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (bool, error) { return tx.UsePasskey(ctx, p, counted) })
}

func (w *world) renamePasskey(user id.User, passkey id.Factor, name string) error {
	return w.try(func(ctx context.Context, tx security.Tx) error { return tx.RenamePasskey(ctx, user, passkey, name) })
}

func (w *world) deletePasskey(user id.User, passkey id.Factor) error {
	return w.try(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.DeletePasskey(ctx, user, passkey)
		return err
	})
}

func (w *world) wantPasskeys(user id.User, want ...security.Passkey) {
	w.Helper()
	got, err := w.s.Security().Passkeys(w.ctx, user)
	w.must(err)
	if len(got) != len(want) {
		w.Fatalf("%d passkeys, want %d", len(got), len(want))
	}
	for i := range want {
		w.same("Passkeys", got[i], want[i])
	}
}

func passkeyRoundTrip(w *world) {
	for i, at := range moments() {
		ada := w.person("ada" + strconv.Itoa(i))
		p := newPasskey(ada.ID, strconv.Itoa(i), at)
		p.Name = names()[i%len(names())]
		p.CredentialID = [][]byte{{byte(i)}, {0, 0xff, byte(i)}, bytes.Repeat([]byte{byte(i), 0xa5, 0}, 341)}[i%3]
		p.Data = [][]byte{nil, []byte(`{"a":"'\\u0000 \" \\"}`), bytes.Repeat([]byte("x"), 65536), {0, 0xff}}[i%4]
		p.SignCount = []uint32{0, 1, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32}[i%5]
		p.BackedUp = i%2 == 0
		if i%3 > 0 {
			p.LastUsedAt = at.Add(tick)
		}
		w.must(w.insertPasskey(p))
		w.wantPasskeys(ada.ID, p)
		got, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Passkey, error) {
			return tx.DeletePasskey(ctx, ada.ID, p.ID)
		})
		w.must(err)
		w.same("DeletePasskey", got, p)
	}
}

// passkeyMemory changes what was written, and what was read.
func passkeyMemory(w *world) {
	ada := w.person("ada")
	p := newPasskey(ada.ID, "key", base)
	want := p
	want.CredentialID, want.Data = bytes.Clone(p.CredentialID), bytes.Clone(p.Data)
	w.must(w.insertPasskey(p))
	clear(p.CredentialID)
	clear(p.Data)
	w.wantPasskeys(ada.ID, want)
	got, err := w.s.Security().Passkeys(w.ctx, ada.ID)
	w.must(err)
	clear(got[0].CredentialID)
	clear(got[0].Data)
	w.wantPasskeys(ada.ID, want)
}

func passkeyTaken(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	p := w.addPasskey(ada.ID, "key")
	for _, user := range []id.User{ada.ID, grace.ID} {
		w.refused("InsertPasskey", w.insertPasskey(newPasskey(user, "key", base.Add(day))), security.ErrPasskeyTaken)
	}
	w.wantPasskeys(ada.ID, p)
	w.wantPasskeys(grace.ID)
	w.must(w.deletePasskey(ada.ID, p.ID))
	w.addPasskey(grace.ID, "key")
}

func passkeyRace(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	for round := range w.opts.rounds() {
		w.oneWinner(w.race(func(i int) error {
			return w.insertPasskey(newPasskey([]id.User{ada.ID, grace.ID}[i%2], "key"+strconv.Itoa(round), base))
		}), security.ErrPasskeyTaken)
	}
}

func passkeyRolledBack(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	w.undone(func(ctx context.Context, tx security.Tx) error {
		return tx.InsertPasskey(ctx, newPasskey(ada.ID, "key", base))
	})
	w.wantPasskeys(ada.ID)
	w.addPasskey(grace.ID, "key")
}

func passkeysOrder(w *world) {
	ada := w.person("ada")
	w.wantPasskeys(ada.ID)
	var byAge [4]security.Passkey
	for _, age := range []int{2, 0, 3, 1} {
		byAge[age] = newPasskey(ada.ID, strconv.Itoa(age), base.Add(-time.Duration(age)*tick))
		w.must(w.insertPasskey(byAge[age]))
	}
	w.wantPasskeys(ada.ID, byAge[3], byAge[2], byAge[1], byAge[0])
}

func passkeysOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	p := w.addPasskey(grace.ID, "key")
	w.wantPasskeys(ada.ID)
	w.wantPasskeys(grace.ID, p)
}

func usePasskey(w *world) {
	ada := w.person("ada")
	p, other := w.addPasskey(ada.ID, "key"), w.addPasskey(ada.ID, "other")
	want := p
	want.Data, want.SignCount, want.BackedUp, want.LastUsedAt = []byte(`{"used":true}`), math.MaxUint32, true, base.Add(time.Hour+tick)
	used := want
	used.Name, used.CredentialID, used.CreatedAt = "another", []byte("another"), base.Add(day)
	did, err := w.usePasskey(used, 0)
	w.must(err)
	if !did {
		w.Error("UsePasskey reports that it did not")
	}
	w.wantPasskeys(ada.ID, want, other)
	used.SignCount, used.BackedUp = 0, false
	want.SignCount, want.BackedUp = 0, false
	_, err = w.usePasskey(used, math.MaxUint32)
	w.must(err)
	w.wantPasskeys(ada.ID, want, other)
}

func usePasskeyCounted(w *world) {
	ada := w.person("ada")
	p := newPasskey(ada.ID, "key", base)
	p.SignCount = 7
	w.must(w.insertPasskey(p))
	used := p
	used.SignCount, used.LastUsedAt = 9, base
	for _, counted := range []uint32{0, 6, 8, 9, math.MaxUint32} {
		did, err := w.usePasskey(used, counted)
		w.must(err)
		if did {
			w.Errorf("UsePasskey reports that it did, although not %d but 7 is stored", counted)
		}
	}
	w.wantPasskeys(ada.ID, p)
	did, err := w.usePasskey(used, 7)
	w.must(err)
	if !did {
		w.Error("UsePasskey reports that it did not")
	}
	w.wantPasskeys(ada.ID, used)
}

func usePasskeyOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	p := w.addPasskey(grace.ID, "key")
	used := p
	used.User, used.SignCount = ada.ID, 5
	for _, used := range []security.Passkey{used, newPasskey(ada.ID, "unknown", base)} {
		did, err := w.usePasskey(used, 0)
		w.must(err)
		if did {
			w.Error("UsePasskey reports that it did")
		}
	}
	w.wantPasskeys(grace.ID, p)
	w.wantPasskeys(ada.ID)
}

// usePasskeyRace has 16 answers with the same count: 15 of them are of a copy.
func usePasskeyRace(w *world) {
	ada := w.person("ada")
	p := w.addPasskey(ada.ID, "key")
	for range w.opts.rounds() {
		counted := p.SignCount
		p.SignCount++
		var did [racers]bool
		w.must(errors.Join(w.race(func(i int) (err error) {
			did[i], err = w.usePasskey(p, counted)
			return err
		})...))
		w.oneTrue(did)
	}
}

func renamePasskey(w *world) {
	ada := w.person("ada")
	p, other := w.addPasskey(ada.ID, "key"), w.addPasskey(ada.ID, "other")
	for _, name := range names() {
		w.must(w.renamePasskey(ada.ID, p.ID, name))
		p.Name = name
		w.wantPasskeys(ada.ID, p, other)
	}
}

func renamePasskeyOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	p := w.addPasskey(grace.ID, "key")
	for _, key := range []id.Factor{p.ID, id.NewFactor(), {}} {
		w.refused("RenamePasskey", w.renamePasskey(ada.ID, key, "mine"), security.ErrFactorNotFound)
	}
	w.wantPasskeys(grace.ID, p)
}

func deletePasskey(w *world) {
	ada := w.person("ada")
	p, other := w.addPasskey(ada.ID, "key"), w.addPasskey(ada.ID, "other")
	got, err := securityGet(w, func(ctx context.Context, tx security.Tx) (security.Passkey, error) {
		return tx.DeletePasskey(ctx, ada.ID, p.ID)
	})
	w.must(err)
	w.same("DeletePasskey", got, p)
	w.refused("DeletePasskey again", w.deletePasskey(ada.ID, p.ID), security.ErrFactorNotFound)
	w.wantPasskeys(ada.ID, other)
}

func deletePasskeyOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	p := w.addPasskey(grace.ID, "key")
	for _, key := range []id.Factor{p.ID, id.NewFactor(), {}} {
		w.refused("DeletePasskey", w.deletePasskey(ada.ID, key), security.ErrFactorNotFound)
	}
	w.wantPasskeys(grace.ID, p)
}

func deletePasskeyRolledBack(w *world) {
	ada := w.person("ada")
	p := w.addPasskey(ada.ID, "key")
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.DeletePasskey(ctx, ada.ID, p.ID)
		return err
	})
	w.wantPasskeys(ada.ID, p)
}

func deletePasskeyRace(w *world) {
	ada := w.person("ada")
	for range w.opts.rounds() {
		p := w.addPasskey(ada.ID, "key")
		w.oneWinner(w.race(func(int) error { return w.deletePasskey(ada.ID, p.ID) }), security.ErrFactorNotFound)
	}
}
