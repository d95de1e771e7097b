package bunstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// auditCrowd is a log of many organizations, one of which has a third of it, with
// an actor and a target that are in much of it. The older half is sealed.
const auditCrowd = `
	INSERT INTO settings_audit_entries
	SELECT md5('a' || i)::uuid, '2026-01-01Z'::timestamptz + i * interval '1 minute',
		CASE WHEN i % 10 > 0 THEN md5('o' || CASE WHEN i % 3 = 0 THEN 1 ELSE i % 97 END)::uuid END,
		md5('u' || i % 500)::uuid, md5('u' || CASE WHEN i % 4 = 0 THEN 7 ELSE i % 500 END)::uuid, 'action.' || i % 31,
		CASE WHEN i % 7 > 0 THEN 'target ' || CASE WHEN i % 5 = 0 THEN 5 ELSE i % 301 END END,
		('{"line":"' || repeat('x', 500) || '"}')::json
	FROM generate_series(1, 40000) AS i;
	INSERT INTO settings_audit_leaves
	SELECT org_id, row_number() OVER (PARTITION BY org_id ORDER BY at) - 1, id, sha256(id::text::bytea)
	FROM settings_audit_entries WHERE org_id IS NOT NULL AND at < '2026-01-15Z';
	DELETE FROM settings_audit_unsealed WHERE entry_id IN (SELECT entry_id FROM settings_audit_leaves);
	INSERT INTO settings_audit_trees SELECT org_id, max(seq) + 1, '', 0, '', 'x', now() FROM settings_audit_leaves GROUP BY org_id;
	INSERT INTO settings_audit_checkpoints SELECT org_id, seq + 1, now(), 'x' FROM settings_audit_leaves;`

// auditQuery is a question to the log, with the index that answers it on either
// database. One that sorts puts positions in order, a bounded number of them.
type auditQuery struct {
	index, lite string
	sorts       bool
	ask         func(ctx context.Context, tx audit.Tx) error
}

func auditQueries() map[string]auditQuery {
	org, actor := id.Org{1}, id.User{2}
	from := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	at := audit.Position{At: from.AddDate(0, 0, 5), ID: id.Entry{4}}
	queries := map[string]auditQuery{}
	many := []audit.Action{"action.1", "action.2", "action.3"}
	for name, f := range map[string]struct {
		filter audit.Filter
		index  string
		sorts  bool
	}{
		"everything":                  {audit.Filter{}, "org", false},
		"a time":                      {audit.Filter{From: from, To: from.AddDate(0, 0, 9)}, "org", false},
		"an actor":                    {audit.Filter{Actor: actor.String()}, "actor", false},
		"an actor in a time":          {audit.Filter{Actor: "system", From: from, To: from.AddDate(0, 0, 9)}, "actor", false},
		"an action":                   {audit.Filter{Actions: many[:1]}, "action", false},
		"some actions":                {audit.Filter{Actions: many, To: from.AddDate(0, 0, 9)}, "action", true},
		"an action of an actor":       {audit.Filter{Actor: actor.String(), Actions: many[:1]}, "actor_action", false},
		"some actions of an actor":    {audit.Filter{Actor: actor.String(), Actions: many}, "actor_action", true},
		"a target":                    {audit.Filter{Target: "target 5"}, "target", false},
		"a target and an actor":       {audit.Filter{Target: "target 5", Actor: actor.String()}, "target", true},
		"a target and actions":        {audit.Filter{Target: "target 5", Actions: many}, "target", true},
		"a target, actor and actions": {audit.Filter{Target: "target 5", Actor: actor.String(), Actions: many, From: from}, "target", true},
	} {
		index := "settings_audit_entries_" + f.index
		planned := index + " on"
		if f.sorts && f.index == "target" {
			planned = "Function Scan on settings_audit_" // see TestAPageReadsNoMoreThanMaxScan
		}
		for which, from := range map[string]audit.Position{"": {}, ", further": at} {
			queries["Log of "+name+which] = auditQuery{planned, index + " (", f.sorts, func(ctx context.Context, tx audit.Tx) error {
				_, err := tx.Log(ctx, org, f.filter, from, 10)
				return err
			}}
			queries["Lines of "+name+which] = auditQuery{planned, index + " (", f.sorts, func(ctx context.Context, tx audit.Tx) error {
				_, err := tx.Lines(ctx, org, f.filter, from, 10)
				return err
			}}
		}
	}
	others := map[string]auditQuery{
		"Sealed": {"settings_audit_leaves_pkey", "PRIMARY KEY (org_id=? AND seq>?)", false, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Sealed(ctx, org, 100, 10)
			return err
		}},
		"Find": {"settings_audit_entries_pkey", "settings_audit_entries_1 (id=?)", false, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Find(ctx, org, id.Entry{4})
			return ignore(err, audit.ErrNoEntry)
		}},
		"Checkpoints": {"settings_audit_checkpoints_pkey", "PRIMARY KEY (org_id=? AND size<?)", false, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Checkpoints(ctx, org, 100, 10)
			return err
		}},
		"Unsealed": {"settings_audit_unsealed_pkey", "PRIMARY KEY (org_id=?)", true, func(ctx context.Context, tx audit.Tx) error {
			_, _, err := tx.Unsealed(ctx, 10)
			return err
		}},
		"ToSeal": {"settings_audit_unsealed_pkey", "PRIMARY KEY (org_id=?)", false, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToSeal(ctx, org, 10)
			return err
		}},
		"Expired": {"settings_audit_leaves_pkey", "PRIMARY KEY (org_id=? AND seq>?)", false, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Expired(ctx, org, from, 10)
			return err
		}},
		"ToErase of an actor": {"settings_audit_entries_actor", "settings_audit_entries_actor", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, audit.Person{ID: id.User{3}}, id.Entry{4}, 10)
			return err
		}},
		"ToErase of targets": {"settings_audit_entries_target", "settings_audit_entries_target (target_id=?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, audit.Person{Targets: []string{"target 6", "target 8"}}, id.Entry{}, 10)
			return err
		}},
		"ToErase in histories of others": {"settings_audit_entries_by_others", "settings_audit_entries_by_others (actor_id=?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, audit.Person{ID: id.User{3}}, id.Entry{4}, 10)
			return err
		}},
		"ToErase of targets outside of logs": {"settings_audit_entries_on_others", "settings_audit_entries_on_others (target_id=?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, audit.Person{Targets: []string{"target 6", "target 8"}}, id.Entry{}, 10)
			return err
		}},
		"ToErase of an address": {"settings_audit_entries_address", "settings_audit_entries_address (<expr>=?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.ToErase(ctx, audit.Person{Addresses: []string{"ada@example.com"}}, id.Entry{}, 10)
			return err
		}},
		"Histories": {"settings_audit_entries_user", "settings_audit_entries_user (user_id>?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Histories(ctx, id.User{3}, 10)
			return err
		}},
		"Histories from the first": {"settings_audit_entries_user", "settings_audit_entries_user", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.Histories(ctx, id.User{}, 10)
			return err
		}},
		"RemoveNobodys": {"settings_audit_entries_nobodys", "settings_audit_entries_nobodys (at<?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.RemoveNobodys(ctx, from, 10)
			return err
		}},
		"Rewrite": {"settings_audit_entries_pkey", "settings_audit_entries_1 (id=?)", false, func(ctx context.Context, tx audit.Tx) error {
			return ignore(tx.Rewrite(ctx, id.Entry{4}, audit.Line(`{}`)), audit.ErrNoEntry)
		}},
		"RemoveHistory": {"settings_audit_entries_user", "settings_audit_entries_user (user_id=?", true, func(ctx context.Context, tx audit.Tx) error {
			_, err := tx.RemoveHistory(ctx, id.User{3}, from, 10)
			return err
		}},
	}
	for name, q := range others {
		queries[name] = q
	}
	return queries
}

func ignore(err, sentinel error) error {
	if errors.Is(err, sentinel) {
		return nil
	}
	return err
}

// asked returns the statements of a question, which is undone.
func asked(t *testing.T, db *bunstore.DB, seen *collector, q auditQuery) []string {
	t.Helper()
	clear(seen.statements)
	undone := errors.New("undone")
	require.ErrorIs(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
		require.NoError(t, q.ask(ctx, tx))
		return undone
	}), undone)
	var statements []string
	for _, statement := range seen.statements {
		if !strings.Contains(statement, "settings_audit_maintenance") {
			statements = append(statements, statement)
		}
	}
	require.NotEmpty(t, statements)
	return statements
}

func TestAuditPlansOnPostgres(t *testing.T) {
	conf, err := pgx.ParseConfig(dbtest.PostgresDSN(t))
	require.NoError(t, err)
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	// So small a crowd is as well read as a whole and sorted. What matters is that
	// there is an index in the order of each page.
	conf.RuntimeParams["enable_bitmapscan"], conf.RuntimeParams["enable_seqscan"] = "off", "off"
	host := stdlib.OpenDB(*conf)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	for _, statement := range []string{auditCrowd, "ANALYZE"} {
		_, err = host.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	seen := &collector{statements: map[string]string{}}
	db, err := bunstore.New(bun.NewDB(host, pgdialect.New()).WithQueryHook(seen))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	// What is asked about is there, so that the planner knows of it.
	var org, actor, rare string
	require.NoError(t, host.QueryRowContext(t.Context(), `SELECT md5('o1')::uuid, md5('u7')::uuid, md5('u3')::uuid`).Scan(&org, &actor, &rare))
	there := strings.NewReplacer(id.Org{1}.String(), org, id.User{2}.String(), actor, id.User{3}.String(), rare)
	for name, q := range auditQueries() {
		t.Run(name, func(t *testing.T) {
			plan := ""
			for _, statement := range asked(t, db, seen, q) {
				plan += explain(t, host, there.Replace(statement))
			}
			require.NotRegexp(t, "Seq Scan on settings_audit_(entries|leaves|unsealed|checkpoints)", plan)
			require.Contains(t, plan, q.index)
			if !q.sorts {
				require.NotContains(t, plan, "Sort", "a page is read in the order of the index")
			}
		})
	}
}

// SQLite has no crowd: it plans by what indexes there are.
func TestAuditPlansOnSQLite(t *testing.T) {
	seen := &collector{statements: map[string]string{}}
	db := hostDB(t, "_txlock=immediate", seen)
	for name, q := range auditQueries() {
		t.Run(name, func(t *testing.T) {
			plan := ""
			for _, statement := range asked(t, db, seen, q) {
				plan += planOf(t, db, statement)
			}
			require.NotRegexp(t, `SCAN (e|settings_\w+)\b`, plan)
			require.Contains(t, plan, q.lite)
			if !q.sorts && (strings.HasPrefix(name, "Log") || strings.HasPrefix(name, "Lines")) {
				require.NotContains(t, plan, "TEMP B-TREE", "a page is read in the order of the index")
			}
		})
	}
}
