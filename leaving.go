package settings

import (
	"context"

	"github.com/aegisrunner/account-settings/id"
)

// RestoreAccount restores the account of a person who deleted it, for the host's
// staff: the actor is of [audit.KindSupport] and is named in the person's history.
// Memberships come back with the role they had where a seat is free. The person is
// mailed, and signs in as usual. accounts.ErrNotDeleted; accounts.ErrAccountGone once
// the 30 × 24 h are over. See orgs.Service.MoveOwnership for an organization whose
// Owner is away.
func (s *Settings) RestoreAccount(ctx context.Context, actor Actor, user id.User) error {
	return s.flows.RestoreAccount(ctx, actor, user)
}
