-- Second factors, half-finished sign-ins, known devices, shared rate limits.

-- +goose Up

CREATE TABLE settings_totp (
    user_id         uuid PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    id              uuid NOT NULL UNIQUE,
    sealed          bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 1 AND 512),
    sealed_key      text NOT NULL CHECK (char_length(sealed_key) BETWEEN 1 AND 64),
    created_at      timestamptz NOT NULL,
    confirmed_at    timestamptz,
    last_step       bigint NOT NULL,
    last_used_at    timestamptz,
    failures        integer NOT NULL CHECK (failures >= 0),
    suspended_until timestamptz
);
CREATE INDEX settings_totp_key ON settings_totp (sealed_key);
CREATE INDEX settings_totp_unconfirmed ON settings_totp (created_at) WHERE confirmed_at IS NULL;

CREATE TABLE settings_backup_codes (
    user_id    uuid NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    created_at timestamptz NOT NULL,
    spent_at   timestamptz,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE settings_passkeys (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 400),
    credential_id bytea NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    data          bytea NOT NULL CHECK (octet_length(data) <= 65536),
    sign_count    bigint NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    backed_up     boolean NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz
);
CREATE INDEX settings_passkeys_user ON settings_passkeys (user_id, created_at, id);

-- A challenge is removed when it is used.
CREATE TABLE settings_ceremonies (
    challenge    bytea PRIMARY KEY CHECK (octet_length(challenge) = 32),
    purpose      text NOT NULL CHECK (purpose IN ('sign_in', 'second_factor', 'reauthenticate', 'registration')),
    user_id      uuid REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id   uuid,
    pending_hash bytea CHECK (octet_length(pending_hash) = 32),
    data         bytea NOT NULL CHECK (octet_length(data) <= 65536),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX settings_ceremonies_expires ON settings_ceremonies (expires_at);
CREATE INDEX settings_ceremonies_user ON settings_ceremonies (user_id) WHERE user_id IS NOT NULL;

-- Somebody who has proven one factor of two. Removed when it comes to its end.
CREATE TABLE settings_pending_sign_ins (
    token_hash     bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    user_id        uuid NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    version        bigint NOT NULL,
    method         text NOT NULL CHECK (method IN ('password', 'totp', 'backup_code', 'passkey', 'email_code', 'sso')),
    password_at    timestamptz,
    totp_at        timestamptz,
    backup_code_at timestamptz,
    passkey_at     timestamptz,
    email_code_at  timestamptz,
    sso_at         timestamptz,
    tries          integer NOT NULL CHECK (tries >= 0),
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX settings_pending_sign_ins_expires ON settings_pending_sign_ins (expires_at);
CREATE INDEX settings_pending_sign_ins_user ON settings_pending_sign_ins (user_id);

CREATE TABLE settings_email_codes (
    user_id    uuid PRIMARY KEY REFERENCES settings_users (id) ON DELETE CASCADE,
    session_id uuid NOT NULL,
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    tries      integer NOT NULL CHECK (tries >= 0),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX settings_email_codes_expires ON settings_email_codes (expires_at);

-- One row for each pair of a device and a country that somebody signed in from.
-- Either may be unknown: 32 zero bytes, or no letters.
CREATE TABLE settings_seen (
    user_id       uuid NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    device_hash   bytea NOT NULL CHECK (octet_length(device_hash) = 32),
    country       text NOT NULL CHECK (char_length(country) IN (0, 2)),
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, device_hash, country)
);
CREATE INDEX settings_seen_last ON settings_seen (last_seen_at);

CREATE TABLE settings_alerts (
    token_hash   bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    user_id      uuid NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    signed_in_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    spent_at     timestamptz
);
CREATE INDEX settings_alerts_expires ON settings_alerts (expires_at);
CREATE INDEX settings_alerts_user ON settings_alerts (user_id);

-- Rate limits that several nodes share. full_at is when a bucket is full again, in
-- microseconds since 1970: it is reckoned with in one statement.
CREATE TABLE settings_buckets (
    key     bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    full_at bigint NOT NULL
);
CREATE INDEX settings_buckets_full ON settings_buckets (full_at);
