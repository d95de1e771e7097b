package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// Purger removes what a host keeps of its own about a person or an organization
// that is removed for good. All fields but Name may be nil. An error keeps the
// removal where it is, and it is tried again.
type Purger struct {
	Name string // for errors

	// User and Org are called outside of transactions, at least once and perhaps on
	// two nodes: what is gone already is no error.
	User func(ctx context.Context, user id.User) error
	Org  func(ctx context.Context, org id.Org) error

	// UserInTx and OrgInTx are called in the transaction that removes the person or
	// organization, with its context: what they do to the same database is done
	// exactly once, with it. They do nothing else. See bunstore.DB.Conn.
	UserInTx func(ctx context.Context, user id.User) error
	OrgInTx  func(ctx context.Context, org id.Org) error
}

const (
	// purgeClaim is for how long a removal is whoever's works on it. Who was killed is
	// waited for that long.
	purgeClaim = 4 * time.Minute

	// purgeBatch is how many are looked for at once, and maxPurges how many are removed
	// in one run: what is wrong with a clock, or a host's hook, is wrong for a bounded
	// number before anybody can see it.
	purgeBatch = 50
	maxPurges  = 500
)

// step is one of a removal. It returns what it removed, and may be done again.
type step func(ctx context.Context) (accounts.Removed, error)

// PurgeAccounts removes the people whose accounts were deleted and can be restored
// no more. It may run on any number of nodes at once and be killed at any point: how
// far each removal has come is stored, and the next run goes on there. One that
// fails keeps no other from being done.
func (f *Services) PurgeAccounts(ctx context.Context) error {
	return purgeAll(ctx, f.Store.Accounts().DueUsers, f.Accounts.Now, f.purgeUser)
}

// PurgeOrgs is PurgeAccounts for organizations. What is in their audit logs stays
// there as long as it is kept.
func (f *Services) PurgeOrgs(ctx context.Context) error {
	return purgeAll(ctx, f.Store.Orgs().DueOrgs, f.Accounts.Now, f.purgeOrg)
}

func purgeAll[K any](ctx context.Context, due func(ctx context.Context, now time.Time, after id.ID[K], limit int) ([]id.ID[K], error), now func() time.Time,
	purge func(ctx context.Context, one id.ID[K]) error,
) error {
	var errs []error
	var after id.ID[K]
	for range maxPurges / purgeBatch {
		some, err := due(ctx, now(), after, purgeBatch)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, one := range some {
			if err := purge(ctx, one); err != nil && !errors.Is(err, accounts.ErrNoPurge) {
				errs = append(errs, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if len(some) < purgeBatch {
			break
		}
		after = some[len(some)-1]
	}
	return errors.Join(errs...)
}

// purgeUser removes one person, from wherever that has come to.
func (f *Services) purgeUser(ctx context.Context, user id.User) error {
	p, err := f.claim(ctx, accounts.PurgeUser, accounts.Subject(user), func(ctx context.Context, tx accounts.Tx, now time.Time) error {
		u, err := tx.LockDeleted(ctx, user)
		if err == nil && u.PurgeAt.After(now) {
			return accounts.ErrNoPurge
		}
		return noPurge(err)
	})
	if err != nil {
		return err
	}
	return f.goOn(ctx, p, []step{
		func(ctx context.Context) (accounts.Removed, error) { return nil, f.purgeOwned(ctx, user) },
		func(ctx context.Context) (accounts.Removed, error) { return nil, f.tellPurgers(ctx, user, id.Org{}) },
		func(ctx context.Context) (accounts.Removed, error) {
			removed, err := f.Accounts.RemoveFiles(ctx, user)
			return removed, noPurge(err)
		},
		func(ctx context.Context) (accounts.Removed, error) { return nil, f.erase(ctx, user) },
	}, func(ctx context.Context) (accounts.Removed, error) { return f.removeUser(ctx, user) })
}

// purgeOrg removes one organization, from wherever that has come to.
func (f *Services) purgeOrg(ctx context.Context, org id.Org) error {
	return f.purgeOrgAt(ctx, org, time.Time{})
}

// purgeOrgAt is purgeOrg for one that is due at a time other than now.
func (f *Services) purgeOrgAt(ctx context.Context, org id.Org, at time.Time) error {
	p, err := f.claim(ctx, accounts.PurgeOrg, accounts.Subject(org), func(ctx context.Context, _ accounts.Tx, now time.Time) error {
		if now.Before(at) {
			now = at
		}
		return noPurge(f.Orgs.MayPurge(ctx, org, now))
	})
	if err != nil {
		return err
	}
	return f.goOn(ctx, p, []step{
		func(ctx context.Context) (accounts.Removed, error) { return nil, f.tellPurgers(ctx, id.User{}, org) },
		func(ctx context.Context) (accounts.Removed, error) {
			n, err := f.Orgs.RemoveFiles(ctx, org)
			return accounts.Removed{"logos": n}, err
		},
	}, func(ctx context.Context) (accounts.Removed, error) {
		for _, h := range f.Purgers {
			if h.OrgInTx != nil {
				if err := h.OrgInTx(ctx, org); err != nil {
					return nil, fmt.Errorf("purger %q: %w", h.Name, err)
				}
			}
		}
		removed, err := f.Orgs.RemoveOrg(ctx, org)
		return removed, noPurge(err)
	})
}

// noPurge says of somebody who is not there that there is nothing to remove: they
// were restored meanwhile, or removed by another node.
func noPurge(err error) error {
	if errors.Is(err, orgs.ErrOrgNotFound) || errors.Is(err, accounts.ErrUserNotFound) {
		return accounts.ErrNoPurge
	}
	return err
}

// claim begins a removal, or goes on with one that was begun and that nobody works
// on, else accounts.ErrNoPurge. due is asked first, inside of the transaction; what
// it locks cannot be restored before the removal is there, and is restored no more
// afterwards.
func (f *Services) claim(ctx context.Context, kind accounts.PurgeKind, subject accounts.Subject,
	due func(ctx context.Context, tx accounts.Tx, now time.Time) error,
) (p accounts.Purge, err error) {
	now := f.Accounts.Now()
	err = f.Store.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
		if err := due(ctx, tx, now); err != nil {
			return err
		}
		p, err = tx.ClaimPurge(ctx, subject, now, now.Add(purgeClaim))
		if !errors.Is(err, accounts.ErrNoPurge) {
			return err
		}
		begun, err := tx.PurgeBegun(ctx, subject)
		if err != nil || begun {
			return errors.Join(err, accounts.ErrNoPurge) // somebody is at it
		}
		p = accounts.Purge{
			ID: id.NewReceipt(), Kind: kind, Subject: subject, Removed: accounts.Removed{}, StartedAt: now, ClaimedUntil: now.Add(purgeClaim),
		}
		return tx.InsertPurge(ctx, p)
	})
	return p, err
}

// goOn does the steps of a removal that are not done, and last in the transaction
// that leaves the receipt.
func (f *Services) goOn(ctx context.Context, p accounts.Purge, steps []step, last step) error {
	for i, do := range steps {
		if i < p.Step {
			continue
		}
		removed, err := do(ctx)
		if err != nil {
			return fmt.Errorf("purge %s, step %d: %w", p.ID, i+1, err)
		}
		p.Removed.Add(removed)
		p.Step, p.ClaimedUntil = i+1, f.Accounts.Now().Add(purgeClaim)
		if err := f.advance(ctx, p); err != nil {
			return err
		}
	}
	err := f.Store.InTx(ctx, func(ctx context.Context) error {
		q := p
		q.Removed = accounts.Removed{}
		q.Removed.Add(p.Removed) // it may run again
		removed, err := last(ctx)
		if err != nil {
			return err
		}
		q.Removed.Add(removed)
		q.Step, q.FinishedAt = len(steps)+1, f.Accounts.Now()
		return f.advance(ctx, q)
	})
	if err != nil {
		return fmt.Errorf("purge %s, at its end: %w", p.ID, err)
	}
	return nil
}

func (f *Services) advance(ctx context.Context, p accounts.Purge) error {
	return f.Store.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error { return tx.AdvancePurge(ctx, p) })
}

// tellPurgers has the host remove what it keeps elsewhere.
func (f *Services) tellPurgers(ctx context.Context, user id.User, org id.Org) error {
	for _, h := range f.Purgers {
		var err error
		switch {
		case !user.IsZero() && h.User != nil:
			err = h.User(ctx, user)
		case !org.IsZero() && h.Org != nil:
			err = h.Org(ctx, org)
		}
		if err != nil {
			return fmt.Errorf("purger %q: %w", h.Name, err)
		}
	}
	return nil
}

// purgeOwned removes the deleted organizations of a person who is removed: nobody
// else could restore them, and none was deleted later than the account.
func (f *Services) purgeOwned(ctx context.Context, user id.User) error {
	owned, err := f.Store.Orgs().OrgsOwnedBy(ctx, user)
	if err != nil {
		return err
	}
	for _, o := range owned {
		if o.DeletedAt.IsZero() {
			return fmt.Errorf("flows: organization %s lives and is owned by somebody who is deleted", o.ID)
		}
		err := f.purgeOrgAt(ctx, o.ID, o.PurgeAt)
		if errors.Is(err, accounts.ErrNoPurge) {
			err = fmt.Errorf("flows: organization %s is being removed by somebody else", o.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// erase takes a person out of the audit log.
func (f *Services) erase(ctx context.Context, user id.User) error {
	addresses, err := f.Store.Accounts().AddressesOf(ctx, user)
	if err != nil {
		return err
	}
	invitations, err := f.Store.Orgs().InvitationsOf(ctx, user, addresses)
	if err != nil {
		return err
	}
	p := audit.Person{ID: user, Addresses: addresses}
	for _, i := range invitations {
		p.Targets = append(p.Targets, i.String())
	}
	return f.Audit.ErasePerson(ctx, p)
}

// removeUser removes a person from every domain.
func (f *Services) removeUser(ctx context.Context, user id.User) (accounts.Removed, error) {
	removed := accounts.Removed{}
	addresses, err := f.Store.Accounts().AddressesOf(ctx, user)
	if err != nil {
		return nil, err
	}
	for _, h := range f.Purgers {
		if h.UserInTx != nil {
			if err := h.UserInTx(ctx, user); err != nil {
				return nil, fmt.Errorf("purger %q: %w", h.Name, err)
			}
		}
	}
	for _, part := range []func(ctx context.Context) (map[string]int, error){
		func(ctx context.Context) (map[string]int, error) { return f.Orgs.ForgetPerson(ctx, user, addresses) },
		func(ctx context.Context) (map[string]int, error) { return f.Security.RemovePerson(ctx, user) },
		func(ctx context.Context) (map[string]int, error) { return f.Accounts.RemoveUser(ctx, user, addresses) },
	} {
		some, err := part(ctx)
		if err != nil {
			return nil, noPurge(err)
		}
		removed.Add(some)
	}
	return removed, nil
}
