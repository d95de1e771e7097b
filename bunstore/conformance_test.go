package bunstore_test

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// options look behind the contract, at what is left of a letter.
var options = storetest.Options{
	SealedMail: func(t *testing.T, s flows.Store, m id.Mail) []byte {
		db, ok := s.(*bunstore.DB)
		require.True(t, ok)
		var sealed []byte
		err := db.Conn(t.Context()).NewRaw(`SELECT sealed FROM settings_outbox WHERE id = ?`, m).Scan(t.Context(), &sealed)
		require.NoError(t, err)
		return sealed
	},
}

func TestConformanceSQLite(t *testing.T) {
	options.All(t, func(t *testing.T) flows.Store { return dbtest.SQLite(t) })
}

// One database serves all subtests, emptied in between: connections to a new one
// would take longer than the tests.
func TestConformancePostgres(t *testing.T) {
	db := dbtest.Postgres(t)
	options.All(t, func(t *testing.T) flows.Store {
		_, err := db.Conn(t.Context()).ExecContext(t.Context(), `
			DO $$
			DECLARE name text;
			BEGIN
				SET LOCAL session_replication_role = replica; -- no triggers, no foreign keys
				FOR name IN SELECT tablename FROM pg_tables
					WHERE schemaname = current_schema() AND tablename LIKE 'settings\_%' AND tablename <> 'settings_migrations'
				LOOP
					EXECUTE 'DELETE FROM ' || quote_ident(name);
				END LOOP;
			END $$`)
		require.NoError(t, err)
		return db
	})
}

// A host's own database, with one pool for everything. The statements of the
// suites are collected on the way: none may read a whole table.
func TestConformanceOfAHostsDatabase(t *testing.T) {
	seen := &collector{statements: map[string]string{}}
	once := options
	once.Rounds = 1
	once.All(t, func(t *testing.T) flows.Store { return hostDB(t, "_txlock=immediate", seen) })

	plans := hostDB(t, "_txlock=immediate")
	require.Greater(t, len(seen.statements), 50)
	for _, statement := range seen.statements {
		rows, err := plans.Conn(t.Context()).QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement)
		require.NoError(t, err, statement)
		subqueries := map[string]bool{} // whose own plans are asked
		for rows.Next() {
			var node, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&node, &parent, &unused, &detail))
			if what, name, ok := strings.Cut(detail, " "); ok && (what == "CO-ROUTINE" || what == "MATERIALIZE") {
				subqueries[name] = true
			}
			if scanned, ok := strings.CutPrefix(detail, "SCAN "); ok && !subqueries[scanned] && !inKeyOrder(statement, scanned) {
				require.Regexp(t, `USING (COVERING )?INDEX|^SCAN (old|due|CONSTANT ROW|[0-9]+-ROW VALUES CLAUSE)$`, detail, statement)
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close()) //nolint:sqlclosecheck // in a loop
	}
}

// inKeyOrder reports whether what is scanned is a table without a rowid that is read
// in the order of its key until there is enough: its key is the table, and no index
// is named.
func inKeyOrder(statement, scanned string) bool {
	for _, table := range []string{"settings_audit_trees", "settings_audit_unsealed"} {
		if scanned == table || strings.Contains(statement, table+" AS "+scanned+" ORDER BY") {
			return true
		}
	}
	return false
}

// hostDB is a store on a *bun.DB that the test has opened itself.
func hostDB(t *testing.T, parameters string, hooks ...bun.QueryHook) *bunstore.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+dbtest.SQLitePath(t)+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&"+parameters)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	host := bun.NewDB(pool, sqlitedialect.New())
	for _, hook := range hooks {
		host = host.WithQueryHook(hook)
	}
	db, err := bunstore.New(host)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// collector keeps one of all statements that differ in their values alone.
type collector struct {
	mu         sync.Mutex
	statements map[string]string
}

var (
	literal = regexp.MustCompile(`X?'(?:[^']|'')*'|\b[0-9]+\b`)
	ours    = regexp.MustCompile(`^\s*(SELECT|UPDATE|DELETE|INSERT|WITH)\b[^;]*settings_`)
)

func (c *collector) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (c *collector) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if !ours.MatchString(e.Query) || len(e.Query) > 10000 || strings.Contains(e.Query, "settings_migrations") {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements[literal.ReplaceAllString(e.Query, "?")] = e.Query
}
