-- People, how they sign in, what is mailed to them, and what they did.
-- Times are UTC. Tokens and links are kept as SHA-256, 32 bytes.

-- +goose Up

CREATE TABLE settings_users (
    id              uuid        PRIMARY KEY,
    external_id     text        UNIQUE CHECK (char_length(external_id) BETWEEN 1 AND 255),
    name            text        NOT NULL CHECK (char_length(name) <= 400),
    email           text        NOT NULL CHECK (char_length(email) BETWEEN 1 AND 320),
    email_key       text        NOT NULL UNIQUE CHECK (char_length(email_key) BETWEEN 1 AND 320),
    timezone        text        NOT NULL CHECK (char_length(timezone) <= 64),
    locale          text        NOT NULL CHECK (char_length(locale) <= 64),
    avatar_key      text        UNIQUE CHECK (char_length(avatar_key) BETWEEN 1 AND 128),
    avatar_uploaded boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz
);

-- The one place where an address is claimed. reserved_until is NULL while the
-- address is somebody's present one; afterwards it keeps others away.
CREATE TABLE settings_addresses (
    key            text        PRIMARY KEY CHECK (char_length(key) BETWEEN 1 AND 320),
    user_id        uuid        NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    reserved_until timestamptz,
    UNIQUE (user_id, key)
);
CREATE INDEX settings_addresses_reserved ON settings_addresses (reserved_until) WHERE reserved_until IS NOT NULL;

-- A person's address is one that the person has claimed. Checked at commit,
-- because the two rows are written one after the other.
ALTER TABLE settings_users ADD CONSTRAINT settings_users_address
    FOREIGN KEY (id, email_key) REFERENCES settings_addresses (user_id, key) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE settings_sign_ups (
    token_hash bytea       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    email      text        NOT NULL CHECK (char_length(email) BETWEEN 1 AND 320),
    email_key  text        NOT NULL CHECK (char_length(email_key) BETWEEN 1 AND 320),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_at   timestamptz
);
CREATE INDEX settings_sign_ups_expires ON settings_sign_ups (expires_at);

CREATE TABLE settings_email_changes (
    id                 uuid        PRIMARY KEY,
    user_id            uuid        NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id         uuid        NOT NULL,
    signed_in_at       timestamptz,
    credential_version bigint      NOT NULL,
    old_email          text        NOT NULL CHECK (char_length(old_email) BETWEEN 1 AND 320),
    old_key            text        NOT NULL CHECK (char_length(old_key) BETWEEN 1 AND 320),
    new_email          text        NOT NULL CHECK (char_length(new_email) BETWEEN 1 AND 320),
    new_key            text        NOT NULL CHECK (char_length(new_key) BETWEEN 1 AND 320),
    confirm_hash       bytea       NOT NULL UNIQUE CHECK (octet_length(confirm_hash) = 32),
    undo_hash          bytea       NOT NULL UNIQUE CHECK (octet_length(undo_hash) = 32),
    notice_hash        bytea       UNIQUE CHECK (octet_length(notice_hash) = 32),
    requested_at       timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    confirmed_at       timestamptz,
    undo_until         timestamptz,
    ended_at           timestamptz, -- canceled, superseded or undone
    CHECK ((confirmed_at IS NULL) = (undo_until IS NULL))
);
CREATE INDEX settings_email_changes_user ON settings_email_changes (user_id, requested_at);
CREATE UNIQUE INDEX settings_email_changes_pending ON settings_email_changes (user_id)
    WHERE confirmed_at IS NULL AND ended_at IS NULL;
CREATE INDEX settings_email_changes_expires ON settings_email_changes (expires_at) WHERE confirmed_at IS NULL;
CREATE INDEX settings_email_changes_undo ON settings_email_changes (undo_until) WHERE confirmed_at IS NOT NULL;

-- Names are compared byte by byte, so that a prefix is a range of the index.
CREATE TABLE settings_blobs (
    name         text  COLLATE "C" PRIMARY KEY CHECK (name ~ '^[-a-z0-9/.]{1,200}$'),
    content_type text  NOT NULL CHECK (char_length(content_type) <= 255),
    data         bytea NOT NULL CHECK (octet_length(data) <= 8388608)
);

CREATE TABLE settings_blob_discards (
    key    text        COLLATE "C" PRIMARY KEY CHECK (char_length(key) BETWEEN 1 AND 200),
    due_at timestamptz NOT NULL
);
CREATE INDEX settings_blob_discards_due ON settings_blob_discards (due_at, key);

CREATE TABLE settings_credentials (
    user_id             uuid        PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    password_hash       text        CHECK (char_length(password_hash) BETWEEN 1 AND 512),
    password_changed_at timestamptz,
    version             bigint      NOT NULL CHECK (version >= 1),
    CHECK ((password_hash IS NULL) = (password_changed_at IS NULL))
);

CREATE TABLE settings_sessions (
    id             uuid        PRIMARY KEY,
    token_hash     bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id        uuid        NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    method         text        NOT NULL CHECK (method IN ('password', 'totp', 'backup_code', 'passkey', 'email_code', 'sso')),
    connection     text        NOT NULL CHECK (char_length(connection) <= 255),
    version        bigint      NOT NULL,
    password_at    timestamptz,
    totp_at        timestamptz,
    backup_code_at timestamptz,
    passkey_at     timestamptz,
    email_code_at  timestamptz,
    sso_at         timestamptz,
    ip             text        CHECK (char_length(ip) BETWEEN 2 AND 64),
    user_agent     text        NOT NULL CHECK (octet_length(user_agent) <= 512),
    signed_in_at   timestamptz NOT NULL,
    last_used_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX settings_sessions_user ON settings_sessions (user_id, signed_in_at, id);
CREATE INDEX settings_sessions_expires ON settings_sessions (expires_at);
CREATE INDEX settings_sessions_idle ON settings_sessions (last_used_at);

-- One row for each address, under its keyed hash: a new link takes the place of
-- the former one, and whoever asks for the same address waits for the same row,
-- whether or not it has an account. user_id is NULL if not. It is no foreign key,
-- because checking one would lock the person's row, and nobody has none.
CREATE TABLE settings_resets (
    address_key bytea       PRIMARY KEY CHECK (octet_length(address_key) = 32),
    token_hash  bytea       NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id     uuid,
    version     bigint      NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    spent_at    timestamptz
);
CREATE INDEX settings_resets_expires ON settings_resets (expires_at);
CREATE INDEX settings_resets_spent ON settings_resets (spent_at) WHERE spent_at IS NOT NULL;

CREATE TABLE settings_failures (
    key        bytea       PRIMARY KEY CHECK (octet_length(key) = 32),
    failures   integer     NOT NULL CHECK (failures >= 1),
    started_at timestamptz NOT NULL
);
CREATE INDEX settings_failures_started ON settings_failures (started_at);

-- sealed is NULL once the letter was sent or given up.
CREATE TABLE settings_outbox (
    id           uuid        PRIMARY KEY,
    kind         text        NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 128),
    to_address   text        NOT NULL CHECK (char_length(to_address) <= 320),
    to_name      text        NOT NULL CHECK (char_length(to_name) <= 400),
    to_locale    text        NOT NULL CHECK (char_length(to_locale) <= 64),
    to_timezone  text        NOT NULL CHECK (char_length(to_timezone) <= 64),
    urgency      smallint    NOT NULL CHECK (urgency BETWEEN 0 AND 2),
    sealed       bytea,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    attempts     integer     NOT NULL CHECK (attempts >= 0),
    reason       text        NOT NULL CHECK (octet_length(reason) <= 1024),
    done_at      timestamptz,
    outcome      text        CHECK (outcome IN ('sent', 'given_up')),
    CHECK ((done_at IS NULL) = (sealed IS NOT NULL)),
    CHECK ((done_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX settings_outbox_waiting ON settings_outbox (urgency, created_at, id) WHERE done_at IS NULL;
CREATE INDEX settings_outbox_due ON settings_outbox (due_at) WHERE done_at IS NULL;
CREATE INDEX settings_outbox_done ON settings_outbox (done_at) WHERE done_at IS NOT NULL;

-- No foreign keys: entries outlive what they are about.
CREATE TABLE settings_audit_entries (
    id          uuid        PRIMARY KEY,
    at          timestamptz NOT NULL,
    action      text        NOT NULL CHECK (char_length(action) BETWEEN 1 AND 128),
    outcome     text        NOT NULL CHECK (outcome IN ('done', 'refused')),
    reason      text        NOT NULL,
    actor_kind  text        NOT NULL CHECK (actor_kind IN ('anonymous', 'user', 'system', 'support')),
    actor_id    uuid,
    actor_name  text        NOT NULL,
    target_kind text        NOT NULL,
    target_id   text        NOT NULL,
    target_name text        NOT NULL,
    changes     jsonb       NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
    user_id     uuid,
    org_id      uuid,
    session_id  uuid,
    ip          text,
    user_agent  text        NOT NULL,
    request_id  text        NOT NULL
);
CREATE INDEX settings_audit_entries_user ON settings_audit_entries (user_id, id) WHERE user_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION settings_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'settings_audit_entries is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER settings_audit_append_only BEFORE UPDATE OR DELETE ON settings_audit_entries
    FOR EACH ROW EXECUTE FUNCTION settings_audit_refuse();
CREATE TRIGGER settings_audit_no_truncate BEFORE TRUNCATE ON settings_audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit_refuse();
