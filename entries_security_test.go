package settings_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

const inSecurity = "security: (*Service)."

const wrongPassword = "wrong-canary 42"

var signInDeeds = []deed{
	{method: inSecurity + "SignIn", when: "right", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		return h.signingIn()
	}},
	{method: inSecurity + "SignIn", when: "for the 101st time", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.sessions(100)
		return h.signingIn(changed("sessions_ended", "", "1"))
	}},
	{method: inSecurity + "SignIn", when: "with a second factor to come", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.human().twoFactor(), w.from()
		return func() error {
			_, err := w.app.Security.SignIn(w.t.Context(), a, h.byPassword())
			return err
		}, leaving(h.by(a, security.ActionSecondFactorAsked))
	}},
	{method: inSecurity + "SignIn", when: "wrong", is: security.ErrInvalidCredentials, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.human(), w.from()
		return func() error { return h.guess(a) },
			leaving(h.inVain(h.by(a, security.ActionSignedIn), "invalid_credentials"))
	}},
	{method: inSecurity + "SignIn", when: "wrong, again and again", is: security.ErrInvalidCredentials, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.guesses(15)
		a := w.from()
		return func() error { return h.guess(a) },
			leaving(h.inVain(h.by(a, security.ActionSignedIn, changed("failures_in_the_last_hour", "", "16")), "invalid_credentials"))
	}},
	{method: inSecurity + "SignIn", when: "as nobody", is: security.ErrInvalidCredentials, prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, h := w.from(), &human{w: w, email: w.address()}
		return func() error { return h.guess(a) },
			leaving(h.inVain(entry(a, security.ActionSignedIn, audit.Target{Kind: "address", ID: "*"}), "invalid_credentials"))
	}},
	{method: inSecurity + "Enroll", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.stranger(), w.from()
		var in security.SignedIn
		return func() (err error) {
				in, err = w.app.Security.Enroll(w.t.Context(), a, h.id, w.hash)
				return err
			}, func() []audit.Entry {
				return []audit.Entry{h.began(a, in.Session.ID)}
			}
	}},
	{method: inSecurity + "SecondFactor", when: "from the app", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		half := h.half()
		return h.finishing(half, audit.TOTP, h.code())
	}},
	{method: inSecurity + "SecondFactor", when: "by a backup code", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		return h.finishing(h.half(), audit.BackupCode, h.backup[0])
	}},
	{method: inSecurity + "SecondFactor", when: "wrong", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.human().twoFactor(), w.from()
		half := h.half()
		return h.mistaken(a, half), leaving(h.inVain(h.by(a, security.ActionSecondFactor), "invalid_code"))
	}},
	{method: inSecurity + "SecondFactor", when: "wrong, again and again", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		h.mistakes(15)
		half, a := h.half(), w.from()
		return h.mistaken(a, half), leaving(h.inVain(h.by(a, security.ActionSecondFactor, changed("failures_in_the_last_hour", "", "16")), "invalid_code"))
	}},
	{method: inSecurity + "SecondFactor", when: "wrong for the 100th time", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		h.failures(99)
		half, a := h.half(), w.from()
		return h.mistaken(a, half), leaving(
			h.by(audit.Actor{Kind: audit.KindSystem, Name: "wrong codes"}, security.ActionTOTPSuspended, changed("failures", "", "100")),
			h.inVain(h.by(a, security.ActionSecondFactor), "invalid_code"))
	}},
	{method: inSecurity + "Reauthenticate", when: "by password", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return w.human().proving(security.Reauthenticate{Method: audit.Password, Password: settingstest.Password})
	}},
	{method: inSecurity + "Reauthenticate", when: "by a code", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		return h.proving(security.Reauthenticate{Method: audit.TOTP, Code: h.code()})
	}},
	{method: inSecurity + "Reauthenticate", when: "by a passkey", beside: ceremonies, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		x, _ := h.passkey()
		return h.proving(security.Reauthenticate{Method: audit.Passkey, Credential: h.answer(x, security.ForReauthenticate, "")})
	}},
	{method: inSecurity + "Reauthenticate", when: "by a mailed code", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.withoutPassword()
		require.NoError(w.t, w.app.Security.SendEmailCode(w.t.Context(), h.actor()))
		return h.proving(security.Reauthenticate{Method: audit.EmailCode, Code: w.mailedCode(h.email)})
	}},
	{method: inSecurity + "Reauthenticate", when: "by a wrong password", is: security.ErrInvalidCredentials, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			_, err := w.app.Security.Reauthenticate(w.t.Context(), a, security.Reauthenticate{Method: audit.Password, Password: w.secret(wrongPassword)})
			return err
		}, leaving(h.inVain(h.by(a, security.ActionReauthenticated), "invalid_credentials"))
	}},
	{method: inSecurity + "Reauthenticate", when: "by a wrong code, again and again", is: security.ErrInvalidCode, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human().twoFactor()
		h.mistakes(15)
		a := h.actor()
		return func() error { return h.mistake(a) },
			leaving(h.inVain(h.by(a, security.ActionReauthenticated, changed("failures_in_the_last_hour", "", "16")), "invalid_code"))
	}},
	{method: inSecurity + "SendEmailCode", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.withoutPassword()
		a := h.actor()
		return func() error { return w.app.Security.SendEmailCode(w.t.Context(), a) },
			leaving(h.by(a, security.ActionEmailCodeSent))
	}},
	{method: inSecurity + "SignOut", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error { return w.app.Security.SignOut(w.t.Context(), a) },
			leaving(h.of(entry(a, security.ActionSignedOut, sessionTarget(a.Session))))
	}},
	{method: inSecurity + "RevokeSession", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		other := h.actor().Session
		h.signIn()
		a := h.actor()
		return func() error { return w.app.Security.RevokeSession(w.t.Context(), a, other) },
			leaving(h.of(entry(a, security.ActionSessionRevoked, sessionTarget(other))))
	}},
	{method: inSecurity + "RevokeSessions", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.signIn()
		a := h.actor()
		return func() error {
			_, err := w.app.Security.RevokeSessions(w.t.Context(), a, security.All)
			return err
		}, leaving(h.by(a, security.ActionSessionsRevoked, changed("ended", "", "2")))
	}},
	{method: inSecurity + "EmailChanged", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, a := w.human(), asSystem(w.from(), "email change")
		return func() error { return w.app.Security.EmailChanged(w.t.Context(), a, h.id, id.Session{}) },
			leaving(h.by(a, security.ActionSessionsRevoked, changed("ended", "", "1")))
	}},
	{method: inSecurity + "Refused", is: audit.ErrStepUp, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			return w.app.Security.Refused(w.t.Context(), a, security.ActionPasskeyAdded, &audit.StepUpError{})
		}, leaving(h.inVain(h.by(a, security.ActionPasskeyAdded), "reauthentication_required"))
	}},
	{method: inSecurity + "Touch", silent: "that somebody looks around is no event", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		login, err := w.app.Security.Authenticate(w.t.Context(), h.token)
		require.NoError(w.t, err)
		w.app.Clock.Advance(time.Minute)
		return func() error { return w.app.Security.Touch(w.t.Context(), login, w.from()) }, silence
	}},
	{method: inSecurity + "Purge", silent: "a job: what has ended", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Security.Purge(w.t.Context()) }, silence
	}},
}

func sessionTarget(s id.Session) audit.Target {
	return audit.Target{Kind: "session", ID: s.String(), Name: "Firefox on Linux"}
}

// signingIn is the deed of signing in by password.
func (h *human) signingIn(changes ...audit.Change) (func() error, func() []audit.Entry) {
	var out security.Outcome
	a := h.w.from()
	return func() (err error) {
			out, err = h.w.app.Security.SignIn(h.w.t.Context(), a, h.byPassword())
			return err
		}, func() []audit.Entry {
			h.w.secret(out.Token.Reveal())
			h.w.secret(out.Device.Reveal())
			return []audit.Entry{h.began(a, out.Session.ID, changes...)}
		}
}

// guess tries a wrong password.
func (h *human) guess(a audit.Actor) error {
	_, err := h.w.app.Security.SignIn(h.w.t.Context(), a, security.SignIn{Email: h.email, Password: h.w.secret(wrongPassword)})
	return err
}

func (h *human) guesses(n int) {
	for range n {
		require.ErrorIs(h.w.t, h.guess(h.w.from()), security.ErrInvalidCredentials)
	}
}

// half is a half-finished sign-in.
func (h *human) half() security.Outcome {
	h.w.t.Helper()
	out, err := h.w.app.Security.SignIn(h.w.t.Context(), h.w.from(), h.byPassword())
	require.NoError(h.w.t, err)
	require.Equal(h.w.t, security.StatusSecondFactor, out.Status)
	return out
}

// finishing is the deed of finishing one.
func (h *human) finishing(half security.Outcome, method audit.Factor, code string) (func() error, func() []audit.Entry) {
	var out security.Outcome
	a := h.w.from()
	return func() (err error) {
			out, err = h.w.app.Security.SecondFactor(h.w.t.Context(), a, h.second(half, method, code))
			return err
		}, func() []audit.Entry {
			signedIn := h.began(a, out.Session.ID)
			if method == audit.BackupCode {
				who := a
				who.Kind, who.User, who.Name = audit.KindUser, h.id, h.name
				return []audit.Entry{h.by(who, security.ActionBackupCodeUsed, changed("left", "", "7")), signedIn}
			}
			return []audit.Entry{signedIn}
		}
}

// mistaken is the deed of a wrong code on the way in.
func (h *human) mistaken(a audit.Actor, half security.Outcome) func() error {
	return func() error {
		_, err := h.w.app.Security.SecondFactor(h.w.t.Context(), a, h.second(half, audit.TOTP, "000"))
		return err
	}
}

// mistake is a wrong code of somebody who is signed in.
func (h *human) mistake(a audit.Actor) error {
	_, err := h.w.app.Security.Reauthenticate(h.w.t.Context(), a, security.Reauthenticate{Method: audit.TOTP, Code: "000"})
	return err
}

func (h *human) mistakes(n int) {
	for range n {
		require.ErrorIs(h.w.t, h.mistake(h.actor()), security.ErrInvalidCode)
	}
}

// failures counts wrong codes against the app.
func (h *human) failures(n int) {
	require.NoError(h.w.t, h.w.db.Security().Update(h.w.t.Context(), func(ctx context.Context, tx security.Tx) error {
		for range n {
			if _, err := tx.FailTOTP(ctx, h.id, 1000, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// sessions fills up to n sessions.
func (h *human) sessions(n int) {
	p, err := h.w.db.Security().PersonByID(h.w.t.Context(), h.id)
	require.NoError(h.w.t, err)
	require.NoError(h.w.t, h.w.db.Security().Update(h.w.t.Context(), func(ctx context.Context, tx security.Tx) error {
		for range n - 1 {
			_, s := newSession(h.w.t, h.w.app, p)
			if err := tx.InsertSession(ctx, s, token.New().Hash()); err != nil {
				return err
			}
		}
		return nil
	}))
}

// proving is the deed of proving a factor again.
func (h *human) proving(in security.Reauthenticate) (func() error, func() []audit.Entry) {
	a := h.actor()
	target := audit.Target{Kind: "session", ID: a.Session.String()}
	return func() error {
		fresh, err := h.w.app.Security.Reauthenticate(h.w.t.Context(), a, in)
		if err == nil {
			h.w.secret(fresh.Reveal())
		}
		return err
	}, leaving(h.of(entry(a, security.ActionReauthenticated, target, changed("method", "", string(in.Method)))))
}

// withoutPassword is somebody with nothing but an address.
func (w *world) withoutPassword() *human {
	w.t.Helper()
	h := w.stranger()
	in, err := w.app.Security.Enroll(w.t.Context(), w.from(), h.id, "")
	require.NoError(w.t, err)
	h.token = w.secret(in.Token.Reveal())
	return h
}

func (w *world) mailedCode(email string) string {
	w.t.Helper()
	return codeTo(w.t, w.app, email)
}

// session begins a session of a person who has proven the address just now.
func (w *world) session(p security.Person) string {
	w.t.Helper()
	secret, s := newSession(w.t, w.app, p)
	s.Proofs.EmailCode = w.now()
	require.NoError(w.t, w.db.Security().Update(w.t.Context(), func(ctx context.Context, tx security.Tx) error {
		return tx.InsertSession(ctx, s, secret.Hash())
	}))
	return w.secret(secret.Reveal())
}
