-- Accounts that are deleted: until when they can come back, and what was removed.

-- +goose Up

-- With deleted_at: until when the person can come back. NULL then: the person is
-- being removed, and cannot.
ALTER TABLE settings_users ADD COLUMN purge_at timestamptz;
CREATE INDEX settings_users_purge ON settings_users (purge_at) WHERE purge_at IS NOT NULL;

-- Suspended by nobody but the deletion of the account, and to be reinstated with it.
ALTER TABLE settings_members ADD COLUMN account_deleted boolean NOT NULL DEFAULT false
    CHECK (NOT account_deleted OR state = 'suspended');

-- A slug outlives its organization until the reservation ends.
ALTER TABLE settings_org_slugs DROP CONSTRAINT settings_org_slugs_org_id_fkey;
ALTER TABLE settings_org_slugs ALTER COLUMN org_id DROP NOT NULL;
ALTER TABLE settings_org_slugs ADD FOREIGN KEY (org_id) REFERENCES settings_orgs (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;

-- What is being removed, and how far that has come; afterwards a receipt, which
-- says nothing of whom it was about. Whoever works on it has claimed it until then.
CREATE TABLE settings_purges (
    id            uuid        PRIMARY KEY,
    kind          text        NOT NULL CHECK (kind IN ('user', 'org')),
    subject       uuid        UNIQUE,
    step          integer     NOT NULL CHECK (step >= 0),
    removed       jsonb       NOT NULL,
    started_at    timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL,
    finished_at   timestamptz,
    CHECK ((subject IS NULL) = (finished_at IS NOT NULL))
);

-- Mail is kept for a while after it was sent; what went to a person is found by this.
CREATE INDEX settings_outbox_address ON settings_outbox (lower(to_address));
CREATE INDEX settings_invitations_address ON settings_invitations (email_key) WHERE state <> 'pending';
CREATE INDEX settings_invitations_accepted ON settings_invitations (accepted_by) WHERE accepted_by IS NOT NULL;
CREATE INDEX settings_invitations_inviter ON settings_invitations (invited_by);
CREATE INDEX settings_resets_user ON settings_resets (user_id) WHERE user_id IS NOT NULL;
