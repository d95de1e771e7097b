package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
)

// VoidAlerts implements security.Tx.
func (t securityTx) VoidAlerts(ctx context.Context, user id.User, now time.Time) error {
	_, err := t.tx.NewRaw(`UPDATE settings_alerts SET spent_at = ? WHERE user_id = ? AND spent_at IS NULL`, at(now), user).Exec(ctx)
	return err
}

// ofPerson are the tables of this domain with what of them a receipt calls it.
var ofPerson = []struct{ kind, table string }{
	{"sessions", "settings_sessions"},
	{"sign_ins_under_way", "settings_pending_sign_ins"},
	{"challenges", "settings_ceremonies"},
	{"mailed_codes", "settings_email_codes"},
	{"reset_links", "settings_resets"},
	{"alert_links", "settings_alerts"},
	{"known_devices", "settings_seen"},
	{"backup_codes", "settings_backup_codes"},
	{"authenticator_apps", "settings_totp"},
	{"passkeys", "settings_passkeys"},
	{"credentials", "settings_credentials"},
}

// RemovePerson implements security.Tx.
func (t securityTx) RemovePerson(ctx context.Context, user id.User) (map[string]int, error) {
	removed := map[string]int{}
	for _, of := range ofPerson {
		n, err := affected(t.tx.NewRaw(`DELETE FROM ? WHERE user_id = ?`, bun.Ident(of.table), user).Exec(ctx))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			removed[of.kind] = n
		}
	}
	return removed, nil
}
