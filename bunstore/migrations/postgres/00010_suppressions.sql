-- Addresses that no mail goes to but what somebody asked for.

-- +goose Up

-- address is a keyed hash: a row outlives the person that it was about.
CREATE TABLE settings_suppressions (
    address bytea       PRIMARY KEY CHECK (octet_length(address) = 32),
    reason  text        NOT NULL CHECK (reason IN ('bounced', 'complained')),
    since   timestamptz NOT NULL
);
