package settings_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// killing is a store of blobs, away from the database, that a test kills a worker
// in.
type killing struct {
	mu    sync.Mutex
	blobs map[string][]byte
	put   func(name string) error // before a blob is stored
}

func (k *killing) PutBlob(_ context.Context, name, _ string, data []byte) error {
	if err := k.put(name); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, ok := k.blobs[name]; ok && string(old) != string(data) {
		return errors.New("a key is written once")
	}
	k.blobs[name] = slices.Clone(data)
	return nil
}

func (k *killing) Blob(_ context.Context, name string) (string, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	data, ok := k.blobs[name]
	if !ok {
		return "", nil, accounts.ErrNoBlob
	}
	return "application/octet-stream", slices.Clone(data), nil
}

func (k *killing) DeleteBlobs(_ context.Context, prefix string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.blobs, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
	return nil
}

func (k *killing) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.blobs)
}

// noise writes megabytes that do not get smaller.
func noise(_ context.Context, _ id.User, w accounts.ExportWriter) error {
	out, err := w.Create("noise.png") // stored as it is
	if err != nil {
		return err
	}
	for i := range 5 {
		if _, err := out.Write([]byte(strings.Repeat(string(rune('a'+i)), 600<<10))); err != nil {
			return err
		}
	}
	return nil
}

// withKilling runs a test on each database, with blobs elsewhere.
func withKilling(t *testing.T, fn func(t *testing.T, app *settingstest.App, host *hostData, k *killing)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		k := &killing{blobs: map[string][]byte{}, put: func(string) error { return nil }}
		host := &hostData{write: noise}
		fn(t, settingstest.Start(t, settings.Config{Store: db, Blobs: k, Limiter: wide{}, ExportSources: []accounts.ExportSource{host}}), host, k)
	})
}

// Killed at each blob that it writes, the work is taken up by the next claim, and
// what comes of it is the same.
func TestExportIsResumed(t *testing.T) {
	withKilling(t, func(t *testing.T, app *settingstest.App, _ *hostData, k *killing) {
		c := app.SignUp(ada, "Ada")
		whole := 0
		k.put = func(string) error { whole++; return nil }
		where := askExport(t, c)
		app.RunJob(workExports)
		want := api(t, c, get, where, nil, 200)
		require.Greater(t, whole, 8, "it is in several blobs")
		require.Equal(t, 3, k.len(), "what the parts were copied from is gone")

		for killed := 1; killed <= whole; killed++ {
			api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
			where = askExport(t, c)
			ctx, kill := context.WithCancel(t.Context())
			n := 0
			k.put = func(string) error {
				if n++; n == killed {
					kill()
				}
				return ctx.Err()
			}
			require.ErrorIs(t, runJob(ctx, app.Settings, workExports), context.Canceled)
			k.put = func(string) error { return nil }
			app.RunJob(workExports)
			require.Equal(t, "running", api(t, c, get, where, nil, 200)["status"], "it is claimed still")
			app.Clock.Advance(2 * time.Minute)
			app.RunJob(workExports)
			got := api(t, c, get, where, nil, 200)
			require.Equal(t, []any{"ready", want["done"]}, []any{got["status"], got["done"]})
			files := exportOf(t, c, where)
			require.Len(t, files["runs/noise.png"], 5*600<<10)
			require.Len(t, files, 12)
		}
		require.Equal(t, whole+1, strings.Count(strings.Join(kinds(app, ada), " "), "account.export_ready"), "one mail for each")
		app.Clock.Advance(24 * time.Hour)
		app.RunJob("accounts.collect_exports")
		require.Zero(t, k.len(), "nothing of what was killed is left")
	})
}

// Whoever takes longer than the claim lasts has worked in vain: another finishes,
// once, and what the slow one still writes is removed with the rest.
func TestExportClaimIsLost(t *testing.T) {
	withKilling(t, func(t *testing.T, app *settingstest.App, host *hostData, k *killing) {
		c := app.SignUp(ada, "Ada")
		where := askExport(t, c)
		slow := true
		host.write = func(ctx context.Context, user id.User, w accounts.ExportWriter) error {
			if slow {
				slow = false
				app.Clock.Advance(3 * time.Minute)
				require.NoError(t, runJob(ctx, app.Settings, workExports))
				return noise(ctx, user, w)
			}
			return w.JSON("quick.json", "quick")
		}
		app.RunJob(workExports)
		require.False(t, slow)
		files := exportOf(t, c, where)
		require.Contains(t, files, "runs/quick.json")
		require.NotContains(t, files, "runs/noise.png")
		require.Equal(t, 1, strings.Count(strings.Join(kinds(app, ada), " "), "account.export_ready"))
		require.Equal(t, 1, k.len())
	})
}

// Any number of nodes make each export once.
func TestExportWorkersAtOnce(t *testing.T) {
	withExports(t, func(t *testing.T, app *settingstest.App, _ *hostData, _ *bunstore.DB) {
		people := map[string]*settingstest.Client{}
		places := map[string]string{}
		for i := range 6 {
			email := fmt.Sprintf("person%d@example.com", i)
			people[email] = app.SignUp(email, "Person")
			places[email] = askExport(t, people[email])
		}
		var nodes sync.WaitGroup
		errs := make([]error, 4)
		for n := range errs {
			nodes.Go(func() { errs[n] = runJob(t.Context(), app.Settings, workExports) })
		}
		nodes.Wait()
		require.NoError(t, errors.Join(errs...))
		app.RunJob(workExports)
		for email, c := range people {
			require.Equal(t, "runs of "+me(t, c), exportOf(t, c, places[email])["runs/2026/report.txt"])
			require.Equal(t, 1, strings.Count(strings.Join(kinds(app, email), " "), "account.export_ready"))
		}
	})
}

// LIFE-11: ended, as by the deletion of the account, an export is not to be had, at
// whatever point it was: not yet begun, in the midst of a part, or on its way to
// whoever downloads it. Nothing of it stays.
func TestExportIsEnded(t *testing.T) {
	withKilling(t, func(t *testing.T, app *settingstest.App, host *hostData, k *killing) {
		c := app.SignUp(ada, "Ada")
		user, err := id.ParseUser(me(t, c))
		require.NoError(t, err)
		gone := func(where string) {
			t.Helper()
			refused(t, c, get, where, nil, 404, "not_found")
			refused(t, c, get, where+"/download", nil, 404, "not_found")
			require.NoError(t, app.Accounts.RemoveExports(t.Context(), user))
			require.Zero(t, k.len())
		}
		where := askExport(t, c)
		require.NoError(t, app.Accounts.EndExports(t.Context(), user))
		app.RunJob(workExports)
		gone(where)

		host.write = func(ctx context.Context, user id.User, w accounts.ExportWriter) error {
			require.NoError(t, app.Accounts.EndExports(ctx, user))
			return noise(ctx, user, w)
		}
		where = askExport(t, c)
		app.RunJob(workExports)
		gone(where)
		require.NotContains(t, kinds(app, ada), "account.export_ready")

		host.write = noise
		where = askExport(t, c)
		app.RunJob(workExports)
		which, err := id.ParseExport(strings.TrimPrefix(where, "/account/export/"))
		require.NoError(t, err)
		actor := audit.Actor{Kind: audit.KindUser, User: user, Session: id.NewSession(), Proofs: audit.Proofs{}.With(audit.Password, app.Clock.Now())}
		file, err := app.Accounts.DownloadExport(t.Context(), actor, which)
		require.NoError(t, err)
		out := &endingWriter{end: func() { require.NoError(t, app.Accounts.EndExports(t.Context(), user)) }}
		require.ErrorIs(t, file.Write(t.Context(), out), accounts.ErrExportNotFound)
		require.Less(t, out.n, file.Size)
		gone(where)
	})
}

// endingWriter ends what it is being written once the first bytes have come.
type endingWriter struct {
	end func()
	n   int64
}

func (w *endingWriter) Write(p []byte) (int, error) {
	if w.n == 0 {
		w.end()
	}
	w.n += int64(len(p))
	return len(p), nil
}

// The card on the Profile page works without a script, and goes on after a proof.
func TestExportOnThePage(t *testing.T) {
	withExports(t, func(t *testing.T, app *settingstest.App, _ *hostData, db *bunstore.DB) {
		c := app.SignUp(ada, "Ada")
		page := func() string { return string(c.Get("/settings/profile").Body) }
		require.Contains(t, page(), `action="/settings/profile/export"`)
		app.Clock.Advance(11 * time.Minute)
		r := c.Form("/settings/profile/export", nil)
		require.Contains(t, string(r.Body), "You want a copy of your data.")
		r = c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "method": {"password"}, "password": {settingstest.Password}})
		require.Equal(t, []any{303, "/settings/profile#export"}, []any{r.Status, r.Header.Get("Location")})
		require.Contains(t, page(), `<progress class="bar" max="7" value="0"`)
		require.Contains(t, page(), "See how far it is")

		app.RunJob(workExports)
		text := page()
		require.NotContains(t, text, "<progress")
		_, after, _ := strings.Cut(text, `name="export" value="`)
		which, _, _ := strings.Cut(after, `"`)
		app.Clock.Advance(11 * time.Minute)
		form := url.Values{"export": {which}}
		r = c.Form("/settings/profile/export/download", form)
		require.Contains(t, string(r.Body), "You want to download a copy of your data.")
		r = c.Form("/reauthenticate", url.Values{"continue": {continuation(t, r)}, "method": {"password"}, "password": {settingstest.Password}})
		require.Equal(t, []any{303, "/settings/profile?saved=export-open#export"}, []any{r.Status, r.Header.Get("Location")})
		r = c.Form("/settings/profile/export/download", form)
		require.Equal(t, []any{200, "application/zip"}, []any{r.Status, r.Header.Get("Content-Type")})
		require.Contains(t, unzipped(t, r.Body), "profile/profile.json")

		other := app.SignUp("eve@example.com", "Eve")
		require.Equal(t, "/settings/profile?saved=export-gone#export", other.Form("/settings/profile/export/download", form).Header.Get("Location"))
		require.Equal(t, 404, c.Form("/settings/profile/export/download", url.Values{"export": {"../x"}}).Status)
		require.Equal(t, "/settings/profile?saved=export-gone#export", c.Form("/settings/profile/export/download", url.Values{"export": {id.NewExport().String()}}).Header.Get("Location"))
		require.NotZero(t, exportBlobs(t, db))
	})
}
