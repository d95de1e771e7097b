package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"regexp"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// statement is SQL of the way in, which runs with every sign-in. Where the driver
// keeps statements prepared it is parsed and planned once on each connection,
// which is most of what it costs; elsewhere bun writes the arguments into it.
type statement struct {
	numbered string // with $1, $2, …
	inlined  string // with ?0, ?1, …, as bun has them
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// newStatement takes SQL with $1, $2, … and without question marks.
func newStatement(query string) statement {
	return statement{query, parameter.ReplaceAllStringFunc(query, func(p string) string {
		n, _ := strconv.Atoi(p[1:])
		return "?" + strconv.Itoa(n-1)
	})}
}

// newInsert is the statement that inserts one row of columns, separated by commas.
func newInsert(table, columns string) statement {
	values := make([]string, strings.Count(columns, ",")+1)
	for i := range values {
		values[i] = "$" + strconv.Itoa(i+1)
	}
	return newStatement("INSERT INTO " + table + " (" + columns + ") VALUES (" + strings.Join(values, ", ") + ")")
}

// run is NewRaw of conn(ctx) for a statement.
func (s source) run(ctx context.Context, st statement, args ...any) *bun.RawQuery {
	sc := s.sc
	if sc == nil {
		sc = s.db.scope(ctx)
	}
	switch {
	case sc != nil:
		return sc.run(st, args...)
	case s.db.keep == nil:
		return s.db.read.NewRaw(st.inlined, args...)
	}
	return s.db.read.NewRaw(st.numbered).Conn(&kept{db: s.db, mode: s.db.keep, st: st, args: args})
}

// run is NewRaw for a statement.
func (sc *scope) run(st statement, args ...any) *bun.RawQuery {
	return sc.runAs(sc.t.db.keep, st, args)
}

// later runs a statement whose result nobody waits for. The driver may send it
// along with the next one of the transaction or with COMMIT, which saves a round
// trip. What reads after it sees what it did; its failure comes from there, and at
// the latest from the outermost Update.
func (sc *scope) later(ctx context.Context, st statement, args ...any) error {
	sc.t.held.Store(true)
	_, err := sc.runAs(sc.t.db.hold, st, args).Exec(ctx)
	return err
}

func (sc *scope) runAs(mode any, st statement, args []any) *bun.RawQuery {
	db := sc.t.db
	// A host's transaction is not run again, so nothing may fail that need not.
	if mode == nil || sc.t.bun == nil || sc.t.inline.Load() {
		return sc.NewRaw(st.inlined, args...)
	}
	return db.write.NewRaw(st.numbered).Conn(&kept{db: db, sc: sc, mode: mode, st: st, args: args})
}

// kept runs one statement prepared. bun, which has been given no arguments, runs
// its hooks and scans; the arguments join here.
type kept struct {
	db   *DB
	sc   *scope // nil outside of transactions
	mode any    // for the driver
	st   statement
	args []any
}

func (k *kept) conn() bun.IConn {
	if k.sc != nil {
		return statements{k.sc}
	}
	return k.db.read.DB
}

// values are the arguments as database/sql and pgx take them.
func (k *kept) values() ([]any, error) {
	values := make([]any, 0, len(k.args)+1)
	values = append(values, k.mode)
	for _, arg := range k.args {
		v, ok := arg.(driver.Valuer)
		if !ok {
			values = append(values, arg)
			continue
		}
		value, err := v.Value()
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// again reports whether err means no more than that the prepared statement is of
// no use, and the same can be asked with the arguments in the text. A transaction
// is over after any error: it is run again as a whole, see DB.update.
func (k *kept) again(err error) bool {
	if !stale(err) {
		return false
	}
	if k.sc != nil {
		k.sc.t.inline.Store(true)
	}
	return k.sc == nil
}

func (k *kept) inlined() string { return k.db.read.QueryGen().FormatQuery(k.st.inlined, k.args...) }

// ExecContext implements bun.IConn.
func (k *kept) ExecContext(ctx context.Context, query string, _ ...any) (sql.Result, error) {
	values, err := k.values()
	if err != nil {
		return nil, err
	}
	res, err := k.conn().ExecContext(ctx, query, values...)
	if k.again(err) {
		return k.conn().ExecContext(ctx, k.inlined())
	}
	return res, err
}

// QueryContext implements bun.IConn.
func (k *kept) QueryContext(ctx context.Context, query string, _ ...any) (*sql.Rows, error) {
	values, err := k.values()
	if err != nil {
		return nil, err
	}
	rows, err := k.conn().QueryContext(ctx, query, values...) //nolint:sqlclosecheck,rowserrcheck // the caller's
	if k.again(err) {
		return k.conn().QueryContext(ctx, k.inlined()) //nolint:sqlclosecheck,rowserrcheck // the caller's
	}
	return rows, err
}

// QueryRowContext implements bun.IConn. Raw queries of bun do not come here.
func (k *kept) QueryRowContext(ctx context.Context, _ string, _ ...any) *sql.Row {
	return k.conn().QueryRowContext(ctx, k.inlined())
}
