package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// logged stores n entries in the log of an organization, and seals them.
func logged(t testing.TB, db *bunstore.DB, org id.Org, n int) []audit.Entry {
	t.Helper()
	var all []audit.Entry
	require.NoError(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
		tree, err := tx.LockTree(ctx, org)
		require.NoError(t, err)
		var leaves []audit.Leaf
		for i := range n {
			e := audit.System("test").Did("orgs.updated", audit.Target{Kind: "org", ID: org.String(), Name: "Acme"}, now).InLogOf(org)
			require.NoError(t, tx.AppendAudit(ctx, e))
			all = append(all, e)
			leaves = append(leaves, audit.Leaf{Entry: e.ID, Seq: tree.Size + uint64(i), Hash: [32]byte{1}}) //nolint:gosec // small
		}
		tree.Size += uint64(n) //nolint:gosec // small
		tree.Hashes, tree.Note, tree.At = [][32]byte{{1}}, []byte("note"), now
		return tx.Seal(ctx, tree, leaves)
	}))
	return all
}

func TestAuditIsAppendOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		org := id.NewOrg()
		entries := logged(t, db, org, 3)
		statements := []string{
			`UPDATE settings_audit_entries SET action = 'nothing'`, `DELETE FROM settings_audit_entries`,
			`UPDATE settings_audit_leaves SET seq = seq + 10`, `DELETE FROM settings_audit_leaves`,
			`UPDATE settings_audit_checkpoints SET size = size + 1`, `DELETE FROM settings_audit_checkpoints`,
		}
		for _, table := range []string{"entries", "leaves", "checkpoints"} {
			if db.Dialect() == bunstore.Postgres {
				statements = append(statements, `TRUNCATE settings_audit_`+table, `TRUNCATE settings_audit_`+table+` CASCADE`)
			} else {
				statements = append(statements, `INSERT OR REPLACE INTO settings_audit_`+table+` SELECT * FROM settings_audit_`+table)
			}
		}
		refused := func() {
			t.Helper()
			for _, statement := range statements {
				_, err := db.Conn(t.Context()).ExecContext(t.Context(), statement)
				require.ErrorContains(t, err, "append-only", statement)
			}
		}
		refused()
		line := audit.NewLine(entries[0])
		require.ErrorContains(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
			require.NoError(t, tx.Rewrite(ctx, entries[0].ID, line))
			require.ErrorIs(t, tx.Rewrite(ctx, id.NewEntry(), line), audit.ErrNoEntry)
			_, err := db.Conn(ctx).ExecContext(ctx, `DELETE FROM settings_audit_leaves`)
			require.ErrorContains(t, err, "append-only", "after what may, in the same transaction")
			return errors.New("undone")
		}), "undone")
		refused()
		items, err := db.Audit().Sealed(t.Context(), org, 0, 10)
		require.NoError(t, err)
		require.Len(t, items, 3)
	})
}

// A transaction that may change the log lets no other one do so.
func TestMaintenanceIsOfItsTransactionAlone(t *testing.T) {
	db := dbtest.Postgres(t)
	logged(t, db, id.NewOrg(), 1)
	exec(t, db, `INSERT INTO settings_audit_maintenance VALUES (txid_current())`) // and committed
	_, err := db.Conn(t.Context()).ExecContext(t.Context(), `DELETE FROM settings_audit_entries`)
	require.ErrorContains(t, err, "append-only")
}

// Whoever appends does not wait for whoever seals, nor does who seals another log.
func TestAppendingDoesNotWaitForALockedTree(t *testing.T) {
	db := dbtest.Postgres(t)
	org := id.NewOrg()
	logged(t, db, org, 1)
	fresh := id.NewOrg() // whose tree is made by locking it
	require.NoError(t, db.Audit().Update(t.Context(), func(inner context.Context, tx audit.Tx) error {
		for _, o := range []id.Org{org, fresh} {
			_, err := tx.LockTree(inner, o)
			require.NoError(t, err)
		}
		// In a transaction of its own, which would wait until its deadline.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, o := range []id.Org{org, fresh} {
			require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error { //nolint:contextcheck // outside on purpose
				return tx.AppendAudit(ctx, audit.System("test").Did("orgs.updated", audit.Target{}, now).InLogOf(o))
			}))
		}
		logged(t, db, id.NewOrg(), 1) //nolint:contextcheck // outside on purpose
		return nil
	}))
	_, oldest, err := db.Audit().Unsealed(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, now, oldest)
}

// What is sealed by half must not be committed, whoever ignores the error.
func TestAFailedSealFailsTheTransaction(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		org := id.NewOrg()
		logged(t, db, org, 2)
		var waiting []audit.Stored
		for what, leaves := range map[string]func() []audit.Leaf{
			"unknown": func() []audit.Leaf {
				return []audit.Leaf{{Entry: waiting[0].ID, Seq: 2}, {Entry: id.NewEntry(), Seq: 3}}
			},
			"twice": func() []audit.Leaf {
				return []audit.Leaf{{Entry: waiting[0].ID, Seq: 2}, {Entry: waiting[0].ID, Seq: 3}}
			},
			"taken": func() []audit.Leaf {
				return []audit.Leaf{{Entry: waiting[0].ID, Seq: 2}, {Entry: waiting[1].ID, Seq: 1}}
			},
		} {
			require.Error(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
				for range 2 {
					require.NoError(t, tx.AppendAudit(ctx, audit.System("test").Did("orgs.updated", audit.Target{}, now).InLogOf(org)))
				}
				tree, err := tx.LockTree(ctx, org)
				require.NoError(t, err)
				waiting, err = tx.ToSeal(ctx, org, 10)
				require.NoError(t, err)
				tree.Size += 2
				tree.Note, tree.At = []byte("note"), now
				require.Error(t, tx.Seal(ctx, tree, leaves()), what)
				return nil
			}), what)
			tree, err := db.Audit().LogTree(t.Context(), org)
			require.NoError(t, err)
			require.EqualValues(t, 2, tree.Size, what)
			items, err := db.Audit().Sealed(t.Context(), org, 0, 10)
			require.NoError(t, err)
			require.Len(t, items, 2, what)
		}
	})
}

// Of a target that is in much of a log a page reads MaxScan entries, and the next
// goes on behind them; nothing is left out and nothing comes twice.
func TestAPageReadsNoMoreThanMaxScan(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		org, rare := id.NewOrg(), id.NewUser()
		n := 2*audit.MaxScan + 500
		chosen := map[int]bool{0: true, audit.MaxScan - 1: true, audit.MaxScan: true, n - 1: true}
		insertMany(t, db, org, n, func(i int) id.User {
			if chosen[i] {
				return rare
			}
			return id.User{15: 9}
		})
		f := audit.Filter{Actor: rare.String(), Target: "target"}
		for name, read := range map[string]func(ctx context.Context, r audit.Reader, from audit.Position) (audit.Page, error){
			"Log": func(ctx context.Context, r audit.Reader, from audit.Position) (audit.Page, error) {
				return r.Log(ctx, org, f, from, 3)
			},
			"Lines": func(ctx context.Context, r audit.Reader, from audit.Position) (audit.Page, error) {
				return r.Lines(ctx, org, f, from, 3)
			},
		} {
			seen, pages := map[id.Entry]bool{}, 0
			for from := (audit.Position{}); ; pages++ {
				page, err := read(t.Context(), db.Audit(), from)
				require.NoError(t, err)
				for _, item := range page.Items {
					require.False(t, seen[item.ID], "%s twice", name)
					require.NotEmpty(t, item.Line)
					seen[item.ID] = true
				}
				if from = page.Next; from.IsZero() {
					break
				}
			}
			require.Len(t, seen, len(chosen), name)
			require.Equal(t, 2, pages, "%s goes on after each MaxScan", name)
			if db.Dialect() == bunstore.Postgres {
				rows := fetched(t, db, func(ctx context.Context, r audit.Reader) {
					_, err := read(ctx, r, audit.Position{})
					require.NoError(t, err)
				})
				require.GreaterOrEqual(t, rows, audit.MaxScan, name)
				require.LessOrEqual(t, rows, audit.MaxScan+4, "%s: those of the page are read once more for what is in them", name)
			}
		}
	})
}

// fetched is how many entries PostgreSQL reads for what read asks.
func fetched(t testing.TB, db *bunstore.DB, read func(ctx context.Context, r audit.Reader)) (rows int) {
	t.Helper()
	_, err := db.Conn(t.Context()).ExecContext(t.Context(), `ANALYZE settings_audit_entries`)
	require.NoError(t, err)
	// The counts of a session are of what it has not reported yet.
	count := func(ctx context.Context) (n int) {
		require.NoError(t, db.Conn(ctx).NewRaw(`
			SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)
			FROM pg_stat_xact_user_tables WHERE relname = 'settings_audit_entries'`).Scan(ctx, &n))
		return n
	}
	require.NoError(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
		before := count(ctx)
		read(ctx, tx)
		rows = count(ctx) - before
		return nil
	}))
	return rows
}

// insertMany stores n entries about "target" by SQL, a second apart.
func insertMany(t *testing.T, db *bunstore.DB, org id.Org, n int, actor func(i int) id.User) {
	t.Helper()
	type row struct {
		ID     id.Entry  `bun:"id"`
		At     time.Time `bun:"at"`
		Org    id.Org    `bun:"org_id"`
		Actor  id.User   `bun:"actor_id"`
		Action string    `bun:"action"`
		Target string    `bun:"target_id"`
		Line   string    `bun:"line"`
	}
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		for first := 0; first < n; first += 500 {
			var rows []row
			for i := first; i < min(first+500, n); i++ {
				rows = append(rows, row{id.NewEntry(), now.Add(time.Duration(i) * time.Second), org, actor(i), "orgs.updated", "target", fmt.Sprintf(`{"n":%d}`, i)})
			}
			_, err := db.Conn(ctx).NewInsert().Model(&rows).ModelTableExpr("settings_audit_entries").Exec(ctx)
			require.NoError(t, err)
		}
		return nil
	}))
}
