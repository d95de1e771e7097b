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
