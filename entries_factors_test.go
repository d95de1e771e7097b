package settings_test

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// ceremonies are used up by an answer, whatever comes of it.
var ceremonies = []string{"settings_ceremonies"}

var factorDeeds = []deed{
	{method: inSecurity + "EnrollTOTP", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			out, err := w.app.Security.EnrollTOTP(w.t.Context(), a)
			if err == nil {
				w.secret(out.Secret.Reveal())
			}
			return err
		}, leaving(h.by(a, security.ActionTOTPStarted))
	}},
	{method: inSecurity + "ConfirmTOTP", when: "of a member", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		first, second := w.firm().with(h, orgs.Viewer), w.firm().with(h, orgs.Admin)
		h.signIn()
		h.enroll()
		a, code := h.actor(), h.code()
		return func() error {
				_, err := w.app.Security.ConfirmTOTP(w.t.Context(), a, code, false)
				return err
			}, leaving(h.by(a, security.ActionTOTPEnabled, changed("sessions_ended", "", "1")),
				first.log(a, orgs.ActionSecondFactorOn, h.target()), second.log(a, orgs.ActionSecondFactorOn, h.target()))
	}},
	{method: inSecurity + "ConfirmTOTP", when: "by a wrong code", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.enroll()
		a := h.actor()
		return h.confirming(a), leaving(h.inVain(h.by(a, security.ActionTOTPEnabled), "invalid_code"))
	}},
	{method: inSecurity + "ConfirmTOTP", when: "by a wrong code, again and again", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.enroll()
		for range 15 {
			require.ErrorIs(w.t, h.confirming(h.actor())(), security.ErrInvalidCode)
		}
		a := h.actor()
		return h.confirming(a), leaving(h.inVain(h.by(a, security.ActionTOTPEnabled, changed("failures_in_the_last_hour", "", "16")), "invalid_code"))
	}},
	{method: inSecurity + "DisableTOTP", when: "of a member", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		o := w.firm().with(h, orgs.Member)
		h.twoFactor().signIn()
		a, code := h.actor(), h.code()
		return h.disabling(a, settingstest.Password, code), leaving(
			h.by(a, security.ActionTOTPDisabled, changed("sessions_ended", "", "1")), o.log(a, orgs.ActionSecondFactorOff, h.target()))
	}},
	{method: inSecurity + "DisableTOTP", when: "by a wrong password", is: fault.Invalid, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		a := h.actor()
		return h.disabling(a, w.secret(wrongPassword), ""), leaving(h.inVain(h.by(a, security.ActionTOTPDisabled), "invalid_credentials"))
	}},
	{method: inSecurity + "DisableTOTP", when: "by a wrong code, again and again", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		h.mistakes(15)
		a := h.actor()
		return h.disabling(a, settingstest.Password, "000"),
			leaving(h.inVain(h.by(a, security.ActionTOTPDisabled, changed("failures_in_the_last_hour", "", "16")), "invalid_code"))
	}},
	{method: inSecurity + "RenewBackupCodes", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		a := h.actor()
		return func() error {
			codes, err := w.app.Security.RenewBackupCodes(w.t.Context(), a)
			for _, c := range codes {
				w.secret(c)
			}
			return err
		}, leaving(h.by(a, security.ActionBackupCodesRenewed))
	}},
	{method: inSecurity + "BeginPasskey", silent: "a challenge, which opens nothing by itself", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a := w.human().actor()
		return func() error {
			_, err := w.app.Security.BeginPasskey(w.t.Context(), a)
			return err
		}, silence
	}},
	{method: inSecurity + "AddPasskey", beside: ceremonies, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		_, credential := h.newPasskey()
		a := h.actor()
		var k security.Passkey
		return func() (err error) {
				k, err = w.app.Security.AddPasskey(w.t.Context(), a, "Laptop", credential)
				return err
			}, func() []audit.Entry {
				return []audit.Entry{h.of(entry(a, security.ActionPasskeyAdded, passkeyTarget(k.ID, "Laptop")))}
			}
	}},
	{method: inSecurity + "RenamePasskey", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		_, k := h.passkey()
		a := h.actor()
		return func() error {
			_, err := w.app.Security.RenamePasskey(w.t.Context(), a, k, "Desk")
			return err
		}, leaving(h.of(entry(a, security.ActionPasskeyRenamed, passkeyTarget(k, "Desk"), changed("name", "Key", "Desk"))))
	}},
	{method: inSecurity + "RemovePasskey", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		_, k := h.passkey()
		h.signIn()
		a := h.actor()
		return func() error {
			_, err := w.app.Security.RemovePasskey(w.t.Context(), a, k, false)
			return err
		}, leaving(h.of(entry(a, security.ActionPasskeyRemoved, passkeyTarget(k, "Key"), changed("sessions_ended", "", "1"))))
	}},
	{method: inSecurity + "AskPasskey", silent: "a challenge, which opens nothing by itself", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error {
			_, err := w.app.Security.AskPasskey(w.t.Context(), w.from(), security.AskPasskey{Purpose: security.ForSignIn})
			return err
		}, silence
	}},
	{method: inSecurity + "SignInByPasskey", beside: ceremonies, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		x, _ := h.passkey()
		answer, a := h.answer(x, security.ForSignIn, ""), w.from()
		var out security.Outcome
		return func() (err error) {
				out, err = w.app.Security.SignInByPasskey(w.t.Context(), a, security.PasskeyProof{Credential: answer})
				return err
			}, func() []audit.Entry {
				return []audit.Entry{h.began(a, out.Session.ID)}
			}
	}},
	{method: inSecurity + "SignInByPasskey", when: "by another key", is: security.ErrInvalidCredentials, beside: ceremonies, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		x, _ := h.passkey()
		forged := newCredential()
		forged.ID = x.k.ID
		x.k = forged
		answer, a := h.answer(x, security.ForSignIn, ""), w.from()
		return func() error {
			_, err := w.app.Security.SignInByPasskey(w.t.Context(), a, security.PasskeyProof{Credential: answer})
			return err
		}, leaving(h.inVain(h.by(a, security.ActionSignedIn), "invalid_credentials"))
	}},
	{method: inSecurity + "SignInByPasskey", when: "by a copy", is: security.ErrInvalidCredentials, beside: ceremonies, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		x, k := h.passkey()
		x.k.Counter = 100
		_, err := w.app.Security.SignInByPasskey(w.t.Context(), w.from(), security.PasskeyProof{Credential: h.answer(x, security.ForSignIn, "")})
		require.NoError(w.t, err)
		x.k.Counter = 50
		answer, a := h.answer(x, security.ForSignIn, ""), w.from()
		return func() error {
			_, err := w.app.Security.SignInByPasskey(w.t.Context(), a, security.PasskeyProof{Credential: answer})
			return err
		}, leaving(h.inVain(entry(a, security.ActionSignedIn, passkeyTarget(k, "Key")), "passkey_cloned"))
	}},
}

func passkeyTarget(k id.Factor, name string) audit.Target {
	return audit.Target{Kind: "passkey", ID: k.String(), Name: name}
}

// confirming is the deed of confirming an app by a wrong code.
func (h *human) confirming(a audit.Actor) func() error {
	return func() error {
		_, err := h.w.app.Security.ConfirmTOTP(h.w.t.Context(), a, "000", false)
		return err
	}
}

func (h *human) disabling(a audit.Actor, password, code string) func() error {
	return func() error {
		_, err := h.w.app.Security.DisableTOTP(h.w.t.Context(), a, security.DisableTOTP{Password: password, Code: code})
		return err
	}
}

// newPasskey is one that waits to be registered.
func (h *human) newPasskey() (*key, []byte) {
	h.w.t.Helper()
	options, err := h.w.app.Security.BeginPasskey(h.w.t.Context(), h.actor())
	require.NoError(h.w.t, err)
	x := newKey(h.w.t, h.w.app)
	credential, err := json.Marshal(x.made(settingstest.Response{Status: 200, Body: options}))
	require.NoError(h.w.t, err)
	return x, credential
}

// passkey registers one.
func (h *human) passkey() (*key, id.Factor) {
	h.w.t.Helper()
	x, credential := h.newPasskey()
	k, err := h.w.app.Security.AddPasskey(h.w.t.Context(), h.actor(), "Key", credential)
	require.NoError(h.w.t, err)
	return x, k.ID
}

// answer is what the passkey says when it is asked.
func (h *human) answer(x *key, purpose security.Purpose, challenge string) []byte {
	h.w.t.Helper()
	a := h.w.from()
	if purpose == security.ForReauthenticate {
		a = h.actor()
	}
	options, err := h.w.app.Security.AskPasskey(h.w.t.Context(), a, security.AskPasskey{Purpose: purpose, Challenge: challenge})
	require.NoError(h.w.t, err)
	answer, err := json.Marshal(x.signed(settingstest.Response{Status: 200, Body: options}))
	require.NoError(h.w.t, err)
	return answer
}

var recoveryDeeds = []deed{
	{method: inSecurity + "ChangePassword", when: "of somebody who has one", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.signIn()
		a := h.actor()
		return h.changing(a, settingstest.Password), leaving(h.by(a, security.ActionPasswordChanged, changed("sessions_ended", "", "1")))
	}},
	{method: inSecurity + "ChangePassword", when: "of somebody who has none", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.withoutPassword()
		first := h.actor()
		h.again()
		a := h.actor()
		require.NotEqual(w.t, first.Session, a.Session)
		return h.changing(a, ""), leaving(h.by(a, security.ActionPasswordSet, changed("sessions_ended", "", "1")))
	}},
	{method: inSecurity + "ChangePassword", when: "by a wrong one", is: fault.Invalid, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return h.changing(a, wrongPassword), leaving(h.inVain(h.by(a, security.ActionPasswordChanged), "invalid_credentials"))
	}},
	{method: inSecurity + "ChangePassword", when: "by a wrong one, again and again", is: fault.Invalid, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.guesses(15)
		a := h.actor()
		return h.changing(a, wrongPassword),
			leaving(h.inVain(h.by(a, security.ActionPasswordChanged, changed("failures_in_the_last_hour", "", "16")), "invalid_credentials"))
	}},
	{method: inSecurity + "ForgotPassword", when: "of somebody", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.human(), w.from()
		return func() error { return w.app.Security.ForgotPassword(w.t.Context(), a, h.email) },
			leaving(h.by(a, security.ActionResetRequested))
	}},
	{method: inSecurity + "ForgotPassword", when: "of nobody, again and again", prepare: func(w *world) (func() error, func() []audit.Entry) {
		email := w.address()
		for range 15 {
			require.NoError(w.t, w.app.Security.ForgotPassword(w.t.Context(), w.from(), email))
		}
		a := w.from()
		return func() error { return w.app.Security.ForgotPassword(w.t.Context(), a, email) },
			leaving(entry(a, security.ActionResetRequested, audit.Target{Kind: "address", ID: "*"}, changed("requests_in_the_last_hour", "", "16")))
	}},
	{method: inSecurity + "ResetPassword", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		require.NoError(w.t, w.app.Security.ForgotPassword(w.t.Context(), w.from(), h.email))
		link := w.link(h.email, "security.reset")
		a := h.actor() // the link acts, and not who is signed in
		return func() error {
				return w.app.Security.ResetPassword(w.t.Context(), a, link, w.secret("another-canary 7"))
			},
			leaving(h.by(asNobody(a), security.ActionPasswordReset, changed("sessions_ended", "", "1")))
	}},
	{method: inSecurity + "NotMe", when: "after factors were added", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		o := w.firm().with(h, orgs.Member)
		link := h.alarmed()
		_, k := h.passkey()
		h.twoFactor()
		a := w.from()
		return func() error { return w.app.Security.NotMe(w.t.Context(), a, link, nil) }, leaving(
			h.by(a, security.ActionNotMe),
			h.by(a, security.ActionPasswordVoided, changed("sessions_ended", "", "1")),
			h.of(entry(a, security.ActionPasskeyRemoved, passkeyTarget(k, "Key"))),
			h.by(a, security.ActionTOTPDisabled), o.log(a, orgs.ActionSecondFactorOff, h.target()),
			h.by(a, security.ActionResetRequested))
	}},
	{method: inSecurity + "Recover", when: "after backup codes were made", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		w.app.Clock.Advance(time.Minute)
		since := w.now()
		_, err := w.app.Security.RenewBackupCodes(w.t.Context(), h.actor())
		require.NoError(w.t, err)
		a := asSystem(w.from(), "email undo")
		return func() error { return w.app.Security.Recover(w.t.Context(), a, h.id, since) }, leaving(
			h.by(a, security.ActionPasswordVoided, changed("sessions_ended", "", "1")),
			h.by(a, security.ActionBackupCodesVoided, changed("voided", "", "8")),
			h.by(a, security.ActionResetRequested))
	}},
}

// changing is the deed of choosing another password.
func (h *human) changing(a audit.Actor, current string) func() error {
	h.w.secret("another-canary 7")
	return func() error {
		out, err := h.w.app.Security.ChangePassword(h.w.t.Context(), a, security.ChangePassword{Current: current, New: "another-canary 7"})
		if err == nil {
			h.w.secret(out.Reveal())
		}
		return err
	}
}

// again begins another session without a password.
func (h *human) again() {
	h.w.t.Helper()
	p, err := h.w.db.Security().PersonByID(h.w.t.Context(), h.id)
	require.NoError(h.w.t, err)
	h.token = h.w.session(p)
}

// alarmed signs in with another device, which is mailed, and returns the link to
// say that it was somebody else.
func (h *human) alarmed() string {
	h.w.t.Helper()
	a := h.w.from()
	a.UserAgent = "curl/8"
	out, err := h.w.app.Security.SignIn(h.w.t.Context(), a, h.byPassword())
	require.NoError(h.w.t, err)
	h.token = h.w.secret(out.Token.Reveal())
	return h.w.link(h.email, "security.new_device")
}
