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
)

// SignIn is what signing in by password needs.
type SignIn struct {
	Email     string
	Password  string
	NoCookies bool // the client keeps none: nothing is made to recognise it by
}

// SignIn checks a password, and begins a session or asks for a second factor.
// ErrInvalidCredentials does not tell an unknown address from a wrong password.
// ErrRateLimited and ErrOverloaded come in a fault.Retry.
//
// Guesses are bounded for each network and for the account over all of them. A
// browser from which the person has signed in before has a budget of its own, so
// that nobody can lock the rightful owner out from elsewhere.
func (s *Service) SignIn(ctx context.Context, actor audit.Actor, in SignIn) (Outcome, error) {
	now := s.now()
	if err := s.allow(actor, PermSignIn, now); err != nil {
		return Outcome{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Outcome{}, err
	}
	var f fault.Fields
	addr, err := address.Parse(in.Email)
	f.AddFields(err)
	normal, err := normalized("password", in.Password)
	f.AddFields(err)
	if err := f.Err(); err != nil {
		return Outcome{}, err
	}
	leave, err := s.hasher.enter()
	if err != nil {
		return Outcome{}, err
	}
	defer leave()
	account := s.accountKey(addr.Key)
	budget, err := s.take(ctx, networkUnit(budgetPasswordNetwork, actor))
	if err != nil {
		return Outcome{}, err
	}
	p, o, err := s.originOfEmail(ctx, actor, addr.Key, now)
	if err != nil {
		return Outcome{}, err
	}
	o.without(in.NoCookies)
	if err := s.takeMore(ctx, budget, passwordUnits(account, actor, o.known)...); err != nil {
		return Outcome{}, err
	}
	match, weak, err := s.hasher.verify(ctx, normal, p.PasswordHash, s.dummyKey(addr.Key))
	if err != nil {
		return Outcome{}, err
	}
	if !match {
		// An attempt that cannot be recorded is not answered.
		if err := s.remember(ctx, actor, account, p, ActionSignedIn, now); err != nil {
			return Outcome{}, err
		}
		return Outcome{}, ErrInvalidCredentials
	}
	var stronger PasswordHash
	if weak {
		if stronger, err = s.hasher.hash(ctx, normal); err != nil {
			return Outcome{}, err
		}
	}
	var out Outcome
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
		e := entry{method: audit.Password, proofs: audit.Proofs{}.With(audit.Password, now), origin: o}
		out, err = s.begin(ctx, tx, actor, locked, e, now)
		return err
	})
	if errors.Is(err, audit.ErrUnauthenticated) || errors.Is(err, ErrPersonNotFound) {
		return Outcome{}, ErrInvalidCredentials // the password was changed while we hashed
	}
	if err != nil {
		return Outcome{}, err
	}
	// Half of a sign-in costs what a guess does: who knows the password must not
	// begin as many as they like.
	if out.Entered() {
		budget.giveBack(ctx)
	}
	return out, nil
}

// Enroll gives a new person a credential and begins a session. It is called
// inside the transaction that made the account, after hash was made by
// HashNewPassword.
func (s *Service) Enroll(ctx context.Context, actor audit.Actor, user id.User, hash PasswordHash) (SignedIn, error) {
	now := s.now()
	o, err := s.originOf(ctx, actor, Person{}) // nothing is known of somebody new
	if err != nil {
		return SignedIn{}, err
	}
	var out Outcome
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.InsertCredential(ctx, user, hash, now); err != nil {
			return err
		}
		p, err := tx.LockPerson(ctx, user)
		if err != nil {
			return err
		}
		method := audit.Password
		if hash == "" { // what is proven is the address
			method = audit.EmailCode
		}
		e := entry{method: method, proofs: audit.Proofs{}.With(method, now), origin: o}
		out, err = s.begin(ctx, tx, actor, p, e, now)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	return out.SignedIn, nil
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
	o, err := s.originOf(ctx, actor, p)
	if err != nil {
		return false, err
	}
	units := append([]takenUnit{networkUnit(budgetPasswordNetwork, actor)}, passwordUnits(account, actor, o.known)...)
	budget, err := s.take(ctx, units...)
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
			entry.Changes = []audit.Change{{Field: fieldFailures, After: itoa(n)}}
		}
		return tx.AppendAudit(ctx, entry)
	})
}
