package bunstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

// When the disk is full SQLite undoes the whole transaction by itself. A function
// that goes on as if nothing had happened must not commit what comes after.
func TestAFullDiskUndoesEverything(t *testing.T) {
	db := dbtest.SQLite(t)
	before := person(t, db, "before@example.com")
	var pages int
	require.NoError(t, db.Conn(t.Context()).NewRaw(`PRAGMA page_count`).Scan(t.Context(), &pages))
	limit := func(extra int) { // of the one connection that writes
		var got int
		require.NoError(t, db.Conn(t.Context()).NewRaw(`PRAGMA max_page_count = ?`, pages+extra).Scan(t.Context(), &got))
	}
	fill := func(ctx context.Context, tx accounts.Tx) error {
		for i := range 10000 {
			if err := tx.DiscardBlob(ctx, strings.Repeat("x", 150)+id.NewUser().String(), now); err != nil {
				require.ErrorContains(t, err, "full")
				require.Positive(t, i)
				return err
			}
		}
		return nil
	}

	limit(10)
	u := newUser("ada@example.com")
	err := db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		tx.AfterCommit(func(context.Context) { t.Error("ran") })
		require.NoError(t, tx.InsertUser(ctx, u))
		require.Error(t, fill(ctx, tx))
		require.ErrorContains(t, tx.UpdateUser(ctx, before), "full", "nothing is written after it")
		require.ErrorContains(t, rename(ctx, db, before, "after"), "full", "nor in a savepoint")
		return nil
	})
	require.ErrorContains(t, err, "full")

	limit(10)
	require.ErrorContains(t, db.InTx(t.Context(), func(ctx context.Context) error {
		require.NoError(t, insert(ctx, db, u))
		require.ErrorContains(t, db.Accounts().Update(ctx, fill), "full", "in a savepoint")
		return nil
	}), "full")

	requireNobody(t, db, u)
	require.Equal(t, "Ada Lovelace", nameOf(t, db, before))
	limit(1000)
	require.NoError(t, insert(t.Context(), db, u), "the connection is clean")
	require.NoError(t, rename(t.Context(), db, before, "Augusta Ada"))
}

// An outage is an outage, whatever was asked for.
func TestAnOutageIsNeverNotFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		signIn(t, db, u, security.Hash{1})
		ask := map[string]func(ctx context.Context) error{
			"UserByID":     func(ctx context.Context) error { _, err := db.Accounts().UserByID(ctx, u.ID); return err },
			"UserByEmail":  func(ctx context.Context) error { _, err := db.Accounts().UserByEmail(ctx, u.EmailKey); return err },
			"UserByAvatar": func(ctx context.Context) error { _, err := db.Accounts().UserByAvatar(ctx, u.AvatarKey); return err },
			"SignUpByHash": func(ctx context.Context) error {
				_, err := db.Accounts().SignUpByHash(ctx, accounts.Hash{1}, now)
				return err
			},
			"PendingEmailChange": func(ctx context.Context) error {
				_, err := db.Accounts().PendingEmailChange(ctx, u.ID, now)
				return err
			},
			"EmailChangeByHash": func(ctx context.Context) error {
				_, err := db.Accounts().EmailChangeByHash(ctx, accounts.Hash{1}, now)
				return err
			},
			"PersonByEmail": func(ctx context.Context) error { _, err := db.Security().PersonByEmail(ctx, u.EmailKey); return err },
			"PersonByID":    func(ctx context.Context) error { _, err := db.Security().PersonByID(ctx, u.ID); return err },
			"LoginByToken": func(ctx context.Context) error {
				_, err := db.Security().LoginByToken(ctx, security.Hash{1})
				return err
			},
			"Sessions": func(ctx context.Context) error {
				_, err := db.Security().Sessions(ctx, u.ID, now, now, id.Session{}, 10)
				return err
			},
			"ResetByHash": func(ctx context.Context) error {
				_, err := db.Security().ResetByHash(ctx, security.Hash{1}, now)
				return err
			},
			"Blob":    func(ctx context.Context) error { _, _, err := db.Blobs().Blob(ctx, "a"); return err },
			"Entries": func(ctx context.Context) error { _, err := db.Audit().Entries(ctx, u.ID, id.Entry{}, 10); return err },
			"OldestDueMail": func(ctx context.Context) error {
				_, err := db.Mail().OldestDueMail(ctx, now)
				return err
			},
			"Update": func(ctx context.Context) error { return rename(ctx, db, u, "x") },
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for name, f := range ask {
			require.ErrorIs(t, f(canceled), context.Canceled, name)
		}
		require.NoError(t, pool(t, db).Close())
		require.NoError(t, db.Close())
		for name, f := range ask {
			err := f(t.Context())
			require.Error(t, err, name)
			for _, kind := range []error{fault.NotFound, fault.Gone, fault.Unauthenticated, fault.Conflict} {
				require.NotErrorIs(t, err, kind, name)
			}
		}
	})
}
