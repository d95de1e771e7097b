package bunstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
)

// raceRounds is how often each pair is raced on each database.
const raceRounds = 200

// oracle finds living organizations without an Owner who is an active member.
const oracle = `
	SELECT count(*) FROM settings_orgs AS o
	LEFT JOIN settings_members AS m ON m.org_id = o.id AND m.user_id = o.owner_id
	LEFT JOIN settings_users AS u ON u.id = m.user_id
	WHERE o.deleted_at IS NULL AND (m.user_id IS NULL OR m.state <> 'active' OR u.deleted_at IS NOT NULL)`

func requireOwners(t *testing.T, db *bunstore.DB) {
	t.Helper()
	var orphans int
	require.NoError(t, db.Conn(t.Context()).NewRaw(oracle).Scan(t.Context(), &orphans))
	require.Zero(t, orphans, "living organizations without an Owner who is an active member")
}

// team is an organization with an Owner, an Admin and a Member.
type team struct {
	org                  id.Org
	owner, admin, member id.User
}

func newTeam(t testing.TB, db *bunstore.DB) team {
	t.Helper()
	tm := team{org: id.NewOrg()}
	for _, user := range []*id.User{&tm.owner, &tm.admin, &tm.member} {
		*user = person(t, db, id.NewUser().String()+"@example.com").ID
	}
	require.NoError(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
		return errors.Join(
			tx.InsertOrg(ctx, orgs.Org{
				ID: tm.org, Slug: tm.org.String(), Name: "Acme", Owner: tm.owner, LogoKey: tm.org.String(), CreatedAt: now, UpdatedAt: now,
			}),
			tx.InsertMember(ctx, orgs.Membership{Org: tm.org, User: tm.admin, Role: orgs.Admin, JoinedAt: now}),
			tx.InsertMember(ctx, orgs.Membership{Org: tm.org, User: tm.member, Role: orgs.Member, JoinedAt: now}))
	}))
	return tm
}

// reset makes the team what it was, whatever a race has left.
func (tm team) reset(t *testing.T, db *bunstore.DB) {
	t.Helper()
	require.NoError(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
		o, err := tx.LockOrg(ctx, tm.org)
		require.NoError(t, err)
		for user, role := range map[id.User]orgs.Role{tm.owner: orgs.Admin, tm.admin: orgs.Admin, tm.member: orgs.Member} {
			if user == o.Owner {
				continue
			}
			if err := tx.RemoveMember(ctx, tm.org, user); !errors.Is(err, orgs.ErrNotMember) {
				require.NoError(t, err)
			}
			require.NoError(t, tx.InsertMember(ctx, orgs.Membership{Org: tm.org, User: user, Role: role, JoinedAt: now}))
		}
		if o.Owner == tm.owner {
			return nil
		}
		require.NoError(t, tx.SetOwner(ctx, tm.org, o.Owner, tm.owner, now))
		if o.Owner == tm.member {
			return tx.SetRole(ctx, tm.org, tm.member, orgs.Member)
		}
		return nil
	}))
}

type orgAct func(ctx context.Context, tx orgs.Tx, tm team) error

func transferTo(to func(tm team) id.User) orgAct {
	return func(ctx context.Context, tx orgs.Tx, tm team) error {
		return tx.SetOwner(ctx, tm.org, tm.owner, to(tm), now.Add(time.Hour))
	}
}

var (
	toAdmin  = transferTo(func(tm team) id.User { return tm.admin })
	toMember = transferTo(func(tm team) id.User { return tm.member })
)

// ownershipRaces are pairs of acts, and for each what may come of it under the lock.
var ownershipRaces = map[string][2]orgAct{
	"transfer and the Owner leaves":  {toAdmin, func(ctx context.Context, tx orgs.Tx, tm team) error { return tx.RemoveMember(ctx, tm.org, tm.owner) }},
	"transfer and the target leaves": {toAdmin, func(ctx context.Context, tx orgs.Tx, tm team) error { return tx.RemoveMember(ctx, tm.org, tm.admin) }},
	"transfer and another transfer":  {toAdmin, toMember},
	"transfer and suspend the target": {toAdmin, func(ctx context.Context, tx orgs.Tx, tm team) error {
		return tx.SetSuspended(ctx, tm.org, tm.admin, true)
	}},
	"transfer and suspend the Owner": {toAdmin, func(ctx context.Context, tx orgs.Tx, tm team) error {
		return tx.SetSuspended(ctx, tm.org, tm.owner, true)
	}},
	"transfer and delete": {toAdmin, func(ctx context.Context, tx orgs.Tx, tm team) error {
		if err := tx.DeleteOrg(ctx, tm.org, now, now.Add(time.Hour)); err != nil {
			return err
		}
		return tx.RestoreOrg(ctx, tm.org, now)
	}},
	"demote and promote": {
		func(ctx context.Context, tx orgs.Tx, tm team) error {
			return tx.SetRole(ctx, tm.org, tm.admin, orgs.Viewer)
		},
		toAdmin,
	},
}

// With the organization locked, as the contract wants it, every loser is told why
// by a sentinel. Without, by a caller who forgot, the schema refuses what would
// leave no Owner: the error is that of the database, and the rule holds.
func TestOrgOwnerIsAnActiveMemberAfterEveryRace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		for name, pair := range ownershipRaces {
			t.Run(name, func(t *testing.T) {
				tm := newTeam(t, db)
				for round := range raceRounds {
					locked := round%2 == 0
					for _, err := range tm.race(t.Context(), db, pair, locked) {
						if locked && err != nil {
							require.True(t, errors.Is(err, fault.Conflict) || errors.Is(err, fault.NotFound), "%v", err)
						}
					}
					requireOwners(t, db)
					tm.reset(t, db)
				}
			})
		}
	})
}

// race makes both acts at once, in transactions of their own.
func (tm team) race(ctx context.Context, db *bunstore.DB, pair [2]orgAct, lock bool) [2]error {
	var errs [2]error
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, act := range pair {
		wg.Go(func() {
			<-start
			errs[i] = db.Orgs().Update(ctx, func(ctx context.Context, tx orgs.Tx) error {
				if lock {
					if _, err := tx.LockOrg(ctx, tm.org); err != nil {
						return err
					}
				}
				return act(ctx, tx, tm)
			})
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// What the schema refuses by itself, at the end of the transaction and not before.
func TestOrgSchemaAloneKeepsTheOwner(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		tm, other := newTeam(t, db), newTeam(t, db)
		member := " WHERE org_id = '" + tm.org.String() + "' AND user_id = "
		owner, admin := "'"+tm.owner.String()+"'", "'"+tm.admin.String()+"'"
		org := " WHERE id = '" + tm.org.String() + "'"
		for name, statements := range map[string][]string{
			"the Owner leaves":           {"DELETE FROM settings_members" + member + owner},
			"everybody leaves":           {"DELETE FROM settings_members WHERE org_id = '" + tm.org.String() + "'"},
			"the Owner is suspended":     {"UPDATE settings_members SET state = 'suspended'" + member + owner},
			"the Owner is a stranger":    {"UPDATE settings_orgs SET owner_id = '" + other.owner.String() + "'" + org},
			"the Owner is nobody":        {"UPDATE settings_orgs SET owner_id = '" + id.NewUser().String() + "'" + org},
			"the new Owner is suspended": {"UPDATE settings_orgs SET owner_id = " + admin + org, "UPDATE settings_members SET state = 'suspended'" + member + admin},
			"the new Owner is gone":      {"DELETE FROM settings_members" + member + admin, "UPDATE settings_orgs SET owner_id = " + admin + org},
			"restored without its Owner": {
				"UPDATE settings_orgs SET deleted_at = created_at, purge_at = created_at, owner_state = NULL" + org,
				"DELETE FROM settings_members" + member + owner,
				"UPDATE settings_orgs SET deleted_at = NULL, purge_at = NULL, owner_state = 'active'" + org,
			},
		} {
			done := 0
			err := db.InTx(t.Context(), func(ctx context.Context) error {
				for _, statement := range statements {
					if _, err := db.Conn(ctx).ExecContext(ctx, statement); err != nil {
						return err
					}
					done++
				}
				return nil
			})
			require.Error(t, err, name)
			require.Equal(t, len(statements), done, "%s: refused before the end: %v", name, err)
			require.NotErrorIs(t, err, fault.NotFound)
			requireOwners(t, db)
		}
		for name, statement := range map[string]string{
			"a living one without the state of its Owner": "UPDATE settings_orgs SET owner_state = NULL" + org,
			"another state":         "UPDATE settings_orgs SET owner_state = 'suspended'" + org,
			"no Owner":              "UPDATE settings_orgs SET owner_id = NULL" + org,
			"Owner as a role":       "UPDATE settings_members SET role = 'owner'" + member + owner,
			"another role":          "UPDATE settings_members SET role = 'root'" + member + owner,
			"deleted, but not when": "UPDATE settings_orgs SET owner_state = NULL, purge_at = created_at" + org,
		} {
			_, err := db.Conn(t.Context()).ExecContext(t.Context(), statement)
			require.Error(t, err, name)
		}
		requireOwners(t, db)

		// What looks the same for a moment is allowed.
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
			for _, statement := range []string{
				"UPDATE settings_members SET state = 'suspended'" + member + owner,
				"UPDATE settings_orgs SET owner_id = " + admin + org,
				"DELETE FROM settings_members" + member + owner,
			} {
				if _, err := db.Conn(ctx).ExecContext(ctx, statement); err != nil {
					return err
				}
			}
			return nil
		}))
		requireOwners(t, db)
	})
}
