package bunstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/aegisrunner/account-settings/fault"
)

// Errors of this package. All others are sentinels of the domains, or failures
// of the database as the driver reported them.
var (
	// ErrScopeEnded: a transaction or savepoint was used after its end. The
	// context or handle was carried out of the function that it belonged to.
	ErrScopeEnded = errors.New("bunstore: the transaction this context belongs to has ended")

	// ErrScopeBusy: a savepoint was opened with the context of a transaction in
	// which another savepoint is still open. Use the context that the function
	// of the inner one got; a transaction is not for several goroutines.
	ErrScopeBusy = errors.New("bunstore: the transaction has an open savepoint, whose context must be used")

	// ErrText: text with a NUL byte, or that is not UTF-8.
	ErrText = fault.New(fault.Invalid, "validation_failed", "bunstore: text with a NUL byte or invalid UTF-8")

	// ErrRole: a role that cannot be given to a member, or does not exist.
	ErrRole = fault.New(fault.Invalid, "validation_failed", "bunstore: not a role that can be given")

	// ErrBlobName: the name of a blob is not made of a–z, 0–9, '/', '-' and '.',
	// is empty, or is longer than 200 bytes.
	ErrBlobName = fault.New(fault.Invalid, "validation_failed", "bunstore: malformed blob name")

	// ErrBlobTooLarge: over 8 MiB.
	ErrBlobTooLarge = fault.New(fault.TooLarge, "too_large", "bunstore: blob is larger than 8 MiB")

	// ErrPending: the schema is older than this program; see [DB.Migrate].
	ErrPending = errors.New("bunstore: migrations are pending")
)

// missing turns "no rows" into the sentinel of the domain and leaves every
// other failure as it is.
func missing(err, sentinel error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return sentinel
	}
	return err
}

// Result codes of SQLite, without their extension.
const (
	sqliteBusy      = 5
	sqliteNoMemory  = 7
	sqliteInterrupt = 9
	sqliteIO        = 10
	sqliteCorrupt   = 11
	sqliteFull      = 13
)

// sqlState returns the SQLSTATE of a PostgreSQL error. Both pgx and pgdriver can
// be asked without being linked.
func sqlState(err error) string {
	var pgx interface{ SQLState() string }
	if errors.As(err, &pgx) {
		return pgx.SQLState()
	}
	var pgdriver interface{ Field(k byte) string }
	if errors.As(err, &pgdriver) {
		return pgdriver.Field('C')
	}
	return ""
}

// sqliteCode returns the primary result code of a SQLite error, or zero.
func sqliteCode(err error) int {
	var c interface{ Code() int }
	if errors.As(err, &c) {
		return c.Code() & 0xff
	}
	return 0
}

// conflict reports whether another transaction was in the way, and this one is
// known to have been undone or never begun: running it again may succeed. A
// broken connection carries no code, so an unknown outcome is not a conflict.
func (d Dialect) conflict(err error) bool {
	if d == SQLite {
		return sqliteCode(err) == sqliteBusy
	}
	switch sqlState(err) {
	case "40001", "40P01", "55P03":
		return true
	}
	return false
}

// fatal reports whether SQLite may have rolled the whole transaction back by
// itself. What is written after that would be committed statement by statement.
// PostgreSQL refuses further statements by itself.
func (d Dialect) fatal(err error) bool {
	if d != SQLite || err == nil {
		return false
	}
	switch sqliteCode(err) {
	case sqliteBusy, sqliteNoMemory, sqliteInterrupt, sqliteIO, sqliteCorrupt, sqliteFull:
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
