package bunstore_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// cut takes a database of PostgreSQL away from its clients, and back calls it in.
func cut(t *testing.T, dsn string) (away, back func()) {
	t.Helper()
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	name := conf.Database
	conf.Database = "postgres"
	admin := stdlib.OpenDB(*conf)
	t.Cleanup(func() { require.NoError(t, admin.Close()) })
	run := func(statement string, args ...any) {
		_, err := admin.ExecContext(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	away = func() {
		run("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS false")
		run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	}
	return away, func() { run("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS true") }
}

func TestAnOutageOfPostgresIs503AndPasses(t *testing.T) {
	dsn := dbtest.PostgresDSN(t)
	db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dsn, NoMigrate: true})
	db = closing(t, db, err)
	app, log := outageApp(t, db)
	ada := app.SignUp("ada@example.com", "Ada Lovelace")
	away, back := cut(t, dsn)

	away()
	requireOutage(t, app, ada, log)

	back()
	require.NoError(t, app.Health(t.Context()).StoreError)
	requireAlive(t, app, ada)
	app.SignIn("ada@example.com")
	app.SignUp("grace@example.com", "Grace Hopper")
}

// Connections that the server has ended, and the pool does not know it.
func TestEndedConnectionsOfPostgresAreReplaced(t *testing.T) {
	dsn := dbtest.PostgresDSN(t)
	db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dsn, NoMigrate: true})
	db = closing(t, db, err)
	app, _ := outageApp(t, db)
	ada := app.SignUp("ada@example.com", "Ada Lovelace")
	away, back := cut(t, dsn)
	away()
	back()

	// A request may meet one of them each; none may meet anything else.
	idle := pool(t, db).Stats().OpenConnections
	for range idle {
		if r := ada.API(http.MethodGet, "/account", nil); r.Status != http.StatusOK {
			require.Equal(t, http.StatusServiceUnavailable, r.Status, "%s", r.Body)
		}
	}
	requireAlive(t, app, ada)
}

func TestAnOutageOfSQLiteIs503(t *testing.T) {
	db := dbtest.SQLite(t)
	app, log := outageApp(t, db)
	ada := app.SignUp("ada@example.com", "Ada Lovelace")
	require.NoError(t, db.Close())
	requireOutage(t, app, ada, log)
}

func outageApp(t *testing.T, db *bunstore.DB) (*settingstest.App, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	return settingstest.Start(t, settings.Config{Store: db, Log: slog.New(slog.NewJSONHandler(log, nil))}), log
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

// internals are words that tell what the product is made of.
var internals = regexp.MustCompile(`(?i)sql|postgres|pgx|bun|database|connection|settings_|socket|\.db|/tmp|goroutine|\.go\b|57P|55000`)

// requireOutage asks whatever a browser and a stranger may ask, and wants to be
// told to come back, and nothing else.
func requireOutage(t *testing.T, app *settingstest.App, ada *settingstest.Client, log *lockedBuffer) {
	t.Helper()
	require.Error(t, app.Health(t.Context()).StoreError)
	log.take()
	type object map[string]string
	stranger := app.Client()
	for _, ask := range []struct {
		client       *settingstest.Client
		method, path string
		body         any
	}{
		{ada, http.MethodGet, "/account", nil},
		{ada, http.MethodGet, "/account/sessions", nil},
		{ada, http.MethodPatch, "/account", object{"name": "Ada King"}},
		{ada, http.MethodPut, "/account/password", object{"current": settingstest.Password, "new": "another horse 42"}},
		{ada, http.MethodDelete, "/account/sessions", nil},
		{stranger, http.MethodPost, "/auth/sign-in", object{"email": "ada@example.com", "password": settingstest.Password}},
		{stranger, http.MethodPost, "/auth/sign-up", object{"email": "grace@example.com"}},
		{stranger, http.MethodPost, "/auth/password/forgot", object{"email": "ada@example.com"}},
	} {
		r := ask.client.API(ask.method, ask.path, ask.body)
		logged := log.take()
		require.Equal(t, http.StatusServiceUnavailable, r.Status, "%s %s: %s\n%s", ask.method, ask.path, r.Body, logged)
		require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"), ask.path)
		require.Equal(t, "unavailable", r.Code(), ask.path)
		require.NotEmpty(t, r.Header.Get("Retry-After"), ask.path)
		require.NotRegexp(t, internals, string(r.Body), ask.path)
		require.Empty(t, r.Header.Values("Set-Cookie"), "%s: a session is not given up because it could not be looked for", ask.path)
		require.Contains(t, logged, `"level":"ERROR"`, "%s: somebody should know", ask.path)
	}
	r := ada.Get("/settings/profile")
	require.Equal(t, http.StatusServiceUnavailable, r.Status)
	require.Contains(t, r.Header.Get("Content-Type"), "text/html")
	require.NotRegexp(t, regexp.MustCompile(`(?i)sqlstate|postgres|pgx|bunstore|socket|goroutine`), string(r.Body))
}

// requireAlive wants the product to work again, with the session there was.
func requireAlive(t *testing.T, app *settingstest.App, ada *settingstest.Client) {
	t.Helper()
	require.Equal(t, http.StatusOK, ada.API(http.MethodGet, "/account", nil).Status)
	r := ada.API(http.MethodPatch, "/account", map[string]string{"name": "Ada King"})
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	app.Deliver()
}
