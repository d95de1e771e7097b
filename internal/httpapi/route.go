package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/strictjson"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

// route is one line of the table.
type route struct {
	method, path string
	permission   audit.Permission
	action       audit.Action // as which a refusal is recorded; "": it only reads, or is refused to nobody
	tag, summary string
	about        string // more, for the document
	status       int    // of success
	problems     []string
	query        []param
	handler
}

type param struct{ name, about string }

// handler is what a route does, with the types that document it.
type handler struct {
	in, out reflect.Type // nil: no body
	raw     string       // media type of a body that is not JSON
	media   []string     // of an answer that is not JSON
	serve   func(*API, *call) (any, error)
}

// call is one request under way.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	caller httpsession.Caller

	body    []byte // of a route that takes JSON, read before anything is decided
	bodyErr error
}

func (c *call) ctx() context.Context { return c.r.Context() }

// actor is who asks.
func (c *call) actor() audit.Actor { return c.caller.Actor }

// bearer reports whether the session travels in a header: such a client has no
// way to receive a new token.
func (c *call) bearer() bool { return c.caller.Via == httpsession.Bearer }

// takes is a handler with a JSON body. Its answer may be nil: 204.
func takes[In any, Out any](fn func(*API, *call, In) (*Out, error)) handler {
	return handler{in: reflect.TypeFor[In](), out: answer[Out](), serve: func(a *API, c *call) (any, error) {
		var in In
		if err := decode(c, &in); err != nil {
			return nil, err
		}
		return result(fn(a, c, in))
	}}
}

// gives is a handler without a body.
func gives[Out any](fn func(*API, *call) (*Out, error)) handler {
	return handler{out: answer[Out](), serve: func(a *API, c *call) (any, error) { return result(fn(a, c)) }}
}

// streams is a handler that writes its answer itself, of these media types. Until
// it has written anything it may return an error.
func streams(fn func(*API, *call) error, media ...string) handler {
	return handler{media: media, serve: func(a *API, c *call) (any, error) {
		if err := fn(a, c); err != nil {
			return nil, err
		}
		return streamed{}, nil
	}}
}

// streamed is the answer of a handler that has written it.
type streamed struct{}

// nothing is the answer of a handler that has none.
type nothing struct{}

func answer[Out any]() reflect.Type {
	t := reflect.TypeFor[Out]()
	if t == reflect.TypeFor[nothing]() {
		return nil
	}
	return t
}

func result[Out any](out *Out, err error) (any, error) {
	if err != nil || out == nil {
		return nil, err
	}
	return out, nil
}

// policies are the tables of all domains in one.
func policies(orgs audit.Policy) audit.Policy {
	all := maps.Clone(orgs)
	maps.Copy(all, accounts.Policy())
	maps.Copy(all, security.Policy())
	maps.Copy(all, notify.Policy())
	all[permPublic] = audit.Rule{}
	return all
}

// permPublic is what documents and constants need: nothing.
const permPublic audit.Permission = "api.public"

func (a *API) register(api huma.API, rt route) error {
	rule, ok := a.policy[rt.permission]
	if !ok {
		return fmt.Errorf("httpapi: %s %s declares no access: permission %q is in no policy", rt.method, rt.path, rt.permission)
	}
	op := operation(api, rt, rule)
	api.OpenAPI().AddOperation(op)
	api.Adapter().Handle(op, func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		a.serve(w, r, rt, rule)
	})
	return nil
}

func (a *API) serve(w http.ResponseWriter, r *http.Request, rt route, rule audit.Rule) {
	c := &call{w: w, r: r}
	out, err := a.run(c, rt, rule)
	if err != nil && a.moved(c, err) {
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if _, ok := out.(streamed); ok {
		return
	}
	if out == nil {
		w.WriteHeader(rt.status)
		return
	}
	writeJSON(w, rt.status, out)
}

func (a *API) run(c *call, rt route, rule audit.Rule) (any, error) {
	var err error
	if rt.in != nil {
		// Read before the session is looked up: whoever sends slowly must not act by
		// one that has ended meanwhile.
		c.body, c.bodyErr = readBody(c, maxBody)
	}
	if rule.SignedIn {
		if c.caller, err = a.c.Sessions.Authenticate(c.r); err != nil {
			return nil, err
		}
	} else {
		c.caller.Actor = httpsession.From(c.r.Context())
		if err := a.c.Sessions.CheckCookie(c.r); err != nil {
			return nil, err
		}
	}
	// Before the body is looked at: somebody who may not call gets no opinion on it.
	if err := a.policy.Check(c.actor(), rt.permission, a.c.Now(), a.c.StepUpAge); err != nil {
		return nil, a.refused(c, rt, "", err)
	}
	out, err := rt.handler.serve(a, c)
	if err != nil && rule.Role != "" && aboutInput(err) {
		// What is decided with the organization is decided by the service, after the
		// input was read here. It is said before any opinion on the input all the same.
		if err := a.c.Flows.Orgs.May(c.ctx(), c.actor(), ref(c), rt.permission); err != nil {
			return nil, a.refused(c, rt, ref(c), err)
		}
	}
	return out, err
}

// refused returns err, which was said before the service was asked that records
// what it refuses, after it was recorded. org is where; "": it is about the person.
func (a *API) refused(c *call, rt route, org string, err error) error {
	switch {
	case rt.action == "":
		return err
	case org == "":
		return a.c.Flows.Security.Refused(c.ctx(), c.actor(), rt.action, err)
	}
	return a.c.Flows.Orgs.Refused(c.ctx(), c.actor(), org, rt.action, err)
}

// aboutInput reports whether a request was refused for what it holds.
func aboutInput(err error) bool {
	for _, kind := range []error{fault.Malformed, fault.Invalid, fault.TooLarge, fault.Unsupported} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

const maxBody = 64 << 10

var (
	errNotFound    = fault.New(fault.NotFound, "not_found", "httpapi: no such path")
	errContentType = fault.New(fault.Unsupported, "unsupported_media_type", "httpapi: Content-Type must be application/json")
	errTooLarge    = fault.New(fault.TooLarge, "too_large", "httpapi: body too large")
	errUnreadable  = fault.New(fault.Malformed, "malformed", "httpapi: body cannot be read")
)

func decode(c *call, into any) error {
	media, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return errContentType
	}
	if cs := params["charset"]; cs != "" && cs != "utf-8" && cs != "UTF-8" {
		return errContentType
	}
	if c.bodyErr != nil {
		return c.bodyErr
	}
	return strictjson.Decode(c.body, into)
}

func readBody(c *call, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, errUnreadable
	}
	return data, nil
}

// page returns ?limit= and ?cursor=.
func (c *call) page() (cursor string, limit int, err error) {
	q := c.r.URL.Query()
	limit = 50
	if s := q.Get("limit"); s != "" {
		limit, err = strconv.Atoi(s)
		if err != nil || limit < 1 || limit > 200 {
			return "", 0, fault.Fields{{Name: "limit", Code: "invalid", Message: "must be 1 to 200"}}
		}
	}
	return q.Get("cursor"), limit, nil
}
