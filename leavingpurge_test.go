package settings_test

import (
	"bytes"
	"context"

	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
)

// traces returns where in any table one of these texts is, in whatever column.
func (w *world) traces(texts ...string) []string {
	w.t.Helper()
	var found []string
	for _, table := range w.tables {
		rows, err := w.db.Conn(w.t.Context()).QueryContext(w.t.Context(), "SELECT * FROM "+table) //nolint:gosec // names of the schema
		require.NoError(w.t, err)
		columns, err := rows.Columns()
		require.NoError(w.t, err)
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			require.NoError(w.t, rows.Scan(into...))
			for i, v := range values {
				b, ok := v.([]byte)
				if !ok {
					b = fmt.Append(nil, v)
				}
				for _, text := range texts {
					if bytes.Contains(bytes.ToLower(b), []byte(strings.ToLower(text))) {
						found = append(found, table+"."+columns[i]+": "+text)
					}
				}
			}
		}
		require.NoError(w.t, rows.Err())
		require.NoError(w.t, rows.Close()) //nolint:sqlclosecheck // one of many
	}
	return found
}

// A month after the deletion nothing is left that is personal: in no table, and in
// no blob. The address is free, for somebody who has nothing of whom it was of.
func TestNothingIsLeftAfterAPurge(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, grace := w.human(), w.human()
		name := "Zelda Quixotic"
		from := ada.actor()
		from.IP, from.UserAgent = netip.MustParseAddr("198.51.100.77"), "QuaintBrowser/7.1"
		_, err := w.app.Accounts.UpdateProfile(ctx, from, accounts.Patch{Name: &name})
		require.NoError(t, err)
		u, err := w.app.Accounts.SetPicture(ctx, ada.actor(), picturePNG(t, 64, 64))
		require.NoError(t, err)
		team := grace.founds()
		_, err = w.app.Orgs.Invite(ctx, grace.actor(), team.ID.String(), orgs.Invite{Emails: []string{strings.ToUpper(ada.email)}, Role: "member"})
		require.NoError(t, err)
		_, err = w.app.Orgs.Accept(ctx, ada.actor(), w.link(ada.email, "orgs.invitation"))
		require.NoError(t, err)
		own := ada.founds()
		_, err = w.app.Orgs.Delete(ctx, ada.actor(), own.ID.String(), own.Slug)
		require.NoError(t, err)
		canaries := []string{name, ada.email, "198.51.100.77", "QuaintBrowser", u.AvatarKey, "avatars/" + u.AvatarKey}
		require.NotEmpty(t, w.traces(canaries...), "the search finds them")

		ada.leaves()
		w.app.Clock.Advance(month - time.Microsecond)
		require.NoError(t, w.flows.PurgeAccounts(ctx))
		_, err = w.db.Accounts().DeletedUser(ctx, ada.id)
		require.NoError(t, err, "not before 30 x 24 h")
		w.app.Clock.Advance(time.Microsecond)
		require.NoError(t, w.flows.PurgeOrgs(ctx))
		require.NoError(t, w.flows.PurgeAccounts(ctx))
		require.NoError(t, w.app.Accounts.CollectBlobs(ctx))

		require.Empty(t, w.traces(canaries...))
		require.NoError(t, w.flows.PurgeAccounts(ctx), "again")
		receipts, err := w.app.Accounts.Receipts(ctx, id.Receipt{}, 10)
		require.NoError(t, err)
		require.Len(t, receipts, 2)
		for _, r := range receipts {
			require.Equal(t, accounts.Subject{}, r.Subject)
		}
		require.Equal(t, 1, receipts[1].Removed["people"])
		_, err = w.db.Orgs().Org(ctx, own.ID)
		require.ErrorIs(t, err, orgs.ErrOrgNotFound)
		require.ErrorIs(t, w.app.RestoreAccount(ctx, support, ada.id), accounts.ErrAccountGone)

		again := w.app.SignUp(ada.email, "Somebody Else")
		var list struct{ Items []any }
		again.API("GET", "/account/organizations", nil).JSON(t, &list)
		require.Empty(t, list.Items)
	})
}

// Killed at any step, a removal goes on there, and ends as one that was not.
func TestPurgeGoesOnWhereItStopped(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, at := range []string{"User", "UserInTx"} {
			ada := w.human()
			ada.leaves()
			w.app.Clock.Advance(month)
			calls := 0
			fail := func(context.Context, id.User) error {
				if calls++; calls == 1 {
					return errKilled
				}
				return nil
			}
			hook := flows.Purger{Name: "host", User: fail}
			if at == "UserInTx" {
				hook = flows.Purger{Name: "host", UserInTx: fail}
			}
			w.flows.Purgers = []flows.Purger{hook}
			require.ErrorIs(t, w.flows.PurgeAccounts(ctx), errKilled, at)
			require.ErrorIs(t, w.app.RestoreAccount(ctx, support, ada.id), accounts.ErrAccountGone, "there is no way back")
			require.NoError(t, w.flows.PurgeAccounts(ctx), "somebody has it still")
			require.Equal(t, 1, calls)
			w.app.Clock.Advance(5 * time.Minute)
			require.NoError(t, w.flows.PurgeAccounts(ctx))
			require.Equal(t, 2, calls)
			require.Empty(t, w.traces(ada.email))
		}
	})
}

// Of a restore and a removal at once, and of two nodes that remove, one has its
// way: 200 times.
func TestRestoreAgainstPurge(t *testing.T) {
	rounds := func(t *testing.T, db *bunstore.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		restored := 0
		for range 200 {
			ada := w.stranger()
			at := w.now()
			require.NoError(t, db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
				return tx.MarkDeleted(ctx, ada.id, at.Add(-month), at)
			}))
			done := make(chan error, 3)
			go func() {
				done <- db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
					if _, err := tx.LockDeleted(ctx, ada.id); err != nil {
						return err
					}
					return tx.MarkRestored(ctx, ada.id, at)
				})
			}()
			for range 2 {
				go func() { done <- w.flows.PurgeAccounts(ctx) }()
			}
			for range 3 {
				if err := <-done; err != nil {
					require.ErrorIs(t, err, accounts.ErrUserNotFound)
				}
			}
			_, living := db.Accounts().UserByID(ctx, ada.id)
			_, left := db.Accounts().DeletedUser(ctx, ada.id)
			require.ErrorIs(t, left, accounts.ErrUserNotFound)
			if living == nil {
				restored++
			}
		}
		receipts, err := w.app.Accounts.Receipts(ctx, id.Receipt{}, 1000)
		require.NoError(t, err)
		require.Len(t, receipts, 200-restored, "each was restored, or removed once")
	}
	t.Run("sqlite", func(t *testing.T) { rounds(t, dbtest.SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { rounds(t, dbtest.Postgres(t)) })
}
