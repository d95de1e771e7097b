package bunstore_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// formerMigrations are those before entries became lines.
func formerMigrations(t *testing.T, d bunstore.Dialect) fstest.MapFS {
	t.Helper()
	former := fstest.MapFS{}
	for _, name := range []string{"00001_foundation.sql", "00002_factors.sql", "00003_orgs.sql"} {
		content, err := fs.ReadFile(bunstore.Migrations(d), name)
		require.NoError(t, err)
		former[name] = &fstest.MapFile{Data: content}
	}
	return former
}

// Entries that were written by columns become lines that say the same, can be
// sealed and erased, and wait for their seal.
func TestFormerEntriesBecomeLines(t *testing.T) {
	second := now.Truncate(time.Second)
	user, org, actor, session := id.NewUser(), id.NewOrg(), id.NewUser(), id.NewSession()
	const insert = `INSERT INTO settings_audit_entries (id, at, action, outcome, reason, actor_kind, actor_id, actor_name,
		target_kind, target_id, target_name, changes, user_id, org_id, session_id, ip, user_agent, request_id)
		VALUES (?, ?, 'orgs.renamed', ?, ?, ?, ?, ?, 'org', ?, ?, ?, ?, ?, ?, ?, ?, 'r-1')`
	strange := "Zoe\u0301 \"quoted\" \\ 'x' \u2028 \t\n\x01 <b>&amp; \U0001F469"

	for name, open := range openers(t) {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			require.NoError(t, db.MigrateFiles(t.Context(), formerMigrations(t, db.Dialect())))
			var want []audit.Entry
			add := func(e audit.Entry, changes string, ip any) {
				e.ID, e.Action, e.Target.Kind, e.RequestID, e.User = id.NewEntry(), "orgs.renamed", "org", "r-1", user
				exec(t, db, insert, e.ID, e.At, string(e.Outcome), e.Reason, string(e.ActorKind), e.ActorID, e.ActorName,
					e.Target.ID, e.Target.Name, changes, e.User, e.Org, e.Session, ip, e.UserAgent)
				want = append(want, e)
			}
			for _, at := range []time.Time{second, second.Add(time.Microsecond), second.Add(100 * time.Millisecond), second.Add(999999 * time.Microsecond)} {
				add(audit.Entry{At: at, Outcome: audit.Done, ActorKind: audit.KindSystem}, `[]`, nil)
			}
			full := audit.Entry{
				At: now, Outcome: audit.Refused, Reason: "forbidden", ActorKind: audit.KindUser, ActorID: actor, ActorName: strange,
				Target: audit.Target{ID: org.String(), Name: strange}, Org: org, Session: session, UserAgent: strange,
				Changes: []audit.Change{{Field: "name", Before: "a", After: `"]}`}, {Field: "b", Before: "", After: "\u00e9\\"}},
			}
			add(full, `[ {"field":"name","before":"a","after":"\"]}"}, {"after":"\u00e9\\","before":"","field":"b"} ]`, nil)
			bare := full
			bare.ActorKind, bare.ActorID, bare.ActorName, bare.UserAgent, bare.Changes = audit.KindAnonymous, id.User{}, "", "", nil
			add(bare, `[ ]`, nil)
			bare.ActorKind, bare.Target.Name = audit.KindSupport, ""
			add(bare, `[]`, nil)

			require.NoError(t, db.Migrate(t.Context()))
			got, err := db.Audit().Entries(t.Context(), user, id.Entry{}, 100)
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range want {
				require.Equal(t, want[len(want)-1-i], got[i])
			}
			requireSealable(t, db, len(want))
			requireFound(t, db, org, map[string]int{actor.String(): 1, "support": 1, "anonymous": 1, "system": 0, "": 3})
			waiting, _, err := db.Audit().Unsealed(t.Context(), 10)
			require.NoError(t, err)
			require.Equal(t, []id.Org{org}, waiting)
		})
	}
}

// SQLite replaces also the row whose rowid a new one is given.
func TestEntriesAreNotReplacedByTheirRowID(t *testing.T) {
	db := dbtest.SQLite(t)
	e := audit.System("test").Did("orgs.renamed", audit.Target{}, now).InLogOf(id.NewOrg())
	require.NoError(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error { return tx.AppendAudit(ctx, e) }))
	_, err := db.Conn(t.Context()).ExecContext(t.Context(), `
		INSERT OR REPLACE INTO settings_audit_entries (rowid, id, at, org_id, action, line)
		SELECT rowid, ?, at, org_id, action, line FROM settings_audit_entries`, id.NewEntry())
	require.ErrorContains(t, err, "append-only")
	_, err = db.Audit().Find(t.Context(), e.Org, e.ID)
	require.NoError(t, err)
}

// requireSealable fails unless every line has the layout of one that was written
// by this version.
func requireSealable(t *testing.T, db *bunstore.DB, n int) {
	t.Helper()
	var lines []string
	require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT CAST(line AS text) FROM settings_audit_entries`).Scan(t.Context(), &lines))
	require.Len(t, lines, n)
	salts := map[string]bool{}
	for _, l := range lines {
		hash, err := audit.Line(l).LeafHash()
		require.NoError(t, err, l)
		require.False(t, salts[string(hash[:])], "each has salts of its own")
		salts[string(hash[:])] = true
		erased, err := audit.Line(l).Erase(audit.EraseActor | audit.EraseTarget)
		require.NoError(t, err)
		same, err := erased.LeafHash()
		require.NoError(t, err)
		require.Equal(t, hash, same)
	}
}

func requireFound(t *testing.T, db *bunstore.DB, org id.Org, want map[string]int) {
	t.Helper()
	for actor, n := range want {
		p, err := db.Audit().Log(t.Context(), org, audit.Filter{Actor: actor}, audit.Position{}, 100)
		require.NoError(t, err)
		require.Len(t, p.Items, n, actor)
	}
}
