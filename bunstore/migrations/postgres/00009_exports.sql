-- Exports: files of all that is kept of a person.

-- +goose Up

-- What is in them lies sealed in the blobs below "exports/" and the identifier.
-- parts is a list of {"claim", "size"}. A person cannot be removed before their
-- exports: nothing else remembers those blobs.
CREATE TABLE settings_exports (
    id            uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL REFERENCES settings_users (id),
    state         text        NOT NULL CHECK (state IN ('running', 'ready', 'failed', 'ended', 'removed')),
    sources       jsonb       NOT NULL,
    parts         jsonb       NOT NULL,
    records       bigint      NOT NULL CHECK (records >= 0),
    claim         bigint      NOT NULL CHECK (claim >= 0),
    tries         bigint      NOT NULL CHECK (tries >= 0),
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    expires_at    timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL,
    CHECK ((state = 'running') = (ended_at IS NULL))
);
CREATE INDEX settings_exports_user ON settings_exports (user_id, id);
CREATE UNIQUE INDEX settings_exports_running ON settings_exports (user_id) WHERE state = 'running';
CREATE INDEX settings_exports_open ON settings_exports (claimed_until, id) WHERE state = 'running';
CREATE INDEX settings_exports_due ON settings_exports (expires_at, id);
