package settings_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// each runs a test of the whole product on SQLite and on PostgreSQL, through a
// real HTTP server.
func each(t *testing.T, fn func(t *testing.T, app *settingstest.App)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		fn(t, settingstest.Start(t, settings.Config{Store: db}))
	})
}

// object is a JSON object, sent or answered.
type object = map[string]any

func api(t *testing.T, c *settingstest.Client, method, path string, body any, status int) object {
	t.Helper()
	r := c.API(method, path, body)
	require.Equal(t, status, r.Status, "%s %s: %s", method, path, r.Body)
	out := object{}
	if len(r.Body) > 0 {
		r.JSON(t, &out)
	}
	return out
}

// refused asserts a problem with a code.
func refused(t *testing.T, c *settingstest.Client, method, path string, body any, status int, code string) settingstest.Response {
	t.Helper()
	r := c.API(method, path, body)
	require.Equal(t, status, r.Status, "%s %s: %s", method, path, r.Body)
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	require.Equal(t, code, r.Code(), "%s", r.Body)
	return r
}

// kinds lists the kinds of mail that came to an address.
func kinds(app *settingstest.App, address string) []string {
	out := []string{}
	for _, m := range app.Mail.To(address) {
		out = append(out, m.Kind)
	}
	return out
}

const (
	post  = http.MethodPost
	get   = http.MethodGet
	put   = http.MethodPut
	patch = http.MethodPatch
	del   = http.MethodDelete
)
