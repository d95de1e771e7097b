package memstore

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// TOTP implements [security.FactorReader].
func (r securityReader) TOTP(ctx context.Context, user id.User) (security.TOTP, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.TOTP{}, err
	}
	t, ok := st.totp[user]
	if !ok {
		return security.TOTP{}, security.ErrFactorNotFound
	}
	t.Sealed = bytes.Clone(t.Sealed)
	return t, nil
}

// TOTPKeys implements [security.FactorReader].
func (r securityReader) TOTPKeys(ctx context.Context) ([]string, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	keys := map[string]bool{}
	for _, t := range st.totp {
		keys[t.Key] = true
	}
	return slices.Sorted(maps.Keys(keys)), nil
}

// twoFactor reports whether a person has confirmed an app.
func (st *state) twoFactor(user id.User) bool {
	t, ok := st.totp[user]
	return ok && !t.ConfirmedAt.IsZero()
}

// PutTOTP implements [security.FactorTx].
func (tx securityTx) PutTOTP(ctx context.Context, t security.TOTP) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.users[t.User]; !ok {
		return security.ErrPersonNotFound
	}
	if st.twoFactor(t.User) {
		return security.ErrTOTPEnabled
	}
	st.totp[t.User] = security.TOTP{
		ID: t.ID, User: t.User, Sealed: bytes.Clone(t.Sealed), Key: t.Key, CreatedAt: t.CreatedAt,
	}
	return nil
}

// ConfirmTOTP implements [security.FactorTx].
func (tx securityTx) ConfirmTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now, madeSince time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	t, ok := st.totp[user]
	if !ok || t.ID != totp || !t.ConfirmedAt.IsZero() || !t.CreatedAt.After(madeSince) {
		return security.ErrFactorNotFound
	}
	t.ConfirmedAt = now
	t.LastUsedAt = now
	t.LastStep = step
	st.totp[user] = t
	return nil
}

// AdvanceTOTP implements [security.FactorTx].
func (tx securityTx) AdvanceTOTP(ctx context.Context, user id.User, totp id.Factor, step int64, now time.Time) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	t := st.totp[user]
	if !st.twoFactor(user) || t.ID != totp {
		return false, nil
	}
	if step <= t.LastStep || now.Before(t.SuspendedUntil) {
		return false, nil
	}
	t.LastStep = step
	t.LastUsedAt = now
	t.Failures = 0
	st.totp[user] = t
	return true, nil
}

// FailTOTP implements [security.FactorTx]. A suspension that lasts longer stays.
func (tx securityTx) FailTOTP(ctx context.Context, user id.User, limit int, until time.Time) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	if !st.twoFactor(user) {
		return 0, nil
	}
	t := st.totp[user]
	t.Failures++
	if limit > 0 && t.Failures%limit == 0 && until.After(t.SuspendedUntil) {
		t.SuspendedUntil = until
	}
	st.totp[user] = t
	return t.Failures, nil
}

// ResealTOTP implements [security.FactorTx].
func (tx securityTx) ResealTOTP(ctx context.Context, user id.User, totp id.Factor, old, sealed []byte, key string) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	t, ok := st.totp[user]
	if !ok || t.ID != totp || !bytes.Equal(t.Sealed, old) {
		return false, nil
	}
	t.Sealed, t.Key = bytes.Clone(sealed), key
	st.totp[user] = t
	return true, nil
}

// DeleteTOTP implements [security.FactorTx].
func (tx securityTx) DeleteTOTP(ctx context.Context, user id.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if _, ok := st.totp[user]; !ok {
		return security.ErrFactorNotFound
	}
	delete(st.totp, user)
	return nil
}
