//go:build !unix

package dbtest

import "context"

// startCluster starts none here; a server can still be named by Variable.
func startCluster(context.Context) (dsn string, halt func(), err error) {
	return "", nil, errNoPostgres
}
