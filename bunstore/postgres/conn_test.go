package postgres_test

import (
	"context"
	"database/sql"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// poolOf returns the connections, as database/sql has them.
func poolOf(t *testing.T, db *bunstore.DB) *sql.DB {
	t.Helper()
	pool, ok := db.Conn(t.Context()).(*bun.DB)
	require.True(t, ok)
	return pool.DB
}

// one returns a database on one connection.
func one(t *testing.T) *bunstore.DB {
	return open(t, postgres.Config{DSN: dbtest.PostgresDSN(t), MaxOpenConns: 1})
}

// Every column that a statement which is kept may have is read as pgx reads it,
// and one of another type is refused.
func TestColumnsOfAStatementThatIsKept(t *testing.T) {
	pool := poolOf(t, one(t))
	const columns = `true, false, -2::int2, -70000::int4, $1::int8, 'ä', ''::text, '\x00ff'::bytea,
		'2026-03-14 15:09:26.123456+05:45'::timestamptz, '1970-01-01+00'::timestamptz, '00112233-4455-6677-8899-aabbccddeeff'::uuid,
		'9999-12-31 23:59:59.999999+00'::timestamptz, '0001-01-01 00:00:00.000001+00'::timestamptz,
		NULL::uuid, NULL::timestamptz, '{"a": 1}'::jsonb`
	read := func(args ...any) (values []any) {
		values = make([]any, 16)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT `+columns, args...).Scan(into...))
		return values
	}
	id := []byte{0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	require.Equal(t, []any{
		true, false, int64(-2), int64(-70000), int64(math.MinInt64), "ä", "", []byte{0, 0xff},
		time.Date(2026, time.March, 14, 9, 24, 26, 123456000, time.UTC), time.Unix(0, 0).UTC(), id,
		time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1, time.January, 1, 0, 0, 0, 1000, time.UTC),
		nil, nil, `{"a": 1}`,
	}, read(postgres.Keep, int64(math.MinInt64)))

	for _, refused := range []string{`'infinity'::timestamptz`, `'-infinity'::timestamptz`, `1.5::numeric`, `1.5::float8`} {
		var v any
		require.ErrorContains(t, pool.QueryRowContext(t.Context(), `SELECT `+refused, postgres.Keep).Scan(&v), "column", refused)
		require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT `+refused).Scan(&v), "by itself")
	}
}

// keptRows reads a statement that is kept to its end, as bun does.
func keptRows(ctx context.Context, from interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string,
) (values []int, err error) {
	rows, err := from.QueryContext(ctx, query, postgres.Keep)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		values = append(values, n)
	}
	return values, rows.Err()
}

// Rows are read to the end or left behind, alone and after what was held back.
func TestRowsOfAStatementThatIsKept(t *testing.T) {
	pool := poolOf(t, one(t))
	_, err := pool.ExecContext(t.Context(), `CREATE TABLE host (n int)`)
	require.NoError(t, err)
	tx, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	none, err := keptRows(t.Context(), tx, `SELECT n FROM host`) // sent along with BEGIN
	require.NoError(t, err)
	require.Empty(t, none)
	for range 3 {
		res, err := tx.ExecContext(t.Context(), `INSERT INTO host VALUES (7)`, postgres.Hold)
		require.NoError(t, err)
		_, err = res.RowsAffected()
		require.ErrorContains(t, err, "held back")
	}
	values, err := keptRows(t.Context(), tx, `SELECT n FROM host`)
	require.NoError(t, err)
	require.Equal(t, []int{7, 7, 7}, values)

	_, err = tx.ExecContext(t.Context(), `INSERT INTO host VALUES (8)`, postgres.Hold)
	require.NoError(t, err)
	var first int
	require.NoError(t, tx.QueryRowContext(t.Context(), `SELECT n FROM host`, postgres.Keep).Scan(&first), "the rest is left behind")
	require.Equal(t, 7, first)

	_, err = tx.ExecContext(t.Context(), `INSERT INTO host VALUES (9)`, postgres.Hold)
	require.NoError(t, err)
	res, err := tx.ExecContext(t.Context(), `DELETE FROM host WHERE n < 9`, postgres.Keep)
	require.NoError(t, err)
	n, err := res.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	require.NoError(t, tx.Commit())

	values, err = keptRows(t.Context(), pool, `SELECT n FROM host`)
	require.NoError(t, err)
	require.Equal(t, []int{9}, values)
}

// A row that fails after others that did not.
func TestAFailureBehindTheFirstRow(t *testing.T) {
	pool := poolOf(t, one(t))
	const query = `SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n`
	_, err := keptRows(t.Context(), pool, query)
	require.ErrorContains(t, err, "division by zero")
	tx, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = keptRows(t.Context(), tx, query)
	require.ErrorContains(t, err, "division by zero")
	require.ErrorContains(t, tx.Commit(), "rollback")
	values, err := keptRows(t.Context(), pool, `SELECT 1`)
	require.NoError(t, err)
	require.Equal(t, []int{1}, values)
}

// Transactions that ask for more than the usual begin at once.
func TestATransactionWithOptions(t *testing.T) {
	pool := poolOf(t, one(t))
	tx, err := pool.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	require.NoError(t, err)
	var level string
	require.NoError(t, tx.QueryRowContext(t.Context(), `SHOW transaction_isolation`).Scan(&level))
	require.Equal(t, "repeatable read", level)
	_, err = tx.ExecContext(t.Context(), `CREATE TABLE host (n int)`, postgres.Hold)
	require.ErrorContains(t, err, "read-only")
	require.NoError(t, tx.Rollback())
}

// What fails before the server has heard of BEGIN ends the transaction all the
// same: what comes after it must not be committed by itself.
func TestWhatFailsAlongWithBegin(t *testing.T) {
	pool := poolOf(t, one(t))
	_, err := pool.ExecContext(t.Context(), `CREATE TABLE host (n int)`)
	require.NoError(t, err)
	for name, fail := range map[string]func(tx *sql.Tx) error{
		"a statement that cannot be prepared": func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO nowhere VALUES (1)`, postgres.Keep)
			return err
		},
		"a query that cannot be prepared": func(tx *sql.Tx) error {
			_, err := keptRows(t.Context(), tx, `SELECT n FROM nowhere`)
			return err
		},
		"an argument that the server refuses": func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO host VALUES ($1::int)`, postgres.Keep, "seven")
			return err
		},
		"an argument that cannot be sent": func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO host VALUES ($1::int)`, postgres.Keep, struct{ n int }{7})
			return err
		},
		"one that was held back": func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), `INSERT INTO nowhere VALUES (1)`, postgres.Hold)
			require.NoError(t, err)
			_, err = tx.ExecContext(t.Context(), `INSERT INTO host VALUES (1)`)
			return err
		},
	} {
		tx, err := pool.BeginTx(t.Context(), nil)
		require.NoError(t, err, name)
		require.Error(t, fail(tx), name)
		for _, m := range [][]any{nil, {postgres.Keep}} {
			_, err = tx.ExecContext(t.Context(), `INSERT INTO host VALUES (7)`, m...)
			require.Error(t, err, name)
		}
		_, _ = tx.ExecContext(t.Context(), `INSERT INTO host VALUES (7)`, postgres.Hold) // refused now or later
		_, err = keptRows(t.Context(), tx, `SELECT n FROM host`)
		require.Error(t, err, name)
		_, err = tx.PrepareContext(t.Context(), `SELECT n FROM host`) //nolint:sqlclosecheck // there is none
		require.Error(t, err, name)
		require.Error(t, tx.Commit(), name)

		values, err := keptRows(t.Context(), pool, `SELECT n FROM host`)
		require.NoError(t, err, name)
		require.Empty(t, values, name)
	}
}

// A failure since a savepoint is forgotten with it, and what was before is not.
func TestWhatIsLostSinceASavepoint(t *testing.T) {
	pool := poolOf(t, one(t))
	_, err := pool.ExecContext(t.Context(), `CREATE TABLE host (n int)`)
	require.NoError(t, err)
	tx, err := pool.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	run := func(query string, args ...any) error {
		_, err := tx.ExecContext(t.Context(), query, args...)
		return err
	}
	require.NoError(t, run(`INSERT INTO host VALUES (1)`, postgres.Hold))
	for _, back := range []string{`ROLLBACK TO SAVEPOINT a`, `rollback to a`} {
		require.NoError(t, run(`SAVEPOINT a`))
		require.NoError(t, run(`INSERT INTO nowhere VALUES (1)`, postgres.Hold))
		require.Error(t, run(`INSERT INTO host VALUES (2)`, postgres.Keep))
		require.Error(t, run(`INSERT INTO host VALUES (3)`, postgres.Hold))
		require.NoError(t, run(back))
	}
	require.NoError(t, run(`INSERT INTO host VALUES (4)`, postgres.Hold))
	require.NoError(t, tx.Commit())
	values, err := keptRows(t.Context(), pool, `SELECT n FROM host ORDER BY n`)
	require.NoError(t, err)
	require.Equal(t, []int{1, 4}, values)
}
