package settings_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// The last seat, for which 8 people who may join and 8 who are invited compete with
// the 8 links of one who was: she has it, and nobody else. Without her exactly one
// of the 16 gets it.
func TestLastSeatRace(t *testing.T) {
	const rounds, each = 20, 8
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plan, dns := &seatPlan{seats: map[id.Org]int{}}, &zone{}
		app := settingstest.Start(t, settings.Config{Store: db, Limiter: wide{}, Entitlements: plan, Domains: dns})
		as := func(c *settingstest.Client) audit.Actor {
			user, err := id.ParseUser(me(t, c))
			require.NoError(t, err)
			return audit.Actor{Kind: audit.KindUser, User: user, IP: netip.MustParseAddr("203.0.113.9")}
		}
		olive := app.SignUp("owner@acme.example", "Olive")
		found := api(t, olive, post, "/orgs", object{"name": "Acme Inc."}, 201)
		which, err := id.ParseOrg(found["id"].(string))
		require.NoError(t, err)
		d := api(t, olive, post, org+"/domains", object{"domain": "acme.example"}, 201)
		dns.publish(d["record"].(object))
		api(t, olive, post, org+"/domains/"+d["id"].(string)+"/verify", nil, 200)
		api(t, olive, "PATCH", org+"/domains/"+d["id"].(string), object{"auto_join": true}, 200)
		plan.set(which, 2)
		owner, people := as(olive), []audit.Actor{}
		for i := range each {
			people = append(people, as(app.SignUp(fmt.Sprintf("p%d@acme.example", i), "Pat")))
		}
		ctx := t.Context()
		// got has everybody try at once, and returns how many took a seat.
		got := func(round int, more ...func() error) int {
			tries := more
			for i, p := range people {
				tries = append(tries, func() error {
					_, err := app.Orgs.Join(ctx, p, which.String())
					return err
				}, func() error {
					_, err := app.Orgs.Invite(ctx, owner, which.String(), orgs.Invite{Emails: []string{fmt.Sprintf("g%d-%d@example.com", round, i)}})
					return err
				})
			}
			errs := make([]error, len(tries))
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i, try := range tries {
				wg.Go(func() {
					<-start
					errs[i] = try()
				})
			}
			close(start)
			wg.Wait()
			n := 0
			for i, err := range errs {
				switch {
				case err == nil:
					n++
				case i >= len(more):
					require.ErrorIs(t, err, orgs.ErrSeatLimit)
				default:
					require.ErrorIs(t, err, orgs.ErrLinkGone)
				}
			}
			return n
		}
		// free gives the last seat back.
		free := func() {
			members, err := app.Orgs.Members(ctx, owner, which.String(), "", "", 50)
			require.NoError(t, err)
			waiting, _, err := app.Orgs.Invitations(ctx, owner, which.String(), "", 10)
			require.NoError(t, err)
			require.Equal(t, 2, len(members.Items)+len(waiting), "no seat beyond the plan's")
			for _, m := range members.Items {
				if m.User != owner.User {
					require.NoError(t, app.Orgs.Remove(ctx, owner, which.String(), m.User))
				}
			}
			for _, i := range waiting {
				require.NoError(t, app.Orgs.Revoke(ctx, owner, which.String(), i.ID))
			}
		}
		for round := range rounds {
			require.Equal(t, 1, got(round))
			free()
		}
		nora := as(app.SignUp("nora@example.com", "Nora"))
		for round := range 5 {
			api(t, olive, post, org+"/invitations", object{"emails": []string{"nora@example.com"}}, 201)
			link := app.LinkToken("nora@example.com", "orgs.invitation")
			var accepts []func() error
			for range each {
				accepts = append(accepts, func() error {
					_, err := app.Orgs.Accept(ctx, nora, link)
					return err
				})
			}
			require.Equal(t, 1, got(rounds+round, accepts...))
			free()
		}
	})
}
