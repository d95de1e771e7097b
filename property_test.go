package settings_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// signInModel is what ought to be true of one person, told only what was proven.
type signInModel struct {
	t   *rapid.T
	app *settingstest.App

	password string
	secret   string // of the confirmed app; "": two-factor is off
	pending  string // of an app that waits to be confirmed
	lastStep int64
	backup   []string // unspent
	spent    []string
	key      *key // nil: no passkey

	sessions []*modelSession
	halves   []*modelHalf
}

type modelSession struct {
	token string
	alive bool
	two   bool // begun by two factors
	fresh map[audit.Factor]time.Time
}

type modelHalf struct {
	token string
	alive bool
	tries int
	since time.Time
}

// TestSignInStateMachine walks at random through proofs, enrolments, revocations
// and steps of the clock, also backwards. No path may reach a session with less
// than was demanded when it began, revive one that has ended, or use a code twice.
func TestSignInStateMachine(t *testing.T) {
	walks(t, 25, 30) // with the race detector 100 take a minute
	rapid.Check(t, func(r *rapid.T) {
		app := settingstest.Start(t, settings.Config{Limiter: wide{}})
		c := app.SignUp(ada, "Ada")
		m := &signInModel{t: r, app: app, password: settingstest.Password}
		m.sessions = []*modelSession{{
			token: sessionCookie(t, app, c), alive: true, fresh: map[audit.Factor]time.Time{audit.Password: app.Clock.Now()},
		}}
		r.Repeat(map[string]func(*rapid.T){
			"":                m.check,
			"sign in":         m.signIn,
			"second factor":   m.secondFactor,
			"passkey":         m.passkey,
			"enroll":          m.enroll,
			"confirm":         m.confirm,
			"disable":         m.disable,
			"renew codes":     m.renewCodes,
			"add passkey":     m.addPasskey,
			"reauthenticate":  m.reauthenticate,
			"change password": m.changePassword,
			"reset":           m.reset,
			"revoke":          m.revoke,
			"clock":           m.clock,
		})
	})
}

func (m *signInModel) now() time.Time { return m.app.Clock.Now() }

func (m *signInModel) from() audit.Actor {
	return audit.Actor{Kind: audit.KindAnonymous, IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "model"}
}

// check compares every session and every half-finished sign-in with the model.
func (m *signInModel) check(*rapid.T) {
	alive := 0
	for _, s := range m.sessions {
		login, err := m.app.Security.Authenticate(context.Background(), s.token)
		if !s.alive {
			require.ErrorIs(m.t, err, audit.ErrUnauthenticated, "a session that has ended")
			continue
		}
		alive++
		require.NoError(m.t, err, "a session that goes on")
		require.Equal(m.t, m.secret != "", login.Person.TwoFactor)
		if s.two {
			require.True(m.t, login.Session.Proofs.TwoFactors() || m.secret == "", "%+v", login.Session.Proofs)
		}
	}
	for _, h := range m.halves { // none is a session
		_, err := m.app.Security.Authenticate(context.Background(), h.token)
		require.ErrorIs(m.t, err, audit.ErrUnauthenticated)
	}
	if alive > 0 {
		items, _, err := m.app.Security.Sessions(context.Background(), m.actor(), "", 200)
		require.NoError(m.t, err)
		require.Len(m.t, items, alive, "no session but those that were earned")
	}
}

// some returns a session that is alive, or nil.
func (m *signInModel) some() *modelSession {
	var all []*modelSession
	for _, s := range m.sessions {
		if s.alive {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(m.t, "session")]
}

func (m *signInModel) actor() audit.Actor {
	for _, s := range m.sessions {
		if s.alive {
			return m.actorOf(s)
		}
	}
	return m.from()
}

func (m *signInModel) actorOf(s *modelSession) audit.Actor {
	login, err := m.app.Security.Authenticate(context.Background(), s.token)
	require.NoError(m.t, err)
	return login.Actor(m.from())
}

// began takes over what a proof has led to, which must be what policy demands.
func (m *signInModel) began(out security.Outcome, err error, two bool, proven ...audit.Factor) {
	require.NoError(m.t, err)
	if m.secret != "" && !two {
		require.Equal(m.t, security.StatusSecondFactor, out.Status)
		require.True(m.t, out.SignedIn.Token.IsZero())
		m.halves = append(m.halves, &modelHalf{token: out.Challenge.Token.Reveal(), alive: true, since: m.now()})
		return
	}
	require.Equal(m.t, security.StatusSignedIn, out.Status)
	s := &modelSession{token: out.SignedIn.Token.Reveal(), alive: true, two: two, fresh: map[audit.Factor]time.Time{}}
	for _, f := range proven {
		s.fresh[f] = m.now()
	}
	m.sessions = append(m.sessions, s)
}

func (m *signInModel) signIn(t *rapid.T) {
	password := rapid.SampledFrom([]string{m.password, "wrong horse 42"}).Draw(t, "password")
	out, err := m.app.Security.SignIn(context.Background(), m.from(), security.SignIn{Email: ada, Password: password})
	if password != m.password || m.password == "" {
		require.ErrorIs(t, err, security.ErrInvalidCredentials)
		return
	}
	m.began(out, err, false, audit.Password)
}

// code draws a code and reports whether it is good once, now.
func (m *signInModel) code(t *rapid.T) (method audit.Factor, code string, good bool, use func()) {
	kind := rapid.SampledFrom([]string{"present", "before", "next", "old", "backup", "spent", "wrong"}).Draw(t, "code")
	offset := map[string]time.Duration{"before": -30 * time.Second, "next": 30 * time.Second, "old": -time.Minute}[kind]
	switch kind {
	case "backup":
		if len(m.backup) > 0 {
			return audit.BackupCode, m.backup[0], m.secret != "", func() {
				m.spent, m.backup = append(m.spent, m.backup[0]), m.backup[1:]
			}
		}
	case "spent":
		if len(m.spent) > 0 {
			return audit.BackupCode, m.spent[0], false, nil
		}
	case "present", "before", "next", "old":
		if m.secret != "" {
			at := m.now().Add(offset)
			text, err := totp.GenerateCode(m.secret, at)
			require.NoError(t, err)
			step := at.Unix() / 30
			return audit.TOTP, text, kind != "old" && step > m.lastStep, func() { m.lastStep = step }
		}
	}
	return audit.TOTP, "000000", false, nil // right once in 10^6/3 runs
}

func (m *signInModel) secondFactor(t *rapid.T) {
	if len(m.halves) == 0 {
		t.Skip("nothing is half finished")
	}
	h := m.halves[rapid.IntRange(0, len(m.halves)-1).Draw(t, "half")]
	method, code, good, use := m.code(t)
	out, err := m.app.Security.SecondFactor(context.Background(), m.from(), security.SecondFactor{Challenge: h.token, Method: method, Code: code})
	open := h.alive && h.tries < 5 && m.now().Before(h.since.Add(5*time.Minute))
	switch {
	case !open:
		require.ErrorIs(t, err, security.ErrSignInExpired)
	case !good:
		require.ErrorIs(t, err, security.ErrInvalidCode)
		h.tries++
	default:
		use()
		h.alive = false
		m.began(out, err, true, audit.Password, method)
	}
}

func (m *signInModel) passkey(t *rapid.T) {
	if m.key == nil {
		t.Skip("no passkey")
	}
	raw, err := m.app.Security.AskPasskey(context.Background(), m.from(), security.AskPasskey{Purpose: security.ForSignIn})
	require.NoError(t, err)
	o, err := virtualwebauthn.ParseAssertionOptions(string(raw))
	require.NoError(t, err)
	m.key.k.Counter++
	answer := []byte(virtualwebauthn.CreateAssertionResponse(m.key.rp, m.key.dev, m.key.k, *o))
	out, err := m.app.Security.SignInByPasskey(context.Background(), m.from(), security.PasskeyProof{Credential: answer})
	m.began(out, err, true, audit.Passkey)
	_, err = m.app.Security.SignInByPasskey(context.Background(), m.from(), security.PasskeyProof{Credential: answer})
	require.ErrorIs(t, err, security.ErrCeremonyGone)
}

// isFresh reports whether a factor was proven within 10 minutes, and not in the
// future but for the drift of clocks.
func (m *signInModel) isFresh(s *modelSession, f audit.Factor) bool {
	at, ok := s.fresh[f]
	return ok && !at.Before(m.now().Add(-10*time.Minute)) && !at.After(m.now().Add(2*time.Minute))
}

// stepped reports whether a session may do sensitive things.
func (m *signInModel) stepped(s *modelSession) bool {
	fresh := func(f audit.Factor) bool { return m.isFresh(s, f) }
	if fresh(audit.TOTP) || fresh(audit.BackupCode) || fresh(audit.Passkey) {
		return true
	}
	return m.secret == "" && fresh(audit.Password)
}

// sensitive returns a session, and whether it may; if not, err must say so.
func (m *signInModel) sensitive(t *rapid.T) (*modelSession, func(err error) bool) {
	s := m.some()
	if s == nil {
		t.Skip("nobody is signed in")
	}
	may := m.stepped(s)
	return s, func(err error) bool {
		if !may {
			require.ErrorIs(t, err, audit.ErrStepUp)
		}
		return may
	}
}

func (m *signInModel) enroll(t *rapid.T) {
	s, may := m.sensitive(t)
	e, err := m.app.Security.EnrollTOTP(context.Background(), m.actorOf(s))
	if !may(err) {
		return
	}
	if m.secret != "" {
		require.ErrorIs(t, err, security.ErrTOTPEnabled)
		return
	}
	require.NoError(t, err)
	m.pending = e.Secret.Reveal()
}

func (m *signInModel) confirm(t *rapid.T) {
	if m.pending == "" {
		t.Skip("nothing waits")
	}
	s, may := m.sensitive(t)
	code, err := totp.GenerateCode(m.pending, m.now())
	require.NoError(t, err)
	right := rapid.Bool().Draw(t, "right")
	if !right {
		code = "000000"
	}
	out, err := m.app.Security.ConfirmTOTP(context.Background(), m.actorOf(s), code, true)
	if !may(err) {
		return
	}
	if !right {
		require.ErrorIs(t, err, security.ErrInvalidCode)
		return
	}
	require.NoError(t, err)
	m.secret, m.pending, m.lastStep = m.pending, "", m.now().Unix()/30
	m.backup, m.spent = out.BackupCodes, nil
	s.fresh[audit.TOTP], s.two = m.now(), true
	m.only(s)
}

// only is after a change that ends everything but one session.
func (m *signInModel) only(keep *modelSession) {
	for _, s := range m.sessions {
		s.alive = s.alive && s == keep
	}
	for _, h := range m.halves {
		h.alive = false
	}
}

func (m *signInModel) disable(t *rapid.T) {
	if m.secret == "" {
		t.Skip("two-factor is off")
	}
	s, may := m.sensitive(t)
	in := security.DisableTOTP{KeepToken: true}
	if rapid.Bool().Draw(t, "password") {
		in.Password = m.password
	}
	fresh := func(f audit.Factor) bool { return m.isFresh(s, f) }
	_, err := m.app.Security.DisableTOTP(context.Background(), m.actorOf(s), in)
	if !may(err) {
		return
	}
	first := in.Password != "" || m.password != "" && fresh(audit.Password)
	if !fresh(audit.Passkey) && (!first || !fresh(audit.TOTP) && !fresh(audit.BackupCode)) {
		require.Error(t, err)
		require.True(t, isInvalidOrStepUp(err), "%v", err)
		return
	}
	require.NoError(t, err)
	m.secret, m.backup, m.spent = "", nil, nil
	delete(s.fresh, audit.TOTP)
	delete(s.fresh, audit.BackupCode)
	m.only(s)
}

func isInvalidOrStepUp(err error) bool {
	code := fault.Code(err)
	return code == "validation_failed" || code == "reauthentication_required"
}

func (m *signInModel) renewCodes(t *rapid.T) {
	s, may := m.sensitive(t)
	codes, err := m.app.Security.RenewBackupCodes(context.Background(), m.actorOf(s))
	if !may(err) {
		return
	}
	if m.secret == "" {
		require.ErrorIs(t, err, security.ErrTwoFactorOff)
		return
	}
	require.NoError(t, err)
	m.backup, m.spent = codes, append(m.spent, m.backup...)
}

func (m *signInModel) addPasskey(t *rapid.T) {
	s, may := m.sensitive(t)
	raw, err := m.app.Security.BeginPasskey(context.Background(), m.actorOf(s))
	if !may(err) || m.key != nil {
		return
	}
	require.NoError(t, err)
	o, err := virtualwebauthn.ParseAttestationOptions(string(raw))
	require.NoError(t, err)
	k := &key{rp: virtualwebauthn.RelyingParty{ID: "localhost", Name: "Acme", Origin: m.app.URL}, dev: virtualwebauthn.NewAuthenticator(), k: newCredential()}
	k.dev.Options.UserHandle = []byte(o.UserID)
	answer := []byte(virtualwebauthn.CreateAttestationResponse(k.rp, k.dev, k.k, *o))
	require.True(t, json.Valid(answer))
	_, err = m.app.Security.AddPasskey(context.Background(), m.actorOf(s), "Key", answer)
	require.NoError(t, err)
	m.key = k
}

func (m *signInModel) reauthenticate(t *rapid.T) {
	s := m.some()
	if s == nil {
		t.Skip("nobody is signed in")
	}
	if rapid.Bool().Draw(t, "by password") {
		_, err := m.app.Security.Reauthenticate(context.Background(), m.actorOf(s), security.Reauthenticate{
			Method: audit.Password, Password: "wrong horse 42", KeepToken: true,
		})
		require.ErrorIs(t, err, security.ErrInvalidCredentials)
		if m.password == "" {
			return
		}
		_, err = m.app.Security.Reauthenticate(context.Background(), m.actorOf(s), security.Reauthenticate{
			Method: audit.Password, Password: m.password, KeepToken: true,
		})
		require.NoError(t, err)
		s.fresh[audit.Password] = m.now()
		return
	}
	method, code, good, use := m.code(t)
	_, err := m.app.Security.Reauthenticate(context.Background(), m.actorOf(s), security.Reauthenticate{Method: method, Code: code, KeepToken: true})
	if !good {
		require.ErrorIs(t, err, security.ErrInvalidCode)
		return
	}
	require.NoError(t, err)
	use()
	s.fresh[method] = m.now()
}

func (m *signInModel) changePassword(t *rapid.T) {
	s := m.some()
	if s == nil || m.password == "" {
		t.Skip("nobody is signed in")
	}
	next := rapid.StringMatching(`horse [0-9]{8}`).Draw(t, "password")
	_, err := m.app.Security.ChangePassword(context.Background(), m.actorOf(s), security.ChangePassword{Current: m.password, New: next, KeepToken: true})
	require.NoError(t, err)
	m.password = next
	s.fresh[audit.Password] = m.now()
	m.only(s)
}

// reset sets a new password by mail. It begins no session and removes no factor.
func (m *signInModel) reset(t *rapid.T) {
	before := len(m.app.Mail.To(ada))
	require.NoError(t, m.app.Security.ForgotPassword(context.Background(), m.from(), ada))
	if len(m.app.Mail.To(ada)) == before {
		t.Skip("no mail")
	}
	link := m.app.LinkToken(ada, "security.reset")
	next := rapid.StringMatching(`reset [0-9]{8}`).Draw(t, "password")
	require.NoError(t, m.app.Security.ResetPassword(context.Background(), m.from(), link, next))
	require.ErrorIs(t, m.app.Security.ResetPassword(context.Background(), m.from(), link, next), security.ErrLinkGone)
	m.password = next
	m.only(nil)
}

func (m *signInModel) revoke(t *rapid.T) {
	s := m.some()
	if s == nil {
		t.Skip("nobody is signed in")
	}
	a := m.actorOf(s)
	switch rapid.SampledFrom([]string{"one", "others", "all", "sign out"}).Draw(t, "scope") {
	case "one":
		other := m.some()
		require.NoError(t, m.app.Security.RevokeSession(context.Background(), a, m.actorOf(other).Session))
		other.alive = false
	case "others":
		_, err := m.app.Security.RevokeSessions(context.Background(), a, security.Others)
		require.NoError(t, err)
		for _, x := range m.sessions {
			x.alive = x.alive && x == s
		}
	case "all":
		_, err := m.app.Security.RevokeSessions(context.Background(), a, security.All)
		require.NoError(t, err)
		m.only(nil)
	case "sign out":
		require.NoError(t, m.app.Security.SignOut(context.Background(), a))
		s.alive = false
	}
}

// clock moves it, at times back.
func (m *signInModel) clock(t *rapid.T) {
	m.app.Clock.Advance(time.Duration(rapid.IntRange(-90, 420).Draw(t, "seconds")) * time.Second)
}
