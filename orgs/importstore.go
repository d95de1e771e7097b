package orgs

import (
	"context"
	"net/netip"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Import is a file of addresses that are invited one after the other.
type Import struct {
	ID  id.Import
	Org id.Org

	// StartedBy is who handed it in, as whom the addresses are invited. The fields
	// below say how, as entries of the audit log do.
	StartedBy id.User
	Name      string // at that moment
	Session   id.Session
	IP        netip.Addr
	UserAgent string
	RequestID string

	CreatedAt time.Time
	EndedAt   time.Time // zero: rows wait

	ImportCounts
}

// ImportCounts is how far an import has come. The store counts them.
type ImportCounts struct {
	Rows    int // of the file
	Waiting int
	Invited int
	Refused int
}

// Done returns how many rows have been dealt with.
func (c ImportCounts) Done() int { return c.Rows - c.Waiting }

// Percent returns how many of a hundred rows have been dealt with, rounded down:
// 100 is the end.
func (c ImportCounts) Percent() int {
	if c.Waiting == 0 {
		return 100
	}
	return 100 * c.Done() / c.Rows
}

// RowState is what has become of a row.
type RowState string

// The states of a row.
const (
	RowWaiting RowState = "waiting"
	RowInvited RowState = "invited"
	RowRefused RowState = "refused"
)

// ImportRow is a row of an imported file.
type ImportRow struct {
	Line     int    // in the file, from 1
	Email    string // as typed; at most 320 characters, of a refused row perhaps none
	Role     Role   // never Owner; of a refused row perhaps none
	Projects []string
	State    RowState
	Code     string // of a refused row: why
}

// ImportReader is the part of [Reader] about imports.
type ImportReader interface {
	// Import returns one of the organization, else ErrImportNotFound.
	Import(ctx context.Context, org id.Org, i id.Import) (Import, error)

	// Imports returns up to limit imports of an organization, the newest ID first.
	Imports(ctx context.Context, org id.Org, limit int) ([]Import, error)

	// ImportRows returns up to limit rows of an import behind a line, in the order
	// of the file: those in a state, or with "" all.
	ImportRows(ctx context.Context, i id.Import, state RowState, after, limit int) ([]ImportRow, error)
}

// ImportTx is the part of [Tx] about imports.
type ImportTx interface {
	// InsertImport stores an import with its rows, which stand on different lines.
	// One without a row that waits has ended as it began.
	InsertImport(ctx context.Context, i Import, rows []ImportRow) error

	// ClaimImport returns an import of any organization that has not ended and that
	// nobody has a claim on at now, and claims it until until: the one whose last
	// claim ended first, where one that was never claimed counts as if that had been
	// at CreatedAt. Of concurrent callers each gets another. ErrImportNotFound if
	// there is none. It is called without the organization being locked.
	ClaimImport(ctx context.Context, now, until time.Time) (Import, error)

	// ReleaseImport ends at now the claim that runs until until. It does nothing if
	// another claim has followed. It is called without the organization being
	// locked.
	ReleaseImport(ctx context.Context, i id.Import, until, now time.Time) error

	// EndImportRow ends a row that waits, as invited or as refused with a code, and
	// with the last one the import. Of concurrent callers one succeeds; the others
	// get ErrImportNotFound, as for a row that there is not.
	EndImportRow(ctx context.Context, i id.Import, line int, state RowState, code string, now time.Time) error

	// PurgeImports removes up to limit imports that began before t, ended or not,
	// and returns how many.
	PurgeImports(ctx context.Context, t time.Time, limit int) (int, error)
}
