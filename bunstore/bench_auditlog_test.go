package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

const (
	fewEntries = 100_000

	// entriesVariable names how many entries the large log of a benchmark has. The
	// claims of the documentation are about 10,000,000, which takes 20 GB of disk and
	// half an hour.
	entriesVariable = "SETTINGS_BENCH_ENTRIES"

	pageOfLog = 50
)

func manyEntries(tb testing.TB) int {
	text := os.Getenv(entriesVariable)
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err, entriesVariable)
	return n
}

// manyLogs fills a log by SQL, with what is asked for numbered: i is the number of
// an entry, o of its organization, a of its actor in it, t of its target and n of
// its action; the smaller, the more frequent. Organization 0 has $2 of a hundred
// entries and 50 people, the others 20. The entries are spread over 400 days.
const manyLogs = `
	INSERT INTO settings_audit_entries
	SELECT id, at, org, actor, actor, action, target,
		('{"v":1,"id":"' || id || '","at":"' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
			|| '","action":"' || action || '","outcome":"done","reason":"","actor":{"kind":"user","id":"' || actor
			|| '","name":"Ada Lovelace ' || i % 97 || '"},"target":{"kind":"user","id":"' || target || '","name":"Grace Hopper ' || i % 89
			|| '"},"changes":[{"field":"role","before":"member","after":"admin"}],"ip":"192.0.2.' || i % 250
			|| '","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"'
			|| ',"session_id":"' || org || '","token_id":"","request_id":"' || left(id::text, 18)
			|| '","salts":["' || left(md5(i::text), 22) || '","' || right(md5(i::text), 22) || '"]}')::json
	FROM (
		SELECT i, at, md5('o' || o)::uuid AS org, md5('u' || o || '/' || a)::uuid AS actor, md5('u' || o || '/' || t)::uuid::text AS target,
			'group' || n % 8 || '.action' || n AS action,
			(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(md5(i::text), 3) || '8' || right(md5(i::text), 15))::uuid AS id
		FROM (
			SELECT i, o, '2025-10-20Z'::timestamptz + i * (34560000000000 / $1) * interval '1 microsecond' AS at,
				floor(power(random(), 2) * CASE WHEN o = 0 THEN 50 ELSE 20 END) AS a,
				floor(power(random(), 2) * CASE WHEN o = 0 THEN 50 ELSE 20 END) AS t,
				floor(power(random(), 2) * 64)::int AS n
			FROM (
				SELECT i, CASE WHEN i % 100 < $2 THEN 0 ELSE 1 + floor(power(random(), 2) * greatest($1 / 500, 2000))::int END AS o
				FROM generate_series($3::bigint, $4::bigint) AS i
			) AS e
		) AS e
	) AS e`

// filled is a database with n entries, of which share in a hundred are of one
// organization. Indexes are made afterwards, which is faster.
func filled(b *testing.B, n, share int) (*bunstore.DB, *sql.DB) {
	b.Helper()
	dsn := dbtest.PostgresDSN(b)
	host, err := sql.Open("pgx", dsn)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, host.Close()) })
	host.SetMaxOpenConns(1)
	run := func(statement string, args ...any) {
		_, err := host.ExecContext(b.Context(), statement, args...)
		require.NoError(b, err, statement)
	}
	rows, err := host.QueryContext(b.Context(), `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'settings_audit_entries' AND indexname <> 'settings_audit_entries_pkey'`)
	require.NoError(b, err)
	defer func() { _ = rows.Close() }()
	var drop, create []string
	for rows.Next() {
		var name, definition string
		require.NoError(b, rows.Scan(&name, &definition))
		drop, create = append(drop, `DROP INDEX `+name), append(create, definition)
	}
	require.NoError(b, rows.Err())
	run(`SET maintenance_work_mem = '1GB'`)
	run(`SELECT setseed(0.5)`)
	run(`ALTER TABLE settings_audit_entries DISABLE TRIGGER USER`)
	for _, statement := range drop {
		run(statement)
	}
	for first := 1; first <= n; first += fewEntries {
		run(manyLogs, n, share, first, min(first+fewEntries-1, n))
	}
	for _, statement := range create {
		run(statement)
	}
	run(`ALTER TABLE settings_audit_entries ENABLE TRIGGER USER`)
	run(`VACUUM (ANALYZE) settings_audit_entries`)
	db, err := postgres.OpenWith(b.Context(), postgres.Config{DSN: dsn, NoMigrate: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	return db, host
}

// numbered is what manyLogs calls by numbers.
func numbered(b *testing.B, host *sql.DB, name string) (text string) {
	b.Helper()
	require.NoError(b, host.QueryRowContext(b.Context(), `SELECT md5($1)::uuid`, name).Scan(&text))
	return text
}

// logQuestion asks for pages of the largest log by filters of one kind.
type logQuestion struct {
	name    string
	filters []audit.Filter
}

// logQuestions are each filter alone and an actor with an action, as often chosen
// as there are full pages of them among 100,000 entries.
func logQuestions(b *testing.B, host *sql.DB) []logQuestion {
	b.Helper()
	var users [5]string
	for i := range users {
		users[i] = numbered(b, host, fmt.Sprintf("u0/%d", i))
	}
	start := time.Date(2025, 10, 20, 0, 0, 0, 0, time.UTC)
	several := map[string][]audit.Filter{"none": {{}}}
	group := func(n int) (actions []audit.Action) {
		for a := n; a < 64; a += 8 {
			actions = append(actions, audit.Action(fmt.Sprintf("group%d.action%d", n, a)))
		}
		return actions
	}
	for i := range users {
		first := group(i)[:1]
		several["actor"] = append(several["actor"], audit.Filter{Actor: users[i]})
		several["target"] = append(several["target"], audit.Filter{Target: users[i]})
		several["action"] = append(several["action"], audit.Filter{Actions: first})
		several["three actions"] = append(several["three actions"], audit.Filter{Actions: slices.Concat(first, group(i + 1)[:1], group(i + 2)[:1])})
		several["group"] = append(several["group"], audit.Filter{Actions: group(i)})
		several["dates"] = append(several["dates"], audit.Filter{From: start.AddDate(0, 0, 60*i), To: start.AddDate(0, 0, 60*i+60)})
		several["actor and action"] = append(several["actor and action"],
			audit.Filter{Actor: users[0], Actions: first}, audit.Filter{Actor: users[i], Actions: group(0)[:1]})
	}
	var questions []logQuestion
	for _, name := range []string{"none", "actor", "action", "three actions", "group", "target", "dates", "actor and action"} {
		questions = append(questions, logQuestion{name, several[name]})
	}
	return questions
}

// BenchmarkAuditLog compares pages of the largest log among many entries, and
// among 100,000, in turn: the p95 of a page by each single filter and by an actor
// with an action, the first page and the 1,000th, or the last full one. ratio, the
// median of rounds, is to stay under 1.5. How many entries there are is in SETTINGS_BENCH_ENTRIES. Of what
// else can be asked, rows is how many entries are read for a page.
func BenchmarkAuditLog(b *testing.B) {
	smallDB, smallHost := filled(b, fewEntries, 30)
	largeDB, largeHost := filled(b, manyEntries(b), 3)
	org, err := id.ParseOrg(numbered(b, largeHost, "o0"))
	require.NoError(b, err)
	for _, q := range logQuestions(b, smallHost) {
		var first, deep, deepLarge []audit.Position
		for _, f := range q.filters {
			first = append(first, audit.Position{})
			deep, deepLarge = append(deep, deepest(b, smallDB, org, f)), append(deepLarge, deepest(b, largeDB, org, f))
		}
		b.Run(q.name+"/first", func(b *testing.B) {
			comparePages(b, org, q.filters, pages{smallDB, first}, pages{largeDB, first})
		})
		b.Run(q.name+"/deep", func(b *testing.B) {
			comparePages(b, org, q.filters, pages{smallDB, deep}, pages{largeDB, deepLarge})
		})
	}
	actor, target := numbered(b, largeHost, "u0/40"), numbered(b, largeHost, "u0/0")
	rare, month := []audit.Action{"group7.action63"}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]audit.Filter{
		"target and actor":            {Target: target, Actor: actor},
		"target and action":           {Target: target, Actions: rare},
		"target, actor and action":    {Target: target, Actor: actor, Actions: rare},
		"target, actor and dates":     {Target: target, Actor: actor, From: month, To: month.AddDate(0, 1, 0)},
		"target and dates":            {Target: target, From: month, To: month.AddDate(0, 1, 0)},
		"actor and dates":             {Actor: actor, From: month, To: month.AddDate(0, 1, 0)},
		"action and dates":            {Actions: rare, From: month, To: month.AddDate(0, 1, 0)},
		"actor, actions and dates":    {Actor: actor, Actions: append(rare, "group7.action55"), From: month},
		"everything at the same time": {Target: target, Actor: actor, Actions: append(rare, "group7.action55"), From: month, To: month.AddDate(0, 6, 0)},
	} {
		b.Run(name, func(b *testing.B) { countRows(b, largeDB, org, f) })
	}
}

// deepest is where the 1,000th page begins, or the last that is full.
func deepest(b *testing.B, db *bunstore.DB, org id.Org, f audit.Filter) audit.Position {
	b.Helper()
	var starts []audit.Position
	for from := (audit.Position{}); len(starts) < 1000; {
		page, err := db.Audit().Log(b.Context(), org, f, from, pageOfLog)
		require.NoError(b, err)
		if len(page.Items) < pageOfLog {
			break
		}
		starts = append(starts, from)
		if from = page.Next; from.IsZero() {
			break
		}
	}
	require.NotEmpty(b, starts, "a page of %+v is full", f)
	return starts[len(starts)-1]
}

// pages are where each of some filters is asked.
type pages struct {
	db   *bunstore.DB
	from []audit.Position
}

func (p pages) ask(b *testing.B, org id.Org, filters []audit.Filter, i int) time.Duration {
	started := time.Now()
	page, err := p.db.Audit().Log(b.Context(), org, filters[i], p.from[i], pageOfLog)
	took := time.Since(started)
	require.NoError(b, err)
	require.Len(b, page.Items, pageOfLog)
	return took
}

func comparePages(b *testing.B, org id.Org, filters []audit.Filter, small, large pages) {
	for i := range filters { // warm
		for range 3 {
			small.ask(b, org, filters, i)
			large.ask(b, org, filters, i)
		}
	}
	var ratios, inSmall, inLarge []float64
	for b.Loop() {
		for range 10 {
			var s, l []time.Duration
			for n := range 100 {
				i := n % len(filters)
				s, l = append(s, small.ask(b, org, filters, i)), append(l, large.ask(b, org, filters, i))
			}
			inSmall, inLarge = append(inSmall, p95(s)), append(inLarge, p95(l))
			ratios = append(ratios, p95(l)/p95(s))
		}
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(inSmall), "µs/small")
	b.ReportMetric(median(inLarge), "µs/large")
	b.ReportMetric(0, "ns/op")
}

// p95 is in microseconds.
func p95(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)*95/100].Nanoseconds()) / 1000
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// countRows reports how many entries PostgreSQL reads for a page, those of the page
// twice, and how long that takes.
func countRows(b *testing.B, db *bunstore.DB, org id.Org, f audit.Filter) {
	for b.Loop() {
		var took time.Duration
		rows := fetched(b, db, func(ctx context.Context, r audit.Reader) {
			started := time.Now()
			_, err := r.Log(ctx, org, f, audit.Position{}, pageOfLog)
			took = time.Since(started)
			require.NoError(b, err)
		})
		require.LessOrEqual(b, rows, audit.MaxScan+pageOfLog+1)
		b.ReportMetric(float64(rows), "rows")
		b.ReportMetric(float64(took.Microseconds())/1000, "ms/page")
	}
	b.ReportMetric(0, "ns/op")
}
