package settings_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/security/httpsession"
	"github.com/aegisrunner/account-settings/settingstest"
)

// A request keeps the identifier that the outermost of several handlers gave it.
func TestRequestHasOneIdentifier(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	public, err := url.Parse(app.URL)
	require.NoError(t, err)
	outer, err := httpsession.New(httpsession.Config{Sessions: app.Security, PublicURL: public})
	require.NoError(t, err)
	var between, inside string
	innermost := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		u, ok := settings.UserFrom(r.Context())
		require.True(t, ok)
		inside = u.Actor.RequestID
	})
	for name, next := range map[string]http.Handler{
		"once": app.RequireUser(innermost), "twice": app.RequireUser(app.RequireUser(innermost)), "the product": app.Handler(),
	} {
		inside = ""
		w := httptest.NewRecorder()
		outer.Identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			between = w.Header().Get("X-Request-Id")
			next.ServeHTTP(w, r)
		})).ServeHTTP(w, request(t, app, c, get, "/dashboard", "", nil))
		require.NotEmpty(t, between, name)
		require.Equal(t, between, w.Header().Get("X-Request-Id"), name)
		if name != "the product" {
			require.Equal(t, between, inside, name)
		}
	}
	seen := map[string]bool{}
	for range 3 {
		w := httptest.NewRecorder()
		app.RequireUser(app.RequireUser(innermost)).ServeHTTP(w, request(t, app, c, get, "/dashboard", "", nil))
		require.Equal(t, inside, w.Header().Get("X-Request-Id"))
		seen[inside] = true
	}
	require.Len(t, seen, 3, "another request, another identifier")
}

// Signing in comes back to what the browser asked for, and to nothing else.
func TestRequireUserComesBack(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	mux := http.NewServeMux()
	private := app.RequireUser(http.NotFoundHandler())
	mux.Handle("/plain/", private)
	mux.Handle("/team/", http.StripPrefix("/team", private))
	mux.Handle("/deep/er/", http.StripPrefix("/deep", http.StripPrefix("/er", private)))
	next := func(uri string, change func(*http.Request)) string {
		r := httptest.NewRequest(get, uri, nil)
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		require.Equal(t, 303, w.Code, uri)
		to, err := url.Parse(w.Header().Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "/sign-in", to.Path)
		require.Equal(t, to.Query().Has("next"), to.Query().Get("next") != "")
		return to.Query().Get("next")
	}
	for _, uri := range []string{"/plain/a?b=c&d=%20", "/team/", "/team/a?b=c", "/team/%C3%A9", "/deep/er/x"} {
		require.Equal(t, uri, next(uri, nil))
	}
	require.Equal(t, "/team/a?b=c", next("http://app.acme.test/team/a?b=c", nil), "as a proxy is asked")
	require.Equal(t, "/a", next("/team/a", func(r *http.Request) { r.RequestURI = "" }), "made by hand: what there is")
	for _, unsafe := range []string{"/team/a%00b", "/team/%5Cevil.example", "/team/" + strings.Repeat("x", 3000)} {
		require.Empty(t, next(unsafe, nil), unsafe)
	}
	require.Empty(t, next("/team/a", func(r *http.Request) { r.RequestURI = "//evil.example/x" }))
	require.Empty(t, next("/team/a", func(r *http.Request) { r.RequestURI = "nonsense" }))
}

// A host shows the picture of who is signed in.
func TestUserHasAPicture(t *testing.T) {
	for _, prefix := range []string{"", "/account"} {
		app := settingstest.Start(t, settings.Config{Paths: settings.Paths{Pages: prefix, API: "/api/v1"}})
		c := app.SignUp("ada@example.com", "Ada")
		var got string
		var user settings.User
		handler := app.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var err error
			user, _ = settings.UserFrom(r.Context())
			got, err = user.PictureURL(r.Context())
			require.NoError(t, err)
		}))
		handler.ServeHTTP(httptest.NewRecorder(), request(t, app, c, get, "/dashboard", "", nil))
		require.Equal(t, api(t, c, get, "/account", nil, 200)["avatar_url"], got)
		require.True(t, strings.HasPrefix(got, app.URL+prefix+"/avatars/"), got)
		require.Equal(t, 200, app.Client().Get(strings.TrimPrefix(got, app.URL)).Status)

		api(t, c, patch, "/account", object{"name": "Grace"}, 200)
		now, err := user.PictureURL(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, got, now)
	}
	_, err := settings.User{}.PictureURL(t.Context())
	require.Error(t, err)
}
