-- The audit log: what names a person, and what is nobody's.

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
