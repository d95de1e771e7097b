-- Addresses that no mail goes to but what somebody asked for.

-- +goose Up

-- address is a keyed hash: a row outlives the person that it was about.
CREATE TABLE settings_suppressions (
    address BLOB PRIMARY KEY CHECK (length(address) = 32),
    reason  TEXT NOT NULL CHECK (reason IN ('bounced', 'complained')),
    since   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
