package httpapi

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

// Config configures the API. Everything but Log is required.
type Config struct {
	Flows     *flows.Services
	Sessions  *httpsession.Manager
	Product   string
	Version   string
	PublicURL *url.URL
	Prefix    string // where the API is mounted, "/api/v1"
	Pages     string // where the pages are, "" for the root
	Links     map[string]string
	Now       func() time.Time
	StepUpAge time.Duration // as in the services; zero: audit.DefaultStepUpAge
	Log       *slog.Logger
}

// API serves the JSON API.
type API struct {
	c        Config
	mux      *http.ServeMux
	policy   audit.Policy
	describe func() (description, error) // made when it is first asked for
}

// New returns the API, or an error if a route of the table names a permission
// that no domain knows.
func New(c Config) (*API, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{c: c, mux: http.NewServeMux(), policy: policies(c.Flows.Orgs.Policy())}
	config := huma.DefaultConfig(c.Product+" account settings", c.Version)
	// Schema links take the Host header, and the docs page loads from elsewhere.
	config.CreateHooks, config.DocsPath, config.OpenAPIPath, config.SchemasPath = nil, "", "", ""
	config.Servers = []*huma.Server{{URL: strings.TrimSuffix(c.PublicURL.String(), "/") + c.Prefix}}
	api := humago.NewWithPrefix(a.mux, c.Prefix, config)
	var errs []error
	for _, rt := range table {
		if err := a.register(api, rt); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	a.describe = sync.OnceValues(func() (description, error) { return describe(api.OpenAPI(), c) })
	a.mux.HandleFunc("GET "+c.Prefix+"/openapi.json", a.serveDocument)
	a.mux.HandleFunc("GET "+c.Prefix+"/docs", a.serveDocs)
	a.mux.HandleFunc("GET "+c.Prefix+"/docs.css", serveDocsStyle)
	a.mux.HandleFunc(c.Prefix+"/", a.unknown)
	return a, nil
}

// ServeHTTP implements [http.Handler]. Requests must have passed
// httpsession.Manager.Identify.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.guard(w, r, a.mux) }

// guard sets what every answer has, and answers for a handler that panics.
func (a *API) guard(w http.ResponseWriter, r *http.Request, next http.Handler) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
			panic(v)
		}
		a.fail(w, r, errors.New("panic in a handler"), slog.Any("panic", v))
	}()
	next.ServeHTTP(w, r)
}

// unknown answers paths and methods that are not in the table.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if m == r.Method {
			continue
		}
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != "" && pattern != a.c.Prefix+"/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		a.fail(w, r, errNotFound)
		return
	}
	refuseMethod(w, strings.Join(allowed, ", "))
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	writeProblem(w, http.StatusMethodNotAllowed, problemBody{
		Type: "about:blank", Title: http.StatusText(http.StatusMethodNotAllowed), Status: http.StatusMethodNotAllowed,
		Detail: "This path does not answer to this method.", Code: "method_not_allowed",
	})
}
