package settings_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// silent is a store whose accounts record nothing.
type silent struct{ settings.Store }

func (s silent) Accounts() accounts.Store { return silentAccounts{s.Store.Accounts()} }

type silentAccounts struct{ accounts.Store }

func (s silentAccounts) Update(ctx context.Context, fn func(ctx context.Context, tx accounts.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx accounts.Tx) error { return fn(ctx, silentTx{tx}) })
}

type silentTx struct{ accounts.Tx }

func (silentTx) AppendAudit(context.Context, audit.Entry) error { return nil }

// BenchmarkAuditAppend compares changing a name, which is one of the smallest
// changes there are, with the same without its entry, in turn. The share is what
// appending takes of the transaction's time: by the medians of many calls, in the
// median of the rounds. It is to stay under 0.25. SQLite writes to the disk with
// each commit, as it does for a host that chooses nothing; of a commit that does
// not wait for the disk, appending is a third.
func BenchmarkAuditAppend(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		db, err := sqlite.Open(dbtest.SQLitePath(b))
		require.NoError(b, err)
		b.Cleanup(func() { _ = db.Close() })
		benchAppend(b, db)
	})
	b.Run("postgres", func(b *testing.B) { benchAppend(b, dbtest.Postgres(b)) })
}

func benchAppend(b *testing.B, db *bunstore.DB) {
	user := insertUser(b, db, "ada@example.com")
	actor := audit.Actor{UserAgent: "bench"}.As(user, "Ada Lovelace")
	calls := 0
	rename := func(store settings.Store) func() time.Duration {
		app := benchApp(b, store)
		return func() time.Duration {
			calls++
			name := fmt.Sprintf("Ada Lovelace %d", calls)
			started := time.Now()
			_, err := app.Accounts.UpdateProfile(b.Context(), actor, accounts.Patch{Name: &name})
			took := time.Since(started)
			require.NoError(b, err)
			return took
		}
	}
	with, without := rename(db), rename(silent{db})
	const rounds, each = 9, 300
	for b.Loop() {
		var shares, took []float64
		for range rounds {
			var w, o []time.Duration
			for range each {
				w, o = append(w, with()), append(o, without())
			}
			slices.Sort(w)
			slices.Sort(o)
			shares = append(shares, 1-float64(o[each/2])/float64(w[each/2]))
			took = append(took, float64(w[each/2].Microseconds()))
		}
		slices.Sort(shares)
		slices.Sort(took)
		b.ReportMetric(shares[rounds/2], "share")
		b.ReportMetric(took[rounds/2], "µs/change")
	}
	entries, err := db.Audit().Entries(b.Context(), user, id.Entry{}, 200)
	require.NoError(b, err)
	require.Len(b, entries, 200) // of those with
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAuditWriters compares 16 people who change their names at once, all in
// the log of one organization, with the same in 16. The ratio is that of the
// throughputs, the median of the rounds; 1 means that they do not queue.
func BenchmarkAuditWriters(b *testing.B) {
	const writers, each, rounds = 16, 800, 9
	db := dbtest.Postgres(b)
	var users [writers]accounts.User
	var own [writers]id.Org
	for i := range writers {
		var err error
		users[i], err = db.Accounts().UserByID(b.Context(), insertUser(b, db, fmt.Sprintf("p%d@example.com", i)))
		require.NoError(b, err)
		own[i] = id.NewOrg()
	}
	shared := id.NewOrg()
	round := func(org func(writer int) id.Org) time.Duration {
		return inParallel(writers, each, func(writer int) {
			u := users[writer]
			err := db.Accounts().Update(b.Context(), func(ctx context.Context, tx accounts.Tx) error {
				if _, err := tx.LockUser(ctx, u.ID); err != nil {
					return err
				}
				if err := tx.UpdateUser(ctx, u); err != nil {
					return err
				}
				did := audit.Actor{UserAgent: "bench"}.As(u.ID, u.Name).Did("test.renamed", audit.Target{}, u.CreatedAt)
				return tx.AppendAudit(ctx, did.InLogOf(org(writer)))
			})
			if err != nil {
				b.Error(err)
			}
		})
	}
	one := func() time.Duration { return round(func(int) id.Org { return shared }) }
	many := func() time.Duration { return round(func(writer int) id.Org { return own[writer] }) }
	one()
	many()
	for b.Loop() {
		var ratios []float64
		for range rounds {
			o, m := one(), many()
			ratios = append(ratios, float64(m)/float64(o))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[rounds/2], "ratio")
	}
	b.ReportMetric(0, "ns/op")
}
