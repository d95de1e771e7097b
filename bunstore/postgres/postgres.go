// Package postgres opens bunstore on a PostgreSQL database, version 13 or later.
// It links pgx.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/internal/pools"
)

// Config says how to open a database. DSN is all it needs.
type Config struct {
	// DSN is a URL (postgres://…) or a list of keywords and values, as libpq and
	// pgx take them. What it leaves out comes from the usual PG variables of the
	// environment. Timeouts of statements and locks, and the search_path, are
	// those of the DSN or of the role.
	DSN string

	// MaxOpenConns is how many connections there are at most; 0 means 20.
	MaxOpenConns int

	// MaxIdleConns is how many of them stay open without work; 0 means as many as
	// there may be, for 5 minutes at most: opening one costs more than a sign-in.
	MaxIdleConns int

	// ConnMaxLifetime is after how long a connection is replaced; 0 means 30
	// minutes, so that a new address of the server is taken up.
	ConnMaxLifetime time.Duration

	// NoMigrate leaves the tables as they are; see bunstore.DB.Migrate.
	NoMigrate bool

	// NoPrepare keeps the statements of authenticating and signing in from being
	// prepared, for poolers in transaction mode that do not know prepared
	// statements. Signing in then costs the database two to three times as much.
	NoPrepare bool
}

const connMaxIdleTime = 5 * time.Minute

// Open connects to the database and brings its tables up to date.
func Open(dsn string) (*bunstore.DB, error) {
	return OpenWith(context.Background(), Config{DSN: dsn})
}

// OpenWith is Open with everything that can be chosen. ctx bounds connecting and
// migrating, not the life of what it returns.
func OpenWith(ctx context.Context, c Config) (*bunstore.DB, error) {
	if c.MaxOpenConns < 0 || c.MaxIdleConns < 0 || c.ConnMaxLifetime < 0 {
		return nil, errors.New("postgres: a number in Config is negative")
	}
	conf, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err) // pgx leaves the password out
	}
	p := pools.Pools{Owned: true, NoPrepare: c.NoPrepare}
	pool := openPool(conf, &p)
	open := c.MaxOpenConns
	if open == 0 {
		open = 20
	}
	idle := c.MaxIdleConns
	if idle == 0 {
		idle = open
	}
	lifetime := c.ConnMaxLifetime
	if lifetime == 0 {
		lifetime = 30 * time.Minute
	}
	pool.SetMaxOpenConns(open)
	pool.SetMaxIdleConns(idle)
	pool.SetConnMaxLifetime(lifetime)
	pool.SetConnMaxIdleTime(connMaxIdleTime)

	p.Write = bun.NewDB(pool, pgdialect.New())
	p.Read = p.Write
	db, err := bunstore.FromPools(p)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	if c.NoMigrate {
		err = pool.PingContext(ctx)
	} else {
		err = db.Migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("postgres: open: %w", err), db.Close())
	}
	return db, nil
}

// openPool makes the connections, and says in p what they can do.
func openPool(conf *pgx.ConnConfig, p *pools.Pools) *sql.DB {
	if p.NoPrepare || conf.StatementCacheCapacity == 0 { // of the DSN
		// bun writes arguments into the SQL text. Every text is new, and preparing
		// each would take two round trips more.
		conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		return stdlib.OpenDB(*conf)
	}
	conf.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	p.Keep, p.Hold = keep, hold
	return sql.OpenDB(connector{stdlib.GetConnector(*conf)})
}
