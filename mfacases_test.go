package settings_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// Somebody who is signed in and half signs in as another person stays who they
// are, and the other person's factors are out of reach (MFA-05, MFA-10).
func TestHalfSignInIsNobody(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		m := app.SignUp("mallory@example.com", "Mallory")
		theirs, _ := register(t, app, m, "Mallory's")
		// In the same browser: the password of Ada, and no more.
		api(t, m, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		require.Equal(t, "mallory@example.com", api(t, m, get, "/account", nil, 200)["email"])
		require.Equal(t, false, api(t, m, get, "/account/second-factor", nil, 200)["totp"].(object)["enabled"])
		refused(t, m, post, "/account/totp/disable", object{"password": settingstest.Password, "code": a.code()}, 409, "two_factor_off")
		refused(t, m, post, "/account/backup-codes", nil, 409, "two_factor_off")
		// Nor does Mallory's passkey answer for Ada, who has none, or for her key.
		require.Equal(t, 404, ask(m, "second_factor").Status)
		register(t, app, a.c, "Ada's")
		refused(t, m, post, "/auth/passkey", theirs.signed(ask(m, "second_factor")), 401, "invalid_credentials")
		// Mallory's own app, enrolled now, gives no code for Ada.
		secret := api(t, m, post, "/account/totp", nil, 201)["secret"].(string)
		api(t, m, post, "/account/totp/confirm", object{"code": oathtool(t, secret, app.Clock.Now())}, 200)
		app.Clock.Advance(time.Minute)
		refused(t, m, post, "/auth/second-factor", byCode(oathtool(t, secret, app.Clock.Now())), 401, "invalid_code")
		require.Equal(t, true, api(t, a.c, get, "/account/second-factor", nil, 200)["totp"].(object)["enabled"])
	})
}

// Signing out everywhere ends what is half done: sign-ins, and challenges of
// passkeys (SESS-18).
func TestSignOutEverywhereEndsHalfSignIns(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		x, _ := register(t, app, a.c, "Key")
		h := a.half()
		answer := x.signed(ask(h, "second_factor"))
		api(t, a.c, "DELETE", "/account/sessions?scope=all", nil, 204)
		refused(t, h, post, "/auth/second-factor", byCode(a.code()), 401, "unauthenticated")
		refused(t, h, post, "/auth/passkey", answer, 401, "unauthenticated")
		refused(t, a.c, get, "/account", nil, 401, "unauthenticated")
	})
}

// Somebody with a stolen cookie and no factor adds, changes and removes none
// (MFA-11).
func TestFactorsNeedFreshProof(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		_, id := register(t, app, a.c, "Key")
		app.Clock.Advance(11 * time.Minute)
		for _, r := range []string{
			"POST /account/totp", "POST /account/totp/confirm", "POST /account/totp/disable", "POST /account/backup-codes",
			"POST /account/passkeys/options", "POST /account/passkeys", "PATCH /account/passkeys/" + id, "DELETE /account/passkeys/" + id,
		} {
			method, path, _ := strings.Cut(r, " ")
			refused(t, a.c, method, path, object{}, 401, "reauthentication_required")
		}
	})
}

// rumours says what it was told to of every password.
type rumours struct {
	known bool
	err   error
	asked []string
}

func (r *rumours) Breached(_ context.Context, password string) (bool, error) {
	r.asked = append(r.asked, password)
	return r.known, r.err
}

// A breached password cannot be chosen, by any door; nobody's sign-in asks; and
// who cannot tell keeps nobody out (AUTH-14).
func TestBreachedPasswords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		var log bytes.Buffer
		r := &rumours{}
		app := settingstest.Start(t, settings.Config{Store: db, BreachChecker: r, Log: slog.New(slog.NewTextHandler(&log, nil))})
		c := app.SignUp(ada, "Ada")
		require.Equal(t, []string{settingstest.Password}, r.asked)
		app.SignIn(ada)
		require.Len(t, r.asked, 1, "signing in asks nobody")

		r.known = true
		want := map[string]string{"password": "breached_password"}
		change := object{"current_password": settingstest.Password, "password": "another horse 43"}
		require.Equal(t, want, refused(t, c, put, "/account/password", change, 422, "validation_failed").Fields())
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": ada}, 202)
		reset := object{"token": app.LinkToken(ada, "security.reset"), "password": "another horse 43"}
		require.Equal(t, want, refused(t, app.Client(), post, "/auth/password/reset", reset, 422, "validation_failed").Fields())
		api(t, app.Client(), post, "/auth/sign-up", object{"email": "grace@example.com"}, 202)
		complete := object{"token": app.LinkToken("grace@example.com", "account.sign_up"), "name": "Grace", "password": "another horse 43"}
		require.Equal(t, want, refused(t, app.Client(), post, "/auth/sign-up/complete", complete, 422, "validation_failed").Fields())

		r.known, r.err = false, errors.New("timeout")
		api(t, app.Client(), post, "/auth/sign-up/complete", complete, 201) // the link was not used up
		api(t, app.Client(), post, "/auth/password/reset", reset, 204)
		require.Contains(t, log.String(), "not checked for breaches")
		require.NotContains(t, log.String(), "horse")
	})
}

// The person's own history names what happened to their factors, refusals
// included, and holds no secret.
func TestSecurityEvents(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		refused(t, a.half(), post, "/auth/second-factor", byCode("000000"), 401, "invalid_code")
		app.Clock.Advance(time.Second)
		api(t, a.half(), post, "/auth/second-factor", byBackup(a.backup[0]), 200)
		r := a.c.API(get, "/account/security-events?limit=200", nil)
		var list struct {
			Items []struct {
				Action, Outcome, Reason, IP string
				Actor                       struct{ Kind, Name string }
			}
			NextCursor string `json:"next_cursor"`
		}
		r.JSON(t, &list)
		var actions []string
		for _, e := range list.Items {
			actions = append(actions, e.Action+" "+e.Outcome)
		}
		for _, want := range []string{
			"security.totp_started done", "security.totp_enabled done", "security.second_factor_asked done",
			"security.second_factor refused", "security.backup_code_used done", "security.signed_in done",
		} {
			require.Contains(t, actions, want)
		}
		require.Equal(t, "security.signed_in done", actions[0], "newest first")
		require.NotContains(t, string(r.Body), a.secret)
		require.NotContains(t, string(r.Body), a.backup[0])
		// Paged, without gaps.
		var paged []string
		for cursor := ""; ; {
			r := a.c.API(get, "/account/security-events?limit=2&cursor="+cursor, nil)
			list.Items, list.NextCursor = nil, ""
			r.JSON(t, &list)
			for _, e := range list.Items {
				paged = append(paged, e.Action+" "+e.Outcome)
			}
			if cursor = list.NextCursor; cursor == "" {
				break
			}
		}
		require.Equal(t, actions, paged)
		refused(t, a.c, get, "/account/security-events?cursor=nonsense", nil, 422, "validation_failed")
		g := app.SignUp("grace@example.com", "Grace")
		require.NotContains(t, string(g.API(get, "/account/security-events", nil).Body), "totp")
	})
}
