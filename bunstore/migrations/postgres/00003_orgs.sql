-- Organizations: members, the one Owner, slugs, invitations, domains.

-- +goose Up

-- The Owner is a column, and an active member: the last foreign key, checked at
-- commit, holds whatever the statements of two transactions did to each other.
-- owner_state is NULL once the organization is deleted, and the key holds nobody.
CREATE TABLE settings_orgs (
    id                    uuid PRIMARY KEY,
    slug                  text NOT NULL UNIQUE CHECK (char_length(slug) BETWEEN 3 AND 48),
    name                  text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 400),
    owner_id              uuid NOT NULL,
    owner_state           text CHECK (owner_state = 'active'),
    logo_key              text NOT NULL UNIQUE CHECK (char_length(logo_key) BETWEEN 1 AND 128),
    logo_uploaded         boolean NOT NULL,
    default_project       text NOT NULL CHECK (char_length(default_project) <= 255),
    require_second_factor boolean NOT NULL,
    grace_until           timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    deleted_at            timestamptz,
    purge_at              timestamptz,
    CHECK ((deleted_at IS NULL) = (owner_state IS NOT NULL)),
    CHECK ((deleted_at IS NULL) = (purge_at IS NULL))
);
CREATE INDEX settings_orgs_owner ON settings_orgs (owner_id);
CREATE INDEX settings_orgs_purge ON settings_orgs (purge_at) WHERE purge_at IS NOT NULL;

-- name_key and email_key are copies of the person's, folded, so that a list of a
-- large organization goes by an index. The store keeps them up to date. They are
-- compared byte by byte, so that a prefix is a range.
CREATE TABLE settings_members (
    org_id     uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    user_id    uuid NOT NULL REFERENCES settings_users (id),
    role       text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    state      text NOT NULL CHECK (state IN ('active', 'suspended')),
    invited_by uuid,
    joined_at  timestamptz NOT NULL,
    name_key   text COLLATE "C" NOT NULL CHECK (octet_length(name_key) <= 512),
    email_key  text COLLATE "C" NOT NULL CHECK (octet_length(email_key) <= 512),
    PRIMARY KEY (org_id, user_id),
    UNIQUE (org_id, user_id, state)
);
ALTER TABLE settings_orgs ADD FOREIGN KEY (id, owner_id, owner_state)
    REFERENCES settings_members (org_id, user_id, state) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX settings_members_user ON settings_members (user_id);
CREATE INDEX settings_members_name ON settings_members (org_id, name_key, user_id) WHERE state = 'active';
CREATE INDEX settings_members_email ON settings_members (org_id, email_key, user_id) WHERE state = 'active';

-- The one place where a slug is claimed. reserved_until is NULL while it is the
-- present one; afterwards it leads there and keeps others away.
CREATE TABLE settings_org_slugs (
    slug           text PRIMARY KEY CHECK (char_length(slug) BETWEEN 3 AND 48),
    org_id         uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    reserved_until timestamptz
);
CREATE INDEX settings_org_slugs_org ON settings_org_slugs (org_id);
CREATE INDEX settings_org_slugs_reserved ON settings_org_slugs (reserved_until) WHERE reserved_until IS NOT NULL;

-- Keys of logos whose blobs are to be removed once due_at has come.
CREATE TABLE settings_logo_discards (
    key    text        COLLATE "C" PRIMARY KEY CHECK (char_length(key) BETWEEN 1 AND 200),
    due_at timestamptz NOT NULL
);
CREATE INDEX settings_logo_discards_due ON settings_logo_discards (due_at, key);

-- One row for each address that was invited and has not answered.
CREATE TABLE settings_invitations (
    id          uuid PRIMARY KEY,
    org_id      uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    email       text NOT NULL CHECK (char_length(email) BETWEEN 1 AND 320),
    email_key   text NOT NULL CHECK (char_length(email_key) BETWEEN 1 AND 320),
    role        text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    projects    jsonb NOT NULL,
    token_hash  bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    state       text NOT NULL CHECK (state IN ('pending', 'accepted', 'declined', 'revoked')),
    invited_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    accepted_by uuid,
    CHECK ((state = 'pending') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX settings_invitations_pending ON settings_invitations (org_id, email_key) WHERE state = 'pending';
CREATE INDEX settings_invitations_org ON settings_invitations (org_id, id);
CREATE INDEX settings_invitations_email ON settings_invitations (email_key) WHERE state = 'pending';
CREATE INDEX settings_invitations_ended ON settings_invitations (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX settings_invitations_expires ON settings_invitations (expires_at) WHERE state = 'pending';

-- Every link that was made, also those that another one took the place of.
CREATE TABLE settings_invitation_links (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    org_id     uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    made_at    timestamptz NOT NULL
);
CREATE INDEX settings_invitation_links_org ON settings_invitation_links (org_id, made_at);
CREATE INDEX settings_invitation_links_made ON settings_invitation_links (made_at);

-- Files of addresses that are invited one after the other. Who started one is
-- written as in the audit log. Whoever works on one has claimed it until then.
CREATE TABLE settings_imports (
    id            uuid PRIMARY KEY,
    org_id        uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    started_by    uuid NOT NULL,
    name          text NOT NULL,
    session_id    uuid,
    ip            text,
    user_agent    text NOT NULL,
    request_id    text NOT NULL,
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    claimed_until timestamptz NOT NULL
);
CREATE INDEX settings_imports_org ON settings_imports (org_id, id);
CREATE INDEX settings_imports_created ON settings_imports (created_at);
CREATE INDEX settings_imports_open ON settings_imports (claimed_until, id) WHERE ended_at IS NULL;

CREATE TABLE settings_import_rows (
    import_id uuid NOT NULL REFERENCES settings_imports (id) ON DELETE CASCADE,
    line      integer NOT NULL CHECK (line > 0),
    email     text NOT NULL CHECK (char_length(email) <= 320),
    role      text NOT NULL CHECK (role IN ('', 'admin', 'member', 'viewer')),
    projects  jsonb NOT NULL,
    state     text NOT NULL CHECK (state IN ('waiting', 'invited', 'refused')),
    code      text NOT NULL CHECK (char_length(code) <= 64),
    CHECK ((state = 'refused') = (code <> '')),
    CHECK (state <> 'waiting' OR (role <> '' AND email <> '')),
    PRIMARY KEY (import_id, line)
);
CREATE INDEX settings_import_rows_state ON settings_import_rows (import_id, state, line);

-- A proven domain is one organization's.
CREATE TABLE settings_org_domains (
    id          uuid PRIMARY KEY,
    org_id      uuid NOT NULL REFERENCES settings_orgs (id) ON DELETE CASCADE,
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 253),
    token       text NOT NULL CHECK (char_length(token) BETWEEN 1 AND 255),
    verified_at timestamptz,
    auto_join   boolean NOT NULL,
    role        text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
    created_at  timestamptz NOT NULL,
    UNIQUE (org_id, name)
);
CREATE UNIQUE INDEX settings_org_domains_proven ON settings_org_domains (name) WHERE verified_at IS NOT NULL;
CREATE INDEX settings_org_domains_name ON settings_org_domains (name);

-- Deleted people are no members: they are few, and looked for when members are counted.
CREATE INDEX settings_users_deleted ON settings_users (id) WHERE deleted_at IS NOT NULL;
