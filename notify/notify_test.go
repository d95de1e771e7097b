package notify_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/secretbox"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// world is the service over a store in memory, and organizations as a test has them.
type world struct {
	*testing.T
	store *memstore.Store
	ring  *secretbox.Ring
	s     *notify.Service
	now   time.Time
	orgs  map[id.User][]notify.Organization
	count int
}

func newWorld(t *testing.T, change ...func(*notify.Config)) *world {
	t.Helper()
	w := &world{T: t, store: memstore.New(), now: time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC), orgs: map[id.User][]notify.Organization{}}
	var err error
	w.ring, err = secretbox.New("k", map[string][]byte{"k": []byte(strings.Repeat("k", 32))}, []byte(strings.Repeat("m", 32)))
	require.NoError(t, err)
	c := notify.Config{
		Store: w.store.Notify(), Sealer: w.ring, MAC: w.ring.MAC, Directory: w, Limiter: open{}, PostalAddress: true,
		Now: func() time.Time { return w.now },
	}
	for _, f := range change {
		f(&c)
	}
	w.s, err = notify.New(c)
	require.NoError(t, err)
	return w
}

// open is a limiter that lets everything through.
type open struct{}

func (open) Take(context.Context, string, int, time.Duration) (time.Duration, error) { return 0, nil }

func (w *world) Organizations(_ context.Context, user id.User) ([]notify.Organization, error) {
	return w.orgs[user], nil
}

func (w *world) Organization(_ context.Context, org id.Org) (notify.Organization, error) {
	for _, all := range w.orgs {
		for _, o := range all {
			if o.ID == org {
				return o, nil
			}
		}
	}
	return notify.Organization{}, notify.ErrOrgNotFound
}

// person stores somebody, in organizations that are on paid plans or not.
func (w *world) person(name, zone string, paid ...bool) notify.Person {
	w.Helper()
	w.count++
	u := accounts.User{
		ID: id.NewUser(), Name: strings.ToUpper(name[:1]) + name[1:], Email: name + "@example.com", EmailKey: name + "@example.com",
		Timezone: zone, Locale: "en", AvatarKey: name, CreatedAt: w.now, UpdatedAt: w.now,
	}
	require.NoError(w, w.store.Accounts().Update(w.Context(), func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, u) }))
	for _, p := range paid {
		w.orgs[u.ID] = append(w.orgs[u.ID], notify.Organization{ID: id.NewOrg(), Slug: "engines", Name: "Engines", Owner: u.ID, Paid: p})
	}
	p, err := w.store.Notify().Person(w.Context(), u.ID)
	require.NoError(w, err)
	return p
}

func as(u notify.Person) audit.Actor {
	return audit.Actor{Kind: audit.KindUser, User: u.ID, Name: u.Name}
}

func (w *world) history(u notify.Person) []audit.Entry {
	w.Helper()
	all, err := w.store.Audit().Entries(w.Context(), u.ID, id.Entry{}, 100)
	require.NoError(w, err)
	return all
}

// letters takes what is in the outbox, the oldest first.
func (w *world) letters() []mail.Envelope {
	w.Helper()
	var out []mail.Envelope
	for {
		batch, err := w.store.Mail().ClaimMail(w.Context(), w.now, time.Minute, 100)
		require.NoError(w, err)
		if len(batch) == 0 {
			break
		}
		for _, e := range batch {
			require.NoError(w, w.store.Mail().MailSent(w.Context(), e.ID, w.now))
		}
		out = append(out, batch...)
	}
	slices.SortStableFunc(out, func(a, b mail.Envelope) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out
}

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

func TestNewNamesEveryMissingField(t *testing.T) {
	_, err := notify.New(notify.Config{})
	for _, field := range []string{"Store", "Sealer", "Directory", "Limiter", "MAC"} {
		require.ErrorContains(t, err, "Config."+field+" is required")
	}
}

// The table of the requirements: plans, defaults, locks.
func TestPreferencesFollowThePlan(t *testing.T) {
	type want struct{ digest, limits, news, nudges string }
	for name, c := range map[string]struct {
		paid  []bool
		optIn bool
		want  want
	}{
		"no organization":       {nil, false, want{"on", "on locked", "off", "on"}},
		"free":                  {[]bool{false}, false, want{"on", "on locked", "off", "on"}},
		"paid":                  {[]bool{true}, false, want{"on", "on", "off", "off"}},
		"free and paid":         {[]bool{false, true}, false, want{"on", "on", "off", "off"}},
		"free, opt-in only":     {[]bool{false}, true, want{"off", "on locked", "off", "off"}},
		"paid, opt-in only":     {[]bool{true}, true, want{"off", "on", "off", "off"}},
		"nothing, opt-in only ": {nil, true, want{"off", "on locked", "off", "off"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(n *notify.Config) { n.OptInOnly = c.optIn })
			ada := w.person("ada", "UTC", c.paid...)
			all, err := w.s.Preferences(t.Context(), as(ada))
			require.NoError(t, err)
			require.Len(t, all, 4)
			say := func(category notify.Category) string {
				p := all.Of(category)
				require.True(t, p.Default == p.Enabled, "nothing is chosen")
				out := map[bool]string{true: "on", false: "off"}[p.Enabled]
				if p.Locked {
					out += " locked"
				}
				return out
			}
			require.Equal(t, c.want, want{say(notify.WeeklyDigest), say(notify.PlanLimitWarnings), say(notify.ProductUpdates), say(notify.RetentionNudges)})
		})
	}
}

func TestAnExplicitChoiceOutlivesThePlan(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true)
	all, err := w.s.SetPreferences(t.Context(), as(ada), notify.Patch{RetentionNudges: yes(), PlanLimitWarnings: no(), WeeklyDigest: yes()})
	require.NoError(t, err)
	require.True(t, all.Of(notify.RetentionNudges).Enabled)
	require.False(t, all.Of(notify.RetentionNudges).Default)
	require.False(t, all.Of(notify.PlanLimitWarnings).Enabled)

	w.orgs[ada.ID][0].Paid = false // canceled
	all, err = w.s.Preferences(t.Context(), as(ada))
	require.NoError(t, err)
	require.True(t, all.Of(notify.RetentionNudges).Enabled)
	limits := all.Of(notify.PlanLimitWarnings)
	require.True(t, limits.Enabled && limits.Locked, "about a free organization they are always sent")

	w.orgs[ada.ID][0].Paid = true // and back
	all, err = w.s.Preferences(t.Context(), as(ada))
	require.NoError(t, err)
	require.False(t, all.Of(notify.PlanLimitWarnings).Enabled, "what was chosen holds again")
}

func TestLockedByPlan(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", false)
	_, err := w.s.SetPreferences(t.Context(), as(ada), notify.Patch{WeeklyDigest: no(), PlanLimitWarnings: no()})
	require.ErrorIs(t, err, notify.ErrLocked)
	all, err := w.s.Preferences(t.Context(), as(ada))
	require.NoError(t, err)
	require.True(t, all.Of(notify.WeeklyDigest).Enabled, "nothing of it is stored")
	require.Empty(t, w.history(ada))
	_, err = w.s.SetPreferences(t.Context(), as(ada), notify.Patch{PlanLimitWarnings: yes()})
	require.NoError(t, err, "what holds can be said")
	require.Empty(t, w.history(ada))
}

// The trail of consent: what held before, by whose decision, and what holds since.
func TestEveryChoiceIsInTheHistory(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true)
	for _, step := range []struct {
		patch notify.Patch
		want  []audit.Change
	}{
		{notify.Patch{ProductUpdates: yes()}, []audit.Change{{Field: "product_updates", Before: "off_by_default", After: "on"}}},
		{notify.Patch{ProductUpdates: yes()}, nil},
		{notify.Patch{WeeklyDigest: yes()}, []audit.Change{{Field: "weekly_digest", Before: "on_by_default", After: "on"}}},
		{notify.Patch{WeeklyDigest: no(), ProductUpdates: no()}, []audit.Change{{Field: "weekly_digest", Before: "on", After: "off"}, {Field: "product_updates", Before: "on", After: "off"}}},
		{notify.Patch{}, nil},
	} {
		before := len(w.history(ada))
		w.now = w.now.Add(time.Minute)
		_, err := w.s.SetPreferences(t.Context(), as(ada), step.patch)
		require.NoError(t, err)
		history := w.history(ada)
		if step.want == nil {
			require.Len(t, history, before)
			continue
		}
		require.Len(t, history, before+1)
		require.Equal(t, notify.ActionPreferencesChanged, history[0].Action)
		require.Equal(t, step.want, history[0].Changes)
		require.Equal(t, ada.ID, history[0].ActorID)
		require.Equal(t, w.now, history[0].At)
	}
}

func TestNobodyAndTokensHaveNoPreferences(t *testing.T) {
	w := newWorld(t)
	for _, a := range []audit.Actor{{}, {Kind: audit.KindToken, User: w.person("ada", "UTC").ID}, audit.System("x")} {
		_, err := w.s.Preferences(t.Context(), a)
		require.ErrorIs(t, err, audit.ErrUnauthenticated)
		_, err = w.s.SetPreferences(t.Context(), a, notify.Patch{WeeklyDigest: no()})
		require.ErrorIs(t, err, audit.ErrUnauthenticated)
	}
}

func TestDefaultsAreWhatIsSent(t *testing.T) {
	source := func(c *notify.Config) { c.Digest = quiet{} }
	require.Equal(t, []notify.Category{notify.WeeklyDigest, notify.RetentionNudges}, newWorld(t, source).s.Defaults())
	require.Equal(t, []notify.Category{notify.RetentionNudges}, newWorld(t).s.Defaults(), "no host tells of the week")
	require.Empty(t, newWorld(t, source, func(c *notify.Config) { c.OptInOnly = true }).s.Defaults())
	require.Empty(t, newWorld(t, source, func(c *notify.Config) { c.PostalAddress = false }).s.Defaults())
}

// quiet is a host where nothing happens.
type quiet struct{}

func (quiet) Digest(context.Context, id.User, []notify.Organization, time.Time, time.Time) (notify.Digest, error) {
	return notify.Digest{}, nil
}
