package accounts

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// ExportSource says what a part of the product, or the host, keeps of a person. It
// is safe for concurrent use.
type ExportSource interface {
	// Name is that of the folder of the ZIP that it fills: 1 to 40 of a–z, 0–9 and
	// inner hyphens. It stays: an export that was begun under it is finished so.
	Name() string

	// Export writes what is kept of a person, who is not deleted: of themselves, and
	// of others nothing that the person does not see anyway; no secrets. It is called
	// by a job, outside of a transaction, and again from its beginning if the job was
	// killed or it returned an error: after 5 times the whole export has failed. It
	// writes something at least once a minute; else another node begins as well, of
	// which one will have worked in vain.
	Export(ctx context.Context, user id.User, w ExportWriter) error
}

// ExportWriter takes what is kept of a person. Names are paths inside of the
// source's folder, "runs.csv" or "runs/2026.json": up to 200 of A–Z, a–z, 0–9,
// '.', '_', '-' and '/', each once whatever the case, up to 10,000 of them. What is
// written is on its way at once, so that any amount of it takes little memory. It
// is not safe for concurrent use, and good for one call of Export.
type ExportWriter interface {
	// At returns when the person asked for the export, in UTC.
	At() time.Time

	// JSON writes a document.
	JSON(name string, document any) error

	// List writes a JSON document that is a list. The first error ends it, and is
	// returned.
	List(name string, items iter.Seq2[any, error]) error

	// Table writes rows as CSV (RFC 4180, UTF-8) with a header. Cells that a
	// spreadsheet would take for a formula get an apostrophe before them.
	Table(name string, columns []string, rows iter.Seq2[[]string, error]) error

	// Create begins a file and returns where it is written to, until the next call of
	// any method.
	Create(name string) (io.Writer, error)
}

// ErrExportName is returned for a name that no file of an export can have, or that
// one has already.
var ErrExportName = errors.New("accounts: not a name for a file of an export, or one that is taken")

var errTooManyFiles = errors.New("accounts: too many files in a part of an export")

const (
	maxExportFiles = 10_000
	maxExportName  = 200
)

var (
	sourceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	fileName   = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)
)

func checkSources(sources []ExportSource) (errs []error) {
	seen := map[string]bool{}
	for i, source := range sources {
		if source == nil {
			errs = append(errs, fmt.Errorf("accounts: Config.Exports[%d] is nil", i))
			continue
		}
		name := source.Name()
		if !sourceName.MatchString(name) || seen[name] {
			errs = append(errs, fmt.Errorf("accounts: Config.Exports: %.80q is no name for a source, or there are two", name))
		}
		seen[name] = true
	}
	return errs
}

// exportWriter writes the part of one source as a ZIP of its own, whose files the
// last part takes over as they are.
type exportWriter struct {
	zip     *zip.Writer
	folder  string
	at      time.Time
	names   map[string]bool
	records int
	beat    func(records int) error // keeps the claim
}

// At implements [ExportWriter].
func (w *exportWriter) At() time.Time { return w.at }

// Create implements [ExportWriter].
func (w *exportWriter) Create(name string) (io.Writer, error) {
	key := strings.ToLower(name)
	switch {
	case !fs.ValidPath(name) || name == "." || !fileName.MatchString(name) || len(name) > maxExportName || w.names[key]:
		return nil, ErrExportName
	case len(w.names) >= maxExportFiles:
		return nil, errTooManyFiles
	}
	w.names[key] = true
	if err := w.record(); err != nil {
		return nil, err
	}
	// The time is that of the request, so that the same data makes the same file.
	h := &zip.FileHeader{Name: path.Join(w.folder, name), Method: zip.Deflate, Modified: w.at}
	switch path.Ext(key) {
	case ".png", ".jpg", ".jpeg", ".webp", ".gif", ".zip", ".gz":
		h.Method = zip.Store
	}
	out, err := w.zip.CreateHeader(h)
	return beating{out, w}, err
}

// beating keeps the claim while a long file is written.
type beating struct {
	io.Writer
	of *exportWriter
}

// Write implements [io.Writer].
func (b beating) Write(p []byte) (int, error) {
	if err := b.of.beat(b.of.records); err != nil {
		return 0, err
	}
	return b.Writer.Write(p)
}

func (w *exportWriter) record() error {
	w.records++
	return w.beat(w.records)
}

// JSON implements [ExportWriter].
func (w *exportWriter) JSON(name string, document any) error {
	out, err := w.Create(name)
	if err != nil {
		return err
	}
	text, err := indented(document, "")
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	return err
}

// indented writes JSON for people: what stands in a file is no HTML.
func indented(document any, prefix string) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	err := enc.Encode(document)
	return bytes.TrimRight(text.Bytes(), "\n"), err
}

// List implements [ExportWriter].
func (w *exportWriter) List(name string, items iter.Seq2[any, error]) error {
	out, err := w.Create(name)
	if err != nil {
		return err
	}
	before := "[\n  "
	for item, err := range items {
		if err != nil {
			return err
		}
		text, err := indented(item, "  ")
		if err != nil {
			return err
		}
		if err := w.record(); err != nil {
			return err
		}
		if _, err := out.Write(append([]byte(before), text...)); err != nil {
			return err
		}
		before = ",\n  "
	}
	end := "\n]\n"
	if before == "[\n  " {
		end = "[]\n"
	}
	_, err = io.WriteString(out, end)
	return err
}

// Table implements [ExportWriter].
func (w *exportWriter) Table(name string, columns []string, rows iter.Seq2[[]string, error]) error {
	out, err := w.Create(name)
	if err != nil {
		return err
	}
	table := csv.NewWriter(out)
	table.UseCRLF = true
	if err := table.Write(columns); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := w.record(); err != nil {
			return err
		}
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = audit.Inert(cell)
		}
		if err := table.Write(safe); err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}
