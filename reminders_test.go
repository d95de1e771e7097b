package settings_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

const (
	remindJob  = "orgs.remind_second_factor"
	remindKind = "orgs.second_factor_required"
	aDay       = 24 * time.Hour
)

// demanding is an organization whose Owner has a second factor and asks for two of
// everybody.
type demanding struct {
	*acme
	owner2 *app2
}

func newDemanding(t *testing.T, app *settingstest.App) *demanding {
	t.Helper()
	a := newAcme(t, app)
	d := &demanding{a, &app2{t: t, app: app, c: a.owner}}
	d.owner2.enroll()
	return d
}

// asks has the Owner ask for two factors from a time on; zero: no longer.
func (d *demanding) asks(grace time.Time) {
	d.t.Helper()
	d.app.Clock.Advance(time.Minute) // the last code is used up
	api(d.t, d.owner, post, "/auth/reauthenticate", object{"method": "totp", "code": d.owner2.code()}, 204)
	in := object{"require_second_factor": !grace.IsZero()}
	if !grace.IsZero() {
		in["grace_until"] = grace.Format(time.RFC3339Nano)
	}
	api(d.t, d.owner, put, org+"/security-policy", in, 200)
}

// told counts the letters to everybody about two factors.
func (d *demanding) told() map[string]int {
	d.t.Helper()
	out := map[string]int{}
	for _, name := range []string{"owner@acme", "admin@acme", "member@acme", "viewer@acme", "new@acme", "out@example"} {
		who := name + ".example"
		if name == "out@example" {
			who = "out@example.com"
		}
		for _, m := range d.app.Mail.To(who) {
			if m.Kind == remindKind {
				out[name]++
			}
		}
	}
	return out
}

// Members without a second factor are told when two are asked for, and 7 days and
// 1 day before the date: each once, and nobody who has one. That ends with the
// demand, and begins anew with another date.
func TestMembersAreReminded(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		d := newDemanding(t, app)
		grace := app.Clock.Now().Add(10 * aDay)
		at := func(left time.Duration, want map[string]int) {
			t.Helper()
			app.Clock.Advance(grace.Add(-left).Sub(app.Clock.Now()))
			app.RunJob(remindJob)
			app.RunJob(remindJob)
			require.Equal(t, want, d.told(), "%v are left", left)
		}
		at(10*aDay, map[string]int{})
		d.asks(grace)
		told := map[string]int{"admin@acme": 1, "member@acme": 1, "viewer@acme": 1}
		require.Equal(t, told, d.told(), "at once, without the job")
		require.Equal(t, "Acme Inc. asks for two-factor authentication", app.Mail.Last("member@acme.example", remindKind).Subject)
		at(9*aDay, told)
		d.join("new@acme.example", "Nora", "viewer")
		told["new@acme"] = 1
		at(7*aDay+time.Second, told)
		require.Equal(t, "Acme Inc. asks for two-factor authentication", app.Mail.Last("new@acme.example", remindKind).Subject)

		api(t, d.viewer, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		(&app2{t: t, app: app, c: d.viewer}).enroll()
		told["admin@acme"], told["member@acme"], told["new@acme"] = 2, 2, 2
		at(7*aDay-time.Hour, told)
		require.Equal(t, "Reminder: Acme Inc. asks for two-factor authentication", app.Mail.Last("member@acme.example", remindKind).Subject)
		api(t, d.owner, "DELETE", org+"/members/"+me(t, d.admin), nil, 204)
		at(aDay+time.Second, told)
		told["member@acme"], told["new@acme"] = 3, 3
		at(aDay, told)
		at(-2*aDay, told)

		d.asks(time.Time{})
		d.asks(grace.Add(20 * aDay))
		told["member@acme"], told["new@acme"] = 4, 4
		require.Equal(t, told, d.told(), "another date is another demand")
		at(-11*aDay, told)
		d.asks(time.Time{})
		at(-14*aDay, told)
	})
}

// Two nodes, several workers on each, several organizations: each letter once.
func TestRemindersByManyWorkers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		c := settings.Config{Store: db, Limiter: wide{}}
		var err error
		c.Keys, err = settings.CreateKeys(t.TempDir() + "/keys.json")
		require.NoError(t, err)
		nodes := []*settingstest.App{settingstest.Start(t, c), settingstest.Start(t, c)}
		d := newDemanding(t, nodes[0])
		var all []string
		for i := range 12 {
			all = append(all, fmt.Sprintf("guest%d@acme.example", i))
			d.join(all[i], "Guest", "member")
		}
		all = append(all, "admin@acme.example", "member@acme.example", "viewer@acme.example")
		d.asks(nodes[0].Clock.Now().Add(10 * aDay))
		for left := range 2 {
			for _, n := range nodes {
				n.Clock.Advance([]time.Duration{4 * aDay, 5 * aDay}[left])
			}
			var wg sync.WaitGroup
			errs := make(chan error, 6)
			for i := range cap(errs) {
				wg.Go(func() { errs <- runJob(t.Context(), nodes[i%2].Settings, remindJob) })
			}
			wg.Wait()
			for range cap(errs) {
				require.NoError(t, <-errs)
			}
			got := map[string]int{}
			for _, n := range nodes {
				for _, who := range all {
					for _, m := range n.Mail.To(who) {
						if m.Kind == remindKind {
							got[who]++
						}
					}
				}
			}
			require.Len(t, got, len(all))
			for who, times := range got {
				require.Equal(t, left+2, times, "%s: told at once, and %d times since", who, left+1)
			}
		}
	})
}

// interrupted is a store whose outbox fails while letters counts down to 0.
type interrupted struct {
	settings.Store
	letters *atomic.Int32
}

type interruptedOrgs struct {
	orgs.Store
	letters *atomic.Int32
}

type interruptedTx struct {
	orgs.Tx
	letters *atomic.Int32
}

func (s interrupted) Orgs() orgs.Store { return interruptedOrgs{s.Store.Orgs(), s.letters} }

func (s interruptedOrgs) Update(ctx context.Context, fn func(context.Context, orgs.Tx) error) error {
	return s.Store.Update(ctx, func(ctx context.Context, tx orgs.Tx) error { return fn(ctx, interruptedTx{tx, s.letters}) })
}

func (tx interruptedTx) EnqueueMail(ctx context.Context, e mail.Envelope) error {
	if tx.letters.Add(-1) == 0 {
		return errDiskFull
	}
	return tx.Tx.EnqueueMail(ctx, e)
}

// Stopped in the middle it has told nobody of that organization, and the next run
// tells all of them.
func TestRemindingIsResumed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		letters := &atomic.Int32{}
		app := settingstest.Start(t, settings.Config{Store: interrupted{db, letters}})
		d := newDemanding(t, app)
		d.asks(app.Clock.Now().Add(10 * aDay))
		told := d.told()
		app.Clock.Advance(4 * aDay)
		for at := range 3 {
			letters.Store(int32(at) + 1)
			require.ErrorIs(t, runJob(t.Context(), app.Settings, remindJob), errDiskFull)
			require.Equal(t, told, d.told())
		}
		app.RunJob(remindJob)
		require.Equal(t, map[string]int{"admin@acme": 2, "member@acme": 2, "viewer@acme": 2}, d.told())
	})
}
