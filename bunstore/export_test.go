package bunstore

import (
	"context"
	"io/fs"
)

// MigrateFiles is Migrate with other migrations than the embedded ones.
func (d *DB) MigrateFiles(ctx context.Context, files fs.FS) error { return d.migrate(ctx, files) }

// PendingFiles is Pending with other migrations than the embedded ones.
func (d *DB) PendingFiles(ctx context.Context, files fs.FS) ([]string, error) {
	return d.pending(ctx, files)
}

// LoginSQL is the statement of LoginByToken for database/sql.
const LoginSQL = loginSQL + "$1"
