package orgs

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aegisrunner/account-settings/fault"
)

// What a file of addresses may hold.
const (
	MaxImportBytes = 1 << 20
	MaxImportRows  = 1000

	maxRowProjects = 50
	maxRowEmail    = 320 // characters that are kept of an address that is none
)

// The columns of a file, in the order that they have without a header.
const (
	columnEmail    = "email"
	columnRole     = "role"
	columnProjects = "projects"
)

var columns = []string{columnEmail, columnRole, columnProjects}

// projectSeparator stands between the projects of one cell: the comma and the
// semicolon stand between cells.
const projectSeparator = "|"

// fileRow is a row as it stands in the file.
type fileRow struct {
	line     int // from 1
	email    string
	role     string
	projects []string
	code     string // CodeInvalidRow, or ""
}

// readRows reads a CSV file (RFC 4180) of UTF-8 text with or without a byte order
// mark, whose cells stand between commas, semicolons or tabs, and whose lines end
// in LF, CRLF or CR. If the first row has a cell "email" it is a header, in any
// order and case; else the columns are email, role and projects. Rows without
// content are passed over.
//
// A row that cannot be read is one with a code, and keeps no other from being
// read. The file as a whole is refused with a fault.Fields about "file" where it
// is not certain which rows it has: text that is not UTF-8, a quoted cell that
// goes on over the end of its line (a quote that was forgotten swallows rows), a
// header with other columns, too many rows, none. It is read as a stream, up to
// [MaxImportBytes]: ErrImportTooLarge.
func readRows(r io.Reader) ([]fileRow, error) {
	capped := &cappedReader{r: r, left: MaxImportBytes}
	text := bufio.NewReader(&lineEnds{r: bufio.NewReader(capped)})
	// What is wrong with the stream comes out of the reader below as well.
	start, _ := text.Peek(text.Size())
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
		_, _ = text.Discard(3) // was peeked
		start = start[3:]
	}
	f := &fileReader{csv: csv.NewReader(text)}
	f.csv.Comma = separator(start)
	f.csv.FieldsPerRecord = -1
	f.csv.ReuseRecord = true
	f.csv.TrimLeadingSpace = f.csv.Comma != '\t' // a tab is a space, too
	err := f.read()
	switch {
	case capped.err != nil:
		return nil, unreadable(capped.err)
	case err != nil:
		return nil, err
	case len(f.rows) == 0:
		return nil, refusedFile("required", "holds no address", nil)
	}
	return f.rows, nil
}

// unreadable says what went wrong on the way here.
func unreadable(err error) error {
	var cut *http.MaxBytesError
	switch {
	case errors.As(err, &cut):
		return ErrImportTooLarge
	case fault.Code(err) != "":
		return err
	}
	return errImportUnreadable
}

var errImportUnreadable = fault.New(fault.Malformed, "malformed", "orgs: the file cannot be read")

func refusedFile(code, message string, params map[string]any) error {
	return fault.Fields{{Name: "file", Code: code, Message: message, Params: params}}
}

// separator returns what stands between the cells of the first line.
func separator(start []byte) rune {
	quoted := false
	for _, c := range start {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return ','
		case c == ',' || c == ';' || c == '\t':
			return rune(c)
		}
	}
	return ','
}

// fileReader reads rows.
type fileReader struct {
	csv    *csv.Reader
	begun  bool
	layout []string // the columns, "" for one that must be empty
	rows   []fileRow
}

func (f *fileReader) read() error {
	for {
		cells, err := f.csv.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &wrong) && wrong.Line > wrong.StartLine:
			return unclosed(wrong.StartLine)
		case errors.As(err, &wrong):
			if err := f.add(cells, wrong.StartLine, CodeInvalidRow); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			line, _ := f.csv.FieldPos(0) // a row has a cell
			if err := f.add(cells, line, ""); err != nil {
				return err
			}
		}
	}
}

func unclosed(line int) error {
	return refusedFile("unclosed_quote", fmt.Sprintf("has a quotation mark in line %d that is not closed there", line), map[string]any{"line": line})
}

// add adds a row, or takes the first one for a header.
func (f *fileReader) add(cells []string, line int, code string) error {
	empty := code == ""
	for i, c := range cells {
		if !utf8.ValidString(c) || strings.ContainsRune(c, 0) {
			return refusedFile("invalid_encoding", fmt.Sprintf("is not UTF-8 text in line %d", line), map[string]any{"line": line})
		}
		if strings.Contains(c, "\n") {
			return unclosed(line)
		}
		cells[i] = strings.TrimSpace(c)
		empty = empty && cells[i] == ""
	}
	if empty {
		return nil
	}
	if !f.begun {
		f.begun, f.layout = true, columns
		if slices.ContainsFunc(cells, func(c string) bool { return strings.EqualFold(c, columnEmail) }) {
			if code != "" { // what it goes on with is not known
				return unclosed(line)
			}
			return f.header(cells)
		}
	}
	if len(f.rows) == MaxImportRows {
		return refusedFile("too_many", "has too many rows", map[string]any{"max": MaxImportRows})
	}
	f.rows = append(f.rows, f.row(cells, line, code))
	return nil
}

func (f *fileReader) header(cells []string) error {
	f.layout = nil
	for i, c := range cells {
		name := strings.ToLower(c)
		switch {
		case name != "" && !slices.Contains(columns, name):
			return refusedFile("unknown_column", fmt.Sprintf("has a column %d that is not email, role or projects", i+1), map[string]any{"column": i + 1})
		case name != "" && slices.Contains(f.layout, name):
			return refusedFile("repeated_column", fmt.Sprintf("has a column %d that it had before", i+1), map[string]any{"column": i + 1})
		}
		f.layout = append(f.layout, name)
	}
	return nil
}

func (f *fileReader) row(cells []string, line int, code string) fileRow {
	row := fileRow{line: line, code: code}
	for i, c := range cells {
		column := ""
		if i < len(f.layout) {
			column = f.layout[i]
		}
		switch column {
		case columnEmail:
			row.email = c
		case columnRole:
			row.role = strings.ToLower(c)
		case columnProjects:
			for p := range strings.SplitSeq(c, projectSeparator) {
				if p = strings.TrimSpace(p); p != "" && !slices.Contains(row.projects, p) {
					row.projects = append(row.projects, p)
				}
			}
		default:
			if c != "" {
				row.code = CodeInvalidRow
			}
		}
		if len(row.projects) > maxRowProjects {
			row.projects, row.code = nil, CodeInvalidRow
		}
	}
	return row
}

// cappedReader reads up to left bytes, and keeps the error that ended it early.
type cappedReader struct {
	r    io.Reader
	left int
	err  error
}

// Read implements [io.Reader].
func (c *cappedReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	// One byte more tells whether there are any.
	n, err := c.r.Read(p[:min(len(p), c.left+1)])
	if n > c.left {
		n, err = c.left, ErrImportTooLarge
	}
	c.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// lineEnds makes every end of a line LF: spreadsheets save CR alone, too.
type lineEnds struct{ r *bufio.Reader }

// Read implements [io.Reader].
func (l *lineEnds) Read(p []byte) (int, error) {
	for n := range p {
		c, err := l.r.ReadByte()
		if err != nil {
			return n, err
		}
		if c == '\r' {
			c = '\n'
			if next, err := l.r.Peek(1); err == nil && next[0] == '\n' {
				_, _ = l.r.Discard(1) // was peeked
			}
		}
		p[n] = c
	}
	return len(p), nil
}
