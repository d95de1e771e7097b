package settings_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// addresses are n rows of a file.
func addresses(name string, n int) (file string, all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d@example.com", name, i))
	}
	return strings.Join(all, "\n"), all
}

// runJob runs a job that may be killed.
func runJob(ctx context.Context, app *settings.Settings, name string) error {
	for _, j := range app.Jobs() {
		if j.Name == name {
			return j.Run(ctx)
		}
	}
	return errors.New("no such job")
}

// letters counts the invitations that were mailed to each address.
func letters(all []string, apps ...*settingstest.App) map[string]int {
	out := map[string]int{}
	for _, app := range apps {
		for _, a := range all {
			out[a] += len(app.Mail.To(a))
		}
	}
	return out
}

func once(all []string) map[string]int {
	out := map[string]int{}
	for _, a := range all {
		out[a] = 1
	}
	return out
}

// Killed in the middle of a row it goes on with that row, on another node once
// the claim has run out; nobody is invited twice, and nobody forgotten.
func TestImportIsResumed(t *testing.T) {
	withTerms(t, func(t *testing.T, a *acme, plan *terms) {
		file, all := addresses("guest", 60)
		which := importFile(t, a.admin, "acme-inc", file)
		for _, killed := range []int{1, 7, 52} {
			ctx, kill := context.WithCancel(t.Context())
			row := 0
			plan.set(func(p *terms) {
				p.asked = func() {
					if row++; row == killed {
						kill()
					}
				}
			})
			require.ErrorIs(t, runJob(ctx, a.app.Settings, work), context.Canceled)
			done := importOf(t, a.owner, "acme-inc", which).Invited
			plan.set(func(p *terms) { p.asked = nil })
			a.app.RunJob(work)
			require.Equal(t, done, importOf(t, a.owner, "acme-inc", which).Invited, "who was killed has the claim still")
			a.app.Clock.Advance(time.Minute)
		}
		got := importOf(t, a.owner, "acme-inc", which)
		require.Equal(t, 0+6+51, got.Invited, "each row that was finished, and no other")
		a.app.RunJob(work)
		got = importOf(t, a.owner, "acme-inc", which)
		require.Equal(t, report{Percent: 100, Total: 60, Invited: 60}, report{got.Percent, got.Total, got.Invited, got.Refused, nil})
		require.Equal(t, once(all), letters(all, a.app))
		require.Len(t, api(t, a.owner, get, org+"/invitations?limit=200", nil, 200)["items"], 60)
	})
}

// A plan that cannot be asked stops one organization's file and no other's, and
// only as long.
func TestImportOutlastsAnOutage(t *testing.T) {
	plan := &speechless{terms: newTerms()}
	app := settingstest.Start(t, settings.Config{Entitlements: plan, Limiter: wide{}})
	ada, bob := app.SignUp("ada@example.com", "Ada"), app.SignUp("bob@example.com", "Bob")
	first := api(t, ada, post, "/orgs", object{"name": "First", "slug": "first"}, 201)["id"].(string)
	api(t, bob, post, "/orgs", object{"name": "Second", "slug": "second"}, 201)
	one := importFile(t, ada, "first", "a@example.com\nb@example.com\n")
	other := importFile(t, bob, "second", "c@example.com\n")
	plan.org = first
	require.ErrorIs(t, runJob(t.Context(), app.Settings, work), errDiskFull)
	require.Equal(t, 0, importOf(t, ada, "first", one).Percent)
	require.Equal(t, 100, importOf(t, bob, "second", other).Percent)
	plan.org = ""
	app.Clock.Advance(time.Minute)
	app.RunJob(work)
	require.Equal(t, 2, importOf(t, ada, "first", one).Invited)
}

// speechless is a plan that cannot be asked about one organization.
type speechless struct {
	*terms
	org string
}

func (b *speechless) Seats(ctx context.Context, org id.Org) (int, error) {
	if org.String() == b.org {
		return 0, errDiskFull
	}
	return b.terms.Seats(ctx, org)
}

// Two nodes, several workers on each, several files: each row once.
func TestImportByManyWorkers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		c := settings.Config{Store: db, Entitlements: newTerms(), Limiter: wide{}}
		var err error
		c.Keys, err = settings.CreateKeys(t.TempDir() + "/keys.json")
		require.NoError(t, err)
		nodes := []*settingstest.App{settingstest.Start(t, c), settingstest.Start(t, c)}
		a := newAcme(t, nodes[0])
		var all, files []string
		for i := range 3 {
			file, some := addresses(fmt.Sprintf("file%d-", i), 20)
			all = append(all, some...)
			files = append(files, importFile(t, a.admin, "acme-inc", file))
		}
		var wg sync.WaitGroup
		errs := make(chan error, 6)
		for i := range cap(errs) {
			wg.Go(func() { errs <- runJob(t.Context(), nodes[i%2].Settings, work) })
		}
		wg.Wait()
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
		for _, which := range files {
			require.Equal(t, 20, importOf(t, a.owner, "acme-inc", which).Invited)
		}
		require.Equal(t, once(all), letters(all, nodes...))
	})
}

// slow is a limiter in which one worker is stuck.
type slow struct {
	wide
	reached, goOn chan struct{}
	stuck         atomic.Bool
}

func (l *slow) Take(_ context.Context, key string, _ int, _ time.Duration) (time.Duration, error) {
	if strings.HasPrefix(key, "invited:") && l.stuck.CompareAndSwap(false, true) {
		close(l.reached)
		<-l.goOn
	}
	return 0, nil
}

// A worker that is slower than its claim lasts finds its row done by another, and
// leaves it.
func TestImportByAWorkerThatIsLate(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		l := &slow{reached: make(chan struct{}), goOn: make(chan struct{})}
		app := settingstest.Start(t, settings.Config{Store: db, Entitlements: newTerms(), Limiter: l})
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Acme Inc."}, 201)
		file, all := addresses("guest", 5)
		which := importFile(t, ada, "acme-inc", file)
		late := make(chan error)
		go func() { late <- runJob(t.Context(), app.Settings, work) }()
		<-l.reached
		app.Clock.Advance(time.Minute)
		app.RunJob(work)
		require.Equal(t, 5, importOf(t, ada, "acme-inc", which).Invited)
		close(l.goOn)
		require.NoError(t, <-late)
		require.Equal(t, 5, importOf(t, ada, "acme-inc", which).Invited)
		require.Equal(t, once(all), letters(all, app))
	})
}

// recorder keeps whom mail went to, in this order, until it has had enough.
type recorder struct {
	*settingstest.Mailbox
	to     []string
	enough func()
}

func (r *recorder) SendMail(ctx context.Context, m mail.Message) error {
	r.to = append(r.to, m.To)
	if r.enough != nil {
		r.enough()
	}
	return r.Mailbox.SendMail(ctx, m)
}

// INVT-12: as many rows as a file may have, on each database. They keep neither a
// small file of another organization waiting, nor somebody's password reset.
func TestImportOfAThousandRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		plan, sent := newTerms(), &recorder{}
		app := settingstest.Start(t, settings.Config{Store: db, Entitlements: plan, Limiter: wide{}, Mailer: sent})
		sent.Mailbox = app.Mail
		ada, bob := app.SignUp("ada@example.com", "Ada"), app.SignUp("bob@example.com", "Bob")
		api(t, ada, post, "/orgs", object{"name": "Large", "slug": "large"}, 201)
		api(t, bob, post, "/orgs", object{"name": "Small", "slug": "small"}, 201)
		file, all := addresses("guest", 1000)
		large := importFile(t, ada, "large", file)
		small := importFile(t, bob, "small", "carol@example.com\n")

		app.Clock.Advance(time.Second)

		// A moment later a few are done of the large one, and all of the small one.
		ctx, kill := context.WithCancel(t.Context())
		row := 0
		plan.set(func(p *terms) {
			p.asked = func() {
				if row++; row == 100 {
					kill()
				}
			}
		})
		require.ErrorIs(t, runJob(ctx, app.Settings, work), context.Canceled)
		plan.set(func(p *terms) { p.asked = nil })
		require.Equal(t, 9, importOf(t, ada, "large", large).Percent)
		require.Equal(t, 100, importOf(t, bob, "small", small).Percent)

		app.Clock.Advance(time.Minute)
		app.RunJob(work)
		got := importOf(t, ada, "large", large)
		require.Equal(t, report{Percent: 100, Total: 1000, Invited: 1000}, report{got.Percent, got.Total, got.Invited, got.Refused, nil})
		for i, r := range got.Rows {
			require.Equal(t, all[i], r.Email)
			require.Equal(t, i+1, r.Line)
		}
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": "ada@example.com"}, 202)
		sent.to = nil
		ctx, sent.enough = context.WithCancel(t.Context())
		require.ErrorIs(t, runJob(ctx, app.Settings, "mail.deliver"), context.Canceled)
		require.Equal(t, "ada@example.com", sent.to[0])
	})
}

// That a file was handed in is in the log, and each invitation as one of whoever
// did, in the request in which they did: the job is nobody.
func TestImportLeavesEntries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		a := newAcme(t, app)
		importFile(t, a.admin, "acme-inc", "x@example.com,viewer\nnonsense\ny@example.com")
		app.RunJob(work)
		var lines []string
		require.NoError(t, db.Conn(t.Context()).NewRaw(`SELECT line FROM settings_audit_entries WHERE org_id IS NOT NULL ORDER BY id DESC LIMIT 3`).Scan(t.Context(), &lines))
		require.Len(t, lines, 3)
		found := make([]audit.Entry, 3)
		for i, l := range lines {
			var err error
			found[i], err = audit.Line(l).Entry()
			require.NoError(t, err)
		}
		require.Equal(t, orgs.ActionImportStarted, found[2].Action)
		require.Equal(t, "3", found[2].Changes[0].After)
		for i, target := range []string{"y@example.com", "x@example.com"} {
			require.Equal(t, orgs.ActionInvited, found[i].Action)
			require.Equal(t, target, found[i].Target.Name)
			require.Equal(t, "Amy", found[i].ActorName)
			require.Equal(t, me(t, a.admin), found[i].ActorID.String())
			require.Equal(t, "127.0.0.1", found[i].IP.String())
			require.NotEmpty(t, found[i].RequestID)
			require.Equal(t, found[2].RequestID, found[i].RequestID)
			require.Equal(t, found[2].Session, found[i].Session)
			require.Equal(t, found[2].UserAgent, found[i].UserAgent)
		}
	})
}

// Files of an organization are bounded, whatever is in them.
func TestImportsAreBounded(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Acme Inc."}, 201)
	for range 20 {
		importFile(t, ada, "acme-inc", "nonsense\n")
	}
	r := sendFile(ada, "acme-inc", "nonsense\n")
	require.Equal(t, 429, r.Status)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	app.Clock.Advance(15 * time.Minute)
	importFile(t, ada, "acme-inc", "nonsense\n")

	// One address is not written to again and again.
	api(t, ada, post, "/orgs", object{"name": "Other", "slug": "other-org"}, 201)
	var last string
	for range 11 {
		last = importFile(t, ada, "other-org", "dora@example.com\n")
		app.RunJob(work)
	}
	require.Equal(t, []string{"1 dora@example.com refused rate_limited"}, importOf(t, ada, "other-org", last).results())
	require.Len(t, app.Mail.To("dora@example.com"), 10)
}

// A host that keeps inviting to itself has not let Admins in by the back door.
func TestImportNeedsTheRightToInvite(t *testing.T) {
	app := settingstest.Start(t, settings.Config{Roles: map[audit.Permission]orgs.Role{orgs.PermInvite: orgs.Owner}})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "admin")
	require.Equal(t, 403, sendFile(bob, "engines", "c@example.com").Status)
	which := importFile(t, ada, "engines", "c@example.com")
	refused(t, bob, get, "/orgs/engines/invitations/import/"+which, nil, 403, "forbidden")
}

// While Run runs a file is worked off at once, and not when the job is due next.
func TestImportBeginsAtOnce(t *testing.T) {
	keys, err := settings.CreateKeys(t.TempDir() + "/keys.json")
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		app, err := settings.New(settings.Config{
			Product: "Acme", PublicURL: "http://localhost:8080", From: "hello@acme.example", Store: store, Keys: keys, Mailer: unsent{},
		})
		require.NoError(t, err)
		ada := accounts.User{ID: id.NewUser(), Name: "Ada", Email: ada, EmailKey: ada, Timezone: "UTC", Locale: "en", AvatarKey: "key"}
		require.NoError(t, store.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, ada) }))
		actor := audit.Actor{}.As(ada.ID, ada.Name)
		o, err := app.Orgs.Create(t.Context(), actor, orgs.NewOrg{Name: "Engines"})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- app.Run(ctx) }()
		synctest.Wait() // until the jobs have nothing more to do
		before := time.Now()
		i, err := app.Orgs.StartImport(t.Context(), actor, o.Slug, orgs.NewImport{File: strings.NewReader("b@example.com\nc@example.com")})
		require.NoError(t, err)
		require.Equal(t, 2, i.Waiting, "and the answer does not wait for it")
		synctest.Wait()
		i, _, err = app.Orgs.ImportReport(t.Context(), actor, o.Slug, i.ID, orgs.RowQuery{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, 2, i.Invited)
		require.Equal(t, before, time.Now())
		stop()
		require.NoError(t, <-ended)
	})
}

type unsent struct{}

func (unsent) SendMail(context.Context, mail.Message) error { return nil }
