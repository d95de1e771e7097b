package accounts

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

const (
	exportKept  = 24 * time.Hour     // from when it is ready
	exportGiven = 7 * 24 * time.Hour // for one to become ready, should nobody work
)

// StartExport asks for a ZIP of all that is kept of the person who acts, which
// [Service.WorkExports] then makes. A mail says when it is ready; from then on it
// can be downloaded for 24 h. It takes the place of a former one.
//
// While one is being made, that is the answer: there is one at a time. A person
// may ask 3 times, and then every 8 hours: ErrRateLimited in a fault.Retry. It
// takes a fresh proof (audit.ErrStepUp).
func (s *Service) StartExport(ctx context.Context, actor audit.Actor) (Export, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermExport, ActionExportRequested, now); err != nil {
		return Export{}, err
	}
	switch e, err := s.runningExport(ctx, s.c.Store, actor.User, now); {
	case err == nil:
		return e, nil
	case !errors.Is(err, ErrExportNotFound):
		return Export{}, err
	}
	if err := s.take(ctx, "export", actor.User.String(), 3, 8*time.Hour); err != nil {
		return Export{}, err
	}
	e := Export{
		ID: id.NewExport(), User: actor.User, State: ExportRunning, Sources: s.exportSources(),
		CreatedAt: now, ExpiresAt: now.Add(exportGiven),
	}
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, actor.User)
		if err != nil {
			return err
		}
		switch running, err := s.runningExport(ctx, tx, u.ID, now); {
		case err == nil:
			e = running
			return nil
		case !errors.Is(err, ErrExportNotFound):
			return err
		}
		if _, err := tx.EndExports(ctx, u.ID, now); err != nil {
			return err
		}
		if err := tx.InsertExport(ctx, e); err != nil {
			return err
		}
		tx.AfterCommit(func(context.Context) { s.c.WakeExports() })
		return tx.AppendAudit(ctx, actor.Did(ActionExportRequested, u.target(), now).InHistoryOf(u.ID))
	})
	if err != nil {
		return Export{}, err
	}
	return e, nil
}

// runningExport returns the export that is being made for a person, else
// ErrExportNotFound.
func (s *Service) runningExport(ctx context.Context, from ExportReader, user id.User, now time.Time) (Export, error) {
	newest, err := from.Exports(ctx, user, 1)
	if err != nil {
		return Export{}, err
	}
	if len(newest) == 0 || newest[0].State != ExportRunning || !now.Before(newest[0].ExpiresAt) {
		return Export{}, ErrExportNotFound
	}
	return newest[0], nil
}

func (s *Service) exportSources() []string {
	names := make([]string, len(s.c.Exports))
	for i, source := range s.c.Exports {
		names[i] = source.Name()
	}
	return names
}

// ExportByID returns an export of the person who acts: one that is being made, can
// be downloaded, or failed within the last day. ErrExportNotFound, also for that
// of somebody else.
func (s *Service) ExportByID(ctx context.Context, actor audit.Actor, which id.Export) (Export, error) {
	now := s.now()
	if err := s.allow(actor, PermExportView, now); err != nil {
		return Export{}, err
	}
	e, err := s.c.Store.Export(ctx, actor.User, which)
	return shownExport(e, err, now)
}

// LatestExport is ExportByID for the newest one.
func (s *Service) LatestExport(ctx context.Context, actor audit.Actor) (Export, error) {
	now := s.now()
	if err := s.allow(actor, PermExportView, now); err != nil {
		return Export{}, err
	}
	newest, err := s.c.Store.Exports(ctx, actor.User, 1)
	if err == nil && len(newest) == 0 {
		err = ErrExportNotFound
	}
	if err != nil {
		return Export{}, err
	}
	return shownExport(newest[0], nil, now)
}

// shownExport returns what the person may know of an export that was read.
func shownExport(e Export, err error, now time.Time) (Export, error) {
	if err != nil {
		return Export{}, err
	}
	if !now.Before(e.ExpiresAt) || e.State == ExportEnded || e.State == ExportRemoved {
		return Export{}, ErrExportNotFound
	}
	return e, nil
}

// ExportFile is an export as it is downloaded.
type ExportFile struct {
	Name string // "export-2026-11-24.zip"
	Size int64  // in bytes

	s *Service
	e Export
}

// DownloadExport returns the ZIP of the person who acts, until it expires; it is
// recorded before anything is written. ErrExportNotFound for that of somebody
// else, one that is not ready, and one that has expired. It takes a fresh proof
// (audit.ErrStepUp).
func (s *Service) DownloadExport(ctx context.Context, actor audit.Actor, which id.Export) (*ExportFile, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermExportDownload, ActionExportDownloaded, now); err != nil {
		return nil, err
	}
	var e Export
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, actor.User)
		if err != nil {
			return err
		}
		if e, err = readyExport(ctx, tx, u.ID, which, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionExportDownloaded, u.target(), now,
			audit.Change{Field: "bytes", After: strconv.FormatInt(e.Size(), 10)}).InHistoryOf(u.ID))
	})
	if err != nil {
		return nil, err
	}
	return &ExportFile{Name: "export-" + e.CreatedAt.Format(time.DateOnly) + ".zip", Size: e.Size(), s: s, e: e}, nil
}

// readyExport returns an export that can be downloaded at now.
func readyExport(ctx context.Context, from ExportReader, user id.User, which id.Export, now time.Time) (Export, error) {
	e, err := from.Export(ctx, user, which)
	if e, err = shownExport(e, err, now); err != nil {
		return Export{}, err
	}
	if e.State != ExportReady {
		return Export{}, ErrExportNotFound
	}
	return e, nil
}

// Write writes the ZIP to w, with the memory of one part of it. What expires or is
// ended meanwhile breaks off with ErrExportNotFound.
func (f *ExportFile) Write(ctx context.Context, w io.Writer) error {
	in := f.s.readExport(ctx, f.e, f.e.Parts[len(f.e.Parts)-1])
	in.before = func() error {
		_, err := readyExport(ctx, f.s.c.Store, f.e.User, f.e.ID, f.s.now())
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(in, 0, f.Size))
	return err
}

// EndExports ends whatever is being made or kept for a person, at once: it can no
// longer be downloaded, and [Service.CollectExports] removes it. It takes part in
// the transaction of ctx. For whoever deletes an account.
func (s *Service) EndExports(ctx context.Context, user id.User) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		_, err := tx.EndExports(ctx, user, now)
		return err
	})
}

// RemoveExports ends the exports of a person as EndExports does, and removes all
// that is stored of them, so that the person can be removed. It may be killed at
// any point and repeated. The host's store of blobs takes no part in a
// transaction, so ctx must not carry one.
func (s *Service) RemoveExports(ctx context.Context, user id.User) error {
	if err := s.EndExports(ctx, user); err != nil {
		return err
	}
	for {
		list, err := s.c.Store.Exports(ctx, user, collectedAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, e := range list {
			if err := s.c.Blobs.DeleteBlobs(ctx, exportFolder(e.ID)); err != nil {
				return err
			}
			err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.ForgetExport(ctx, e.ID) })
			if err != nil {
				return err
			}
		}
	}
}

const (
	collectedAtOnce = 100

	// stragglers is how long after the removal of an export its blobs are removed
	// once more: a worker that had lost its claim may have written one meanwhile.
	stragglers = time.Hour
)

// CollectExports removes what is stored of exports that have expired, failed or
// were ended. It is a job: it may run on any number of nodes at once and be killed
// at any point.
func (s *Service) CollectExports(ctx context.Context) error {
	now := s.now()
	for {
		var due []Export
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			due, err = tx.DueExports(ctx, now, collectedAtOnce)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		for _, e := range due {
			// Blobs first: if this stops in between, the export is still due.
			if err := s.c.Blobs.DeleteBlobs(ctx, exportFolder(e.ID)); err != nil {
				return err
			}
			err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
				if e.State == ExportRemoved {
					return tx.ForgetExport(ctx, e.ID)
				}
				return tx.RemoveExport(ctx, e.ID, now, now.Add(stragglers))
			})
			if err != nil {
				return err
			}
		}
	}
}
