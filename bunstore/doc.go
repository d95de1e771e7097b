// Package bunstore is the default store of every domain, on PostgreSQL and on
// SQLite, by bun.
//
// # Opening one
//
// The packages sqlite and postgres below this one open a database and bring its
// tables up to date:
//
//	store, err := sqlite.Open("app.db")
//	store, err := postgres.Open("postgres://…")
//
// A host that has a *bun.DB already hands it to [New] and calls [DB.Migrate]
// when it wants to. All tables begin with settings_. Nothing here names a
// schema: on PostgreSQL the tables live in the first one of the search_path.
//
// # Transactions
//
// [DB.InTx], and the Update of every domain, open a transaction; called with a
// context that already carries one of the same database, they join it as a
// savepoint. Only the context that the function gets carries the transaction.
// What is used after its end, savepoint or transaction, gives [ErrScopeEnded].
//
// The host's own statements take part through [DB.Conn]; inside a transaction
// that the host has begun itself, see [DB.Join].
//
// The outermost transaction runs its function again, three times at most, when
// the database refused it because of another transaction (PostgreSQL 40001,
// 40P01, 55P03; SQLite BUSY). It never does so once the outcome of a COMMIT is
// unknown.
//
// # Text
//
// Text that a person typed or that identifies something, and that holds a NUL
// byte or is not UTF-8, is refused with [ErrText]; looking it up finds nothing.
// Text that only describes a request or an entry of the audit log is stored
// without the bytes that do not belong there, because a strange user agent must
// not keep anybody from signing in and a refusal must not go unrecorded. User
// agents are cut to 512 bytes.
//
// # Query hooks
//
// bun writes arguments into the SQL text. A query hook that records it records
// password hashes, hashes of tokens and addresses.
package bunstore
