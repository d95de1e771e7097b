package bunstore_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

// oneConnection is a database of its own on one connection.
func oneConnection(t *testing.T, c postgres.Config) *bunstore.DB {
	t.Helper()
	if c.DSN == "" {
		c.DSN = dbtest.PostgresDSN(t)
	}
	c.MaxOpenConns = 1
	db, err := postgres.OpenWith(t.Context(), c)
	closing(t, db, err)
	return db
}

// lookUp asks what signing in asks outside of a transaction.
func lookUp(ctx context.Context, t *testing.T, store security.Reader, u accounts.User) {
	t.Helper()
	byEmail, err := store.PersonByEmail(ctx, u.EmailKey)
	require.NoError(t, err)
	require.Equal(t, u.ID, byEmail.ID)
	byID, err := store.PersonByID(ctx, u.ID)
	require.NoError(t, err)
	require.Equal(t, byEmail, byID)
	_, err = store.Seen(ctx, u.ID, security.Hash{7}, "")
	require.NoError(t, err)
	_, err = store.PendingByToken(ctx, security.Hash{9}, now, 5)
	require.ErrorIs(t, err, security.ErrSignInExpired)
}

// enter writes what signing in writes, by way of a second factor.
func enter(ctx context.Context, t *testing.T, tx security.Tx, u accounts.User) error {
	t.Helper()
	p, err := tx.LockPerson(ctx, u.ID)
	if err != nil {
		return err
	}
	ending := id.NewSession()
	hash, old := security.Hash(append(ending[:], ending[:]...)), security.Hash{31: 1}
	copy(old[:], ending[:])
	pending := security.PendingSignIn{
		Hash: hash, User: u.ID, Version: p.Version, Method: audit.Password, Proofs: audit.Proofs{}.With(audit.Password, now),
		CreatedAt: now, ExpiresAt: now.Add(1e9),
	}
	require.NoError(t, tx.InsertPending(ctx, pending))
	tried, err := tx.TryPending(ctx, hash, now, 5)
	require.NoError(t, err)
	pending.Tries = 1
	require.Equal(t, pending, tried)
	spent, err := tx.SpendPending(ctx, hash, now)
	require.NoError(t, err)
	require.Equal(t, pending, spent)

	s := security.Session{
		ID: ending, User: u.ID, Method: audit.Password, Proofs: pending.Proofs, Version: p.Version,
		IP: netip.MustParseAddr("2001:db8::1"), UserAgent: `Mozilla/5.0 "?0" $1 '\`,
		SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(1e12),
	}
	require.NoError(t, tx.InsertSession(ctx, s, old))
	s.Proofs = s.Proofs.With(audit.TOTP, now)
	require.NoError(t, tx.RenewSession(ctx, s, security.Hash{}))
	login, err := tx.LoginByToken(ctx, old)
	require.NoError(t, err)
	require.Equal(t, s, login.Session)
	require.NoError(t, tx.RenewSession(ctx, s, hash))
	_, err = tx.LoginByToken(ctx, old)
	require.ErrorIs(t, err, security.ErrSessionNotFound)
	login, err = tx.LoginByToken(ctx, hash)
	require.NoError(t, err)
	require.Equal(t, s, login.Session)

	if err := tx.NoteSeen(ctx, u.ID, security.Hash{7}, "", now); err != nil {
		return err
	}
	return tx.AppendAudit(ctx, audit.Entry{
		ID: id.NewEntry(), At: now, Action: "test.entered", Outcome: audit.Done, ActorKind: audit.KindAnonymous, User: u.ID,
		IP: s.IP, Changes: []audit.Change{{Field: "name", Before: `\u0000 'a' $1 ?0`, After: `"b"`}},
	})
}

// enterOnce reports how often a transaction ran until it was through.
func enterOnce(t *testing.T, db *bunstore.DB, u accounts.User) (runs int) {
	t.Helper()
	require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
		runs++
		return enter(ctx, t, tx, u)
	}))
	return runs
}

// preparedOn is what the one connection keeps: statements of ours, by name.
func preparedOn(t *testing.T, db *bunstore.DB) map[string]string {
	t.Helper()
	var rows []struct{ Name, Statement string }
	require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT name, statement FROM pg_prepared_statements`).Scan(t.Context(), &rows))
	kept := map[string]string{}
	for _, r := range rows {
		kept[r.Name] = r.Statement
	}
	return kept
}

// The statements of the way in are kept, and mean the same prepared and not.
func TestTheWayInIsPrepared(t *testing.T) {
	for name, c := range map[string]struct {
		config postgres.Config
		kept   int
	}{
		"kept":             {postgres.Config{}, 17},
		"a pooler":         {postgres.Config{NoPrepare: true}, 0},
		"no cache by DSN":  {postgres.Config{DSN: "statement_cache_capacity=0"}, 0},
		"a cache of three": {postgres.Config{DSN: "statement_cache_capacity=3"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if c.config.DSN != "" {
				dsn, separator := dbtest.PostgresDSN(t), " "
				if strings.Contains(dsn, "://") {
					separator = "&"
				}
				c.config.DSN = dsn + separator + c.config.DSN
			}
			db := oneConnection(t, c.config)
			u := person(t, db, "ada@example.com")
			for range 7 { // beyond the fifth PostgreSQL may choose another plan
				lookUp(t.Context(), t, db.Security(), u)
				require.Equal(t, 1, enterOnce(t, db, u))
			}
			require.Len(t, preparedOn(t, db), c.kept)
			entries, err := db.Audit().Entries(t.Context(), u.ID, id.Entry{}, 50)
			require.NoError(t, err)
			require.Len(t, entries, 7)
			require.Equal(t, []audit.Change{{Field: "name", Before: `\u0000 'a' $1 ?0`, After: `"b"`}}, entries[6].Changes)
		})
	}
}

// A migration, or a pooler that swaps the server, while the product runs.
func TestStaleStatementsOfTheWayInArePassedBy(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		again     int // how often a transaction runs
	}{
		"changed table":  {`ALTER TABLE settings_users ALTER COLUMN name TYPE varchar(40?)`, 2},
		"swapped server": {`DEALLOCATE ALL`, 2},
		"new column":     {`ALTER TABLE settings_sessions ADD COLUMN later? text`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			db := oneConnection(t, postgres.Config{})
			u := person(t, db, "ada@example.com")
			lookUp(t.Context(), t, db.Security(), u)
			require.Equal(t, 1, enterOnce(t, db, u))
			for i := range 2 {
				exec(t, db, c.statement, i)
				lookUp(t.Context(), t, db.Security(), u)
				require.Equal(t, c.again, enterOnce(t, db, u))
				require.Equal(t, 1, enterOnce(t, db, u))
				lookUp(t.Context(), t, db.Security(), u)
			}
			require.NotEmpty(t, preparedOn(t, db))
		})
	}
}

// A server connection that a pooler swapped in may know the names already.
func TestAStatementOfTheSameNameIsPassedBy(t *testing.T) {
	first := oneConnection(t, postgres.Config{})
	u := person(t, first, "ada@example.com")
	lookUp(t.Context(), t, first.Security(), u)
	enterOnce(t, first, u)

	second := oneConnection(t, postgres.Config{})
	u = person(t, second, "ada@example.com")
	_, err := second.Conn(t.Context()).ExecContext(t.Context(), `DEALLOCATE ALL`)
	require.NoError(t, err)
	for name := range preparedOn(t, first) {
		exec(t, second, `PREPARE "`+name+`" AS SELECT 1`)
	}
	lookUp(t.Context(), t, second.Security(), u)
	require.Equal(t, 2, enterOnce(t, second, u))
}

// A host's transaction is not run again, so a statement that a migration has made
// stale must not end it.
func TestAHostsTransactionTakesNothingPrepared(t *testing.T) {
	db := oneConnection(t, postgres.Config{})
	u := person(t, db, "ada@example.com")
	require.Equal(t, 1, enterOnce(t, db, u))
	before := preparedOn(t, db)
	exec(t, db, `ALTER TABLE settings_users ALTER COLUMN name TYPE varchar(400)`)
	host, err := pool(t, db).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	ctx, done := db.Join(t.Context(), host)
	lookUp(ctx, t, db.Security(), u)
	require.NoError(t, db.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error { return enter(ctx, t, tx, u) }))
	require.NoError(t, host.Commit())
	done(true)
	require.Equal(t, before, preparedOn(t, db))
}

// Savepoints hand a stale statement on to the outermost transaction.
func TestAStaleStatementInASavepoint(t *testing.T) {
	db := oneConnection(t, postgres.Config{})
	u := person(t, db, "ada@example.com")
	require.Equal(t, 1, enterOnce(t, db, u))
	exec(t, db, `DEALLOCATE ALL`)
	outer := 0
	require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
		outer++
		require.NoError(t, rename(ctx, db, u, "Grace Hopper"))
		return db.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error { return enter(ctx, t, tx, u) })
	}))
	require.Equal(t, 2, outer)
	require.Equal(t, "Grace Hopper", nameOf(t, db, u))
}
