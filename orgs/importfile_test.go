package orgs

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
)

func row(line int, cells ...string) fileRow {
	r := fileRow{line: line, email: cells[0]}
	if len(cells) > 1 {
		r.role = cells[1]
	}
	if len(cells) > 2 {
		r.projects = cells[2:]
	}
	return r
}

func bad(line int, email string) fileRow {
	return fileRow{line: line, email: email, code: CodeInvalidRow}
}

func TestReadRows(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		rows []fileRow
	}{
		"one column":                    {"email\na@x.example\nb@x.example\n", []fileRow{row(2, "a@x.example"), row(3, "b@x.example")}},
		"no header":                     {"a@x.example\nb@x.example", []fileRow{row(1, "a@x.example"), row(2, "b@x.example")}},
		"no header, three columns":      {"a@x.example,Admin,one|two", []fileRow{row(1, "a@x.example", "admin", "one", "two")}},
		"any order and case":            {"Role, EMAIL ,Projects\nviewer,a@x.example,\n", []fileRow{row(2, "a@x.example", "viewer")}},
		"byte order mark and CRLF":      {"\xef\xbb\xbfemail;role\r\na@x.example;member\r\n", []fileRow{row(2, "a@x.example", "member")}},
		"CR alone":                      {"email\ra@x.example\rb@x.example", []fileRow{row(2, "a@x.example"), row(3, "b@x.example")}},
		"tabs":                          {"email\trole\tprojects\na@x.example\t\tone\n", []fileRow{row(2, "a@x.example", "", "one")}},
		"quoted":                        {"\"email\",\"role\"\n\"a@x.example\" ,\n \"b@x.example\",\"admin\"\n", []fileRow{bad(2, ""), row(3, "b@x.example", "admin")}},
		"quotes in quotes":              {"email\n\"a\"\"b@x.example\"\n", []fileRow{row(2, `a"b@x.example`)}},
		"a separator in quotes":         {"\"a;b@x.example\",viewer\n", []fileRow{row(1, "a;b@x.example", "viewer")}},
		"rows without content":          {"\n\nemail,role\n\n,\n  \na@x.example,\n,,\n", []fileRow{row(7, "a@x.example")}},
		"a short row and a long one":    {"email,role\na@x.example\nb@x.example,,\nc@x.example,,x\n", []fileRow{row(2, "a@x.example"), row(3, "b@x.example"), bad(4, "c@x.example")}},
		"spaces around":                 {" email , role \n\u00a0a@x.example ,\tviewer \n", []fileRow{row(2, "a@x.example", "viewer")}},
		"a quote within a cell":         {"email\na\"b@x.example\nc@x.example\n", []fileRow{bad(2, ""), row(3, "c@x.example")}},
		"an open quote in the last row": {"email\na@x.example\n\"b@x.example\n", []fileRow{row(2, "a@x.example"), bad(3, "")}},
		"projects twice and blank":      {"email,projects\na@x.example, one || two|one \n", []fileRow{row(2, "a@x.example", "", "one", "two")}},
		"a cell without a header":       {"email,,role\na@x.example,x,\nb@x.example,,viewer", []fileRow{bad(2, "a@x.example"), row(3, "b@x.example", "viewer")}},
		"too many projects":             {"email,projects\na@x.example," + strings.Repeat("p|", 10) + "\n" + "b@x.example," + numbered(51), []fileRow{row(2, "a@x.example", "", "p"), bad(3, "b@x.example")}},
		"other columns without header":  {"Ada,a@x.example\n", []fileRow{row(1, "Ada", "a@x.example")}},
		"not the alphabet of addresses": {"email\nИван@x.example\n", []fileRow{row(2, "Иван@x.example")}},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.file), "byte by byte": iotest.OneByteReader(strings.NewReader(c.file)),
				"with its end": iotest.DataErrReader(strings.NewReader(c.file)),
			} {
				rows, err := readRows(r)
				require.NoError(t, err, kind)
				require.Equal(t, c.rows, rows, kind)
			}
		})
	}
}

func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, "p"+strings.Repeat("x", i))
	}
	return strings.Join(all, "|")
}

func TestReadRowsRefusesAFile(t *testing.T) {
	many := strings.Repeat("a@x.example\n", MaxImportRows)
	for name, c := range map[string]struct {
		file   string
		code   string
		params map[string]any
	}{
		"nothing":                     {"", "required", nil},
		"a header alone":              {"email,role\n", "required", nil},
		"blank rows alone":            {"\n , \n\r\n", "required", nil},
		"too many rows":               {"email\n" + many + "b@x.example", "too_many", map[string]any{"max": MaxImportRows}},
		"too many bad rows":           {strings.Repeat("\"a\"b\n", MaxImportRows+1), "too_many", map[string]any{"max": MaxImportRows}},
		"Latin-1":                     {"email\na@x.example\nJ\xfcrgen@x.example\n", "invalid_encoding", map[string]any{"line": 3}},
		"UTF-16, little endian":       {"\xff\xfee\x00m\x00a\x00i\x00l\x00\n\x00", "invalid_encoding", map[string]any{"line": 1}},
		"UTF-16, big endian":          {"\xfe\xff\x00e\x00m\x00a\x00i\x00l", "invalid_encoding", map[string]any{"line": 1}},
		"UTF-16 without a mark":       {"a\x00@\x00x\x00", "invalid_encoding", map[string]any{"line": 1}},
		"a spreadsheet":               {"PK\x03\x04\x14\x00\x06\x00\x08\x00", "invalid_encoding", map[string]any{"line": 1}},
		"a forgotten quote":           {"email\n\"a@x.example\nb@x.example\nc@x.example\n", "unclosed_quote", map[string]any{"line": 2}},
		"closed by another's quote":   {"email\na@x.example\n\"b@x.example\nc@x.example\"\n", "unclosed_quote", map[string]any{"line": 3}},
		"closed within another's":     {"email\n\"a@x.example\n\"b@x.example\"\n", "unclosed_quote", map[string]any{"line": 2}},
		"a header that is cut off":    {"email,ro\"le\na@x.example,viewer\n", "unclosed_quote", map[string]any{"line": 1}},
		"another column":              {"email,name\na@x.example,Ada\n", "unknown_column", map[string]any{"column": 2}},
		"a column in another grammar": {"email,roles\na@x.example,viewer\n", "unknown_column", map[string]any{"column": 2}},
		"a column twice":              {"email,role,Email\n", "repeated_column", map[string]any{"column": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := readRows(strings.NewReader(c.file))
			require.Nil(t, rows)
			var f fault.Fields
			require.ErrorAs(t, err, &f)
			require.Len(t, f, 1)
			require.Equal(t, "file", f[0].Name)
			require.Equal(t, c.code, f[0].Code)
			require.Equal(t, c.params, f[0].Params)
		})
	}
	rows, err := readRows(strings.NewReader("email\n" + many))
	require.NoError(t, err)
	require.Len(t, rows, MaxImportRows, "as many as are allowed")
}

func TestReadRowsBoundsTheFile(t *testing.T) {
	fits := "a@x.example," + strings.Repeat(" ", MaxImportBytes-13) + "\n"
	require.Len(t, fits, MaxImportBytes)
	rows, err := readRows(strings.NewReader(fits))
	require.NoError(t, err)
	require.Len(t, rows, 1)
	_, err = readRows(strings.NewReader(fits + "b"))
	require.ErrorIs(t, err, ErrImportTooLarge)
	_, err = readRows(http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(fits)), 100))
	require.ErrorIs(t, err, ErrImportTooLarge)
	endless := &counting{r: io.MultiReader(strings.NewReader("a@x.example,\""), endless{})}
	_, err = readRows(endless)
	require.ErrorIs(t, err, ErrImportTooLarge)
	require.Less(t, endless.n, MaxImportBytes+10_000, "no more is read than that")

	_, err = readRows(iotest.ErrReader(errors.New("connection reset")))
	require.ErrorIs(t, err, fault.Malformed)
	_, err = readRows(io.MultiReader(strings.NewReader("a@x.example\n"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.ErrorIs(t, err, fault.Malformed, "half a file is none")
	sentinel := fault.New(fault.Unsupported, "unsupported_media_type", "not a table")
	_, err = readRows(iotest.ErrReader(sentinel))
	require.ErrorIs(t, err, sentinel, "whoever reads says why")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// Whatever a file holds, what is read of it is in order, bounded, and text.
func FuzzReadRows(f *testing.F) {
	for _, s := range []string{
		"", "email\na@x.example\n", "\xef\xbb\xbfemail;role\r\na@x.example;admin", "a@x.example,viewer,one|two", "email\n\"a@x.example\n\"b\"",
		"\"a\"\"b\",c\n\"\n", "a\rb\r\nc\n\rd", "\xff\xfee\x00", "email\t\n\t\n", ",\n;\n", "email,\"ro\nle\"\n", "email\n a , b , c \n\"\" \"\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, err := readRows(bytes.NewReader(file))
		if err != nil {
			require.Nil(t, rows)
			require.True(t, errors.Is(err, fault.Invalid) || errors.Is(err, fault.TooLarge), "%v", err)
			return
		}
		lines := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 1
		require.NotEmpty(t, rows)
		require.LessOrEqual(t, len(rows), min(MaxImportRows, lines))
		last := 0
		for _, r := range rows {
			require.Greater(t, r.line, last)
			last = r.line
			for _, s := range append([]string{r.email, r.role}, r.projects...) {
				require.True(t, utf8.ValidString(s))
				require.NotContains(t, s, "\n")
				require.NotContains(t, s, "\x00")
				require.Equal(t, strings.TrimSpace(s), s)
			}
			require.LessOrEqual(t, len(r.projects), maxRowProjects)
		}
		require.LessOrEqual(t, last, lines)
	})
}

// What another program has written is read as it was meant, whatever is in the
// cells and between them.
func FuzzReadRowsOfAWriter(f *testing.F) {
	f.Add("a@x.example", "admin", uint8(0), false)
	f.Add(`a"b;c@x.example`, "", uint8(1), true)
	f.Add(" Иван@x.example ", "viewer", uint8(2), true)
	f.Fuzz(func(t *testing.T, email, role string, comma uint8, crlf bool) {
		if !utf8.ValidString(email) || !utf8.ValidString(role) || strings.ContainsAny(email+role, "\x00\r\n") || strings.TrimSpace(email) == "" {
			t.Skip("not what a cell holds")
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = []rune{',', ';', '\t'}[comma%3], crlf
		require.NoError(t, w.WriteAll([][]string{{"email", "role"}, {email, role}, {"b@x.example", ""}}))
		rows, err := readRows(&b)
		require.NoError(t, err)
		require.Equal(t, []fileRow{row(2, strings.TrimSpace(email), strings.ToLower(strings.TrimSpace(role))), row(3, "b@x.example")}, rows)
	})
}
