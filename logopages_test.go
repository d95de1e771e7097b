package settings_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

const logoForm = "/settings/orgs/acme-inc/general/logo"

var logoOnPage = regexp.MustCompile(`<img class="logo" src="(/logos/[0-9a-f]{32}/(?:512|128|64))"`)

// logosOn returns the addresses of all logos on a page.
func logosOn(t *testing.T, c *settingstest.Client, path string) []string {
	t.Helper()
	var all []string
	for _, m := range logoOnPage.FindAllStringSubmatch(opened(t, c, path), -1) {
		all = append(all, m[1])
	}
	return all
}

// An Admin without a script uploads a logo, sees it wherever the organization is,
// and removes it again.
func TestLogoPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := newAcme(t, app)
		general := "/settings/orgs/acme-inc/general"
		body := opened(t, a.admin, general)
		require.Contains(t, body, "Drawn from the initials until you upload one")
		require.NotContains(t, body, "logo/remove")
		for _, drawn := range logosOn(t, a.admin, general) {
			r := app.Client().Get(drawn)
			require.Equal(t, "image/svg+xml", r.Header.Get("Content-Type"))
			require.Contains(t, string(r.Body), ">AI<")
		}
		send := func(c *settingstest.Client, file []byte) settingstest.Response {
			data, multi := form(t, file)
			return c.Do(post, logoForm, http.Header{"Content-Type": {multi}}, data)
		}
		r := send(a.admin, picturePNG(t, 60, 40))
		require.Equal(t, 303, r.Status)
		require.Equal(t, general+"?saved=logo#logo", r.Header.Get("Location"))
		require.Contains(t, opened(t, a.admin, general+"?saved=logo"), "logo/remove")
		for c, shown := range map[*settingstest.Client]int{a.owner: 3, a.admin: 3, a.member: 3, a.viewer: 3} {
			all := logosOn(t, c, general) // in the menu of wide and of small screens, and on the page
			require.Len(t, all, 2*shown-1)
			for _, logo := range all {
				require.Equal(t, "image/png", app.Client().Get(logo).Header.Get("Content-Type"), logo)
			}
		}

		// Where somebody is invited.
		api(t, a.owner, post, org+"/invitations", object{"emails": []string{"out@example.com"}}, 201)
		for c, path := range map[*settingstest.Client]string{
			a.outsider: "/settings/invitations", app.Client(): "/invitations/accept?token=" + app.LinkToken("out@example.com", "orgs.invitation"),
		} {
			all := logosOn(t, c, path)
			require.Len(t, all, 1, path)
			require.Equal(t, "image/png", app.Client().Get(all[0]).Header.Get("Content-Type"))
		}

		// What is wrong with a file is said beside it.
		for body, words := range map[string]string{
			`<svg xmlns="http://www.w3.org/2000/svg"/>`: "This is not a picture we can use.",
			string(picturePNG(t, 50, 50)[:60]):          "We cannot read this picture.",
			string(bomb(60_000, 60_000)):                "This file is too large.",
			string(make([]byte, orgs.MaxLogo+1)):        "This file is too large.",
			"":                                          "Choose a file first.",
		} {
			r := send(a.admin, []byte(body))
			require.Equal(t, 422, r.Status, words)
			require.Contains(t, string(r.Body), `id="logo-picture-error"`, words)
			require.Contains(t, string(r.Body), words)
		}
		require.Equal(t, general, a.admin.Get(logoForm).Header.Get("Location"), "a form that is loaded again")

		r = a.admin.Form(logoForm+"/remove", nil)
		require.Equal(t, general+"?saved=logo#logo", r.Header.Get("Location"))
		require.NotContains(t, opened(t, a.admin, general), "logo/remove")
		require.Equal(t, 303, a.admin.Form(logoForm+"/remove", nil).Status, "removed twice is removed")
	})
}

// Members see a logo and cannot change it; strangers see no page; a form from
// another site, or one that a slow browser sends, is refused.
func TestLogoPagesByRole(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := newAcme(t, app)
	for c, status := range map[*settingstest.Client]int{a.member: 403, a.viewer: 403, a.outsider: 404} {
		data, multi := form(t, picturePNG(t, 8, 8))
		require.Equal(t, status, c.Do(post, logoForm, http.Header{"Content-Type": {multi}}, data).Status)
		require.Equal(t, status, c.Form(logoForm+"/remove", nil).Status)
		if status == 403 {
			require.NotContains(t, opened(t, c, "/settings/orgs/acme-inc/general"), logoForm)
		}
	}
	require.Contains(t, app.Client().Form(logoForm+"/remove", nil).Header.Get("Location"), "/sign-in?next=%2Fsettings%2Forgs%2Facme-inc%2Fgeneral")
	data, multi := form(t, picturePNG(t, 8, 8))
	foreign := a.owner.Do(post, logoForm, http.Header{"Content-Type": {multi}, "Sec-Fetch-Site": {"cross-site"}}, data)
	require.Equal(t, 403, foreign.Status)
	require.Nil(t, api(t, a.owner, get, org, nil, 200)["logo_url"])

	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	app.Handler().ServeHTTP(w, request(t, app, a.owner, post, logoForm, multi, data))
	require.Equal(t, 303, w.Code, "%s", w.Body)
	require.WithinDuration(t, time.Now().Add(30*time.Second), w.read, 10*time.Second)

	// A former slug leads to the page, and what was sent is not taken.
	api(t, a.owner, patch, org, object{"slug": "acme-corp"}, 200)
	former := a.owner.Do(post, logoForm, http.Header{"Content-Type": {multi}}, data)
	require.Equal(t, "/settings/orgs/acme-corp/general", former.Header.Get("Location"))

	var other bytes.Buffer
	parts := multipart.NewWriter(&other)
	require.NoError(t, parts.WriteField("other", "x"))
	require.NoError(t, parts.Close())
	r := a.owner.Do(post, "/settings/orgs/acme-corp/general/logo", http.Header{"Content-Type": {parts.FormDataContentType()}}, other.Bytes())
	require.Equal(t, 422, r.Status)
}

// The default project is chosen on the page and by the API alike; who may not
// change it sees which it is.
func TestDefaultProject(t *testing.T) {
	shelved(t, func(t *testing.T, app *settingstest.App, s *shelf, ada *settingstest.Client) {
		general, about := "/settings/orgs/engines/general", "/settings/orgs/engines/general/about"
		vera := joined(t, app, ada, "engines", "vera@example.com", "Vera", "viewer")
		present := func() any { return api(t, vera, get, "/orgs/engines", nil, 200)["default_project_id"] }
		require.Len(t, api(t, vera, get, "/orgs/engines/projects", nil, 200)["items"], 3)
		require.Equal(t, "website", present())
		body := opened(t, ada, general)
		require.Contains(t, body, `<option value="website" selected>Website</option>`)
		require.Contains(t, body, `<option value="docs">Docs</option>`)
		seen := opened(t, vera, general)
		require.Regexp(t, `<dt>Default project</dt><dd>.*Website`, seen)
		require.NotContains(t, seen, "<select", "and cannot change it")
		require.NotContains(t, seen, "Docs")

		save := func(c *settingstest.Client, project string) settingstest.Response {
			return c.Form(about, url.Values{"name": {"Engines"}, "slug": {"engines"}, "project": {project}})
		}
		require.Equal(t, 303, save(ada, "docs").Status)
		require.Equal(t, "docs", present())
		r := save(ada, "elsewhere")
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `id="org-about-project-error"`)
		require.Equal(t, map[string]string{"default_project_id": "invalid"},
			refused(t, ada, patch, "/orgs/engines", object{"default_project_id": "elsewhere"}, 422, "validation_failed").Fields())
		require.Equal(t, 403, save(vera, "website").Status)
		refused(t, vera, patch, "/orgs/engines", object{"default_project_id": "website"}, 403, "forbidden")
		require.Equal(t, "docs", present())
		require.Equal(t, 303, ada.Form(about, url.Values{"name": {"Engines"}, "slug": {"engines"}}).Status, "a form without the field leaves it")
		require.Equal(t, "docs", present())
		require.Equal(t, 303, save(ada, "").Status)
		require.Nil(t, present())
		require.NotContains(t, opened(t, vera, general), "Default project")
		api(t, ada, patch, "/orgs/engines", object{"default_project_id": "api"}, 200)

		// One that the host has removed meanwhile stands in nobody's way.
		s.set(nil, orgs.Project{ID: "website", Name: "Website"})
		require.Contains(t, opened(t, ada, general), `<option value="">None</option>
<option value="website">Website</option>`)
		api(t, ada, patch, "/orgs/engines", object{"name": "Engines 2"}, 200)
		require.Equal(t, "api", present())
		require.Equal(t, 303, save(ada, "website").Status)
		require.Equal(t, "website", present())
	})
}
