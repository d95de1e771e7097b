package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aegisrunner/account-settings/id"
)

// exportChunk is how much of an export lies in one blob, in bytes before it is
// sealed. It is what making and downloading one take of memory, a few times over.
const exportChunk = 1 << 20

// errExportBroken: what is stored of an export is not what was written.
var errExportBroken = errors.New("accounts: what is stored of an export is incomplete")

func exportFolder(e id.Export) string { return "exports/" + e.String() + "/" }

func claimFolder(e id.Export, claim int) string { return fmt.Sprintf("%s%d/", exportFolder(e), claim) }

func chunkName(e id.Export, claim, n int) string {
	return fmt.Sprintf("%s%d", claimFolder(e, claim), n)
}

// chunkContext is what a chunk is sealed for: it opens nowhere else.
func chunkContext(e id.Export, claim, n int) []byte {
	return fmt.Appendf(nil, "export:%s:%d:%d", e, claim, n)
}

// chunkWriter writes a part of an export into blobs. What is written under a claim
// is written once: a key of the store is never written twice.
type chunkWriter struct {
	ctx    context.Context //nolint:containedctx // of one call of the job; io.Writer has no place for it
	s      *Service
	e      Export
	before func() error // each blob
	buf    []byte
	n      int
	size   int64
}

func (s *Service) writeExport(ctx context.Context, e Export, before func() error) *chunkWriter {
	return &chunkWriter{ctx: ctx, s: s, e: e, before: before, buf: make([]byte, 0, exportChunk)}
}

// Write implements [io.Writer].
func (w *chunkWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, exportChunk-len(w.buf))
		w.buf = append(w.buf, p[done:done+n]...)
		done += n
		if len(w.buf) == exportChunk {
			if err := w.flush(); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func (w *chunkWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if err := w.before(); err != nil {
		return err
	}
	sealed, err := w.s.c.Sealer.Seal(w.buf, chunkContext(w.e.ID, w.e.Claim, w.n))
	if err != nil {
		return err
	}
	if err := w.s.c.Blobs.PutBlob(w.ctx, chunkName(w.e.ID, w.e.Claim, w.n), "application/octet-stream", sealed); err != nil {
		return fmt.Errorf("accounts: store export: %w", err)
	}
	w.n++
	w.size += int64(len(w.buf))
	w.buf = w.buf[:0]
	return nil
}

// close writes what is left, and returns the part.
func (w *chunkWriter) close() (ExportPart, error) {
	err := w.flush()
	return ExportPart{Claim: w.e.Claim, Size: w.size}, err
}

// chunkReader reads a part of an export. It holds one chunk.
type chunkReader struct {
	ctx    context.Context //nolint:containedctx // of one call; io.ReaderAt has no place for it
	s      *Service
	e      Export
	part   ExportPart
	before func() error // each blob
	n      int          // of the chunk that is held; -1: none
	chunk  []byte
}

func (s *Service) readExport(ctx context.Context, e Export, part ExportPart) *chunkReader {
	return &chunkReader{ctx: ctx, s: s, e: e, part: part, before: func() error { return nil }, n: -1}
}

// ReadAt implements [io.ReaderAt].
func (r *chunkReader) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= r.part.Size {
			return done, io.EOF
		}
		if err := r.load(int(at / exportChunk)); err != nil {
			return done, err
		}
		done += copy(p[done:], r.chunk[at%exportChunk:])
	}
	return done, nil
}

func (r *chunkReader) load(n int) error {
	if n == r.n {
		return nil
	}
	if err := r.before(); err != nil {
		return err
	}
	_, sealed, err := r.s.c.Blobs.Blob(r.ctx, chunkName(r.e.ID, r.part.Claim, n))
	if err != nil {
		return err
	}
	chunk, err := r.s.c.Sealer.Open(sealed, chunkContext(r.e.ID, r.part.Claim, n))
	if err != nil {
		return err
	}
	if int64(len(chunk)) != min(exportChunk, r.part.Size-int64(n)*exportChunk) {
		return errExportBroken
	}
	r.n, r.chunk = n, chunk
	return nil
}
