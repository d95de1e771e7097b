package storetest

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

func auditTests() []check {
	return []check{
		{"AppendAudit/EveryFieldIsReadAsWritten", entryRoundTrip},
		{"AppendAudit/FromEveryDomain", appendEverywhere},
		{"AppendAudit/RolledBackIsNotStored", appendRolledBack},
		{"AppendAudit/UndoneWithItsInnerUpdate", appendInner},
		{"AppendAudit/NoTextIsRefused", appendAnyText},
		{"Entries/NewestFirst", entriesOrder},
		{"Entries/PagesHoldEachOnce", entriesPages},
		{"Entries/OfThePersonAlone", entriesOfOthers},
		{"Entries/CancelledContextIsAnError", entriesCancelled},
	}
}

// record stores entries one after the other, in one transaction.
func (w *world) record(entries ...audit.Entry) {
	w.Helper()
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		for _, e := range entries {
			if err := tx.AppendAudit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) history(user id.User, before id.Entry, limit int) []audit.Entry {
	w.Helper()
	got, err := w.s.Audit().Entries(w.ctx, user, before, limit)
	w.must(err)
	if len(got) > limit {
		w.Fatalf("Entries returned %d with a limit of %d", len(got), limit)
	}
	return got
}

// newEntry returns an entry in the history of somebody.
func newEntry(user id.User, at time.Time) audit.Entry {
	return audit.Actor{Kind: audit.KindUser, User: user, Name: "Ada Lovelace"}.
		Did("account.name_changed", audit.UserTarget(user, "Ada Lovelace"), at).InHistoryOf(user)
}

func entryRoundTrip(w *world) {
	ada := w.person("ada")
	full := newEntry(ada.ID, base)
	full.Outcome, full.Reason = audit.Refused, "wrong_password"
	full.Changes = []audit.Change{
		{Field: "name", Before: names()[1], After: names()[2]},
		{Field: "timezone", Before: "", After: names()[5]},
		{Field: "note", Before: "<b>&amp;\u2028\"", After: "{\"a\":[1]}"},
	}
	// A session that has ended, and an organization: an entry outlives both.
	full.Session, full.Org = id.NewSession(), id.NewOrg()
	full.IP, full.UserAgent, full.RequestID = netip.MustParseAddr("2001:db8::1"), strings.Repeat("\u00e9", 256), "request-1"
	full.Target = audit.Target{Kind: "session", ID: id.NewSession().String(), Name: names()[4]}
	want := []audit.Entry{full}

	bare := audit.Actor{}.Did("account.sign_up_requested", audit.Target{Kind: "address"}, base).InHistoryOf(ada.ID)
	want = append(want, bare)
	for _, kind := range []audit.ActorKind{audit.KindAnonymous, audit.KindUser, audit.KindSystem, audit.KindSupport} {
		e := newEntry(ada.ID, base)
		e.ActorKind, e.ActorID = kind, id.NewUser() // somebody who is no longer there
		want = append(want, e)
	}
	token := audit.Actor{Kind: audit.KindToken, Token: id.NewToken(), Name: "CI"}
	want = append(want, token.Did("account.name_changed", audit.Target{}, base).InHistoryOf(ada.ID))
	for i, at := range moments() {
		e := newEntry(ada.ID, at)
		e.ActorName = names()[i%len(names())]
		want = append(want, e)
	}
	w.record(want...)
	got := map[id.Entry]audit.Entry{}
	for _, e := range w.history(ada.ID, id.Entry{}, 100) {
		got[e.ID] = e
	}
	for _, e := range want {
		g, ok := got[e.ID]
		if !ok {
			w.Fatalf("entry of %v is missing", e.At)
		}
		w.same("Entries", g, e)
	}
}

func appendEverywhere(w *world) {
	ada := w.person("ada")
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.AppendAudit(ctx, newEntry(ada.ID, base)) })
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.AppendAudit(ctx, newEntry(ada.ID, base)) })
	w.orgs(func(ctx context.Context, tx orgs.Tx) error { return tx.AppendAudit(ctx, newEntry(ada.ID, base)) })
	w.audit(func(ctx context.Context, tx audit.Tx) error { return tx.AppendAudit(ctx, newEntry(ada.ID, base)) })
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 4 {
		w.Errorf("%d entries are stored, want 4", len(got))
	}
}

func appendRolledBack(w *world) {
	ada := w.person("ada")
	_ = w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) error {
		return errors.Join(tx.AppendAudit(ctx, newEntry(ada.ID, base)), errBoom)
	})
	_ = w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) error {
		return errors.Join(tx.AppendAudit(ctx, newEntry(ada.ID, base)), errBoom)
	})
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 0 {
		w.Errorf("%d entries of undone transactions are stored", len(got))
	}
}

func appendInner(w *world) {
	if w.opts.NoSavepoints {
		w.Skip("without savepoints the outermost Update does not commit")
	}
	ada := w.person("ada")
	outer := newEntry(ada.ID, base)
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		_ = w.s.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error {
			return errors.Join(tx.AppendAudit(ctx, newEntry(ada.ID, base)), errBoom)
		})
		return tx.AppendAudit(ctx, outer)
	})
	if got := w.history(ada.ID, id.Entry{}, 10); len(got) != 1 || got[0].ID != outer.ID {
		w.Errorf("%d entries are stored, want the outer one alone", len(got))
	}
}

// appendAnyText proves that what happened is recorded however somebody spells.
func appendAnyText(w *world) {
	ada := w.person("ada")
	for _, text := range []string{"a\x00b", "\xff\xfe", strings.Repeat("\u00e9", 5000), "\r\n\x1b[31m", "\u2028\u202e"} {
		e := newEntry(ada.ID, base)
		e.ActorName, e.Reason, e.UserAgent, e.RequestID = text, text, text, text
		e.Target = audit.Target{Kind: text, ID: text, Name: text}
		e.Changes = []audit.Change{{Field: text, Before: text, After: text}}
		w.record(e.InLogOf(id.NewOrg()))
		if got := w.history(ada.ID, id.Entry{}, 1); len(got) != 1 || got[0].ID != e.ID {
			w.Errorf("the entry with %.20q is not stored", text)
		}
	}
}

// sequence returns entries in the order of time, some at the same moment.
func sequence(user id.User, n int) []audit.Entry {
	var all []audit.Entry
	for i := range n {
		all = append(all, newEntry(user, base.Add(time.Duration(i/3)*time.Second)))
	}
	return all
}

func entriesOrder(w *world) {
	ada := w.person("ada")
	want := sequence(ada.ID, 7)
	w.record(want...)
	got := w.history(ada.ID, id.Entry{}, 10)
	if len(got) != len(want) {
		w.Fatalf("%d entries are stored, want %d", len(got), len(want))
	}
	for i, e := range got {
		w.same("Entries", e, want[len(want)-1-i])
	}
}

func entriesPages(w *world) {
	ada := w.person("ada")
	want := sequence(ada.ID, 10)
	w.record(want...)
	for _, limit := range []int{1, 3, 5, 10} {
		var got []audit.Entry
		for before := (id.Entry{}); len(got) <= len(want); before = got[len(got)-1].ID {
			page := w.history(ada.ID, before, limit)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if len(got) != len(want) {
			w.Fatalf("pages of %d hold %d entries, want %d", limit, len(got), len(want))
		}
		for i, e := range got {
			w.same("Entries", e, want[len(want)-1-i])
		}
	}
}

func entriesOfOthers(w *world) {
	ada, grace := w.person("ada"), w.person("grace")
	nobodys := newEntry(ada.ID, base)
	nobodys.User = id.User{}
	about := newEntry(ada.ID, base) // by Ada and on Ada, in another's history
	about.User = grace.ID
	w.record(nobodys, about)
	for what, user := range map[string]id.User{"somebody without any": ada.ID, "nobody": {}, "a stranger": id.NewUser()} {
		if got := w.history(user, id.Entry{}, 10); len(got) != 0 {
			w.Errorf("Entries of %s returned %d", what, len(got))
		}
	}
	if got := w.history(grace.ID, id.Entry{}, 10); len(got) != 1 {
		w.Errorf("Entries returned %d, want 1", len(got))
	}
}

func entriesCancelled(w *world) {
	ada := w.person("ada")
	w.record(newEntry(ada.ID, base))
	_, err := w.s.Audit().Entries(w.cancelled(), ada.ID, id.Entry{}, 10)
	w.outage("Entries", err)
}
