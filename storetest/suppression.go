package storetest

import (
	"github.com/aegisrunner/account-settings/mail"
)

// mailbox returns the key of some address.
func mailbox(n byte) mail.AddressKey { return mail.AddressKey{0: n, 31: 1} }

func (w *world) suppress(address mail.AddressKey, why mail.Suppression) {
	w.Helper()
	w.must(w.s.Mail().SuppressAddress(w.ctx, address, why, base))
}

func (w *world) wantSuppressed(address mail.AddressKey, want mail.Suppression) {
	w.Helper()
	got, err := w.s.Mail().AddressSuppressed(w.ctx, address)
	w.must(err)
	if got != want {
		w.Fatalf("AddressSuppressed returned %q, want %q", got, want)
	}
}

func suppressAddress(w *world) {
	w.wantSuppressed(mailbox(1), "")
	w.suppress(mailbox(1), mail.Bounced)
	w.suppress(mailbox(2), mail.Complained)
	w.wantSuppressed(mailbox(1), mail.Bounced)
	w.wantSuppressed(mailbox(2), mail.Complained)
	w.wantSuppressed(mailbox(3), "")
}

func suppressTwice(w *world) {
	w.suppress(mailbox(1), mail.Bounced)
	w.suppress(mailbox(1), mail.Bounced)
	w.wantSuppressed(mailbox(1), mail.Bounced)
	w.suppress(mailbox(1), mail.Complained)
	w.wantSuppressed(mailbox(1), mail.Complained)
	w.suppress(mailbox(1), mail.Bounced)
	w.wantSuppressed(mailbox(1), mail.Complained)
}

func suppressRace(w *world) {
	for _, err := range w.race(func(caller int) error {
		why := mail.Bounced
		if caller == 7 {
			why = mail.Complained
		}
		return w.s.Mail().SuppressAddress(w.ctx, mailbox(1), why, base)
	}) {
		w.must(err)
	}
	w.wantSuppressed(mailbox(1), mail.Complained)
}

func releaseAddress(w *world) {
	release := func(address mail.AddressKey, why mail.Suppression) {
		w.Helper()
		w.must(w.s.Mail().ReleaseAddress(w.ctx, address, why))
	}
	w.suppress(mailbox(1), mail.Bounced)
	w.suppress(mailbox(2), mail.Complained)
	w.suppress(mailbox(3), mail.Bounced)
	release(mailbox(1), mail.Bounced)
	release(mailbox(2), mail.Bounced)
	release(mailbox(4), mail.Bounced)
	w.wantSuppressed(mailbox(1), "")
	w.wantSuppressed(mailbox(2), mail.Complained)
	w.wantSuppressed(mailbox(3), mail.Bounced)
	release(mailbox(2), mail.Complained)
	w.wantSuppressed(mailbox(2), "")
	w.suppress(mailbox(1), mail.Bounced)
	w.wantSuppressed(mailbox(1), mail.Bounced)
}
