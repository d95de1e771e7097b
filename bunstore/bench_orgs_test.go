package bunstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
)

// The members of the organizations that are measured against each other.
const (
	smallOrg = 500
	largeOrg = 50000
)

// populated is a team with n members in all, of distinct names, made by SQL.
func populated(tb testing.TB, db *bunstore.DB, n int) team {
	tb.Helper()
	tm := newTeam(tb, db)
	run := func(ctx context.Context, query string, args ...any) {
		_, err := db.Conn(ctx).ExecContext(ctx, query, args...)
		require.NoError(tb, err)
	}
	require.NoError(tb, db.InTx(tb.Context(), func(ctx context.Context) error {
		for first := 3; first < n; first += 500 {
			var users, addresses, members []string
			for i := first; i < min(first+500, n); i++ {
				u := id.NewUser()
				name, email := fmt.Sprintf("Member %05d", i*7919%100000), fmt.Sprintf("%05d-%d@example.com", i*7907%100000, n)
				users = append(users, fmt.Sprintf("('%s', NULL, '%s', '%s', '%s', 'UTC', 'en', '%s', FALSE, '%[6]s', '%[6]s', NULL)", u, name, email, email, u, now.Format("2006-01-02 15:04:05.000000+00:00")))
				addresses = append(addresses, fmt.Sprintf("('%s', '%s', NULL)", email, u))
				members = append(members, fmt.Sprintf("('%s', '%s', 'member', 'active', NULL, '%s', '%s', '%s')", tm.org, u, now.Format("2006-01-02 15:04:05.000000+00:00"), strings.ToLower(name), email))
			}
			run(ctx, "INSERT INTO settings_users VALUES "+strings.Join(users, ","))
			run(ctx, "INSERT INTO settings_addresses VALUES "+strings.Join(addresses, ","))
			run(ctx, "INSERT INTO settings_members VALUES "+strings.Join(members, ","))
		}
		return nil
	}))
	return tm
}

// orgOperations are what people do in an organization, whatever its size.
func orgOperations(db *bunstore.DB) map[string]func(ctx context.Context, tm team) error {
	list := func(prefix string) func(ctx context.Context, tm team) error {
		return func(ctx context.Context, tm team) error {
			_, _, err := db.Orgs().Members(ctx, tm.org, prefix, true, nil, 50)
			return err
		}
	}
	roles := []orgs.Role{orgs.Viewer, orgs.Member}
	return map[string]func(ctx context.Context, tm team) error{
		"list":   list(""),
		"search": list("member 0"),
		"view": func(ctx context.Context, tm team) error {
			_, err := db.Orgs().View(ctx, tm.member, tm.org.String())
			return err
		},
		"role change": func(ctx context.Context, tm team) error {
			return db.Orgs().Update(ctx, func(ctx context.Context, tx orgs.Tx) error {
				if _, err := tx.LockOrg(ctx, tm.org); err != nil {
					return err
				}
				if _, err := tx.Member(ctx, tm.org, tm.admin); err != nil {
					return err
				}
				slices.Reverse(roles)
				return tx.SetRole(ctx, tm.org, tm.member, roles[0])
			})
		},
	}
}

// BenchmarkOrgs compares what people do in a large organization with the same in
// a small one, in turn, by the fastest of many calls: the others tell of the
// machine. The ratio is to stay under 1.5.
func BenchmarkOrgs(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *bunstore.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b)
			small, large := populated(b, db, smallOrg), populated(b, db, largeOrg)
			if db.Dialect() == bunstore.Postgres {
				_, err := db.Conn(b.Context()).ExecContext(b.Context(), "ANALYZE")
				require.NoError(b, err)
			}
			for what, do := range orgOperations(db) {
				b.Run(what, func(b *testing.B) { compareSizes(b, do, small, large) })
			}
		})
	}
}

func compareSizes(b *testing.B, do func(ctx context.Context, tm team) error, small, large team) {
	fastest := func(tm team, least time.Duration) time.Duration {
		started := time.Now()
		require.NoError(b, do(b.Context(), tm))
		return min(least, time.Since(started))
	}
	inSmall, inLarge := time.Hour, time.Hour
	for b.Loop() {
		for range 300 {
			inSmall, inLarge = fastest(small, inSmall), fastest(large, inLarge)
		}
	}
	b.ReportMetric(float64(inLarge)/float64(inSmall), "ratio")
	b.ReportMetric(float64(inSmall.Microseconds()), "µs/500")
	b.ReportMetric(float64(inLarge.Microseconds()), "µs/50,000")
	b.ReportMetric(0, "ns/op")
}
