package settings_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// onBoth runs a test on both databases.
func onBoth(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newWorld(t, dbtest.SQLite(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, newWorld(t, dbtest.Postgres(t))) })
}

const month = 30 * 24 * time.Hour

// founds makes an organization of h.
func (h *human) founds() orgs.OrgView {
	h.w.t.Helper()
	v, err := h.w.app.Orgs.Create(h.w.t.Context(), h.actor(), orgs.NewOrg{Name: "Engines of " + h.name})
	require.NoError(h.w.t, err)
	return v
}

// joins makes h a member, without an invitation.
func (h *human) joins(v orgs.OrgView, role orgs.Role) {
	h.w.t.Helper()
	require.NoError(h.w.t, h.w.db.Orgs().Update(h.w.t.Context(), func(ctx context.Context, tx orgs.Tx) error {
		return tx.InsertMember(ctx, orgs.Membership{Org: v.ID, User: h.id, Role: role, JoinedAt: h.w.now()})
	}))
}

// leaves deletes the account.
func (h *human) leaves() time.Time {
	h.w.t.Helper()
	at, err := h.w.flows.DeleteAccount(h.w.t.Context(), h.actor(), h.email)
	require.NoError(h.w.t, err)
	return at
}

// returning signs in to a deleted account.
func (h *human) returning() audit.Actor {
	h.w.t.Helper()
	out, err := h.w.app.Security.SignIn(h.w.t.Context(), h.w.from(), h.byPassword())
	require.NoError(h.w.t, err)
	require.Equal(h.w.t, security.StatusDeleted, out.Status)
	h.token = h.w.secret(out.Token.Reveal())
	return h.actor()
}

func TestDeletingAnAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, grace := w.human(), w.human()
		team := grace.founds()
		ada.joins(team, orgs.Admin)
		own := ada.founds()

		_, err := w.flows.DeleteAccount(ctx, ada.actor(), grace.email)
		require.Equal(t, "mismatch", fieldCode(err, "confirm"))
		d, err := w.flows.Deletion(ctx, ada.actor())
		require.NoError(t, err)
		require.Len(t, d.Blockers, 1)
		require.Equal(t, own.ID, d.Blockers[0].Org.ID)
		_, err = w.flows.DeleteAccount(ctx, ada.actor(), ada.email)
		require.ErrorIs(t, err, orgs.ErrSoleOwner)

		_, err = w.app.Orgs.Delete(ctx, ada.actor(), own.ID.String(), own.Slug)
		require.NoError(t, err)
		before := ada.actor()
		at := ada.leaves()
		require.Equal(t, w.now().Add(month), at)

		// Nobody, everywhere.
		_, err = w.app.Security.Authenticate(ctx, ada.token)
		require.ErrorIs(t, err, audit.ErrUnauthenticated)
		_, err = w.flows.DeleteAccount(ctx, before, ada.email)
		require.ErrorIs(t, err, audit.ErrUnauthenticated)
		_, err = w.app.Orgs.Get(ctx, before, team.ID.String())
		require.ErrorIs(t, err, orgs.ErrOrgNotFound)
		list, err := w.app.Orgs.Members(ctx, grace.actor(), team.ID.String(), "", "", 50)
		require.NoError(t, err)
		require.Len(t, list.Items, 1)
		seats, err := w.db.Orgs().Seats(ctx, team.ID, w.now())
		require.NoError(t, err)
		require.Equal(t, 1, seats)
		require.ErrorIs(t, w.app.Orgs.TransferOwnership(ctx, grace.actor(), team.ID.String(), ada.id, team.Slug), orgs.ErrNotMember)
		w.app.Deliver()
		w.app.Mail.Last(ada.email, "account.deleted")

		// The address stays reserved.
		require.NoError(t, w.app.Accounts.StartSignUp(ctx, w.from(), ada.email, "en"))
		_, err = w.app.Accounts.CreateFromSignUp(ctx, w.from(), accounts.NewUser{Token: w.link(ada.email, "account.sign_up"), Name: "Mallory", Timezone: "UTC", Locale: "en"})
		require.ErrorIs(t, err, accounts.ErrEmailTaken)

		// A wrong password is told as to everybody; the right one is good for one thing.
		_, err = w.app.Security.SignIn(ctx, w.from(), security.SignIn{Email: ada.email, Password: "wrong horse 42"})
		require.ErrorIs(t, err, security.ErrInvalidCredentials)
		back := ada.returning()
		require.Equal(t, audit.RestoreOnly, back.Limited)
		_, err = w.app.Accounts.Me(ctx, back)
		require.ErrorIs(t, err, audit.ErrAccountDeleted)
		require.NoError(t, w.flows.RestoreAccount(ctx, back, ada.id))

		v, err := w.app.Orgs.Get(ctx, ada.actor(), team.ID.String())
		require.NoError(t, err)
		require.Equal(t, orgs.Admin, v.Membership.Role)
		require.NoError(t, w.app.Orgs.Restore(ctx, ada.actor(), own.ID.String()), "the Owner of what was deleted before")
		w.app.Deliver()
		w.app.Mail.Last(ada.email, "account.restored")
		require.ErrorIs(t, w.flows.RestoreAccount(ctx, ada.actor(), ada.id), accounts.ErrNotDeleted)
	})
}

func fieldCode(err error, name string) string {
	var fields fault.Fields
	_ = errors.As(err, &fields)
	for _, f := range fields {
		if f.Name == name {
			return f.Code
		}
	}
	return ""
}

// With two factors both are asked for, and a restored session is an ordinary one.
func TestRestoringAsksForAllFactors(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada := w.human().twoFactor()
		ada.leaves()
		half, err := w.app.Security.SignIn(ctx, w.from(), ada.byPassword())
		require.NoError(t, err)
		require.Equal(t, security.StatusSecondFactor, half.Status)
		out, err := w.app.Security.SecondFactor(ctx, w.from(), ada.second(half, audit.TOTP, ada.code()))
		require.NoError(t, err)
		require.Equal(t, security.StatusDeleted, out.Status)
		ada.token = w.secret(out.Token.Reveal())
		require.NoError(t, w.flows.RestoreAccount(ctx, ada.actor(), ada.id))
		require.Empty(t, ada.actor().Limited)
		require.NoError(t, err)
	})
}

// A seat that was taken meanwhile is taken: the membership ends.
func TestRestoringWithoutASeat(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		plan, ok := orgs.FixedPlan("free") // one seat
		require.True(t, ok)
		small := settingstest.Start(t, settings.Config{Store: w.ledger, Limiter: wide{}, Entitlements: plan})
		ada, grace := w.human(), w.human()
		team := grace.founds()
		ada.joins(team, orgs.Member)
		ada.leaves()
		back := ada.returning()
		w.flows.Orgs = small.Orgs
		require.NoError(t, w.flows.RestoreAccount(ctx, back, ada.id))
		_, err := w.app.Orgs.Get(ctx, ada.actor(), team.ID.String())
		require.ErrorIs(t, err, orgs.ErrOrgNotFound)
		left, err := w.db.Orgs().MembershipsOf(ctx, ada.id)
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// Whom somebody suspended for another reason stays suspended.
func TestRestoringBringsNothingElseBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, grace := w.human(), w.human()
		team := grace.founds()
		ada.joins(team, orgs.Member)
		require.NoError(t, w.app.Orgs.SuspendMember(ctx, audit.System("test"), team.ID, ada.id))
		first := ada.token
		ada.leaves()
		require.NoError(t, w.flows.RestoreAccount(ctx, ada.returning(), ada.id))
		_, err := w.app.Orgs.Get(ctx, ada.actor(), team.ID.String())
		require.ErrorIs(t, err, orgs.ErrOrgNotFound)
		_, err = w.app.Security.Authenticate(ctx, first)
		require.ErrorIs(t, err, audit.ErrUnauthenticated)
	})
}

// The host's staff can restore, which is in the person's history, and hand over.
func TestSupportRestoresAndHandsOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ada, grace := w.human(), w.human()
		team := grace.founds()
		ada.joins(team, orgs.Member)
		ada.leaves()
		staff := support
		require.NoError(t, w.app.RestoreAccount(ctx, staff, ada.id))
		require.ErrorIs(t, w.app.RestoreAccount(ctx, staff, ada.id), accounts.ErrNotDeleted)
		ada.signIn()
		require.NoError(t, w.app.Orgs.MoveOwnership(ctx, staff, team.ID, ada.id))
		require.ErrorIs(t, w.app.Orgs.MoveOwnership(ctx, ada.actor(), team.ID, grace.id), orgs.ErrForbidden)
		o, err := w.db.Orgs().Org(ctx, team.ID)
		require.NoError(t, err)
		require.Equal(t, ada.id, o.Owner)
	})
}

// Over HTTP: what a session that can only restore reaches, and what it does not.
func TestRestoreOnlyOverHTTP(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	ada := w.human()
	c := w.app.Client()
	in := func() settingstest.Response {
		return c.API("POST", "/auth/sign-in", map[string]any{"email": ada.email, "password": settingstest.Password})
	}
	require.Equal(t, http.StatusOK, in().Status)
	var plan struct {
		Blockers []any    `json:"blockers"`
		Effects  []string `json:"effects"`
		PurgeAt  string   `json:"purge_at"`
	}
	c.API("GET", "/account/deletion", nil).JSON(t, &plan)
	require.Empty(t, plan.Blockers)
	require.Len(t, plan.Effects, 4)
	require.Equal(t, http.StatusUnprocessableEntity, c.API("POST", "/account/deletion", map[string]any{"confirm": "x"}).Status)
	require.Equal(t, http.StatusAccepted, c.API("POST", "/account/deletion", map[string]any{"confirm": ada.email}).Status)
	require.Equal(t, http.StatusUnauthorized, c.API("GET", "/account", nil).Status)

	var out struct {
		Status     string    `json:"status"`
		Restorable time.Time `json:"restorable_until"`
		User       any       `json:"user"`
	}
	in().JSON(t, &out)
	require.Equal(t, "account_deleted", out.Status)
	require.False(t, out.Restorable.IsZero())
	require.Nil(t, out.User)
	for _, path := range []string{"/account", "/account/sessions", "/account/organizations", "/account/deletion", "/account/second-factor"} {
		require.Equal(t, http.StatusForbidden, c.API("GET", path, nil).Status, path)
	}
	page := c.Get("/settings/profile")
	require.Equal(t, http.StatusSeeOther, page.Status)
	require.Equal(t, "/restore", page.Header.Get("Location"))
	require.Contains(t, string(c.Get("/restore").Body), "Restore my account")
	require.Equal(t, http.StatusNoContent, c.API("POST", "/auth/restore", nil).Status)
	require.Equal(t, http.StatusOK, c.API("GET", "/account", nil).Status)
	require.Equal(t, http.StatusConflict, c.API("POST", "/auth/restore", nil).Status)
}

// support is the host's staff.
var support = audit.Actor{Kind: audit.KindSupport, Name: "Desk"}
