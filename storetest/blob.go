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
)

// discardTests are about the list of what to remove, which is part of the
// accounts.Tx.
func discardTests() []check {
	return []check{
		{"DiscardBlob/DueFromThatMomentOn", discardDue},
		{"DiscardBlob/AgainIsListedOnce", discardAgain},
		{"KeepBlob/TakesTheKeyOffTheList", keepBlob},
		{"KeepBlob/OfAnUnlistedKeyIsNoError", keepUnlisted},
		{"DueBlobs/AtMostTheLimit", dueLimit},
	}
}

func (w *world) discard(due time.Time, keys ...string) {
	w.Helper()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		for _, key := range keys {
			if err := tx.DiscardBlob(ctx, key, due); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) keep(key string) {
	w.Helper()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.KeepBlob(ctx, key) })
}

// due returns the keys in the order of the alphabet: the contract has no order.
func (w *world) due(now time.Time, limit int) []string {
	w.Helper()
	keys, err := accountsGet(w, func(ctx context.Context, tx accounts.Tx) ([]string, error) {
		return tx.DueBlobs(ctx, now, limit)
	})
	w.must(err)
	slices.Sort(keys)
	return keys
}

func (w *world) wantDue(now time.Time, want ...string) {
	w.Helper()
	if got := w.due(now, 100); !slices.Equal(got, want) {
		w.Errorf("DueBlobs at %v = %q, want %q", now, got, want)
	}
}

func discardDue(w *world) {
	w.discard(base, "avatar/one")
	w.discard(base.Add(tick), "avatar/two")
	w.wantDue(base.Add(-tick))
	w.wantDue(base, "avatar/one")
	w.wantDue(base.Add(tick), "avatar/one", "avatar/two")
	w.wantDue(base.Add(tick), "avatar/one", "avatar/two") // looking removes nothing
}

func discardAgain(w *world) {
	w.discard(base, "avatar/one")
	w.discard(base, "avatar/one")
	w.wantDue(base, "avatar/one")
}

func keepBlob(w *world) {
	w.discard(base, "avatar/one", "avatar/two")
	w.keep("avatar/one")
	w.wantDue(base, "avatar/two")
	w.discard(base.Add(day), "avatar/one") // and it can be listed anew
	w.wantDue(base.Add(day), "avatar/one", "avatar/two")
}

func keepUnlisted(w *world) {
	w.keep("avatar/unknown")
	w.wantDue(base)
}

func dueLimit(w *world) {
	w.discard(base, "avatar/one", "avatar/two", "avatar/three")
	if got := w.due(base, 2); len(got) != 2 || got[0] == got[1] {
		w.Errorf("DueBlobs with a limit of 2 returned %q", got)
	}
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
