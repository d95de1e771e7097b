package memstore

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// enters reports whether somebody can sign in: who is there, or was deleted and can
// still come back.
func (st *state) enters(user id.User) bool {
	_, living := st.users[user]
	return living || !st.deleted[user].PurgeAt.IsZero()
}

func (st *state) purgeOf(subject accounts.Subject) (accounts.Purge, bool) {
	for _, p := range st.purges {
		if p.Subject == subject && p.FinishedAt.IsZero() {
			return p, true
		}
	}
	return accounts.Purge{}, false
}

func (st *state) purging(subject accounts.Subject) bool {
	_, ok := st.purgeOf(subject)
	return ok
}

// DeletedUser implements [accounts.DeletionReader].
func (r accountsReader) DeletedUser(ctx context.Context, user id.User) (accounts.DeletedUser, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.DeletedUser{}, err
	}
	u, ok := st.deleted[user]
	if !ok {
		return accounts.DeletedUser{}, accounts.ErrUserNotFound
	}
	return u, nil
}

// DueUsers implements [accounts.DeletionReader].
func (r accountsReader) DueUsers(ctx context.Context, now time.Time, after id.User, limit int) ([]id.User, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var due []id.User
	for user, u := range st.deleted {
		p, begun := st.purgeOf(accounts.Subject(user))
		if bytes.Compare(user[:], after[:]) > 0 &&
			(!u.PurgeAt.IsZero() && !u.PurgeAt.After(now) || begun && !p.ClaimedUntil.After(now)) {
			due = append(due, user)
		}
	}
	slices.SortFunc(due, func(a, b id.User) int { return bytes.Compare(a[:], b[:]) })
	return due[:min(max(limit, 0), len(due))], nil
}

// AddressesOf implements [accounts.DeletionReader].
func (r accountsReader) AddressesOf(ctx context.Context, user id.User) ([]string, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, u := range []accounts.User{st.users[user], st.deleted[user].User} {
		all[u.Email], all[u.EmailKey] = true, true
	}
	for key, a := range st.addresses {
		if a.user == user {
			all[key] = true
		}
	}
	for _, c := range st.changes {
		if c.User != user {
			continue
		}
		all[c.OldEmail], all[c.OldKey] = true, true
		if !c.ConfirmedAt.IsZero() {
			all[c.NewEmail], all[c.NewKey] = true, true
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all)), nil
}

// PurgeBegun implements [accounts.DeletionReader].
func (r accountsReader) PurgeBegun(ctx context.Context, subject accounts.Subject) (bool, error) {
	st, err := r.view(ctx)
	return err == nil && st.purging(subject), err
}

// Receipts implements [accounts.DeletionReader].
func (r accountsReader) Receipts(ctx context.Context, after id.Receipt, limit int) ([]accounts.Purge, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []accounts.Purge
	for _, p := range st.purges {
		if !p.FinishedAt.IsZero() && bytes.Compare(p.ID[:], after[:]) > 0 {
			p.Removed = maps.Clone(p.Removed)
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b accounts.Purge) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return list[:min(max(limit, 0), len(list))], nil
}

// MarkDeleted implements [accounts.DeletionTx].
func (tx accountsTx) MarkDeleted(ctx context.Context, user id.User, now, purgeAt time.Time) error {
	u, err := tx.UserByID(ctx, user)
	if err != nil {
		return err
	}
	st := tx.tx.state
	delete(st.users, user)
	st.deleted[user] = accounts.DeletedUser{User: u, DeletedAt: now, PurgeAt: purgeAt}
	return nil
}

// LockDeleted implements [accounts.DeletionTx]. The transaction holds the lock already.
func (tx accountsTx) LockDeleted(ctx context.Context, user id.User) (accounts.DeletedUser, error) {
	return tx.DeletedUser(ctx, user)
}

// MarkRestored implements [accounts.DeletionTx].
func (tx accountsTx) MarkRestored(ctx context.Context, user id.User, now time.Time) error {
	u, err := tx.DeletedUser(ctx, user)
	if err != nil {
		return err
	}
	if u.PurgeAt.IsZero() {
		return accounts.ErrUserNotFound
	}
	st := tx.tx.state
	delete(st.deleted, user)
	u.UpdatedAt = now
	st.users[user] = u.User
	return nil
}

// InsertPurge implements [accounts.DeletionTx].
func (tx accountsTx) InsertPurge(ctx context.Context, p accounts.Purge) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.purges[p.ID]; ok || st.purging(p.Subject) {
		return errDuplicate
	}
	st.purges[p.ID] = own(p)
	if u, ok := st.deleted[id.User(p.Subject)]; ok && p.Kind == accounts.PurgeUser {
		u.PurgeAt = time.Time{}
		st.deleted[u.ID] = u
	}
	return nil
}

// own is p with counts of its own, which no caller changes.
func own(p accounts.Purge) accounts.Purge {
	p.Removed = accounts.Removed(cloneMap(p.Removed))
	return p
}

// ClaimPurge implements [accounts.DeletionTx].
func (tx accountsTx) ClaimPurge(ctx context.Context, subject accounts.Subject, now, until time.Time) (accounts.Purge, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return accounts.Purge{}, err
	}
	p, ok := st.purgeOf(subject)
	if !ok || p.ClaimedUntil.After(now) {
		return accounts.Purge{}, accounts.ErrNoPurge
	}
	p.ClaimedUntil = until
	st.purges[p.ID] = p
	return own(p), nil
}

// AdvancePurge implements [accounts.DeletionTx].
func (tx accountsTx) AdvancePurge(ctx context.Context, p accounts.Purge) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	old, ok := st.purges[p.ID]
	if !ok || !old.FinishedAt.IsZero() || old.Step != p.Step-1 {
		return accounts.ErrNoPurge
	}
	old.Step, old.ClaimedUntil, old.FinishedAt, old.Removed = p.Step, p.ClaimedUntil, p.FinishedAt, own(p).Removed
	if !p.FinishedAt.IsZero() {
		old.Subject = accounts.Subject{}
	}
	st.purges[p.ID] = old
	return nil
}

// among reports whether an address is one of those, without regard to case.
func among(addresses []string, address string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return strings.EqualFold(a, address) })
}

// remove removes what a condition is true of, and returns how many went.
func remove[K comparable, V any](m map[K]V, gone func(K, V) bool) int {
	before := len(m)
	maps.DeleteFunc(m, gone)
	return before - len(m)
}

// RemoveMail implements [accounts.DeletionTx].
func (tx accountsTx) RemoveMail(ctx context.Context, addresses []string) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	return remove(st.letters, func(_ id.Mail, l letter) bool { return among(addresses, l.To.Address) }), nil
}

// RemoveUser implements [accounts.DeletionTx].
func (tx accountsTx) RemoveUser(ctx context.Context, user id.User, addresses []string) (accounts.Removed, error) {
	u, err := tx.DeletedUser(ctx, user)
	if err != nil {
		return nil, err
	}
	st := tx.tx.state
	if !u.PurgeAt.IsZero() || !st.purging(accounts.Subject(user)) {
		return nil, accounts.ErrUserNotFound
	}
	for key := range st.members {
		if key.user == user {
			return nil, errReferred
		}
	}
	removed := accounts.Removed{}
	removed.Add(accounts.Removed{
		"sign_ups": remove(st.signUps, func(_ accounts.Hash, s accounts.SignUp) bool {
			return among(addresses, s.Email) || among(addresses, s.EmailKey)
		}),
		"email_changes": remove(st.changes, func(_ id.EmailChange, c change) bool { return c.User == user }),
		"addresses":     remove(st.addresses, func(_ string, a address) bool { return a.user == user }),
		"people":        1,
	})
	delete(st.deleted, user)
	return removed, nil
}
