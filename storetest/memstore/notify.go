package memstore

import (
	"context"
	"maps"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
)

type notifyStore struct {
	notifyReader
	s *Store
}

// Update implements [notify.Store].
func (n notifyStore) Update(ctx context.Context, fn func(ctx context.Context, tx notify.Tx) error) error {
	return n.s.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, notifyTx{notifyReader{sc.view}, sc})
	})
}

// notifyTx is spread over the files of its nouns.
type notifyTx struct {
	notifyReader
	*scope
}

// notifyReader is spread over the files of its nouns.
type notifyReader struct {
	view func(ctx context.Context) (*state, error)
}

// choice is what somebody can choose.
type choice struct {
	user     id.User
	category notify.Category
}

// Person implements [notify.Reader].
func (r notifyReader) Person(ctx context.Context, user id.User) (notify.Person, error) {
	st, err := r.view(ctx)
	if err != nil {
		return notify.Person{}, err
	}
	u, ok := st.users[user]
	if !ok {
		return notify.Person{}, notify.ErrPersonNotFound
	}
	return notify.Person{
		ID: u.ID, Name: u.Name, Email: u.Email, EmailKey: u.EmailKey,
		Timezone: u.Timezone, Locale: u.Locale, CreatedAt: u.CreatedAt,
	}, nil
}

// LockPerson implements [notify.Tx]. The transaction holds the lock already.
func (tx notifyTx) LockPerson(ctx context.Context, user id.User) (notify.Person, error) {
	return tx.Person(ctx, user)
}

// Choices implements [notify.Reader].
func (r notifyReader) Choices(ctx context.Context, user id.User) (map[notify.Category]bool, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	all := map[notify.Category]bool{}
	for c, enabled := range st.choices {
		if c.user == user {
			all[c.category] = enabled
		}
	}
	return all, nil
}

// SetChoice implements [notify.Tx].
func (tx notifyTx) SetChoice(ctx context.Context, user id.User, c notify.Category, enabled bool, _ time.Time) error {
	if _, err := tx.Person(ctx, user); err != nil {
		return err
	}
	tx.tx.state.choices[choice{user, c}] = enabled
	return nil
}

// ForgetPerson implements [notify.Tx].
func (tx notifyTx) ForgetPerson(ctx context.Context, user id.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(st.choices, func(c choice, _ bool) bool { return c.user == user })
	return nil
}
