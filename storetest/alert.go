package storetest

import (
	"context"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func alertTests() []check {
	return []check{
		{"InsertAlert/EveryFieldIsReadAsWritten", alertRoundTrip},
		{"InsertAlert/LeavesEarlierOnes", alertEarlier},
		{"AlertByHash/DoesNotSpend", alertByHash},
		{"SpendAlert/WorksOnce", spendAlert},
		{"SpendAlert/UnknownIsErrLinkGone", spendAlertUnknown},
		{"SpendAlert/GoneExactlyAtExpiry", spendAlertExpiry},
		{"SpendAlert/OutlivesTheCredential", spendAlertOutlives},
		{"SpendAlert/UnspentIfRolledBack", spendAlertRolledBack},
		{"SpendAlert/OneWinnerOf16", spendAlertRace},
		{"PurgeFactors/RemovesExpiredAlerts", purgeAlerts},
	}
}

// newAlert returns a link for a week about a sign-in at a time.
func newAlert(user id.User, name string, at time.Time) security.Alert {
	return security.Alert{Hash: hashOf(name), User: user, SignedInAt: at, ExpiresAt: at.Add(7 * day)}
}

func (w *world) alert(a security.Alert) security.Alert {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertAlert(ctx, a) })
	return a
}

func (w *world) spendAlert(hash security.Hash, now time.Time) (security.Alert, error) {
	return securityGet(w, func(ctx context.Context, tx security.Tx) (security.Alert, error) {
		return tx.SpendAlert(ctx, hash, now)
	})
}

func (w *world) alertGone(what string, hash security.Hash, now time.Time) {
	w.Helper()
	_, err := w.s.Security().AlertByHash(w.ctx, hash, now)
	w.refused("AlertByHash of "+what, err, security.ErrLinkGone)
	_, err = w.spendAlert(hash, now)
	w.refused("SpendAlert of "+what, err, security.ErrLinkGone)
}

func (w *world) alertWorks(a security.Alert, now time.Time) {
	w.Helper()
	got, err := w.s.Security().AlertByHash(w.ctx, a.Hash, now)
	w.must(err)
	w.same("AlertByHash", got, a)
	got, err = w.spendAlert(a.Hash, now)
	w.must(err)
	w.same("SpendAlert", got, a)
}

func alertRoundTrip(w *world) {
	ada := w.person("ada")
	for i, at := range moments() {
		a := newAlert(ada.ID, strconv.Itoa(i), at)
		a.ExpiresAt = at.Add(day + tick)
		w.alertWorks(w.alert(a), at)
	}
}

func alertEarlier(w *world) {
	ada := w.person("ada")
	first, second := w.alert(newAlert(ada.ID, "first", base)), w.alert(newAlert(ada.ID, "second", base.Add(time.Hour)))
	w.alertWorks(second, base.Add(time.Hour))
	w.alertWorks(first, base.Add(time.Hour))
}

func alertByHash(w *world) {
	a := w.alert(newAlert(w.person("ada").ID, "alert", base))
	for range 3 {
		got, err := w.s.Security().AlertByHash(w.ctx, a.Hash, base)
		w.must(err)
		w.same("AlertByHash", got, a)
	}
	w.alertWorks(a, base)
}

func spendAlert(w *world) {
	a := w.alert(newAlert(w.person("ada").ID, "alert", base))
	w.alertWorks(a, base)
	w.alertGone("a spent link", a.Hash, base)
}

func spendAlertUnknown(w *world) {
	a := w.alert(newAlert(w.person("ada").ID, "alert", base))
	for _, hash := range []security.Hash{hashOf("unknown"), {}} {
		w.alertGone("an unknown link", hash, base)
	}
	w.alertWorks(a, base)
}

func spendAlertExpiry(w *world) {
	a := w.alert(newAlert(w.person("ada").ID, "alert", base))
	for _, now := range []time.Time{a.ExpiresAt.Add(365 * day), a.ExpiresAt.Add(tick), a.ExpiresAt} {
		w.alertGone("an expired link", a.Hash, now)
	}
	w.alertWorks(a, a.ExpiresAt.Add(-tick))
}

// spendAlertOutlives: whoever has broken in may have changed the password since.
func spendAlertOutlives(w *world) {
	ada := w.person("ada")
	a := w.alert(newAlert(ada.ID, "alert", base))
	w.setPassword(ada.ID, "another", base)
	w.bump(ada.ID, id.Session{})
	w.alertWorks(a, base)
}

func spendAlertRolledBack(w *world) {
	a := w.alert(newAlert(w.person("ada").ID, "alert", base))
	w.undone(func(ctx context.Context, tx security.Tx) error {
		_, err := tx.SpendAlert(ctx, a.Hash, base)
		return err
	})
	w.alertWorks(a, base)
}

func spendAlertRace(w *world) {
	ada := w.person("ada")
	for round := range w.opts.rounds() {
		a := w.alert(newAlert(ada.ID, strconv.Itoa(round), base))
		w.oneWinner(w.race(func(int) error { _, err := w.spendAlert(a.Hash, base); return err }), security.ErrLinkGone)
	}
}

func purgeAlerts(w *world) {
	ada := w.person("ada")
	a, live := w.alert(newAlert(ada.ID, "alert", base)), w.alert(newAlert(ada.ID, "live", base.Add(time.Hour)))
	w.wantPurgedAfter(a.ExpiresAt, "a link")
	w.alertWorks(live, base.Add(time.Hour))
}
