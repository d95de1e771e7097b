package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
)

// scratch is a folder for the file of an example.
func scratch() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "app.db"), func() { _ = os.RemoveAll(dir) }
}

// A host that has a *bun.DB already keeps its own tables in it too.
func ExampleNew() {
	path, remove := scratch()
	defer remove()
	pool, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = pool.Close() }()
	ctx := context.Background()

	store, err := bunstore.New(bun.NewDB(pool, sqlitedialect.New()))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	fmt.Println(errors.Is(store.Ready(ctx), bunstore.ErrPending))
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Ready(ctx))
	// Output:
	// true
	// <nil>
}

// The host's own rows and those of the library change together or not at all.
func ExampleDB_InTx() {
	path, remove := scratch()
	defer remove()
	store, err := sqlite.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	ctx := context.Background()
	if _, err := store.Conn(ctx).ExecContext(ctx, `CREATE TABLE workspaces (owner text)`); err != nil {
		log.Fatal(err)
	}

	ada := newUser("ada@example.com")
	err = store.InTx(ctx, func(ctx context.Context) error {
		err := store.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
			return tx.InsertUser(ctx, ada)
		})
		if err != nil {
			return err
		}
		_, err = store.Conn(ctx).ExecContext(ctx, `INSERT INTO workspaces VALUES (?)`, ada.ID)
		return err
	})
	fmt.Println(err)

	var owners int
	err = store.Conn(ctx).NewRaw(`SELECT count(*) FROM workspaces`).Scan(ctx, &owners)
	fmt.Println(owners, err)
	// Output:
	// <nil>
	// 1 <nil>
}

// The library takes part in a transaction that the host has begun.
func ExampleDB_Join() {
	path, remove := scratch()
	defer remove()
	store, err := sqlite.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	ctx := context.Background()

	hosts, ok := store.Conn(ctx).(*bun.DB)
	if !ok {
		log.Fatal("inside a transaction already")
	}
	tx, err := hosts.DB.BeginTx(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	inside, done := store.Join(ctx, tx)
	err = store.Accounts().Update(inside, func(ctx context.Context, tx accounts.Tx) error {
		tx.AfterCommit(func(context.Context) { fmt.Println("wake up") })
		return tx.InsertUser(ctx, newUser("ada@example.com"))
	})
	if err != nil {
		log.Fatal(err)
	}
	err = tx.Commit()
	fmt.Println("committed:", err == nil)
	done(err == nil)
	// Output:
	// committed: true
	// wake up
}
