package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// Passkeys implements [security.FactorReader].
func (r securityReader) Passkeys(ctx context.Context, user id.User) ([]security.Passkey, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	return st.passkeysOf(user), nil
}

// passkeysOf returns all passkeys of a person, the oldest first.
func (st *state) passkeysOf(user id.User) []security.Passkey {
	var all []security.Passkey
	for _, p := range st.passkeys {
		if p.User == user {
			all = append(all, cloned(p))
		}
	}
	slices.SortFunc(all, func(a, b security.Passkey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return all
}

// cloned returns a passkey that shares no memory with another.
func cloned(p security.Passkey) security.Passkey {
	p.CredentialID, p.Data = bytes.Clone(p.CredentialID), bytes.Clone(p.Data)
	return p
}

// InsertPasskey implements [security.FactorTx].
func (tx securityTx) InsertPasskey(ctx context.Context, p security.Passkey) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.users[p.User]; !ok {
		return security.ErrPersonNotFound
	}
	for _, other := range st.passkeys {
		if bytes.Equal(other.CredentialID, p.CredentialID) {
			return security.ErrPasskeyTaken
		}
	}
	st.passkeys[p.ID] = cloned(p)
	return nil
}

// UsePasskey implements [security.FactorTx].
func (tx securityTx) UsePasskey(ctx context.Context, p security.Passkey, counted uint32) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	row, ok := st.passkeys[p.ID]
	if !ok || row.User != p.User || row.SignCount != counted {
		return false, nil
	}
	row.Data, row.SignCount, row.BackedUp, row.LastUsedAt = bytes.Clone(p.Data), p.SignCount, p.BackedUp, p.LastUsedAt
	st.passkeys[p.ID] = row
	return true, nil
}

// RenamePasskey implements [security.FactorTx].
func (tx securityTx) RenamePasskey(ctx context.Context, user id.User, passkey id.Factor, name string) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	row, ok := st.passkeys[passkey]
	if !ok || row.User != user {
		return security.ErrFactorNotFound
	}
	row.Name = name
	st.passkeys[passkey] = row
	return nil
}

// DeletePasskey implements [security.FactorTx].
func (tx securityTx) DeletePasskey(ctx context.Context, user id.User, passkey id.Factor) (security.Passkey, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return security.Passkey{}, err
	}
	row, ok := st.passkeys[passkey]
	if !ok || row.User != user {
		return security.Passkey{}, security.ErrFactorNotFound
	}
	delete(st.passkeys, passkey)
	return row, nil
}
