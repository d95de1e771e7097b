package bunstore_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
)

// crowd is a product that has been in use: many people with sessions, a history
// and mail, most of which was sent long ago.
const crowd = `
	INSERT INTO settings_users
	SELECT md5('u' || i)::uuid, NULL, 'Ada Lovelace', i || '@example.com', i || '@example.com', 'Europe/London', 'en', 'avatar-' || i,
		false, now() - interval '1 year', now(), NULL
	FROM generate_series(1, 3000) AS i;
	INSERT INTO settings_addresses SELECT email_key, id, NULL FROM settings_users;
	INSERT INTO settings_credentials SELECT id, '$argon2id$', now(), 1 FROM settings_users;
	INSERT INTO settings_sessions
	SELECT md5('s' || i)::uuid, sha256(('s' || i)::bytea), md5('u' || (i % 3000 + 1))::uuid, 'password', '', 1,
		now(), NULL, NULL, NULL, NULL, NULL, '192.0.2.1', 'Mozilla/5.0', now() - i * interval '1 minute', now() - i % 1000 * interval '1 minute',
		now() + interval '90 days'
	FROM generate_series(1, 6000) AS i;
	INSERT INTO settings_resets
	SELECT sha256(('k' || i)::bytea), sha256(('r' || i)::bytea), md5('u' || i)::uuid, 1, now(), now() + interval '1 hour', NULL FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_sign_ups
	SELECT sha256(('r' || i)::bytea), i || '@example.com', i || '@example.com', now(), now() + interval '1 day', NULL FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_email_changes
	SELECT md5('e' || i)::uuid, md5('u' || i)::uuid, md5('s' || i)::uuid, now(), 1, 'a@example.com', 'a@example.com', 'b@example.com', 'b@example.com',
		sha256(('c' || i)::bytea), sha256(('n' || i)::bytea), NULL, now(), now() + interval '1 day', NULL, NULL, NULL
	FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_failures SELECT sha256(('f' || i)::bytea), 1, now() FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_totp
	SELECT md5('u' || i)::uuid, md5('t' || i)::uuid, 'x', 'k1', now(), CASE WHEN i % 10 <> 0 THEN now() END, i, now(), 0, NULL
	FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_backup_codes
	SELECT md5('u' || (i % 2000 + 1))::uuid, sha256(('b' || i)::bytea), now(), NULL FROM generate_series(1, 6000) AS i;
	INSERT INTO settings_passkeys
	SELECT md5('p' || i)::uuid, md5('u' || (i % 2000 + 1))::uuid, 'Laptop', sha256(('p' || i)::bytea), '{}', 0, true, now(), now()
	FROM generate_series(1, 3000) AS i;
	INSERT INTO settings_ceremonies
	SELECT sha256(('c' || i)::bytea), 'registration', md5('u' || i)::uuid, NULL, NULL, '{}', now() + i * interval '1 minute'
	FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_pending_sign_ins
	SELECT sha256(('p' || i)::bytea), md5('u' || i)::uuid, 1, 'password', now(), NULL, NULL, NULL, NULL, NULL, 0, now(), now() + i * interval '1 minute'
	FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_email_codes
	SELECT md5('u' || i)::uuid, md5('s' || i)::uuid, sha256('x'), 0, now(), now() + i * interval '1 minute' FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_seen
	SELECT md5('u' || (i % 3000 + 1))::uuid, sha256(('d' || i)::bytea), 'GB', now() - i * interval '1 hour', now() - i * interval '1 hour'
	FROM generate_series(1, 9000) AS i;
	INSERT INTO settings_alerts
	SELECT sha256(('a' || i)::bytea), md5('u' || i)::uuid, now(), now() + i * interval '1 minute', NULL FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_buckets SELECT sha256(('b' || i)::bytea), extract(epoch FROM now())::bigint * 1000000 + i::bigint * 60000000 FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_outbox
	SELECT md5('m' || i)::uuid, 'account.sign_up', 'ada@example.com', 'Ada', 'en', 'Europe/London', i % 3,
		CASE WHEN i % 100 = 0 THEN 'x'::bytea END, now() - i * interval '1 minute', now() - i * interval '1 minute', NULL, 0, '',
		CASE WHEN i % 100 <> 0 THEN now() END, CASE WHEN i % 100 <> 0 THEN 'sent' END
	FROM generate_series(1, 3000) AS i;
	INSERT INTO settings_audit_entries
	SELECT md5('a' || i)::uuid, now(), NULL, md5('u' || (i % 3000 + 1))::uuid, NULL, 'account.updated', NULL,
		('{"id":"' || md5('a' || i)::uuid || '","at":"2026-03-14T15:09:26.000000Z"}')::json
	FROM generate_series(1, 6000) AS i;
	INSERT INTO settings_blobs SELECT 'avatars/' || i, 'image/png', 'x' FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_blob_discards SELECT 'avatars/' || i, now() + interval '1 hour' FROM generate_series(1, 2000) AS i;`

// What is asked often, or of tables that grow, finds its rows by an index.
func TestQueriesUseIndexesOnPostgres(t *testing.T) {
	conf, err := pgx.ParseConfig(dbtest.PostgresDSN(t))
	require.NoError(t, err)
	conf.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	pool := stdlib.OpenDB(*conf)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	for _, statement := range []string{"BEGIN; SET CONSTRAINTS ALL DEFERRED;" + crowd + orgCrowd + "COMMIT", "ANALYZE"} {
		_, err = pool.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	seen := &collector{statements: map[string]string{}}
	db, err := bunstore.New(bun.NewDB(pool, pgdialect.New()).WithQueryHook(seen))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })

	queries := hotQueries(t, db)
	maps.Copy(queries, factorQueries(t, db))
	maps.Copy(queries, orgQueries(db, placeOnPostgres(t, db)))
	for name, q := range queries {
		t.Run(name, func(t *testing.T) {
			seen.statements = map[string]string{}
			// In a transaction also LoginByToken, the same SQL, goes by bun.
			undone := errors.New("undone")
			err := db.InTx(t.Context(), func(ctx context.Context) error {
				require.NoError(t, q.ask(ctx))
				return undone
			})
			require.ErrorIs(t, err, undone)
			require.NotEmpty(t, seen.statements)
			plan := ""
			for _, statement := range seen.statements {
				plan += explain(t, pool, statement)
			}
			require.NotContains(t, plan, "Seq Scan on settings_")
			for _, index := range q.indexes {
				require.Contains(t, plan, index)
			}
		})
	}
}

func explain(t *testing.T, pool *sql.DB, statement string) string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "EXPLAIN "+statement)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	plan := statement + "\n"
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan += line + "\n"
	}
	require.NoError(t, rows.Err())
	return plan
}

// query is a question with the indexes that its answer needs.
type query struct {
	indexes []string
	ask     func(ctx context.Context) error
}

// hotQueries asks for what is there, so that every part of an answer is looked for.
func hotQueries(t *testing.T, db *bunstore.DB) map[string]query {
	t.Helper()
	var s struct {
		ID        id.Session
		UserID    id.User
		TokenHash []byte
	}
	require.NoError(t, db.Conn(t.Context()).NewRaw("SELECT id, user_id, token_hash FROM settings_sessions LIMIT 1").Scan(t.Context(), &s))
	now := time.Now().UTC()
	idle := now.Add(-14 * 24 * time.Hour)
	inSecurity := func(ask func(ctx context.Context, tx security.Tx) error) func(context.Context) error {
		return func(ctx context.Context) error { return db.Security().Update(ctx, ask) }
	}
	return map[string]query{
		"LoginByToken": {[]string{
			"settings_sessions_token_hash_key", "settings_users_pkey", "settings_credentials_pkey", "settings_totp_pkey", "settings_passkeys_user",
		}, func(ctx context.Context) error {
			_, err := db.Security().LoginByToken(ctx, security.Hash(s.TokenHash))
			return err
		}},
		"Sessions": {[]string{"settings_sessions_user"}, func(ctx context.Context) error {
			_, err := db.Security().Sessions(ctx, s.UserID, now, idle, id.Session{}, 50)
			return err
		}},
		"TouchSession": {[]string{"settings_sessions_pkey"}, inSecurity(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.TouchSession(ctx, s.ID, netip.MustParseAddr("192.0.2.1"), "Mozilla/5.0", now, now)
			return err
		})},
		"RevokeSessions": {[]string{"settings_sessions_user"}, inSecurity(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.RevokeSessions(ctx, s.UserID, s.ID)
			return err
		})},
		"PersonByEmail": {[]string{"settings_users_email_key_key", "settings_credentials_pkey", "settings_totp_pkey", "settings_passkeys_user"}, func(ctx context.Context) error {
			_, err := db.Security().PersonByEmail(ctx, "17@example.com")
			return err
		}},
		"BumpFailures": {[]string{"settings_failures_pkey"}, inSecurity(func(ctx context.Context, tx security.Tx) error {
			_, err := tx.BumpFailures(ctx, security.Hash{1}, now, time.Hour)
			return err
		})},
		"PurgeSessions": {
			[]string{"settings_sessions_expires", "settings_sessions_idle", "settings_resets_expires", "settings_resets_spent", "settings_failures_started"},
			inSecurity(func(ctx context.Context, tx security.Tx) error {
				_, err := tx.PurgeSessions(ctx, now, idle, 1000)
				return err
			}),
		},
		"UserByAvatar": {[]string{"settings_users_avatar_key_key"}, func(ctx context.Context) error {
			_, err := db.Accounts().UserByAvatar(ctx, "avatar-17")
			return err
		}},
		"UserByEmail": {[]string{"settings_users_email_key_key"}, func(ctx context.Context) error {
			_, err := db.Accounts().UserByEmail(ctx, "17@example.com")
			return err
		}},
		"PendingEmailChange": {[]string{"settings_email_changes_"}, func(ctx context.Context) error {
			if _, err := db.Accounts().PendingEmailChange(ctx, s.UserID, now); !errors.Is(err, accounts.ErrNoEmailChange) {
				return err
			}
			return nil
		}},
		"ClaimMail": {[]string{"settings_outbox_", "settings_outbox_pkey"}, func(ctx context.Context) error {
			_, err := db.Mail().ClaimMail(ctx, now, time.Minute, 10)
			return err
		}},
		"OldestDueMail": {[]string{"settings_outbox_due"}, func(ctx context.Context) error {
			_, err := db.Mail().OldestDueMail(ctx, now)
			return err
		}},
		"Entries": {[]string{"settings_audit_entries_user"}, func(ctx context.Context) error {
			_, err := db.Audit().Entries(ctx, s.UserID, id.Entry{}, 50)
			return err
		}},
		"Blob": {[]string{"settings_blobs_pkey"}, func(ctx context.Context) error {
			_, _, err := db.Blobs().Blob(ctx, "avatars/17")
			return err
		}},
		"DueBlobs": {[]string{"settings_blob_discards_due"}, func(ctx context.Context) error {
			return db.Accounts().Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
				_, err := tx.DueBlobs(ctx, now, 100)
				return err
			})
		}},
	}
}
