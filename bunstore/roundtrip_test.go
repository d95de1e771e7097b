package bunstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/security"
)

// wire stands between a client and PostgreSQL and counts how often the server was
// through with what it had been sent (ReadyForQuery): round trips.
type wire struct{ ready atomic.Int64 }

// counted returns the database on one connection over a wire.
func counted(t *testing.T) (*bunstore.DB, *wire) {
	t.Helper()
	dsn := dbtest.PostgresDSN(t)
	conf, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("/tmp", "wire-") // the path of a socket has little more than 100 bytes
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	front, err := net.Listen("unix", dir+"/.s.PGSQL.5432")
	require.NoError(t, err)
	t.Cleanup(func() { _ = front.Close() })
	w := &wire{}
	go w.serve(front, conf)
	db := oneConnection(t, postgres.Config{DSN: "host=" + dir + " port=5432 sslmode=disable user=" + conf.User +
		" password='" + conf.Password + "' dbname=" + conf.Database})
	return db, w
}

func (w *wire) serve(front net.Listener, conf *pgx.ConnConfig) {
	for {
		client, err := front.Accept()
		if err != nil {
			return
		}
		network, address := pgconn.NetworkAddress(conf.Host, conf.Port)
		server, err := net.Dial(network, address)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		go func() {
			w.count(client, server)
			_ = client.Close()
		}()
	}
}

// count passes on what the server says: messages of a type and a length.
func (w *wire) count(client io.Writer, server io.Reader) {
	for {
		var head [5]byte
		if _, err := io.ReadFull(server, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if head[0] == 'Z' {
			w.ready.Add(1)
		}
		if _, err := client.Write(append(head[:], body...)); err != nil {
			return
		}
	}
}

// trips is how many round trips fn takes, once its statements are prepared.
func (w *wire) trips(t *testing.T, fn func() error) int {
	t.Helper()
	require.NoError(t, fn())
	before := w.ready.Load()
	require.NoError(t, fn())
	return int(w.ready.Load() - before)
}

func newLetter() mail.Envelope {
	return mail.Envelope{ID: id.NewMail(), Kind: "test.letter", To: mail.Recipient{Address: "ada@example.com"}, CreatedAt: now, DueAt: now}
}

func newEntry(u accounts.User) audit.Entry {
	return audit.Entry{
		ID: id.NewEntry(), At: now, Action: "test.entered", Outcome: audit.Done, ActorKind: audit.KindAnonymous, User: u.ID,
	}
}

// Whatever is written without an answer shares a round trip with COMMIT, or with
// the next statement that has one, as BEGIN does.
func TestRoundTripsOfATransaction(t *testing.T) {
	db, w := counted(t)
	u := person(t, db, "ada@example.com")
	append2 := func(ctx context.Context, tx security.Tx) error {
		return errors.Join(tx.AppendAudit(ctx, newEntry(u)), tx.AppendAudit(ctx, newEntry(u)), tx.EnqueueMail(ctx, newLetter()))
	}
	lock := func(ctx context.Context, tx security.Tx) error {
		_, err := tx.LockPerson(ctx, u.ID)
		return err
	}
	for name, c := range map[string]struct {
		fn    func(ctx context.Context, tx security.Tx) error
		trips int
	}{
		"entries and a letter": {append2, 1},
		"a lock":               {lock, 2},
		"a lock, then both": {func(ctx context.Context, tx security.Tx) error {
			return errors.Join(lock(ctx, tx), append2(ctx, tx))
		}, 2},
		"both, then a lock": {func(ctx context.Context, tx security.Tx) error {
			return errors.Join(append2(ctx, tx), lock(ctx, tx))
		}, 2},
		"very many entries": {func(ctx context.Context, tx security.Tx) error {
			for range 150 { // with BEGIN and COMMIT, in two parts
				if err := tx.AppendAudit(ctx, newEntry(u)); err != nil {
					return err
				}
			}
			return nil
		}, 2},
		"signing in": {func(ctx context.Context, tx security.Tx) error {
			p, err := tx.LockPerson(ctx, u.ID)
			if err != nil {
				return err
			}
			s := security.Session{
				ID: id.NewSession(), User: u.ID, Method: audit.Password, Version: p.Version,
				SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(1e12),
			}
			hash := security.Hash(append(s.ID[:], s.ID[:]...))
			return errors.Join(tx.InsertSession(ctx, s, hash), tx.AppendAudit(ctx, newEntry(u)),
				tx.NoteSeen(ctx, u.ID, hash, "GB", now), tx.NoteSeen(ctx, u.ID, security.Hash{1}, "GB", now))
		}, 2},
	} {
		got := w.trips(t, func() error { return db.Security().Update(t.Context(), c.fn) })
		require.Equal(t, c.trips, got, name)
	}
}

// entriesOf is how many there are of a person, read wherever ctx says.
func entriesOf(ctx context.Context, t *testing.T, db *bunstore.DB, u accounts.User) int {
	t.Helper()
	entries, err := db.Audit().Entries(ctx, u.ID, id.Entry{}, 200)
	require.NoError(t, err)
	return len(entries)
}

// What has been held back is there for whatever reads in the transaction, by
// whichever way.
func TestWhatIsHeldBackIsRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			require.NoError(t, tx.AppendAudit(ctx, newEntry(u)))
			require.Equal(t, 1, entriesOf(ctx, t, db, u))

			s := security.Session{ID: id.NewSession(), User: u.ID, Method: audit.Password, Version: 1, SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(1e12)}
			require.NoError(t, tx.InsertSession(ctx, s, security.Hash{1}))
			p, err := tx.LockPerson(ctx, u.ID)
			require.NoError(t, err)
			require.Equal(t, 1, p.Sessions)

			require.NoError(t, tx.NoteSeen(ctx, u.ID, security.Hash{1}, "GB", now))
			seen, err := tx.Seen(ctx, u.ID, security.Hash{1}, "GB")
			require.NoError(t, err)
			require.Equal(t, security.Seen{Any: true, Device: true, Country: true, LastSeenAt: now}, seen)

			require.NoError(t, tx.AppendAudit(ctx, newEntry(u)))
			var n int
			require.NoError(t, db.Conn(ctx).QueryRowContext(ctx, `SELECT count(*) FROM settings_audit_entries`).Scan(&n))
			require.Equal(t, 2, n)

			require.NoError(t, tx.AppendAudit(ctx, newEntry(u)))
			res, err := db.Conn(ctx).ExecContext(ctx, `UPDATE settings_sessions SET connection = 'x' WHERE user_id = ?`, u.ID)
			require.NoError(t, err)
			changed, err := res.RowsAffected()
			require.NoError(t, err)
			require.EqualValues(t, 1, changed)
			return nil
		}))
		require.Equal(t, 3, entriesOf(t.Context(), t, db, u))
	})
}

// A failure of what has been held back comes from the next statement, or else
// from Update, and nothing of the transaction stays.
func TestAFailureOfWhatIsHeldBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		twice := newEntry(u)
		for _, read := range []bool{false, true} {
			err := db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
				if err := errors.Join(tx.AppendAudit(ctx, twice), tx.AppendAudit(ctx, twice)); err != nil || !read {
					return err
				}
				if _, err := tx.LockPerson(ctx, u.ID); err != nil {
					return err
				}
				t.Error("read on after a failure")
				return nil
			})
			require.ErrorContains(t, err, "settings_audit_entries")
			require.Zero(t, entriesOf(t.Context(), t, db, u))
		}
		// The connection is good for more, and knows nothing of what was before.
		for range 5 {
			require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
				return tx.AppendAudit(ctx, newEntry(u))
			}))
		}
		require.Equal(t, 5, entriesOf(t.Context(), t, db, u))
		require.Zero(t, pool(t, db).Stats().InUse)
	})
}

// A failure in a part that is undone stays there, and one of what was held back
// before belongs to the whole.
func TestAFailureOfWhatIsHeldBackInASavepoint(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		twice := newEntry(u)
		entries := func(n int, err error) func(ctx context.Context, tx security.Tx) error {
			return func(ctx context.Context, tx security.Tx) error {
				for range n {
					if e := tx.AppendAudit(ctx, twice); e != nil {
						return e
					}
				}
				return err
			}
		}
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			require.NoError(t, tx.AppendAudit(ctx, newEntry(u)))
			require.ErrorContains(t, db.Security().Update(ctx, entries(2, nil)), "settings_audit_entries")
			require.NoError(t, tx.AppendAudit(ctx, newEntry(u)))
			err := db.Security().Update(ctx, entries(2, errBoom))
			require.True(t, errors.Is(err, errBoom) || strings.Contains(err.Error(), "settings_audit_entries"), "%v", err)
			require.ErrorIs(t, db.Security().Update(ctx, entries(1, errBoom)), errBoom)
			return db.Security().Update(ctx, entries(1, nil))
		}))
		require.Equal(t, 3, entriesOf(t.Context(), t, db, u))

		err := db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			return errors.Join(tx.AppendAudit(ctx, twice), db.Security().Update(ctx, entries(0, nil)))
		})
		require.ErrorContains(t, err, "settings_audit_entries")
	})
}

// What has been held back goes the way of the transaction that ends without it.
func TestWhatIsHeldBackIsRolledBack(t *testing.T) {
	db, w := counted(t)
	u := person(t, db, "ada@example.com")
	before := w.ready.Load()
	require.ErrorIs(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
		return errors.Join(tx.AppendAudit(ctx, newEntry(u)), tx.EnqueueMail(ctx, newLetter()), errBoom)
	}), errBoom)
	require.Equal(t, before, w.ready.Load(), "the server has heard of nothing")
	require.Zero(t, entriesOf(t.Context(), t, db, u))
	mails, err := db.Mail().ClaimMail(t.Context(), now, 1e9, 10)
	require.NoError(t, err)
	require.Empty(t, mails)
}

// A transaction that finds a stale statement when it commits is run again.
func TestAStaleStatementAtCommit(t *testing.T) {
	db := oneConnection(t, postgres.Config{})
	u := person(t, db, "ada@example.com")
	note := func() (runs int) {
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			runs++
			return tx.AppendAudit(ctx, newEntry(u))
		}))
		return runs
	}
	require.Equal(t, 1, note())
	exec(t, db, `DEALLOCATE ALL`)
	require.Equal(t, 2, note())
	require.Equal(t, 1, note())
	require.Equal(t, 3, entriesOf(t.Context(), t, db, u))
}

// Statements that database/sql prepares are of the transaction too.
func TestPreparedByTheHostInATransaction(t *testing.T) {
	db := oneConnection(t, postgres.Config{})
	u := person(t, db, "ada@example.com")
	tx, err := pool(t, db).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	stmt, err := tx.PrepareContext(t.Context(), `UPDATE settings_users SET name = $1 WHERE id = $2`)
	require.NoError(t, err)
	_, err = stmt.ExecContext(t.Context(), "Grace Hopper", u.ID)
	require.NoError(t, err)
	require.NoError(t, stmt.Close()) //nolint:sqlclosecheck // before the transaction ends
	require.NoError(t, tx.Rollback())
	require.Equal(t, "Ada Lovelace", nameOf(t, db, u))
}

// A statement that was held back may wait for a lock when the transaction is to be
// committed. That ends with the context of whoever waits for it, and it is known
// that nothing was committed.
func TestGivingUpWhileCommitting(t *testing.T) {
	db := dbtest.Postgres(t)
	u := person(t, db, "ada@example.com")
	held, err := pool(t, db).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = held.Rollback() }()
	_, err = held.ExecContext(t.Context(), `DELETE FROM settings_users WHERE id = $1`, u.ID)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() {
		result <- db.Security().Update(ctx, func(ctx context.Context, tx security.Tx) error {
			return errors.Join(tx.AppendAudit(ctx, newEntry(u)), tx.NoteSeen(ctx, u.ID, security.Hash{1}, "GB", now))
		})
	}()
	require.Eventually(t, func() bool { return waiting(t, db) == 1 }, time.Minute, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	require.NoError(t, held.Rollback())
	require.Zero(t, entriesOf(t.Context(), t, db, u))
	require.Zero(t, pool(t, db).Stats().InUse)
	for range 3 { // and the request to stop meets nothing else
		lookUp(t.Context(), t, db.Security(), u)
	}
}
