package bunstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/orgs"
)

// Deleted people are no members in any read, although their rows are there.
func TestOrgsKnowNoDeletedPeople(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		tm, r := newTeam(t, db), db.Orgs()
		gone, err := r.Person(t.Context(), tm.member)
		require.NoError(t, err)
		exec(t, db, "UPDATE settings_users SET deleted_at = updated_at WHERE id = ?", tm.member)

		_, err = r.View(t.Context(), tm.member, tm.org.String())
		require.ErrorIs(t, err, orgs.ErrOrgNotFound)
		list, err := r.OrgsOf(t.Context(), tm.member)
		require.NoError(t, err)
		require.Empty(t, list)
		_, err = r.Member(t.Context(), tm.org, tm.member)
		require.ErrorIs(t, err, orgs.ErrNotMember)
		_, err = r.Person(t.Context(), tm.member)
		require.ErrorIs(t, err, orgs.ErrPersonNotFound)
		_, err = r.PersonByEmail(t.Context(), gone.EmailKey)
		require.ErrorIs(t, err, orgs.ErrPersonNotFound)

		for prefix, want := range map[string]int{"": 2, "ada": 2, gone.Email: 0} {
			members, next, err := r.Members(t.Context(), tm.org, prefix, true, nil, 2)
			require.NoError(t, err)
			require.Len(t, members, want, prefix)
			require.Nil(t, next, "the deleted one is no further page")
		}
		without, n, err := r.WithoutSecondFactor(t.Context(), tm.org, 10)
		require.NoError(t, err)
		require.Len(t, without, 2)
		require.Equal(t, 2, n)
		seats, err := r.Seats(t.Context(), tm.org, now)
		require.NoError(t, err)
		require.Equal(t, 2, seats)

		require.NoError(t, r.Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
			require.ErrorIs(t, tx.SetOwner(ctx, tm.org, tm.owner, tm.member, now), orgs.ErrNotMember)
			other := orgs.Org{ID: id.NewOrg(), Slug: "other", Name: "Other", Owner: tm.member, LogoKey: "k", CreatedAt: now, UpdatedAt: now}
			require.ErrorIs(t, tx.InsertOrg(ctx, other), orgs.ErrPersonNotFound)
			m := orgs.Membership{Org: tm.org, User: tm.member, Role: orgs.Member, JoinedAt: now}
			require.ErrorIs(t, tx.InsertMember(ctx, m), orgs.ErrPersonNotFound)
			return tx.RemoveMember(ctx, tm.org, tm.member) // the row can go
		}))
	})
}

func TestOrgOfADeletedOwnerIsNotRestored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		tm := newTeam(t, db)
		require.NoError(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
			return tx.DeleteOrg(ctx, tm.org, now, now)
		}))
		exec(t, db, "UPDATE settings_users SET deleted_at = updated_at WHERE id = ?", tm.owner)
		require.ErrorIs(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
			return tx.RestoreOrg(ctx, tm.org, now)
		}), orgs.ErrNotMember)
	})
}

// A name that changes while its bearer joins is the one that is searched.
func TestOrgMemberKeysAreThoseOfThePerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		tm := newTeam(t, db)
		for round := range 100 {
			u := person(t, db, fmt.Sprintf("m%d@example.com", round))
			var errs [3]error
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i, act := range []func() error{
				func() error {
					return db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
						if _, err := tx.LockOrg(ctx, tm.org); err != nil {
							return err
						}
						return tx.InsertMember(ctx, orgs.Membership{Org: tm.org, User: u.ID, Role: orgs.Member, JoinedAt: now})
					})
				},
				func() error { return rename(t.Context(), db, u, "Élodie") },
				func() error {
					return db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
						email := fmt.Sprintf("new%d@example.com", round)
						return tx.ChangeEmail(ctx, u.ID, email, email, now, now)
					})
				},
			} {
				wg.Go(func() { <-start; errs[i] = act() })
			}
			close(start)
			wg.Wait()
			require.NoError(t, errors.Join(errs[:]...))
			var keys struct{ NameKey, EmailKey, Name, Email string }
			require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT m.name_key, m.email_key, u.name, u.email
				FROM settings_members AS m JOIN settings_users AS u ON u.id = m.user_id WHERE m.org_id = ? AND m.user_id = ?`, tm.org, u.ID).
				Scan(t.Context(), &keys))
			require.Equal(t, text.Fold(keys.Name), keys.NameKey)
			require.Equal(t, text.Fold(keys.Email), keys.EmailKey)
			require.Equal(t, "elodie", keys.NameKey)
		}
	})
}

func TestStrangeTextOfOrgsIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		tm := newTeam(t, db)
		for what, s := range strange {
			org := func(spoil func(o *orgs.Org)) orgs.Org {
				o := orgs.Org{ID: id.NewOrg(), Slug: "slug", Name: "Acme", Owner: tm.owner, LogoKey: "k", CreatedAt: now, UpdatedAt: now}
				spoil(&o)
				return o
			}
			invitation := func(spoil func(i *orgs.Invitation)) orgs.Invitation {
				i := orgs.Invitation{
					ID: id.NewInvitation(), Org: tm.org, Email: "a@example.com", EmailKey: "a@example.com", Role: orgs.Member, Hash: orgs.Hash{1},
					InvitedBy: tm.owner, CreatedAt: now, ExpiresAt: now,
				}
				spoil(&i)
				return i
			}
			require.NoError(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
				for name, spoil := range map[string]func(o *orgs.Org){
					"Slug": func(o *orgs.Org) { o.Slug = s }, "Name": func(o *orgs.Org) { o.Name = s },
					"LogoKey": func(o *orgs.Org) { o.LogoKey = s }, "DefaultProject": func(o *orgs.Org) { o.DefaultProject = s },
				} {
					require.ErrorIs(t, tx.InsertOrg(ctx, org(spoil)), bunstore.ErrText, "%s with %s", name, what)
					if name != "Slug" {
						require.ErrorIs(t, tx.UpdateOrg(ctx, org(spoil)), bunstore.ErrText, "%s with %s", name, what)
					}
				}
				for name, spoil := range map[string]func(i *orgs.Invitation){
					"Email": func(i *orgs.Invitation) { i.Email = s }, "EmailKey": func(i *orgs.Invitation) { i.EmailKey = s },
					"Projects": func(i *orgs.Invitation) { i.Projects = []string{"one", s} },
				} {
					_, err := tx.PutInvitation(ctx, invitation(spoil))
					require.ErrorIs(t, err, bunstore.ErrText, "%s with %s", name, what)
				}
				require.ErrorIs(t, tx.ChangeSlug(ctx, tm.org, s, now, now), bunstore.ErrText, what)
				for _, d := range []orgs.Domain{{Name: s, Token: "t"}, {Name: "example.com", Token: s}} {
					d.ID, d.Org, d.Role, d.CreatedAt = id.NewDomain(), tm.org, orgs.Member, now
					require.ErrorIs(t, tx.InsertDomain(ctx, d), bunstore.ErrText, what)
				}
				return nil // a refusal is an answer: the transaction goes on
			}))
			_, err := db.Orgs().View(t.Context(), tm.owner, s)
			require.ErrorIs(t, err, orgs.ErrOrgNotFound, what)
			_, err = db.Orgs().PersonByEmail(t.Context(), s)
			require.ErrorIs(t, err, orgs.ErrPersonNotFound, what)
			after := &orgs.Position{Key: s, User: tm.owner}
			for _, ask := range []struct {
				prefix string
				after  *orgs.Position
			}{{s, nil}, {"", after}} {
				list, next, err := db.Orgs().Members(t.Context(), tm.org, ask.prefix, true, ask.after, 10)
				require.NoError(t, err, what)
				require.Empty(t, list, what)
				require.Nil(t, next, what)
			}
		}
	})
}
