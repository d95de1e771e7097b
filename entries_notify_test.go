package settings_test

import (
	"encoding/base64"
	"slices"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/notify"
)

const inNotify = "notify: (*Service)."

// unsubscribeToken is what a mail of a category to this person carries; category is
// its number.
func (h *human) unsubscribeToken(category byte) string {
	head := append(h.id[:], category)
	sum := h.w.ring.MAC("notify.unsubscribe", append(slices.Clone(head), h.email...))
	return h.w.secret(base64.RawURLEncoding.EncodeToString(append(head, sum[:]...)))
}

var notifyDeeds = []deed{
	{method: inNotify + "SetPreferences", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, on, off := w.firm().owner, true, false
		a := h.actor()
		return func() error {
				_, err := w.app.Notify.SetPreferences(w.t.Context(), a, notify.Patch{WeeklyDigest: &off, PlanLimitWarnings: &off, ProductUpdates: &on, RetentionNudges: &on})
				return err
			}, leaving(h.by(a, notify.ActionPreferencesChanged,
				changed("weekly_digest", "on_by_default", "off"), changed("plan_limit_warnings", "on_by_default", "off"),
				changed("product_updates", "off_by_default", "on"), changed("retention_nudges", "off_by_default", "on")))
	}},
	{method: inNotify + "PlanLimitCrossed", silent: "a letter about what billing has seen", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		return func() error {
			return w.app.Notify.PlanLimitCrossed(w.t.Context(), audit.System("billing"), notify.LimitCrossed{Org: o.ID, Metric: "runs", Percent: 80, Used: 8, Limit: 10, Cycle: "2026-11"})
		}, silence
	}},
	{method: inNotify + "BillingFailed", silent: "a letter about what billing was told", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		return func() error {
			return w.app.Notify.BillingFailed(w.t.Context(), audit.System("billing"), notify.PaymentFailed{Org: o.ID, Invoice: "2026-0042", Amount: "49.00"})
		}, silence
	}},
	{method: inNotify + "Purge", silent: "a job: notices of long ago", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Notify.Purge(w.t.Context()) }, silence
	}},
	unsubscribing(1, changed("weekly_digest", "on_by_default", "off")),
	unsubscribing(2, changed("plan_limit_warnings", "on_by_default", "off")),
	unsubscribing(3, changed("product_updates", "off_by_default", "off")),
	unsubscribing(4, changed("retention_nudges", "on_by_default", "off")),
}

func unsubscribing(category byte, change audit.Change) deed {
	return deed{method: inNotify + "Unsubscribe", when: change.Field, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a, token := h.actor(), h.unsubscribeToken(category)
		return func() error {
			_, err := w.app.Notify.Unsubscribe(w.t.Context(), a, token)
			return err
		}, leaving(h.by(asNobody(a), notify.ActionUnsubscribed, change))
	}}
}
