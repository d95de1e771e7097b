package flows

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// Store is everything the product keeps, in one database: one accessor for each
// domain, and a transaction that spans them. bunstore is the default one. To
// replace a single noun, embed bunstore's and override the accessor.
// Implementations must pass storetest.All.
type Store interface {
	// InTx runs fn in one transaction that every Update of the domains, called
	// with the context that fn gets, joins as a savepoint. The rules are those
	// of accounts.Store.Update.
	InTx(ctx context.Context, fn func(ctx context.Context) error) error

	Accounts() accounts.Store
	Security() security.Store
	Orgs() orgs.Store
	Notify() notify.Store
	Mail() mail.Store
	Audit() audit.Store

	// Blobs is where pictures are kept unless the host says otherwise.
	Blobs() accounts.BlobStore

	// Ready returns nil when the database answers and its schema is the one that
	// this version needs.
	Ready(ctx context.Context) error

	// Clock returns the time by the database's own clock, in UTC. Nothing is
	// decided by it: what removes rows for their age asks it whether the clock of
	// this node can be trusted.
	Clock(ctx context.Context) (time.Time, error)
}
