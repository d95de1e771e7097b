package settings_test

import (
	"context"
	"fmt"
	"net/http"
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

// sendFile hands a file of addresses in, in the way of a program.
func sendFile(c *settingstest.Client, org, csv string) settingstest.Response {
	return c.Do(post, "/api/v1/orgs/"+org+"/invitations/import", http.Header{"Content-Type": {"text/csv; charset=utf-8"}}, csv)
}

// importFile hands a file in that is accepted, and returns what it is called.
func importFile(t *testing.T, c *settingstest.Client, org, csv string) string {
	t.Helper()
	r := sendFile(c, org, csv)
	require.Equal(t, 202, r.Status, "%s", r.Body)
	var out struct{ ID string }
	r.JSON(t, &out)
	return out.ID
}

// report is what the API says of an import.
type report struct {
	Percent, Total, Invited, Refused int
	Rows                             []struct {
		Line                int
		Email, Status, Code string
	}
}

func importOf(t *testing.T, c *settingstest.Client, org, which string) report {
	t.Helper()
	r := c.API(get, "/orgs/"+org+"/invitations/import/"+which, nil)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	var out report
	r.JSON(t, &out)
	return out
}

// results are the rows as "line address status code".
func (r report) results() []string {
	out := []string{}
	for _, row := range r.Rows {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s %s", row.Line, row.Email, row.Status, row.Code)))
	}
	return out
}

// terms is a plan that a test changes while the product runs.
type terms struct {
	mu           sync.Mutex
	seats, daily int
	smaller      bool   // does not include imports
	asked        func() // called inside of the transaction of each row
}

func newTerms() *terms { return &terms{seats: -1, daily: 1 << 20} }

func (p *terms) set(change func(p *terms)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *terms) Require(_ context.Context, _ id.Org, f orgs.Feature) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.smaller && f == orgs.BulkInvitations {
		return &orgs.PlanError{Feature: f, Plan: "pro"}
	}
	return nil
}

func (p *terms) Seats(context.Context, id.Org) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seats, nil
}

func (p *terms) DailyInvitations(context.Context, id.Org) (int, error) {
	p.mu.Lock()
	daily, asked := p.daily, p.asked
	p.mu.Unlock()
	if asked != nil {
		asked()
	}
	return daily, nil
}

func (p *terms) AuditRetention(context.Context, id.Org) (time.Duration, error) { return -1, nil }

func (p *terms) PlanOf(context.Context, id.Org) (string, error) { return "", nil }

// projectList is a directory of the same projects for everybody.
type projectList []string

func (l projectList) Projects(context.Context, id.Org) ([]orgs.Project, error) {
	var all []orgs.Project
	for _, p := range l {
		all = append(all, orgs.Project{ID: p, Name: p})
	}
	return all, nil
}

func (projectList) Joined(context.Context, id.Org, id.User, []string) error { return nil }

// withTerms runs a test on each database, with an organization of each role.
func withTerms(t *testing.T, fn func(t *testing.T, a *acme, plan *terms)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plan := newTerms()
		app := settingstest.Start(t, settings.Config{Store: db, Entitlements: plan, Projects: projectList{"one", "two"}, Limiter: wide{}})
		fn(t, newAcme(t, app), plan)
	})
}

const work = "orgs.work_imports"

// A file is accepted at once, worked off by the job, and says of each row what
// came of it.
func TestImport(t *testing.T) {
	withTerms(t, func(t *testing.T, a *acme, _ *terms) {
		app := a.app
		api(t, a.owner, post, org+"/invitations", object{"emails": []string{"again@example.com"}, "role": "viewer"}, 201)
		former := app.LinkToken("again@example.com", "orgs.invitation")
		file := "\xef\xbb\xbfemail;role;projects\r\n" +
			"New@Example.com;Viewer;one | two\r\n" +
			"nonsense;;\r\n" +
			"king@example.com;owner;\r\n" +
			"\r\n" +
			"lost@example.com;;three\r\n" +
			"new@example.COM;;\r\n" +
			"member@acme.example;;\r\n" +
			"again@example.com;admin;\r\n" +
			"plain@example.com\r\n" +
			"odd\"@example.com\r\n" +
			"wide@example.com;;;x\r\n" +
			";viewer\r\n"
		which := importFile(t, a.admin, "acme-inc", file)
		got := importOf(t, a.owner, "acme-inc", which)
		require.Equal(t, report{Percent: 63, Total: 11, Refused: 7}, report{got.Percent, got.Total, got.Invited, got.Refused, nil})
		require.Equal(t, "2 New@Example.com waiting", got.results()[0])
		require.Empty(t, app.Mail.To("New@Example.com"), "the job does it")

		app.RunJob(work)
		got = importOf(t, a.admin, "acme-inc", which)
		require.Equal(t, report{Percent: 100, Total: 11, Invited: 3, Refused: 8}, report{got.Percent, got.Total, got.Invited, got.Refused, nil})
		require.Equal(t, []string{
			"2 New@Example.com invited",
			"3 nonsense refused invalid_email",
			"4 king@example.com refused invalid_role",
			"6 lost@example.com refused unknown_project",
			"7 new@example.COM refused duplicate",
			"8 member@acme.example refused already_member",
			"9 again@example.com invited",
			"10 plain@example.com invited",
			"11  refused invalid_row",
			"12 wide@example.com refused invalid_row",
			"13  refused invalid_email",
		}, got.results())

		// Each is an invitation like any other.
		look := api(t, app.Client(), post, "/invitations/inspect", object{"token": app.LinkToken("New@Example.com", "orgs.invitation")}, 200)
		require.Equal(t, "viewer", look["role"])
		require.Equal(t, "Amy", look["inviter"])
		require.Equal(t, "member", api(t, app.Client(), post, "/invitations/inspect", object{"token": app.LinkToken("plain@example.com", "orgs.invitation")}, 200)["role"])
		require.Equal(t, "admin", api(t, app.Client(), post, "/invitations/inspect", object{"token": app.LinkToken("again@example.com", "orgs.invitation")}, 200)["role"])
		refused(t, app.Client(), post, "/invitations/inspect", object{"token": former}, 410, "link_gone")
		require.Len(t, app.Mail.To("New@Example.com"), 1)
		app.RunJob(work)
		require.Len(t, app.Mail.To("New@Example.com"), 1, "nothing is left to do")

		// Another organization, and who may not, learn nothing of it.
		path := org + "/invitations/import/" + which
		refused(t, a.member, get, path, nil, 403, "forbidden")
		refused(t, a.outsider, get, path, nil, 404, "not_found")
		api(t, a.outsider, post, "/orgs", object{"name": "Other", "slug": "other-org"}, 201)
		refused(t, a.outsider, get, "/orgs/other-org/invitations/import/"+which, nil, 404, "not_found")

		// After a week the addresses are forgotten, and the invitations stay.
		app.Clock.Advance(7 * 24 * time.Hour)
		app.RunJob("orgs.purge")
		a.admin = app.SignIn("admin@acme.example")
		importOf(t, a.admin, "acme-inc", which)
		app.Clock.Advance(time.Second)
		app.RunJob("orgs.purge")
		refused(t, a.admin, get, path, nil, 404, "not_found")
		require.Len(t, api(t, a.admin, get, org+"/invitations", nil, 200)["items"], 3)
	})
}

// What the plan and the organization have come to meanwhile decides about each
// row; the right of whoever handed the file in is read with it.
func TestImportObeysWhatASingleInvitationObeys(t *testing.T) {
	const file = "p1@example.com\np2@example.com\np3@example.com,admin\n"
	all := func(code string) []string { return []string{code, code, code} }
	for name, c := range map[string]struct {
		before func(t *testing.T, a *acme, plan *terms)
		want   []string // codes
	}{
		"nothing has happened": {func(*testing.T, *acme, *terms) {}, all("")},
		"seats":                {func(_ *testing.T, _ *acme, p *terms) { p.set(func(p *terms) { p.seats = 6 }) }, []string{"", "", "seat_limit"}},
		"invitations of the day": {
			func(_ *testing.T, _ *acme, p *terms) { p.set(func(p *terms) { p.daily = 4 }) }, // three made the team
			[]string{"", "daily_limit", "daily_limit"},
		},
		"the plan": {func(_ *testing.T, _ *acme, p *terms) { p.set(func(p *terms) { p.smaller = true }) }, all("plan_required")},
		"the role is gone": {func(t *testing.T, a *acme, _ *terms) {
			api(t, a.owner, patch, org+"/members/"+me(t, a.admin), object{"role": "member"}, 200)
		}, all("forbidden")},
		"the member is gone": {func(t *testing.T, a *acme, _ *terms) {
			api(t, a.owner, del, org+"/members/"+me(t, a.admin), nil, 204)
		}, all("forbidden")},
		"the organization is gone": {func(t *testing.T, a *acme, _ *terms) {
			api(t, a.owner, post, org+"/delete", object{"confirm": "acme-inc"}, 202)
		}, all("forbidden")},
		"the organization asks for two factors": {func(t *testing.T, a *acme, _ *terms) {
			(&app2{t: t, app: a.app, c: a.owner}).enroll()
			api(t, a.owner, put, org+"/security-policy", object{"require_second_factor": true}, 200)
		}, all("second_factor_enrollment_required")},
		"and they have two": {func(t *testing.T, a *acme, _ *terms) {
			(&app2{t: t, app: a.app, c: a.owner}).enroll()
			(&app2{t: t, app: a.app, c: a.admin}).enroll()
			api(t, a.owner, put, org+"/security-policy", object{"require_second_factor": true}, 200)
		}, all("")},
		"somebody joined": {func(t *testing.T, a *acme, _ *terms) { a.join("p2@example.com", "Pia", "viewer") }, []string{"", "already_member", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			withTerms(t, func(t *testing.T, a *acme, plan *terms) {
				which := importFile(t, a.admin, "acme-inc", file)
				c.before(t, a, plan)
				a.app.RunJob(work)
				if name == "the organization is gone" {
					api(t, a.owner, post, org+"/restore", nil, 204)
				}
				plan.set(func(p *terms) { p.smaller = false })
				got := importOf(t, a.owner, "acme-inc", which)
				require.Equal(t, 100, got.Percent)
				for i, code := range c.want {
					require.Equal(t, code, got.Rows[i].Code, "%v", got.results())
					invited := 0
					for _, m := range a.app.Mail.To(got.Rows[i].Email) {
						if m.Kind == "orgs.invitation" {
							invited++
						}
					}
					if code != "already_member" { // which was invited to become it
						require.Equal(t, map[bool]int{true: 1, false: 0}[code == ""], invited, "%v", got.results())
					}
				}
			})
		})
	}
}

// What is wrong with a file as a whole is said at once, and nobody is invited.
func TestImportRefusesFiles(t *testing.T) {
	withTerms(t, func(t *testing.T, a *acme, plan *terms) {
		path := "/api/v1/orgs/acme-inc/invitations/import"
		send := func(c *settingstest.Client, query, media, body string) settingstest.Response {
			return c.Do(post, path+query, http.Header{"Content-Type": {media}}, body)
		}
		many := strings.Repeat("a@example.com\n", 1001)
		for name, c := range map[string]struct {
			r      settingstest.Response
			status int
			code   string
			fields map[string]string
		}{
			"no CSV":           {send(a.admin, "", "application/json", "{}"), 415, "unsupported_media_type", nil},
			"another charset":  {send(a.admin, "", "text/csv; charset=iso-8859-1", "a@example.com"), 415, "unsupported_media_type", nil},
			"nothing":          {send(a.admin, "", "text/csv", ""), 422, "validation_failed", map[string]string{"file": "required"}},
			"encoding":         {send(a.admin, "", "text/csv", "a@example.com\nM\xfcller@example.com"), 422, "validation_failed", map[string]string{"file": "invalid_encoding"}},
			"a quote":          {send(a.admin, "", "text/csv", "\"a@example.com\nb@example.com\n"), 422, "validation_failed", map[string]string{"file": "unclosed_quote"}},
			"a column":         {send(a.admin, "", "text/csv", "email,name\n"), 422, "validation_failed", map[string]string{"file": "unknown_column"}},
			"a column twice":   {send(a.admin, "", "text/csv", "email,email\n"), 422, "validation_failed", map[string]string{"file": "repeated_column"}},
			"too many":         {send(a.admin, "", "text/csv", many), 422, "validation_failed", map[string]string{"file": "too_many"}},
			"too large":        {send(a.admin, "", "text/csv", strings.Repeat("x", 1<<20+1)), 413, "too_large", nil},
			"owner for all":    {send(a.admin, "?role=owner", "text/csv", "a@example.com"), 422, "validation_failed", map[string]string{"role": "invalid"}},
			"a member":         {send(a.member, "", "text/csv", "a@example.com"), 403, "forbidden", nil},
			"a viewer, and no": {send(a.viewer, "", "application/json", "{}"), 403, "forbidden", nil},
			"an outsider":      {send(a.outsider, "", "application/json", "{}"), 404, "not_found", nil},
			"nobody":           {send(a.app.Client(), "", "text/csv", "a@example.com"), 401, "unauthenticated", nil},
		} {
			require.Equal(t, c.status, c.r.Status, "%s: %s", name, c.r.Body)
			require.Equal(t, c.code, c.r.Code(), name)
			if c.fields != nil {
				require.Equal(t, c.fields, c.r.Fields(), name)
			}
		}
		require.Contains(t, string(send(a.admin, "", "text/csv", "a@example.com\nM\xfcller@example.com").Body), "in line 2")

		plan.set(func(p *terms) { p.smaller = true })
		r := send(a.owner, "", "application/json", "{}")
		require.Equal(t, 402, r.Status)
		require.Contains(t, string(r.Body), `"feature":"bulk_invitations","plan":"pro"`)
		require.Equal(t, 403, send(a.member, "", "text/csv", "a@example.com").Status, "the role comes before the plan")
		api(t, a.owner, post, org+"/invitations", object{"emails": []string{"b@example.com", "c@example.com"}}, 201) // several need no plan
		plan.set(func(p *terms) { p.smaller = false })
		a.app.RunJob(work)
		require.Len(t, api(t, a.admin, get, org+"/invitations", nil, 200)["items"], 2, "nobody else was invited")

		r = send(a.admin, "?role=viewer", "text/plain; charset=UTF-8", "d@example.com\ne@example.com,admin\n")
		require.Equal(t, 202, r.Status)
		a.app.RunJob(work)
		roles := map[string]any{}
		for _, i := range api(t, a.admin, get, org+"/invitations", nil, 200)["items"].([]any) {
			roles[i.(object)["email"].(string)] = i.(object)["role"]
		}
		require.Equal(t, map[string]any{"b@example.com": "member", "c@example.com": "member", "d@example.com": "viewer", "e@example.com": "admin"}, roles)
	})
}
