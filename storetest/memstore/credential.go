package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type credential struct {
	hash      security.PasswordHash
	changedAt time.Time
	version   int64
}

// person joins somebody with their credential.
func (st *state) person(u accounts.User) security.Person {
	c := st.credentials[u.ID]
	return security.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, Timezone: u.Timezone, Locale: u.Locale,
		PasswordHash: c.hash, PasswordChangedAt: c.changedAt,
		TwoFactor: st.twoFactor(u.ID), Passkeys: len(st.passkeysOf(u.ID)), Version: c.version,
		RestorableUntil: st.deleted[u.ID].PurgeAt,
	}
}

// PersonByEmail implements [security.Reader].
func (r securityReader) PersonByEmail(ctx context.Context, key string) (security.Person, error) {
	return r.findPerson(ctx, func(u accounts.User) bool { return u.EmailKey == key })
}

// PersonSeen implements [security.FactorReader].
func (r securityReader) PersonSeen(ctx context.Context, key string, device security.Hash, country string) (security.Person, security.Seen, error) {
	p, err := r.PersonByEmail(ctx, key)
	if err != nil {
		return security.Person{}, security.Seen{}, err
	}
	seen, err := r.Seen(ctx, p.ID, device, country)
	return p, seen, err
}

// PersonByID implements [security.Reader].
func (r securityReader) PersonByID(ctx context.Context, user id.User) (security.Person, error) {
	return r.findPerson(ctx, func(u accounts.User) bool { return u.ID == user })
}

func (r securityReader) findPerson(ctx context.Context, match func(accounts.User) bool) (security.Person, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.Person{}, err
	}
	for _, u := range st.users {
		if match(u) {
			return st.person(u), nil
		}
	}
	for _, u := range st.deleted {
		if match(u.User) && !u.PurgeAt.IsZero() {
			return st.person(u.User), nil
		}
	}
	return security.Person{}, security.ErrPersonNotFound
}

// LockPerson implements [security.Tx]. The transaction holds the lock already.
func (tx securityTx) LockPerson(ctx context.Context, user id.User) (security.Person, error) {
	p, err := tx.PersonByID(ctx, user)
	if err != nil {
		return p, err
	}
	st, err := tx.scope.view(ctx)
	if err != nil {
		return security.Person{}, err
	}
	p.Sessions = len(st.sessionsOf(user))
	return p, nil
}

// InsertCredential implements [security.Tx].
func (tx securityTx) InsertCredential(ctx context.Context, user id.User, hash security.PasswordHash, now time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.users[user]; !ok {
		return security.ErrPersonNotFound
	}
	if _, ok := st.credentials[user]; ok {
		return errDuplicate
	}
	st.credentials[user] = newCredential(hash, now, 1)
	return nil
}

func newCredential(hash security.PasswordHash, now time.Time, version int64) credential {
	c := credential{hash: hash, version: version}
	if hash != "" {
		c.changedAt = now
	}
	return c
}

// SetPassword implements [security.Tx].
func (tx securityTx) SetPassword(ctx context.Context, user id.User, hash security.PasswordHash, now time.Time) (int64, error) {
	return tx.change(ctx, user, func(c credential) credential { return newCredential(hash, now, c.version+1) })
}

// BumpVersion implements [security.Tx].
func (tx securityTx) BumpVersion(ctx context.Context, user id.User, keep id.Session) (int64, error) {
	version, err := tx.change(ctx, user, func(c credential) credential { c.version++; return c })
	if err != nil {
		return 0, err
	}
	if s, ok := tx.tx.state.sessions[keep]; ok && s.User == user {
		s.Version = version
		tx.tx.state.sessions[keep] = s
	}
	return version, nil
}

func (tx securityTx) change(ctx context.Context, user id.User, to func(credential) credential) (int64, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	old, ok := st.credentials[user]
	if !ok {
		return 0, security.ErrPersonNotFound
	}
	c := to(old)
	st.credentials[user] = c
	return c.version, nil
}

// UpgradePassword implements [security.Tx].
func (tx securityTx) UpgradePassword(ctx context.Context, user id.User, old, new security.PasswordHash) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	c, ok := st.credentials[user]
	if !ok || c.hash != old {
		return false, nil
	}
	c.hash = new
	st.credentials[user] = c
	return true, nil
}
