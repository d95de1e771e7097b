package bunstore_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// counter notes the kind of each statement, "INSERT settings_outbox".
type counter struct {
	mu   sync.Mutex
	seen []string
}

func (c *counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (c *counter) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	table := ""
	for _, word := range strings.Fields(e.Query) {
		if word = strings.Trim(word, `"(),`); strings.HasPrefix(word, "settings_") {
			table = word
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, strings.TrimSpace(e.Operation()+" "+table))
}

func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.seen
	c.seen = nil
	return out
}

// unlimited lets everything through: these tests ask more often than people may.
type unlimited struct{}

func (unlimited) Take(context.Context, string, int, time.Duration) (time.Duration, error) {
	return 0, nil
}
func (unlimited) Give(context.Context, string, int, time.Duration) error { return nil }

// door is a way in that must not tell whether an address has an account.
type door struct {
	path string
	more map[string]any // of the request
}

func (d door) ask(app *settingstest.App, email string) {
	body := maps.Clone(d.more)
	body["email"] = email
	app.Client().API(http.MethodPost, d.path, body)
}

func doors() []door {
	return []door{
		{"/auth/sign-in", map[string]any{"password": "wrong horse 42"}},
		{"/auth/sign-up", map[string]any{}},
		{"/auth/password/forgot", map[string]any{}},
	}
}

// INV-9: for an address with an account and one without, the same statements run
// in the same order, the first time, later, and for several requests at once.
func TestEqualWork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		c := &counter{}
		pool, ok := db.Conn(t.Context()).(*bun.DB)
		require.True(t, ok)
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: unlimited{}})
		app.SignUp("known@example.com", "Known")
		pool.AddQueryHook(c) //nolint:staticcheck // WithQueryHook makes another DB; the store has this one
		for _, d := range doors() {
			inTurn, atOnce := map[string][]string{}, map[string][]string{}
			for _, email := range []string{"known@example.com", "unknown@example.com"} {
				exec(t, db, `DELETE FROM settings_failures`) // what is recorded depends on how many there were
				c.take()
				for range 20 { // beyond those that are all recorded
					d.ask(app, email)
				}
				inTurn[email] = c.take()
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() { d.ask(app, email) })
				}
				wg.Wait()
				atOnce[email] = c.take()
				slices.Sort(atOnce[email]) // they overlap
			}
			require.NotEmpty(t, inTurn["known@example.com"], d.path)
			require.Equal(t, inTurn["known@example.com"], inTurn["unknown@example.com"], d.path)
			require.Equal(t, atOnce["known@example.com"], atOnce["unknown@example.com"], "%s, at once", d.path)
		}
	})
}

// lockable is a row that requests for one address write to.
type lockable struct{ table, column, key string }

// lockables returns the rows there are that more than one request writes to.
func lockables(t *testing.T, db *bunstore.DB) []lockable {
	t.Helper()
	return append(rowsOf(t, db, "settings_resets", "address_key"), rowsOf(t, db, "settings_failures", "key")...)
}

func rowsOf(t *testing.T, db *bunstore.DB, table, column string) (all []lockable) {
	t.Helper()
	rows, err := pool(t, db).QueryContext(t.Context(), `SELECT encode(`+column+`, 'hex') FROM `+table)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		l := lockable{table, column, ""}
		require.NoError(t, rows.Scan(&l.key))
		all = append(all, l)
	}
	require.NoError(t, rows.Err())
	return all
}

// waiting is how many transactions wait for a lock.
func waiting(t *testing.T, db *bunstore.DB) (n int) {
	t.Helper()
	require.NoError(t, pool(t, db).QueryRowContext(t.Context(),
		`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
	return n
}

// INV-9, RSET-01b: requests for one address wait for one another whether or not
// it has an account, and nobody waits for those for another address. Otherwise
// somebody who asks twice at once could tell by the clock. (On SQLite there is
// one writer, and everybody waits for everybody.)
func TestEqualWaiting(t *testing.T) {
	db := dbtest.Postgres(t)
	app := settingstest.Start(t, settings.Config{Store: db, Limiter: unlimited{}})
	known, unknown := []string{"known@example.com", "known2@example.com"}, []string{"unknown@example.com", "unknown2@example.com"}
	for _, email := range known {
		app.SignUp(email, "Known")
	}
	for _, d := range doors() {
		exec(t, db, `DELETE FROM settings_resets`)
		exec(t, db, `DELETE FROM settings_failures`)
		d.ask(app, "somebody@example.com") // makes what belongs to the network
		owns := map[string][]lockable{}
		for _, email := range slices.Concat(known, unknown) {
			before := lockables(t, db)
			d.ask(app, email)
			owns[email] = slices.DeleteFunc(lockables(t, db), func(row lockable) bool { return slices.Contains(before, row) })
		}
		require.NotEmpty(t, owns[known[0]], d.path)
		for _, email := range slices.Concat(known, unknown) {
			require.Len(t, owns[email], len(owns[known[0]]), "%s of %s", d.path, email)
			others := slices.DeleteFunc(slices.Concat(known, unknown), func(other string) bool { return other == email })
			for _, row := range owns[email] {
				waitsAlone(t, db, app, d, row, email, others)
			}
		}
	}
}

// waitsAlone holds a row in a transaction, and fails unless a request for email
// waits for it while requests for others go on.
func waitsAlone(t *testing.T, db *bunstore.DB, app *settingstest.App, d door, row lockable, email string, others []string) {
	t.Helper()
	tx, err := pool(t, db).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), `SELECT 1 FROM `+row.table+` WHERE `+row.column+` = decode('`+row.key+`', 'hex') FOR UPDATE`)
	require.NoError(t, err)

	answered := make(chan struct{})
	go func() {
		defer close(answered)
		d.ask(app, email)
	}()
	require.Eventually(t, func() bool { return waiting(t, db) == 1 }, 10*time.Second, 5*time.Millisecond,
		"%s of %s does not wait for %s", d.path, email, row.table)
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		for _, other := range others {
			d.ask(app, other)
		}
	}()
	select {
	case <-passed:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s of others waits for %s of %s", d.path, row.table, email)
	}
	select {
	case <-answered:
		t.Fatalf("%s of %s was answered while %s was held", d.path, email, row.table)
	default:
	}
	require.NoError(t, tx.Commit())
	select {
	case <-answered:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s of %s still waits", d.path, email)
	}
}
