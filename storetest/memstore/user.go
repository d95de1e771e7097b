package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// errDuplicate is what a database would say of a second row with a unique key.
var errDuplicate = errors.New("memstore: key is in use")

// address says whose an address is: of a person who has it, or for whom it is
// reserved.
type address struct {
	user          id.User
	reservedUntil time.Time // zero while it is the person's present address
}

// free reports whether user can take the address at now.
func (a address) free(user id.User, now time.Time) bool {
	return a.user == user || !a.reservedUntil.IsZero() && !now.Before(a.reservedUntil)
}

// UserByID implements [accounts.Reader].
func (r accountsReader) UserByID(ctx context.Context, user id.User) (accounts.User, error) {
	return r.findUser(ctx, func(u accounts.User) bool { return u.ID == user })
}

// UserByEmail implements [accounts.Reader].
func (r accountsReader) UserByEmail(ctx context.Context, key string) (accounts.User, error) {
	return r.findUser(ctx, func(u accounts.User) bool { return u.EmailKey == key })
}

// UserByAvatar implements [accounts.Reader].
func (r accountsReader) UserByAvatar(ctx context.Context, key string) (accounts.User, error) {
	return r.findUser(ctx, func(u accounts.User) bool { return u.AvatarKey == key })
}

func (r accountsReader) findUser(ctx context.Context, match func(accounts.User) bool) (accounts.User, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.User{}, err
	}
	for _, u := range st.users {
		if match(u) {
			return u, nil
		}
	}
	return accounts.User{}, accounts.ErrUserNotFound
}

// LockUser implements [accounts.Tx]. The transaction holds the lock already.
func (tx accountsTx) LockUser(ctx context.Context, user id.User) (accounts.User, error) {
	return tx.UserByID(ctx, user)
}

// InsertUser implements [accounts.Tx].
func (tx accountsTx) InsertUser(ctx context.Context, u accounts.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if a, ok := st.addresses[u.EmailKey]; ok && !a.free(id.User{}, u.CreatedAt) {
		return accounts.ErrEmailTaken
	}
	if _, ok := st.users[u.ID]; ok || st.externalIDTaken(u) {
		return errDuplicate
	}
	st.users[u.ID] = u
	st.addresses[u.EmailKey] = address{user: u.ID}
	return nil
}

func (st *state) externalIDTaken(u accounts.User) bool {
	for _, other := range st.users {
		if u.ExternalID != "" && other.ExternalID == u.ExternalID && other.ID != u.ID {
			return true
		}
	}
	for _, other := range st.deleted {
		if other.ExternalID != "" && other.ExternalID == u.ExternalID {
			return true
		}
	}
	return false
}

// UpdateUser implements [accounts.Tx].
func (tx accountsTx) UpdateUser(ctx context.Context, u accounts.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	old, ok := st.users[u.ID]
	if !ok {
		return accounts.ErrUserNotFound
	}
	if st.externalIDTaken(u) {
		return errDuplicate
	}
	u.Email, u.EmailKey = old.Email, old.EmailKey
	st.users[u.ID] = u
	return nil
}

// ChangeEmail implements [accounts.Tx].
func (tx accountsTx) ChangeEmail(ctx context.Context, user id.User, email, key string, now, reserve time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	u, ok := st.users[user]
	if !ok {
		return accounts.ErrUserNotFound
	}
	if a, ok := st.addresses[key]; ok && !a.free(user, now) {
		return accounts.ErrEmailTaken
	}
	if reserve.IsZero() {
		delete(st.addresses, u.EmailKey)
	} else {
		st.addresses[u.EmailKey] = address{user: user, reservedUntil: reserve}
	}
	// Last, because the former address may be the new one in another spelling.
	st.addresses[key] = address{user: user}
	u.Email, u.EmailKey, u.UpdatedAt = email, key, now
	st.users[user] = u
	return nil
}
