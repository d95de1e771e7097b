package settings_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// wide is as permissive as a limiter can be: a benchmark measures the work.
type wide struct{}

func (wide) Take(context.Context, string, int, time.Duration) (time.Duration, error) { return 0, nil }
func (wide) Give(context.Context, string, int, time.Duration) error                  { return nil }

func benchApp(b *testing.B, db settings.Store) *settings.Settings {
	b.Helper()
	path := filepath.Join(b.TempDir(), "keys.json")
	keys, err := settings.CreateKeys(path)
	require.NoError(b, err)
	app, err := settings.New(settings.Config{
		Product: "Acme", PublicURL: "http://localhost:8080", Store: db, From: "a@acme.example",
		Mailer: nobody{}, Keys: keys, Limiter: wide{},
	})
	require.NoError(b, err)
	return app
}

type nobody struct{}

func (nobody) SendMail(context.Context, mail.Message) error { return nil }

// rawLogin is what authenticating a request asks the database.
const rawLogin = `SELECT s.id, s.user_id, s.method, s.connection, s.version,
	s.password_at, s.totp_at, s.backup_code_at, s.passkey_at, s.email_code_at, s.sso_at,
	s.ip, s.user_agent, s.signed_in_at, s.last_used_at, s.expires_at,
	u.name, u.email, u.timezone, u.locale,
	c.password_hash IS NOT NULL, c.password_changed_at, COALESCE(c.version, 0),
	EXISTS (SELECT 1 FROM settings_totp AS t WHERE t.user_id = s.user_id AND t.confirmed_at IS NOT NULL),
	(SELECT count(*) FROM settings_passkeys AS k WHERE k.user_id = s.user_id)
FROM settings_sessions AS s
JOIN settings_users AS u ON u.id = s.user_id
LEFT JOIN settings_credentials AS c ON c.user_id = s.user_id
WHERE u.deleted_at IS NULL AND s.token_hash = $1`

// BenchmarkAuthenticate compares authenticating a request with the same SQL,
// prepared by hand: ten rounds of each in turn. The ratio is that of the
// throughputs, the median of the rounds.
func BenchmarkAuthenticate(b *testing.B) {
	dsn := dbtest.PostgresDSN(b)
	db := openPostgres(b, dsn)
	app := benchApp(b, db)
	tokens := manySessions(b, app, db, 1000)

	raw, err := sql.Open("pgx", dsn)
	require.NoError(b, err)
	b.Cleanup(func() { _ = raw.Close() })
	raw.SetMaxIdleConns(8)
	stmt, err := raw.PrepareContext(b.Context(), rawLogin)
	require.NoError(b, err)
	b.Cleanup(func() { _ = stmt.Close() })

	ours := func(i int) {
		if _, err := app.Security.Authenticate(b.Context(), tokens[i%len(tokens)].Reveal()); err != nil {
			b.Fatal(err)
		}
	}
	theirs := func(i int) {
		hash := tokens[i%len(tokens)].Hash()
		var row rawRow
		if err := stmt.QueryRowContext(b.Context(), hash[:]).Scan(row.fields()...); err != nil {
			b.Fatal(err)
		}
	}
	const rounds, each = 10, 1000
	round := func(fn func(int)) time.Duration {
		start := time.Now()
		for i := range each {
			fn(i)
		}
		return time.Since(start)
	}
	round(ours)
	round(theirs)
	for b.Loop() {
		var ratios []float64
		var a, t time.Duration
		for range rounds {
			o, r := round(ours), round(theirs)
			ratios = append(ratios, float64(r)/float64(o))
			a, t = a+o, t+r
		}
		slices.Sort(ratios)
		b.ReportMetric((ratios[4]+ratios[5])/2, "ratio")
		b.ReportMetric(float64(a.Microseconds())/rounds/each, "µs/auth")
		b.ReportMetric(float64(t.Microseconds())/rounds/each, "µs/raw")
	}
	b.ReportMetric(testing.AllocsPerRun(200, func() { ours(1) }), "allocs/auth")
	b.ReportMetric(testing.AllocsPerRun(200, func() { theirs(1) }), "allocs/raw")
	b.ReportMetric(0, "ns/op")
}

// rawRow holds a row as database/sql scans it without help.
type rawRow struct {
	id, user, method, connection, ip, agent, name, email, zone, locale sql.NullString
	version, credential                                                int64
	times                                                              [10]sql.NullTime
	has, twoFactor                                                     bool
	passkeys                                                           int
}

func (r *rawRow) fields() []any {
	t := &r.times
	return []any{
		&r.id, &r.user, &r.method, &r.connection, &r.version, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5],
		&r.ip, &r.agent, &t[6], &t[7], &t[8], &r.name, &r.email, &r.zone, &r.locale, &r.has, &t[9], &r.credential,
		&r.twoFactor, &r.passkeys,
	}
}

func openPostgres(b *testing.B, dsn string) *bunstore.DB {
	b.Helper()
	db, err := postgres.OpenWith(b.Context(), postgres.Config{DSN: dsn, NoMigrate: true})
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// manySessions makes n people with a session each.
func manySessions(b *testing.B, app *settings.Settings, db *bunstore.DB, n int) []security.Token {
	b.Helper()
	tokens := make([]security.Token, 0, n)
	for i := range n {
		in := enroll(b, app, db, fmt.Sprintf("p%d@example.com", i), "")
		tokens = append(tokens, in.Token)
	}
	return tokens
}

func enroll(b *testing.B, app *settings.Settings, db *bunstore.DB, email string, hash security.PasswordHash) security.SignedIn {
	b.Helper()
	user := insertUser(b, db, email)
	in, err := app.Security.Enroll(b.Context(), audit.Actor{UserAgent: "bench"}, user, hash)
	require.NoError(b, err)
	return in
}

// BenchmarkSignIn compares signing in with nothing but argon2id, in exactly as
// many workers as there are slots. The ratio is that of the throughputs.
func BenchmarkSignIn(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *bunstore.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		for _, callers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, callers), func(b *testing.B) { benchSignIn(b, open(b), callers) })
		}
	}
}

func benchSignIn(b *testing.B, db *bunstore.DB, callers int) {
	const password, slots = "correct horse 42", 2
	app := benchApp(b, db)
	hash, err := app.Security.HashNewPassword(b.Context(), "password", password)
	require.NoError(b, err)
	for i := range callers {
		enroll(b, app, db, fmt.Sprintf("p%d@example.com", i), hash)
	}
	each := max(96, 6*callers) // sign-ins in a round: enough that its edges weigh little
	signIns := func() time.Duration {
		return inParallel(callers, each, func(worker int) {
			_, err := app.Security.SignIn(b.Context(), audit.Actor{UserAgent: "bench"},
				security.SignIn{Email: fmt.Sprintf("p%d@example.com", worker), Password: password})
			if err != nil {
				b.Error(err)
			}
		})
	}
	hashes := func() time.Duration {
		return inParallel(min(callers, slots), each, func(int) {
			if ok, err := argon2id.ComparePasswordAndHash(password, string(hash)); !ok || err != nil {
				b.Error("not the password", err)
			}
		})
	}
	signIns()
	for b.Loop() {
		var ratios []float64
		for range 5 {
			s, h := signIns(), hashes()
			ratios = append(ratios, float64(h)/float64(s))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[2], "ratio")
	}
	b.ReportMetric(0, "ns/op")
}

func inParallel(workers, n int, fn func(worker int)) time.Duration {
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range todo {
				fn(w)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func insertUser(b testing.TB, db *bunstore.DB, email string) id.User {
	b.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	user := id.NewUser()
	u := accounts.User{
		ID: user, Name: "Bench", Email: email, EmailKey: email, Timezone: "UTC", Locale: "en",
		AvatarKey: strings.ReplaceAll(user.String(), "-", ""), CreatedAt: now, UpdatedAt: now,
	}
	require.NoError(b, db.Accounts().Update(b.Context(), func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, u) }))
	return u.ID
}

// The surplus of a flood is refused at once, and told when to come back.
func TestSignInFlood(t *testing.T) {
	app := settingstest.Start(t, settings.Config{Limiter: wide{}, Hashing: security.Hashing{MemoryKiB: 8 * 1024, Passes: 2, Slots: 1, Queue: 4}})
	app.SignUp("ada@example.com", "Ada")
	var mu sync.Mutex
	codes := map[int]int{}
	var wg sync.WaitGroup
	for range 60 {
		wg.Go(func() {
			r := app.Client().API(post, "/auth/sign-in", credentials("ada@example.com", "wrong horse 42"))
			mu.Lock()
			defer mu.Unlock()
			codes[r.Status]++
			if r.Status == 503 && (r.Header.Get("Retry-After") == "" || r.Code() != "overloaded") {
				t.Errorf("503 without Retry-After: %s", r.Body)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 60, codes[401]+codes[503], "%v", codes)
	require.Positive(t, codes[401])
	require.Positive(t, codes[503])
}

// Checking a secret refuses to run inside somebody's transaction.
func TestSecretsOutsideOfTransactions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		app.SignUp("ada@example.com", "Ada")
		err := db.InTx(t.Context(), func(ctx context.Context) error {
			_, err := app.Security.SignIn(ctx, audit.Actor{}, security.SignIn{Email: "ada@example.com", Password: settingstest.Password})
			return err
		})
		require.ErrorIs(t, err, security.ErrInTransaction)
		require.False(t, errors.Is(err, fault.Unauthenticated))
		_, err = app.Security.SignIn(t.Context(), audit.Actor{}, security.SignIn{Email: "ada@example.com", Password: settingstest.Password})
		require.NoError(t, err)
	})
}
