package settings_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// A hash made with weaker parameters is upgraded by signing in, and by nothing
// else; sessions and links live on.
func TestPasswordUpgrade(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		weak := settingstest.Start(t, settings.Config{Store: db, Hashing: security.Hashing{MemoryKiB: 32, Passes: 1}})
		c := weak.SignUp("ada@example.com", "Ada")
		before, err := db.Security().PersonByEmail(t.Context(), "ada@example.com")
		require.NoError(t, err)
		require.Contains(t, string(before.PasswordHash), "m=32,t=1")

		strong := settingstest.Start(t, settings.Config{Store: db, Hashing: security.Hashing{MemoryKiB: 128, Passes: 1}, Limiter: wide{}})
		refused(t, strong.Client(), post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42"), 401, "invalid_credentials")
		same, err := db.Security().PersonByEmail(t.Context(), "ada@example.com")
		require.NoError(t, err)
		require.Equal(t, string(before.PasswordHash), string(same.PasswordHash))

		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if r := strong.Client().API(post, "/auth/sign-in", credentials("ada@example.com", settingstest.Password)); r.Status != 200 {
					t.Errorf("%d %s", r.Status, r.Body)
				}
			})
		}
		wg.Wait()
		after, err := db.Security().PersonByEmail(t.Context(), "ada@example.com")
		require.NoError(t, err)
		require.Contains(t, string(after.PasswordHash), "m=128,t=1")
		require.Equal(t, before.Version, after.Version)
		api(t, c, get, "/account", nil, 200)
		require.False(t, strings.Contains(after.PasswordHash.String(), "argon2"), "it does not print itself")
		strong.SignIn("ada@example.com")
	})
}

// AUTH-01: with former parameters told, an attempt at an unknown address costs
// what one at somebody's costs whose hash is of the former or of the present
// ones, and always the same. The cost is read from the memory that hashing fills.
func TestUnknownAddressesFollowFormerHashes(t *testing.T) {
	const former, present = 4 * 1024, 8 * 1024 // KiB
	app := settingstest.Start(t, settings.Config{Limiter: wide{}, Hashing: security.Hashing{
		MemoryKiB: present, Passes: 1, Former: []security.HashParams{{MemoryKiB: former, Passes: 1, Parallelism: 1}},
	}})
	cost := func(email string) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		refused(t, app.Client(), post, "/auth/sign-in", credentials(email, "wrong horse 42"), 401, "invalid_credentials")
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) >> 22 << 12 // in whole steps of 4 MiB, as KiB
	}
	seen := map[uint64]int{}
	for i := range 24 {
		email := fmt.Sprintf("nobody%d@example.com", i)
		first := cost(email)
		require.Equal(t, first, cost(email), email)
		require.Equal(t, first, cost(strings.ToUpper(email)), "of every spelling")
		seen[first]++
	}
	require.Len(t, seen, 2)
	require.Positive(t, seen[former])
	require.Positive(t, seen[present])
}
