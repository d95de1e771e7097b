package pages

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/orgs"
)

const importPath = teamPath + "/import"

func (s *Site) importPage(v *visit) error {
	return s.showImport(v, http.StatusOK, func(*OrgImport) {})
}

func (s *Site) showImport(v *visit, status int, change func(*OrgImport)) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgImport{
		Slug: o.Slug, Name: o.Name, Owner: o.Membership.Role == orgs.Owner,
		Role: string(orgs.Member), Roles: rolesOf(o.Membership.Role),
	}
	// Asked on every page: it is also whether the person may.
	all, err := s.c.Flows.Orgs.Imports(v.r.Context(), v.actor(), o.ID.String())
	var plan *orgs.PlanError
	switch {
	case errors.As(err, &plan):
		view.NeedsPlan = plan.Plan
	case err != nil:
		return err
	}
	for _, i := range all {
		view.Items = append(view.Items, summaryOf(i))
	}
	change(&view)
	return s.render(v, status, &me, view)
}

func summaryOf(i orgs.Import) ImportSummary {
	return ImportSummary{
		ID: i.ID.String(), By: i.Name, At: i.CreatedAt, Ended: !i.EndedAt.IsZero(),
		Total: i.Rows, Done: i.Done(), Invited: i.Invited, Refused: i.Refused,
	}
}

// maxImportForm is the file, or what was pasted, with what a browser puts around
// it.
const maxImportForm = orgs.MaxImportBytes + 64<<10

func (s *Site) startImport(v *visit) error {
	limitUpload(v.w)
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxImportForm)
	form, err := readImportForm(v.r)
	if err != nil {
		return err
	}
	i, err := s.c.Flows.Orgs.StartImport(v.r.Context(), v.actor(), v.slug, orgs.NewImport{File: form, Role: form.role})
	if err == nil {
		s.redirect(v, inOrg(importPath, v.slug)+"/"+i.ID.String(), nil)
		return nil
	}
	f, status, err := refused(beside(form.source, err))
	if err != nil {
		return err
	}
	text := form.text()
	return s.showImport(v, status, func(p *OrgImport) {
		p.Form, p.Text = f, text
		if slices.Contains(p.Roles, form.role) {
			p.Role = form.role
		}
	})
}

// beside says what is wrong with the file beside the field that it came from.
func beside(source string, err error) error {
	if errors.Is(err, orgs.ErrImportTooLarge) {
		err = fault.Fields{{Name: "file", Code: "file_too_large", Message: "is larger than 1 MB"}}
	}
	var f fault.Fields
	if source != "text" || !errors.As(err, &f) {
		return err
	}
	f = slices.Clone(f)
	for i := range f {
		if f[i].Name == "file" && f[i].Code != "required" {
			f[i].Name = "text"
		}
	}
	return f
}

// importForm is the file of a form, or what was pasted, as a stream: nothing is
// kept on disk. It is looked at when it is read first, which is when the person
// may hand in a file at all; the role stands before it.
type importForm struct {
	parts  *multipart.Reader
	part   *multipart.Part // the next one, if it was looked at already
	role   string
	source string // "file" or "text"; "": nothing was found
	file   io.Reader
	pasted bytes.Buffer
}

func readImportForm(r *http.Request) (*importForm, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Malformed, "malformed", "pages: not a multipart form")
	}
	f := &importForm{parts: parts}
	part, err := parts.NextPart()
	if err == nil && part.FormName() != "role" {
		f.part = part
	}
	if err != nil || f.part != nil {
		return f, nil // without a role; what is wrong is said when the file is read
	}
	role, err := io.ReadAll(io.LimitReader(part, 16))
	f.role = string(role)
	return f, err
}

// Read implements [io.Reader].
func (f *importForm) Read(p []byte) (int, error) {
	if f.file == nil {
		if err := f.find(); err != nil {
			return 0, err
		}
	}
	return f.file.Read(p)
}

// find looks for the file, or else for what was pasted. A browser sends both,
// whether there is something in them or not.
func (f *importForm) find() error {
	for {
		part := f.part
		f.part = nil
		if part == nil {
			var err error
			if part, err = f.parts.NextPart(); err != nil {
				return err // io.EOF: there is nothing, which reads as a file without rows
			}
		}
		name := part.FormName()
		content := bufio.NewReader(part)
		if _, err := content.Peek(1); errors.Is(err, io.EOF) || name != "file" && name != "text" {
			continue
		}
		f.source, f.file = name, content
		if name == "text" {
			f.file = io.TeeReader(content, &f.pasted)
		}
		return nil
	}
}

// text returns all that was pasted, also what nobody has read.
func (f *importForm) text() string {
	if f.file == nil && f.find() != nil || f.source != "text" {
		return ""
	}
	_, _ = io.Copy(io.Discard, f.file) // what there is of it is shown again
	return f.pasted.String()
}

// importTemplate answers with a file to begin with.
func (s *Site) importTemplate(v *visit) error {
	if _, err := s.org(v); err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="invitations.csv"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	// Spreadsheets expect what is usual where their language is spoken.
	separator := catalog.For(me.Locale, v.r.Header.Get("Accept-Language")).T("import.separator")
	rows := strings.ReplaceAll("email,role,projects\r\nname@example.com,member,\r\n", ",", separator)
	_, err = v.w.Write([]byte(rows))
	return err
}

// importRows is how many rows of a file a page shows.
const importRows = 100

func (s *Site) importReport(v *visit) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	which, err := id.ParseImport(v.r.PathValue("id"))
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	view := OrgImportReport{Slug: o.Slug, Name: o.Name, Refused: q.Get("show") == "refused"}
	if n, err := strconv.Atoi(q.Get("after")); err == nil && n > 0 {
		view.After = n
	}
	chosen := orgs.RowQuery{After: view.After, Limit: importRows + 1}
	if view.Refused {
		chosen.State = orgs.RowRefused
	}
	i, rows, err := s.c.Flows.Orgs.ImportReport(v.r.Context(), v.actor(), o.ID.String(), which, chosen)
	var plan *orgs.PlanError
	if errors.As(err, &plan) { // the page before says what that means
		s.redirect(v, inOrg(importPath, o.Slug), nil)
		return nil
	}
	if err != nil {
		return err
	}
	if len(rows) > importRows {
		rows = rows[:importRows]
		view.Next = rows[importRows-1].Line
	}
	view.Import = summaryOf(i)
	for _, r := range rows {
		view.Rows = append(view.Rows, ImportLine{Line: r.Line, Email: r.Email, Waiting: r.State == orgs.RowWaiting, Code: r.Code})
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, &me, view)
}
