package notify_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
)

var billing = audit.System("billing")

func crossed(org id.Org, percent int) notify.LimitCrossed {
	return notify.LimitCrossed{Org: org, Metric: "runs", Label: "Test runs", Percent: percent, Used: 800, Limit: 1000, Cycle: "2026-03"}
}

func opened[L mail.Letter](w *world, e mail.Envelope) L {
	w.Helper()
	var l L
	require.Equal(w, l.Kind(), e.Kind)
	raw, err := e.Open(w.ring)
	require.NoError(w, err)
	require.NoError(w, json.Unmarshal(raw, &l))
	return l
}

func TestPlanLimitWarningsAreSentOnce(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "Asia/Tokyo", true)
	org := w.orgs[ada.ID][0].ID
	var wait sync.WaitGroup
	for range 8 { // several nodes see the same
		wait.Go(func() {
			for _, percent := range []int{80, 100} {
				if err := w.s.PlanLimitCrossed(t.Context(), billing, crossed(org, percent)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	letters := w.letters()
	require.Len(t, letters, 2)
	for _, e := range letters {
		l := opened[notify.PlanLimitLetter](w, e)
		require.Equal(t, "Test runs", l.Metric)
		require.Equal(t, ada.Email, e.To.Address)
		require.Equal(t, "Asia/Tokyo", e.To.Timezone)
		_, err := w.s.Unsubscription(t.Context(), audit.Actor{}, l.Unsubscribe)
		require.NoError(t, err)
	}
	next := crossed(org, 80)
	next.Cycle = "2026-04"
	require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, next))
	require.Len(t, w.letters(), 1, "another cycle")
}

// About a paid organization the preference decides; about a free one it does not.
func TestPlanLimitWarningsAndPreferences(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true, false)
	_, err := w.s.SetPreferences(t.Context(), as(ada), notify.Patch{PlanLimitWarnings: no()})
	require.NoError(t, err)
	paid, free := w.orgs[ada.ID][0].ID, w.orgs[ada.ID][1].ID
	require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(paid, 80)))
	require.Empty(t, w.letters())
	require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(free, 80)))
	letters := w.letters()
	require.Len(t, letters, 1)
	require.Empty(t, opened[notify.PlanLimitLetter](w, letters[0]).Unsubscribe, "it cannot be switched off")
	_, err = w.s.SetPreferences(t.Context(), as(ada), notify.Patch{PlanLimitWarnings: yes()})
	require.NoError(t, err)
	require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(paid, 80)))
	require.Empty(t, w.letters(), "what was left out is not sent later in the cycle")
}

func TestBillingFailedCannotBeSwitchedOff(t *testing.T) {
	w := newWorld(t, func(c *notify.Config) { c.OptInOnly, c.PostalAddress = true, false })
	ada := w.person("ada", "UTC", true)
	_, err := w.s.SetPreferences(t.Context(), as(ada), notify.Patch{WeeklyDigest: no(), PlanLimitWarnings: no(), ProductUpdates: no(), RetentionNudges: no()})
	require.NoError(t, err)
	failed := notify.PaymentFailed{Org: w.orgs[ada.ID][0].ID, Invoice: "2026-0042", Amount: "49.00", RetryAt: w.now.Add(72 * time.Hour)}
	for range 3 {
		require.NoError(t, w.s.BillingFailed(t.Context(), billing, failed))
	}
	letters := w.letters()
	require.Len(t, letters, 1)
	require.Equal(t, "49.00", opened[notify.BillingFailedLetter](w, letters[0]).Amount)
	failed.Invoice = "2026-0043"
	require.NoError(t, w.s.BillingFailed(t.Context(), audit.Actor{Kind: audit.KindSupport}, failed))
	require.Len(t, w.letters(), 1)
}

func TestWarningsAreForTheProductItself(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true)
	org := w.orgs[ada.ID][0].ID
	for _, a := range []audit.Actor{{}, as(ada), {Kind: audit.KindToken}} {
		require.ErrorIs(t, w.s.PlanLimitCrossed(t.Context(), a, crossed(org, 80)), notify.ErrStaffOnly)
		require.ErrorIs(t, w.s.BillingFailed(t.Context(), a, notify.PaymentFailed{Org: org, Invoice: "1"}), notify.ErrStaffOnly)
	}
	for _, change := range []func(*notify.LimitCrossed){
		func(l *notify.LimitCrossed) { l.Metric = "" }, func(l *notify.LimitCrossed) { l.Metric = "Runs!" }, func(l *notify.LimitCrossed) { l.Metric = strings.Repeat("x", 65) },
		func(l *notify.LimitCrossed) { l.Percent = 90 }, func(l *notify.LimitCrossed) { l.Cycle = "" }, func(l *notify.LimitCrossed) { l.Cycle = strings.Repeat("x", 65) },
	} {
		l := crossed(org, 80)
		change(&l)
		require.ErrorIs(t, w.s.PlanLimitCrossed(t.Context(), billing, l), fault.Invalid)
	}
	require.ErrorIs(t, w.s.BillingFailed(t.Context(), billing, notify.PaymentFailed{Org: org}), fault.Invalid)
	require.ErrorIs(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(id.NewOrg(), 80)), notify.ErrOrgNotFound)
	require.Empty(t, w.letters())
}

// The Owner has left meanwhile: nobody is written to, and nothing fails.
func TestWarningsWithoutAnOwner(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true)
	w.orgs[ada.ID][0].Owner = id.NewUser()
	require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(w.orgs[ada.ID][0].ID, 80)))
	require.Empty(t, w.letters())
}

func TestNoticesAreForgottenAfterAYear(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", true)
	org := w.orgs[ada.ID][0].ID
	send := func() int {
		require.NoError(t, w.s.PlanLimitCrossed(t.Context(), billing, crossed(org, 80)))
		require.NoError(t, w.s.Purge(t.Context()))
		return len(w.letters())
	}
	require.Equal(t, 1, send())
	w.now = w.now.Add(400 * 24 * time.Hour)
	require.Equal(t, 0, send())
	w.now = w.now.Add(time.Microsecond)
	require.Equal(t, 0, send(), "forgotten after this one")
	require.Equal(t, 1, send())
}
