package postgres

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows are those of a statement that is kept. Those of stdlib look up again for
// each query how to decode each column, which is half of what a look-up costs.
type rows struct {
	pgx.Rows
	results pgx.BatchResults // of the pipeline that the statement was sent in, or nil
	ahead   bool             // a row has been read, and not asked for
	more    bool             // there was one
}

// readAhead reads the first row: only then is it known whether the statement has
// failed. After an error everything is closed.
func readAhead(inner pgx.Rows, results pgx.BatchResults) (*rows, error) {
	r := &rows{Rows: inner, results: results, ahead: true, more: inner.Next()}
	if err := inner.Err(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Columns implements driver.Rows.
func (r *rows) Columns() []string {
	fields := r.FieldDescriptions()
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	r.Rows.Close()
	if r.results != nil {
		return r.results.Close()
	}
	return r.Err()
}

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if r.ahead {
		r.ahead = false
	} else {
		r.more = r.Rows.Next()
	}
	if !r.more {
		if err := r.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	fields := r.FieldDescriptions()
	for i, raw := range r.RawValues() {
		var err error
		if dest[i], err = decode(&fields[i], raw); err != nil {
			return err
		}
	}
	return nil
}

// epoch is from when PostgreSQL counts microseconds, in seconds.
const epoch = 946_684_800 // 2000-01-01

// decode returns a column as database/sql scans it. UUIDs are 16 bytes that are
// overwritten by the next row. Types that are in none of our tables are refused.
func decode(f *pgconn.FieldDescription, raw []byte) (driver.Value, error) {
	if raw == nil {
		return nil, nil
	}
	if f.Format == pgx.TextFormatCode { // as pgx asks for text and JSON
		return string(raw), nil
	}
	switch f.DataTypeOID {
	case pgtype.BoolOID:
		return len(raw) == 1 && raw[0] != 0, nil
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return integer(raw)
	case pgtype.UUIDOID:
		return raw, nil
	case pgtype.ByteaOID:
		return bytes.Clone(raw), nil
	case pgtype.TimestamptzOID:
		n, err := integer(raw)
		if err == nil && (n == math.MaxInt64 || n == math.MinInt64) {
			err = fmt.Errorf("postgres: column %s is infinity", f.Name)
		}
		return time.Unix(epoch+n/1e6, n%1e6*1e3).UTC(), err
	}
	return nil, fmt.Errorf("postgres: column %s is of a type (OID %d) that no statement which is kept may have", f.Name, f.DataTypeOID)
}

func integer(raw []byte) (int64, error) {
	switch len(raw) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), nil //nolint:gosec // two's complement
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), nil //nolint:gosec // two's complement
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), nil //nolint:gosec // two's complement
	}
	return 0, fmt.Errorf("postgres: an integer of %d bytes", len(raw))
}
