package settings_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

// opened opens a page that has to be there.
func opened(t *testing.T, c *settingstest.Client, path string) string {
	t.Helper()
	r := c.Get(path)
	require.Equal(t, 200, r.Status, "%s: %s", path, r.Header.Get("Location"))
	return string(r.Body)
}

// joined makes somebody with an account a member, through an invitation.
func joined(t *testing.T, app *settingstest.App, by *settingstest.Client, org, email, name, role string) *settingstest.Client {
	t.Helper()
	c := app.SignUp(email, name)
	api(t, by, post, "/orgs/"+org+"/invitations", object{"emails": []string{email}, "role": role}, 201)
	api(t, c, post, "/invitations/accept", object{"token": app.LinkToken(email, "orgs.invitation")}, 200)
	return c
}

// A person without a script founds an organization, changes it, deletes it and
// brings it back.
func TestOrgPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		require.Contains(t, opened(t, ada, "/settings/profile"), `href="/orgs/new"`)
		require.Contains(t, opened(t, ada, "/orgs/new"), "Not now")
		r := ada.Form("/orgs/new", url.Values{"name": {""}, "slug": {"admin"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="admin"`)
		r = ada.Form("/orgs/new", url.Values{"name": {"Analytical Engines"}, "slug": {""}})
		require.Equal(t, "/settings/orgs/analytical-engines/general?saved=created", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "You are the Owner.")
		require.NotContains(t, opened(t, ada, "/settings/profile"), "Working with others?", "there is one now")
		require.Contains(t, opened(t, ada, "/settings/profile"), "/settings/orgs/analytical-engines/general", "the menu has it")
		r = ada.Form("/orgs/new", url.Values{"name": {"Another"}, "slug": {"analytical-engines"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), "This one is taken.")

		about := "/settings/orgs/analytical-engines/general/about"
		r = ada.Form(about, url.Values{"name": {""}, "slug": {"engines"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="engines"`, "what was typed is kept")
		require.Contains(t, string(r.Body), `action="`+about+`"`, "and goes to where the organization still is")
		r = ada.Form(about, url.Values{"name": {"Engines"}, "slug": {"engines"}})
		require.Equal(t, "/settings/orgs/engines/general?saved=about#about", r.Header.Get("Location"))
		r = ada.Get("/settings/orgs/analytical-engines/general?saved=about")
		require.Equal(t, 303, r.Status)
		require.Equal(t, "/settings/orgs/engines/general?saved=about", r.Header.Get("Location"), "a former slug leads on")
		r = ada.Form(about, url.Values{"name": {"Other"}, "slug": {"other"}})
		require.Equal(t, "/settings/orgs/engines/general", r.Header.Get("Location"))
		require.Equal(t, "/settings/orgs/engines/general", ada.Get("/settings/orgs/engines/general/about").Header.Get("Location"), "a form that is loaded again")
		require.Equal(t, 303, ada.Get("/settings/orgs/"+api(t, ada, get, "/orgs/engines", nil, 200)["id"].(string)+"/general").Status, "the address has the slug")

		app.Clock.Advance(time.Hour)
		remove := "/settings/orgs/engines/general/delete"
		r = ada.Form(remove, url.Values{"confirm": {"engine"}})
		require.Contains(t, string(r.Body), "You want to delete an organization.")
		require.Contains(t, string(r.Body), `href="/settings/orgs/engines/general"`, "the way back")
		r = ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, 422, r.Status, "what was typed was not the slug")
		require.Contains(t, string(r.Body), `value="engine"`)
		r = ada.Form(remove, url.Values{"confirm": {"engines"}})
		require.Equal(t, "/settings/profile?saved=deleted-orgs#deleted-orgs", r.Header.Get("Location"))
		require.Contains(t, kinds(app, "ada@example.com"), "orgs.deleted")
		require.Equal(t, 404, ada.Get("/settings/orgs/engines/general").Status)
		require.Contains(t, opened(t, ada, "/settings/profile"), "Can be restored until")
		app.Clock.Advance(time.Hour)
		id := api(t, ada, get, "/account/organizations", nil, 200)["items"].([]any)[0].(object)["id"].(string)
		r = ada.Form("/settings/profile/orgs/restore", url.Values{"org": {id}})
		r = ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, "/settings/orgs/engines/general?saved=restored", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "Restored, with everybody in it.")
	})
}

// ORG-01: whoever does not belong to an organization learns nothing of it; who
// does sees what the role allows.
func TestOrgPagesByRole(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	general := "/settings/orgs/engines/general"
	eve := app.SignUp("eve@example.com", "Eve")
	require.Equal(t, eve.Get("/settings/orgs/nothing-here/general").Status, eve.Get(general).Status)
	require.Equal(t, 404, eve.Get(general).Status)
	for _, form := range []string{"/about", "/leave", "/delete"} {
		require.Equal(t, 404, eve.Form(general+form, url.Values{"name": {"x"}, "slug": {"xxx"}, "confirm": {"engines"}}).Status, form)
	}
	require.Contains(t, app.Client().Get(general).Header.Get("Location"), "/sign-in?next=%2Fsettings%2Forgs%2Fengines%2Fgeneral")

	bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "viewer")
	body := opened(t, bob, general)
	require.Contains(t, body, "Owner and Admins can change this.")
	require.NotContains(t, body, general+"/about")
	require.NotContains(t, body, general+"/delete")
	require.NotContains(t, body, "ada@example.com", "addresses are for Admins")
	require.Equal(t, 403, bob.Form(general+"/about", url.Values{"name": {"x"}, "slug": {"xxx"}}).Status)
	require.Equal(t, 403, bob.Form(general+"/delete", url.Values{"confirm": {"engines"}}).Status)
	require.Contains(t, opened(t, bob, general+"?ask=leave"), general+"/leave")
	require.NotContains(t, opened(t, ada, general+"?ask=leave"), general+"/leave", "the Owner stays")
	r := ada.Form(general+"/leave", nil)
	require.Equal(t, 409, r.Status)
	require.Contains(t, string(r.Body), "An organization needs its Owner.")
	require.Equal(t, "/settings/profile?saved=left", bob.Form(general+"/leave", nil).Header.Get("Location"))
	require.Equal(t, 404, bob.Get(general).Status)
}

// An organization that asks for two factors leads its members to set up a second
// one, and leaves the rest of the account open.
func TestOrgPagesAskForTheSecondFactor(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "member")
	secret, _ := api(t, ada, post, "/account/totp", nil, 201)["secret"].(string)
	api(t, ada, post, "/account/totp/confirm", object{"code": oathtool(t, secret, app.Clock.Now())}, 200)
	api(t, ada, put, "/orgs/engines/security-policy", object{"require_second_factor": true, "grace_until": app.Clock.Now().Add(24 * time.Hour)}, 200)
	require.Equal(t, 200, bob.Get("/settings/orgs/engines/general").Status, "there is time")
	app.Clock.Advance(25 * time.Hour)
	r := bob.Get("/settings/orgs/engines/general")
	require.Equal(t, "/settings/security/enroll?org=engines", r.Header.Get("Location"))
	require.Contains(t, opened(t, bob, r.Header.Get("Location")), "/settings/security/two-factor/start")
	require.Equal(t, 200, bob.Get("/settings/profile").Status)
	require.Equal(t, "/settings/security", bob.Get("/settings/security/enroll").Header.Get("Location"))
}
