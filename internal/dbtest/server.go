package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore/postgres"
)

// Variable names the environment variable with the DSN of a superuser.
const Variable = "SETTINGS_TEST_POSTGRES"

// errNoPostgres: there is nothing to test on, and it says what to do about it.
var errNoPostgres = errors.New("no PostgreSQL: install it (Debian: apt-get install postgresql) or set " + Variable + " to the DSN of a superuser")

// server is a PostgreSQL server with a template that has the tables.
type server struct {
	dsn      string  // of the maintenance database
	admin    *sql.DB // connections to it
	template string
	prefix   string // of the names of databases, unlike those of other processes
	count    atomic.Int64
	halt     func() // stops a cluster of our own
}

var (
	started sync.Once
	running *server
	failure error
	exit    = os.Exit
)

// theServer starts the server when it is first asked for.
func theServer() (*server, error) {
	started.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		running, failure = newServer(ctx)
	})
	return running, failure
}

func newServer(ctx context.Context) (*server, error) {
	var random [4]byte
	_, _ = rand.Read(random[:])
	s := &server{dsn: os.Getenv(Variable), prefix: "settings_test_" + hex.EncodeToString(random[:]) + "_", halt: func() {}}
	if s.dsn == "" {
		dsn, halt, err := startCluster(ctx)
		if err != nil {
			return nil, err
		}
		s.dsn, s.halt = dsn, halt
	}
	s.template = s.prefix + "template"
	if err := s.prepare(ctx); err != nil {
		s.halt()
		return nil, err
	}
	return s, nil
}

// prepare makes the template.
func (s *server) prepare(ctx context.Context) error {
	conf, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		return err
	}
	s.admin = stdlib.OpenDB(*conf)
	s.admin.SetMaxOpenConns(2)
	if err := s.exec(ctx, "CREATE DATABASE "+s.template); err != nil {
		return err
	}
	db, err := postgres.OpenWith(ctx, postgres.Config{DSN: s.of(s.template)})
	if err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	return db.Close() // a template must have no connection
}

// stop takes the server down, or what was made on it.
func stop() {
	if running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := running.exec(ctx, "DROP DATABASE IF EXISTS "+running.template)
	if err := errors.Join(err, running.admin.Close()); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
	}
	running.halt()
}

func (s *server) exec(ctx context.Context, statement string) error {
	_, err := s.admin.ExecContext(ctx, statement)
	return err
}

// of returns the DSN of another database of the server.
func (s *server) of(database string) string {
	if u, err := url.Parse(s.dsn); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.Path = "/" + database
		return u.String()
	}
	return s.dsn + " dbname=" + database
}

// skippable reports whether tests may be left out because of err.
func skippable(err error) bool {
	return errors.Is(err, errNoPostgres) && os.Getenv("CI") != "true"
}

// fresh makes a database for a test. err is why there is no server.
func (s *server) fresh(t testing.TB, err error, tables bool) string {
	t.Helper()
	if skippable(err) {
		fmt.Fprintf(os.Stderr, "\n*** %s SKIPPED: %v ***\n\n", t.Name(), err)
		t.Skip(err.Error())
	}
	require.NoError(t, err)

	name := fmt.Sprintf("%s%d", s.prefix, s.count.Add(1))
	create := "CREATE DATABASE " + name
	if tables {
		create += " TEMPLATE " + s.template
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	require.NoError(t, s.exec(ctx, create))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		// FORCE: a test that failed may have left connections behind.
		require.NoError(t, s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"))
	})
	return s.of(name)
}
