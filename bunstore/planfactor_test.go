package bunstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// factorQueries are those of hotQueries about second factors, in a crowd.
func factorQueries(t *testing.T, db *bunstore.DB) map[string]query {
	t.Helper()
	find := func(dest any, column, table, condition string) {
		t.Helper()
		statement := "SELECT " + column + " FROM settings_" + table + " WHERE " + condition + " LIMIT 1"
		require.NoError(t, db.Conn(t.Context()).NewRaw(statement).Scan(t.Context(), dest))
	}
	var (
		app                         security.TOTP
		passkey                     id.Factor
		owner                       id.User
		code, challenge, half, link []byte
		now                         = time.Now().UTC()
	)
	find(&app.User, "user_id", "totp", "confirmed_at IS NOT NULL AND user_id IN (SELECT user_id FROM settings_backup_codes)")
	find(&app.ID, "id", "totp", "user_id = '"+app.User.String()+"'")
	find(&code, "code_hash", "backup_codes", "user_id = '"+app.User.String()+"'")
	find(&passkey, "id", "passkeys", "true")
	find(&owner, "user_id", "passkeys", "id = '"+passkey.String()+"'")
	find(&challenge, "challenge", "ceremonies", "expires_at > now() + interval '10 minutes'")
	find(&half, "token_hash", "pending_sign_ins", "expires_at > now() + interval '10 minutes'")
	find(&link, "token_hash", "alerts", "expires_at > now() + interval '10 minutes'")

	reads := func(ask func(ctx context.Context, r security.Reader) error) func(context.Context) error {
		return func(ctx context.Context) error { return ask(ctx, db.Security()) }
	}
	writes := func(ask securityWrite) func(context.Context) error {
		return func(ctx context.Context) error { return db.Security().Update(ctx, ask) }
	}
	return map[string]query{
		"TOTP": {[]string{"settings_totp_pkey"}, reads(func(ctx context.Context, r security.Reader) error {
			_, err := r.TOTP(ctx, app.User)
			return err
		})},
		"AdvanceTOTP": {[]string{"settings_totp_"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.AdvanceTOTP(ctx, app.User, app.ID, 1<<40, now)
			return err
		})},
		"FailTOTP": {[]string{"settings_totp_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.FailTOTP(ctx, app.User, 5, now)
			return err
		})},
		"SpendBackupCode": {[]string{"settings_backup_codes_pkey", "settings_credentials_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendBackupCode(ctx, app.User, security.Hash(code), now)
			return err
		})},
		"Passkeys": {[]string{"settings_passkeys_user"}, reads(func(ctx context.Context, r security.Reader) error {
			_, err := r.Passkeys(ctx, owner)
			return err
		})},
		"UsePasskey": {[]string{"settings_passkeys_"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.UsePasskey(ctx, security.Passkey{ID: passkey, User: owner, LastUsedAt: now}, 0)
			return err
		})},
		"SpendCeremony": {[]string{"settings_ceremonies_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendCeremony(ctx, security.Hash(challenge), now)
			return err
		})},
		"PendingByToken": {[]string{"settings_pending_sign_ins_pkey", "settings_credentials_pkey"}, reads(func(ctx context.Context, r security.Reader) error {
			_, err := r.PendingByToken(ctx, security.Hash(half), now, 5)
			return err
		})},
		"TryPending": {[]string{"settings_pending_sign_ins_pkey", "settings_credentials_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.TryPending(ctx, security.Hash(half), now, 5)
			return err
		})},
		"SpendPending": {[]string{"settings_pending_sign_ins_pkey", "settings_credentials_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendPending(ctx, security.Hash(half), now)
			return err
		})},
		"Seen": {[]string{"settings_seen_pkey"}, reads(func(ctx context.Context, r security.Reader) error {
			_, err := r.Seen(ctx, app.User, security.Hash{1}, "GB")
			return err
		})},
		"NoteSeen": {nil, writes(func(ctx context.Context, tx security.Tx) error {
			return tx.NoteSeen(ctx, app.User, security.Hash{1}, "GB", now)
		})},
		"SpendAlert": {[]string{"settings_alerts_pkey"}, writes(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.SpendAlert(ctx, security.Hash(link), now)
			return err
		})},
		"PurgeFactors": {
			[]string{
				"settings_ceremonies_expires", "settings_pending_sign_ins_expires", "settings_email_codes_expires", "settings_alerts_expires",
				"settings_totp_unconfirmed", "settings_seen_last", "settings_seen_pkey", "settings_buckets_full",
			},
			writes(func(ctx context.Context, tx security.Tx) error {
				_, err := tx.PurgeFactors(ctx, now, 1000)
				return err
			}),
		},
	}
}
