package settings_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// Whoever was recognised before a revocation, and acts after it, acts by nothing:
// not by a session that was ended, nor under a credential that has changed.
func TestRecognisedBeforeRevocation(t *testing.T) {
	for name, revoke := range map[string]func(t *testing.T, a *app2, owner *settingstest.Client){
		"sign out others": func(t *testing.T, _ *app2, owner *settingstest.Client) {
			api(t, owner, "DELETE", "/account/sessions?scope=others", nil, 204)
		},
		"password": func(t *testing.T, _ *app2, owner *settingstest.Client) {
			api(t, owner, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 43"}, 204)
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, app *settingstest.App) {
				a := twoFactor(t, app)
				thief := a.half()
				api(t, thief, post, "/auth/second-factor", byCode(a.code()), 200)
				x, key := register(t, app, thief, "Key")
				answer := x.signed(ask(thief, "reauthenticate"))
				login, err := app.Security.Authenticate(t.Context(), sessionCookie(t, app, thief))
				require.NoError(t, err)
				actor := login.Actor(audit.Actor{})
				revoke(t, a, a.c)
				app.Clock.Advance(time.Second)

				ctx, s := t.Context(), app.Security
				for name, act := range map[string]func() error{
					"enrol":          func() error { _, err := s.EnrollTOTP(ctx, actor); return err },
					"confirm":        func() error { _, err := s.ConfirmTOTP(ctx, actor, "123456", false); return err },
					"disable":        func() error { _, err := s.DisableTOTP(ctx, actor, security.DisableTOTP{}); return err },
					"codes":          func() error { _, err := s.RenewBackupCodes(ctx, actor); return err },
					"begin passkey":  func() error { _, err := s.BeginPasskey(ctx, actor); return err },
					"rename passkey": func() error { _, err := s.RenamePasskey(ctx, actor, passkeyID(t, key), "Mine"); return err },
					"remove passkey": func() error { _, err := s.RemovePasskey(ctx, actor, passkeyID(t, key), false); return err },
					"change password": func() error {
						_, err := s.ChangePassword(ctx, actor, security.ChangePassword{Current: settingstest.Password, New: "another horse 44"})
						return err
					},
					"prove by code": func() error {
						_, err := s.Reauthenticate(ctx, actor, security.Reauthenticate{Method: audit.BackupCode, Code: a.backup[0]})
						return err
					},
					"revoke all": func() error { _, err := s.RevokeSessions(ctx, actor, security.All); return err },
				} {
					err := act()
					if name == "begin passkey" && err == nil {
						continue // makes a challenge, which AddPasskey then refuses
					}
					require.Error(t, err, name)
				}
				require.NotEmpty(t, answer)
				f := api(t, a.c, get, "/account/second-factor", nil, 200)
				require.Equal(t, true, f["totp"].(object)["enabled"])
				require.InDelta(t, 8, f["backup_codes"].(object)["remaining"], 0, "the code that was tried is not spent")
				require.Len(t, api(t, a.c, get, "/account/passkeys", nil, 200)["items"], 1)
			})
		})
	}
}

// A body that comes slowly acts by the session as it is when the body is there.
func TestSlowBody(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		owner := app.SignUp(ada, "Ada")
		thief := app.SignIn(ada)
		in := newKey(t, app).made(thief.API(post, "/account/passkeys/options", nil))
		began := make(chan struct{})
		body := &heldBody{text: strings.NewReader(mustJSON(t, in)), began: began, held: make(chan struct{})}
		status := make(chan int, 1)
		go func() {
			r, err := http.NewRequest(http.MethodPost, app.URL+"/api/v1/account/passkeys", body) //nolint:noctx // ends with the server
			if err != nil {
				status <- 0
				return
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+sessionCookie(t, app, thief))
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				status <- 0
				return
			}
			_ = resp.Body.Close()
			status <- resp.StatusCode
		}()
		<-began
		api(t, owner, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 43"}, 204)
		close(body.held)
		require.Equal(t, 401, <-status)
		require.Empty(t, api(t, owner, get, "/account/passkeys", nil, 200)["items"])
	})
}

// Where the host asks for two factors, a password alone is never both: not of
// somebody who has a passkey (MFA-19).
func TestRequireSecondFactorOfPasskeyHolders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db, RequireSecondFactor: true})
		c := app.SignUp(ada, "Ada")
		x, key := register(t, app, c, "Key")
		thief := app.Client()
		out := api(t, thief, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		require.Equal(t, "second_factor_required", out["status"])
		require.Equal(t, []any{"passkey"}, out["methods"])
		refused(t, thief, post, "/account/totp", nil, 401, "unauthenticated")
		api(t, thief, post, "/auth/passkey", x.signed(ask(thief, "second_factor")), 200)
		api(t, thief, "PATCH", "/account", object{"name": "Ada Lovelace"}, 200)
		// The session from before asks for the passkey too, and not for the password.
		app.Clock.Advance(11 * time.Minute)
		r := refused(t, c, post, "/account/totp", nil, 401, "reauthentication_required")
		var p struct{ Methods []string }
		r.JSON(t, &p)
		require.Equal(t, []string{"passkey"}, p.Methods)
		api(t, c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		refused(t, c, "DELETE", "/account/passkeys/"+key, nil, 403, "second_factor_enrollment_required")
		refused(t, c, post, "/account/totp", nil, 401, "reauthentication_required")
		api(t, c, post, "/auth/reauthenticate", with(x.signed(ask(c, "reauthenticate")), object{"method": "passkey"}), 204)
		api(t, c, post, "/account/totp", nil, 201)
	})
}

// "This wasn't me" gives back an address that was changed since, and the codes
// that somebody else made go; so does undoing a change of address with factors
// that were added before it.
func TestNothingOfTheIntruderIsLeft(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		thief := app.Client()
		thief.Header.Set("User-Agent", firefox)
		api(t, thief, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		api(t, thief, post, "/auth/second-factor", byCode(a.code()), 200)
		link := app.LinkToken(ada, "security.new_device")
		theirs := api(t, thief, post, "/account/backup-codes", nil, 200)["backup_codes"].([]any)
		api(t, thief, post, "/account/email", object{"email": "mallory@example.com"}, 202)
		api(t, app.Client(), post, "/account/email/confirm", object{"token": app.LinkToken("mallory@example.com", "account.confirm_email")}, 204)
		require.Equal(t, "mallory@example.com", api(t, thief, get, "/account", nil, 200)["email"])

		api(t, app.Client(), post, "/auth/not-me", object{"token": link}, 204)
		require.Zero(t, mailsOf(app, "mallory@example.com", "security.reset"))
		api(t, app.Client(), post, "/auth/password/reset", object{"token": app.LinkToken(ada, "security.reset"), "password": "my own horse 42"}, 204)
		b := app.Client()
		api(t, b, post, "/auth/sign-in", credentials(ada, "my own horse 42"), 200)
		refused(t, b, post, "/auth/second-factor", byBackup(theirs[0].(string)), 401, "invalid_code")
		app.Clock.Advance(time.Minute)
		api(t, b, post, "/auth/second-factor", byCode(a.code()), 200)
		require.InDelta(t, 0, remaining(t, b), 0)
	})
	each(t, func(t *testing.T, app *settingstest.App) {
		app.SignUp(ada, "Ada")
		app.Clock.Advance(time.Hour)
		thief := app.SignIn(ada)
		theirs, _ := register(t, app, thief, "Theirs")
		app.Clock.Advance(time.Minute)
		api(t, thief, post, "/account/email", object{"email": "mallory@example.com"}, 202)
		undo := app.LinkToken(ada, "account.email_change_requested")
		api(t, app.Client(), post, "/account/email/confirm", object{"token": app.LinkToken("mallory@example.com", "account.confirm_email")}, 204)
		api(t, app.Client(), post, "/account/email/undo", object{"token": undo}, 204)
		refused(t, thief, post, "/auth/passkey", theirs.signed(ask(thief, "sign_in")), 401, "invalid_credentials")
	})
}

// A browser that signed in with a stolen password is not known any more once the
// password is another one.
func TestKnownDevicesEndWithThePassword(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		owner := app.SignUp(ada, "Ada")
		app.Clock.Advance(time.Minute)
		thief := app.Client()
		thief.Header.Set("User-Agent", firefox)
		api(t, thief, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		before := mailsOf(app, ada, "security.new_device")
		api(t, owner, put, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 43"}, 204)
		api(t, thief, post, "/auth/sign-in", credentials(ada, "another horse 43"), 200)
		require.Equal(t, before+1, mailsOf(app, ada, "security.new_device"))
		api(t, owner, post, "/auth/sign-out", nil, 204)
		api(t, owner, post, "/auth/sign-in", credentials(ada, "another horse 43"), 200)
		require.Equal(t, before+1, mailsOf(app, ada, "security.new_device"), "the browser of the change stays known")
	})
}

// A proof from the future, as after a clock was set back, opens nothing.
func TestProofFromTheFuture(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		app.Clock.Advance(-time.Hour)
		refused(t, c, post, "/account/totp", nil, 401, "reauthentication_required")
	})
}

// heldBody sends its first byte, and the rest when it may.
type heldBody struct {
	text  *strings.Reader
	began chan struct{}
	held  chan struct{}
	n     int
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.n++
	switch b.n {
	case 1:
		return b.text.Read(p[:1])
	case 2:
		close(b.began)
		<-b.held
	}
	return b.text.Read(p)
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}

func passkeyID(t *testing.T, text string) id.Factor {
	t.Helper()
	k, err := id.ParseFactor(text)
	require.NoError(t, err)
	return k
}
