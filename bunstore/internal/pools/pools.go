// Package pools is what the driver packages hand to bunstore.
package pools

import "github.com/uptrace/bun"

// Pools are the connections of one database.
type Pools struct {
	Write, Read *bun.DB // may be the same
	Owned       bool    // closed with the store
	NoPrepare   bool    // a pooler in between cannot keep prepared statements

	// Keep, as the first argument of a statement with $1, $2, …, makes the driver
	// keep the statement prepared on the connection; nil if it knows no such thing.
	Keep any
}
