package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

func TestLoginIsTheSameInsideAndOutside(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		s := signIn(t, db, u, security.Hash{1})
		want := security.Login{
			Session: s, HasPassword: true,
			Person: security.Person{
				ID: u.ID, Name: u.Name, Email: u.Email, Timezone: u.Timezone, Locale: u.Locale,
				PasswordChangedAt: now, Version: 1,
			},
		}
		outside, err := db.Security().LoginByToken(t.Context(), security.Hash{1})
		require.NoError(t, err)
		require.Equal(t, want, outside)
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			inside, err := tx.LoginByToken(ctx, security.Hash{1})
			require.NoError(t, err)
			require.Equal(t, want, inside)
			// The store, with the context of the transaction, is inside too.
			_, err = tx.RevokeSession(ctx, u.ID, s.ID)
			require.NoError(t, err)
			_, err = db.Security().LoginByToken(ctx, security.Hash{1})
			require.ErrorIs(t, err, security.ErrSessionNotFound)
			return nil
		}))
		for _, hash := range []security.Hash{{1}, {2}, {}} {
			_, err = db.Security().LoginByToken(t.Context(), hash)
			require.ErrorIs(t, err, security.ErrSessionNotFound)
		}
	})
}

func TestFirstLoginsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		signIn(t, db, person(t, db, "ada@example.com"), security.Hash{1})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := db.Security().LoginByToken(t.Context(), security.Hash{1}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// A deleted person's sessions open nothing.
func TestADeletedPersonIsNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		signIn(t, db, u, security.Hash{1})
		exec(t, db, `UPDATE settings_users SET deleted_at = updated_at`)
		_, err := db.Security().LoginByToken(t.Context(), security.Hash{1})
		require.ErrorIs(t, err, security.ErrSessionNotFound)
		_, err = db.Security().PersonByID(t.Context(), u.ID)
		require.ErrorIs(t, err, security.ErrPersonNotFound)
		_, err = db.Security().PersonByEmail(t.Context(), u.EmailKey)
		require.ErrorIs(t, err, security.ErrPersonNotFound)
		requireNobody(t, db, u)
	})
}

// Purging a person for good takes every row that hangs on it.
func TestDeletingThePersonsRowTakesTheRest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		signIn(t, db, u, security.Hash{1})
		exec(t, db, `DELETE FROM settings_users WHERE id = ?`, u.ID)
		for _, table := range []string{"settings_addresses", "settings_credentials", "settings_sessions"} {
			var n int
			require.NoError(t, db.Conn(t.Context()).NewRaw("SELECT count(*) FROM "+table).Scan(t.Context(), &n))
			require.Zero(t, n, table)
		}
		person(t, db, "ada@example.com")
	})
}

// The schema itself refuses a person whose address is nobody's or another's.
func TestThePersonAndTheAddressAgree(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		a := person(t, db, "a@example.com")
		person(t, db, "b@example.com")
		for _, statement := range []string{
			`UPDATE settings_users SET email_key = 'c@example.com' WHERE id = ?`,
			`DELETE FROM settings_addresses WHERE user_id = ?`,
		} {
			_, err := db.Conn(t.Context()).ExecContext(t.Context(), statement, a.ID)
			require.Error(t, err, statement)
		}
		person(t, db, "c@example.com")
	})
}

func TestAStalePreparedStatementIsPassedBy(t *testing.T) {
	for name, statements := range map[string][]string{
		"changed table":  {`ALTER TABLE settings_users ALTER COLUMN name TYPE varchar(400)`},
		"swapped server": {`DEALLOCATE ALL`},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dbtest.PostgresDSN(t), MaxOpenConns: 1})
			closing(t, db, err)
			signIn(t, db, person(t, db, "ada@example.com"), security.Hash{1})
			for range 2 {
				_, err := db.Security().LoginByToken(t.Context(), security.Hash{1})
				require.NoError(t, err)
				for _, statement := range statements {
					exec(t, db, statement)
				}
			}
		})
	}
}

func TestWithoutPrepare(t *testing.T) {
	db, err := postgres.OpenWith(t.Context(), postgres.Config{DSN: dbtest.PostgresDSN(t), MaxOpenConns: 1, NoPrepare: true})
	closing(t, db, err)
	signIn(t, db, person(t, db, "ada@example.com"), security.Hash{1})
	_, err = db.Security().LoginByToken(t.Context(), security.Hash{1})
	require.NoError(t, err)
	var prepared int
	require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT count(*) FROM pg_prepared_statements`).Scan(t.Context(), &prepared))
	require.Zero(t, prepared)
}

// handWritten is what LoginByToken is measured against: the same SQL, prepared
// with database/sql and pgx, scanned into plain values.
type handWritten struct{ stmt *sql.Stmt }

type plainLogin struct {
	ID, User, Method, Connection                        string
	Version                                             int64
	Password, TOTP, BackupCode, Passkey, EmailCode, SSO sql.NullTime
	IP                                                  sql.NullString
	UserAgent                                           string
	SignedInAt, LastUsedAt, ExpiresAt                   time.Time
	Name, Email, Timezone, Locale                       string
	HasPassword                                         bool
	PasswordChangedAt                                   sql.NullTime
	PersonVersion                                       int64
	TwoFactor                                           bool
	Passkeys                                            int
}

func (h handWritten) login(ctx context.Context, hash security.Hash) (l plainLogin, err error) {
	err = h.stmt.QueryRowContext(ctx, hash[:]).Scan(&l.ID, &l.User, &l.Method, &l.Connection, &l.Version,
		&l.Password, &l.TOTP, &l.BackupCode, &l.Passkey, &l.EmailCode, &l.SSO,
		&l.IP, &l.UserAgent, &l.SignedInAt, &l.LastUsedAt, &l.ExpiresAt,
		&l.Name, &l.Email, &l.Timezone, &l.Locale, &l.HasPassword, &l.PasswordChangedAt, &l.PersonVersion,
		&l.TwoFactor, &l.Passkeys)
	return l, err
}

// BenchmarkLoginByToken measures authenticating a request on PostgreSQL, with a
// thousand sessions. "interleaved" takes turns and reports how fast the store is
// compared with the statement by hand; 1 is as fast.
func BenchmarkLoginByToken(b *testing.B) {
	dsn := dbtest.PostgresDSN(b)
	db, err := postgres.OpenWith(b.Context(), postgres.Config{DSN: dsn})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	var hashes []security.Hash
	for i := range 1000 {
		hashes = append(hashes, security.Hash{byte(i), byte(i >> 8), 1})
		signIn(b, db, person(b, db, fmt.Sprintf("person%d@example.com", i)), hashes[i])
	}
	exec(b, db, "ANALYZE")

	bare, err := sql.Open("pgx", dsn)
	require.NoError(b, err)
	defer func() { require.NoError(b, bare.Close()) }()
	prepared, err := bare.PrepareContext(b.Context(), bunstore.LoginSQL)
	require.NoError(b, err)
	defer func() { require.NoError(b, prepared.Close()) }()

	store, hand, i := db.Security(), handWritten{prepared}, 0
	next := func() security.Hash { i++; return hashes[i*7919%len(hashes)] }
	byStore := func() {
		if _, err := store.LoginByToken(b.Context(), next()); err != nil {
			b.Fatal(err)
		}
	}
	byHand := func() {
		if _, err := hand.login(b.Context(), next()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			byStore()
		}
	})
	b.Run("by-hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			byHand()
		}
	})
	b.Run("interleaved", func(b *testing.B) {
		var took [2]time.Duration
		time1 := func(f func()) time.Duration { began := time.Now(); f(); return time.Since(began) }
		runtime.GC()
		for b.Loop() {
			if i%4 < 2 { // neither always comes first
				took[0] += time1(byStore)
				took[1] += time1(byHand)
			} else {
				took[1] += time1(byHand)
				took[0] += time1(byStore)
			}
		}
		b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "store-ns/op")
		b.ReportMetric(float64(took[1].Nanoseconds())/float64(b.N), "by-hand-ns/op")
		b.ReportMetric(float64(took[1])/float64(took[0]), "speed")
	})
}
