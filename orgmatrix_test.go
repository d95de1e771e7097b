package settings_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// orgRoute is a route about one organization, with the access that it declares:
// what the document says is made from the table that the routes are made from.
type orgRoute struct {
	method, path  string
	role          orgs.Role // the least one; "": anybody who is signed in
	feature       string    // of the plan; "": none
	stepUp        bool
	restore       bool   // it is for organizations that are deleted
	media, nested string // of the body, and "members/{user}"; "": none
}

var nestedID = regexp.MustCompile(`[^/]+/\{\w+\}`)

func orgRoutes(t *testing.T, app *settingstest.App) []orgRoute {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			Permission  string    `json:"x-permission"`
			Role        orgs.Role `json:"x-role"`
			Feature     string    `json:"x-feature"`
			StepUp      bool      `json:"x-step-up"`
			Security    []any     `json:"security"`
			RequestBody struct {
				Content map[string]any `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
	}
	app.Client().Get("/api/v1/openapi.json").JSON(t, &doc)
	var all []orgRoute
	for path, methods := range doc.Paths {
		below, ok := strings.CutPrefix(path, "/orgs/{org}")
		if !ok {
			require.NotContains(t, path, "{org}", "a route about an organization that is not below it")
			continue
		}
		for method, op := range methods {
			rt := orgRoute{
				method: strings.ToUpper(method), path: path, role: op.Role, feature: op.Feature, stepUp: op.StepUp,
				restore: op.Permission == string(orgs.PermOrgRestore),
			}
			require.NotEmpty(t, op.Security, "%s %s is open to everybody", method, path)
			for media := range op.RequestBody.Content {
				rt.media = media
			}
			if rt.nested = nestedID.FindString(below); rt.nested != "" {
				require.Contains(t, nested, rt.nested, "say there what it stands for in %s", path)
			}
			all = append(all, rt)
		}
	}
	slices.SortFunc(all, func(a, b orgRoute) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	require.Greater(t, len(all), 20)
	return all
}

// at is the path of a route in an organization, about one of its things.
func (rt orgRoute) at(ref, thing string) string {
	path := strings.Replace(rt.path, "{org}", ref, 1)
	if rt.nested == "" {
		return path
	}
	collection, parameter, _ := strings.Cut(rt.nested, "/")
	return strings.Replace(path, collection+"/"+parameter, collection+"/"+thing, 1)
}

// call sends a body that says nothing.
func (rt orgRoute) call(c *settingstest.Client, ref, thing string) settingstest.Response {
	return rt.send(c, rt.at(ref, thing), rt.media, "{}")
}

func (rt orgRoute) send(c *settingstest.Client, path, media, body string) settingstest.Response {
	if rt.media == "" {
		return c.Do(rt.method, "/api/v1"+path, nil, nil)
	}
	return c.Do(rt.method, "/api/v1"+path, http.Header{"Content-Type": {media}}, body)
}

// tiers gives some organizations a small plan, and all of them many seats.
type tiers struct {
	orgs.Entitlements
	small orgs.Entitlements

	mu  sync.Mutex
	org string // the one with the small plan
}

func (p *tiers) shrink(org string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.org = org
}

func newTiers() *tiers {
	large, _ := orgs.FixedPlan("enterprise")
	small, _ := orgs.FixedPlan("free")
	return &tiers{Entitlements: large, small: small}
}

func (p *tiers) Require(ctx context.Context, org id.Org, f orgs.Feature) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if org.String() == p.org {
		return p.small.Require(ctx, org, f)
	}
	return p.Entitlements.Require(ctx, org, f)
}

func (p *tiers) DailyInvitations(context.Context, id.Org) (int, error) { return 1 << 20, nil }

// matrix is where the organizations of the test are.
type matrix struct {
	t      *testing.T
	app    *settingstest.App
	routes []orgRoute
	n      int
}

func newMatrix(t *testing.T, db settings.Store) (*matrix, *tiers) {
	t.Helper()
	plans := newTiers()
	app := settingstest.Start(t, settings.Config{Store: db, Entitlements: plans, Domains: &zone{}, Limiter: wide{}})
	return &matrix{t: t, app: app, routes: orgRoutes(t, app)}, plans
}

func (m *matrix) address() string {
	m.n++
	return fmt.Sprintf("person%d@example.com", m.n)
}

// tenant is an organization of the matrix.
type tenant struct {
	*matrix
	slug, id, owner string
	by              *settingstest.Client // the Owner
	things          map[string]string
}

func (m *matrix) found(slug string) *tenant {
	m.t.Helper()
	o := &tenant{matrix: m, slug: slug, owner: m.address(), things: map[string]string{}}
	o.by = m.app.SignUp(o.owner, "Olive")
	o.id = api(m.t, o.by, post, "/orgs", object{"name": slug, "slug": slug}, 201)["id"].(string)
	for what, make := range nested {
		o.things[what] = make(o)
	}
	return o
}

// join makes a member, and returns the address.
func (o *tenant) join(role string) string {
	o.t.Helper()
	address := o.address()
	joined(o.t, o.app, o.by, o.slug, address, "Max", role)
	return address
}

// nested makes what an identifier below an organization stands for. A route with
// another one needs a line here.
var nested = map[string]func(o *tenant) (id string){
	"members/{user}": func(o *tenant) string { return me(o.t, o.app.SignIn(o.join("viewer"))) },
	"invitations/{id}": func(o *tenant) string {
		out := api(o.t, o.by, post, "/orgs/"+o.slug+"/invitations", object{"emails": []string{o.address()}}, 201)
		return out["results"].([]any)[0].(object)["id"].(string)
	},
	"import/{id}": func(o *tenant) string { return importFile(o.t, o.by, o.slug, o.address()) },
	"domains/{id}": func(o *tenant) string {
		out := api(o.t, o.by, post, "/orgs/"+o.slug+"/domains", object{"domain": strings.Replace(o.address(), "@", ".", 1)}, 201)
		return out["id"].(string)
	},
}

// look returns all that the Owner can see of an organization.
func (o *tenant) look() map[string]string {
	o.t.Helper()
	seen := map[string]string{}
	for _, rt := range o.routes {
		if rt.method == get && rt.nested == "" && !strings.Contains(rt.path, "/audit") { // in which refusals are
			r := rt.call(o.by, o.id, "")
			require.Contains(o.t, []int{200, 402}, r.Status, "%s: %s", rt.path, r.Body)
			seen[rt.path] = string(r.Body)
		}
	}
	return seen
}

// caller is somebody who asks for something of an organization.
type caller struct {
	*settingstest.Client
	name string
	of   *tenant
	role orgs.Role // "": the organization is nothing to them

	nobody, deleted, small, unenrolled, stale bool
}

// refusal is what the declared access of a route says to a caller, in the order
// of the contract: who are you, is there such a thing, may you, does the plan, is
// it really you. ok: the caller gets through.
func (rt orgRoute) refusal(c caller) (status int, code string, ok bool) {
	switch {
	case c.nobody:
		return 401, "unauthenticated", false
	case rt.role == "": // open to everybody, and it leads none of these anywhere
		return 404, "not_found", false
	case c.role == "" || c.deleted && !rt.restore:
		return 404, "not_found", false
	case !c.role.AtLeast(rt.role):
		return 403, "forbidden", false
	case c.unenrolled:
		return 403, "second_factor_enrollment_required", false
	case c.small && rt.feature != "":
		return 402, "plan_required", false
	case c.stale && rt.stepUp:
		return 401, "reauthentication_required", false
	}
	return 0, "", true
}

// callers are one of each kind, of organizations of each kind. The first is that
// which most of them ask about; the second is a stranger's.
func (m *matrix) callers(plans *tiers) ([]caller, []*tenant) {
	acme, other, small, strict, gone := m.found("acme"), m.found("other"), m.found("small"), m.found("strict"), m.found("gone")
	plans.shrink(small.id)
	people := map[orgs.Role]string{}
	for _, role := range []orgs.Role{orgs.Viewer, orgs.Member, orgs.Admin, "removed"} {
		people[role] = acme.join(strings.Replace(string(role), "removed", "admin", 1))
	}
	api(m.t, acme.by, del, "/orgs/acme/members/"+me(m.t, m.app.SignIn(people["removed"])), nil, 204)
	withoutFactor, ofDeleted := strict.join("admin"), gone.join("admin")
	(&app2{t: m.t, app: m.app, c: strict.by}).enroll()
	api(m.t, strict.by, put, "/orgs/strict/security-policy", object{"require_second_factor": true}, 200)
	api(m.t, gone.by, post, "/orgs/gone/delete", object{"confirm": "gone"}, 202)

	m.app.Clock.Advance(11 * time.Minute) // who signs in from here on has a fresh proof
	in := m.app.SignIn
	return []caller{
		{Client: m.app.Client(), name: "nobody", of: acme, nobody: true},
		{Client: in(other.owner), name: "Owner of another", of: acme},
		{Client: in(people["removed"]), name: "removed Admin", of: acme},
		{Client: in(people[orgs.Viewer]), name: "Viewer", of: acme, role: orgs.Viewer},
		{Client: in(people[orgs.Member]), name: "Member", of: acme, role: orgs.Member},
		{Client: in(people[orgs.Admin]), name: "Admin", of: acme, role: orgs.Admin},
		{Client: in(acme.owner), name: "Owner", of: acme, role: orgs.Owner},
		{Client: acme.by, name: "Owner without a fresh proof", of: acme, role: orgs.Owner, stale: true},
		{Client: in(withoutFactor), name: "Admin without a second factor", of: strict, role: orgs.Admin, unenrolled: true},
		{Client: in(small.owner), name: "Owner with a small plan", of: small, role: orgs.Owner, small: true},
		{Client: small.by, name: "Owner with a small plan and no fresh proof", of: small, role: orgs.Owner, small: true, stale: true},
		{Client: in(ofDeleted), name: "Admin of a deleted one", of: gone, deleted: true},
		{Client: gone.by, name: "Owner of a deleted one, without a fresh proof", of: gone, role: orgs.Owner, deleted: true, stale: true},
		{Client: in(gone.owner), name: "Owner of a deleted one", of: gone, role: orgs.Owner, deleted: true},
	}, []*tenant{acme, other, small, strict}
}

// Every route about an organization, for every kind of caller, against the access
// that the route declares.
func TestOrgMatrix(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		m, plans := newMatrix(t, db)
		callers, tenants := m.callers(plans)
		before := map[string]any{}
		for _, o := range tenants {
			before[o.slug] = o.look()
		}
		for _, rt := range m.routes {
			for _, c := range callers {
				m.refused(rt, c)
			}
		}
		for _, o := range tenants {
			require.Equal(t, before[o.slug], o.look(), "what was refused has changed %s", o.slug)
		}
		for _, rt := range m.routes {
			m.tellsNothing(rt, callers[1].Client, tenants[0])
		}
		for _, rt := range m.routes {
			for _, c := range callers {
				m.admitted(rt, c)
			}
		}
	})
}

// refused sees to it that who may not call a route is told why not, by slug and
// by identifier, whatever the body is.
func (m *matrix) refused(rt orgRoute, c caller) {
	m.t.Helper()
	status, code, ok := rt.refusal(c)
	if ok {
		return
	}
	answers := []settingstest.Response{rt.call(c.Client, c.of.slug, c.of.things[rt.nested]), rt.call(c.Client, c.of.id, c.of.things[rt.nested])}
	if rt.media == "application/json" {
		path := rt.at(c.of.slug, c.of.things[rt.nested])
		answers = append(answers, rt.send(c.Client, path, rt.media, `{"`), rt.send(c.Client, path, "text/plain", "x"), rt.send(c.Client, path, rt.media, `{"nonsense":1}`))
	}
	for i, r := range answers {
		require.Equal(m.t, status, r.Status, "%s: %s %s (%d): %s", c.name, rt.method, rt.path, i, r.Body)
		require.Equal(m.t, code, r.Code(), "%s: %s %s (%d): %s", c.name, rt.method, rt.path, i, r.Body)
		if code == "plan_required" {
			require.Contains(m.t, string(r.Body), `"feature":"`+rt.feature+`"`)
		}
	}
}

// tellsNothing sees to it that an outsider cannot tell an organization, and what
// is in it, from one that does not exist.
func (m *matrix) tellsNothing(rt orgRoute, c *settingstest.Client, o *tenant) {
	m.t.Helper()
	want := rt.call(c, "nobody-at-all", id.NewOrg().String())
	for _, ref := range []string{o.slug, o.id, id.NewOrg().String()} {
		for _, thing := range []string{o.things[rt.nested], id.NewOrg().String()} {
			got := rt.call(c, ref, thing)
			require.Equal(m.t, string(want.Body), string(got.Body), "%s %s", rt.method, rt.path)
			for _, h := range []http.Header{want.Header, got.Header} {
				h.Del("X-Request-Id")
				h.Del("Date")
			}
			require.Equal(m.t, want.Header, got.Header, "%s %s", rt.method, rt.path)
		}
	}
}

// admitted sees to it that who may call a route is refused nothing but what the
// body is short of.
func (m *matrix) admitted(rt orgRoute, c caller) {
	m.t.Helper()
	if _, _, ok := rt.refusal(c); !ok {
		return
	}
	thing := ""
	if rt.nested != "" {
		thing = nested[rt.nested](c.of) // of its own: it may not be there afterwards
	}
	r := rt.call(c.Client, c.of.slug, thing)
	require.NotContains(m.t, []int{401, 402, 403, 404}, r.Status, "%s: %s %s: %s", c.name, rt.method, rt.path, r.Body)
	require.Less(m.t, r.Status, 500, "%s: %s %s: %s", c.name, rt.method, rt.path, r.Body)
}

// ORG-07: what belongs to another organization is not found below one's own, and
// stays as it is.
func TestOrgMatrixOfForeignThings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		m, _ := newMatrix(t, db)
		acme, other := m.found("acme"), m.found("other")
		before := other.look()
		for _, rt := range m.routes {
			if rt.nested == "" {
				continue
			}
			for _, ref := range []string{acme.slug, acme.id} {
				want := rt.call(acme.by, ref, id.NewOrg().String())
				require.Equal(t, 404, want.Status, "%s %s: %s", rt.method, rt.path, want.Body)
				for _, thing := range []string{other.things[rt.nested], "nonsense", strings.ToUpper(other.things[rt.nested]), "00000000-0000-0000-0000-000000000000"} {
					r := rt.call(acme.by, ref, thing)
					require.Equal(t, 404, r.Status, "%s %s of %s: %s", rt.method, rt.path, thing, r.Body)
					require.Equal(t, string(want.Body), string(r.Body), "%s %s of %s", rt.method, rt.path, thing)
				}
			}
		}
		refused(t, acme.by, post, "/orgs/acme/ownership", object{"user_id": other.things["members/{user}"], "confirm": "acme"}, 404, "not_found")
		require.Equal(t, before, other.look())
	})
}
