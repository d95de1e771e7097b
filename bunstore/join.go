package bunstore

import (
	"context"
	"database/sql"
)

// Join makes what is called with the returned context take part in tx, a
// transaction of the same database that the host has begun: every Update and
// InTx is a savepoint in it. Nothing is run again after a conflict, and nothing
// is committed: that is the host's business.
//
// The host calls done once tx has ended, and says whether it has committed. If
// so, done runs what was registered by AfterCommit. Either way the context
// carries nothing usable afterwards. Calls after the first do nothing.
//
//	tx, err := db.BeginTx(ctx, nil)
//	…
//	inside, done := store.Join(ctx, tx)
//	… app.Accounts.Rename(inside, …)
//	err = tx.Commit()
//	done(err == nil)
//
// On SQLite tx must come from the pool that writes, and an error that makes
// SQLite undo the transaction (a full disk, say) makes everything after it fail;
// the host must then roll back.
func (d *DB) Join(ctx context.Context, tx *sql.Tx) (inside context.Context, done func(committed bool)) {
	sc := &scope{t: &transaction{db: d, tx: tx}}
	sc.t.current = sc
	return d.with(ctx, sc), func(committed bool) {
		after, _ := sc.end()
		if !committed {
			return
		}
		ctx := context.WithoutCancel(ctx)
		for _, f := range after {
			f(ctx)
		}
	}
}
