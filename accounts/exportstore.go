package accounts

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Export is a ZIP of all that is kept of a person, which is made for them.
type Export struct {
	ID    id.Export
	User  id.User
	State ExportState

	// Sources are what has something to say of the person, by name, in order.
	// Parts are what has been written: one of each of the first sources, and of one
	// that is ready after all of them the ZIP itself.
	Sources []string
	Parts   []ExportPart

	// Records is how many documents, rows and files have been written so far, those
	// of the part under way included.
	Records int

	// Claim counts how often it has been claimed: what belongs to one claim is
	// written by one worker. Tries counts the claims since something came of one.
	Claim, Tries int

	CreatedAt time.Time
	EndedAt   time.Time // when it was ready, or failed, or was ended; zero: running

	// ExpiresAt is until when one that is ready can be downloaded, and when what is
	// stored of one in any state is to be removed.
	ExpiresAt time.Time
}

// ExportPart is a run of blobs, written under one claim.
type ExportPart struct {
	Claim   int   `json:"claim"`
	Size    int64 `json:"size"` // in bytes, before they were sealed
	Records int   `json:"records"`
}

// ExportState is what has become of an export.
type ExportState string

// The states of an export.
const (
	ExportRunning ExportState = "running"
	ExportReady   ExportState = "ready"
	ExportFailed  ExportState = "failed"
	ExportEnded   ExportState = "ended"   // by a newer one, or because the person has left
	ExportRemoved ExportState = "removed" // nothing is stored of it any more
)

// Total returns how many parts there are to write.
func (e Export) Total() int { return len(e.Sources) + 1 }

// Percent returns how many of a hundred parts have been written, rounded down.
func (e Export) Percent() int { return 100 * min(len(e.Parts), e.Total()) / e.Total() }

// Size returns the size of the ZIP in bytes; 0 unless it is ready.
func (e Export) Size() int64 {
	if e.State != ExportReady || len(e.Parts) == 0 {
		return 0
	}
	return e.Parts[len(e.Parts)-1].Size
}

// ExportReader is the part of [Reader] about exports.
type ExportReader interface {
	// Export returns one of the person's, in any state, else ErrExportNotFound.
	Export(ctx context.Context, user id.User, e id.Export) (Export, error)

	// Exports returns up to limit exports of a person in any state, the newest ID
	// first. That the person is deleted makes no difference.
	Exports(ctx context.Context, user id.User, limit int) ([]Export, error)
}

// ExportTx is the part of [Tx] about exports.
type ExportTx interface {
	// InsertExport stores an export that is running, which nobody has a claim on.
	// ErrExportRunning if another of the person is running.
	InsertExport(ctx context.Context, e Export) error

	// ClaimExport returns an export of anybody that is running, does not expire by
	// now and that nobody has a claim on at now, and claims it until until: the one
	// whose last claim ended first, where one that was never claimed counts as if
	// that had been at CreatedAt. It counts Claim and Tries up. Of concurrent
	// callers each gets another. ErrExportNotFound if there is none.
	ClaimExport(ctx context.Context, now, until time.Time) (Export, error)

	// SaveExport stores State, Parts, Records, Tries, EndedAt and ExpiresAt of an
	// export that is running, and that its claim ends at until: only if e.Claim is
	// the newest claim, else ErrExportNotFound.
	SaveExport(ctx context.Context, e Export, until time.Time) error

	// EndExports ends at now what is running, ready or failed of a person, makes it
	// expire at now, and returns how many that were.
	EndExports(ctx context.Context, user id.User, now time.Time) (int, error)

	// DueExports returns up to limit exports that expire by now, the first to expire
	// first.
	DueExports(ctx context.Context, now time.Time, limit int) ([]Export, error)

	// RemoveExport notes at now that nothing is stored any more of an export, in
	// whatever state, and makes it expire at again. ForgetExport removes the row.
	// None is no error.
	RemoveExport(ctx context.Context, e id.Export, now, again time.Time) error
	ForgetExport(ctx context.Context, e id.Export) error
}
