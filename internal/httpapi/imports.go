package httpapi

import (
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type startedImport struct {
	ID string `json:"id"`
}

// postImport takes the file as the body.
var postImport = handler{out: reflect.TypeFor[startedImport](), raw: "text/csv", serve: func(a *API, c *call) (any, error) {
	limitUpload(c.w)
	i, err := a.c.Flows.Orgs.StartImport(c.ctx(), c.actor(), ref(c), orgs.NewImport{
		File: &csvBody{c: c}, Role: c.r.URL.Query().Get("role"),
	})
	if err != nil {
		return nil, err
	}
	return &startedImport{i.ID.String()}, nil
}}

// csvBody is the body of a request. What it says that it is is looked at when it
// is read first, which is when the caller may hand in a file at all.
type csvBody struct {
	c    *call
	body io.Reader
}

// Read implements [io.Reader].
func (b *csvBody) Read(p []byte) (int, error) {
	if b.body == nil {
		media, params, err := mime.ParseMediaType(b.c.r.Header.Get("Content-Type"))
		if err != nil || media != "text/csv" && media != "text/plain" {
			return 0, errContentType
		}
		if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
			return 0, errContentType
		}
		b.body = http.MaxBytesReader(b.c.w, b.c.r.Body, orgs.MaxImportBytes)
	}
	return b.body.Read(p)
}

type importReport struct {
	ID        string      `json:"id"`
	Percent   int         `json:"percent" doc:"100 is the end"`
	Total     int         `json:"total" doc:"Rows of the file"`
	Invited   int         `json:"invited"`
	Refused   int         `json:"refused"`
	CreatedAt time.Time   `json:"created_at"`
	EndedAt   *time.Time  `json:"ended_at"`
	Rows      []importRow `json:"rows" doc:"In the order of the file"`
}

type importRow struct {
	Line   int    `json:"line" doc:"Of the file, from 1"`
	Email  string `json:"email"`
	Status string `json:"status" enum:"waiting,invited,refused"`
	Code   string `json:"code,omitempty" doc:"Why not: invalid_row, invalid_email, invalid_role, unknown_project, duplicate, already_member, seat_limit, daily_limit, rate_limited, forbidden, plan_required, second_factor_enrollment_required"`
}

func (a *API) getImport(c *call) (*importReport, error) {
	which, err := id.ParseImport(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	i, rows, err := a.c.Flows.Orgs.ImportReport(c.ctx(), c.actor(), ref(c), which, orgs.RowQuery{Limit: orgs.MaxImportRows})
	if err != nil {
		return nil, err
	}
	out := &importReport{
		ID: i.ID.String(), Percent: i.Percent(), Total: i.Rows, Invited: i.Invited, Refused: i.Refused,
		CreatedAt: i.CreatedAt, EndedAt: instant(i.EndedAt), Rows: make([]importRow, 0, len(rows)),
	}
	for _, r := range rows {
		out.Rows = append(out.Rows, importRow{r.Line, r.Email, string(r.State), r.Code})
	}
	return out, nil
}
