-- The audit log: entries as lines, searched by columns, sealed into a tree for
-- each organization.

-- +goose Up

ALTER TABLE settings_audit_entries RENAME TO settings_audit_entries_before;

-- line is the exact text of audit.Line. The other columns are what is searched
-- by. actor_id is of a person or an API token; what the product itself, support
-- and nobody did has ...0001, ...0002 and ...0003. No foreign keys: entries
-- outlive what they are about.
CREATE TABLE settings_audit_entries (
    id        TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    at        TEXT NOT NULL,
    org_id    TEXT,
    user_id   TEXT,
    actor_id  TEXT,
    action    TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 128),
    target_id TEXT CHECK (target_id <> ''),
    line      TEXT NOT NULL CHECK (json_valid(line))
) STRICT;

-- Each of the two salts is 88 bits in hexadecimal, which fills its place. A time
-- in a column has as many digits after the second as it needs, in a line six.
-- +goose StatementBegin
INSERT INTO settings_audit_entries
SELECT e.id, e.at, e.org_id, e.user_id,
    CASE e.actor_kind
        WHEN 'system' THEN '00000000-0000-0000-0000-000000000001'
        WHEN 'support' THEN '00000000-0000-0000-0000-000000000002'
        WHEN 'anonymous' THEN '00000000-0000-0000-0000-000000000003'
        ELSE e.actor_id
    END,
    e.action, nullif(e.target_id, ''),
    '{"v":1,"id":' || json_quote(e.id)
        || ',"at":"' || substr(e.at, 1, 10) || 'T' || substr(e.at, 12, 8) || '.'
            || substr(substr(replace(substr(e.at, 20), '+00:00', ''), 2) || '000000', 1, 6) || 'Z'
        || '","action":' || json_quote(e.action)
        || ',"outcome":' || json_quote(e.outcome)
        || ',"reason":' || json_quote(e.reason)
        || ',"actor":{"kind":' || json_quote(e.actor_kind)
        || ',"id":' || json_quote(coalesce(e.actor_id, ''))
        || ',"name":' || json_quote(e.actor_name)
        || '},"target":{"kind":' || json_quote(e.target_kind)
        || ',"id":' || json_quote(e.target_id)
        || ',"name":' || json_quote(e.target_name)
        || '},"changes":[' || coalesce((
            SELECT group_concat(c.text, ',') FROM (
                SELECT '{"field":' || json_quote(coalesce(json_extract(value, '$.field'), ''))
                    || ',"before":' || json_quote(coalesce(json_extract(value, '$.before'), ''))
                    || ',"after":' || json_quote(coalesce(json_extract(value, '$.after'), '')) || '}' AS text
                FROM json_each(e.changes) ORDER BY key) AS c), '')
        || '],"ip":' || json_quote(coalesce(e.ip, ''))
        || ',"user_agent":' || json_quote(e.user_agent)
        || ',"session_id":' || json_quote(coalesce(e.session_id, ''))
        || ',"token_id":"","request_id":' || json_quote(e.request_id)
        || ',"salts":['
        || CASE WHEN e.actor_name = '' AND coalesce(e.ip, '') = '' AND e.user_agent = '' THEN 'null'
            ELSE '"' || lower(hex(randomblob(11))) || '"' END
        || ','
        || CASE WHEN e.target_name = '' AND json_array_length(e.changes) = 0 THEN 'null'
            ELSE '"' || lower(hex(randomblob(11))) || '"' END
        || ']}'
FROM settings_audit_entries_before AS e ORDER BY e.id;
-- +goose StatementEnd

DROP TABLE settings_audit_entries_before;

-- Each ends with the order of a page. Those of actors and targets also find what
-- names a person in all logs.
CREATE INDEX settings_audit_entries_org ON settings_audit_entries (org_id, at, id) WHERE org_id IS NOT NULL;
CREATE INDEX settings_audit_entries_actor ON settings_audit_entries (actor_id, org_id, at, id) WHERE org_id IS NOT NULL;
CREATE INDEX settings_audit_entries_action ON settings_audit_entries (org_id, action, at, id) WHERE org_id IS NOT NULL;
CREATE INDEX settings_audit_entries_actor_action ON settings_audit_entries (actor_id, org_id, action, at, id) WHERE org_id IS NOT NULL;
CREATE INDEX settings_audit_entries_target ON settings_audit_entries (target_id, org_id, at, id) WHERE org_id IS NOT NULL AND target_id IS NOT NULL;
CREATE INDEX settings_audit_entries_user ON settings_audit_entries (user_id, id) WHERE user_id IS NOT NULL;

-- What waits for its seal.
CREATE TABLE settings_audit_unsealed (
    org_id   TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    PRIMARY KEY (org_id, entry_id)
) STRICT, WITHOUT ROWID;
INSERT INTO settings_audit_unsealed SELECT org_id, id FROM settings_audit_entries WHERE org_id IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER settings_audit_waits AFTER INSERT ON settings_audit_entries
WHEN NEW.org_id IS NOT NULL
BEGIN
    INSERT INTO settings_audit_unsealed VALUES (NEW.org_id, NEW.id);
END;
-- +goose StatementEnd

-- The place of an entry in the log of its organization, counted from 0, and what
-- the tree holds of it.
CREATE TABLE settings_audit_leaves (
    org_id   TEXT    NOT NULL,
    seq      INTEGER NOT NULL CHECK (seq >= 0),
    entry_id TEXT    NOT NULL UNIQUE,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (org_id, seq)
) STRICT, WITHOUT ROWID;

-- hashes and start_hashes are the largest full subtrees of [0, size) and of
-- [0, start), 32 bytes each.
CREATE TABLE settings_audit_trees (
    org_id       TEXT    NOT NULL PRIMARY KEY,
    size         INTEGER NOT NULL CHECK (size >= 0),
    hashes       BLOB    NOT NULL CHECK (length(hashes) % 32 = 0),
    start        INTEGER NOT NULL CHECK (start BETWEEN 0 AND size),
    start_hashes BLOB    NOT NULL CHECK (length(start_hashes) % 32 = 0),
    note         BLOB,
    at           TEXT,
    CHECK ((note IS NULL) = (at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE settings_audit_checkpoints (
    org_id TEXT    NOT NULL,
    size   INTEGER NOT NULL CHECK (size > 0),
    at     TEXT    NOT NULL,
    note   BLOB    NOT NULL,
    PRIMARY KEY (org_id, size)
) STRICT, WITHOUT ROWID;

-- The transactions that erase names and remove what is too old. A row lives no
-- longer than its transaction, and there is one at a time.
CREATE TABLE settings_audit_maintenance (
    transaction_id INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_update BEFORE UPDATE ON settings_audit_entries
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_delete BEFORE DELETE ON settings_audit_entries
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes the old row without asking the trigger above, also one
-- of another identifier whose rowid it is given.
-- +goose StatementBegin
CREATE TRIGGER settings_audit_no_replace BEFORE INSERT ON settings_audit_entries
WHEN EXISTS (SELECT 1 FROM settings_audit_entries WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM settings_audit_entries WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_entries is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_leaves_no_update BEFORE UPDATE ON settings_audit_leaves
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_leaves is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_leaves_no_delete BEFORE DELETE ON settings_audit_leaves
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_leaves is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_leaves_no_replace BEFORE INSERT ON settings_audit_leaves
WHEN EXISTS (SELECT 1 FROM settings_audit_leaves WHERE org_id = NEW.org_id AND seq = NEW.seq)
    OR EXISTS (SELECT 1 FROM settings_audit_leaves WHERE entry_id = NEW.entry_id)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_leaves is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_checkpoints_no_update BEFORE UPDATE ON settings_audit_checkpoints
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_checkpoints is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_checkpoints_no_delete BEFORE DELETE ON settings_audit_checkpoints
WHEN NOT EXISTS (SELECT 1 FROM settings_audit_maintenance)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_checkpoints is append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER settings_audit_checkpoints_no_replace BEFORE INSERT ON settings_audit_checkpoints
WHEN EXISTS (SELECT 1 FROM settings_audit_checkpoints WHERE org_id = NEW.org_id AND size = NEW.size)
BEGIN
    SELECT RAISE(ABORT, 'settings_audit_checkpoints is append-only');
END;
-- +goose StatementEnd
