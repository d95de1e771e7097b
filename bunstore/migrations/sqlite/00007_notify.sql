-- Which mails people want.

-- +goose Up

-- What somebody has chosen; all else follows from the plans.
CREATE TABLE settings_mail_choices (
    user_id    TEXT    NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    category   TEXT    NOT NULL CHECK (category IN ('weekly_digest', 'plan_limit_warnings', 'product_updates', 'retention_nudges')),
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    chosen_at  TEXT    NOT NULL,
    PRIMARY KEY (user_id, category)
) STRICT, WITHOUT ROWID;

-- Mails about an organization that are sent once. The organization may be gone.
CREATE TABLE settings_notices (
    org_id   TEXT NOT NULL CHECK (length(org_id) = 36),
    kind     TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 64),
    name     TEXT NOT NULL CHECK (length(name) <= 64),
    cycle    TEXT NOT NULL CHECK (length(cycle) BETWEEN 1 AND 64),
    noted_at TEXT NOT NULL,
    PRIMARY KEY (org_id, kind, name, cycle)
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_notices_noted ON settings_notices (noted_at);
