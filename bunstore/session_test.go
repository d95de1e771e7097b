package bunstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

// The last row of a page can be revoked before the next page is asked for.
func TestSessionsGoOnBehindOneThatIsGone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		var all []security.Session // newest first
		for i := range 5 {
			all = append([]security.Session{signIn(t, db, u, security.Hash{1, byte(i)})}, all...)
		}
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			_, err := tx.RevokeSession(ctx, u.ID, all[1].ID)
			return err
		}))
		page, err := db.Security().Sessions(t.Context(), u.ID, now, now.Add(-time.Hour), all[1].ID, 2)
		require.NoError(t, err)
		require.Equal(t, all[2:4], page)
		for _, limit := range []int{0, -1} {
			page, err = db.Security().Sessions(t.Context(), u.ID, now, now.Add(-time.Hour), id.Session{}, limit)
			require.NoError(t, err)
			require.Empty(t, page)
		}
	})
}

// PostgreSQL gives up a transaction after the first failed statement. A function
// that goes on as if nothing had happened is told.
func TestAFailureSwallowedIsStillAFailure(t *testing.T) {
	db := dbtest.Postgres(t)
	u := newUser("ada@example.com")
	swallow := func(ctx context.Context) error {
		require.NoError(t, insert(ctx, db, u))
		_, err := db.Conn(ctx).ExecContext(ctx, `SELECT no_such_thing`)
		require.Error(t, err)
		return nil
	}
	require.Error(t, db.InTx(t.Context(), swallow))
	requireNobody(t, db, u)

	require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		require.Error(t, db.InTx(ctx, swallow), "the savepoint is undone")
		return tx.InsertUser(ctx, u)
	}))
	require.Equal(t, u.Name, nameOf(t, db, u))
}
