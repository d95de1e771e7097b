package bunstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// orgCrowd are organizations of the people of crowd: one of everybody, the
// others of a few each.
const orgCrowd = `
	INSERT INTO settings_orgs
	SELECT md5('o' || i)::uuid, 'org-' || i, 'Acme', md5('u' || i % 3000 + 1)::uuid, 'active', 'logo-' || i, false, '', false, NULL, now(), now(), NULL, NULL
	FROM generate_series(1, 5000) AS i;
	INSERT INTO settings_org_slugs SELECT slug, id, NULL FROM settings_orgs;
	INSERT INTO settings_org_slugs SELECT 'former-' || i, md5('o' || i)::uuid, now() + i * interval '1 minute' FROM generate_series(1, 1000) AS i;
	INSERT INTO settings_members
	SELECT md5('o' || i)::uuid, md5('u' || j)::uuid, 'admin', 'active', NULL, now(), 'ada ' || j, j || '@example.com'
	FROM generate_series(1, 5000) AS i, generate_series(1, 3000) AS j WHERE j = i % 3000 + 1 OR j = (i + 7) % 3000 + 1 OR i = 1 OR i = 7 AND j < 12;
	INSERT INTO settings_invitations
	SELECT md5('i' || i)::uuid, md5('o' || (i % 1000 + 1))::uuid, i || '@example.com', i || '@example.com', 'member', '[]', sha256(('i' || i)::bytea),
		CASE WHEN i % 2 = 0 THEN 'pending' ELSE 'accepted' END, md5('u1')::uuid, now(), now() + i * interval '1 minute',
		CASE WHEN i % 2 = 1 THEN now() - i * interval '1 minute' END, NULL
	FROM generate_series(1, 5000) AS i;
	INSERT INTO settings_invitation_links SELECT token_hash, org_id, now() - interval '1 hour' FROM settings_invitations;
	INSERT INTO settings_logo_discards SELECT 'logo-' || i, now() + interval '1 hour' FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_org_domains
	SELECT md5('d' || i)::uuid, md5('o' || (i % 1000 + 1))::uuid, i || '.example.com', 'token', now(), true, 'member', now()
	FROM generate_series(1, 2000) AS i;
	INSERT INTO settings_imports
	SELECT md5('m' || i)::uuid, md5('o' || (i % 1000 + 1))::uuid, md5('u1')::uuid, 'Ada', NULL, NULL, '', '', now() - i * interval '1 minute',
		CASE WHEN i % 10 <> 0 THEN now() END, now()
	FROM generate_series(1, 2000) AS i;
	UPDATE settings_orgs SET require_second_factor = true, grace_until = now() + interval '30 days' WHERE slug LIKE 'org-%00';
	INSERT INTO settings_reminders SELECT org_id, user_id, now() + interval '30 days', 1 FROM settings_members;
	INSERT INTO settings_import_rows
	SELECT md5('m' || i)::uuid, j, j || '@example.com', 'member', '[]', CASE WHEN i % 10 = 0 THEN 'waiting' ELSE 'invited' END, ''
	FROM generate_series(1, 2000) AS i, generate_series(2, 20) AS j;`

// orgQueries are those of hotQueries about organizations. What they ask for is in
// orgCrowd, but nothing depends on that.
func orgQueries(db *bunstore.DB, at orgPlace) map[string]query {
	r := db.Orgs()
	writes := func(ask func(ctx context.Context, tx orgs.Tx) error, allowed ...error) func(context.Context) error {
		return func(ctx context.Context) error { return allow(r.Update(ctx, ask), allowed...) }
	}
	members := func(prefix string, after *orgs.Position, org id.Org) func(ctx context.Context) error {
		return func(ctx context.Context) error { _, _, err := r.Members(ctx, org, prefix, true, after, 50); return err }
	}
	now := time.Now().UTC()
	return map[string]query{
		"View by ID": {[]string{"settings_orgs_pkey", "settings_members_", "settings_users_pkey"}, func(ctx context.Context) error {
			_, err := r.View(ctx, at.user, at.large.String())
			return err
		}},
		"View by slug": {[]string{"settings_org_slugs_pkey", "settings_orgs_pkey", "settings_members_", "settings_users_pkey"}, func(ctx context.Context) error {
			_, err := r.View(ctx, at.user, "org-1")
			return err
		}},
		"OrgsOf": {[]string{"settings_members_user"}, func(ctx context.Context) error { _, err := r.OrgsOf(ctx, at.user); return err }},
		"OrgByLogo": {[]string{"settings_orgs_logo_key_key"}, func(ctx context.Context) error {
			_, err := r.OrgByLogo(ctx, "logo-17")
			return allow(err, orgs.ErrOrgNotFound)
		}},
		"DueLogos": {[]string{"settings_logo_discards_due"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.DueLogos(ctx, now, 100)
			return err
		})},
		"Member": {[]string{"settings_members_"}, func(ctx context.Context) error { _, err := r.Member(ctx, at.large, at.user); return err }},

		"Members":             {[]string{"settings_members_name", "settings_users_pkey"}, members("", nil, at.large)},
		"Members further":     {[]string{"settings_members_name"}, members("", &orgs.Position{Key: "ada 2000", User: at.user}, at.large)},
		"Members by prefix":   {[]string{"settings_members_name", "settings_members_email"}, members("2", nil, at.large)},
		"Members by email":    {[]string{"settings_members_email"}, members("2", &orgs.Position{Key: "2000@example.com", User: at.user, ByEmail: true}, at.large)},
		"Members of few":      {[]string{"settings_members_"}, members("ada", nil, at.small)},
		"Seats":               {[]string{"settings_members_", "settings_invitations_"}, func(ctx context.Context) error { _, err := r.Seats(ctx, at.small, now); return err }},
		"WithoutSecondFactor": {[]string{"settings_members_"}, func(ctx context.Context) error { _, _, err := r.WithoutSecondFactor(ctx, at.small, 10); return err }},

		"InvitationsFor": {[]string{"settings_invitations_email"}, func(ctx context.Context) error {
			_, err := r.InvitationsFor(ctx, "4000@example.com", now)
			return err
		}},
		"Invitations": {[]string{"settings_invitations_"}, func(ctx context.Context) error {
			_, err := r.Invitations(ctx, at.small, id.Invitation{}, 50)
			return err
		}},
		"InvitationsSince": {[]string{"settings_invitation_links_org"}, func(ctx context.Context) error {
			_, err := r.InvitationsSince(ctx, at.small, now.Add(-24*time.Hour))
			return err
		}},
		"SpendInvitation": {[]string{"settings_invitations_token_hash_key"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.SpendInvitation(ctx, orgs.Hash{1}, orgs.Accepted, at.user, now)
			return err
		}, orgs.ErrLinkGone)},
		"PutInvitation": {nil, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.PutInvitation(ctx, orgs.Invitation{
				ID: id.NewInvitation(), Org: at.small, Email: "a", EmailKey: "a", Role: orgs.Member, Hash: orgs.Hash{2}, InvitedBy: at.user,
				CreatedAt: now, ExpiresAt: now,
			})
			return err
		})},
		"AutoJoin": {[]string{"settings_org_domains_"}, func(ctx context.Context) error {
			_, err := r.AutoJoin(ctx, id.NewUser(), "17.example.com")
			return err
		}},
		"VerifyDomain": {[]string{"settings_org_domains_"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			return tx.VerifyDomain(ctx, at.small, id.NewDomain(), now)
		}, orgs.ErrDomainNotFound)},
		"SetRole": {[]string{"settings_members_"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			return tx.SetRole(ctx, at.large, id.NewUser(), orgs.Viewer)
		}, orgs.ErrNotMember)},
		"SetOwner": {[]string{"settings_members_", "settings_orgs_pkey"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			return tx.SetOwner(ctx, at.large, id.NewUser(), at.user, now)
		}, orgs.ErrStaleOwner)},
		"Import": {[]string{"settings_import_rows_"}, func(ctx context.Context) error {
			_, err := r.Import(ctx, at.small, at.file)
			return allow(err, orgs.ErrImportNotFound)
		}},
		"Imports": {[]string{"settings_imports_org"}, func(ctx context.Context) error { _, err := r.Imports(ctx, at.small, 5); return err }},
		"ImportRows": {[]string{"settings_import_rows_"}, func(ctx context.Context) error {
			_, err := r.ImportRows(ctx, at.file, orgs.RowWaiting, 5, 10)
			return err
		}},
		"ClaimImport": {[]string{"settings_imports_open"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.ClaimImport(ctx, now.Add(time.Hour), now.Add(2*time.Hour))
			return err
		}, orgs.ErrImportNotFound)},
		"EndImportRow": {[]string{"settings_import_rows_"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			return tx.EndImportRow(ctx, at.file, 3, orgs.RowInvited, "", now)
		}, orgs.ErrImportNotFound)},
		"PurgeImports": {[]string{"settings_imports_created"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.PurgeImports(ctx, now.Add(-7*24*time.Hour), 20)
			return err
		})},
		"LockOrgToRemind": {[]string{"settings_orgs_grace", "settings_members_", "settings_reminders_pkey"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.LockOrgToRemind(ctx, now)
			return err
		}, orgs.ErrOrgNotFound)},
		"TakeReminders": {[]string{"settings_members_", "settings_reminders_pkey"}, writes(func(ctx context.Context, tx orgs.Tx) error {
			_, err := tx.TakeReminders(ctx, orgs.Org{ID: at.small, RequireSecondFactor: true, GraceUntil: now.Add(time.Hour)}, now, 100)
			return err
		})},
		"PurgeInvitations": {
			[]string{"settings_invitations_ended", "settings_invitations_expires", "settings_invitation_links_made", "settings_org_slugs_reserved"},
			writes(func(ctx context.Context, tx orgs.Tx) error {
				_, err := tx.PurgeInvitations(ctx, now.Add(-30*24*time.Hour), now, 1000)
				return err
			}),
		},
	}
}

// orgPlace is what orgQueries asks about.
type orgPlace struct {
	user         id.User // a member of both
	large, small id.Org
	file         id.Import
}

func placeOnPostgres(t *testing.T, db *bunstore.DB) orgPlace {
	t.Helper()
	var at orgPlace
	require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT md5('u11')::uuid, md5('o1')::uuid, md5('o7')::uuid, md5('m10')::uuid`).
		Scan(t.Context(), &at.user, &at.large, &at.small, &at.file))
	return at
}

func allow(err error, allowed ...error) error {
	for _, a := range allowed {
		if errors.Is(err, a) {
			return nil
		}
	}
	return err
}

// SQLite has no crowd: it plans by what indexes there are.
func TestOrgPlansOnSQLite(t *testing.T) {
	seen := &collector{statements: map[string]string{}}
	db := hostDB(t, "_txlock=immediate", seen)
	tm := newTeam(t, db)
	renames := strings.NewReplacer(
		"settings_orgs_pkey", "SEARCH o USING PRIMARY KEY", "settings_org_slugs_pkey", "SEARCH s USING PRIMARY KEY",
		"settings_users_pkey", "SEARCH u USING PRIMARY KEY", "settings_invitations_token_hash_key", "token_hash=?", "settings_orgs_logo_key_key", "logo_key=?",
		"settings_members_", "SEARCH", "settings_reminders_pkey", "SEARCH r USING PRIMARY KEY", "settings_import_rows_", "SEARCH", // whichever
	)
	for name, q := range orgQueries(db, orgPlace{tm.owner, tm.org, tm.org, id.NewImport()}) {
		t.Run(name, func(t *testing.T) {
			clear(seen.statements)
			require.NoError(t, allow(q.ask(t.Context()), orgs.ErrOrgNotFound))
			require.NotEmpty(t, seen.statements)
			plan := ""
			for _, statement := range seen.statements {
				plan += planOf(t, db, statement)
			}
			require.NotRegexp(t, `SCAN [a-z]\b|SCAN settings_`, plan)
			for _, index := range q.indexes {
				if index != "settings_members_name" && index != "settings_members_email" && index != "settings_members_user" {
					index = renames.Replace(index)
				}
				require.Contains(t, plan, index)
			}
			if strings.HasPrefix(name, "Members") {
				require.NotContains(t, plan, "TEMP B-TREE", "a page is read in the order of the index")
			}
		})
	}
}

func planOf(t *testing.T, db *bunstore.DB, statement string) string {
	t.Helper()
	rows, err := pool(t, db).QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+statement)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	plan := statement + "\n"
	for rows.Next() {
		var node, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&node, &parent, &unused, &detail))
		plan += detail + "\n"
	}
	require.NoError(t, rows.Err())
	return plan
}
