package settings_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
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

// shelf is a host's directory of projects, the same for every organization.
type shelf struct {
	mu     sync.Mutex
	all    []orgs.Project
	err    error
	joined map[id.User][]string
}

func (s *shelf) Projects(context.Context, id.Org) ([]orgs.Project, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all), s.err
}

func (s *shelf) Joined(_ context.Context, _ id.Org, user id.User, projects []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined[user] = projects
	return s.err
}

func (s *shelf) set(err error, all ...orgs.Project) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.err = all, err
}

func (s *shelf) told(user id.User) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joined[user]
}

// shelved runs a test of an organization that has a shelf, and lands new members
// on its website.
func shelved(t *testing.T, fn func(t *testing.T, app *settingstest.App, s *shelf, ada *settingstest.Client)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		s := &shelf{joined: map[id.User][]string{}}
		s.set(nil, orgs.Project{ID: "api", Name: "API"}, orgs.Project{ID: "website", Name: "Website", URL: "/projects/website"},
			orgs.Project{ID: "docs", Name: "Docs", URL: "https://docs.example/"})
		app := settingstest.Start(t, settings.Config{Store: db, Projects: s})
		ada := app.SignUp(ada, "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		api(t, ada, patch, "/orgs/engines", object{"default_project_id": "website"}, 200)
		fn(t, app, s, ada)
	})
}

// A new member lands on the default project, or on one that the invitation names,
// if the role does not reach the others.
func TestNewMembersLand(t *testing.T) {
	shelved(t, func(t *testing.T, app *settingstest.App, s *shelf, ada *settingstest.Client) {
		general := app.URL + "/settings/orgs/engines/general"
		for i, c := range []struct {
			role     string
			named    []string
			project  any
			redirect string
			told     []string
		}{
			{"member", nil, "website", app.URL + "/projects/website", []string{"website"}},
			{"viewer", []string{"api"}, "api", general, []string{"api"}},
			{"viewer", []string{"docs", "api"}, "docs", "https://docs.example/", []string{"docs", "api"}},
			{"member", []string{"api", "website"}, "website", app.URL + "/projects/website", []string{"api", "website"}},
			{"admin", []string{"api"}, "website", app.URL + "/projects/website", []string{"api"}},
		} {
			email := string(rune('a'+i)) + "@example.com"
			person := app.SignUp(email, "Max")
			api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{email}, "role": c.role, "project_ids": append([]string{}, c.named...)}, 201)
			out := api(t, person, post, "/invitations/accept", object{"token": app.LinkToken(email, "orgs.invitation")}, 200)
			require.Equal(t, "engines", out["org"].(object)["slug"])
			require.Equal(t, c.project, out["project_id"], "%+v", c)
			require.Equal(t, c.redirect, out["redirect_url"], "%+v", c)
			user, err := id.ParseUser(me(t, person))
			require.NoError(t, err)
			require.Equal(t, c.told, s.told(user), "%+v", c)
		}
		refused(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{"x@example.com"}, "project_ids": []string{"api", "other"}}, 422, "validation_failed")

		// A project that has gone, and a directory that is down, keep nobody out.
		for i, err := range []error{nil, errors.New("directory down")} {
			s.set(nil, orgs.Project{ID: "website", Name: "Website"})
			email := string(rune('p'+i)) + "@example.com"
			person := app.SignUp(email, "Max")
			api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{email}}, 201)
			s.set(err)
			out := api(t, person, post, "/invitations/accept", object{"token": app.LinkToken(email, "orgs.invitation")}, 200)
			require.Nil(t, out["project_id"])
			require.Equal(t, general, out["redirect_url"])
			require.Equal(t, "member", api(t, person, get, "/orgs/engines", nil, 200)["role"])
		}
	})
}

// Who signs up by an invitation comes out in the organization, with a way on to
// the project.
func TestSignUpByInvitationLands(t *testing.T) {
	shelved(t, func(t *testing.T, app *settingstest.App, _ *shelf, ada *settingstest.Client) {
		invite := func(email string, projects ...string) string {
			api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{email}, "project_ids": append([]string{}, projects...)}, 201)
			return app.LinkToken(email, "orgs.invitation")
		}
		out := api(t, app.Client(), post, "/auth/sign-up/complete", object{"token": invite("bob@example.com"), "name": "Bob", "password": settingstest.Password}, 201)
		require.Equal(t, "website", out["joined"].(object)["project_id"])
		require.Equal(t, app.URL+"/projects/website", out["joined"].(object)["redirect_url"])
		require.NotContains(t, api(t, app.SignIn("bob@example.com"), post, "/auth/sign-in", credentials("bob@example.com", settingstest.Password), 200), "joined")

		land := func(email string, projects ...string) (*settingstest.Client, string) {
			c := app.Client()
			r := c.Form("/sign-up/complete", url.Values{
				"token": {invite(email, projects...)}, "name": {"Cy"}, "password": {settingstest.Password}, "timezone": {"Europe/London"}, "locale": {"en"},
			})
			require.Equal(t, 303, r.Status)
			return c, r.Header.Get("Location")
		}
		c, to := land("cy@example.com")
		require.Equal(t, "/settings/orgs/engines/general?project=website&saved=joined", to)
		body := opened(t, c, to)
		require.Contains(t, body, "Welcome to Engines.")
		require.Contains(t, body, `<a href="/projects/website">Open Website</a>`)
		require.NotContains(t, opened(t, c, "/settings/orgs/engines/general?project=website"), "Open Website", "who has just come is led on")
		require.NotContains(t, opened(t, c, "/settings/orgs/engines/general?saved=joined&project=https://evil.test"), "evil")
		c, to = land("di@example.com", "api")
		require.Equal(t, "/settings/orgs/engines/general?project=api&saved=joined", to)
		require.NotContains(t, opened(t, c, to), "Open API", "which the host shows nowhere")

		plain := app.Client()
		api(t, plain, post, "/auth/sign-up", object{"email": "eve@example.com"}, 202)
		r := plain.Form("/sign-up/complete", url.Values{"token": {app.LinkToken("eve@example.com", "account.sign_up")}, "name": {"Eve"}, "password": {settingstest.Password}})
		require.Equal(t, "/settings/profile", r.Header.Get("Location"), "nobody invited Eve")
	})
}

// Who joins by the domain of their address, and was invited as well, takes one
// seat and not two, and gets the higher role.
func TestJoiningTakesTheInvitation(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, dns *zone) {
		ada := app.SignUp("ada@engines.example", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		d := api(t, ada, post, "/orgs/engines/domains", object{"domain": "engines.example"}, 201)
		dns.publish(d["record"].(object))
		path := "/orgs/engines/domains/" + d["id"].(string)
		api(t, ada, post, path+"/verify", nil, 200)
		api(t, ada, patch, path, object{"auto_join": true, "role": "member"}, 200)
		invite := func(by *settingstest.Client, email, role string) string {
			api(t, by, post, "/orgs/engines/invitations", object{"emails": []string{email}, "role": role}, 201)
			return app.LinkToken(email, "orgs.invitation")
		}
		join := func(email, name string) *settingstest.Client {
			c := app.SignUp(email, name)
			api(t, c, post, "/orgs/engines/join", nil, 200)
			return c
		}
		for _, c := range []struct{ email, invited, role string }{
			{"amy@engines.example", "admin", "admin"}, {"vic@engines.example", "viewer", "member"},
		} {
			link := invite(ada, c.email, c.invited)
			who := join(c.email, "Max")
			require.Equal(t, c.role, api(t, who, get, "/orgs/engines", nil, 200)["role"])
			refused(t, who, post, "/invitations/accept", object{"token": link}, 410, "link_gone")
			require.Empty(t, api(t, ada, get, "/orgs/engines/invitations", nil, 200)["items"])
		}

		// An invitation of somebody who may not invite any more counts for nothing.
		amy := app.SignIn("amy@engines.example")
		invite(amy, "bob@engines.example", "admin")
		api(t, ada, patch, "/orgs/engines/members/"+me(t, amy), object{"role": "viewer"}, 200)
		require.Equal(t, "member", api(t, join("bob@engines.example", "Bob"), get, "/orgs/engines", nil, 200)["role"])
		require.Empty(t, api(t, ada, get, "/orgs/engines/invitations", nil, 200)["items"])

		// One that had expired is not sent to a member.
		api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{"eve@engines.example"}}, 201)
		app.Clock.Advance(7 * 24 * time.Hour)
		eve := join("eve@engines.example", "Eve")
		late := api(t, ada, get, "/orgs/engines/invitations", nil, 200)["items"].([]any)[0].(object)
		require.Equal(t, "expired", late["state"])
		refused(t, ada, post, "/orgs/engines/invitations/"+late["id"].(string)+"/resend", nil, 409, "already_member")
		api(t, eve, del, "/orgs/engines/members/"+me(t, eve), nil, 204)
		api(t, ada, post, "/orgs/engines/invitations/"+late["id"].(string)+"/resend", nil, 204)
		api(t, ada, del, "/orgs/engines/invitations/"+late["id"].(string), nil, 204)

		// The last seat is that of the invitation.
		for i := range 9 {
			join(string(rune('a'+i))+"@engines.example", "Max")
		}
		invite(ada, "last@engines.example", "viewer") // 4, 9 and this one of 15
		invite(ada, "other@example.com", "viewer")
		refused(t, app.SignUp("none@engines.example", "Nun"), post, "/orgs/engines/join", nil, 402, "seat_limit")
		join("last@engines.example", "Last")
	})
}
