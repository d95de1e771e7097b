package settings_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

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
