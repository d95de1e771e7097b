package flows

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// Deletion is what deleting the account would come to.
type Deletion struct {
	Blockers []Blocker // what has to be done first; none: nothing
	PurgeAt  time.Time // until when it could be restored, if it were deleted now
}

// Blocker keeps an account from being deleted.
type Blocker struct {
	Code string // "sole_owner"
	Org  orgs.Org
}

// Effects are what deleting an account does, by the codes that API and pages know.
func Effects() []string {
	return []string{"signed_out", "leaves_organizations", "restorable", "removed_for_good"}
}

// Deletion returns what deleting the account of the person who acts would come to.
func (f *Services) Deletion(ctx context.Context, actor audit.Actor) (Deletion, error) {
	now := f.Accounts.Now()
	if err := accounts.Policy().Check(actor, accounts.PermDeletionView, now, 0); err != nil {
		return Deletion{}, err
	}
	owned, err := f.Orgs.OwnedBy(ctx, actor.User)
	if err != nil {
		return Deletion{}, err
	}
	d := Deletion{PurgeAt: f.Accounts.PurgeAt(now)}
	for _, o := range owned {
		d.Blockers = append(d.Blockers, Blocker{orgs.ErrSoleOwner.Code(), o})
	}
	return d, nil
}

// DeleteAccount deletes the account of the person who acts, and returns until when
// it can be restored. confirm is the address. In one transaction: memberships are
// suspended and their seats free, every session ends and nothing that is half
// finished or was mailed opens anything any more, and the person is nobody but to
// the restore page; the address stays theirs. orgs.ErrSoleOwner as long as they own
// a living organization.
func (f *Services) DeleteAccount(ctx context.Context, actor audit.Actor, confirm string) (purgeAt time.Time, err error) {
	if err := f.Accounts.MayDelete(ctx, actor, confirm); err != nil {
		return time.Time{}, err
	}
	err = f.Store.InTx(ctx, func(ctx context.Context) error {
		// Organizations, credential, person: the order in which everything locks them.
		if err := f.Orgs.Hold(ctx, actor.User); err != nil {
			return err
		}
		if err := f.Security.AccountDeleted(ctx, actor); err != nil {
			return err
		}
		purgeAt, err = f.Accounts.Delete(ctx, actor, confirm, func(ctx context.Context) error {
			return f.Orgs.AccountDeleted(ctx, audit.System("membership"), actor.User)
		})
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return purgeAt, nil
}

// RestoreAccount brings a deleted account back: for its person, whose session goes
// on as an ordinary one, or by the host's staff. Memberships come back with the role
// they had where a seat is free, and end elsewhere; sessions and links that the
// deletion ended stay ended. accounts.ErrNotDeleted; accounts.ErrAccountGone.
func (f *Services) RestoreAccount(ctx context.Context, actor audit.Actor, user id.User) error {
	if err := f.Accounts.MayRestore(ctx, actor, user); err != nil {
		return err
	}
	err := f.Store.InTx(ctx, func(ctx context.Context) error {
		if err := f.Orgs.Hold(ctx, user); err != nil {
			return err
		}
		if err := f.Security.AccountRestored(ctx, actor, user); err != nil {
			return err
		}
		if err := f.Accounts.Restore(ctx, actor, user); err != nil {
			return err
		}
		return f.Orgs.AccountRestored(ctx, audit.System("membership"), user)
	})
	if errors.Is(err, security.ErrPersonNotFound) {
		return accounts.ErrAccountGone
	}
	return err
}
