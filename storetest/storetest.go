// Package storetest proves that a store keeps its contract.
//
// Whoever brings a store of their own runs these suites on it. They need the
// standard library alone, and a constructor that returns an empty store:
//
//	func TestStore(t *testing.T) {
//		storetest.All(t, func(t *testing.T) settings.Store {
//			return mystore.Open(t, t.TempDir())
//		})
//	}
//
// # What they take
//
// Every suite but [Blobs] takes the whole store, not one domain's: a session
// needs a person, and a request to change an address needs a session, so that a
// domain's store cannot be filled alone. A store that replaces a single noun is
// tested embedded in the store that provides the others.
//
// The constructor is called once for each subtest and may register its clean-up
// with t. Subtests run one after the other; within one, up to 16 goroutines use
// the store at once. Every context has a deadline.
//
// # How the contract is read
//
// A limit of time is the first moment at which something is over: a link with
// ExpiresAt t works a microsecond before t and no longer at t, and an address
// that is reserved until t can be taken at t. What is due at t is due at t and
// later. "Before" and "after" exclude the moment itself.
//
// A refusal by a sentinel is an answer, not a failure: the transaction that got
// it goes on and can commit.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
)

// Open returns an empty store that belongs to t.
type Open = func(t *testing.T) flows.Store

// Options says where an honest store may differ, and how hard to try. The zero
// value demands everything.
type Options struct {
	// NoSavepoints is for a store that cannot undo an inner Update alone. Such a
	// store must refuse to commit the outermost one once an inner one failed.
	NoSavepoints bool

	// SealedMail returns the content that is stored for a letter, whatever the
	// state of the letter. Nothing in the contract reads a letter that was sent,
	// so that without SealedMail the subtests about blanking are skipped.
	SealedMail func(t *testing.T, s flows.Store, m id.Mail) []byte

	// Rounds is how often each race is run; 0 means 4.
	Rounds int

	// Timeout is the deadline of each subtest; 0 means 30 seconds.
	Timeout time.Duration
}

// All runs every suite, and proves that InTx is atomic across domains.
func All(t *testing.T, open Open) { Options{}.All(t, open) }

// Accounts tests the accounts.Store of a store.
func Accounts(t *testing.T, open Open) { Options{}.Accounts(t, open) }

// Security tests the security.Store of a store.
func Security(t *testing.T, open Open) { Options{}.Security(t, open) }

// Orgs tests the orgs.Store of a store.
func Orgs(t *testing.T, open Open) { Options{}.Orgs(t, open) }

// Notify tests the notify.Store of a store.
func Notify(t *testing.T, open Open) { Options{}.Notify(t, open) }

// Mail tests the mail.Store of a store, and the outbox of its transactions.
func Mail(t *testing.T, open Open) { Options{}.Mail(t, open) }

// Audit tests the audit.Store of a store, and the appender of its transactions.
func Audit(t *testing.T, open Open) { Options{}.Audit(t, open) }

// Blobs tests a BlobStore. It writes up to 8 MiB.
func Blobs(t *testing.T, open func(t *testing.T) accounts.BlobStore) { Options{}.Blobs(t, open) }

// All is [All] with options.
func (o Options) All(t *testing.T, open Open) {
	t.Run("Accounts", func(t *testing.T) { o.Accounts(t, open) })
	t.Run("Security", func(t *testing.T) { o.Security(t, open) })
	t.Run("Orgs", func(t *testing.T) { o.Orgs(t, open) })
	t.Run("Notify", func(t *testing.T) { o.Notify(t, open) })
	t.Run("Mail", func(t *testing.T) { o.Mail(t, open) })
	t.Run("Audit", func(t *testing.T) { o.Audit(t, open) })
	t.Run("Blobs", func(t *testing.T) {
		o.Blobs(t, func(t *testing.T) accounts.BlobStore { return open(t).Blobs() })
	})
	t.Run("Store", func(t *testing.T) {
		o.run(t, open, transactionTests(inTx))
		o.run(t, open, crossingTests())
	})
}

// Accounts is [Accounts] with options.
func (o Options) Accounts(t *testing.T, open Open) {
	o.run(t, open, transactionTests(inAccounts))
	o.run(t, open, userTests())
	o.run(t, open, addressTests())
	o.run(t, open, signUpTests())
	o.run(t, open, emailChangeTests())
	o.run(t, open, undoTests())
	o.run(t, open, discardTests())
	o.run(t, open, requestTests())
	o.run(t, open, exportTests())
}

// Security is [Security] with options.
func (o Options) Security(t *testing.T, open Open) {
	o.run(t, open, transactionTests(inSecurity))
	o.run(t, open, credentialTests())
	o.run(t, open, sessionTests())
	o.run(t, open, revocationTests())
	o.run(t, open, resetTests())
	o.run(t, open, failureTests())
	o.run(t, open, factorTests())
	o.run(t, open, totpTests())
	o.run(t, open, backupCodeTests())
	o.run(t, open, passkeyTests())
	o.run(t, open, ceremonyTests())
	o.run(t, open, pendingTests())
	o.run(t, open, emailCodeTests())
	o.run(t, open, seenTests())
	o.run(t, open, alertTests())
}

// Orgs is [Orgs] with options.
func (o Options) Orgs(t *testing.T, open Open) {
	o.run(t, open, transactionTests(inOrgs))
	o.run(t, open, orgTests())
	o.run(t, open, orgSlugTests())
	o.run(t, open, orgOwnerTests())
	o.run(t, open, memberTests())
	o.run(t, open, memberListTests())
	o.run(t, open, invitationTests())
	o.run(t, open, invitationUseTests())
	o.run(t, open, orgDomainTests())
	o.run(t, open, importTests())
	o.run(t, open, importUseTests())
	o.run(t, open, reminderTests())
	o.run(t, open, logoDiscardTests())
}

// Notify is [Notify] with options.
func (o Options) Notify(t *testing.T, open Open) {
	o.run(t, open, transactionTests(inNotify))
	o.run(t, open, choiceTests())
	o.run(t, open, noticeTests())
}

// Mail is [Mail] with options.
func (o Options) Mail(t *testing.T, open Open) { o.run(t, open, outboxTests()) }

// Audit is [Audit] with options.
func (o Options) Audit(t *testing.T, open Open) {
	o.run(t, open, transactionTests(inAudit))
	o.run(t, open, auditTests())
	o.run(t, open, auditLogTests())
	o.run(t, open, auditSealTests())
	o.run(t, open, auditPruneTests())
	o.run(t, open, auditEraseTests())
}

// Blobs is [Blobs] with options.
func (o Options) Blobs(t *testing.T, open func(t *testing.T) accounts.BlobStore) {
	for _, c := range blobTests() {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), o.timeout())
			defer cancel()
			c.run(&blobWorld{T: t, ctx: ctx, b: open(t)})
		})
	}
}

// check is one sentence of a contract.
type check struct {
	name string
	run  func(w *world)
}

func (o Options) run(t *testing.T, open Open, checks []check) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), o.timeout())
			defer cancel()
			c.run(&world{T: t, ctx: ctx, s: open(t), opts: o})
		})
	}
}

func (o Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return 30 * time.Second
}

func (o Options) rounds() int {
	if o.Rounds > 0 {
		return o.Rounds
	}
	return 4
}
