package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/orgs"
)

// discards is a list of what to remove: that of people's pictures, which is part
// of the accounts.Tx, or that of logos, which is part of the orgs.Tx.
type discards struct {
	w       *world
	discard func(due time.Time, keys ...string)
	keep    func(key string)
	due     func(now time.Time, limit int) []string
}

// discardTests are about the list of people's pictures, logoDiscardTests about
// that of logos.
func discardTests() []check { return listTests("Blob", (*world).avatarDiscards) }

func logoDiscardTests() []check {
	return append(listTests("Logo", (*world).logoDiscards), check{"DiscardLogo/IsNotDiscardBlob", discardApart})
}

func listTests(what string, list func(w *world) discards) []check {
	on := func(run func(l discards)) func(w *world) { return func(w *world) { run(list(w)) } }
	return []check{
		{"Discard" + what + "/DueFromThatMomentOn", on(discardDue)},
		{"Discard" + what + "/AgainIsListedOnce", on(discardAgain)},
		{"Keep" + what + "/TakesTheKeyOffTheList", on(keepBlob)},
		{"Keep" + what + "/OfAnUnlistedKeyIsNoError", on(keepUnlisted)},
		{"Due" + what + "s/AtMostTheLimit", on(dueLimit)},
	}
}

func (w *world) avatarDiscards() discards {
	return discards{w, func(due time.Time, keys ...string) {
		w.Helper()
		w.accounts(func(ctx context.Context, tx accounts.Tx) error { return discardAll(ctx, tx.DiscardBlob, due, keys) })
	}, func(key string) {
		w.Helper()
		w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.KeepBlob(ctx, key) })
	}, func(now time.Time, limit int) (keys []string) {
		w.Helper()
		w.accounts(func(ctx context.Context, tx accounts.Tx) (err error) {
			keys, err = tx.DueBlobs(ctx, now, limit)
			return err
		})
		return keys
	}}
}

func (w *world) logoDiscards() discards {
	return discards{w, func(due time.Time, keys ...string) {
		w.Helper()
		w.orgs(func(ctx context.Context, tx orgs.Tx) error { return discardAll(ctx, tx.DiscardLogo, due, keys) })
	}, func(key string) {
		w.Helper()
		w.orgs(func(ctx context.Context, tx orgs.Tx) error { return tx.KeepLogo(ctx, key) })
	}, func(now time.Time, limit int) (keys []string) {
		w.Helper()
		w.orgs(func(ctx context.Context, tx orgs.Tx) (err error) {
			keys, err = tx.DueLogos(ctx, now, limit)
			return err
		})
		return keys
	}}
}

func discardAll(ctx context.Context, discard func(ctx context.Context, key string, due time.Time) error, due time.Time, keys []string) error {
	for _, key := range keys {
		if err := discard(ctx, key, due); err != nil {
			return err
		}
	}
	return nil
}

// want compares in the order of the alphabet: the contract has no order.
func (l discards) want(now time.Time, want ...string) {
	l.w.Helper()
	got := l.due(now, 100)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		l.w.Errorf("due at %v is %q, want %q", now, got, want)
	}
}

func discardDue(l discards) {
	l.discard(base, "avatar/one")
	l.discard(base.Add(tick), "avatar/two")
	l.want(base.Add(-tick))
	l.want(base, "avatar/one")
	l.want(base.Add(tick), "avatar/one", "avatar/two")
	l.want(base.Add(tick), "avatar/one", "avatar/two") // looking removes nothing
}

func discardAgain(l discards) {
	l.discard(base, "avatar/one")
	l.discard(base, "avatar/one")
	l.want(base, "avatar/one")
}

func keepBlob(l discards) {
	l.discard(base, "avatar/one", "avatar/two")
	l.keep("avatar/one")
	l.want(base, "avatar/two")
	l.discard(base.Add(day), "avatar/one") // and it can be listed anew
	l.want(base.Add(day), "avatar/one", "avatar/two")
}

func keepUnlisted(l discards) {
	l.keep("avatar/unknown")
	l.want(base)
}

func dueLimit(l discards) {
	l.discard(base, "avatar/one", "avatar/two", "avatar/three")
	if got := l.due(base, 2); len(got) != 2 || got[0] == got[1] {
		l.w.Errorf("with a limit of 2 due are %q", got)
	}
}

// discardApart: each domain removes what is its own, under the same key too.
func discardApart(w *world) {
	avatars, logos := w.avatarDiscards(), w.logoDiscards()
	avatars.discard(base, "one", "both")
	logos.discard(base, "two", "both")
	avatars.want(base, "both", "one")
	logos.want(base, "both", "two")
	avatars.keep("both")
	logos.want(base, "both", "two")
	logos.keep("two")
	avatars.want(base, "one")
}

// blobWorld is a BlobStore with the subtest it is opened for.
type blobWorld struct {
	*testing.T
	ctx context.Context
	b   accounts.BlobStore
}

type blobCheck struct {
	name string
	run  func(w *blobWorld)
}

func blobTests() []blobCheck {
	return []blobCheck{
		{"Blob/ReturnsWhatWasPut", blobRoundTrip},
		{"Blob/UnknownIsErrNoBlob", blobUnknown},
		{"Blob/CancelledContextIsNotAnAnswer", blobCancelled},
		{"Blob/DataBelongsToTheCaller", blobOwned},
		{"PutBlob/AgainWithTheSameBytes", blobPutAgain},
		{"PutBlob/TakesTheLargestAndTheLongestName", blobLargest},
		{"DeleteBlobs/RemovesWhatBeginsWithThePrefix", blobDelete},
		{"DeleteBlobs/NoneIsNoError", blobDeleteNone},
	}
}

func (w *blobWorld) put(name, contentType string, data []byte) {
	w.Helper()
	if err := w.b.PutBlob(w.ctx, name, contentType, data); err != nil {
		w.Fatalf("PutBlob(%q): %v", name, err)
	}
}

func (w *blobWorld) holds(name, contentType string, data []byte) {
	w.Helper()
	gotType, got, err := w.b.Blob(w.ctx, name)
	if err != nil {
		w.Fatalf("Blob(%q): %v", name, err)
	}
	if gotType != contentType || !bytes.Equal(got, data) {
		w.Fatalf("Blob(%q) is %d bytes of %q, want %d of %q", name, len(got), gotType, len(data), contentType)
	}
}

func (w *blobWorld) lacks(name string) {
	w.Helper()
	if _, _, err := w.b.Blob(w.ctx, name); !errors.Is(err, accounts.ErrNoBlob) {
		w.Fatalf("Blob(%q): error = %v, want %q", name, err, accounts.ErrNoBlob)
	}
}

func blobRoundTrip(w *blobWorld) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	w.put("avatar/every-byte.png", "image/png", every)
	w.put("avatar/empty", "application/octet-stream", []byte{})
	w.put("avatar/other", "image/jpeg", []byte("other"))
	w.holds("avatar/every-byte.png", "image/png", every)
	w.holds("avatar/empty", "application/octet-stream", nil)
	w.holds("avatar/other", "image/jpeg", []byte("other"))
}

func blobUnknown(w *blobWorld) {
	w.put("avatar/one", "image/png", []byte("one"))
	for _, name := range []string{"avatar/on", "avatar/one1", "avatar", "one", "avatar/-ne"} {
		w.lacks(name)
	}
}

func blobCancelled(w *blobWorld) {
	w.put("avatar/one", "image/png", []byte("one"))
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, _, err := w.b.Blob(ctx, "avatar/one"); err == nil || errors.Is(err, accounts.ErrNoBlob) {
		w.Errorf("Blob with a cancelled context: error = %v, want a failure that is not an answer", err)
	}
}

func blobOwned(w *blobWorld) {
	data := []byte("one")
	w.put("avatar/one", "image/png", data)
	data[0] = 'X'
	w.holds("avatar/one", "image/png", []byte("one"))
	_, got, err := w.b.Blob(w.ctx, "avatar/one")
	if err != nil {
		w.Fatal(err)
	}
	got[0] = 'Y'
	w.holds("avatar/one", "image/png", []byte("one"))
}

func blobPutAgain(w *blobWorld) {
	w.put("avatar/one", "image/png", []byte("one"))
	w.put("avatar/one", "image/png", []byte("one"))
	w.holds("avatar/one", "image/png", []byte("one"))
}

func blobLargest(w *blobWorld) {
	name := strings.Repeat("a0-./", 40) // 200 bytes
	data := bytes.Repeat([]byte{0, 0xff, '\'', '\\', '\n', 'x', 0x80, 1}, 1<<20)
	w.put(name, "image/png", data)
	w.holds(name, "image/png", data)
}

func blobDelete(w *blobWorld) {
	removed := []string{"a.b/one", "a.b/two/three", "a.b/"}
	kept := []string{"a.b", "a-b/one", "axb/one", "a/a.b/one", "b"}
	for _, name := range append(slices.Clone(removed), kept...) {
		w.put(name, "image/png", []byte(name))
	}
	if err := w.b.DeleteBlobs(w.ctx, "a.b/"); err != nil {
		w.Fatal(err)
	}
	for _, name := range removed {
		w.lacks(name)
	}
	for _, name := range kept {
		w.holds(name, "image/png", []byte(name))
	}
	w.put(removed[0], "image/png", []byte("anew"))
	w.holds(removed[0], "image/png", []byte("anew"))
}

func blobDeleteNone(w *blobWorld) {
	w.put("avatar/one", "image/png", []byte("one"))
	if err := w.b.DeleteBlobs(w.ctx, "unknown/"); err != nil {
		w.Fatal(err)
	}
	w.holds("avatar/one", "image/png", []byte("one"))
}
