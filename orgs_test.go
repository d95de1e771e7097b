package settings_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// zone answers DNS.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	err     error
}

func (z *zone) TXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.records[name], z.err
}

func (z *zone) publish(record object) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.records == nil {
		z.records = map[string][]string{}
	}
	name := record["name"].(string)
	z.records[name] = append(z.records[name], "v=spf1 -all", record["value"].(string))
}

func planned(t *testing.T, plan string, fn func(t *testing.T, app *settingstest.App, dns *zone)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		e, ok := orgs.FixedPlan(plan)
		require.True(t, ok)
		dns := &zone{}
		fn(t, settingstest.Start(t, settings.Config{Store: db, Entitlements: e, Domains: dns}), dns)
	})
}

// acme is an organization with a person of each role.
type acme struct {
	t                            *testing.T
	app                          *settingstest.App
	owner, admin, member, viewer *settingstest.Client
	outsider                     *settingstest.Client
}

func newAcme(t *testing.T, app *settingstest.App) *acme {
	t.Helper()
	a := &acme{t: t, app: app, owner: app.SignUp("owner@acme.example", "Olive"), outsider: app.SignUp("out@example.com", "Otto")}
	api(t, a.owner, post, "/orgs", object{"name": "Acme Inc."}, 201)
	a.admin = a.join("admin@acme.example", "Amy", "admin")
	a.member = a.join("member@acme.example", "Max", "member")
	a.viewer = a.join("viewer@acme.example", "Vera", "viewer")
	return a
}

func (a *acme) join(email, name, role string) *settingstest.Client {
	a.t.Helper()
	api(a.t, a.owner, post, "/orgs/acme-inc/invitations", object{"emails": []string{email}, "role": role}, 201)
	c := a.app.SignUp(email, name)
	api(a.t, c, post, "/invitations/accept", object{"token": a.app.LinkToken(email, "orgs.invitation")}, 200)
	return c
}

func me(t *testing.T, c *settingstest.Client) string {
	t.Helper()
	return api(t, c, get, "/account", nil, 200)["id"].(string)
}

const org = "/orgs/acme-inc"

func TestOrganizations(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		c := app.SignUp(ada, "Ada")
		out := api(t, c, post, "/orgs", object{"name": "  Crème & Brûlée GmbH "}, 201)
		require.Equal(t, "creme-brulee-gmbh", out["slug"])
		require.Equal(t, "Crème & Brûlée GmbH", out["name"])
		require.Equal(t, "owner", out["role"])
		require.Equal(t, "business", out["plan"])
		require.Nil(t, out["default_project_id"])
		require.Contains(t, out["permissions"], "orgs.delete")
		require.NotEqual(t, "creme-brulee-gmbh", api(t, c, post, "/orgs", object{"name": "Crème Brûlée GmbH"}, 201)["slug"])
		refused(t, c, post, "/orgs", object{"name": "Other", "slug": "creme-brulee-gmbh"}, 409, "slug_taken")
		for slug, code := range map[string]string{
			"ab": "too_short", strings.Repeat("a", 49): "too_long", "-abc": "invalid_slug", "a--b": "invalid_slug", "Abc": "invalid_slug",
			"abc ": "invalid_slug", "admin": "reserved_slug", "settings": "reserved_slug", "01a20d45-a7c3-7688-a6c7-62e0be72b172": "reserved_slug",
		} {
			require.Equal(t, map[string]string{"slug": code}, refused(t, c, post, "/orgs", object{"name": "X y", "slug": slug}, 422, "validation_failed").Fields(), slug)
		}
		require.Equal(t, map[string]string{"name": "required"}, refused(t, c, post, "/orgs", object{"name": " "}, 422, "validation_failed").Fields())
		require.Regexp(t, `^org-[a-z2-9]{6}$`, api(t, c, post, "/orgs", object{"name": "株式会社"}, 201)["slug"])

		// By slug and by identifier; a former slug leads its members on, and nobody
		// else; nobody else can take it for 90 days.
		id := out["id"].(string)
		require.Equal(t, "ada-co", api(t, c, "PATCH", "/orgs/"+id, object{"slug": "ada-co", "name": "Ada & Co"}, 200)["slug"])
		api(t, c, get, "/orgs/ada-co", nil, 200)
		r := c.API(get, "/orgs/creme-brulee-gmbh/members?limit=2", nil)
		require.Equal(t, 308, r.Status)
		require.Equal(t, "/api/v1/orgs/ada-co/members?limit=2", r.Header.Get("Location"))
		g := app.SignUp("grace@example.com", "Grace")
		for _, ref := range []string{"ada-co", "creme-brulee-gmbh", id, "nobody", "01a20d45-a7c3-7688-a6c7-62e0be72b172"} {
			require.Equal(t, g.API(get, "/orgs/nobody-at-all", nil).Body, g.API(get, "/orgs/"+ref, nil).Body, ref)
			refused(t, g, get, "/orgs/"+ref, nil, 404, "not_found")
		}
		refused(t, g, post, "/orgs", object{"name": "G", "slug": "creme-brulee-gmbh"}, 409, "slug_taken")
		app.Clock.Advance(90 * 24 * time.Hour)
		g = app.SignIn("grace@example.com")
		api(t, g, post, "/orgs", object{"name": "Gg", "slug": "creme-brulee-gmbh"}, 201)
		c = app.SignIn(ada)
		refused(t, c, get, "/orgs/creme-brulee-gmbh", nil, 404, "not_found")
	})
}

// Every right of every role, and of people outside.
func TestRoles(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		people := map[string]*settingstest.Client{"owner": a.owner, "admin": a.admin, "member": a.member, "viewer": a.viewer, "outsider": a.outsider, "nobody": app.Client()}
		viewer := me(t, a.viewer)
		for _, c := range []struct {
			method, path string
			body         any
			least        string
		}{
			{get, org, nil, "viewer"},
			{get, org + "/members", nil, "viewer"},
			{get, org + "/projects", nil, "viewer"},
			{"PATCH", org, object{"name": "Acme Inc."}, "admin"},
			{put, org + "/logo", nil, "admin"},
			{del, org + "/logo", nil, "admin"},
			{get, org + "/invitations", nil, "admin"},
			{post, org + "/invitations", object{"emails": []string{"nonsense"}}, "admin"},
			{"PATCH", org + "/members/" + viewer, object{"role": "viewer"}, "admin"},
			{get, org + "/domains", nil, "admin"},
			{get, org + "/security-policy", nil, "admin"},
			{post, org + "/ownership", object{"user_id": viewer, "confirm": "no"}, "owner"},
			{post, org + "/delete", object{"confirm": "no"}, "owner"},
		} {
			for who, p := range people {
				r := p.API(c.method, c.path, c.body)
				name := who + " " + c.method + " " + c.path
				switch {
				case who == "nobody":
					require.Equal(t, 401, r.Status, name)
				case who == "outsider":
					require.Equal(t, 404, r.Status, name)
				case orgs.Role(who).AtLeast(orgs.Role(c.least)):
					require.NotContains(t, []int{401, 403, 404}, r.Status, "%s: %s", name, r.Body)
				default:
					require.Equal(t, 403, r.Status, name)
				}
			}
		}
		// Addresses and second factors are for Admins; nobody finds by an address that
		// they may not see.
		full := api(t, a.admin, get, org+"/members?q=owner@", nil, 200)["items"].([]any)
		require.Len(t, full, 1)
		require.Equal(t, "owner@acme.example", full[0].(object)["email"])
		require.Equal(t, false, full[0].(object)["second_factor"])
		require.Empty(t, api(t, a.viewer, get, org+"/members?q=owner@", nil, 200)["items"])
		seen := a.viewer.API(get, org+"/members", nil)
		require.NotContains(t, string(seen.Body), "@")
		require.NotContains(t, string(seen.Body), "second_factor")
		require.Len(t, api(t, a.viewer, get, org+"/members?q=OL", nil, 200)["items"], 1)
		require.NotContains(t, api(t, a.admin, get, org, nil, 200), "plan")
	})
}

func TestMembers(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		owner, admin, member, viewer := me(t, a.owner), me(t, a.admin), me(t, a.member), me(t, a.viewer)
		path := func(user string) string { return org + "/members/" + user }
		require.Equal(t, "member", api(t, a.admin, "PATCH", path(viewer), object{"role": "member"}, 200)["role"])
		app.Mail.Last("viewer@acme.example", "orgs.role_changed")
		// Owner is no role to give, and the Owner's cannot be changed.
		refused(t, a.owner, "PATCH", path(admin), object{"role": "owner"}, 409, "owner_required")
		refused(t, a.admin, "PATCH", path(owner), object{"role": "member"}, 409, "owner_required")
		refused(t, a.owner, "PATCH", path(owner), object{"role": "admin"}, 409, "owner_required")
		refused(t, a.admin, "DELETE", path(owner), nil, 409, "owner_required")
		refused(t, a.owner, "DELETE", path(owner), nil, 409, "owner_required")
		for _, role := range []string{"Owner", "owner ", "admin,owner", "", "root"} {
			require.Equal(t, 422, a.owner.API("PATCH", path(viewer), object{"role": role}).Status, role)
		}
		refused(t, a.owner, "PATCH", path(me(t, a.outsider)), object{"role": "member"}, 404, "not_found")
		refused(t, a.owner, "DELETE", path("nonsense"), nil, 404, "not_found")
		// At once.
		refused(t, a.member, get, org+"/invitations", nil, 403, "forbidden")
		api(t, a.owner, "PATCH", path(member), object{"role": "admin"}, 200)
		api(t, a.member, get, org+"/invitations", nil, 200)
		api(t, a.owner, "PATCH", path(member), object{"role": "viewer"}, 200)
		refused(t, a.member, get, org+"/invitations", nil, 403, "forbidden")
		// Removed, with a mail; leaving, whatever the role; back by a new invitation.
		api(t, a.admin, "DELETE", path(member), nil, 204)
		app.Mail.Last("member@acme.example", "orgs.member_removed")
		refused(t, a.member, get, org, nil, 404, "not_found")
		refused(t, a.viewer, "DELETE", path(admin), nil, 403, "forbidden")
		api(t, a.viewer, "DELETE", path(viewer), nil, 204)
		refused(t, a.viewer, get, org, nil, 404, "not_found")
		api(t, a.owner, post, org+"/invitations", object{"emails": []string{"member@acme.example"}}, 201)
		api(t, a.member, post, "/invitations/accept", object{"token": app.LinkToken("member@acme.example", "orgs.invitation")}, 200)
		require.Equal(t, "member", api(t, a.member, get, org, nil, 200)["role"])
	})
}

func TestOwnership(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		owner, admin := me(t, a.owner), me(t, a.admin)
		hand := org + "/ownership"
		app.Clock.Advance(11 * time.Minute)
		refused(t, a.owner, post, hand, object{"user_id": admin, "confirm": "acme-inc"}, 401, "reauthentication_required")
		api(t, a.owner, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		require.Equal(t, map[string]string{"confirm": "mismatch"}, refused(t, a.owner, post, hand, object{"user_id": admin, "confirm": "acme"}, 422, "validation_failed").Fields())
		refused(t, a.owner, post, hand, object{"user_id": me(t, a.outsider), "confirm": "acme-inc"}, 404, "not_found")
		require.Equal(t, 422, a.owner.API(post, hand, object{"user_id": owner, "confirm": "acme-inc"}).Status)
		refused(t, a.admin, post, hand, object{"user_id": admin, "confirm": "acme-inc"}, 403, "forbidden")
		api(t, a.owner, post, hand, object{"user_id": admin, "confirm": "acme-inc"}, 204)
		require.Equal(t, "admin", api(t, a.owner, get, org, nil, 200)["role"])
		require.Equal(t, "owner", api(t, a.admin, get, org, nil, 200)["role"])
		app.Mail.Last("owner@acme.example", "orgs.ownership")
		app.Mail.Last("admin@acme.example", "orgs.ownership")
		refused(t, a.owner, post, hand, object{"user_id": owner, "confirm": "acme-inc"}, 403, "forbidden")
	})
}

// 8 transfers at once to different people: one Owner, one winner (ORG-01).
func TestOwnershipRace(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		targets := []string{me(t, a.admin), me(t, a.member), me(t, a.viewer)}
		cookie := sessionCookie(t, app, a.owner)
		var mu sync.Mutex
		codes := map[int]int{}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c := app.Client()
				c.Token = cookie
				r := c.API(post, org+"/ownership", object{"user_id": targets[i%3], "confirm": "acme-inc"})
				mu.Lock()
				defer mu.Unlock()
				codes[r.Status]++
			})
		}
		wg.Wait()
		require.Equal(t, 1, codes[204], "%v", codes)
		require.Equal(t, 7, codes[403]+codes[409], "%v", codes)
		owners := 0
		for _, m := range api(t, a.owner, get, org+"/members", nil, 200)["items"].([]any) {
			if m.(object)["role"] == "owner" {
				owners++
			}
		}
		require.Equal(t, 1, owners)
	})
}

func TestInvitations(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		invite := func(c *settingstest.Client, body object, status int) object {
			return api(t, c, post, org+"/invitations", body, status)
		}
		out := invite(a.admin, object{"emails": []string{"new@example.com", "NEW@example.com ", "nonsense", "member@acme.example"}, "role": "viewer"}, 201)
		var results []string
		for _, r := range out["results"].([]any) {
			o := r.(object)
			results = append(results, fmt.Sprint(o["status"], " ", o["code"]))
		}
		require.Equal(t, []string{"invited <nil>", "refused duplicate", "refused invalid_email", "refused already_member"}, results)
		list := api(t, a.admin, get, org+"/invitations", nil, 200)["items"].([]any)
		require.Len(t, list, 1)
		first := list[0].(object)
		require.Equal(t, "pending", first["state"])
		link := app.LinkToken("new@example.com", "orgs.invitation")
		look := api(t, app.Client(), post, "/invitations/inspect", object{"token": link}, 200)
		require.Equal(t, "Acme Inc.", look["org"].(object)["name"])
		require.Equal(t, "Amy", look["inviter"])
		require.Equal(t, "viewer", look["role"])
		require.Equal(t, false, look["has_account"])

		// Only the invited address; nothing in the body decides.
		refused(t, a.outsider, post, "/invitations/accept", object{"token": link}, 403, "wrong_recipient")
		refused(t, app.Client(), post, "/invitations/accept", object{"token": link}, 401, "unauthenticated")
		require.Equal(t, 422, a.outsider.API(post, "/invitations/accept", object{"token": link, "role": "admin"}).Status)

		// Resent: a new link, the old one is void. Invited again: newest wins.
		id := first["id"].(string)
		api(t, a.admin, post, org+"/invitations/"+id+"/resend", nil, 204)
		refused(t, app.Client(), post, "/invitations/inspect", object{"token": link}, 410, "link_gone")
		invite(a.owner, object{"emails": []string{"new@example.com"}, "role": "admin"}, 201)
		require.Len(t, api(t, a.admin, get, org+"/invitations", nil, 200)["items"], 1)
		link = app.LinkToken("new@example.com", "orgs.invitation")
		require.Equal(t, "admin", api(t, app.Client(), post, "/invitations/inspect", object{"token": link}, 200)["role"])

		// Signing up by the invitation proves the address, and accepts.
		c := app.Client()
		api(t, c, post, "/auth/sign-up/complete", object{"token": link, "name": "Nova", "password": settingstest.Password}, 201)
		require.Equal(t, "admin", api(t, c, get, org, nil, 200)["role"])
		refused(t, app.Client(), post, "/auth/sign-up/complete", object{"token": link, "name": "Nova", "password": settingstest.Password}, 410, "link_gone")
		require.Empty(t, api(t, a.admin, get, org+"/invitations", nil, 200)["items"])

		// Waiting for the address; declined; revoked; expired; foreign.
		invite(a.owner, object{"emails": []string{"out@example.com"}}, 201)
		mine := api(t, a.outsider, get, "/account/invitations", nil, 200)["items"].([]any)
		require.Len(t, mine, 1)
		mineID := mine[0].(object)["id"].(string)
		refused(t, c, post, "/account/invitations/"+mineID+"/accept", nil, 404, "not_found")
		api(t, a.outsider, post, "/account/invitations/"+mineID+"/decline", nil, 204)
		refused(t, a.outsider, post, "/account/invitations/"+mineID+"/accept", nil, 404, "not_found")
		require.Equal(t, "declined", api(t, a.admin, get, org+"/invitations", nil, 200)["items"].([]any)[0].(object)["state"])
		out = invite(a.owner, object{"emails": []string{"late@example.com", "never@example.com"}}, 201)
		never := out["results"].([]any)[1].(object)["id"].(string)
		other := app.SignUp("other@example.com", "Other")
		api(t, other, post, "/orgs", object{"name": "Other", "slug": "other-org"}, 201)
		refused(t, other, "DELETE", "/orgs/other-org/invitations/"+never, nil, 404, "not_found")
		api(t, a.admin, "DELETE", org+"/invitations/"+never, nil, 204)
		refused(t, app.Client(), post, "/invitations/inspect", object{"token": app.LinkToken("never@example.com", "orgs.invitation")}, 410, "link_gone")
		late := app.LinkToken("late@example.com", "orgs.invitation")
		app.Clock.Advance(7 * 24 * time.Hour)
		refused(t, app.Client(), post, "/invitations/inspect", object{"token": late}, 410, "link_gone")
	})
}

// The inviter must still hold the right when it is accepted (INVT-08).
func TestInviterLosesTheRight(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		api(t, a.admin, post, org+"/invitations", object{"emails": []string{"out@example.com"}, "role": "admin"}, 201)
		link := app.LinkToken("out@example.com", "orgs.invitation")
		api(t, a.owner, "PATCH", org+"/members/"+me(t, a.admin), object{"role": "member"}, 200)
		refused(t, a.outsider, post, "/invitations/inspect", object{"token": link}, 410, "link_gone")
		refused(t, a.outsider, post, "/invitations/accept", object{"token": link}, 410, "link_gone")
		refused(t, a.outsider, get, org, nil, 404, "not_found")
		require.Empty(t, api(t, a.outsider, get, "/account/invitations", nil, 200)["items"])
	})
}

// A pending invitation takes a seat; 8 at once for the last one: one.
func TestSeats(t *testing.T) {
	planned(t, "pro", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app) // 4 of 5
		cookie := sessionCookie(t, app, a.owner)
		var mu sync.Mutex
		invited := 0
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c := app.Client()
				c.Token = cookie
				r := c.API(post, org+"/invitations", object{"emails": []string{fmt.Sprintf("p%d@example.com", i)}})
				mu.Lock()
				defer mu.Unlock()
				if r.Status == 201 {
					invited++
				} else {
					require.Equal(t, "seat_limit", r.Code())
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1, invited)
		one := api(t, a.owner, get, org+"/invitations", nil, 200)["items"].([]any)[0].(object)
		api(t, a.owner, post, org+"/invitations", object{"emails": []string{one["email"].(string)}}, 201) // has its seat
		refused(t, a.owner, post, org+"/invitations", object{"emails": []string{"x@example.com"}}, 402, "seat_limit")
		api(t, a.owner, "DELETE", org+"/invitations/"+one["id"].(string), nil, 204)
		out := api(t, a.owner, post, org+"/invitations", object{"emails": []string{"x@example.com", "y@example.com"}}, 201)
		require.Equal(t, "seat_limit", out["results"].([]any)[1].(object)["code"])
		r := refused(t, a.owner, get, org+"/security-policy", nil, 402, "plan_required")
		require.Contains(t, string(r.Body), `"feature":"required_second_factor","plan":"business"`)
	})
}

func TestDeleteOrganization(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		refused(t, a.owner, post, org+"/restore", nil, 409, "not_deleted")
		api(t, a.owner, post, org+"/delete", object{"confirm": "acme-inc"}, 202)
		app.Mail.Last("owner@acme.example", "orgs.deleted")
		for _, c := range []*settingstest.Client{a.owner, a.admin, a.member} {
			refused(t, c, get, org, nil, 404, "not_found")
			refused(t, c, get, org+"/members", nil, 404, "not_found")
		}
		require.Empty(t, api(t, a.admin, get, "/account/organizations", nil, 200)["items"])
		mine := api(t, a.owner, get, "/account/organizations", nil, 200)["items"].([]any)
		require.NotNil(t, mine[0].(object)["purge_at"])
		refused(t, a.outsider, post, "/orgs", object{"name": "Mine", "slug": "acme-inc"}, 409, "slug_taken")
		refused(t, a.admin, post, org+"/restore", nil, 404, "not_found")
		api(t, a.owner, post, org+"/restore", nil, 204)
		require.Equal(t, "admin", api(t, a.admin, get, org, nil, 200)["role"])
	})
}

func TestDomains(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, dns *zone) {
		a := newAcme(t, app)
		add := func(c *settingstest.Client, ref, name string, status int) settingstest.Response {
			r := c.API(post, "/orgs/"+ref+"/domains", object{"domain": name})
			require.Equal(t, status, r.Status, "%s: %s", name, r.Body)
			return r
		}
		for _, name := range []string{"gmail.com", "GMAIL.com.", "co.uk", "com", "localhost", "127.0.0.1", "a@b.example", "https://acme.example", "", "xn--"} {
			add(a.admin, "acme-inc", name, 422)
		}
		var d object
		add(a.admin, "acme-inc", "Acme.Example", 201).JSON(t, &d)
		require.Equal(t, "acme.example", d["domain"])
		path := org + "/domains/" + d["id"].(string)
		add(a.admin, "acme-inc", "acme.example", 409)
		refused(t, a.admin, post, path+"/verify", nil, 409, "domain_unproven")
		refused(t, a.admin, "PATCH", path, object{"auto_join": true}, 409, "domain_unproven")
		dns.publish(d["record"].(object))
		require.NotNil(t, api(t, a.admin, post, path+"/verify", nil, 200)["verified_at"])

		// Nobody joins before it is allowed; then people with a proven address there.
		n := app.SignUp("nina@acme.example", "Nina")
		require.Empty(t, api(t, n, get, "/account/joinable-organizations", nil, 200)["items"])
		refused(t, n, post, org+"/join", nil, 404, "not_found")
		api(t, a.admin, "PATCH", path, object{"auto_join": true, "role": "viewer"}, 200)
		require.Len(t, api(t, n, get, "/account/joinable-organizations", nil, 200)["items"], 1)
		refused(t, a.outsider, post, org+"/join", nil, 404, "not_found")
		sub := app.SignUp("x@sub.acme.example", "Sub")
		refused(t, sub, post, org+"/join", nil, 404, "not_found")
		require.Equal(t, "viewer", api(t, n, post, org+"/join", nil, 200)["role"])
		require.Empty(t, api(t, n, get, "/account/joinable-organizations", nil, 200)["items"])

		// One organization's alone.
		api(t, a.outsider, post, "/orgs", object{"name": "Evil", "slug": "evil-org"}, 201)
		var e object
		add(a.outsider, "evil-org", "acme.example", 201).JSON(t, &e)
		dns.publish(e["record"].(object))
		refused(t, a.outsider, post, "/orgs/evil-org/domains/"+e["id"].(string)+"/verify", nil, 409, "domain_taken")
		refused(t, a.outsider, "DELETE", "/orgs/evil-org/domains/"+d["id"].(string), nil, 404, "not_found")
		api(t, a.admin, "DELETE", path, nil, 204)
		api(t, a.outsider, post, "/orgs/evil-org/domains/"+e["id"].(string)+"/verify", nil, 200)
	})
}

// An organization asks its members for two factors, from a date on; then those
// without reach what it takes to enrol, and nothing of it.
func TestOrganizationAsksForTwoFactors(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		policy := org + "/security-policy"
		want := object{"require_second_factor": true, "grace_until": app.Clock.Now().Add(48 * time.Hour).Format(time.RFC3339)}
		require.Equal(t, map[string]string{"require_second_factor": "second_factor_missing"}, refused(t, a.owner, put, policy, want, 422, "validation_failed").Fields())
		mine := &app2{t: t, app: app, c: a.owner}
		mine.enroll()
		got := api(t, a.owner, get, policy, nil, 200)
		require.InDelta(t, 3, got["affected_count"], 0)
		require.NotContains(t, got, "affected")
		var names []any
		for _, m := range api(t, a.owner, get, policy+"?preview=true", nil, 200)["affected"].([]any) {
			names = append(names, m.(object)["name"])
		}
		require.Equal(t, []any{"Amy", "Max", "Vera"}, names, "who would be affected, before it is asked")
		far := object{"require_second_factor": true, "grace_until": app.Clock.Now().Add(100 * 24 * time.Hour).Format(time.RFC3339)}
		require.Equal(t, 422, a.owner.API(put, policy, far).Status)
		api(t, a.owner, put, policy, want, 200)
		app.Mail.Last("member@acme.example", "orgs.second_factor_required")
		require.Equal(t, []any{"acme-inc"}, api(t, a.member, get, "/account/second-factor", nil, 200)["required_by"])
		api(t, a.member, get, org, nil, 200)
		app.Clock.Advance(48 * time.Hour)
		refused(t, a.member, get, org, nil, 403, "second_factor_enrollment_required")
		refused(t, a.admin, get, org+"/invitations", nil, 403, "second_factor_enrollment_required")
		api(t, a.member, "PATCH", "/account", object{"name": "Maxine"}, 200) // the account is the person's own
		api(t, a.owner, get, org, nil, 200)
		api(t, a.member, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		theirs := &app2{t: t, app: app, c: a.member}
		theirs.enroll()
		api(t, a.member, get, org, nil, 200)
		api(t, a.viewer, "DELETE", org+"/members/"+me(t, a.viewer), nil, 204) // leaving is always open
	})
}
