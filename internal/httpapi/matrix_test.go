package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/httpapi"
	"github.com/aegisrunner/account-settings/internal/secretbox"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/security/httpsession"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// fixture is the API over real services, with somebody signed in.
type fixture struct {
	api    *httpapi.API
	config httpapi.Config
	root   http.Handler
	now    time.Time
	token  string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{now: time.Now().UTC()}
	now := func() time.Time { return f.now }
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, secretbox.Create(path))
	ring, err := secretbox.Load(path)
	require.NoError(t, err)
	store := memstore.New()
	limiter := security.NewMemoryLimiter(now)
	s := &flows.Services{Store: store}
	s.Accounts, err = accounts.New(accounts.Config{Store: store.Accounts(), Sealer: ring, MAC: ring.MAC, Blobs: store.Blobs(), Limiter: limiter, Now: now})
	require.NoError(t, err)
	s.Security, err = security.New(security.Config{
		Store: store.Security(), Sealer: ring, MAC: ring.MAC, Limiter: limiter, Now: now,
		Hashing: security.Hashing{MemoryKiB: 64, Passes: 1}, Product: "Acme",
		RelyingParty: security.RelyingParty{ID: "localhost", Origins: []string{"http://localhost:8080"}},
	})
	require.NoError(t, err)
	s.Orgs, err = orgs.New(orgs.Config{Store: store.Orgs(), Sealer: ring, MAC: ring.MAC, Blobs: store.Blobs(), Limiter: limiter, Now: now})
	require.NoError(t, err)
	s.Audit, err = audit.NewService(audit.Config{Store: store.Audit(), Gate: s.Orgs, MAC: ring.MAC, Origin: "localhost/audit", Events: flows.Events(), Now: now})
	require.NoError(t, err)
	s.Notify, err = notify.New(notify.Config{Store: store.Notify(), Sealer: ring, MAC: ring.MAC, Directory: noOrgs{}, Limiter: limiter, Now: now})
	require.NoError(t, err)
	public, err := url.Parse("http://localhost:8080")
	require.NoError(t, err)
	sessions, err := httpsession.New(httpsession.Config{Sessions: s.Security, PublicURL: public})
	require.NoError(t, err)
	f.config = httpapi.Config{Flows: s, Sessions: sessions, Product: "Acme", Version: "1", PublicURL: public, Prefix: "/api/v1", Now: now}
	f.api, err = httpapi.New(f.config)
	require.NoError(t, err)
	f.root = sessions.Identify(f.api)

	user := id.NewUser()
	err = store.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, accounts.User{
			ID: user, Name: "Ada", Email: "ada@example.com", EmailKey: "ada@example.com", Timezone: "UTC", Locale: "en",
			AvatarKey: strings.Repeat("a", 32), CreatedAt: f.now.Truncate(time.Microsecond), UpdatedAt: f.now.Truncate(time.Microsecond),
		})
	})
	require.NoError(t, err)
	hash, err := s.Security.HashNewPassword(t.Context(), "password", "correct horse 42")
	require.NoError(t, err)
	in, err := s.Security.Enroll(t.Context(), audit.Actor{}, user, hash)
	require.NoError(t, err)
	f.token = in.Token.Reveal()
	return f
}

// noOrgs is a directory of nothing.
type noOrgs struct{}

func (noOrgs) Organizations(context.Context, id.User) ([]notify.Organization, error) { return nil, nil }

func (noOrgs) Organization(context.Context, id.Org) (notify.Organization, error) {
	return notify.Organization{}, notify.ErrOrgNotFound
}

func (f *fixture) call(line httpapi.Line, token string) (status int, code string) {
	path := strings.NewReplacer("{id}", id.NewSession().String(), "{org}", id.NewOrg().String(), "{user}", id.NewUser().String()).Replace(line.Path)
	r := httptest.NewRequest(line.Method, "/api/v1"+path, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	if strings.HasSuffix(path, "/avatar") || strings.HasSuffix(path, "/logo") {
		r.Header.Set("Content-Type", "image/png")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	f.root.ServeHTTP(w, r)
	var p struct{ Code string }
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	return w.Code, p.Code
}

// Every route refuses what its line says that it refuses: before the body is
// read, and once more in the service alone.
func TestMatrix(t *testing.T) {
	for _, by := range []string{"table", "services"} {
		t.Run(by, func(t *testing.T) {
			for _, line := range httpapi.Table() {
				t.Run(line.Method+line.Path, func(t *testing.T) {
					f := newFixture(t)
					if by == "services" {
						f.api.TrustServices()
					}
					status, code := f.call(line, "")
					require.Equal(t, line.Rule.SignedIn, status == http.StatusUnauthorized && code == "unauthenticated", "nobody: %d %s", status, code)

					status, code = f.call(line, f.token)
					require.NotEqual(t, "unauthenticated", code)
					require.NotEqual(t, "reauthentication_required", code)
					require.Less(t, status, http.StatusInternalServerError)

					if line.Rule.Role != "" { // what else it needs is said to members alone
						require.Equal(t, http.StatusNotFound, status)
						return
					}
					f = newFixture(t)
					if by == "services" {
						f.api.TrustServices()
					}
					f.now = f.now.Add(11 * time.Minute)
					status, code = f.call(line, f.token)
					require.Equal(t, line.Rule.StepUp, status == http.StatusUnauthorized && code == "reauthentication_required", "stale: %d %s", status, code)
				})
			}
		})
	}
}

// A route that declares no access cannot be registered.
func TestRouteWithoutAccess(t *testing.T) {
	httpapi.SetTestConfig(newFixture(t).config)
	require.NoError(t, httpapi.Register("GET", "/fine", security.PermListSessions))
	require.ErrorContains(t, httpapi.Register("GET", "/open", ""), "declares no access")
	require.ErrorContains(t, httpapi.Register("GET", "/odd", "no.such.permission"), "declares no access")
}

// Every permission of a domain is on some route, or is known not to be.
func TestEveryPermissionHasARoute(t *testing.T) {
	elsewhere := map[audit.Permission]string{
		accounts.PermViewPicture:   "served outside of the API, to everybody",
		orgs.PermLeave:             "the same route as removing a member, for oneself",
		security.PermFirstPassword: "the same route as changing it, for people without one",
	}
	for _, policy := range []audit.Policy{accounts.Policy(), security.Policy(), notify.Policy(), orgs.DefaultPolicy()} {
		for p := range policy {
			found := elsewhere[p] != ""
			for _, line := range httpapi.Table() {
				found = found || line.Permission == p
			}
			require.True(t, found, p)
		}
	}
}
