package settings_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

const workExports = "accounts.work_exports"

// hostData is what a host keeps of people. Its folder is "runs".
type hostData struct {
	write func(ctx context.Context, user id.User, w accounts.ExportWriter) error
}

func (h *hostData) Name() string { return "runs" }

func (h *hostData) Export(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	return h.write(ctx, user, w)
}

// report writes one file.
func (h *hostData) report(_ context.Context, user id.User, w accounts.ExportWriter) error {
	out, err := w.Create("2026/report.txt")
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, "runs of "+user.String())
	return err
}

// withExports runs a test on each database, with a host that contributes.
func withExports(t *testing.T, fn func(t *testing.T, app *settingstest.App, host *hostData, db *bunstore.DB)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		host := &hostData{}
		host.write = host.report
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: wide{}, ExportSources: []accounts.ExportSource{host}})
		fn(t, app, host, db)
	})
}

// askExport asks for an export, and returns where it is.
func askExport(t *testing.T, c *settingstest.Client) string {
	t.Helper()
	out := api(t, c, post, "/account/export", nil, 202)
	require.Equal(t, "running", out["status"])
	return "/account/export/" + out["id"].(string)
}

// exportOf downloads an export, and returns its files.
func exportOf(t *testing.T, c *settingstest.Client, where string) map[string]string {
	t.Helper()
	r := c.API(get, where+"/download", nil)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	return unzipped(t, r.Body)
}

func unzipped(t *testing.T, data []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	files := map[string]string{}
	for _, f := range archive.File {
		in, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(in) // checks the sum too
		require.NoError(t, err)
		require.NotContains(t, files, f.Name)
		files[f.Name] = string(text)
	}
	return files
}

// exportBlobs counts what is stored of exports.
func exportBlobs(t *testing.T, db *bunstore.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT count(*) FROM settings_blobs WHERE name LIKE 'exports/%'`).Scan(t.Context(), &n))
	return n
}

// LIFE-11: a person asks for all that is kept of them, gets a mail when it is
// ready, and downloads it by a fresh proof, for a day, and nobody else does.
func TestExport(t *testing.T) {
	withExports(t, func(t *testing.T, app *settingstest.App, _ *hostData, db *bunstore.DB) {
		a := newAcme(t, app)
		api(t, a.owner, post, "/orgs", object{"name": "Elsewhere"}, 201)
		api(t, a.owner, post, "/orgs/elsewhere/invitations", object{"emails": []string{"member@acme.example"}, "role": "viewer"}, 201)
		c := a.member
		api(t, c, "PATCH", "/account/email-preferences", object{"product_updates": true}, 200)
		picture := c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, picturePNG(t, 64, 64))
		require.Equal(t, 200, picture.Status)
		api(t, c, "PATCH", "/account", object{"name": "=Max"}, 200)

		where := askExport(t, c)
		require.Equal(t, where, askExport(t, c), "one is made at a time")
		got := api(t, c, get, where, nil, 200)
		require.Equal(t, []any{"running", 0., 0., 7.}, []any{got["status"], got["percent"], got["done"], got["total"]})
		require.Nil(t, got["expires_at"])
		refused(t, c, get, where+"/download", nil, 404, "not_found")

		app.RunJob(workExports)
		got = api(t, c, get, where, nil, 200)
		require.Equal(t, []any{"ready", 100., 7., 7.}, []any{got["status"], got["percent"], got["done"], got["total"]})
		until, err := time.Parse(time.RFC3339, got["expires_at"].(string))
		require.NoError(t, err)
		require.Equal(t, app.Clock.Now().Add(24*time.Hour).Truncate(time.Microsecond), until)
		letter := app.Mail.Last("member@acme.example", "account.export_ready")
		require.Contains(t, letter.Text, "/settings/profile#export")
		require.NotContains(t, letter.Text, "token=")

		r := c.API(get, where+"/download", nil)
		require.Equal(t, 200, r.Status)
		require.Equal(t, "application/zip", r.Header.Get("Content-Type"))
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
		require.Regexp(t, `^attachment; filename="export-\d{4}-\d\d-\d\d\.zip"$`, r.Header.Get("Content-Disposition"))
		require.EqualValues(t, got["size"], len(r.Body))
		ownData(t, a, unzipped(t, r.Body))

		for _, other := range []*settingstest.Client{a.owner, a.admin, a.outsider} {
			refused(t, other, get, where, nil, 404, "not_found")
			refused(t, other, get, where+"/download", nil, 404, "not_found")
		}
		refused(t, app.Client(), get, where+"/download", nil, 401, "unauthenticated")
		app.Clock.Advance(11 * time.Minute)
		refused(t, c, get, where+"/download", nil, 401, "reauthentication_required")
		refused(t, c, post, "/account/export", nil, 401, "reauthentication_required")
		require.Equal(t, "ready", api(t, c, get, where, nil, 200)["status"], "how far it is needs no proof")

		app.Clock.Advance(24*time.Hour - 11*time.Minute - time.Second)
		api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		exportOf(t, c, where)
		app.RunJob("accounts.collect_exports")
		require.NotZero(t, exportBlobs(t, db))
		app.Clock.Advance(time.Second)
		refused(t, c, get, where, nil, 404, "not_found")
		refused(t, c, get, where+"/download", nil, 404, "not_found")
		app.RunJob("accounts.collect_exports")
		require.Zero(t, exportBlobs(t, db), "what has expired is gone")

		history := string(c.API(get, "/account/security-events", nil).Body)
		for _, action := range []string{"requested", "ready", "downloaded"} {
			require.Contains(t, history, `"account.export_`+action+`"`)
		}
	})
}

// ownData looks at what is in a member's export: all that there is of them, and of
// nobody else more than they see of themselves.
func ownData(t *testing.T, a *acme, files map[string]string) {
	t.Helper()
	names := []string{
		"README.txt", "profile/profile.json", "profile/picture.png", "security/second-factor.json", "security/sessions.json", "security/sessions.csv",
		"organizations/memberships.json", "organizations/memberships.csv", "organizations/invitations.json", "history/history.json", "history/history.csv",
		"email-preferences/choices.json", "runs/2026/report.txt",
	}
	for _, name := range names {
		require.NotEmpty(t, files[name], name)
	}
	require.Len(t, files, len(names))
	user := me(t, a.member)
	require.Equal(t, "runs of "+user, files["runs/2026/report.txt"])
	var profile struct{ ID, Name, Email, Picture string }
	require.NoError(t, json.Unmarshal([]byte(files["profile/profile.json"]), &profile))
	require.Equal(t, []string{user, "=Max", "member@acme.example", "picture.png"}, []string{profile.ID, profile.Name, profile.Email, profile.Picture})
	var sessions, memberships, invitations, history []map[string]any
	for name, into := range map[string]*[]map[string]any{
		"security/sessions.json": &sessions, "organizations/memberships.json": &memberships,
		"organizations/invitations.json": &invitations, "history/history.json": &history,
	} {
		require.NoError(t, json.Unmarshal([]byte(files[name]), into), name)
	}
	require.Len(t, sessions, 1)
	require.NotEmpty(t, sessions[0]["ip"])
	require.Equal(t, []any{"acme-inc", "member"}, []any{memberships[0]["slug"], memberships[0]["role"]})
	require.Equal(t, []any{"Elsewhere", "viewer"}, []any{invitations[0]["organization"], invitations[0]["role"]})
	require.JSONEq(t, `{"product_updates":true}`, files["email-preferences/choices.json"])
	rows, err := csv.NewReader(strings.NewReader(files["history/history.csv"])).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(history)+1)
	require.Equal(t, "'=Max", rows[1][6], "no cell is a formula")
	require.Contains(t, files["README.txt"], "member@acme.example")
	require.Contains(t, files["README.txt"], "runs/")
	all := strings.ToLower(strings.Join(valuesOf(files), "\n"))
	for _, others := range []string{"Olive", "Amy", "Vera", "owner@acme.example", "admin@acme.example", me(t, a.owner), me(t, a.admin)} {
		require.NotContains(t, all, strings.ToLower(others))
	}
	for _, secret := range []string{settingstest.Password, "$argon2id", "password_hash", "token"} {
		require.NotContains(t, all, secret)
	}
}

func valuesOf(files map[string]string) (all []string) {
	for name, text := range files {
		if !strings.HasSuffix(name, ".png") {
			all = append(all, text)
		}
	}
	return all
}

var errHost = errors.New("the host's database is away")

// A source that fails is asked again; after five times the whole export has
// failed: nothing of it can be downloaded or is kept, and the person may ask anew.
func TestExportOfASourceThatFails(t *testing.T) {
	withExports(t, func(t *testing.T, app *settingstest.App, host *hostData, db *bunstore.DB) {
		c := app.SignUp(ada, "Ada")
		asked, fails := 0, 2
		host.write = func(ctx context.Context, user id.User, w accounts.ExportWriter) error {
			if asked++; asked > fails {
				return host.report(ctx, user, w)
			}
			out, err := w.Create("half.txt")
			require.NoError(t, err)
			_, err = io.WriteString(out, "half")
			require.NoError(t, err)
			return errHost
		}
		where := askExport(t, c)
		for range 2 {
			require.ErrorIs(t, runJob(t.Context(), app.Settings, workExports), errHost)
			require.NoError(t, runJob(t.Context(), app.Settings, workExports), "not again at once")
			app.Clock.Advance(2 * time.Minute)
		}
		require.Equal(t, 71., api(t, c, get, where, nil, 200)["percent"])
		require.NoError(t, runJob(t.Context(), app.Settings, workExports))
		files := exportOf(t, c, where)
		require.Contains(t, files, "runs/2026/report.txt")
		require.NotContains(t, files, "runs/half.txt")
		require.Equal(t, 3, asked)

		asked, fails = 0, 5
		second := askExport(t, c)
		refused(t, c, get, where+"/download", nil, 404, "not_found")
		for range 5 {
			require.ErrorIs(t, runJob(t.Context(), app.Settings, workExports), errHost)
			app.Clock.Advance(2 * time.Minute)
		}
		require.Equal(t, "failed", api(t, c, get, second, nil, 200)["status"])
		api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		refused(t, c, get, second+"/download", nil, 404, "not_found")
		app.RunJob("accounts.collect_exports")
		require.Zero(t, exportBlobs(t, db))
		require.Equal(t, 1, strings.Count(strings.Join(kinds(app, ada), " "), "account.export_ready"))
		third := askExport(t, c)
		app.RunJob(workExports)
		require.Contains(t, exportOf(t, c, third), "runs/2026/report.txt")
	})
}
