package settings_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// removing names the jobs that remove rows for their age.
var removing = []string{"mail.purge", "security.purge", "orgs.purge", "audit.prune", "accounts.purge_links", "accounts.collect_blobs", "accounts.collect_exports", "orgs.collect_logos", "orgs.purge_deleted", "accounts.purge", "notify.purge"}

func runJobs(t *testing.T, app *settingstest.App) map[string]error {
	t.Helper()
	results := map[string]error{}
	for _, j := range app.Jobs() {
		results[j.Name] = j.Run(t.Context())
	}
	return results
}

// A node that lives in another year removes nothing that is alive in this one.
func TestJobsRemoveNothingWithAWrongClock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		offset := time.Duration(0)
		now := func() time.Time { return time.Now().Add(offset) }
		app := settingstest.Start(t, settings.Config{Store: db, Now: now})
		ada := app.SignUp("ada@example.com", "Ada Lovelace")
		for name, err := range runJobs(t, app) {
			require.NoError(t, err, name)
		}

		for _, offset = range []time.Duration{365 * 24 * time.Hour, time.Minute, -time.Minute, -365 * 24 * time.Hour} {
			results := runJobs(t, app)
			for _, name := range removing {
				require.ErrorIs(t, results[name], settings.ErrClock, "%s, %s off", name, offset)
				delete(results, name)
			}
			for name, err := range results {
				require.NoError(t, err, "%s removes nothing", name)
			}
		}
		offset = 0
		require.Equal(t, 200, ada.API(get, "/account", nil).Status, "the session is still there")

		brave := settingstest.Start(t, settings.Config{Store: db, Now: now, InsecureSkipClockCheck: true})
		offset = 365 * 24 * time.Hour
		for name, err := range runJobs(t, brave) {
			require.NoError(t, err, name)
		}
		offset = 0
		require.Equal(t, 401, ada.API(get, "/account", nil).Status, "the switch does what it says")
	})
}

// slowStore needs long to tell the time, and may not know it.
type slowStore struct {
	settings.Store
	wait func()
	err  error
}

func (s slowStore) Clock(ctx context.Context) (time.Time, error) {
	now, err := s.Store.Clock(ctx)
	s.wait()
	return now, errors.Join(err, s.err)
}

func TestAskingForTheTimeMayTakeLong(t *testing.T) {
	offset := time.Duration(0)
	store := slowStore{Store: dbtest.SQLite(t), wait: func() { offset += time.Minute }}
	now := func() time.Time { return time.Now().Add(offset) }
	app := settingstest.Start(t, settings.Config{Store: store, Now: now})
	require.NoError(t, app.Jobs()[1].Run(t.Context()))

	broken := errors.New("no clock")
	store.err, offset = broken, 0
	app = settingstest.Start(t, settings.Config{Store: store, Now: now})
	for name, err := range runJobs(t, app) {
		if slices.Contains(removing, name) {
			require.ErrorIs(t, err, broken, name)
		}
	}
}
