package settings_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

// A picture that is not there is a problem to programs and to pages that show it,
// and a page to somebody who opens its address.
func TestMissingPictures(t *testing.T) {
	for _, prefix := range []string{"", "/account"} {
		app := settingstest.Start(t, settings.Config{Paths: settings.Paths{Pages: prefix, API: "/api/v1"}})
		c := app.SignUp("ada@example.com", "Ada")
		url, _ := api(t, c, get, "/account", nil, 200)["avatar_url"].(string)
		path := strings.TrimPrefix(url, app.URL)
		require.True(t, strings.HasPrefix(path, prefix+"/avatars/"), path)
		for _, missing := range []string{"", "x", "x/", "x/128", "x/128/y", strings.Repeat("0", 32) + "/128", strings.Repeat("0", 32) + "/nonsense"} {
			for accept, media := range map[string]string{
				"": "application/problem+json", "*/*": "application/problem+json", "application/json": "application/problem+json",
				"image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5": "application/problem+json",
				"text/html;q=0, */*": "application/problem+json",
				"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8": "text/html; charset=utf-8",
			} {
				r := app.Client().Do(get, prefix+"/avatars/"+missing, http.Header{"Accept": {accept}}, nil)
				require.Equal(t, 404, r.Status, "%q %q", missing, accept)
				require.Equal(t, media, r.Header.Get("Content-Type"), "%q %q", missing, accept)
				require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
				require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
				require.Contains(t, r.Header.Values("Vary"), "Accept")
			}
		}
		browser := http.Header{"Accept": {"text/html,*/*;q=0.8"}}
		r := app.Client().Do(get, path, browser, nil)
		require.Equal(t, 200, r.Status)
		require.Equal(t, "image/svg+xml", r.Header.Get("Content-Type"))
		require.Equal(t, 200, app.Client().Do(http.MethodHead, path, nil, nil).Status)
		r = c.Do(post, path, browser, nil)
		require.Equal(t, 405, r.Status)
		require.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
		require.Equal(t, "method_not_allowed", r.Code())
	}
}
