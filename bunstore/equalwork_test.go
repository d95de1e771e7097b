package bunstore_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// counter notes the kind of each statement, "INSERT settings_outbox".
type counter struct {
	mu   sync.Mutex
	seen []string
}

func (c *counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (c *counter) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	table := ""
	for _, word := range strings.Fields(e.Query) {
		if word = strings.Trim(word, `"(),`); strings.HasPrefix(word, "settings_") {
			table = word
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, strings.TrimSpace(e.Operation()+" "+table))
}

func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.seen
	c.seen = nil
	return out
}

// INV-9: for an address with an account and one without, the same statements run
// in the same order.
func TestEqualWork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		c := &counter{}
		pool, ok := db.Conn(t.Context()).(*bun.DB)
		require.True(t, ok)
		app := settingstest.Start(t, settings.Config{Store: db})
		app.SignUp("known@example.com", "Known")
		pool.AddQueryHook(c) //nolint:staticcheck // WithQueryHook makes another DB; the store has this one
		for _, door := range []struct {
			path string
			body map[string]any
		}{
			{"/auth/sign-in", map[string]any{"password": "wrong horse 42"}},
			{"/auth/sign-up", map[string]any{}},
			{"/auth/password/forgot", map[string]any{}},
		} {
			work := map[string][]string{}
			for _, email := range []string{"known@example.com", "unknown@example.com"} {
				c.take()
				door.body["email"] = email
				app.Client().API(http.MethodPost, door.path, door.body)
				work[email] = c.take()
			}
			require.NotEmpty(t, work["known@example.com"], door.path)
			require.Equal(t, work["known@example.com"], work["unknown@example.com"], door.path)
		}
	})
}
