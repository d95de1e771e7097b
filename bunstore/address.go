package bunstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// claimAddress makes key the person's, if it is free, reserved for the person
// already, or its reservation has ended by now. Of concurrent callers one gets
// it: the others wait for that one, and see what it has written.
func (t accountsTx) claimAddress(ctx context.Context, user id.User, key string, now time.Time) error {
	n, err := affected(t.tx.NewRaw(`
		INSERT INTO settings_addresses (key, user_id, reserved_until) VALUES (?, ?, NULL)
		ON CONFLICT (key) DO UPDATE SET user_id = EXCLUDED.user_id, reserved_until = NULL
		WHERE settings_addresses.reserved_until <= ?
		   OR (settings_addresses.reserved_until IS NOT NULL AND settings_addresses.user_id = EXCLUDED.user_id)`,
		key, user, at(now)).Exec(ctx))
	if err == nil && n == 0 {
		err = accounts.ErrEmailTaken
	}
	return err
}

// leaveAddress keeps others from an address that was the person's until reserve,
// or, with a zero reserve, lets it go.
func (t accountsTx) leaveAddress(ctx context.Context, user id.User, key string, reserve time.Time) error {
	if reserve.IsZero() {
		_, err := t.tx.NewRaw(`DELETE FROM settings_addresses WHERE key = ? AND user_id = ?`, key, user).Exec(ctx)
		return err
	}
	_, err := t.tx.NewRaw(`UPDATE settings_addresses SET reserved_until = ? WHERE key = ? AND user_id = ?`,
		at(reserve), key, user).Exec(ctx)
	return err
}
