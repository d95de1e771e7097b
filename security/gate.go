package security

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/token"
)

// Status says how far signing in has come.
type Status string

// The states.
const (
	StatusSignedIn     Status = "signed_in"
	StatusSecondFactor Status = "second_factor_required"
	StatusDeleted      Status = "account_deleted" // the session is good for restoring the account alone
)

// Outcome is what a proof on the way in has led to.
type Outcome struct {
	Status    Status
	SignedIn            // with StatusSignedIn and StatusDeleted
	Challenge Challenge // with StatusSecondFactor

	// RestorableUntil is with StatusDeleted.
	RestorableUntil time.Time
}

// Entered reports whether a session has begun.
func (o Outcome) Entered() bool { return o.Status == StatusSignedIn || o.Status == StatusDeleted }

// SignedIn is a session that has just begun.
type SignedIn struct {
	Token   Token // for the browser or client, and nobody else
	Session Session
	Person  Person // without PasswordHash

	// Device is what the browser is to be recognised by from now on; zero if it
	// is already. It opens nothing.
	Device Token
}

// Challenge is a half-finished sign-in that waits for a second factor. It ends
// after 5 minutes, 5 wrong codes, or a change of the credential.
type Challenge struct {
	Token     Token // for the browser or client, and nobody else
	Methods   []audit.Factor
	ExpiresAt time.Time
}

const (
	pendingLasts = 5 * time.Minute
	pendingTries = 5
)

// entry is how far somebody has come on the way in.
type entry struct {
	method audit.Factor // by which it began
	proofs audit.Proofs // of this sign-in alone
	origin origin
}

// begin is the one gate. Whatever was proven and wherever, a session begins here
// and nowhere else: it looks at what is proven against what the person has
// enrolled, and begins the session or asks for the second factor. p is locked by
// the caller, or has just been made.
//
// Somebody whose account is deleted gets a session that is good for restoring it
// alone, see Authenticate, and is not told of a device that was not seen before:
// the account has nothing to take, and restoring it is told.
func (s *Service) begin(ctx context.Context, tx Tx, actor audit.Actor, p Person, e entry, now time.Time) (Outcome, error) {
	if p.gone(now) {
		return Outcome{}, ErrPersonNotFound
	}
	if s.hasSecondFactor(p) && !e.proofs.TwoFactors() {
		return s.askSecondFactor(ctx, tx, actor, p, e, now)
	}
	secret := token.New()
	session := Session{
		ID: id.NewSession(), User: p.ID, Method: e.method, Proofs: e.proofs, Version: p.Version,
		IP: actor.IP, UserAgent: actor.UserAgent,
		SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(s.c.SessionLifetime),
	}
	if err := tx.InsertSession(ctx, session, secret.Hash()); err != nil {
		return Outcome{}, err
	}
	who := actor.As(p.ID, p.Name)
	who.Session = session.ID
	var changes []audit.Change
	if p.Sessions >= s.c.MaxSessions {
		ended, err := tx.TrimSessions(ctx, p.ID, s.c.MaxSessions)
		if err != nil {
			return Outcome{}, err
		}
		changes = append(changes, sessionsEnded(ended)...)
	}
	target := audit.SessionTarget(session.ID, deviceName(session))
	if err := tx.AppendAudit(ctx, who.Did(ActionSignedIn, target, now, changes...).InHistoryOf(p.ID)); err != nil {
		return Outcome{}, err
	}
	session.Place = e.origin.place
	out := Outcome{Status: StatusSignedIn, SignedIn: SignedIn{Token: secret, Session: session, Person: p, Device: e.origin.fresh}}
	out.Person.PasswordHash = ""
	if p.deleted() {
		out.Status, out.RestorableUntil, out.Device = StatusDeleted, p.RestorableUntil, Token{}
		return out, nil
	}
	if err := s.recognise(ctx, tx, actor, p, e.origin, now); err != nil {
		return Outcome{}, err
	}
	return out, nil
}

func (s *Service) askSecondFactor(ctx context.Context, tx Tx, actor audit.Actor, p Person, e entry, now time.Time) (Outcome, error) {
	secret := token.New()
	pending := PendingSignIn{
		Hash: secret.Hash(), User: p.ID, Version: p.Version, Method: e.method, Proofs: e.proofs,
		CreatedAt: now, ExpiresAt: now.Add(pendingLasts),
	}
	if err := tx.InsertPending(ctx, pending); err != nil {
		return Outcome{}, err
	}
	entry := actor.Did(ActionSecondFactorAsked, p.target(), now).InHistoryOf(p.ID)
	if err := tx.AppendAudit(ctx, entry); err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Status:    StatusSecondFactor,
		Challenge: Challenge{Token: secret, Methods: secondFactors(p), ExpiresAt: pending.ExpiresAt},
	}, nil
}

// hasSecondFactor reports whether more than a first factor is asked of a person:
// two-factor is on, or the host asks for two factors and there is a passkey. A
// passkey alone does not turn two-factor on: who loses it must not lose the
// account, and has no backup codes.
func (s *Service) hasSecondFactor(p Person) bool {
	return p.TwoFactor || s.c.RequireSecondFactor && p.Passkeys > 0
}

func secondFactors(p Person) []audit.Factor {
	var m []audit.Factor
	if p.TwoFactor {
		m = []audit.Factor{audit.TOTP, audit.BackupCode}
	}
	if p.Passkeys > 0 {
		m = append(m, audit.Passkey)
	}
	return m
}

// SecondFactor is what finishing a sign-in by a code needs.
type SecondFactor struct {
	Challenge string // the token of the half-finished sign-in
	Method    audit.Factor
	Code      string
	NoCookies bool // the client keeps none: nothing is made to recognise it by
}

// SecondFactor checks a code from the authenticator app or a backup code and
// begins the session. ErrInvalidCode; ErrSignInExpired when the sign-in has to
// begin anew, as after 5 wrong codes. Codes are also bounded for the account,
// whatever number of sign-ins is begun: ErrRateLimited, in a fault.Retry.
func (s *Service) SecondFactor(ctx context.Context, actor audit.Actor, in SecondFactor) (Outcome, error) {
	now := s.now()
	if err := s.allow(actor, PermSignIn, now); err != nil {
		return Outcome{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Outcome{}, err
	}
	code, err := parseCode(in.Method, "code", in.Code)
	if err != nil {
		return Outcome{}, err
	}
	pending, p, err := s.pending(ctx, actor, in.Challenge, now)
	if err != nil {
		return Outcome{}, err
	}
	o, err := s.originOf(ctx, actor, p)
	if err != nil {
		return Outcome{}, err
	}
	o.without(in.NoCookies)
	budget, err := s.take(ctx, codeUnits(in.Method, p, actor, o.known)...)
	if err != nil {
		return Outcome{}, err
	}
	var out Outcome
	right := false
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := tx.LockPerson(ctx, p.ID)
		if err != nil {
			return err
		}
		pending, err := tx.TryPending(ctx, pending.Hash, now, pendingTries)
		if err != nil {
			return err
		}
		if right, err = s.spendCode(ctx, tx, actor, p, code, ActionSecondFactor, now); err != nil || !right {
			return err
		}
		if _, err := tx.SpendPending(ctx, pending.Hash, now); err != nil {
			return err
		}
		e := entry{method: pending.Method, proofs: pending.Proofs.With(in.Method, now), origin: o}
		out, err = s.begin(ctx, tx, actor, p, e, now)
		return err
	})
	if err != nil {
		return Outcome{}, expiredIfGone(err)
	}
	if !right {
		return Outcome{}, ErrInvalidCode
	}
	budget.giveBack(ctx)
	return out, nil
}

// pending returns a half-finished sign-in and who it is of.
func (s *Service) pending(ctx context.Context, actor audit.Actor, raw string, now time.Time) (PendingSignIn, Person, error) {
	if _, err := s.take(ctx, networkUnit(budgetLink, actor)); err != nil {
		return PendingSignIn{}, Person{}, err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return PendingSignIn{}, Person{}, ErrSignInExpired
	}
	pending, err := s.c.Store.PendingByToken(ctx, secret.Hash(), now, pendingTries)
	if err != nil {
		return PendingSignIn{}, Person{}, err
	}
	p, err := s.c.Store.PersonByID(ctx, pending.User)
	if err == nil && p.gone(now) {
		err = ErrPersonNotFound
	}
	return pending, p, expiredIfGone(err)
}

// Pending returns how a half-finished sign-in can go on, else ErrSignInExpired.
// It uses nothing up.
func (s *Service) Pending(ctx context.Context, actor audit.Actor, raw string) (Challenge, error) {
	pending, p, err := s.pending(ctx, actor, raw, s.now())
	if err != nil {
		return Challenge{}, err
	}
	return Challenge{Methods: secondFactors(p), ExpiresAt: pending.ExpiresAt}, nil
}

func expiredIfGone(err error) error {
	if unauthenticatedIfGone(err) == audit.ErrUnauthenticated { //nolint:errorlint // made there
		return ErrSignInExpired
	}
	return err
}
