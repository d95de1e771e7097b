-- Which mails people want.

-- +goose Up

-- What somebody has chosen; all else follows from the plans.
CREATE TABLE settings_mail_choices (
    user_id    uuid        NOT NULL REFERENCES settings_users (id) ON DELETE CASCADE,
    category   text        NOT NULL CHECK (category IN ('weekly_digest', 'plan_limit_warnings', 'product_updates', 'retention_nudges')),
    enabled    boolean     NOT NULL,
    chosen_at  timestamptz NOT NULL,
    PRIMARY KEY (user_id, category)
);

-- Mails about an organization that are sent once. The organization may be gone.
CREATE TABLE settings_notices (
    org_id   uuid        NOT NULL,
    kind     text        NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    name     text        NOT NULL CHECK (char_length(name) <= 64),
    cycle    text        NOT NULL CHECK (char_length(cycle) BETWEEN 1 AND 64),
    noted_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, kind, name, cycle)
);
CREATE INDEX settings_notices_noted ON settings_notices (noted_at);
