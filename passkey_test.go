package settings_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/settingstest"
)

// key is an authenticator with one passkey: a counterpart that is not ours.
type key struct {
	t   *testing.T
	rp  virtualwebauthn.RelyingParty
	dev virtualwebauthn.Authenticator
	k   virtualwebauthn.Credential
}

func newKey(t *testing.T, app *settingstest.App) *key {
	return &key{
		t: t, rp: virtualwebauthn.RelyingParty{ID: "localhost", Name: "Acme", Origin: app.URL},
		dev: virtualwebauthn.NewAuthenticator(), k: newCredential(),
	}
}

// newCredential leaves out keys with a coordinate that begins with a zero, which
// this authenticator writes a byte too short.
func newCredential() virtualwebauthn.Credential {
	for {
		k := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		if len(k.Key.AttestationData()) == 77 {
			return k
		}
	}
}

// made returns the answer to options for registering.
func (x *key) made(options settingstest.Response) object {
	x.t.Helper()
	require.Equal(x.t, 200, options.Status, "%s", options.Body)
	o, err := virtualwebauthn.ParseAttestationOptions(string(options.Body))
	require.NoError(x.t, err)
	require.Equal(x.t, "localhost", o.RelyingPartyID)
	x.dev.Options.UserHandle = []byte(o.UserID)
	var out object
	require.NoError(x.t, json.Unmarshal([]byte(virtualwebauthn.CreateAttestationResponse(x.rp, x.dev, x.k, *o)), &out))
	return out
}

// signed returns the answer to options for signing in.
func (x *key) signed(options settingstest.Response) object {
	x.t.Helper()
	require.Equal(x.t, 200, options.Status, "%s", options.Body)
	o, err := virtualwebauthn.ParseAssertionOptions(string(options.Body))
	require.NoError(x.t, err)
	x.k.Counter++
	var out object
	require.NoError(x.t, json.Unmarshal([]byte(virtualwebauthn.CreateAssertionResponse(x.rp, x.dev, x.k, *o)), &out))
	return out
}

func ask(c *settingstest.Client, purpose string) settingstest.Response {
	return c.API(post, "/auth/passkey/options", object{"purpose": purpose})
}

func register(t *testing.T, app *settingstest.App, c *settingstest.Client, name string) (*key, string) {
	t.Helper()
	x := newKey(t, app)
	in := x.made(c.API(post, "/account/passkeys/options", nil))
	in["name"] = name
	return x, api(t, c, post, "/account/passkeys", in, 201)["id"].(string)
}

func with(in object, more object) object {
	for k, v := range more {
		in[k] = v
	}
	return in
}

func TestPasskeys(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		x, id := register(t, app, c, "Laptop")
		app.Mail.Last(ada, "security.passkey")
		list := api(t, c, get, "/account/passkeys", nil, 200)["items"].([]any)
		require.Len(t, list, 1)
		first := list[0].(object)
		require.Equal(t, "Laptop", first["name"])
		require.Nil(t, first["last_used_at"])
		require.Equal(t, false, first["backed_up"])

		// Passwordless: the passkey says who it is, and is both factors.
		b := app.Client()
		out := api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)
		require.Equal(t, "signed_in", out["status"])
		require.Equal(t, ada, out["user"].(object)["email"])
		items, _ := sessionsOf(t, b, "")
		require.Equal(t, "passkey", items[0].Method)
		require.NotNil(t, api(t, c, get, "/account/passkeys", nil, 200)["items"].([]any)[0].(object)["last_used_at"])

		// The whole answer in one member, over a token.
		tokens := app.Client()
		out = api(t, tokens, post, "/auth/passkey", object{"credential": x.signed(ask(tokens, "sign_in")), "transport": "token"}, 200)
		tokens.Token = out["session_token"].(string)
		api(t, tokens, get, "/account", nil, 200)

		// Step-up, after which the sensitive action goes on.
		app.Clock.Advance(11 * time.Minute)
		path := "/account/passkeys/" + id
		r := refused(t, b, http.MethodPatch, path, object{"name": "Work laptop"}, 401, "reauthentication_required")
		var p struct{ Methods []string }
		r.JSON(t, &p)
		require.Equal(t, []string{"password", "passkey"}, p.Methods)
		api(t, b, post, "/auth/reauthenticate", with(x.signed(ask(b, "reauthenticate")), object{"method": "passkey"}), 204)
		require.Equal(t, "Work laptop", api(t, b, http.MethodPatch, path, object{"name": "Work laptop"}, 200)["name"])
		require.Equal(t, map[string]string{"name": "required"}, refused(t, b, http.MethodPatch, path, object{"name": " "}, 422, "validation_failed").Fields())

		// Removing one ends the other sessions.
		api(t, b, http.MethodDelete, path, nil, 204)
		refused(t, c, get, "/account", nil, 401, "unauthenticated")
		api(t, b, get, "/account", nil, 200)
		// What the passkey proved went with it.
		refused(t, b, http.MethodDelete, path, nil, 401, "reauthentication_required")
		api(t, b, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		refused(t, b, http.MethodDelete, path, nil, 404, "not_found")
		d := app.Client()
		refused(t, d, post, "/auth/passkey", x.signed(ask(d, "sign_in")), 401, "invalid_credentials")
	})
}

func TestPasskeyAsSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		x, _ := register(t, app, a.c, "")
		h := app.Client()
		out := api(t, h, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		require.Equal(t, []any{"totp", "backup_code", "passkey"}, out["methods"])
		// After the password the key need not verify who holds it.
		x.dev.Options.UserNotVerified = true
		api(t, h, post, "/auth/passkey", x.signed(ask(h, "second_factor")), 200)
		items, _ := sessionsOf(t, h, "")
		require.Equal(t, "password", items[0].Method)
		// Alone it must.
		b := app.Client()
		refused(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		refused(t, h, post, "/auth/reauthenticate", with(x.signed(ask(h, "reauthenticate")), object{"method": "passkey"}), 401, "invalid_credentials")
		// Verified, it is both factors: no code is asked for.
		x.dev.Options.UserNotVerified = false
		require.Equal(t, "signed_in", api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)["status"])
		// And turns two-factor off alone.
		api(t, b, post, "/account/totp/disable", object{}, 204)
	})
}

// A challenge is good once, for its purpose, its session and 5 minutes; the
// answer must be of this origin and this key (MFA-14).
func TestPasskeyCeremonies(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		x, _ := register(t, app, a.c, "Key")
		b := app.Client()

		in := x.signed(ask(b, "sign_in"))
		api(t, b, post, "/auth/passkey", in, 200)
		refused(t, app.Client(), post, "/auth/passkey", in, 401, "invalid_credentials") // replayed

		late := x.signed(ask(b, "sign_in"))
		app.Clock.Advance(5 * time.Minute)
		refused(t, b, post, "/auth/passkey", late, 401, "invalid_credentials")

		// Of another purpose, of another session, of another half-finished sign-in.
		refused(t, b, post, "/auth/passkey", x.signed(ask(b, "reauthenticate")), 401, "invalid_credentials")
		refused(t, b, post, "/auth/reauthenticate", with(x.signed(ask(b, "sign_in")), object{"method": "passkey"}), 401, "invalid_credentials")
		refused(t, b, post, "/auth/reauthenticate", with(x.signed(ask(a.c, "reauthenticate")), object{"method": "passkey"}), 401, "invalid_credentials")
		one, two := a.half(), a.half()
		refused(t, two, post, "/auth/passkey", x.signed(ask(one, "second_factor")), 401, "invalid_credentials")
		refused(t, app.Client(), post, "/auth/passkey/options", object{"purpose": "second_factor"}, 401, "unauthenticated")
		refused(t, app.Client(), post, "/auth/passkey/options", object{"purpose": "reauthenticate"}, 401, "unauthenticated")
		refused(t, b, post, "/auth/passkey/options", object{"purpose": "registration"}, 422, "validation_failed")

		// Another origin, another key, another person's handle, nonsense.
		evil := *x
		evil.rp.Origin = "https://evil.example"
		refused(t, b, post, "/auth/passkey", evil.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		other := *x
		other.k = newCredential()
		refused(t, b, post, "/auth/passkey", other.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		other.k.ID = x.k.ID // its name, and not its signature
		refused(t, b, post, "/auth/passkey", other.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		app.SignUp("grace@example.com", "Grace")
		handle := *x
		someone := id.NewUser()
		handle.dev.Options.UserHandle = someone[:]
		refused(t, b, post, "/auth/passkey", handle.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		for _, nonsense := range []object{{}, {"credential": object{}}, {"id": "AA", "rawId": "AA", "type": "public-key", "response": object{"clientDataJSON": "e30", "authenticatorData": "", "signature": ""}}} {
			require.Equal(t, map[string]string{"credential": "invalid"}, refused(t, b, post, "/auth/passkey", nonsense, 422, "validation_failed").Fields())
			require.Equal(t, map[string]string{"credential": "invalid"}, refused(t, a.c, post, "/account/passkeys", nonsense, 422, "validation_failed").Fields())
		}
		api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)
	})
}

// 8 uses of one answer sign in once.
func TestOneAnswerManySignIns(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		x, _ := register(t, app, c, "Key")
		in := x.signed(ask(c, "sign_in"))
		var mu sync.Mutex
		codes := map[int]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				r := app.Client().API(post, "/auth/passkey", in)
				mu.Lock()
				defer mu.Unlock()
				codes[r.Status]++
			})
		}
		wg.Wait()
		require.Equal(t, map[int]int{200: 1, 401: 7}, codes)
	})
}

// An authenticator whose count went back is refused: another one holds the same
// key. The person is told.
func TestClonedPasskey(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		x, _ := register(t, app, c, "Key")
		copied := *x
		for range 3 {
			b := app.Client()
			api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)
		}
		b := app.Client()
		refused(t, b, post, "/auth/passkey", copied.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		refused(t, b, post, "/auth/passkey", copied.signed(ask(b, "sign_in")), 401, "invalid_credentials")
		require.Contains(t, app.Mail.Last(ada, "security.passkey_cloned").Text, "Key")
		require.Equal(t, 1, mailsOf(app, ada, "security.passkey_cloned"))
		events := api(t, c, get, "/account/security-events?limit=1", nil, 200)["items"].([]any)
		require.Equal(t, "passkey_cloned", events[0].(object)["reason"])
	})
}

func mailsOf(app *settingstest.App, to, kind string) (n int) {
	for _, m := range app.Mail.To(to) {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// A credential is registered once, whoever asks, and a person has at most 20
// (MFA-15).
func TestPasskeyLimits(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		x, _ := register(t, app, c, "")
		require.Equal(t, "Chrome on macOS", api(t, c, get, "/account/passkeys", nil, 200)["items"].([]any)[0].(object)["name"])
		g := app.SignUp("grace@example.com", "Grace")
		refused(t, g, post, "/account/passkeys", x.made(g.API(post, "/account/passkeys/options", nil)), 409, "passkey_taken")
		replayed := newKey(t, app)
		in := replayed.made(g.API(post, "/account/passkeys/options", nil))
		api(t, g, post, "/account/passkeys", in, 201)
		refused(t, g, post, "/account/passkeys", in, 401, "invalid_credentials")
		require.Equal(t, map[string]string{"name": "too_long"}, refused(t, g, post, "/account/passkeys",
			with(newKey(t, app).made(g.API(post, "/account/passkeys/options", nil)), object{"name": strings.Repeat("x", 61)}), 422, "validation_failed").Fields())
		for range 19 {
			register(t, app, c, "Key")
		}
		refused(t, c, post, "/account/passkeys/options", nil, 409, "too_many_passkeys")
	})
}

// The last passkey of somebody without a password stays, also when two requests
// would remove the last two.
func TestLastPasskey(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		_, first := register(t, app, c, "One")
		x, second := register(t, app, c, "Two")
		u := userOf(t, app, c)
		require.NoError(t, app.Security.Recover(t.Context(), audit.System("test"), u, app.Clock.Now().Add(time.Hour)))
		b := app.Client()
		api(t, b, post, "/auth/passkey", x.signed(ask(b, "sign_in")), 200)
		require.Equal(t, false, api(t, b, get, "/account", nil, 200)["has_password"])
		cookie := sessionCookie(t, app, b)
		var wg sync.WaitGroup
		codes := make([]settingstest.Response, 2)
		for i, which := range []string{first, second} {
			wg.Go(func() {
				t := app.Client()
				t.Token = cookie
				codes[i] = t.API(http.MethodDelete, "/account/passkeys/"+which, nil)
			})
		}
		wg.Wait()
		ok, kept := codes[0], codes[1]
		if ok.Status != 204 {
			ok, kept = kept, ok
		}
		require.Equal(t, 204, ok.Status, "%s", ok.Body)
		// Refused for being the last, or for having been recognised before the other
		// one went; again, it is the last.
		require.Contains(t, []string{"last_factor", "unauthenticated"}, kept.Code(), "%s", kept.Body)
		program := app.Client()
		program.Token = cookie
		for _, which := range []string{first, second} {
			require.Contains(t, []string{"last_factor", "not_found"}, program.API(http.MethodDelete, "/account/passkeys/"+which, nil).Code())
		}
		require.Len(t, api(t, b, get, "/account/passkeys", nil, 200)["items"], 1)
	})
}

func userOf(t *testing.T, app *settingstest.App, c *settingstest.Client) id.User {
	t.Helper()
	login, err := app.Security.Authenticate(t.Context(), sessionCookie(t, app, c))
	require.NoError(t, err)
	return login.Person.ID
}
