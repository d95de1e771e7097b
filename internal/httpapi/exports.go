package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

type startedExport struct {
	ID     string `json:"id"`
	Status string `json:"status" enum:"running"`
}

func (a *API) startExport(c *call) (*startedExport, error) {
	e, err := a.c.Flows.Accounts.StartExport(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	return &startedExport{e.ID.String(), string(e.State)}, nil
}

type export struct {
	ID        string     `json:"id"`
	Status    string     `json:"status" enum:"running,ready,failed"`
	Percent   int        `json:"percent" doc:"100 is the end"`
	Done      int        `json:"done" doc:"Parts that have been written"`
	Total     int        `json:"total" doc:"Parts that there are"`
	Records   int        `json:"records" doc:"Documents, rows and files so far"`
	Size      *int64     `json:"size" doc:"In bytes, once it is ready"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at" doc:"Until when it can be downloaded, once it is ready"`
}

func (a *API) getExport(c *call) (*export, error) {
	which, err := id.ParseExport(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	e, err := a.c.Flows.Accounts.ExportByID(c.ctx(), c.actor(), which)
	if err != nil {
		return nil, err
	}
	out := &export{
		ID: e.ID.String(), Status: string(e.State), Percent: e.Percent(), Done: len(e.Parts), Total: e.Total(),
		Records: e.Records, CreatedAt: e.CreatedAt,
	}
	if e.State == accounts.ExportReady {
		size := e.Size()
		out.Size, out.ExpiresAt = &size, &e.ExpiresAt
	}
	return out, nil
}

func (a *API) downloadExport(c *call) error {
	which, err := id.ParseExport(c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return a.WriteOwnData(c.w, c.r, c.actor(), which)
}

// WriteOwnData answers with the file of all that is kept of the person who acts. An
// error is one of before the answer has begun.
func (a *API) WriteOwnData(w http.ResponseWriter, r *http.Request, actor audit.Actor, which id.Export) error {
	f, err := a.c.Flows.Accounts.DownloadExport(r.Context(), actor, which)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err := f.Write(r.Context(), &patient{w, http.NewResponseController(w)}); err != nil {
		a.brokenOff(r, err)
	}
	return nil
}
