package settings_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// dying is a store whose log lives for some transactions, and dies in the middle
// of the next one.
type dying struct {
	*bunstore.DB
	lives int
}

type dyingLog struct {
	audit.Store
	of *dying
}

var errKilled = errors.New("killed")

func (d *dying) Audit() audit.Store { return dyingLog{d.DB.Audit(), d} }

func (l dyingLog) Update(ctx context.Context, fn func(ctx context.Context, tx audit.Tx) error) error {
	l.of.lives--
	return l.Store.Update(ctx, func(ctx context.Context, tx audit.Tx) error {
		err := fn(ctx, tx)
		if l.of.lives == -1 {
			return errKilled
		}
		return err
	})
}

// auditTables is all that the tables of the log hold.
func auditTables(t *testing.T, db *bunstore.DB) string {
	t.Helper()
	conn, out := db.Conn(t.Context()), &strings.Builder{}
	list := `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'settings_audit_%'`
	if db.Dialect() == bunstore.Postgres {
		list = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'settings_audit_%'`
	}
	var tables []string
	require.NoError(t, conn.NewRaw(list).Scan(t.Context(), &tables))
	require.GreaterOrEqual(t, len(tables), 6)
	for _, table := range tables {
		rows, err := conn.QueryContext(t.Context(), `SELECT * FROM `+table)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(any)
			}
			require.NoError(t, rows.Scan(cells...))
			for _, cell := range cells {
				if text, ok := (*cell.(*any)).([]byte); ok {
					fmt.Fprintf(out, "%s\n", text)
				} else {
					fmt.Fprintln(out, *cell.(*any))
				}
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close()) //nolint:sqlclosecheck // one of many
	}
	return strings.ToLower(out.String())
}

// Whoever is gone is named by no entry any more, and the log is proven by the
// checkpoints that were kept before.
func TestErasePerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plan, _ := orgs.FixedPlan("business")
		store := &dying{DB: db, lives: 1 << 30}
		app := settingstest.Start(t, settings.Config{Store: store, Entitlements: plan, Domains: &zone{},
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
		a := newAcme(t, app)
		const address, moved, agent, ip = "Zoe.Q@example.com", "zoe.new@example.com", "ZoesBrowser/9", "203.0.113.77"
		browser := func() *settingstest.Client {
			c := app.Client()
			c.Header.Set("User-Agent", agent)
			c.Header.Set("X-Forwarded-For", ip)
			return c
		}
		// One invitation is of an organization that the person never saw.
		invite := func(from *settingstest.Client, org, to string) {
			api(t, from, post, org+"/invitations", object{"emails": []string{to}, "role": "member"}, 201)
		}
		api(t, a.outsider, post, "/orgs", object{"name": "Elsewhere"}, 201)
		invite(a.outsider, "/orgs/elsewhere", strings.ToLower(address))
		zoe := browser()
		api(t, zoe, post, "/auth/sign-up", object{"email": address}, 202)
		api(t, zoe, post, "/auth/sign-up/complete", object{"token": app.LinkToken(address, "account.sign_up"), "name": "Zoe Quux", "password": settingstest.Password}, 201)
		invite(a.owner, org, address)
		api(t, zoe, post, "/invitations/decline", object{"token": app.LinkToken(address, "orgs.invitation")}, 204)
		invite(a.owner, org, address)
		api(t, zoe, post, "/invitations/accept", object{"token": app.LinkToken(address, "orgs.invitation")}, 200)
		who := me(t, zoe)
		api(t, a.admin, "PATCH", org+"/members/"+who, object{"role": "admin"}, 200)
		api(t, zoe, "PATCH", org, object{"name": "Acme Quux"}, 200) // what she called it is not hers
		api(t, zoe, "PATCH", "/account", object{"name": "Zoe Q. Quux"}, 200)
		api(t, zoe, post, org+"/delete", object{"confirm": "acme-inc"}, 403)
		api(t, browser(), post, "/auth/sign-in", object{"email": address, "password": "wrong password 1"}, 401)
		user, err := id.ParseUser(who)
		require.NoError(t, err)
		// And much else, for more than one transaction.
		require.NoError(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
			v, err := db.Orgs().View(ctx, user, "acme-inc")
			require.NoError(t, err)
			actor := audit.Actor{Kind: audit.KindUser, User: user, Name: "Zoe Quux", IP: netip.MustParseAddr(ip), UserAgent: agent}
			for range 600 {
				require.NoError(t, tx.AppendAudit(ctx, actor.Did(orgs.ActionOrgUpdated, audit.Target{Kind: "org", ID: v.ID.String(), Name: "Acme"}, app.Clock.Now()).InLogOf(v.ID)))
			}
			return nil
		}))

		app.RunJob("audit.seal")
		kept := proofOf(t, a.owner)
		personal := []string{"zoe quux", "zoe q. quux", strings.ToLower(address), strings.ToLower(agent), ip}
		before := auditTables(t, db)
		for _, value := range personal {
			require.True(t, strings.Contains(before, value), value)
		}
		erase := func() error {
			services := flows.Services{Accounts: app.Accounts, Audit: app.Audit}
			return services.ErasePerson(t.Context(), user, address, moved, "no address")
		}

		store.lives = 1
		require.ErrorIs(t, erase(), errKilled)
		half := auditTables(t, db)
		require.Less(t, strings.Count(half, ip), strings.Count(before, ip), "a part is done")
		require.Positive(t, strings.Count(half, ip))
		store.lives = 1 << 30
		require.NoError(t, erase())
		after := auditTables(t, db)
		for _, value := range personal {
			require.False(t, strings.Contains(after, value), value)
		}
		require.True(t, strings.Contains(after, `"olive"`), "others are named as before")
		require.True(t, strings.Contains(after, `"acme quux"`))
		require.NoError(t, erase())
		require.True(t, after == auditTables(t, db), "there is nothing to erase twice")

		text := export(t, a.owner, "format=ndjson")
		report := verify(t, text, proofOf(t, a.owner))
		require.True(t, report.OK(), report.Findings)
		now := proofOf(t, a.owner)
		for _, c := range kept.Checkpoints {
			now.Checkpoints = append(now.Checkpoints, audit.Checkpoint{Size: c.Size, Note: c.Note})
		}
		report, err = audit.Verify(bytes.NewReader(text), now)
		require.NoError(t, err)
		require.True(t, report.OK(), report.Findings)
		require.Equal(t, len(now.Checkpoints), report.Checkpoints)
		// Entries stay, by whom they were.
		require.NotEmpty(t, entriesOf(t, a.owner, "actor="+who+"&action=orgs.member.*"))
	})
}

// A person's own history is kept as long as the best of their organizations keeps
// its log, and everybody's for 30 days.
func TestHistoryRetention(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plan, _ := orgs.FixedPlan("pro")
		app := settingstest.Start(t, settings.Config{Store: db, Entitlements: plan})
		member, alone := app.SignUp(ada, "Ada"), app.SignUp("grace@example.com", "Grace")
		api(t, member, post, "/orgs", object{"name": "Acme Inc."}, 201)
		api(t, app.Client(), post, "/auth/sign-in", object{"email": "nobody@example.com", "password": "wrong password 1"}, 401)
		users := map[string]string{"member": me(t, member), "alone": me(t, alone)}
		count := func(condition string) (n int) {
			require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT count(*) FROM settings_audit_entries WHERE org_id IS NULL AND `+condition).Scan(t.Context(), &n))
			return n
		}
		of := func(who string) int { return count(`user_id = '` + users[who] + `'`) }
		const nobodys = `user_id IS NULL`
		ofMember, ofAlone := of("member"), of("alone")
		require.Positive(t, ofMember)
		require.Positive(t, ofAlone)
		unowned := count(nobodys)
		require.Positive(t, unowned)

		app.Clock.Advance(30 * 24 * time.Hour)
		app.RunJob("audit.prune")
		require.Equal(t, ofAlone, of("alone"), "not older than 30 days")
		require.Equal(t, unowned, count(nobodys))
		app.Clock.Advance(time.Second)
		app.RunJob("audit.prune")
		require.Zero(t, of("alone"))
		require.Zero(t, count(nobodys))
		require.Equal(t, ofMember, of("member"))

		app.SignIn("grace@example.com")
		require.Positive(t, of("alone"))
		app.Clock.Advance(150 * 24 * time.Hour)
		app.RunJob("audit.prune")
		require.Zero(t, of("member"))
	})
}

// Two nodes that prune at once do not disturb each other.
func TestHistoryIsPrunedOnTwoNodes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		people := make([]id.User, 20)
		require.NoError(t, db.Audit().Update(t.Context(), func(ctx context.Context, tx audit.Tx) error {
			for i := range people {
				people[i] = id.NewUser()
				for range 5 {
					require.NoError(t, tx.AppendAudit(ctx, audit.System("test").Did("account.updated", audit.Target{}, app.Clock.Now()).InHistoryOf(people[i])))
				}
			}
			return nil
		}))
		app.Clock.Advance(31 * 24 * time.Hour)
		failed := make(chan error, 2)
		for range cap(failed) {
			go func() { failed <- app.Audit.Prune(t.Context()) }()
		}
		for range cap(failed) {
			require.NoError(t, <-failed)
		}
		left, err := db.Audit().Histories(t.Context(), id.User{}, 100)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}
