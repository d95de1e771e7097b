package flows

import (
	"context"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// ErasePerson takes a person's name, addresses and devices out of every entry of
// the audit log, with what was recorded about the addresses that they have or had
// before they were theirs; see [audit.Service.ErasePerson].
func (f *Services) ErasePerson(ctx context.Context, user id.User, addresses ...string) error {
	p := audit.Person{ID: user, Addresses: addresses}
	for _, a := range addresses {
		p.Targets = append(p.Targets, f.Accounts.AddressTarget(a).ID)
	}
	return f.Audit.ErasePerson(ctx, p)
}
