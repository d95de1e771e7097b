-- People, how they sign in, what is mailed to them, and what they did.
-- Times are text in UTC, as bun writes them: their order is that of the text.
-- Tokens and links are kept as SHA-256, 32 bytes.

-- +goose Up

-- A person's address is one that the person has claimed. Checked at commit,
-- because the two rows are written one after the other.
CREATE TABLE settings_users (
    id              TEXT    PRIMARY KEY CHECK (length(id) = 36),
    external_id     TEXT    UNIQUE CHECK (length(external_id) BETWEEN 1 AND 255),
    name            TEXT    NOT NULL CHECK (length(name) <= 400),
    email           TEXT    NOT NULL CHECK (length(email) BETWEEN 1 AND 320),
    email_key       TEXT    NOT NULL UNIQUE CHECK (length(email_key) BETWEEN 1 AND 320),
    timezone        TEXT    NOT NULL CHECK (length(timezone) <= 64),
    locale          TEXT    NOT NULL CHECK (length(locale) <= 64),
    avatar_key      TEXT    UNIQUE CHECK (length(avatar_key) BETWEEN 1 AND 128),
    avatar_uploaded INTEGER NOT NULL CHECK (avatar_uploaded IN (0, 1)),
    created_at      TEXT    NOT NULL,
    updated_at      TEXT    NOT NULL,
    deleted_at      TEXT,
    FOREIGN KEY (id, email_key) REFERENCES settings_addresses (user_id, key) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- The one place where an address is claimed. reserved_until is NULL while the
-- address is somebody's present one; afterwards it keeps others away.
CREATE TABLE settings_addresses (
    key            TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 320),
    user_id        TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    reserved_until TEXT,
    UNIQUE (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_addresses_reserved ON settings_addresses (reserved_until) WHERE reserved_until IS NOT NULL;

CREATE TABLE settings_sign_ups (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    email      TEXT NOT NULL CHECK (length(email) BETWEEN 1 AND 320),
    email_key  TEXT NOT NULL CHECK (length(email_key) BETWEEN 1 AND 320),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    spent_at   TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_sign_ups_expires ON settings_sign_ups (expires_at);

CREATE TABLE settings_email_changes (
    id                 TEXT    PRIMARY KEY CHECK (length(id) = 36),
    user_id            TEXT    NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id         TEXT    NOT NULL CHECK (length(session_id) = 36),
    signed_in_at       TEXT,
    credential_version INTEGER NOT NULL,
    old_email          TEXT    NOT NULL CHECK (length(old_email) BETWEEN 1 AND 320),
    old_key            TEXT    NOT NULL CHECK (length(old_key) BETWEEN 1 AND 320),
    new_email          TEXT    NOT NULL CHECK (length(new_email) BETWEEN 1 AND 320),
    new_key            TEXT    NOT NULL CHECK (length(new_key) BETWEEN 1 AND 320),
    confirm_hash       BLOB    NOT NULL UNIQUE CHECK (length(confirm_hash) = 32),
    undo_hash          BLOB    NOT NULL UNIQUE CHECK (length(undo_hash) = 32),
    notice_hash        BLOB    UNIQUE CHECK (length(notice_hash) = 32),
    requested_at       TEXT    NOT NULL,
    expires_at         TEXT    NOT NULL,
    confirmed_at       TEXT,
    undo_until         TEXT,
    ended_at           TEXT, -- canceled, superseded or undone
    CHECK ((confirmed_at IS NULL) = (undo_until IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_email_changes_user ON settings_email_changes (user_id, requested_at);
CREATE UNIQUE INDEX settings_email_changes_pending ON settings_email_changes (user_id)
    WHERE confirmed_at IS NULL AND ended_at IS NULL;
CREATE INDEX settings_email_changes_expires ON settings_email_changes (expires_at) WHERE confirmed_at IS NULL;
CREATE INDEX settings_email_changes_undo ON settings_email_changes (undo_until) WHERE confirmed_at IS NOT NULL;

CREATE TABLE settings_blobs (
    name         TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 200 AND name NOT GLOB '*[^-a-z0-9/.]*'),
    content_type TEXT NOT NULL CHECK (length(content_type) <= 255),
    data         BLOB NOT NULL CHECK (length(data) <= 8388608)
) STRICT;

CREATE TABLE settings_blob_discards (
    key    TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    due_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_blob_discards_due ON settings_blob_discards (due_at, key);

CREATE TABLE settings_credentials (
    user_id             TEXT    PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    password_hash       TEXT    CHECK (length(password_hash) BETWEEN 1 AND 512),
    password_changed_at TEXT,
    version             INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((password_hash IS NULL) = (password_changed_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE settings_sessions (
    id             TEXT    PRIMARY KEY CHECK (length(id) = 36),
    token_hash     BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id        TEXT    NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    method         TEXT    NOT NULL CHECK (method IN ('password', 'totp', 'backup_code', 'passkey', 'email_code', 'sso')),
    connection     TEXT    NOT NULL CHECK (length(connection) <= 255),
    version        INTEGER NOT NULL,
    password_at    TEXT,
    totp_at        TEXT,
    backup_code_at TEXT,
    passkey_at     TEXT,
    email_code_at  TEXT,
    sso_at         TEXT,
    ip             TEXT    CHECK (length(ip) BETWEEN 2 AND 64),
    user_agent     TEXT    NOT NULL CHECK (octet_length(user_agent) <= 512),
    signed_in_at   TEXT    NOT NULL,
    last_used_at   TEXT    NOT NULL,
    expires_at     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_sessions_user ON settings_sessions (user_id, signed_in_at, id);
CREATE INDEX settings_sessions_expires ON settings_sessions (expires_at);
CREATE INDEX settings_sessions_idle ON settings_sessions (last_used_at);

-- One row for each address, under its keyed hash: a new link takes the place of
-- the former one, and whoever asks for the same address waits for the same row,
-- whether or not it has an account. user_id is NULL if not. It is no foreign key,
-- because checking one would lock the person's row, and nobody has none.
CREATE TABLE settings_resets (
    address_key BLOB    PRIMARY KEY CHECK (length(address_key) = 32),
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id     TEXT,
    version     INTEGER NOT NULL,
    created_at  TEXT    NOT NULL,
    expires_at  TEXT    NOT NULL,
    spent_at    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_resets_expires ON settings_resets (expires_at);
CREATE INDEX settings_resets_spent ON settings_resets (spent_at) WHERE spent_at IS NOT NULL;

CREATE TABLE settings_failures (
    key        BLOB    PRIMARY KEY CHECK (length(key) = 32),
    failures   INTEGER NOT NULL CHECK (failures >= 1),
    started_at TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_failures_started ON settings_failures (started_at);

-- sealed is NULL once the letter was sent or given up.
CREATE TABLE settings_outbox (
    id           TEXT    NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    kind         TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 128),
    to_address   TEXT    NOT NULL CHECK (length(to_address) <= 320),
    to_name      TEXT    NOT NULL CHECK (length(to_name) <= 400),
    to_locale    TEXT    NOT NULL CHECK (length(to_locale) <= 64),
    to_timezone  TEXT    NOT NULL CHECK (length(to_timezone) <= 64),
    urgency      INTEGER NOT NULL CHECK (urgency BETWEEN 0 AND 2),
    sealed       BLOB,
    created_at   TEXT    NOT NULL,
    due_at       TEXT    NOT NULL,
    leased_until TEXT,
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    reason       TEXT    NOT NULL CHECK (octet_length(reason) <= 1024),
    done_at      TEXT,
    outcome      TEXT    CHECK (outcome IN ('sent', 'given_up')),
    CHECK ((done_at IS NULL) = (sealed IS NOT NULL)),
    CHECK ((done_at IS NULL) = (outcome IS NULL))
) STRICT;
CREATE INDEX settings_outbox_waiting ON settings_outbox (urgency, created_at, id) WHERE done_at IS NULL;
CREATE INDEX settings_outbox_due ON settings_outbox (due_at) WHERE done_at IS NULL;
CREATE INDEX settings_outbox_done ON settings_outbox (done_at) WHERE done_at IS NOT NULL;

-- No foreign keys: entries outlive what they are about.
CREATE TABLE settings_audit_entries (
    id          TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    at          TEXT NOT NULL,
    action      TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 128),
    outcome     TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
    reason      TEXT NOT NULL,
    actor_kind  TEXT NOT NULL CHECK (actor_kind IN ('anonymous', 'user', 'system', 'support')),
    actor_id    TEXT,
    actor_name  TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    target_name TEXT NOT NULL,
    changes     TEXT NOT NULL CHECK (json_valid(changes) AND json_type(changes) = 'array'),
    user_id     TEXT,
    org_id      TEXT,
    session_id  TEXT,
    ip          TEXT,
    user_agent  TEXT NOT NULL,
    request_id  TEXT NOT NULL
) STRICT;
CREATE INDEX settings_audit_entries_user ON settings_audit_entries (user_id, id) WHERE user_id IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_update BEFORE UPDATE ON settings_audit_entries
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_delete BEFORE DELETE ON settings_audit_entries
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes the old row without asking the trigger above.
-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_replace BEFORE INSERT ON settings_audit_entries
WHEN EXISTS (SELECT 1 FROM settings_audit_entries WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd
