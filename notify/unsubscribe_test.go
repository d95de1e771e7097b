package notify_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/notify"
)

func (w *world) enabled(u notify.Person, c notify.Category) bool {
	w.Helper()
	all, err := w.s.Preferences(w.Context(), as(u))
	require.NoError(w, err)
	return all.Of(c).Enabled
}

// PREF-01: twice is as good as once, looking changes nothing, and it is done before
// the answer.
func TestUnsubscribe(t *testing.T) {
	for _, c := range notify.Categories() {
		w := newWorld(t)
		ada := w.person("ada", "UTC", true)
		_, err := w.s.SetPreferences(t.Context(), as(ada), notify.Patch{WeeklyDigest: yes(), PlanLimitWarnings: yes(), ProductUpdates: yes(), RetentionNudges: yes()})
		require.NoError(t, err)
		token := w.s.Token(ada, c)
		for range 3 {
			got, err := w.s.Unsubscription(t.Context(), audit.Actor{}, token)
			require.NoError(t, err)
			require.Equal(t, c, got)
			require.True(t, w.enabled(ada, c), "asking changes nothing")
		}
		for range 2 {
			got, err := w.s.Unsubscribe(t.Context(), audit.Actor{RequestID: "one-click"}, token)
			require.NoError(t, err)
			require.Equal(t, c, got)
			require.False(t, w.enabled(ada, c))
		}
		for _, other := range notify.Categories() {
			require.Equal(t, other != c, w.enabled(ada, other), "%s leaves %s", c, other)
		}
		history := w.history(ada)
		require.Len(t, history, 2, "the second time is no event")
		require.Equal(t, notify.ActionUnsubscribed, history[0].Action)
		require.Equal(t, []audit.Change{{Field: string(c), Before: "on", After: "off"}}, history[0].Changes)
		require.Equal(t, audit.KindAnonymous, history[0].ActorKind)
		require.Equal(t, "one-click", history[0].RequestID)
	}
}

// A warning about a paid plan was mailed, and then the plan was canceled: what the
// link says holds once there is something to decide again.
func TestUnsubscribeFromWhatThePlanDecides(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC", false)
	for range 2 {
		_, err := w.s.Unsubscribe(t.Context(), audit.Actor{}, w.s.Token(ada, notify.PlanLimitWarnings))
		require.NoError(t, err)
	}
	require.True(t, w.enabled(ada, notify.PlanLimitWarnings))
	require.Len(t, w.history(ada), 1)
	w.orgs[ada.ID][0].Paid = true
	require.False(t, w.enabled(ada, notify.PlanLimitWarnings))
}

// PREF-02: whatever is changed about a token, it is no token; and it is good for
// nothing else.
func TestUnsubscribeTokenCannotBeAltered(t *testing.T) {
	w := newWorld(t)
	ada, eve := w.person("ada", "UTC"), w.person("eve", "UTC")
	token := w.s.Token(ada, notify.WeeklyDigest)
	raw, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	bad := []string{"", "x", token + "A", token + "=", token + "\n", token[:len(token)-1], " " + token, token[1:] + token[:1]}
	for i := range raw { // one bit of everything: the person, the category, the MAC
		other := slices.Clone(raw)
		other[i] ^= 1
		bad = append(bad, base64.RawURLEncoding.EncodeToString(other))
	}
	for _, c := range notify.Categories()[1:] { // the category of another, under this MAC
		raw, err := base64.RawURLEncoding.DecodeString(w.s.Token(ada, c))
		require.NoError(t, err)
		swapped, _ := base64.RawURLEncoding.DecodeString(token)
		swapped[16] = raw[16]
		bad = append(bad, base64.RawURLEncoding.EncodeToString(swapped))
	}
	theirs, err := base64.RawURLEncoding.DecodeString(w.s.Token(eve, notify.WeeklyDigest))
	require.NoError(t, err)
	bad = append(bad, base64.RawURLEncoding.EncodeToString(append(slices.Clone(raw[:17]), theirs[17:]...)))
	for _, b := range bad {
		_, err := w.s.Unsubscription(t.Context(), audit.Actor{}, b)
		require.ErrorIs(t, err, notify.ErrLink, "%q", b)
		_, err = w.s.Unsubscribe(t.Context(), audit.Actor{}, b)
		require.ErrorIs(t, err, notify.ErrLink, "%q", b)
	}
	for _, u := range []notify.Person{ada, eve} {
		require.Empty(t, w.history(u))
		require.True(t, w.enabled(u, notify.WeeklyDigest))
	}
	other, err := notify.New(notify.Config{
		Store: w.store.Notify(), Sealer: w.ring, Directory: w, Limiter: open{}, Now: func() time.Time { return w.now },
		MAC: func(purpose string, data []byte) [32]byte { return w.ring.MAC("other."+purpose, data) },
	})
	require.NoError(t, err)
	_, err = w.s.Unsubscribe(t.Context(), audit.Actor{}, other.Token(ada, notify.WeeklyDigest))
	require.ErrorIs(t, err, notify.ErrLink, "of another key or purpose")
}

// PREF-05: a link is about a person at an address.
func TestUnsubscribeLinkOfAFormerAddress(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada", "UTC")
	token := w.s.Token(ada, notify.WeeklyDigest)
	move := func(to string) {
		require.NoError(t, w.store.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
			return tx.ChangeEmail(ctx, ada.ID, to, to, w.now, time.Time{})
		}))
	}
	move("ada@new.example")
	_, err := w.s.Unsubscribe(t.Context(), audit.Actor{}, token)
	require.ErrorIs(t, err, notify.ErrLink)
	again := w.person("ada", "UTC") // somebody else has the address now
	_, err = w.s.Unsubscribe(t.Context(), audit.Actor{}, token)
	require.ErrorIs(t, err, notify.ErrLink)
	require.True(t, w.enabled(again, notify.WeeklyDigest))
	require.True(t, w.enabled(ada, notify.WeeklyDigest))
}

// PREF-06: one network cannot try for ever, and is told when to come back.
func TestUnsubscribeIsLimited(t *testing.T) {
	l := &empty{}
	w := newWorld(t, func(c *notify.Config) { c.Limiter = l })
	ada := w.person("ada", "UTC")
	for _, token := range []string{"x", w.s.Token(ada, notify.WeeklyDigest)} {
		_, err := w.s.Unsubscribe(t.Context(), audit.Actor{}, token)
		require.ErrorIs(t, err, notify.ErrRateLimited)
		require.Equal(t, time.Minute, fault.RetryAfter(err))
	}
	l.err = errors.New("no limiter")
	_, err := w.s.Unsubscribe(t.Context(), audit.Actor{}, w.s.Token(ada, notify.WeeklyDigest))
	require.ErrorIs(t, err, fault.Unavailable)
	require.True(t, w.enabled(ada, notify.WeeklyDigest))
}

// empty is a limiter whose buckets are.
type empty struct{ err error }

func (e *empty) Take(context.Context, string, int, time.Duration) (time.Duration, error) {
	return time.Minute, e.err
}
