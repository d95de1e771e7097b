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
