package settings_test

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

var hrefPattern = regexp.MustCompile(`<a class="btn primary wide" href="([^"]*)"`)

// mainLink returns where the page's main button leads.
func mainLink(t *testing.T, body string) string {
	t.Helper()
	m := hrefPattern.FindStringSubmatch(body)
	require.NotNil(t, m, body)
	return html.UnescapeString(m[1])
}

// Without a script: somebody new, somebody with an account, and somebody who is
// signed in as another.
func TestInvitationPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		invite := func(email, role string) string {
			require.Equal(t, 303, ada.Form("/settings/orgs/engines/team/invite", url.Values{"emails": {email}, "role": {role}}).Status)
			return app.LinkToken(strings.ToLower(email), "orgs.invitation")
		}
		page := func(token string) string { return "/invitations/accept?token=" + token }

		// Somebody new signs up by the link, and is a member.
		token := invite("new@example.com", "viewer")
		fresh := app.Client()
		body := opened(t, fresh, page(token))
		require.Contains(t, body, "<strong>Ada</strong> would like you to join <strong>Engines</strong>.")
		require.Equal(t, "/sign-up/complete?token="+token, mainLink(t, body))
		require.Contains(t, opened(t, fresh, mainLink(t, body)), "With it you join <strong>Engines</strong>.")
		in := url.Values{"token": {token}, "name": {"Nora"}, "password": {"short"}, "timezone": {"Europe/London"}, "locale": {"en"}}
		require.Contains(t, string(fresh.Form("/sign-up/complete", in).Body), "<strong>Engines</strong>")
		in.Set("password", settingstest.Password)
		r := fresh.Form("/sign-up/complete", in)
		require.Equal(t, "/settings/orgs/engines/general?saved=joined", r.Header.Get("Location"))
		require.Contains(t, opened(t, fresh, r.Header.Get("Location")), "Welcome to Engines.")
		require.Equal(t, 410, fresh.Get(page(token)).Status, "the link is used up")

		// Somebody with an account signs in and comes back.
		app.SignUp("bob@example.com", "Bob")
		token = invite("BOB@example.com", "member")
		bob := app.Client()
		back := mainLink(t, opened(t, bob, page(token)))
		require.Equal(t, "/sign-in?next="+url.QueryEscape(page(token)), back)
		require.Equal(t, page(token), bob.Form("/invitations/accept", url.Values{"token": {token}}).Header.Get("Location"), "nobody is signed in")
		r = bob.Form("/sign-in", url.Values{"email": {"bob@example.com"}, "password": {settingstest.Password}, "next": {page(token)}})
		require.Equal(t, page(token), r.Header.Get("Location"))
		require.Equal(t, 200, bob.Get(page(token)).Status)
		require.Equal(t, 200, bob.Get(page(token)).Status, "looking changes nothing")
		r = bob.Form("/invitations/accept", url.Values{"token": {token}})
		require.Equal(t, "/settings/orgs/engines/general?saved=joined", r.Header.Get("Location"))
		require.Contains(t, opened(t, bob, r.Header.Get("Location")), "Welcome to Engines.")
		require.Equal(t, 410, bob.Form("/invitations/accept", url.Values{"token": {token}}).Status)

		// Whoever is signed in as another cannot answer, and may sign out first.
		token = invite("cy@example.com", "member")
		eve := app.SignUp("eve@example.com", "Eve")
		body = opened(t, eve, page(token))
		require.Contains(t, body, "This invitation is for <strong>cy@example.com</strong>. You are signed in as <strong>eve@example.com</strong>.")
		require.NotContains(t, body, `action="/invitations/`)
		for _, path := range []string{"/invitations/accept", "/invitations/decline"} {
			r = eve.Form(path, url.Values{"token": {token}})
			require.Equal(t, 403, r.Status)
			require.Contains(t, string(r.Body), "This invitation is for")
		}
		r = eve.Form("/sign-out", url.Values{"next": {page(token)}})
		require.Equal(t, page(token), r.Header.Get("Location"))
		require.Contains(t, opened(t, eve, page(token)), "Create your account and join")
		for _, outside := range []string{"https://evil.test/", "//evil.test", `/\evil.test`} {
			require.Equal(t, "/sign-in?notice=signed_out", app.SignIn("eve@example.com").Form("/sign-out", url.Values{"next": {outside}}).Header.Get("Location"), outside)
		}

		// Declining.
		cy := app.SignUp("cy@example.com", "Cy")
		r = cy.Form("/invitations/decline", url.Values{"token": {token}})
		require.Contains(t, opened(t, cy, r.Header.Get("Location")), "You have declined")
		require.Contains(t, opened(t, ada, "/settings/orgs/engines/team"), "Invitation declined")
		for _, gone := range []string{token, "nonsense", ""} {
			r = cy.Get(page(gone))
			require.Equal(t, 410, r.Status)
			require.Contains(t, string(r.Body), "ask whoever invited you")
		}
	})
}

// The invitations that wait for an address are answered without their links.
func TestWaitingInvitations(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada, bob := app.SignUp("ada@example.com", "Ada"), app.SignUp("bob@example.com", "Bob")
		for _, slug := range []string{"engines", "numbers", "stars"} {
			api(t, ada, post, "/orgs", object{"name": slug, "slug": slug}, 201)
			api(t, ada, post, "/orgs/"+slug+"/invitations", object{"emails": []string{"bob@example.com"}}, 201)
		}
		require.Contains(t, opened(t, bob, "/settings/profile"), "3 invitations wait for your answer.")
		require.NotContains(t, opened(t, ada, "/settings/profile"), "wait for your answer")
		require.Contains(t, opened(t, ada, "/settings/invitations"), "None at the moment.")
		id := func(slug string) url.Values {
			for _, i := range api(t, bob, get, "/account/invitations", nil, 200)["items"].([]any) {
				if i.(object)["org"].(object)["name"] == slug {
					return url.Values{"invitation": {i.(object)["id"].(string)}}
				}
			}
			t.Fatal("no invitation to " + slug)
			return nil
		}
		engines, numbers := id("engines"), id("numbers")
		require.Contains(t, opened(t, bob, "/settings/invitations"), "Ada invites you as Member")
		require.Equal(t, 410, ada.Form("/settings/invitations/accept", engines).Status, "they are not hers")
		require.Equal(t, "/settings/orgs/engines/general?saved=joined", bob.Form("/settings/invitations/accept", engines).Header.Get("Location"))
		require.Equal(t, "/settings/invitations?saved=declined", bob.Form("/settings/invitations/decline", numbers).Header.Get("Location"))
		body := opened(t, bob, "/settings/invitations?saved=declined")
		require.Contains(t, body, "Declined.")
		require.NotContains(t, body, "numbers")
		for _, gone := range []url.Values{engines, numbers, {"invitation": {"nonsense"}}, nil} {
			r := bob.Form("/settings/invitations/accept", gone)
			require.Equal(t, 410, r.Status)
			require.Contains(t, string(r.Body), "stars", "and the list shows what there is")
		}
		app.Clock.Advance(8 * 24 * time.Hour)
		require.NotContains(t, opened(t, bob, "/settings/invitations"), "stars", "it has expired")
		require.Contains(t, app.Client().Get("/settings/invitations").Header.Get("Location"), "/sign-in?next=")
	})
}

// Somebody who was invited is told when there is no room, and keeps the link.
func TestInvitationWithoutASeat(t *testing.T) {
	seats := &room{left: 5}
	app := settingstest.Start(t, settings.Config{Entitlements: seats})
	ada, bob := app.SignUp("ada@example.com", "Ada"), app.SignUp("bob@example.com", "Bob")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{"bob@example.com"}}, 201)
	token := app.LinkToken("bob@example.com", "orgs.invitation")
	seats.left = 1
	r := bob.Form("/invitations/accept", url.Values{"token": {token}})
	require.Equal(t, 402, r.Status)
	require.Contains(t, string(r.Body), "The organization has no seat left.")
	require.Contains(t, string(r.Body), `value="`+token+`"`)
	api(t, ada, post, "/orgs", object{"name": "Numbers", "slug": "numbers"}, 201)
	seats.left = 2
	api(t, ada, post, "/orgs/numbers/invitations", object{"emails": []string{"new@example.com"}}, 201)
	seats.left = 1
	fresh := app.Client()
	in := url.Values{"token": {app.LinkToken("new@example.com", "orgs.invitation")}, "name": {"Nora"}, "password": {settingstest.Password}, "timezone": {"Europe/London"}, "locale": {"en"}}
	r = fresh.Form("/sign-up/complete", in)
	require.Equal(t, 402, r.Status)
	require.Contains(t, string(r.Body), "The organization has no seat left.")
	require.Contains(t, string(r.Body), `value="Nora"`)
	seats.left = 2
	require.Equal(t, 303, fresh.Form("/sign-up/complete", in).Status, "the link is as good as before")
	require.Equal(t, 303, bob.Form("/invitations/accept", url.Values{"token": {token}}).Status)
}

// room is a plan whose seats change.
type room struct{ left int }

func (r *room) Require(context.Context, id.Org, orgs.Feature) error           { return nil }
func (r *room) Seats(context.Context, id.Org) (int, error)                    { return r.left, nil }
func (r *room) DailyInvitations(context.Context, id.Org) (int, error)         { return 100, nil }
func (r *room) AuditRetention(context.Context, id.Org) (time.Duration, error) { return -1, nil }
func (r *room) PlanOf(context.Context, id.Org) (string, error)                { return "", nil }
