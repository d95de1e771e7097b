-- Second factors, half-finished sign-ins, known devices, shared rate limits.

-- +goose Up

CREATE TABLE settings_totp (
    user_id         TEXT PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    id              TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
    sealed          BLOB NOT NULL CHECK (length(sealed) BETWEEN 1 AND 512),
    sealed_key      TEXT NOT NULL CHECK (length(sealed_key) BETWEEN 1 AND 64),
    created_at      TEXT NOT NULL,
    confirmed_at    TEXT,
    last_step       INTEGER NOT NULL,
    last_used_at    TEXT,
    failures        INTEGER NOT NULL CHECK (failures >= 0),
    suspended_until TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_totp_key ON settings_totp (sealed_key);
CREATE INDEX settings_totp_unconfirmed ON settings_totp (created_at) WHERE confirmed_at IS NULL;

CREATE TABLE settings_backup_codes (
    user_id    TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    code_hash  BLOB NOT NULL CHECK (length(code_hash) = 32),
    created_at TEXT NOT NULL,
    spent_at   TEXT,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings_passkeys (
    id            TEXT PRIMARY KEY CHECK (length(id) = 36),
    user_id       TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    name          TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    credential_id BLOB NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    data          BLOB NOT NULL CHECK (length(data) <= 65536),
    sign_count    INTEGER NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    backed_up     INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
    created_at    TEXT NOT NULL,
    last_used_at  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_passkeys_user ON settings_passkeys (user_id, created_at, id);

-- A challenge is removed when it is used.
CREATE TABLE settings_ceremonies (
    challenge    BLOB PRIMARY KEY CHECK (length(challenge) = 32),
    purpose      TEXT NOT NULL CHECK (purpose IN ('sign_in', 'second_factor', 'reauthenticate', 'registration')),
    user_id      TEXT REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id   TEXT,
    pending_hash BLOB CHECK (length(pending_hash) = 32),
    data         BLOB NOT NULL CHECK (length(data) <= 65536),
    expires_at   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_ceremonies_expires ON settings_ceremonies (expires_at);
CREATE INDEX settings_ceremonies_user ON settings_ceremonies (user_id) WHERE user_id IS NOT NULL;

-- Somebody who has proven one factor of two. Removed when it comes to its end.
CREATE TABLE settings_pending_sign_ins (
    token_hash     BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id        TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    version        INTEGER NOT NULL,
    method         TEXT NOT NULL CHECK (method IN ('password', 'totp', 'backup_code', 'passkey', 'email_code', 'sso')),
    password_at    TEXT,
    totp_at        TEXT,
    backup_code_at TEXT,
    passkey_at     TEXT,
    email_code_at  TEXT,
    sso_at         TEXT,
    tries          INTEGER NOT NULL CHECK (tries >= 0),
    created_at     TEXT NOT NULL,
    expires_at     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_pending_sign_ins_expires ON settings_pending_sign_ins (expires_at);
CREATE INDEX settings_pending_sign_ins_user ON settings_pending_sign_ins (user_id);

CREATE TABLE settings_email_codes (
    user_id    TEXT PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    code_hash  BLOB NOT NULL CHECK (length(code_hash) = 32),
    tries      INTEGER NOT NULL CHECK (tries >= 0),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_email_codes_expires ON settings_email_codes (expires_at);

-- One row for each pair of a device and a country that somebody signed in from.
-- Either may be unknown: 32 zero bytes, or no letters.
CREATE TABLE settings_seen (
    user_id       TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    device_hash   BLOB NOT NULL CHECK (length(device_hash) = 32),
    country       TEXT NOT NULL CHECK (length(country) IN (0, 2)),
    first_seen_at TEXT NOT NULL,
    last_seen_at  TEXT NOT NULL,
    PRIMARY KEY (user_id, device_hash, country)
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_seen_last ON settings_seen (last_seen_at);

CREATE TABLE settings_alerts (
    token_hash   BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id      TEXT NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    signed_in_at TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    spent_at     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_alerts_expires ON settings_alerts (expires_at);
CREATE INDEX settings_alerts_user ON settings_alerts (user_id);

-- Rate limits that several nodes share. full_at is when a bucket is full again, in
-- microseconds since 1970: it is reckoned with in one statement.
CREATE TABLE settings_buckets (
    key     BLOB PRIMARY KEY CHECK (length(key) = 32),
    full_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_buckets_full ON settings_buckets (full_at);
