package main

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// jobsPage shows what ran, on every node.
type jobsPage struct{ engine *engine }

//go:embed jobs.gohtml
var jobsHTML string

var jobsTemplate = template.Must(template.New("jobs").Parse(jobsHTML))

// jobView is a job with its last run.
type jobView struct {
	Name, Every string
	At          time.Time // it began; zero: not yet, or too long ago
	Ago, Took   string
	State       string
	Error       string
}

// ServeHTTP shows the page.
func (p jobsPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	views, err := p.engine.views(r.Context())
	if err == nil {
		err = jobsTemplate.Execute(&page, views)
	}
	if err != nil {
		p.engine.log.ErrorContext(r.Context(), "jobs page", "err", err)
		http.Error(w, "River's database cannot be asked", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(page.Bytes())
}

func (e *engine) views(ctx context.Context) ([]jobView, error) {
	var views []jobView
	for _, j := range e.list {
		v := jobView{Name: j.Name, Every: period(j.Every)}
		last, err := e.client.JobList(ctx, river.NewJobListParams().TagsAny(tag(j.Name)).
			OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1))
		if err != nil {
			return nil, err
		}
		for _, r := range last.Jobs {
			v.show(r)
		}
		views = append(views, v)
	}
	return views, nil
}

// period says how long d is, without what is zero.
func period(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (v *jobView) show(r *rivertype.JobRow) {
	v.State = string(r.State)
	if r.AttemptedAt != nil {
		v.At = r.AttemptedAt.UTC()
		v.Ago = time.Since(v.At).Round(time.Second).String() + " ago"
		if r.FinalizedAt != nil {
			v.Took = r.FinalizedAt.Sub(v.At).Round(time.Millisecond).String()
		}
	}
	if n := len(r.Errors); n > 0 {
		v.Error = r.Errors[n-1].Error
	}
}
