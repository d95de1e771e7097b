package settings_test

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// opened opens a page that has to be there.
func opened(t *testing.T, c *settingstest.Client, path string) string {
	t.Helper()
	r := c.Get(path)
	require.Equal(t, 200, r.Status, "%s: %s", path, r.Header.Get("Location"))
	return string(r.Body)
}

// joined makes somebody with an account a member, through an invitation.
func joined(t *testing.T, app *settingstest.App, by *settingstest.Client, org, email, name, role string) *settingstest.Client {
	t.Helper()
	c := app.SignUp(email, name)
	api(t, by, post, "/orgs/"+org+"/invitations", object{"emails": []string{email}, "role": role}, 201)
	api(t, c, post, "/invitations/accept", object{"token": app.LinkToken(email, "orgs.invitation")}, 200)
	return c
}

// A person without a script founds an organization, changes it, deletes it and
// brings it back.
func TestOrgPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		require.Contains(t, opened(t, ada, "/settings/profile"), `href="/orgs/new"`)
		require.Contains(t, opened(t, ada, "/orgs/new"), "Not now")
		r := ada.Form("/orgs/new", url.Values{"name": {""}, "slug": {"admin"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="admin"`)
		r = ada.Form("/orgs/new", url.Values{"name": {"Analytical Engines"}, "slug": {""}})
		require.Equal(t, "/settings/orgs/analytical-engines/general?saved=created", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "You are the Owner.")
		require.NotContains(t, opened(t, ada, "/settings/profile"), "Working with others?", "there is one now")
		require.Contains(t, opened(t, ada, "/settings/profile"), "/settings/orgs/analytical-engines/general", "the menu has it")
		r = ada.Form("/orgs/new", url.Values{"name": {"Another"}, "slug": {"analytical-engines"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), "This one is taken.")

		about := "/settings/orgs/analytical-engines/general/about"
		r = ada.Form(about, url.Values{"name": {""}, "slug": {"engines"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="engines"`, "what was typed is kept")
		require.Contains(t, string(r.Body), `action="`+about+`"`, "and goes to where the organization still is")
		r = ada.Form(about, url.Values{"name": {"Engines"}, "slug": {"engines"}})
		require.Equal(t, "/settings/orgs/engines/general?saved=about#about", r.Header.Get("Location"))
		r = ada.Get("/settings/orgs/analytical-engines/general?saved=about")
		require.Equal(t, 303, r.Status)
		require.Equal(t, "/settings/orgs/engines/general?saved=about", r.Header.Get("Location"), "a former slug leads on")
		r = ada.Form(about, url.Values{"name": {"Other"}, "slug": {"other"}})
		require.Equal(t, "/settings/orgs/engines/general", r.Header.Get("Location"))
		require.Equal(t, "/settings/orgs/engines/general", ada.Get("/settings/orgs/engines/general/about").Header.Get("Location"), "a form that is loaded again")
		require.Equal(t, 303, ada.Get("/settings/orgs/"+api(t, ada, get, "/orgs/engines", nil, 200)["id"].(string)+"/general").Status, "the address has the slug")

		app.Clock.Advance(time.Hour)
		remove := "/settings/orgs/engines/general/delete"
		r = ada.Form(remove, url.Values{"confirm": {"engine"}})
		require.Contains(t, string(r.Body), "You want to delete an organization.")
		require.Contains(t, string(r.Body), `href="/settings/orgs/engines/general"`, "the way back")
		r = ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, 422, r.Status, "what was typed was not the slug")
		require.Contains(t, string(r.Body), `value="engine"`)
		r = ada.Form(remove, url.Values{"confirm": {"engines"}})
		require.Equal(t, "/settings/profile?saved=deleted-orgs#deleted-orgs", r.Header.Get("Location"))
		require.Contains(t, kinds(app, "ada@example.com"), "orgs.deleted")
		require.Equal(t, 404, ada.Get("/settings/orgs/engines/general").Status)
		require.Contains(t, opened(t, ada, "/settings/profile"), "Can be restored until")
		app.Clock.Advance(time.Hour)
		id := api(t, ada, get, "/account/organizations", nil, 200)["items"].([]any)[0].(object)["id"].(string)
		r = ada.Form("/settings/profile/orgs/restore", url.Values{"org": {id}})
		r = ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, "/settings/orgs/engines/general?saved=restored", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "Restored, with everybody in it.")
	})
}

// ORG-01: whoever does not belong to an organization learns nothing of it; who
// does sees what the role allows.
func TestOrgPagesByRole(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	general := "/settings/orgs/engines/general"
	eve := app.SignUp("eve@example.com", "Eve")
	require.Equal(t, eve.Get("/settings/orgs/nothing-here/general").Status, eve.Get(general).Status)
	require.Equal(t, 404, eve.Get(general).Status)
	for _, form := range []string{"/about", "/leave", "/delete"} {
		require.Equal(t, 404, eve.Form(general+form, url.Values{"name": {"x"}, "slug": {"xxx"}, "confirm": {"engines"}}).Status, form)
	}
	require.Contains(t, app.Client().Get(general).Header.Get("Location"), "/sign-in?next=%2Fsettings%2Forgs%2Fengines%2Fgeneral")

	bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "viewer")
	body := opened(t, bob, general)
	require.Contains(t, body, "Owner and Admins can change this.")
	require.NotContains(t, body, general+"/about")
	require.NotContains(t, body, general+"/delete")
	require.NotContains(t, body, "ada@example.com", "addresses are for Admins")
	require.Equal(t, 403, bob.Form(general+"/about", url.Values{"name": {"x"}, "slug": {"xxx"}}).Status)
	require.Equal(t, 403, bob.Form(general+"/delete", url.Values{"confirm": {"engines"}}).Status)
	require.Contains(t, opened(t, bob, general+"?ask=leave"), general+"/leave")
	require.NotContains(t, opened(t, ada, general+"?ask=leave"), general+"/leave", "the Owner stays")
	r := ada.Form(general+"/leave", nil)
	require.Equal(t, 409, r.Status)
	require.Contains(t, string(r.Body), "An organization needs its Owner.")
	require.Equal(t, "/settings/profile?saved=left", bob.Form(general+"/leave", nil).Header.Get("Location"))
	require.Equal(t, 404, bob.Get(general).Status)
}

// An organization that asks for two factors leads its members to set up a second
// one, and leaves the rest of the account open.
func TestOrgPagesAskForTheSecondFactor(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "member")
	secret, _ := api(t, ada, post, "/account/totp", nil, 201)["secret"].(string)
	api(t, ada, post, "/account/totp/confirm", object{"code": oathtool(t, secret, app.Clock.Now())}, 200)
	api(t, ada, put, "/orgs/engines/security-policy", object{"require_second_factor": true, "grace_until": app.Clock.Now().Add(24 * time.Hour)}, 200)
	require.Equal(t, 200, bob.Get("/settings/orgs/engines/general").Status, "there is time")
	app.Clock.Advance(25 * time.Hour)
	r := bob.Get("/settings/orgs/engines/general")
	require.Equal(t, "/settings/security/enroll?org=engines", r.Header.Get("Location"))
	require.Contains(t, opened(t, bob, r.Header.Get("Location")), "/settings/security/two-factor/start")
	require.Equal(t, 200, bob.Get("/settings/profile").Status)
	require.Equal(t, "/settings/security", bob.Get("/settings/security/enroll").Header.Get("Location"))
}

// Without a script: inviting, roles, the ownership, removing.
func TestTeamPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		team := "/settings/orgs/engines/team"
		require.Contains(t, opened(t, ada, team), "Nobody else yet.")
		bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "member")
		ids := map[string]string{}
		for _, m := range api(t, ada, get, "/orgs/engines/members", nil, 200)["items"].([]any) {
			ids[m.(object)["name"].(string)] = m.(object)["user_id"].(string)
		}

		r := ada.Form(team+"/invite", url.Values{"emails": {"  "}, "role": {"viewer"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), "Enter at least one email address.")
		r = ada.Form(team+"/invite", url.Values{"emails": {"Cy Twombly <cy@example.com>, bob@example.com\nnot-an-address; CY@example.com"}, "role": {"viewer"}})
		require.Equal(t, 200, r.Status)
		for _, want := range []string{"Is a member already.", "This is not an email address.", "Was in the list already.", ">not-an-address</textarea>"} {
			require.Contains(t, string(r.Body), want)
		}
		require.Len(t, app.Mail.To("cy@example.com"), 1)
		r = ada.Form(team+"/invite", url.Values{"emails": {"di@example.com"}, "role": {"member"}})
		require.Equal(t, team+"?saved=invited#team", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, team), "di@example.com")
		require.NotContains(t, opened(t, ada, team+"?q=cy"), "di@example.com")
		require.Contains(t, opened(t, ada, team+"?q=cy"), "cy@example.com")
		require.Contains(t, opened(t, ada, team+"?q=nobody"), "begins with")
		require.Contains(t, opened(t, ada, team+"?cursor=nonsense"), "bob@example.com", "a cursor of no use begins at the start")

		pending := map[string]string{}
		for _, i := range api(t, ada, get, "/orgs/engines/invitations", nil, 200)["items"].([]any) {
			pending[i.(object)["email"].(string)] = i.(object)["id"].(string)
		}
		r = ada.Form(team+"/resend", url.Values{"invitation": {pending["cy@example.com"]}, "here": {"q=cy&evil=1"}})
		require.Equal(t, team+"?q=cy&saved=resent#team", r.Header.Get("Location"), "back to where it was sent")
		require.Len(t, app.Mail.To("cy@example.com"), 2)
		require.Equal(t, team+"?saved=revoked#team", ada.Form(team+"/revoke", url.Values{"invitation": {pending["di@example.com"]}}).Header.Get("Location"))
		require.NotContains(t, opened(t, ada, team), "di@example.com")
		for _, gone := range []string{pending["di@example.com"], "nonsense"} {
			require.Equal(t, 409, ada.Form(team+"/resend", url.Values{"invitation": {gone}}).Status)
		}

		require.Equal(t, team+"?saved=role#team", ada.Form(team+"/role", url.Values{"member": {ids["Bob"]}, "role": {"admin"}}).Header.Get("Location"))
		require.NotContains(t, opened(t, bob, team), `value="owner"`, "an Admin cannot give that")
		require.Equal(t, 422, ada.Form(team+"/role", url.Values{"member": {ids["Bob"]}, "role": {"king"}}).Status)
		require.Equal(t, 409, bob.Form(team+"/role", url.Values{"member": {ids["Ada"]}, "role": {"viewer"}}).Status, "the Owner stays")
		require.Equal(t, 409, bob.Form(team+"/remove", url.Values{"member": {ids["Ada"]}}).Status)
		require.Equal(t, 409, ada.Form(team+"/role", url.Values{"member": {"nonsense"}, "role": {"viewer"}}).Status)

		app.Clock.Advance(time.Hour)
		require.Contains(t, opened(t, ada, team), `value="owner"`)
		r = ada.Form(team+"/role", url.Values{"member": {ids["Bob"]}, "role": {"owner"}})
		require.Equal(t, team+"/owner?member="+ids["Bob"], r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "To confirm, type engines")
		require.Equal(t, 403, bob.Get(r.Header.Get("Location")).Status)
		r = ada.Form(team+"/owner", url.Values{"member": {ids["Bob"]}, "confirm": {"engine"}})
		r = ada.Form("/reauthenticate", url.Values{"password": {settingstest.Password}, "continue": {continuation(t, r)}})
		require.Equal(t, 422, r.Status, "what was typed was not the slug")
		require.Contains(t, string(r.Body), `value="engine"`)
		r = ada.Form(team+"/owner", url.Values{"member": {ids["Bob"]}, "confirm": {"engines"}})
		require.Equal(t, team+"?saved=owner#team", r.Header.Get("Location"))
		require.Contains(t, opened(t, ada, r.Header.Get("Location")), "You are an Admin now.")
		require.Equal(t, 404, bob.Get(team+"/owner?member=nonsense").Status)

		require.Contains(t, opened(t, bob, team+"?ask=remove&member="+ids["Ada"]), "They lose access at once.")
		require.Equal(t, team+"?saved=removed#team", bob.Form(team+"/remove", url.Values{"member": {ids["Ada"]}}).Header.Get("Location"))
		require.Equal(t, 404, ada.Get(team).Status)
	})
}

// The team is for those who may change it; the plan's seats and the day's
// invitations are told in words.
func TestTeamPagesByRoleAndPlan(t *testing.T) {
	plan, _ := orgs.FixedPlan("pro")
	app := settingstest.Start(t, settings.Config{Entitlements: plan})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	team := "/settings/orgs/engines/team"
	member := joined(t, app, ada, "engines", "bob@example.com", "Bob", "member")
	eve := app.SignUp("eve@example.com", "Eve")
	require.Equal(t, 403, member.Get(team).Status)
	require.Equal(t, 404, eve.Get(team).Status)
	require.NotContains(t, opened(t, member, "/settings/orgs/engines/general"), team)
	require.Contains(t, opened(t, ada, "/settings/orgs/engines/general"), team)
	for _, form := range []string{"/invite", "/role", "/remove", "/resend", "/revoke", "/owner"} {
		in := url.Values{"emails": {"x@example.com"}, "member": {me(t, ada)}, "role": {"viewer"}, "confirm": {"engines"}, "invitation": {"019ac001-0000-7000-8000-000000000001"}}
		require.Equal(t, 403, member.Form(team+form, in).Status, form)
		require.Equal(t, 404, eve.Form(team+form, in).Status, form)
	}
	r := ada.Form(team+"/invite", url.Values{"emails": {"a@example.com b@example.com c@example.com d@example.com"}, "role": {"member"}})
	require.Equal(t, 200, r.Status)
	require.Contains(t, string(r.Body), "No seat of your plan is left.")
	require.Contains(t, string(r.Body), ">d@example.com</textarea>", "what is left can be sent again")
	r = ada.Form(team+"/invite", url.Values{"emails": {"d@example.com"}, "role": {"admin"}})
	require.Equal(t, 402, r.Status)
	require.Contains(t, string(r.Body), "Every seat of your plan is taken.")
	require.Contains(t, string(r.Body), ">d@example.com</textarea>")
	require.Contains(t, string(r.Body), `<option value="admin" selected>`)
}

// Many invitations and members are paged, each once.
func TestTeamPagesOfMany(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	for _, name := range []string{"Bea", "Cleo", "Dora"} {
		joined(t, app, ada, "engines", strings.ToLower(name)+"@example.com", name, "member")
	}
	var emails []string
	for i := range 45 {
		emails = append(emails, fmt.Sprintf("guest%02d@example.com", i))
	}
	require.Equal(t, 303, ada.Form("/settings/orgs/engines/team/invite", url.Values{"emails": {strings.Join(emails, "\n")}, "role": {"viewer"}}).Status)
	seen, path := map[string]int{}, "/settings/orgs/engines/team"
	next := regexp.MustCompile(`href="([^"]+)#team">Next page`)
	pages := 0
	for path != "" {
		body := opened(t, ada, path)
		for _, m := range regexp.MustCompile(`[a-z0-9]+@example\.com</(?:strong|small)>`).FindAllString(body[strings.Index(body, "<tbody"):], -1) {
			seen[strings.SplitN(m, "<", 2)[0]]++
		}
		path = ""
		if m := next.FindStringSubmatch(body); m != nil {
			path = html.UnescapeString(m[1])
		}
		pages++
		require.Less(t, pages, 9)
	}
	require.Len(t, seen, 49)
	for who, times := range seen {
		require.Equal(t, 1, times, who)
	}
}

// Whom it affects is shown before two factors are asked of them; the date is
// chosen, and asking can stop.
func TestPolicyPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		bob := joined(t, app, ada, "engines", "bob@example.com", "Bob", "member")
		policy := "/settings/orgs/engines/security-policy"
		require.Equal(t, 403, bob.Get(policy).Status)
		require.NotContains(t, opened(t, bob, "/settings/orgs/engines/general"), policy)
		body := opened(t, ada, policy)
		require.Contains(t, body, "Set up a second factor of your own first.")
		require.NotContains(t, body, policy+"/on")
		require.Equal(t, 422, ada.Form(policy+"/on", url.Values{"days": {"7"}}).Status, "nor does it work by hand")

		secret, _ := api(t, ada, post, "/account/totp", nil, 201)["secret"].(string)
		api(t, ada, post, "/account/totp/confirm", object{"code": oathtool(t, secret, app.Clock.Now())}, 200)
		body = opened(t, ada, policy)
		require.Contains(t, body, "1 member has no second factor.")
		require.Contains(t, body, ">Bob<")
		require.Contains(t, body, `<option value="14" selected>`)
		r := ada.Form(policy+"/on", url.Values{"days": {"7"}})
		require.Equal(t, policy+"?saved=on", r.Header.Get("Location"))
		require.Contains(t, kinds(app, "bob@example.com"), "orgs.second_factor_required")
		require.Contains(t, opened(t, ada, policy), "Asked of everybody from")
		app.Clock.Advance(6 * 24 * time.Hour)
		require.Equal(t, 200, bob.Get("/settings/orgs/engines/general").Status)
		app.Clock.Advance(25 * time.Hour)
		require.Equal(t, "/settings/security/enroll?org=engines", bob.Get("/settings/orgs/engines/general").Header.Get("Location"))
		r = ada.Form(policy+"/off", nil)
		require.Contains(t, string(r.Body), "You want to change what an organization asks of its members.")
		r = ada.Form("/reauthenticate", url.Values{"method": {"totp"}, "code": {oathtool(t, secret, app.Clock.Now())}, "continue": {continuation(t, r)}})
		require.Equal(t, policy+"?saved=off", r.Header.Get("Location"))
		require.Equal(t, 200, bob.Get("/settings/orgs/engines/general").Status)
	})
}

// A plan without it says which one has it, and the Owner where to get that.
func TestOrgPagesOfASmallerPlan(t *testing.T) {
	const plans = `href="https://acme.example/plans"`
	plan, _ := orgs.FixedPlan("pro")
	dns := &zone{}
	app := settingstest.Start(t, settings.Config{Entitlements: plan, Domains: dns, Links: settings.Links{Upgrade: "https://acme.example/plans"}})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	admin := joined(t, app, ada, "engines", "bob@example.com", "Bob", "admin")
	pages := "/settings/orgs/engines/"

	body := opened(t, ada, pages+"security-policy")
	require.Contains(t, body, "Business and above do.")
	require.Contains(t, body, plans)
	body = opened(t, admin, pages+"security-policy")
	require.Contains(t, body, "The Owner of the organization can change the plan.")
	require.NotContains(t, body, plans)
	require.Equal(t, 402, ada.Form(pages+"security-policy/on", url.Values{"days": {"7"}}).Status)

	d := api(t, ada, post, "/orgs/engines/domains", object{"domain": "engines.example"}, 201)
	dns.publish(d["record"].(object))
	api(t, ada, post, "/orgs/engines/domains/"+d["id"].(string)+"/verify", nil, 200)
	join := url.Values{"domain": {d["id"].(string)}, "join": {"member"}}
	r := ada.Form(pages+"domains/join", join)
	require.Equal(t, 402, r.Status)
	require.Contains(t, string(r.Body), plans)
	require.NotContains(t, string(admin.Form(pages+"domains/join", join).Body), plans)

	require.NotContains(t, opened(t, ada, pages+"team"), plans)
	api(t, ada, post, "/orgs/engines/invitations", object{"emails": []string{"c@example.com", "d@example.com", "e@example.com"}}, 201)
	more := url.Values{"emails": {"f@example.com"}, "role": {"member"}}
	body = string(ada.Form(pages+"team/invite", more).Body)
	require.Contains(t, body, "Every seat of your plan is taken.")
	require.Contains(t, body, plans)
	require.NotContains(t, string(admin.Form(pages+"team/invite", more).Body), plans)
}

// A domain is listed, proven by DNS, and opens the organization to those with an
// address there.
func TestDomainPagesWithoutScript(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, dns *zone) {
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		domains := "/settings/orgs/engines/domains"
		require.Contains(t, opened(t, ada, domains), "None yet.")
		r := ada.Form(domains+"/add", url.Values{"domain": {"gmail.com"}})
		require.Equal(t, 422, r.Status)
		require.Contains(t, string(r.Body), `value="gmail.com"`)
		require.Equal(t, domains+"?saved=added", ada.Form(domains+"/add", url.Values{"domain": {"Engines.example"}}).Header.Get("Location"))
		require.Equal(t, 409, ada.Form(domains+"/add", url.Values{"domain": {"engines.example"}}).Status)
		body := opened(t, ada, domains)
		record := regexp.MustCompile(`account-settings-domain=[^<]+`).FindString(body)
		require.Contains(t, body, "<code>_account-settings.engines.example</code>")
		domain := url.Values{"domain": {api(t, ada, get, "/orgs/engines/domains", nil, 200)["items"].([]any)[0].(object)["id"].(string)}}
		r = ada.Form(domains+"/verify", domain)
		require.Equal(t, 409, r.Status)
		require.Contains(t, string(r.Body), "We have not found the record in DNS yet.")
		require.Equal(t, 409, ada.Form(domains+"/join", url.Values{"domain": domain["domain"], "join": {"viewer"}}).Status, "not before it is proven")
		dns.fail(errors.New("no resolver"))
		r = ada.Form(domains+"/verify", domain)
		require.Equal(t, 503, r.Status)
		require.Contains(t, string(r.Body), "We could not ask DNS just now.")
		dns.fail(nil)
		dns.publish(object{"name": "_account-settings.engines.example", "value": record})
		require.Equal(t, domains+"?saved=verified", ada.Form(domains+"/verify", domain).Header.Get("Location"))

		bob := app.SignUp("bob@engines.example", "Bob")
		require.NotContains(t, opened(t, bob, "/settings/invitations"), "Open to you")
		require.Equal(t, domains+"?saved=updated", ada.Form(domains+"/join", url.Values{"domain": domain["domain"], "join": {"viewer"}}).Header.Get("Location"))
		require.Contains(t, opened(t, ada, domains), `<option value="viewer" selected>`)
		require.Contains(t, opened(t, bob, "/settings/profile"), "An organization is open to everybody with your email domain.")
		require.Contains(t, opened(t, bob, "/settings/invitations"), "You would join as Viewer")
		org := url.Values{"org": {api(t, ada, get, "/orgs/engines", nil, 200)["id"].(string)}}
		require.Equal(t, 409, app.SignUp("eve@other.example", "Eve").Form("/settings/invitations/join", org).Status)
		require.Equal(t, 409, bob.Form("/settings/invitations/join", nil).Status)
		require.Equal(t, "/settings/orgs/engines/general?saved=joined", bob.Form("/settings/invitations/join", org).Header.Get("Location"))
		require.Equal(t, 403, bob.Get(domains).Status)
		for _, form := range []string{"/add", "/verify", "/join", "/remove"} {
			require.Equal(t, 403, bob.Form(domains+form, domain).Status, form)
		}
		require.Contains(t, opened(t, ada, domains+"?ask=remove&domain="+domain.Get("domain")), "Members stay.")
		require.Equal(t, domains+"?saved=removed", ada.Form(domains+"/remove", domain).Header.Get("Location"))
		require.Equal(t, 409, ada.Form(domains+"/remove", domain).Status)
		require.Equal(t, 200, bob.Get("/settings/orgs/engines/general").Status)
	})
}

func (z *zone) fail(err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.err = err
}
