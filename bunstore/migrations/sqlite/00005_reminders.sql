-- What members without a second factor were told of the date from which on their
-- organization asks for one.

-- +goose Up

-- The last reminder of the date that was told last. Another date begins anew.
CREATE TABLE settings_reminders (
    org_id      TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    grace_until TEXT NOT NULL,
    reminder    INTEGER NOT NULL CHECK (reminder BETWEEN 1 AND 3),
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES settings_members (org_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX settings_orgs_grace ON settings_orgs (grace_until, id) WHERE grace_until IS NOT NULL;
