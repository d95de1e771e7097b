package bunstore

import (
	"database/sql/driver"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"
)

// The types below are written by bun (AppendQuery), or by the driver where it
// keeps a statement prepared (Value), which is on PostgreSQL alone.

// stamp is a time in a column. The zero time is NULL. bun writes it in UTC with
// microseconds, so that text on SQLite sorts by time.
type stamp struct{ time.Time }

func at(t time.Time) stamp { return stamp{t} }

// AppendQuery implements schema.QueryAppender.
func (s stamp) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if s.IsZero() {
		return dialect.AppendNull(b), nil
	}
	return gen.Dialect().AppendTime(b, s.Time), nil
}

// Value implements driver.Valuer.
func (s stamp) Value() (driver.Value, error) {
	if s.IsZero() {
		return nil, nil
	}
	return s.Time, nil
}

// Scan implements sql.Scanner.
func (s *stamp) Scan(src any) error {
	if t, ok := src.(time.Time); ok {
		s.Time = t.UTC()
		return nil
	}
	var t bun.NullTime
	if err := t.Scan(src); err != nil {
		return err
	}
	s.Time = t.UTC()
	return nil
}

// digest is a SHA-256 in a column. The zero digest is NULL, so that it finds
// nothing.
type digest [32]byte

// AppendQuery implements schema.QueryAppender.
func (d digest) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if d == (digest{}) {
		return dialect.AppendNull(b), nil
	}
	return gen.Dialect().AppendBytes(b, d[:]), nil
}

// Value implements driver.Valuer.
func (d digest) Value() (driver.Value, error) {
	if d == (digest{}) {
		return nil, nil
	}
	return d[:], nil
}

// Scan implements sql.Scanner.
func (d *digest) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = digest{}
		return nil
	case []byte:
		if len(v) == len(d) {
			copy(d[:], v)
			return nil
		}
	}
	return fmt.Errorf("bunstore: cannot scan %T into a hash", src)
}

// address is an IP address in a column. None is NULL.
type address struct{ netip.Addr }

// AppendQuery implements schema.QueryAppender.
func (a address) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if !a.IsValid() {
		return dialect.AppendNull(b), nil
	}
	return gen.Dialect().AppendString(b, a.String()), nil
}

// Value implements driver.Valuer.
func (a address) Value() (driver.Value, error) {
	if !a.IsValid() {
		return nil, nil
	}
	return a.String(), nil
}

// Scan implements sql.Scanner.
func (a *address) Scan(src any) (err error) {
	switch v := src.(type) {
	case nil:
		a.Addr = netip.Addr{}
		return nil
	case string:
		a.Addr, err = netip.ParseAddr(v)
		return err
	case []byte:
		a.Addr, err = netip.ParseAddr(string(v))
		return err
	}
	return fmt.Errorf("bunstore: cannot scan %T into an IP address", src)
}

// plain reports whether every text can be stored as it is. PostgreSQL takes
// neither a NUL byte nor broken UTF-8, and bun makes broken SQL of the first and
// something else of the second.
func plain(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}

// checkText returns ErrText unless every text can be stored as it is.
func checkText(texts ...string) error {
	if !plain(texts...) {
		return ErrText
	}
	return nil
}

// clean returns s without NUL bytes and broken UTF-8, cut to limit bytes
// between two characters. For text that describes, and that nothing is found by.
func clean(s string, limit int) string {
	if !plain(s) {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	}
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
