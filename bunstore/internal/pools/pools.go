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
	//
	// Hold does so too, and lets the driver hold the statement back within a
	// transaction: it is sent along with the next one or with COMMIT, which then
	// returns its failure. How many rows it changes is not known.
	Keep, Hold any
}

// Caller is a key of contexts. What began a transaction with a context that
// outlives its caller puts the caller's own there: if that is done while COMMIT
// waits for what was held back, the driver has the server stop waiting.
type Caller struct{}
