package accounts

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
)

const (
	exportClaim = 2 * time.Minute // how long a worker that was killed keeps others away
	exportTries = 5               // for one part
)

// WorkExports makes what people have asked for by [Service.StartExport], of all of
// them in turn, until nothing is left to do. It is a job: it may run on any number
// of nodes at once and be killed at any point. One part is written after the other,
// each under a claim; what a claim has left unfinished is written anew under the
// next one.
//
// A source that fails is asked again once the claim has run out, 5 times in all.
// Then the whole export has failed, and nothing of it can be downloaded: one that
// lacks a part without saying so would be taken for all there is.
func (s *Service) WorkExports(ctx context.Context) error {
	var errs []error
	for {
		e, err := s.claimExport(ctx)
		switch {
		case errors.Is(err, ErrExportNotFound):
			return errors.Join(errs...)
		case err != nil:
			return errors.Join(append(errs, err)...)
		}
		if err := s.workExport(ctx, e); err != nil && !errors.Is(err, ErrExportNotFound) {
			errs = append(errs, fmt.Errorf("accounts: export %s: %w", e.ID, err))
		}
	}
}

func (s *Service) claimExport(ctx context.Context) (e Export, err error) {
	now := s.now()
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		e, err = tx.ClaimExport(ctx, now, now.Add(exportClaim))
		return err
	})
	return e, err
}

// workExport writes the next part of an export. ErrExportNotFound: it was ended, or
// the claim was lost.
func (s *Service) workExport(ctx context.Context, e Export) error {
	u, err := s.c.Store.UserByID(ctx, e.User)
	if errors.Is(err, ErrUserNotFound) {
		return s.EndExports(ctx, e.User)
	}
	if err != nil {
		return err
	}
	if e.Tries > exportTries { // killed in the midst of it again and again
		return s.failExport(ctx, e)
	}
	if len(e.Parts) < len(e.Sources) {
		err = s.writePart(ctx, e)
	} else {
		err = s.assemble(ctx, u, e)
	}
	if err == nil || errors.Is(err, ErrExportNotFound) || e.Tries < exportTries || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, s.failExport(ctx, e))
}

// writePart writes what the next source has to say.
func (s *Service) writePart(ctx context.Context, e Export) error {
	name := e.Sources[len(e.Parts)]
	i := slices.IndexFunc(s.c.Exports, func(source ExportSource) bool { return source.Name() == name })
	if i < 0 {
		// Another node may run a version that knows it.
		return fmt.Errorf("there is no source %q", name)
	}
	before := 0 // records; those of a claim that was lost do not count
	for _, part := range e.Parts {
		before += part.Records
	}
	p := &progress{s: s, e: e, renewed: s.now()}
	out := s.writeExport(ctx, e, func() error { return p.renew(ctx) })
	w := &exportWriter{
		zip: zip.NewWriter(out), folder: name, at: e.CreatedAt, names: map[string]bool{},
		beat: func(records int) error { return p.beat(ctx, before+records) },
	}
	if err := s.c.Exports[i].Export(ctx, e.User, w); err != nil {
		return fmt.Errorf("source %q: %w", name, err)
	}
	if err := w.zip.Close(); err != nil {
		return err
	}
	part, err := out.close()
	if err != nil {
		return err
	}
	part.Records = w.records
	e.Parts, e.Records, e.Tries = append(e.Parts, part), before+part.Records, 0
	return s.saveExport(ctx, e, s.now()) // and is anybody's again
}

// assemble makes the ZIP of all parts, and says that it is ready.
func (s *Service) assemble(ctx context.Context, u User, e Export) error {
	p := &progress{s: s, e: e, renewed: s.now()}
	out := s.writeExport(ctx, e, func() error { return p.renew(ctx) })
	all := zip.NewWriter(out)
	if s.c.ExportReadme != nil {
		w, err := all.CreateHeader(&zip.FileHeader{Name: "README.txt", Method: zip.Deflate, Modified: e.CreatedAt})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, s.c.ExportReadme(u, e)); err != nil {
			return err
		}
	}
	for _, part := range e.Parts {
		from, err := zip.NewReader(s.readExport(ctx, e, part), part.Size)
		if err != nil {
			return err
		}
		for _, f := range from.File {
			if err := all.Copy(f); err != nil {
				return err
			}
		}
	}
	if err := all.Close(); err != nil {
		return err
	}
	whole, err := out.close()
	if err != nil {
		return err
	}
	parts := e.Parts
	e.Parts = append(slices.Clone(e.Parts), whole)
	if err := s.readied(ctx, e); err != nil {
		return err
	}
	for _, part := range parts { // of which the ZIP is a copy
		if err := s.c.Blobs.DeleteBlobs(ctx, claimFolder(e.ID, part.Claim)); err != nil {
			return err
		}
	}
	return nil
}

// readied makes an export ready, if its person is still there.
func (s *Service) readied(ctx context.Context, e Export) error {
	now := s.now()
	e.State, e.EndedAt, e.ExpiresAt, e.Tries = ExportReady, now, now.Add(exportKept), 0
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, e.User)
		if errors.Is(err, ErrUserNotFound) {
			return ErrExportNotFound
		}
		if err != nil {
			return err
		}
		if err := tx.SaveExport(ctx, e, now); err != nil {
			return err
		}
		if err := s.post(ctx, tx, u.recipient(), ExportReadyLetter{Size: e.Size(), ExpiresAt: e.ExpiresAt}, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, audit.Actor{}.AsSystem("export").Did(ActionExportReady, u.target(), now,
			audit.Change{Field: "bytes", After: strconv.FormatInt(e.Size(), 10)}).InHistoryOf(u.ID))
	})
}

// failExport gives an export up. That it failed is shown for a day; what was
// written of it goes at once.
func (s *Service) failExport(ctx context.Context, e Export) error {
	now := s.now()
	e.State, e.EndedAt, e.ExpiresAt = ExportFailed, now, now.Add(exportKept)
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockUser(ctx, e.User)
		if errors.Is(err, ErrUserNotFound) {
			return ErrExportNotFound
		}
		if err != nil {
			return err
		}
		if err := tx.SaveExport(ctx, e, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, audit.Actor{}.AsSystem("export").Did(ActionExportFailed, u.target(), now).InHistoryOf(u.ID))
	})
	if err != nil {
		return err
	}
	return s.c.Blobs.DeleteBlobs(ctx, exportFolder(e.ID))
}

func (s *Service) saveExport(ctx context.Context, e Export, until time.Time) error {
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.SaveExport(ctx, e, until) })
}

// progress keeps a claim and says how far its work has come.
type progress struct {
	s       *Service
	e       Export
	renewed time.Time
}

// beat is called with each record, and renews the claim now and then.
func (p *progress) beat(ctx context.Context, records int) error {
	p.e.Records = records
	if p.s.now().Sub(p.renewed) < exportClaim/8 {
		return nil
	}
	return p.renew(ctx)
}

// renew extends the claim. ErrExportNotFound: it was lost, and another works.
func (p *progress) renew(ctx context.Context) error {
	p.renewed = p.s.now()
	return p.s.saveExport(ctx, p.e, p.renewed.Add(exportClaim))
}
