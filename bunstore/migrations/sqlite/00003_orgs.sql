-- Organizations: members, the one Owner, slugs, invitations, domains.

-- +goose Up

-- The Owner is a column, and an active member: the last foreign key, checked at
-- commit, holds whatever the statements of two transactions did to each other.
-- owner_state is NULL once the organization is deleted, and the key holds nobody.
CREATE TABLE settings_orgs (
    id                    TEXT PRIMARY KEY CHECK (length(id) = 36),
    slug                  TEXT NOT NULL UNIQUE CHECK (length(slug) BETWEEN 3 AND 48),
    name                  TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    owner_id              TEXT NOT NULL,
    owner_state           TEXT CHECK (owner_state = 'active'),
    logo_key              TEXT NOT NULL UNIQUE CHECK (length(logo_key) BETWEEN 1 AND 128),
    logo_uploaded         INTEGER NOT NULL CHECK (logo_uploaded IN (0, 1)),
    default_project       TEXT NOT NULL CHECK (length(default_project) <= 255),
    require_second_factor INTEGER NOT NULL CHECK (require_second_factor IN (0, 1)),
    grace_until           TEXT,
    created_at            TEXT NOT NULL,
    updated_at            TEXT NOT NULL,
    deleted_at            TEXT,
    purge_at              TEXT,
    CHECK ((deleted_at IS NULL) = (owner_state IS NOT NULL)),
    CHECK ((deleted_at IS NULL) = (purge_at IS NULL)),
    FOREIGN KEY (id, owner_id, owner_state) REFERENCES settings_members (org_id, user_id, state) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_orgs_owner ON settings_orgs (owner_id);
CREATE INDEX settings_orgs_purge ON settings_orgs (purge_at) WHERE purge_at IS NOT NULL;

-- name_key and email_key are copies of the person's, folded, so that a list of a
-- large organization goes by an index. The store keeps them up to date.
CREATE TABLE settings_members (
    org_id     TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    user_id    TEXT NOT NULL REFERENCES settings_users (id),
    role       TEXT NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    state      TEXT NOT NULL CHECK (state IN ('active', 'suspended')),
    invited_by TEXT,
    joined_at  TEXT NOT NULL,
    name_key   TEXT NOT NULL CHECK (length(CAST(name_key AS BLOB)) <= 512),
    email_key  TEXT NOT NULL CHECK (length(CAST(email_key AS BLOB)) <= 512),
    PRIMARY KEY (org_id, user_id),
    UNIQUE (org_id, user_id, state)
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_members_user ON settings_members (user_id);
CREATE INDEX settings_members_name ON settings_members (org_id, name_key, user_id) WHERE state = 'active';
CREATE INDEX settings_members_email ON settings_members (org_id, email_key, user_id) WHERE state = 'active';

-- The one place where a slug is claimed. reserved_until is NULL while it is the
-- present one; afterwards it leads there and keeps others away.
CREATE TABLE settings_org_slugs (
    slug           TEXT PRIMARY KEY CHECK (length(slug) BETWEEN 3 AND 48),
    org_id         TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    reserved_until TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_org_slugs_org ON settings_org_slugs (org_id);
CREATE INDEX settings_org_slugs_reserved ON settings_org_slugs (reserved_until) WHERE reserved_until IS NOT NULL;

-- Keys of logos whose blobs are to be removed once due_at has come.
CREATE TABLE settings_logo_discards (
    key    TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    due_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_logo_discards_due ON settings_logo_discards (due_at, key);

-- One row for each address that was invited and has not answered.
CREATE TABLE settings_invitations (
    id          TEXT PRIMARY KEY CHECK (length(id) = 36),
    org_id      TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    email       TEXT NOT NULL CHECK (length(email) BETWEEN 1 AND 320),
    email_key   TEXT NOT NULL CHECK (length(email_key) BETWEEN 1 AND 320),
    role        TEXT NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    projects    TEXT NOT NULL,
    token_hash  BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'accepted', 'declined', 'revoked')),
    invited_by  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    ended_at    TEXT,
    accepted_by TEXT,
    CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX settings_invitations_pending ON settings_invitations (org_id, email_key) WHERE state = 'pending';
CREATE INDEX settings_invitations_org ON settings_invitations (org_id, id);
CREATE INDEX settings_invitations_email ON settings_invitations (email_key) WHERE state = 'pending';
CREATE INDEX settings_invitations_ended ON settings_invitations (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX settings_invitations_expires ON settings_invitations (expires_at) WHERE state = 'pending';

-- Every link that was made, also those that another one took the place of.
CREATE TABLE settings_invitation_links (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    org_id     TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    made_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_invitation_links_org ON settings_invitation_links (org_id, made_at);
CREATE INDEX settings_invitation_links_made ON settings_invitation_links (made_at);

-- Files of addresses that are invited one after the other. Who started one is
-- written as in the audit log. Whoever works on one has claimed it until then.
CREATE TABLE settings_imports (
    id            TEXT PRIMARY KEY CHECK (length(id) = 36),
    org_id        TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    started_by    TEXT NOT NULL,
    name          TEXT NOT NULL,
    session_id    TEXT,
    ip            TEXT,
    user_agent    TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    ended_at      TEXT,
    claimed_until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_imports_org ON settings_imports (org_id, id);
CREATE INDEX settings_imports_created ON settings_imports (created_at);
CREATE INDEX settings_imports_open ON settings_imports (claimed_until, id) WHERE ended_at IS NULL;

CREATE TABLE settings_import_rows (
    import_id TEXT NOT NULL REFERENCES settings_imports (id) ON DELETE CASCADE,
    line      INTEGER NOT NULL CHECK (line > 0),
    email     TEXT NOT NULL CHECK (length(email) <= 320),
    role      TEXT NOT NULL CHECK (role IN ('', 'admin', 'member', 'viewer')),
    projects  TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('waiting', 'invited', 'refused')),
    code      TEXT NOT NULL CHECK (length(code) <= 64),
    CHECK ((state = 'refused') = (code <> '')),
    CHECK (state <> 'waiting' OR (role <> '' AND email <> '')),
    PRIMARY KEY (import_id, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX settings_import_rows_state ON settings_import_rows (import_id, state, line);

-- A proven domain is one organization's.
CREATE TABLE settings_org_domains (
    id          TEXT PRIMARY KEY CHECK (length(id) = 36),
    org_id      TEXT NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
    token       TEXT NOT NULL CHECK (length(token) BETWEEN 1 AND 255),
    verified_at TEXT,
    auto_join   INTEGER NOT NULL CHECK (auto_join IN (0, 1)),
    role        TEXT NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    created_at  TEXT NOT NULL,
    UNIQUE (org_id, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX settings_org_domains_proven ON settings_org_domains (name) WHERE verified_at IS NOT NULL;
CREATE INDEX settings_org_domains_name ON settings_org_domains (name);

-- Deleted people are no members: they are few, and looked for when members are counted.
CREATE INDEX settings_users_deleted ON settings_users (id) WHERE deleted_at IS NOT NULL;
