-- Exports: files of all that is kept of a person.

-- +goose Up

-- What is in them lies sealed in the blobs below "exports/" and the identifier.
-- parts is a list of {"claim", "size"}. A person cannot be removed before their
-- exports: nothing else remembers those blobs.
CREATE TABLE settings_exports (
    id            TEXT    PRIMARY KEY CHECK (length(id) = 36),
    user_id       TEXT    NOT NULL REFERENCES settings_users (id),
    state         TEXT    NOT NULL CHECK (state IN ('running', 'ready', 'failed', 'ended', 'removed')),
    sources       TEXT    NOT NULL,
    parts         TEXT    NOT NULL,
    records       INTEGER NOT NULL CHECK (records >= 0),
    claim         INTEGER NOT NULL CHECK (claim >= 0),
    tries         INTEGER NOT NULL CHECK (tries >= 0),
    created_at    TEXT    NOT NULL,
    ended_at      TEXT,
    expires_at    TEXT    NOT NULL,
    claimed_until TEXT    NOT NULL,
    CHECK ((state = 'running') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_exports_user ON settings_exports (user_id, id);
CREATE UNIQUE INDEX settings_exports_running ON settings_exports (user_id) WHERE state = 'running';
CREATE INDEX settings_exports_open ON settings_exports (claimed_until, id) WHERE state = 'running';
CREATE INDEX settings_exports_due ON settings_exports (expires_at, id);
