package bunstore_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

type securityWrite = func(ctx context.Context, tx security.Tx) error

// factorsWith are the writes of second factors that hold a text.
func factorsWith(text string, user id.User) map[string]securityWrite {
	return map[string]securityWrite{
		"PutTOTP": func(ctx context.Context, tx security.Tx) error {
			return tx.PutTOTP(ctx, security.TOTP{ID: id.NewFactor(), User: user, Sealed: []byte("x"), Key: text, CreatedAt: now})
		},
		"ResealTOTP": func(ctx context.Context, tx security.Tx) error {
			_, err := tx.ResealTOTP(ctx, user, id.NewFactor(), []byte("x"), []byte("y"), text)
			return err
		},
		"InsertPasskey": func(ctx context.Context, tx security.Tx) error {
			return tx.InsertPasskey(ctx, security.Passkey{ID: id.NewFactor(), User: user, Name: text, CredentialID: []byte("c"), CreatedAt: now})
		},
		"RenamePasskey": func(ctx context.Context, tx security.Tx) error {
			return tx.RenamePasskey(ctx, user, id.NewFactor(), text)
		},
		"InsertCeremony": func(ctx context.Context, tx security.Tx) error {
			return tx.InsertCeremony(ctx, security.Ceremony{Challenge: security.Hash{1}, Purpose: security.Purpose(text), ExpiresAt: now})
		},
		"InsertPending": func(ctx context.Context, tx security.Tx) error {
			return tx.InsertPending(ctx, security.PendingSignIn{
				Hash: security.Hash{1}, User: user, Version: 1, Method: audit.Factor(text), CreatedAt: now, ExpiresAt: now,
			})
		},
		"NoteSeen": func(ctx context.Context, tx security.Tx) error {
			return tx.NoteSeen(ctx, user, security.Hash{1}, text, now)
		},
	}
}

func TestNobodyHasSeenStrangeCountries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		inSecurity(t, db, func(ctx context.Context, tx security.Tx) error {
			return tx.NoteSeen(ctx, u.ID, security.Hash{1}, "GB", now)
		})
		for what, text := range strange {
			seen, err := db.Security().Seen(t.Context(), u.ID, security.Hash{1}, text)
			require.NoError(t, err, what)
			require.Equal(t, security.Seen{Any: true, Device: true}, seen, what)
		}
	})
}

func inSecurity(t *testing.T, db *bunstore.DB, fn securityWrite) {
	t.Helper()
	require.NoError(t, db.Security().Update(t.Context(), fn))
}

// everyFactor gives a person one of each thing there is.
func everyFactor(ctx context.Context, tx security.Tx, user id.User) error {
	hash := hashOf(user)
	app := security.TOTP{ID: id.NewFactor(), User: user, Sealed: []byte("x"), Key: "k1", CreatedAt: now}
	for _, err := range []error{
		tx.PutTOTP(ctx, app),
		tx.ConfirmTOTP(ctx, user, app.ID, 1, now, now.Add(-time.Hour)),
		tx.ReplaceBackupCodes(ctx, user, []security.Hash{{1}, {2}}, now),
		tx.InsertPasskey(ctx, security.Passkey{ID: id.NewFactor(), User: user, Name: "key", CredentialID: user[:], CreatedAt: now}),
		tx.InsertCeremony(ctx, security.Ceremony{Challenge: hash, Purpose: security.ForRegistration, User: user, ExpiresAt: now}),
		tx.InsertPending(ctx, security.PendingSignIn{
			Hash: hash, User: user, Version: 1, Method: audit.Password, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}),
		tx.PutEmailCode(ctx, security.EmailCode{User: user, Session: id.NewSession(), Hash: hash, CreatedAt: now, ExpiresAt: now}),
		tx.NoteSeen(ctx, user, hash, "GB", now),
		tx.InsertAlert(ctx, security.Alert{Hash: hash, User: user, SignedInAt: now, ExpiresAt: now}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// Purging a person for good takes the factors too, and nobody else's.
func TestDeletingThePersonsRowTakesTheFactors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		ada, grace := person(t, db, "ada@example.com"), person(t, db, "grace@example.com")
		for _, user := range []id.User{ada.ID, grace.ID} {
			inSecurity(t, db, func(ctx context.Context, tx security.Tx) error { return everyFactor(ctx, tx, user) })
		}
		exec(t, db, `DELETE FROM settings_users WHERE id = ?`, ada.ID)
		for table, want := range map[string]int{
			"totp": 1, "backup_codes": 2, "passkeys": 1, "ceremonies": 1, "pending_sign_ins": 1, "email_codes": 1, "seen": 1, "alerts": 1,
		} {
			var n, hers int
			require.NoError(t, db.Conn(t.Context()).NewRaw("SELECT count(*) FROM settings_"+table).Scan(t.Context(), &n))
			require.NoError(t, db.Conn(t.Context()).NewRaw("SELECT count(*) FROM settings_"+table+" WHERE user_id = ?", grace.ID).Scan(t.Context(), &hers))
			require.Equal(t, [2]int{want, want}, [2]int{n, hers}, table)
		}
	})
}

// A half-finished sign-in of a deleted person leads nowhere.
func TestADeletedPersonFinishesNoSignIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		inSecurity(t, db, func(ctx context.Context, tx security.Tx) error { return everyFactor(ctx, tx, u.ID) })
		hash := hashOf(u.ID)
		_, err := db.Security().PendingByToken(t.Context(), hash, now, 5)
		require.NoError(t, err)
		exec(t, db, `UPDATE settings_users SET deleted_at = updated_at`)
		_, err = db.Security().PendingByToken(t.Context(), hash, now, 5)
		require.ErrorIs(t, err, security.ErrSignInExpired)
		inSecurity(t, db, func(ctx context.Context, tx security.Tx) error {
			_, err := tx.TryPending(ctx, hash, now, 5)
			require.ErrorIs(t, err, security.ErrSignInExpired)
			_, err = tx.SpendPending(ctx, hash, now)
			require.ErrorIs(t, err, security.ErrSignInExpired)
			_, err = tx.LockPerson(ctx, u.ID)
			require.ErrorIs(t, err, security.ErrPersonNotFound)
			return nil
		})
	})
}

// A passkey that another transaction is about to store is waited for: what it
// says is not known before it commits.
func TestATakenPasskeyIsWaitedFor(t *testing.T) {
	db := dbtest.Postgres(t)
	ada, grace := person(t, db, "ada@example.com"), person(t, db, "grace@example.com")
	insert := func(ctx context.Context, user id.User) error {
		return db.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error {
			return tx.InsertPasskey(ctx, security.Passkey{ID: id.NewFactor(), User: user, Name: "key", CredentialID: []byte("c"), CreatedAt: now})
		})
	}
	for _, end := range []error{errBoom, nil} {
		stored, second := make(chan struct{}), make(chan error, 1)
		first := make(chan error, 1)
		decide := make(chan struct{})
		go func() {
			first <- db.InTx(t.Context(), func(ctx context.Context) error {
				err := insert(ctx, ada.ID)
				close(stored)
				<-decide
				if err != nil {
					return err
				}
				return end
			})
		}()
		<-stored
		go func() { second <- insert(t.Context(), grace.ID) }()
		select {
		case err := <-second:
			require.Fail(t, "the second did not wait", "%v", err)
		case <-time.After(100 * time.Millisecond):
		}
		close(decide)
		require.ErrorIs(t, <-first, end)
		if end != nil {
			require.NoError(t, <-second)
			exec(t, db, `DELETE FROM settings_passkeys`)
		} else {
			require.ErrorIs(t, <-second, security.ErrPasskeyTaken)
		}
	}
}

// hashOf is another one for each person.
func hashOf(user id.User) security.Hash { return sha256.Sum256(user[:]) }
