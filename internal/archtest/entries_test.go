package archtest

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/archtest/reach"
)

// services are the packages whose transactions leave entries in the audit log.
var services = []string{"accounts", "security", "orgs", "notify", "audit", "internal/flows"}

// silent are the functions that do something in a transaction that is no event,
// with the reason.
var silent = map[string]string{
	"notify: (*Service).PlanLimitCrossed":    "a letter about what billing has seen; nothing of the organization changes",
	"notify: (*Service).BillingFailed":       "a letter about what billing was told, which has an entry of its own there",
	"notify: (*Service).Purge":               "a job: notices that nobody asks about any more",
	"accounts: (*Service).UploadPicture":     "lists a blob for removal, before the transaction that changes the picture",
	"accounts: (*Service).CollectBlobs":      "a job: blobs that nobody points at any more",
	"accounts: (*Service).PurgeLinks":        "a job: links that have ended",
	"accounts: (*Service).claimExport":       "a job: an export is claimed; that it was asked for is an event",
	"accounts: (*Service).saveExport":        "a job: how far an export has come; that it is ready is an event",
	"accounts: (*Service).EndExports":        "part of deleting an account, which is the event",
	"accounts: (*Service).RemoveExports":     "part of removing a person, which is the event",
	"accounts: (*Service).CollectExports":    "a job: what is stored of exports that have expired",
	"accounts: (*Service).RemoveUser":        "a job: somebody is removed for good; what is left of it is a receipt, which names nobody",
	"security: (*Service).RemovePerson":      "a job: part of removing somebody for good",
	"orgs: (*Service).ForgetPerson":          "a job: part of removing somebody for good",
	"orgs: (*Service).RemoveOrg":             "a job: an organization is removed for good; that it was deleted is an event",
	"orgs: (*Service).MayPurge":              "changes nothing: it locks",
	"internal/flows: (*Services).purgeOrgAt": "a job: locks an organization that is removed for good",
	"internal/flows: (*Services).purgeUser":  "a job: locks somebody who is removed for good",
	"internal/flows: (*Services).advance":    "a job: how far a removal has come",
	"orgs: (*Service).Hold":                  "changes nothing: it locks",
	"security: (*Service).Purge":             "a job: sessions, links and codes that have ended",
	"security: (*Service).Touch":             "the last use of a session; that somebody looks around is no event",
	"security: (*Service).ask":               "a challenge, which opens nothing by itself",
	"security: (*Service).answered":          "uses a challenge up; what the answer leads to is an event",
	"orgs: (*Service).UploadLogo":            "lists a blob for removal, before the transaction that changes the logo",
	"orgs: (*Service).CollectLogos":          "a job: logos that no organization has any more",
	"orgs: (*Service).Purge":                 "a job: invitations, slugs and imported files that have ended",
	"orgs: (*Service).RemindSecondFactor":    "a job: letters; that two factors are asked for is an event",
	"orgs: (*Service).WorkImports":           "a job: a file is released; each invitation of it is an event",
	"orgs: (*Service).claimImport":           "a job: a file is claimed; each invitation of it is an event",
	"audit: (*Service).seal":                 "a job: seals what others have left",
	"audit: (*Service).ErasePerson":          "takes the name of somebody who is gone out of the log: an entry would bring it back",
	"audit: (*Service).pruneLog":             "a job: removes what is too old; each host decides for how long entries are kept",
	"audit: (*Service).pruneHistories":       "a job: removes what is too old of what is nobody's",
	"audit: (*Service).pruneHistory":         "a job: removes what is too old of people's own histories",
	"orgs: (*Service).refuseRow":             "a job: a row of a file was not invited; that it was handed in is an event",
}

func source(t *testing.T) *reach.Module {
	t.Helper()
	m, err := reach.Load(module, root(t), services...)
	require.NoError(t, err)
	return m
}

// What happens in a transaction leaves its entry in the same one: each function
// that begins one can reach AppendAudit from inside of it, or says why not.
func TestEveryTransactionLeavesAnEntry(t *testing.T) {
	m := source(t)
	found := map[string]bool{}
	for _, s := range m.Silent(services...) {
		found[s.Func] = true
		require.Contains(t, silent, s.Func, "%s: a transaction of %s leaves no entry in the audit log", s.At, s.Func)
	}
	for name, reason := range silent {
		require.NotEmpty(t, reason, name)
		require.True(t, found[name], "the exception for %q is no longer needed", name)
	}
	require.Greater(t, len(m.Writers(services...)), 50, "the search finds what writes")
}

func TestATransactionWithoutEntryIsFound(t *testing.T) {
	const stores = `package accounts
import "example.com/m/audit"
type Store interface { Update(fn func(tx Tx) error) error }
type Tx interface { audit.Appender; Write() error }
type Service struct { store Store; other func(Tx) error }
`
	const appender = "package audit\ntype Appender interface { AppendAudit() error }\n"
	for name, c := range map[string]struct {
		body    string
		silent  []string
		writers []string
	}{
		"an entry": {
			body:    `func (s *Service) A() error { return s.store.Update(func(tx Tx) error { return tx.AppendAudit() }) }`,
			writers: []string{"accounts: (*Service).A"},
		},
		"none": {
			body:   `func (s *Service) A() error { return s.store.Update(func(tx Tx) error { return tx.Write() }) }`,
			silent: []string{"accounts: (*Service).A"}, writers: []string{"accounts: (*Service).A"},
		},
		"further down": {
			body: `func (s *Service) A() error { return s.store.Update(func(tx Tx) error { return s.b(tx) }) }
func (s *Service) b(tx Tx) error { return s.c(tx) }
func (s *Service) c(tx Tx) error { return tx.AppendAudit() }`,
			writers: []string{"accounts: (*Service).A"},
		},
		"outside of it": {
			body:   `func (s *Service) A(tx Tx) error { _ = tx.AppendAudit(); return s.store.Update(func(tx Tx) error { return tx.Write() }) }`,
			silent: []string{"accounts: (*Service).A"}, writers: []string{"accounts: (*Service).A"},
		},
		"a second transaction": {
			body: `func (s *Service) A() error {
	_ = s.store.Update(func(tx Tx) error { return tx.Write() })
	return s.store.Update(func(tx Tx) error { return tx.AppendAudit() })
}`,
			silent: []string{"accounts: (*Service).A"}, writers: []string{"accounts: (*Service).A"},
		},
		"handed on": {
			body: `func (s *Service) run(fn func(Tx) error) error { return s.store.Update(func(tx Tx) error { return fn(tx) }) }
func (s *Service) A() error { return s.run(func(tx Tx) error { return tx.AppendAudit() }) }
func (s *Service) B() error { return s.run(func(tx Tx) error { return tx.Write() }) }`,
			silent:  []string{"accounts: (*Service).B"},
			writers: []string{"accounts: (*Service).A", "accounts: (*Service).B"},
		},
		"handed on as it is": {
			body: `func (s *Service) run(fn func(Tx) error) error { return s.store.Update(fn) }
func (s *Service) A() error { return s.run(s.b) }
func (s *Service) b(tx Tx) error { return tx.Write() }`,
			silent: []string{"accounts: (*Service).A"}, writers: []string{"accounts: (*Service).A"},
		},
		"of a variable": {
			body:   `func (s *Service) A() error { return s.store.Update(s.other) }`,
			silent: []string{"accounts: (*Service).A"}, writers: []string{"accounts: (*Service).A"},
		},
		"not a store": {
			body: `type page struct{}
func (page) Update(fn func(tx Tx) error) error { return nil }
func (s *Service) A(p page) error { return p.Update(func(tx Tx) error { return tx.Write() }) }`,
		},
		"of nobody else's": {
			body: `func (s *Service) a() error { return s.store.Update(func(tx Tx) error { return tx.AppendAudit() }) }
type hidden struct{ Service }
func (h *hidden) A() error { return h.a() }`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := reach.Load("example.com/m", fstest.MapFS{
				"accounts/accounts.go": {Data: []byte(stores + c.body)}, "audit/audit.go": {Data: []byte(appender)},
			}, "accounts")
			require.NoError(t, err)
			var found []string
			for _, s := range m.Silent("accounts") {
				found = append(found, s.Func)
			}
			require.Equal(t, c.silent, found)
			require.Equal(t, c.writers, m.Writers("accounts"))
		})
	}
}
