-- Accounts that are deleted: until when they can come back, and what was removed.

-- +goose Up

-- With deleted_at: until when the person can come back. NULL then: the person is
-- being removed, and cannot.
ALTER TABLE settings_users ADD COLUMN purge_at TEXT;
CREATE INDEX settings_users_purge ON settings_users (purge_at) WHERE purge_at IS NOT NULL;

-- Suspended by nobody but the deletion of the account, and to be reinstated with it.
ALTER TABLE settings_members ADD COLUMN account_deleted INTEGER NOT NULL DEFAULT 0
    CHECK (account_deleted IN (0, 1) AND (account_deleted = 0 OR state = 'suspended'));

-- A slug outlives its organization until the reservation ends.
CREATE TABLE settings_org_slugs_kept (
    slug           TEXT PRIMARY KEY CHECK (length(slug) BETWEEN 3 AND 48),
    org_id         TEXT REFERENCES settings_orgs (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    reserved_until TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO settings_org_slugs_kept SELECT slug, org_id, reserved_until FROM settings_org_slugs;
DROP TABLE settings_org_slugs;
ALTER TABLE settings_org_slugs_kept RENAME TO settings_org_slugs;
CREATE INDEX settings_org_slugs_org ON settings_org_slugs (org_id);
CREATE INDEX settings_org_slugs_reserved ON settings_org_slugs (reserved_until) WHERE reserved_until IS NOT NULL;

-- What is being removed, and how far that has come; afterwards a receipt, which
-- says nothing of whom it was about. Whoever works on it has claimed it until then.
CREATE TABLE settings_purges (
    id            TEXT    PRIMARY KEY CHECK (length(id) = 36),
    kind          TEXT    NOT NULL CHECK (kind IN ('user', 'org')),
    subject       TEXT    UNIQUE CHECK (length(subject) = 36),
    step          INTEGER NOT NULL CHECK (step >= 0),
    removed       TEXT    NOT NULL,
    started_at    TEXT    NOT NULL,
    claimed_until TEXT    NOT NULL,
    finished_at   TEXT,
    CHECK ((subject IS NULL) = (finished_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Mail is kept for a while after it was sent; what went to a person is found by this.
CREATE INDEX settings_outbox_address ON settings_outbox (lower(to_address));
CREATE INDEX settings_invitations_address ON settings_invitations (email_key) WHERE state <> 'pending';
CREATE INDEX settings_invitations_accepted ON settings_invitations (accepted_by) WHERE accepted_by IS NOT NULL;
CREATE INDEX settings_invitations_inviter ON settings_invitations (invited_by);
CREATE INDEX settings_resets_user ON settings_resets (user_id) WHERE user_id IS NOT NULL;
