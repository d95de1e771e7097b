package settings_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/settingstest"
)

const auditPage = "/settings/orgs/acme-inc/audit"

// An Admin reads the log, filters it by the address, and takes away what is shown.
func TestAuditPage(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		api(t, a.admin, "PATCH", org+"/members/"+me(t, a.member), object{"role": "viewer"}, 200)

		body := opened(t, a.admin, auditPage)
		require.Contains(t, body, "<strong>Amy</strong> changed the role of <strong>Max</strong> from Member to Viewer")
		require.Contains(t, body, "<del>Member</del> → <ins>Viewer</ins>")
		require.Contains(t, body, "<strong>Olive</strong> founded <strong>Acme Inc.</strong>")
		require.Contains(t, opened(t, a.admin, "/settings/orgs/acme-inc/general"), auditPage, "the menu has it")
		require.NotContains(t, opened(t, a.member, "/settings/orgs/acme-inc/general"), auditPage)

		filter := "?action=orgs.member.*&actor=" + me(t, a.admin)
		body = opened(t, a.admin, auditPage+filter)
		require.Contains(t, body, "changed the role")
		require.NotContains(t, body, "</strong> founded")
		require.Contains(t, body, `<option value="orgs.member.*" selected>`)
		require.Contains(t, body, "/audit/export?action=orgs.member.%2A&amp;actor=", "the file has what the page shows")
		file := a.admin.Get(auditPage + "/export" + filter + "&format=csv")
		require.Equal(t, 200, file.Status)
		require.Equal(t, `attachment; filename="audit-log.csv"`, file.Header.Get("Content-Disposition"))
		require.Equal(t, 3, strings.Count(string(file.Body), "\r\n"), "a head and two entries: %s", file.Body)
		require.Contains(t, opened(t, a.admin, auditPage), "exported the audit log")

		require.Contains(t, opened(t, a.admin, auditPage+"?from=2001-01-01&to=2001-01-31"), "No entry matches this filter.")
		require.Contains(t, opened(t, a.admin, auditPage+"?cursor=x"), "</strong> founded", "a cursor of no use begins at the start")
		for query, words := range map[string]string{"from=2001-13-01": "Choose a day.", "from=2001-02-01&to=2001-01-01": "not before the first"} {
			r := a.admin.Get(auditPage + "?" + query)
			require.Equal(t, 422, r.Status, query)
			require.Contains(t, string(r.Body), words, query)
			q, err := url.ParseQuery(query)
			require.NoError(t, err)
			require.Contains(t, string(r.Body), `value="`+q.Get("from")+`"`, "what was typed is kept")
			require.Equal(t, 422, a.admin.Get(auditPage+"/export?format=csv&"+query).Status)
		}
		for c, status := range map[*settingstest.Client]int{a.member: 403, a.outsider: 404} {
			require.Equal(t, status, c.Get(auditPage).Status)
			require.Equal(t, status, c.Get(auditPage+"/export?format=csv").Status)
		}
		require.Equal(t, 303, app.Client().Get(auditPage).Status)
	})
}

// Days are those of the reader: the night of one place is the morning of another.
func TestAuditPageHasTheDaysOfTheReader(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		for _, zone := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} { // UTC+14 and UTC-11
			api(t, a.owner, "PATCH", "/account", object{"timezone": zone}, 200)
			here := app.Clock.Now().In(location(t, zone))
			today, before := here.Format("2006-01-02"), here.AddDate(0, 0, -1).Format("2006-01-02")
			require.Contains(t, opened(t, a.owner, auditPage+"?from="+today+"&to="+today), "</strong> founded", zone)
			require.NotContains(t, opened(t, a.owner, auditPage+"?to="+before), "</strong> founded", zone)
		}
	})
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	return zone
}
