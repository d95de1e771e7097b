package security

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/token"
)

// SignIn is what signing in by password needs.
type SignIn struct {
	Email    string
	Password string
}

// SignedIn is a session that has just begun.
type SignedIn struct {
	Token   Token // for the browser or client, and nobody else
	Session Session
	Person  Person // without PasswordHash
}

// SignIn checks a password and begins a session. ErrInvalidCredentials does not
// tell an unknown address from a wrong password. ErrRateLimited and
// ErrOverloaded come in a fault.Retry.
func (s *Service) SignIn(ctx context.Context, actor audit.Actor, in SignIn) (SignedIn, error) {
	now := s.now()
	if err := s.allow(actor, PermSignIn, now); err != nil {
		return SignedIn{}, err
	}
	if err := s.outside(ctx); err != nil {
		return SignedIn{}, err
	}
	var f fault.Fields
	addr, err := address.Parse(in.Email)
	f.AddFields(err)
	normal, err := normalized("password", in.Password)
	f.AddFields(err)
	if err := f.Err(); err != nil {
		return SignedIn{}, err
	}
	leave, err := s.hasher.enter()
	if err != nil {
		return SignedIn{}, err
	}
	defer leave()
	account := s.accountKey(addr.Key)
	budget, err := s.take(ctx, passwordUnits(hex.EncodeToString(account[:16]), actor)...)
	if err != nil {
		return SignedIn{}, err
	}
	p, err := s.c.Store.PersonByEmail(ctx, addr.Key)
	if err != nil && !errors.Is(err, ErrPersonNotFound) {
		return SignedIn{}, err
	}
	match, weak, err := s.hasher.verify(ctx, normal, p.PasswordHash, s.dummyKey(addr.Key))
	if err != nil {
		return SignedIn{}, err
	}
	if !match {
		// An attempt that cannot be recorded is not answered.
		if err := s.remember(ctx, actor, account, p, ActionSignedIn, now); err != nil {
			return SignedIn{}, err
		}
		return SignedIn{}, ErrInvalidCredentials
	}
	budget.giveBack(ctx)
	var stronger PasswordHash
	if weak {
		if stronger, err = s.hasher.hash(ctx, normal); err != nil {
			return SignedIn{}, err
		}
	}
	var out SignedIn
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		locked, err := stillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		if stronger != "" {
			if _, err := tx.UpgradePassword(ctx, p.ID, p.PasswordHash, stronger); err != nil {
				return err
			}
		}
		out, err = s.begin(ctx, tx, actor, locked, audit.Password, now)
		return err
	})
	if errors.Is(err, audit.ErrUnauthenticated) || errors.Is(err, ErrPersonNotFound) {
		return SignedIn{}, ErrInvalidCredentials // the password was changed while we hashed
	}
	if err != nil {
		return SignedIn{}, err
	}
	return out, nil
}

// begin is the one gate: whatever was proven, a session begins here and nowhere
// else. The person is locked by the caller, or has just been made.
func (s *Service) begin(ctx context.Context, tx Tx, actor audit.Actor, p Person, method audit.Factor, now time.Time) (SignedIn, error) {
	secret := token.New()
	session := Session{
		ID: id.NewSession(), User: p.ID, Method: method,
		Proofs: audit.Proofs{}.With(method, now), Version: p.Version,
		IP: actor.IP, UserAgent: actor.UserAgent,
		SignedInAt: now, LastUsedAt: now, ExpiresAt: now.Add(s.c.SessionLifetime),
	}
	if err := tx.InsertSession(ctx, session, secret.Hash()); err != nil {
		return SignedIn{}, err
	}
	if p.Sessions >= s.c.MaxSessions {
		if _, err := tx.TrimSessions(ctx, p.ID, s.c.MaxSessions); err != nil {
			return SignedIn{}, err
		}
	}
	who := actor.As(p.ID, p.Name)
	who.Session = session.ID
	target := audit.SessionTarget(session.ID, deviceName(session))
	if err := tx.AppendAudit(ctx, who.Did(ActionSignedIn, target, now).InHistoryOf(p.ID)); err != nil {
		return SignedIn{}, err
	}
	p.PasswordHash = ""
	return SignedIn{Token: secret, Session: session, Person: p}, nil
}

// Enroll gives a new person a credential and begins a session. It is called
// inside the transaction that made the account, after hash was made by
// HashNewPassword.
func (s *Service) Enroll(ctx context.Context, actor audit.Actor, user id.User, hash PasswordHash) (SignedIn, error) {
	now := s.now()
	var out SignedIn
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.InsertCredential(ctx, user, hash, now); err != nil {
			return err
		}
		p, err := tx.LockPerson(ctx, user)
		if err != nil {
			return err
		}
		out, err = s.begin(ctx, tx, actor, p, audit.Password, now)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return out, nil
}

// Reauthenticate is what proving a factor again needs.
type Reauthenticate struct {
	Method   audit.Factor // audit.Password
	Password string

	// KeepToken leaves the session's token as it is: for callers who have no
	// way to receive another one.
	KeepToken bool
}

// Reauthenticate proves a factor of the person who acts again, and notes the
// time in the session. It returns the session's new token, or zero with
// KeepToken. A wrong password is ErrInvalidCredentials.
func (s *Service) Reauthenticate(ctx context.Context, actor audit.Actor, in Reauthenticate) (Token, error) {
	now := s.now()
	if err := s.allow(actor, PermReauthenticate, now); err != nil {
		return Token{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Token{}, err
	}
	if in.Method != audit.Password {
		return Token{}, fault.Fields{{Name: "method", Code: "invalid", Message: "must be password"}}
	}
	p, err := s.c.Store.PersonByID(ctx, actor.User)
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	leave, err := s.hasher.enter()
	if err != nil {
		return Token{}, err
	}
	defer leave()
	ok, err := s.prove(ctx, actor, p, in.Password, "password", ActionReauthenticated)
	if err != nil {
		return Token{}, err
	}
	if !ok {
		return Token{}, ErrInvalidCredentials
	}
	fresh := newToken(!in.KeepToken)
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := stillProven(ctx, tx, p); err != nil {
			return err
		}
		session := Session{ID: actor.Session, User: p.ID, Proofs: actor.Proofs.With(audit.Password, now), Version: p.Version}
		if err := tx.RenewSession(ctx, session, hashOf(fresh)); err != nil {
			return err
		}
		target := audit.SessionTarget(actor.Session, "")
		return tx.AppendAudit(ctx, actor.Did(ActionReauthenticated, target, now).InHistoryOf(p.ID))
	})
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	return fresh, nil
}

// prove checks the password of somebody who is signed in, under the same budget
// as signing in. The caller has entered the hasher.
func (s *Service) prove(ctx context.Context, actor audit.Actor, p Person, password, field string, action audit.Action) (bool, error) {
	normal, err := normalized(field, password)
	if err != nil {
		return false, err
	}
	addr, err := address.Parse(p.Email)
	if err != nil {
		return false, err
	}
	account := s.accountKey(addr.Key)
	budget, err := s.take(ctx, passwordUnits(hex.EncodeToString(account[:16]), actor)...)
	if err != nil {
		return false, err
	}
	match, _, err := s.hasher.verify(ctx, normal, p.PasswordHash, s.dummyKey(addr.Key))
	if err != nil {
		return false, err
	}
	if !match {
		return false, s.remember(ctx, actor, account, p, action, s.now())
	}
	budget.giveBack(ctx)
	return true, nil
}

// accountKey is under what attempts at an address are counted, whether or not it
// has an account.
func (s *Service) accountKey(key string) Hash { return s.c.MAC("security.attempts", []byte(key)) }

// dummyKey is by what an address without a password gets its dummy hash. It is
// never stored, unlike accountKey.
func (s *Service) dummyKey(key string) Hash { return s.c.MAC("security.dummy", []byte(key)) }

// The first refusals of an hour are entries of their own; after that only those
// whose count is a power of two. So a flood cannot fill the log, and its size
// can still be read from it.
const (
	refusalWindow = time.Hour
	refusalsKept  = 10
)

// remember commits that a password was wrong. It is called before the refusal is
// returned. For an unknown address it does the same work, and stores a keyed
// hash instead of what was typed.
func (s *Service) remember(ctx context.Context, actor audit.Actor, account Hash, p Person, action audit.Action, now time.Time) error {
	target := audit.Target{Kind: "address", ID: hex.EncodeToString(account[:16])}
	if !p.ID.IsZero() {
		target = p.target()
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.BumpFailures(ctx, account, now, refusalWindow)
		if err != nil {
			return err
		}
		if n > refusalsKept && n&(n-1) != 0 {
			return nil
		}
		entry := actor.WasRefused(action, target, "invalid_credentials", now).InHistoryOf(p.ID)
		if n > refusalsKept {
			entry.Changes = []audit.Change{{Field: "failures_in_the_last_hour", After: itoa(n)}}
		}
		return tx.AppendAudit(ctx, entry)
	})
}
