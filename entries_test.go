package settings_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/archtest/reach"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/security"
)

// deed is one use of a method that writes.
type deed struct {
	method string // "accounts: (*Service).UpdateProfile"
	when   string // of several
	// prepare makes what the deed needs, and returns it and, to be called after it,
	// the entries that it leaves. Each call makes people of its own.
	prepare func(w *world) (do func() error, leaves func() []audit.Entry)
	is      error // what it returns: a refusal; nil: it is done
	// silent says why it leaves no entry.
	silent string
	// beside are the tables that a transaction of its own writes to before.
	beside []string
}

var deeds = slices.Concat(accountDeeds, exportDeeds, signInDeeds, factorDeeds, recoveryDeeds, orgDeeds, memberDeeds, importDeeds, leavingDeeds, logDeeds, notifyDeeds, flowDeeds)

// AUD-01, AUD-02: whatever writes leaves its entries, in the same transaction: who,
// what to whom, before and after, from where. If the entry cannot be stored, or the
// transaction not committed, nothing has happened.
//
// Which methods write is read from the source: a new one needs a line in deeds.
func TestEveryMethodLeavesItsEntries(t *testing.T) {
	m, err := reach.Load("github.com/aegisrunner/account-settings", os.DirFS("."), "internal/flows")
	require.NoError(t, err)
	writers := m.Writers("accounts", "security", "orgs", "notify", "audit", "internal/flows")
	require.Greater(t, len(writers), 50)
	known := map[string]bool{}
	for _, d := range deeds {
		known[d.method] = true
		require.Contains(t, writers, d.method, "a deed of a method that does not write, or is none")
	}
	for _, method := range writers {
		require.True(t, known[method], "%s writes: add what it leaves in the audit log to deeds", method)
	}
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		w := newWorld(t, db)
		for _, d := range deeds {
			t.Run(d.method+" "+d.when, func(t *testing.T) { w.on(t).see(d) })
		}
		w.t = t
		w.sawEverything()
		w.sawNoSecret()
	})
}

// see does a deed three times: in vain, because its entry cannot be stored; in
// vain, because it cannot be committed; and really. What was in vain has left
// everything as it was, so that it can be done again.
func (w *world) see(d deed) {
	t := w.t
	do, leaves := d.prepare(w)
	before, entries := w.state(d.beside...), w.ledger.len()
	for _, where := range []failure{atAppend, atCommit} {
		if d.silent != "" {
			continue
		}
		w.ledger.fail(where)
		err := do()
		w.ledger.fail(nowhere)
		require.ErrorIs(t, err, map[failure]error{atAppend: errDiskFull, atCommit: errNoCommit}[where], "it fails %s", where)
		w.unchanged(before, where, d.beside)
		require.Empty(t, w.ledger.since(entries))
		if len(d.beside) > 0 { // that was used up
			do, leaves = d.prepare(w)
			before, entries = w.state(d.beside...), w.ledger.len()
		}
	}
	stored := len(w.query("SELECT id FROM settings_audit_entries"))
	require.ErrorIs(t, do(), d.is)
	got := w.ledger.since(entries)
	require.Len(t, w.query("SELECT id FROM settings_audit_entries"), stored+len(got))
	want := leaves()
	var actions []audit.Action
	for _, e := range got {
		actions = append(actions, e.Action)
	}
	require.Len(t, got, len(want), "%v", actions)
	require.Equal(t, len(want) == 0, d.silent != "")
	for i, e := range want {
		w.same(e, got[i])
	}
}

// same compares an entry with what it ought to be. A target whose identifier is
// "*" may have any, and a change whose value afterwards is.
func (w *world) same(want, got audit.Entry) {
	w.t.Helper()
	require.False(w.t, got.ID.IsZero())
	require.Equal(w.t, w.now(), got.At)
	if want.Target.ID == "*" {
		require.NotEmpty(w.t, got.Target.ID)
		want.Target.ID = got.Target.ID
	}
	for i, c := range want.Changes {
		if c.After == "*" && i < len(got.Changes) {
			require.NotEmpty(w.t, got.Changes[i].After)
			want.Changes[i].After = got.Changes[i].After
		}
	}
	want.ID, want.At = got.ID, got.At
	if len(got.Changes) == 0 && len(want.Changes) == 0 {
		want.Changes = got.Changes
	}
	require.Equal(w.t, want, got)
	if got.User.IsZero() {
		return
	}
	history, err := w.db.Audit().Entries(w.t.Context(), got.User, id.Entry{}, 1000)
	require.NoError(w.t, err)
	require.True(w.t, slices.ContainsFunc(history, func(e audit.Entry) bool { return e.ID == got.ID }), "it is in the person's history")
}

func (w *world) now() time.Time { return w.app.Clock.Now().Truncate(time.Microsecond) }

// sawEverything makes sure that each action was seen, about what its event says
// and with the fields that it says, and nothing else.
func (w *world) sawEverything() {
	events := map[audit.Action]audit.Event{}
	for _, e := range flows.Events() {
		events[e.Action] = e
	}
	done, kinds, fields := map[audit.Action]bool{}, map[audit.Action]map[string]bool{}, map[audit.Action]map[string]bool{}
	for _, e := range w.ledger.since(0) {
		event, ok := events[e.Action]
		require.True(w.t, ok, "%s is no event", e.Action)
		if fields[e.Action] == nil {
			kinds[e.Action], fields[e.Action] = map[string]bool{}, map[string]bool{}
		}
		for _, c := range e.Changes {
			require.Contains(w.t, event.Fields, c.Field, e.Action)
			fields[e.Action][c.Field] = true
		}
		owner := map[bool]string{true: "user", false: "org"}[e.Org.IsZero()]
		if e.Outcome == audit.Done || e.Target.Kind != owner {
			kinds[e.Action][e.Target.Kind] = true
		}
		done[e.Action] = done[e.Action] || e.Outcome == audit.Done
	}
	for action, event := range events {
		require.True(w.t, done[action] || action == security.ActionSecondFactor, "%s was not seen", action)
		require.Len(w.t, fields[action], len(event.Fields), "%s reports %v, and says %v", action, fields[action], event.Fields)
		if event.Target != "" {
			require.Subset(w.t, map[string]bool{event.Target: true}, kinds[action], "targets of %s", action)
		} else {
			require.Greater(w.t, len(kinds[action])+len(event.Fields), 1, "%s has one kind of target", action)
		}
	}
}

// sawNoSecret looks for what was used as a secret in all entries and in the log
// (AUD-07).
func (w *world) sawNoSecret() {
	stored := strings.Join(w.query("SELECT * FROM settings_audit_entries"), "\n")
	text := fmt.Sprintf("%#v", w.ledger.since(0))
	require.Greater(w.t, len(w.secrets), 50)
	for _, s := range w.secrets {
		require.NotEmpty(w.t, s)
		for where, text := range map[string]string{"entries": text, "stored entries": stored, "log": w.logs.text()} {
			if strings.Contains(text, s) {
				require.Fail(w.t, "a secret", "%q is in the %s", s, where)
			}
		}
	}
}
