package postgres

import (
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows are those of the last statement of a pipeline.
type rows struct {
	results pgx.BatchResults
	rows    pgx.Rows
	first   bool // the first row has been read ahead, if there is one
	more    bool
}

// newRows reads the first row ahead: only then is it known whether the statement
// has failed. After an error the results are closed.
func newRows(results pgx.BatchResults) (*rows, error) {
	inner, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, err
	}
	more := inner.Next()
	if err := inner.Err(); err != nil {
		inner.Close()
		_ = results.Close()
		return nil, err
	}
	return &rows{results, inner, true, more}, nil
}

// Columns implements driver.Rows.
func (r *rows) Columns() []string {
	fields := r.rows.FieldDescriptions()
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	r.rows.Close()
	return r.results.Close()
}

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	more := r.more
	if !r.first {
		more = r.rows.Next()
	}
	r.first = false
	if !more {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values, err := r.rows.Values()
	if err != nil {
		return err
	}
	for i, v := range values {
		if dest[i], err = value(v); err != nil {
			return err
		}
	}
	return nil
}

// value turns what pgx makes of a column into what database/sql scans. Columns
// that need more, such as JSON, are read by statements without a mode.
func value(v any) (driver.Value, error) {
	switch v := v.(type) {
	case int32:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case [16]byte:
		return pgtype.UUID{Bytes: v, Valid: true}.Value()
	}
	if !driver.IsValue(v) {
		return nil, fmt.Errorf("postgres: a column of %T in a statement that is kept", v)
	}
	return v, nil
}
