package settings_test

import (
	"context"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// oathtool makes the code of a secret at a time: a counterpart that is not ours.
func oathtool(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	path, err := exec.LookPath("oathtool")
	require.NoError(t, err, "install oathtool; ./test.sh does it on Debian")
	out, err := exec.CommandContext(t.Context(), path, "--totp", "-b", "--now", at.UTC().Format("2006-01-02 15:04:05 UTC"), secret).Output() //nolint:gosec // a secret of the test
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// app2 is somebody with two-factor on.
type app2 struct {
	t      *testing.T
	app    *settingstest.App
	c      *settingstest.Client
	secret string
	backup []string
}

const ada = "ada@example.com"

func twoFactor(t *testing.T, app *settingstest.App) *app2 {
	t.Helper()
	a := &app2{t: t, app: app, c: app.SignUp(ada, "Ada")}
	a.enroll()
	return a
}

func (a *app2) enroll() {
	a.t.Helper()
	out := api(a.t, a.c, post, "/account/totp", nil, 201)
	a.secret = out["secret"].(string)
	out = api(a.t, a.c, post, "/account/totp/confirm", object{"code": a.code()}, 200)
	a.backup = nil
	for _, x := range out["backup_codes"].([]any) {
		a.backup = append(a.backup, x.(string))
	}
	a.app.Clock.Advance(time.Minute) // that code is used up
}

func (a *app2) code() string { return oathtool(a.t, a.secret, a.app.Clock.Now()) }

// half signs in by password, in a browser of its own.
func (a *app2) half() *settingstest.Client {
	a.t.Helper()
	c := a.app.Client()
	out := api(a.t, c, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
	require.Equal(a.t, "second_factor_required", out["status"])
	return c
}

func byCode(code string) object   { return object{"method": "totp", "code": code} }
func byBackup(code string) object { return object{"method": "backup_code", "code": code} }

func TestTwoFactor(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		c := app.SignUp(ada, "Ada")
		other := app.SignIn(ada)
		off := api(t, c, get, "/account/second-factor", nil, 200)
		require.Equal(t, object{"enabled": false, "enabled_at": nil, "last_used_at": nil}, off["totp"])
		require.Equal(t, []any{}, off["required_by"])

		out := api(t, c, post, "/account/totp", nil, 201)
		secret := out["secret"].(string)
		require.Regexp(t, `^[A-Z2-7]{32}$`, secret)
		require.Contains(t, out["uri"], "otpauth://totp/Acme:ada@example.com?")
		require.Contains(t, out["uri"], "secret="+secret)
		require.Contains(t, out["qr_svg"], "<svg")
		// Until it is confirmed it asks for nothing.
		require.Equal(t, "signed_in", api(t, app.Client(), post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)["status"])
		// Beginning anew voids the secret before.
		secret2 := api(t, c, post, "/account/totp", nil, 201)["secret"].(string)
		require.NotEqual(t, secret, secret2)
		now := app.Clock.Now()
		refused(t, c, post, "/account/totp/confirm", object{"code": oathtool(t, secret, now)}, 401, "invalid_code")
		refused(t, c, post, "/account/totp/confirm", object{"code": ""}, 422, "validation_failed")

		before := sessionCookie(t, app, c)
		out = api(t, c, post, "/account/totp/confirm", object{"code": oathtool(t, secret2, now)}, 200)
		require.Len(t, out["backup_codes"], 8)
		form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{8}-[0-9A-HJKMNP-TV-Z]{8}$`)
		for _, code := range out["backup_codes"].([]any) {
			require.Regexp(t, form, code)
		}
		require.NotEqual(t, before, sessionCookie(t, app, c), "a new token with new factors")
		api(t, c, get, "/account", nil, 200)
		refused(t, other, get, "/account", nil, 401, "unauthenticated")
		app.Mail.Last(ada, "security.two_factor_on")
		refused(t, c, post, "/account/totp", nil, 409, "totp_enabled")

		on := api(t, c, get, "/account/second-factor", nil, 200)
		require.Equal(t, true, on["totp"].(object)["enabled"])
		require.InDelta(t, 8, on["backup_codes"].(object)["remaining"], 0)
		require.NotContains(t, string(c.API(get, "/account/second-factor", nil).Body), secret2)

		// The code that confirmed is used up, in every place.
		half := app.Client()
		in := api(t, half, post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)
		require.Equal(t, "second_factor_required", in["status"])
		require.Equal(t, []any{"totp", "backup_code"}, in["methods"])
		require.NotContains(t, in, "user")
		refused(t, half, get, "/account", nil, 401, "unauthenticated")
		refused(t, half, post, "/auth/second-factor", byCode(oathtool(t, secret2, now)), 401, "invalid_code")
		app.Clock.Advance(30 * time.Second)
		next := oathtool(t, secret2, app.Clock.Now())
		require.Equal(t, "signed_in", api(t, half, post, "/auth/second-factor", byCode(next), 200)["status"])
		api(t, half, get, "/account", nil, 200)
		items, _ := sessionsOf(t, half, "")
		require.Equal(t, "password", items[0].Method)
		// The half-finished sign-in is over, and the code is used up.
		refused(t, half, post, "/auth/second-factor", byCode(next), 401, "unauthenticated")
		refused(t, c, post, "/auth/reauthenticate", byCode(next), 401, "invalid_code")
	})
}

// The step before, the present one and the next are accepted, each only if later
// than the last one used, whatever the clock does (MFA-01, MFA-20).
func TestCodeWindow(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		at := func(steps int) string {
			return oathtool(t, a.secret, app.Clock.Now().Add(time.Duration(steps)*30*time.Second))
		}
		refused(t, a.c, post, "/auth/reauthenticate", byCode(at(-2)), 401, "invalid_code")
		refused(t, a.c, post, "/auth/reauthenticate", byCode(at(2)), 401, "invalid_code")
		api(t, a.c, post, "/auth/reauthenticate", byCode(at(-1)), 204)
		api(t, a.c, post, "/auth/reauthenticate", byCode(at(0)), 204)
		api(t, a.c, post, "/auth/reauthenticate", byCode(at(1)), 204)
		spent := at(1)
		refused(t, a.c, post, "/auth/reauthenticate", byCode(at(0)), 401, "invalid_code")
		app.Clock.Advance(-90 * time.Second) // stepped back: what is spent stays spent
		refused(t, a.c, post, "/auth/reauthenticate", byCode(spent), 401, "invalid_code")
		refused(t, a.c, post, "/auth/reauthenticate", byCode(at(0)), 401, "invalid_code")
		app.Clock.Advance(3 * time.Minute)
		api(t, a.c, post, "/auth/reauthenticate", byCode(at(0)[:3]+" "+at(0)[3:]), 204)
	})
}

// 16 sign-ins with one code, and with one backup code: one session each (MFA-02,
// MFA-04).
func TestOneCodeManySignIns(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		for _, in := range []object{byCode(a.code()), byBackup(a.backup[0])} {
			halves := make([]*settingstest.Client, 8)
			for i := range halves {
				halves[i] = a.half()
			}
			var mu sync.Mutex
			codes := map[int]int{}
			var wg sync.WaitGroup
			for _, h := range halves {
				wg.Go(func() {
					r := h.API(post, "/auth/second-factor", in)
					mu.Lock()
					defer mu.Unlock()
					codes[r.Status]++
				})
			}
			wg.Wait()
			require.Equal(t, 1, codes[200], "%v", codes)
			require.Equal(t, 7, codes[401]+codes[429], "%v", codes)
			app.Clock.Advance(3 * time.Hour)
		}
		api(t, a.c, post, "/auth/reauthenticate", byCode(a.code()), 204)
		require.InDelta(t, 7, api(t, a.c, get, "/account/second-factor", nil, 200)["backup_codes"].(object)["remaining"], 0)
	})
}

func TestBackupCodes(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		h := a.half()
		typed := strings.ToLower(strings.ReplaceAll(a.backup[0], "-", " "))
		api(t, h, post, "/auth/second-factor", byBackup(typed), 200)
		require.Contains(t, app.Mail.Last(ada, "security.backup_code_used").Text, "7")
		refused(t, a.half(), post, "/auth/second-factor", byBackup(a.backup[0]), 401, "invalid_code")

		codes := api(t, a.c, post, "/account/backup-codes", nil, 200)["backup_codes"].([]any)
		require.Len(t, codes, 8)
		app.Mail.Last(ada, "security.backup_codes_renewed")
		refused(t, a.half(), post, "/auth/second-factor", byBackup(a.backup[1]), 401, "invalid_code")
		for i, code := range codes[:6] {
			app.Clock.Advance(time.Minute)
			api(t, a.half(), post, "/auth/second-factor", byBackup(code.(string)), 200)
			require.InDelta(t, 7-i, remaining(t, a.c), 0)
		}
		// Another person's codes are nothing here.
		grace := app.SignUp("grace@example.com", "Grace")
		refused(t, grace, post, "/account/backup-codes", nil, 409, "two_factor_off")
		refused(t, grace, post, "/auth/reauthenticate", byBackup(codes[6].(string)), 401, "invalid_code")
		require.InDelta(t, 2, remaining(t, a.c), 0)
	})
}

func remaining(t *testing.T, c *settingstest.Client) any {
	t.Helper()
	return api(t, c, get, "/account/second-factor", nil, 200)["backup_codes"].(object)["remaining"]
}

// The half-finished sign-in lasts 5 minutes and 5 tries, and another success of
// the password gives no more of them than the account's budget has (MFA-06).
func TestHalfSignedIn(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		late := a.half()
		app.Clock.Advance(5 * time.Minute)
		refused(t, late, post, "/auth/second-factor", byCode(a.code()), 401, "unauthenticated")

		tired := a.half()
		for range 5 {
			refused(t, tired, post, "/auth/second-factor", byCode("000000"), 401, "invalid_code")
		}
		refused(t, tired, post, "/auth/second-factor", byCode(a.code()), 401, "unauthenticated")

		again := a.half()
		for range 5 {
			refused(t, again, post, "/auth/second-factor", byCode("000000"), 401, "invalid_code")
		}
		third := a.half()
		r := refused(t, third, post, "/auth/second-factor", byCode(a.code()), 429, "rate_limited")
		require.NotEmpty(t, r.Header.Get("Retry-After"))
		// The owner is not locked out: a backup code, and the browser that the
		// person has signed in from before, have budgets of their own.
		api(t, third, post, "/auth/second-factor", byBackup(a.backup[0]), 200)
		api(t, a.c, post, "/auth/reauthenticate", byCode(a.code()), 204)

		// A change of the credential voids what is half finished.
		half := a.half()
		api(t, a.c, http.MethodPut, "/account/password", object{"current_password": settingstest.Password, "password": "another horse 43"}, 204)
		refused(t, half, post, "/auth/second-factor", byBackup(a.backup[1]), 401, "unauthenticated")
	})
}

// With the password proven and no more, nothing else opens (MFA-08).
func TestHalfSignedInOpensNothing(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		h := a.half()
		for _, r := range []string{
			"GET /account", "PATCH /account", "GET /account/sessions", "DELETE /account/sessions", "GET /account/second-factor",
			"POST /account/totp", "POST /account/totp/confirm", "POST /account/totp/disable", "POST /account/backup-codes",
			"GET /account/passkeys", "POST /account/passkeys/options", "POST /account/passkeys", "GET /account/security-events",
			"POST /account/email", "PUT /account/password", "POST /auth/reauthenticate", "POST /auth/reauthenticate/email-code", "POST /auth/sign-out",
		} {
			method, path, _ := strings.Cut(r, " ")
			refused(t, h, method, path, object{}, 401, "unauthenticated")
		}
		// Nor does its token, sent as if it were a session's.
		token := app.Client()
		out := api(t, token, post, "/auth/sign-in", object{"email": ada, "password": settingstest.Password, "transport": "token"}, 200)
		token.Token = out["challenge"].(string)
		refused(t, token, get, "/account", nil, 401, "unauthenticated")
		token.Token = ""
		out = api(t, token, post, "/auth/second-factor", object{"method": "totp", "code": a.code(), "challenge": out["challenge"]}, 200)
		token.Token = out["session_token"].(string)
		api(t, token, get, "/account", nil, 200)
	})
}

// Step-up asks for the second factor where one is enrolled; a password alone
// opens nothing then (RFC 9470).
func TestStepUpBySecondFactor(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		app.Clock.Advance(11 * time.Minute)
		change := object{"email": "ada@new.example.com"}
		r := refused(t, a.c, post, "/account/email", change, 401, "reauthentication_required")
		require.Contains(t, r.Header.Get("WWW-Authenticate"), "insufficient_user_authentication")
		var p struct{ Methods []string }
		r.JSON(t, &p)
		require.Equal(t, []string{"totp", "backup_code"}, p.Methods)
		api(t, a.c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		refused(t, a.c, post, "/account/email", change, 401, "reauthentication_required")
		refused(t, a.c, post, "/account/backup-codes", nil, 401, "reauthentication_required")
		refused(t, a.c, post, "/account/totp/disable", object{"password": settingstest.Password, "code": a.code()}, 401, "reauthentication_required")
		api(t, a.c, post, "/auth/reauthenticate", byCode(a.code()), 204)
		api(t, a.c, post, "/account/email", change, 202)
		// A mailed code is for people who have nothing else.
		refused(t, a.c, post, "/auth/reauthenticate/email-code", nil, 409, "other_factor")
		refused(t, a.c, post, "/auth/reauthenticate", object{"method": "email_code", "code": "12345678"}, 409, "other_factor")
		refused(t, a.c, post, "/auth/reauthenticate", object{"method": "sso"}, 422, "validation_failed")
	})
}

// Turning two-factor off asks for two different factors (MFA-11), ends other
// sessions (MFA-18) and is mailed.
func TestDisableTwoFactor(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		h := a.half()
		api(t, h, post, "/auth/second-factor", byCode(a.code()), 200)
		app.Clock.Advance(11 * time.Minute)
		api(t, a.c, post, "/auth/reauthenticate", byCode(a.code()), 204)
		app.Clock.Advance(time.Minute)
		disable := "/account/totp/disable"
		require.Equal(t, map[string]string{"password": "required"}, refused(t, a.c, post, disable, object{}, 422, "validation_failed").Fields())
		require.Equal(t, map[string]string{"password": "required"}, refused(t, a.c, post, disable, object{"code": a.code()}, 422, "validation_failed").Fields())
		r := refused(t, a.c, post, disable, object{"password": "wrong horse 42"}, 422, "validation_failed")
		require.Equal(t, map[string]string{"password": "wrong_password"}, r.Fields())
		refused(t, a.c, post, disable, object{"password": settingstest.Password, "code": "000000"}, 401, "invalid_code")
		require.Equal(t, true, api(t, a.c, get, "/account/second-factor", nil, 200)["totp"].(object)["enabled"])
		api(t, a.c, post, disable, object{"password": settingstest.Password}, 204) // and the code proven before
		app.Mail.Last(ada, "security.two_factor_off")
		refused(t, h, get, "/account", nil, 401, "unauthenticated")
		f := api(t, a.c, get, "/account/second-factor", nil, 200)
		require.Equal(t, false, f["totp"].(object)["enabled"])
		require.InDelta(t, 0, f["backup_codes"].(object)["remaining"], 0)
		require.Equal(t, "signed_in", api(t, app.Client(), post, "/auth/sign-in", credentials(ada, settingstest.Password), 200)["status"])
		api(t, a.c, post, "/auth/reauthenticate", object{"method": "password", "password": settingstest.Password}, 204)
		refused(t, a.c, post, disable, object{"password": settingstest.Password, "code": a.backup[0]}, 409, "two_factor_off")
	})
}

// A reset link does not skip the second factor, and leaves it (RSET-05, MFA-09).
func TestResetKeepsTwoFactor(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		api(t, app.Client(), post, "/auth/password/forgot", object{"email": ada}, 202)
		link := app.LinkToken(ada, "security.reset")
		api(t, app.Client(), post, "/auth/password/reset", object{"token": link, "password": "another horse 43"}, 204)
		c := app.Client()
		out := api(t, c, post, "/auth/sign-in", credentials(ada, "another horse 43"), 200)
		require.Equal(t, "second_factor_required", out["status"])
		api(t, c, post, "/auth/second-factor", byCode(a.code()), 200)
	})
}

// After 100 wrong codes one after the other none is accepted for a day, and the
// person is told; backup codes still open (NIST SP 800-63B-4, section 3.2.2).
func TestTOTPSuspended(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := twoFactor(t, app)
		for range 100 {
			app.Clock.Advance(10 * time.Minute)
			refused(t, a.half(), post, "/auth/second-factor", byCode("000000"), 401, "invalid_code")
		}
		app.Mail.Last(ada, "security.totp_suspended")
		app.Clock.Advance(time.Hour)
		refused(t, a.half(), post, "/auth/second-factor", byCode(a.code()), 429, "rate_limited")
		api(t, a.half(), post, "/auth/second-factor", byBackup(a.backup[0]), 200)
		app.Clock.Advance(24 * time.Hour)
		api(t, a.half(), post, "/auth/second-factor", byCode(a.code()), 200)
	})
}

// A code that is checked refuses to run inside somebody's transaction.
func TestCodesOutsideOfTransactions(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		a := twoFactor(t, app)
		login, err := app.Security.Authenticate(t.Context(), sessionCookie(t, app, a.c))
		require.NoError(t, err)
		actor := login.Actor(audit.Actor{})
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
			_, err := app.Security.SecondFactor(ctx, audit.Actor{}, security.SecondFactor{Challenge: "x", Method: audit.TOTP, Code: "123456"})
			require.ErrorIs(t, err, security.ErrInTransaction)
			_, err = app.Security.Reauthenticate(ctx, actor, security.Reauthenticate{Method: audit.TOTP, Code: "123456"})
			require.ErrorIs(t, err, security.ErrInTransaction)
			_, err = app.Security.DisableTOTP(ctx, actor, security.DisableTOTP{Password: "x", Code: "123456"})
			require.ErrorIs(t, err, security.ErrInTransaction)
			_, err = app.Security.ConfirmTOTP(ctx, actor, "123456", true)
			require.ErrorIs(t, err, security.ErrInTransaction)
			return nil
		}))
	})
}
