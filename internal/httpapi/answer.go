package httpapi

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/internal/problem"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

// problemBody is RFC 9457.
type problemBody struct {
	Type      string         `json:"type" doc:"Always about:blank; code tells problems apart"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail" doc:"For people; not for programs"`
	Code      string         `json:"code" doc:"Stable; for programs"`
	Errors    []problemField `json:"errors,omitempty" doc:"The fields that were rejected"`
	Methods   []string       `json:"methods,omitempty" doc:"With reauthentication_required: what would do"`
	Feature   string         `json:"feature,omitempty" doc:"With plan_required"`
	Plan      string         `json:"plan,omitempty" doc:"With plan_required: the smallest plan that includes it"`
	RequestID string         `json:"request_id,omitempty" doc:"With 5xx: name it to support"`
}

type problemField struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fail answers err, and logs it if it is an internal one.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error, attrs ...slog.Attr) {
	p := problem.Of(err)
	body := problemBody{
		Type: "about:blank", Title: http.StatusText(p.Status), Status: p.Status, Detail: p.Detail, Code: p.Code, Feature: p.Feature, Plan: p.Plan,
	}
	for _, f := range p.Fields {
		body.Errors = append(body.Errors, problemField{f.Name, f.Code, f.Message})
	}
	h := w.Header()
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	switch {
	case p.Methods != nil:
		for _, m := range p.Methods {
			body.Methods = append(body.Methods, string(m))
		}
		h.Set("WWW-Authenticate", `Bearer error="insufficient_user_authentication", `+
			`error_description="A fresh proof is required", max_age=`+strconv.Itoa(int(p.MaxAge/time.Second)))
	case p.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.Status >= http.StatusInternalServerError {
		body.RequestID = httpsession.From(r.Context()).RequestID
	}
	if p.Internal && r.Context().Err() == nil { // who hangs up is no failure of ours
		a.c.Log.LogAttrs(r.Context(), slog.LevelError, "httpapi: request failed", append(attrs,
			slog.String("request_id", body.RequestID), slog.String("method", r.Method),
			slog.String("route", r.Pattern), slog.Any("err", err))...)
	}
	writeProblem(w, p.Status, body)
}

func writeProblem(w http.ResponseWriter, status int, body problemBody) {
	write(w, status, "application/problem+json", body)
}

func writeJSON(w http.ResponseWriter, status int, v any) { write(w, status, "application/json", v) }

func write(w http.ResponseWriter, status int, media string, v any) {
	data, err := json.Marshal(v)
	if err != nil { // our own types always marshal
		status, data = http.StatusInternalServerError, []byte(`{"status":500,"code":"internal"}`)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
