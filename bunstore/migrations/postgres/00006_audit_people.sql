-- The audit log: what names a person, what is nobody's, and pages about a target.

-- +goose Up

-- Entries of no organization's log by whoever acted and what was acted on, where
-- that is not the person whose own history they are in.
CREATE INDEX settings_audit_entries_by_others ON settings_audit_entries (actor_id, id)
    WHERE org_id IS NULL AND actor_id IS NOT NULL AND (user_id IS NULL OR user_id <> actor_id);
CREATE INDEX settings_audit_entries_on_others ON settings_audit_entries (target_id, id)
    WHERE org_id IS NULL AND target_id IS NOT NULL AND (user_id IS NULL OR user_id::text <> target_id);

-- The address of an invitation is the name of a target.
CREATE INDEX settings_audit_entries_address ON settings_audit_entries (lower(line #>> '{target,name}'), id)
    WHERE line #>> '{target,kind}' = 'invitation';

CREATE INDEX settings_audit_entries_nobodys ON settings_audit_entries (at, id) WHERE org_id IS NULL AND user_id IS NULL;

-- Of what is about a target, the entries that are chosen, and the last of those that
-- are read if these are as many as may be. They are read in the order of the index
-- until there are enough. The planner would rather read all of a target and sort it:
-- it knows how many entries are about one in all logs, and not in each.
-- +goose StatementBegin
CREATE FUNCTION settings_audit_older(target text, org uuid, since timestamptz, until timestamptz,
    from_at timestamptz, from_id uuid, actor uuid, actions text[], most bigint, wanted bigint)
RETURNS TABLE (at timestamptz, id uuid, chosen boolean, n bigint) LANGUAGE sql STABLE ROWS 50
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
    SELECT r.at, r.id, r.chosen, r.n FROM (
        SELECT t.at, t.id, row_number() OVER (ORDER BY t.at DESC, t.id DESC) AS n,
            (actor IS NULL OR t.actor_id = actor) AND (actions IS NULL OR t.action = ANY (actions)) AS chosen
        FROM (
            SELECT e.at, e.id, e.actor_id, e.action FROM settings_audit_entries AS e
            WHERE e.target_id = target AND e.org_id = org AND e.at >= since AND e.at < until AND (e.at, e.id) < (from_at, from_id)
            ORDER BY e.at DESC, e.id DESC LIMIT most) AS t) AS r
    WHERE r.chosen OR r.n = most ORDER BY r.at DESC, r.id DESC LIMIT wanted
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION settings_audit_newer(target text, org uuid, since timestamptz, until timestamptz,
    from_at timestamptz, from_id uuid, actor uuid, actions text[], most bigint, wanted bigint)
RETURNS TABLE (at timestamptz, id uuid, chosen boolean, n bigint) LANGUAGE sql STABLE ROWS 50
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
    SELECT r.at, r.id, r.chosen, r.n FROM (
        SELECT t.at, t.id, row_number() OVER (ORDER BY t.at, t.id) AS n,
            (actor IS NULL OR t.actor_id = actor) AND (actions IS NULL OR t.action = ANY (actions)) AS chosen
        FROM (
            SELECT e.at, e.id, e.actor_id, e.action FROM settings_audit_entries AS e
            WHERE e.target_id = target AND e.org_id = org AND e.at >= since AND e.at < until AND (e.at, e.id) > (from_at, from_id)
            ORDER BY e.at, e.id LIMIT most) AS t) AS r
    WHERE r.chosen OR r.n = most ORDER BY r.at, r.id LIMIT wanted
$$;
-- +goose StatementEnd
