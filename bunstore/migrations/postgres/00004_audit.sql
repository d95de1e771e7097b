-- The audit log: entries as lines, searched by columns, sealed into a tree for
-- each organization.

-- +goose Up

-- line is the exact text of audit.Line, which json keeps. The other columns are
-- what is searched by. actor_id is of a person or an API token; what the product
-- itself, support and nobody did has ...0001, ...0002 and ...0003. No foreign
-- keys: entries outlive what they are about.
CREATE TABLE settings_audit_lines (
    id        uuid        PRIMARY KEY,
    at        timestamptz NOT NULL,
    org_id    uuid,
    user_id   uuid,
    actor_id  uuid,
    action    text        NOT NULL CHECK (char_length(action) BETWEEN 1 AND 128),
    target_id text        CHECK (target_id <> ''),
    line      json        NOT NULL
);

-- Each of the two salts is 88 bits in hexadecimal, which fills its place.
-- +goose StatementBegin
INSERT INTO settings_audit_lines
SELECT e.id, e.at, e.org_id, e.user_id,
    CASE e.actor_kind
        WHEN 'system' THEN '00000000-0000-0000-0000-000000000001'::uuid
        WHEN 'support' THEN '00000000-0000-0000-0000-000000000002'::uuid
        WHEN 'anonymous' THEN '00000000-0000-0000-0000-000000000003'::uuid
        ELSE e.actor_id
    END,
    e.action, nullif(e.target_id, ''),
    ('{"v":1,"id":' || to_json(e.id)
        || ',"at":"' || to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        || '","action":' || to_json(e.action)
        || ',"outcome":' || to_json(e.outcome)
        || ',"reason":' || to_json(e.reason)
        || ',"actor":{"kind":' || to_json(e.actor_kind)
        || ',"id":' || to_json(coalesce(e.actor_id::text, ''))
        || ',"name":' || to_json(e.actor_name)
        || '},"target":{"kind":' || to_json(e.target_kind)
        || ',"id":' || to_json(e.target_id)
        || ',"name":' || to_json(e.target_name)
        || '},"changes":[' || coalesce((
            SELECT string_agg('{"field":' || to_json(coalesce(c.value ->> 'field', ''))
                || ',"before":' || to_json(coalesce(c.value ->> 'before', ''))
                || ',"after":' || to_json(coalesce(c.value ->> 'after', '')) || '}', ',' ORDER BY c.ordinality)
            FROM jsonb_array_elements(e.changes) WITH ORDINALITY AS c), '')
        || '],"ip":' || to_json(coalesce(e.ip, ''))
        || ',"user_agent":' || to_json(e.user_agent)
        || ',"session_id":' || to_json(coalesce(e.session_id::text, ''))
        || ',"token_id":"","request_id":' || to_json(e.request_id)
        || ',"salts":['
        || CASE WHEN e.actor_name = '' AND coalesce(e.ip, '') = '' AND e.user_agent = '' THEN 'null'
            ELSE '"' || left(encode(sha256(gen_random_uuid()::text::bytea), 'hex'), 22) || '"' END
        || ','
        || CASE WHEN e.target_name = '' AND e.changes = '[]' THEN 'null'
            ELSE '"' || left(encode(sha256(gen_random_uuid()::text::bytea), 'hex'), 22) || '"' END
        || ']}')::json
FROM settings_audit_entries AS e ORDER BY e.id;
-- +goose StatementEnd

DROP TABLE settings_audit_entries;
ALTER TABLE settings_audit_lines RENAME TO settings_audit_entries;
ALTER INDEX settings_audit_lines_pkey RENAME TO settings_audit_entries_pkey;
ALTER TABLE settings_audit_entries RENAME CONSTRAINT settings_audit_lines_action_check TO settings_audit_entries_action_check;
ALTER TABLE settings_audit_entries RENAME CONSTRAINT settings_audit_lines_target_id_check TO settings_audit_entries_target_id_check;

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
    org_id   uuid NOT NULL,
    entry_id uuid NOT NULL,
    PRIMARY KEY (org_id, entry_id)
);
INSERT INTO settings_audit_unsealed SELECT org_id, id FROM settings_audit_entries WHERE org_id IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION settings_audit_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settings_audit_unsealed VALUES (NEW.org_id, NEW.id);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER settings_audit_waits AFTER INSERT ON settings_audit_entries
    FOR EACH ROW WHEN (NEW.org_id IS NOT NULL) EXECUTE FUNCTION settings_audit_wait();

-- The place of an entry in the log of its organization, counted from 0, and what
-- the tree holds of it.
CREATE TABLE settings_audit_leaves (
    org_id   uuid   NOT NULL,
    seq      bigint NOT NULL CHECK (seq >= 0),
    entry_id uuid   NOT NULL UNIQUE,
    hash     bytea  NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (org_id, seq)
);

-- hashes and start_hashes are the largest full subtrees of [0, size) and of
-- [0, start), 32 bytes each.
CREATE TABLE settings_audit_trees (
    org_id       uuid   PRIMARY KEY,
    size         bigint NOT NULL CHECK (size >= 0),
    hashes       bytea  NOT NULL CHECK (octet_length(hashes) % 32 = 0),
    start        bigint NOT NULL CHECK (start BETWEEN 0 AND size),
    start_hashes bytea  NOT NULL CHECK (octet_length(start_hashes) % 32 = 0),
    note         bytea,
    at           timestamptz,
    CHECK ((note IS NULL) = (at IS NULL))
);

CREATE TABLE settings_audit_checkpoints (
    org_id uuid        NOT NULL,
    size   bigint      NOT NULL CHECK (size > 0),
    at     timestamptz NOT NULL,
    note   bytea       NOT NULL,
    PRIMARY KEY (org_id, size)
);

-- The transactions that erase names and remove what is too old. A row lives no
-- longer than its transaction.
CREATE TABLE settings_audit_maintenance (
    transaction_id bigint PRIMARY KEY
);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION settings_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR NOT EXISTS (SELECT 1 FROM settings_audit_maintenance WHERE transaction_id = txid_current()) THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER settings_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settings_audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit_refuse();
CREATE TRIGGER settings_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settings_audit_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit_refuse();
CREATE TRIGGER settings_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settings_audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION settings_audit_refuse();
