package settings_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// Every route about an organization, for every kind of caller: a refusal for want
// of the role, of a second factor or of a fresh proof is one entry in the log of
// the organization. What only reads is none, nor what the plan does not include,
// nor what is not found: somebody outside leaves nothing.
func TestOrgRefusalsAreInTheLog(t *testing.T) {
	l := &ledger{Store: memstore.New()}
	m, plans := newMatrix(t, l)
	callers, _ := m.callers(plans)
	events := map[audit.Action]audit.Event{}
	for _, e := range flows.Events() {
		events[e.Action] = e
	}
	seen := map[audit.Action]map[string]bool{}
	for _, rt := range m.routes {
		for _, c := range callers {
			status, code, ok := rt.refusal(c)
			if ok {
				continue
			}
			bodies := []string{"{}"}
			if rt.media == "application/json" {
				bodies = append(bodies, `{"`)
			}
			for _, body := range bodies {
				n := l.len()
				r := rt.send(c.Client, rt.at(c.of.slug, c.of.things[rt.nested]), rt.media, body)
				require.Equal(t, status, r.Status)
				got := l.since(n)
				if rt.method == get || status == 404 || code == "unauthenticated" || code == "plan_required" {
					require.Empty(t, got, "%s: %s %s", c.name, rt.method, rt.path)
					continue
				}
				require.Len(t, got, 1, "%s: %s %s", c.name, rt.method, rt.path)
				e := got[0]
				require.Equal(t, audit.Refused, e.Outcome)
				require.Equal(t, code, e.Reason)
				require.Equal(t, c.of.id, e.Org.String())
				require.True(t, e.User.IsZero(), "it is in no history")
				require.Equal(t, audit.KindUser, e.ActorKind)
				require.NotEmpty(t, e.ActorName)
				require.Equal(t, r.Header.Get("X-Request-Id"), e.RequestID)
				require.Contains(t, []string{"org", events[e.Action].Target}, e.Target.Kind, e.Action)
				require.NotEmpty(t, e.Target.Name, "%s: %s %s", c.name, rt.method, rt.path)
				if e.Target.Kind != "org" {
					require.Equal(t, c.of.things[rt.nested], e.Target.ID)
				}
				if seen[e.Action] == nil {
					seen[e.Action] = map[string]bool{}
				}
				seen[e.Action][code] = true
			}
		}
	}
	require.Equal(t, map[string]bool{"forbidden": true, "second_factor_enrollment_required": true}, seen[orgs.ActionRoleChanged])
	require.Equal(t, map[string]bool{"forbidden": true, "reauthentication_required": true}, seen[orgs.ActionOrgDeleted])
	require.Greater(t, len(seen), 12)
}

// A member who keeps trying fills no log: ten entries at once for each action, and
// never more than twenty in an hour (AUD-11).
func TestOrgRefusalsAreBounded(t *testing.T) {
	l := &ledger{Store: memstore.New()}
	app := settingstest.Start(t, settings.Config{Store: l})
	a := newAcme(t, app)
	n := l.len()
	for range 30 {
		refused(t, a.member, patch, org, object{"name": "Mine"}, 403, "forbidden")
	}
	require.Len(t, l.since(n), 10)
	refused(t, a.member, post, org+"/delete", object{"confirm": "acme-inc"}, 403, "forbidden")
	refused(t, a.viewer, patch, org, object{"name": "Mine"}, 403, "forbidden")
	require.Len(t, l.since(n), 12, "of another action, and of another person")
	for range 60 {
		app.Clock.Advance(time.Minute)
		refused(t, a.member, patch, org, object{"name": "Mine"}, 403, "forbidden")
	}
	require.Len(t, l.since(n), 22)
	api(t, a.owner, patch, org, object{"name": "Ours"}, 200)
	require.Len(t, l.since(n), 23, "what is done is never left out")
}

// A form is refused and recorded as the API is; that a page asks for a fresh proof
// when it is looked at is not.
func TestRefusedFormsAreInTheLog(t *testing.T) {
	l := &ledger{Store: memstore.New()}
	app := settingstest.Start(t, settings.Config{Store: l})
	a := newAcme(t, app)
	n := l.len()
	require.Equal(t, 200, a.member.Get("/settings/orgs/acme-inc/general").Status)
	require.Equal(t, 403, a.member.Get("/settings/orgs/acme-inc/team").Status)
	require.Empty(t, l.since(n), "reading is not recorded")
	require.Equal(t, 403, a.member.Form("/settings/orgs/acme-inc/general/about", url.Values{"name": {"Mine"}, "slug": {"acme-inc"}}).Status)
	got := l.since(n)
	require.Len(t, got, 1)
	require.Equal(t, orgs.ActionOrgUpdated, got[0].Action)
	require.Equal(t, "forbidden", got[0].Reason)

	n = l.len()
	app.Clock.Advance(11 * time.Minute)
	require.Equal(t, 200, a.member.Get("/settings/profile").Status)
	require.Equal(t, 200, a.member.Get("/reauthenticate").Status)
	require.Empty(t, l.since(n))
	require.Equal(t, 200, a.member.Form("/settings/profile/email", url.Values{"email": {"new@example.com"}}).Status)
	got = l.since(n)
	require.Len(t, got, 1)
	require.Equal(t, accounts.ActionEmailChangeRequested, got[0].Action)
	require.Equal(t, "reauthentication_required", got[0].Reason)
	require.Equal(t, got[0].ActorID, got[0].User, "in the person's own history")
}

// A session that is good for enrolling a second factor alone: what it tries beside
// that is in the person's history, also where it is about an organization.
func TestRefusalsOfLimitedSessions(t *testing.T) {
	l := &ledger{Store: memstore.New()}
	app := settingstest.Start(t, settings.Config{Store: l, RequireSecondFactor: true})
	c := app.SignUp(ada, "Ada")
	n := l.len()
	for _, call := range []struct {
		method, path string
		body         object
		action       audit.Action
	}{
		{patch, "/account", object{"name": "A"}, accounts.ActionUpdated},
		{post, "/orgs", object{"name": "Acme"}, orgs.ActionOrgCreated},
		{patch, "/orgs/acme", object{"name": "Acme"}, orgs.ActionOrgUpdated},
		{post, "/orgs/acme/join", nil, orgs.ActionMemberJoined},
		{post, "/invitations/decline", object{"token": "x"}, orgs.ActionInvitationDeclined},
	} {
		refused(t, c, call.method, call.path, call.body, 403, "second_factor_enrollment_required")
		got := l.since(n)
		n = l.len()
		require.Len(t, got, 1, call.path)
		require.Equal(t, call.action, got[0].Action)
		require.Equal(t, audit.UserTarget(got[0].ActorID, "Ada"), got[0].Target)
		require.Equal(t, got[0].ActorID, got[0].User)
		require.True(t, got[0].Org.IsZero())
	}
	refused(t, c, get, "/account/security-events", nil, 403, "second_factor_enrollment_required")
	require.Empty(t, l.since(n), "reading is not recorded")
}

// A refusal that cannot be recorded is not given (AUD-02).
func TestRefusalWithoutEntry(t *testing.T) {
	l := &ledger{Store: memstore.New()}
	app := settingstest.Start(t, settings.Config{Store: l})
	a := newAcme(t, app)
	l.fail(atAppend)
	require.Equal(t, 500, a.member.API(patch, org, object{"name": "Mine"}).Status)
	l.fail(nowhere)
	refused(t, a.member, patch, org, object{"name": "Mine"}, 403, "forbidden")
}
