package pages

import (
	"net/url"
	"strconv"
)

// ImportURL returns the address of a page of the report on a file: of all rows,
// or of what was refused, behind a line.
func (f *frame) ImportURL(v OrgImportReport, refused bool, after int) string {
	q := url.Values{}
	if refused {
		q.Set("show", "refused")
	}
	if after > 0 {
		q.Set("after", strconv.Itoa(after))
	}
	to := f.OrgURL(url.PathEscape(v.Slug), "team/import/"+v.Import.ID)
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}

// Percent returns how far a file has come, for the bar's own text.
func (i ImportSummary) Percent() int {
	if i.Total == 0 {
		return 100
	}
	return 100 * i.Done / i.Total
}

// importRow is a row of the report as it is drawn.
type importRow struct {
	ImportLine
	Class, Icon, Word string
	Blank             string // in place of no address
}

// ImportRow returns a row with what has come of it in words: colour alone says
// nothing.
func (f *frame) ImportRow(l ImportLine) importRow {
	row := importRow{ImportLine: l, Blank: f.T("import.report.blank")}
	switch {
	case l.Waiting:
		row.Class, row.Word = "waits", f.T("import.report.waiting")
	case l.Code == "":
		row.Class, row.Icon, row.Word = "yes", f.Icon("check"), f.InviteWord(InviteResult{})
	default:
		row.Class, row.Icon, row.Word = "no", f.Icon("alert"), f.InviteWord(InviteResult{Code: l.Code})
	}
	return row
}

// ImportPicture is a file as it may look half way, for who has no plan for it.
func (f *frame) ImportPicture() []ImportLine {
	return []ImportLine{
		{Line: 2, Email: "ada@example.com"},
		{Line: 3, Email: "grace@example.com", Code: "already_member"},
		{Line: 4, Email: "hedy@example.com", Waiting: true},
	}
}
