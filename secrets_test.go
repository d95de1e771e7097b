package settings_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// canaries are what nobody but the person may ever see.
type canaries struct {
	t      *testing.T
	app    *settingstest.App
	ledger *ledger
	seen   map[string]string // secret to what it is
}

func (c *canaries) note(what, secret string) string {
	c.t.Helper()
	require.NotEmpty(c.t, secret, what)
	c.seen[secret] = what
	return secret
}

// link notes and returns the token in a mailed link.
func (c *canaries) link(email, kind string) string {
	c.t.Helper()
	return c.note(kind, c.app.LinkToken(email, kind))
}

// cookies notes what a browser holds.
func (c *canaries) cookies(b *settingstest.Client) {
	u, err := url.Parse(c.app.URL)
	require.NoError(c.t, err)
	for _, k := range b.HTTP.Jar.Cookies(u) {
		if k.Value != "" {
			c.note("cookie "+k.Name, k.Value)
		}
	}
}

// AUD-07: over the whole API and the pages' forms, for what succeeds, what is
// refused, what cannot be read and what fails inside, no secret is in an entry or
// in a line of the log at the level that says most.
func TestSecretsAreNowhere(t *testing.T) {
	logs, l := &logged{}, &ledger{Store: memstore.New()}
	app := settingstest.Start(t, settings.Config{
		Store: l, Limiter: wide{}, Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})),
	})
	c := &canaries{t: t, app: app, ledger: l, seen: map[string]string{}}
	for what, password := range map[string]string{
		"the password": settingstest.Password, "a wrong password": "wrong-canary 42", "the next password": "next-canary 43", "a third password": "third-canary 44",
	} {
		c.note(what, password)
	}
	ada := c.person()
	c.doors(ada)
	c.factors(ada)
	c.organization(ada)
	c.recovery()

	text := func(v any) string {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		return string(data) + fmt.Sprintf("%#v", v)
	}(l.since(0))
	require.Greater(t, l.len(), 30)
	require.Greater(t, len(c.seen), 40)
	require.Contains(t, logs.text(), "level=ERROR", "there was something to log")
	for secret, what := range c.seen {
		for where, text := range map[string]string{"an entry": text, "the log": logs.text()} {
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
				require.Fail(t, "a secret is seen", "%s, %q, is in %s", what, secret, where)
			}
		}
	}
}

// person signs up.
func (c *canaries) person() *settingstest.Client {
	b := c.app.Client()
	api(c.t, b, post, "/auth/sign-up", object{"email": ada}, 202)
	link := c.link(ada, "account.sign_up")
	require.Equal(c.t, 200, b.Get("/sign-up/complete?token="+link).Status)
	api(c.t, b, post, "/auth/sign-up/complete", object{"token": link, "name": "Ada", "password": settingstest.Password}, 201)
	c.cookies(b)
	return b
}

// doors tries the ways in, with what is right, wrong, and no request at all.
func (c *canaries) doors(b *settingstest.Client) {
	other := c.app.Client()
	for _, body := range []any{
		credentials(ada, "wrong-canary 42"), credentials(ada, settingstest.Password),
		`{"email":"ada@example.com","password":"wrong-canary 42"`, `{"email":"ada@example.com","password":["wrong-canary 42"]}`,
		`{"email":"ada@example.com","password":"wrong-canary 42","wrong-canary 42":1}`, `{"password":"wrong-canary 42","password":"wrong-canary 42"}`,
		credentials("wrong-canary 42", "wrong-canary 42"),
	} {
		other.API(post, "/auth/sign-in", body)
	}
	c.cookies(other)
	other.Form("/sign-in", url.Values{"email": {ada}, "password": {"wrong-canary 42"}})
	token := api(c.t, c.app.Client(), post, "/auth/sign-in", object{"email": ada, "password": settingstest.Password, "transport": "token"}, 200)
	bearer := c.app.Client()
	bearer.Token = c.note("session token", token["session_token"].(string))
	api(c.t, bearer, get, "/account", nil, 200)
	bearer.Get("/api/v1/account?token=" + bearer.Token)
	bearer.Token = c.note("a made-up token", strings.Repeat("Z", 43))
	bearer.API(get, "/account", nil)
	b.API(put, "/account/password", object{"current_password": "wrong-canary 42", "password": "next-canary 43"})
	b.API(post, "/auth/reauthenticate", object{"method": "password", "password": "wrong-canary 42"})
	api(c.t, b, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
	c.cookies(b)

	// What fails inside is logged, and what was sent is not.
	for _, where := range []failure{atAppend, atCommit} {
		c.ledger.fail(where)
		b.API(put, "/account/password", object{"current_password": settingstest.Password, "password": "next-canary 43"})
		c.app.Client().API(post, "/auth/sign-in", credentials(ada, settingstest.Password))
		c.app.Client().API(post, "/auth/password/reset", object{"token": bearer.Token, "password": "next-canary 43"})
		c.app.Client().Form("/sign-in", url.Values{"email": {ada}, "password": {settingstest.Password}})
	}
	c.ledger.fail(nowhere)
}

// factors enrols everything, and uses it.
func (c *canaries) factors(b *settingstest.Client) {
	out := api(c.t, b, post, "/account/totp", nil, 201)
	a := &app2{t: c.t, app: c.app, c: b, secret: c.note("secret of the app", out["secret"].(string))}
	c.note("address of the app", out["uri"].(string))
	for _, code := range api(c.t, b, post, "/account/totp/confirm", object{"code": a.code()}, 200)["backup_codes"].([]any) {
		a.backup = append(a.backup, c.note("backup code", code.(string)))
		c.note("backup code", strings.ReplaceAll(code.(string), "-", ""))
	}
	c.cookies(b)
	c.app.Clock.Advance(time.Minute)
	half := a.half()
	c.cookies(half)
	half.API(post, "/auth/second-factor", byBackup(c.note("wrong code", "ZZZZZZZZ-CANARY42")))
	api(c.t, half, post, "/auth/second-factor", byBackup(a.backup[0]), 200)
	c.cookies(half)
	x, _ := register(c.t, c.app, half, "Key")
	signed := x.signed(ask(c.app.Client(), "sign_in"))
	response := signed["response"].(object)
	c.note("signature", response["signature"].(string))
	c.note("challenge", response["clientDataJSON"].(string))
	k := c.app.Client()
	api(c.t, k, post, "/auth/passkey", signed, 200)
	refused(c.t, c.app.Client(), post, "/auth/passkey", signed, 401, "invalid_credentials")
	c.cookies(k)
	c.app.Clock.Advance(time.Minute)
	api(c.t, k, post, "/account/totp/disable", object{"password": settingstest.Password, "code": a.code()}, 204)
	c.cookies(k)
	api(c.t, k, put, "/account/password", object{"current_password": settingstest.Password, "password": "next-canary 43"}, 204)
	c.cookies(k)
}

// organization invites somebody, who answers wrongly and rightly.
func (c *canaries) organization(*settingstest.Client) {
	b := c.app.Client()
	api(c.t, b, post, "/auth/sign-in", credentials(ada, "next-canary 43"), 200)
	c.cookies(b)
	api(c.t, b, post, "/orgs", object{"name": "Acme Inc."}, 201)
	api(c.t, b, post, org+"/invitations", object{"emails": []string{"grace@example.com"}}, 201)
	link := c.link("grace@example.com", "orgs.invitation")
	api(c.t, c.app.Client(), post, "/invitations/inspect", object{"token": link}, 200)
	refused(c.t, b, post, "/invitations/accept", object{"token": link}, 403, "wrong_recipient")
	b.API(post, "/invitations/accept", object{"token": []string{link}})
	require.Equal(c.t, 200, c.app.Client().Get("/invitations/accept?token="+link).Status)
	g := c.app.Client()
	api(c.t, g, post, "/auth/sign-up/complete", object{"token": link, "name": "Grace", "password": "third-canary 44"}, 201)
	c.cookies(g)
	refused(c.t, g, patch, org, object{"name": "third-canary 44"}, 403, "forbidden")
	domain := api(c.t, b, post, org+"/domains", object{"domain": "acme.example"}, 201)
	c.note("proof of a domain", domain["record"].(object)["value"].(string))
}

// recovery goes through every mailed link, also when no mail can be sent.
func (c *canaries) recovery() {
	b := c.app.Client()
	b.Header.Set("User-Agent", "curl/8")
	api(c.t, b, post, "/auth/sign-in", credentials(ada, "next-canary 43"), 200)
	alarm := c.link(ada, "security.new_device")
	api(c.t, b, post, "/account/email", object{"email": "new@example.com"}, 202)
	confirm := c.link("new@example.com", "account.confirm_email")
	c.link(ada, "account.email_change_requested")
	require.Equal(c.t, 200, c.app.Client().Get("/confirm-email?token="+confirm).Status)
	api(c.t, c.app.Client(), post, "/account/email/confirm", object{"token": confirm}, 204)
	refused(c.t, c.app.Client(), post, "/account/email/confirm", object{"token": confirm}, 410, "link_gone")
	api(c.t, c.app.Client(), post, "/account/email/undo", object{"token": c.link(ada, "account.email_changed")}, 204)
	reset := c.link(ada, "security.reset")
	api(c.t, c.app.Client(), post, "/auth/password/reset", object{"token": reset, "password": "third-canary 44"}, 204)
	api(c.t, c.app.Client(), post, "/auth/not-me", object{"token": alarm}, 204)

	c.app.Mail.Fail(errors.New("smtp: 451 try again"))
	api(c.t, c.app.Client(), post, "/auth/password/forgot", object{"email": ada}, 202)
	c.app.Deliver()
	c.app.Mail.Fail(nil)
	c.app.Clock.Advance(2 * time.Hour)
	reset = c.link(ada, "security.reset")
	r := c.app.Client().Do(post, "/reset-password", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "token="+reset+"&password=%zz")
	require.Equal(c.t, 400, r.Status)
}
