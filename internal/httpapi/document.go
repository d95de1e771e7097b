package httpapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/orgs"
)

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// operation is a route as the OpenAPI document says it.
func operation(api huma.API, rt route, rule audit.Rule) *huma.Operation {
	schemas := api.OpenAPI().Components.Schemas
	extensions := map[string]any{"x-permission": string(rt.permission), "x-step-up": rule.StepUp, "x-role": rule.Role}
	if f := orgs.FeatureOf(rt.permission); f != "" {
		extensions["x-feature"] = string(f)
	}
	op := &huma.Operation{
		Method: rt.method, Path: rt.path, Tags: []string{rt.tag}, Summary: rt.summary, Description: rt.about,
		OperationID: operationID(rt), DefaultStatus: rt.status, Responses: map[string]*huma.Response{},
		Extensions: extensions,
	}
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	for _, q := range rt.query {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: q.name, In: "query", Description: q.about, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	switch {
	case rt.in != nil:
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemas.Schema(rt.in, true, op.OperationID+"-body")},
		}}
	case rt.raw != "":
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			rt.raw: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		}}
	}
	success := &huma.Response{Description: http.StatusText(rt.status)}
	if rt.out != nil && rt.status != http.StatusNoContent {
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(rt.out, true, op.OperationID+"-answer")}}
	}
	for _, media := range rt.media {
		if success.Content == nil {
			success.Content = map[string]*huma.MediaType{}
		}
		success.Content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	op.Responses[strconv.Itoa(rt.status)] = success
	op.Responses["default"] = &huma.Response{
		Description: "A problem; code is one of: " + strings.Join(problemCodes(rt, rule), ", "),
		Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: schemas.Schema(reflect.TypeFor[problemBody](), true, "problem")},
		},
	}
	if rule.SignedIn {
		op.Security = []map[string][]string{{"cookie": {}}, {"bearer": {}}}
	}
	return op
}

// problemCodes are what a route may answer besides success.
func problemCodes(rt route, rule audit.Rule) []string {
	codes := slices.Clone(rt.problems)
	if rule.SignedIn {
		codes = append(codes, "unauthenticated")
	}
	if rule.StepUp {
		codes = append(codes, "reauthentication_required")
	}
	if rt.in != nil {
		codes = append(codes, "malformed", "unsupported_media_type", "too_large", "validation_failed")
	}
	if rt.method != http.MethodGet {
		codes = append(codes, "cross_origin")
	}
	if rule.Role != "" {
		codes = append(codes, "forbidden", "second_factor_enrollment_required")
	}
	if orgs.FeatureOf(rt.permission) != "" {
		codes = append(codes, "plan_required")
	}
	if strings.Contains(rt.path, "{") {
		codes = append(codes, "not_found")
	}
	codes = append(codes, "unavailable")
	slices.Sort(codes)
	return slices.Compact(codes)
}

func operationID(rt route) string {
	path := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.Trim(rt.path, "/"))
	return strings.ToLower(rt.method) + "-" + path
}

// description is what the API says of itself.
type description struct {
	document []byte // openapi.json
	docs     []byte // the human page
}

// describe makes both, one after the other: the page names schemas of its own, which
// are not for the document.
func describe(o *huma.OpenAPI, c Config) (description, error) {
	if o.Components.SecuritySchemes == nil {
		o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{}
	}
	o.Components.SecuritySchemes["cookie"] = &huma.SecurityScheme{
		Type: "apiKey", In: "cookie", Name: "__Host-session",
		Description: "Set by signing in. Its name is session where the public URL is http.",
	}
	o.Components.SecuritySchemes["bearer"] = &huma.SecurityScheme{
		Type: "http", Scheme: "bearer", Description: "session_token of signing in with transport token.",
	}
	o.Info.Description = "Errors are application/problem+json (RFC 9457) with a stable code. " +
		"Times are RFC 3339 in UTC. Lists page by next_cursor. Bodies are one JSON object; unknown fields are errors."
	var d description
	var err error
	if d.document, err = json.Marshal(o); err != nil {
		return d, err
	}
	d.docs, err = docsPage(o, c)
	return d, err
}

func (a *API) serveDocument(w http.ResponseWriter, r *http.Request) {
	d, err := a.describe()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(d.document)
}

//go:embed docs.gohtml docs.css
var docsFiles embed.FS

func (a *API) serveDocs(w http.ResponseWriter, r *http.Request) {
	d, err := a.describe()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	_, _ = w.Write(d.docs)
}

func serveDocsStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	http.ServeFileFS(w, r, docsFiles, "docs.css")
}

// docsField is one field of a body on the human page.
type docsField struct {
	Name, Type, About string
	Optional          bool
}

type docsRoute struct {
	Method, Path, Summary, About, ID, Access string
	Query, Body, Answer                      []docsField
	Status                                   int
	Problems                                 []string
	Raw                                      string
}

type docsGroup struct {
	Name   string
	Routes []docsRoute
}

// docsPage is made from the same table as the routes and the document.
func docsPage(o *huma.OpenAPI, c Config) ([]byte, error) {
	all := policies(c.Flows.Orgs.Policy())
	var groups []docsGroup
	for _, tag := range []string{tagSigning, tagPerson, tagOrgs, tagAudit, tagGeneral} {
		g := docsGroup{Name: tag}
		for _, rt := range table {
			if rt.tag == tag {
				g.Routes = append(g.Routes, docsOf(o, rt, all[rt.permission]))
			}
		}
		groups = append(groups, g)
	}
	t, err := template.ParseFS(docsFiles, "docs.gohtml")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Title": o.Info.Title, "About": o.Info.Description, "Groups": groups, "Prefix": c.Prefix})
	return b.Bytes(), err
}

func docsOf(o *huma.OpenAPI, rt route, rule audit.Rule) docsRoute {
	d := docsRoute{
		Method: rt.method, Path: rt.path, Summary: rt.summary, About: rt.about, ID: operationID(rt),
		Status: rt.status, Raw: rt.raw, Problems: problemCodes(rt, rule), Access: "open to everybody",
		Body: fieldsOf(o, rt.in), Answer: fieldsOf(o, rt.out),
	}
	switch {
	case rule.Role != "":
		d.Access = "at least " + rule.Role + " of the organization"
	case rule.SignedIn:
		d.Access = "signed in"
	}
	if rule.StepUp {
		d.Access += ", with a fresh proof"
	}
	for _, q := range rt.query {
		d.Query = append(d.Query, docsField{Name: q.name, Type: "string", About: q.about, Optional: true})
	}
	return d
}

func fieldsOf(o *huma.OpenAPI, t reflect.Type) []docsField {
	if t == nil || t.Kind() != reflect.Struct { // an object of another standard
		return nil
	}
	s := o.Components.Schemas.Schema(t, false, "")
	var fields []docsField
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := s.Properties[name]
		if p == nil {
			continue
		}
		fields = append(fields, docsField{
			Name: name, Type: typeName(p), About: p.Description, Optional: !slices.Contains(s.Required, name),
		})
	}
	return fields
}

func typeName(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return "object"
	case s.Type == huma.TypeArray:
		return "list"
	case len(s.Enum) > 0:
		var names []string
		for _, e := range s.Enum {
			if v, ok := e.(string); ok {
				names = append(names, v)
			}
		}
		return strings.Join(names, " | ")
	case s.Format == "date-time":
		return "time"
	}
	return s.Type
}
