package security

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/passwords"
)

// MaxPassword is how many bytes a password may have, before and after NFKC.
const MaxPassword = 1024

// PasswordRules is what a new password must satisfy. The zero value is the
// default: at least 8 characters with at least one digit, and none of the most
// common passwords. Any Unicode is welcome; passwords are compared after NFKC.
type PasswordRules struct {
	MinLength           int  // in code points; zero: 8
	InsecureNoDigit     bool // do not ask for a digit
	InsecureAllowCommon bool // do not refuse common passwords
}

func (r PasswordRules) withDefaults() PasswordRules {
	defaultTo(&r.MinLength, 8)
	return r
}

// Rules returns what a new password must satisfy.
func (s *Service) Rules() PasswordRules { return s.c.Password }

// CheckNewPassword returns a fault.Fields for field if the password may not be
// chosen. It does not hash.
func (s *Service) CheckNewPassword(field, password string) error {
	_, err := s.newPassword(field, password)
	return err
}

// newPassword returns the normalised form of a password that may be chosen.
func (s *Service) newPassword(field, password string) (string, error) {
	var f fault.Fields
	normal, err := normalized(field, password)
	if err != nil {
		return "", err
	}
	r := s.c.Password
	switch {
	case passwords.Count(normal) < r.MinLength:
		f = append(f, fault.Field{
			Name: field, Code: "too_short", Message: "is too short",
			Params: map[string]any{"min": r.MinLength},
		})
	case !r.InsecureNoDigit && !strings.ContainsFunc(normal, unicode.IsDigit):
		f.Add(field, "needs_digit", "needs at least one digit")
	case !r.InsecureAllowCommon && passwords.Common(normal):
		f.Add(field, "common_password", "is one of the most common passwords; choose another")
	}
	return normal, f.Err()
}

// normalized refuses what cannot be a password at all, before any hashing.
func normalized(field, password string) (string, error) {
	var f fault.Fields
	if password == "" {
		f.Add(field, "required", "is required")
		return "", f
	}
	if len(password) > MaxPassword {
		f = append(f, fault.Field{
			Name: field, Code: "too_long", Message: "is too long",
			Params: map[string]any{"max": MaxPassword},
		})
		return "", f
	}
	normal, ok := passwords.Normalize(password)
	if !ok || len(normal) > MaxPassword {
		f.Add(field, "invalid_characters", "holds characters that cannot be used")
		return "", f
	}
	return normal, nil
}

// HashNewPassword checks and hashes a password for a new account. It refuses to
// run inside a transaction.
func (s *Service) HashNewPassword(ctx context.Context, field, password string) (PasswordHash, error) {
	if err := s.outside(ctx); err != nil {
		return "", err
	}
	normal, err := s.newPassword(field, password)
	if err != nil {
		return "", err
	}
	if err := s.notBreached(ctx, field, normal); err != nil {
		return "", err
	}
	leave, err := s.hasher.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	return s.hasher.hash(ctx, normal)
}

// notBreached asks whether a new password is known from a breach. Who cannot
// tell keeps nobody from choosing one.
func (s *Service) notBreached(ctx context.Context, field, normal string) error {
	if s.c.BreachChecker == nil {
		return nil
	}
	known, err := s.c.BreachChecker.Breached(ctx, normal)
	if err != nil {
		s.c.Log.WarnContext(ctx, "security: password not checked for breaches", "err", err)
		return nil
	}
	if !known {
		return nil
	}
	return fault.Fields{{Name: field, Code: "breached_password", Message: "is known from a data breach; choose another"}}
}

// ChangePassword is what changing a password needs.
type ChangePassword struct {
	Current string // not asked from a person without a password
	New     string

	// KeepToken leaves the session's token as it is: for callers who have no
	// way to receive another one.
	KeepToken bool
}

// ChangePassword replaces the password of the person who acts, ends every other
// session, and mails the person. A person without a password sets the first one,
// which needs a fresh proof instead of the current password. It returns the
// session's new token, or zero with KeepToken. A wrong current password is a
// fault.Fields on "current_password".
func (s *Service) ChangePassword(ctx context.Context, actor audit.Actor, in ChangePassword) (Token, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermChangePassword, ActionPasswordChanged, now); err != nil {
		return Token{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Token{}, err
	}
	p, err := s.c.Store.PersonByID(ctx, actor.User)
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	action := ActionPasswordChanged
	if p.PasswordHash == "" {
		action = ActionPasswordSet
		if err := s.permit(ctx, actor, PermFirstPassword, ActionPasswordSet, now); err != nil {
			return Token{}, err
		}
	}
	normal, err := s.newPassword("password", in.New)
	if p.PasswordHash != "" && in.Current == "" {
		f := fault.Fields{{Name: "current_password", Code: "required", Message: "is required"}}
		f.AddFields(err)
		return Token{}, f
	}
	if err != nil {
		return Token{}, err
	}
	if err := s.notBreached(ctx, "password", normal); err != nil {
		return Token{}, err
	}
	leave, err := s.hasher.enter()
	if err != nil {
		return Token{}, err
	}
	defer leave()
	if p.PasswordHash != "" {
		ok, err := s.prove(ctx, actor, p, in.Current, "current_password", action)
		if err != nil {
			return Token{}, err
		}
		if !ok {
			return Token{}, fault.Fields{{Name: "current_password", Code: "wrong_password", Message: "is not your current password"}}
		}
	}
	hash, err := s.hasher.hash(ctx, normal)
	if err != nil {
		return Token{}, err
	}
	o, err := s.originOf(ctx, actor, p)
	if err != nil {
		return Token{}, err
	}
	fresh := newToken(!in.KeepToken)
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := lockActor(ctx, tx, actor); err != nil {
			return err
		}
		version, err := tx.SetPassword(ctx, p.ID, hash, now)
		if err != nil {
			return err
		}
		ended, err := tx.RevokeSessions(ctx, p.ID, actor.Session)
		if err != nil {
			return err
		}
		session := Session{ID: actor.Session, User: p.ID, Proofs: actor.Proofs.With(audit.Password, now), Version: version}
		if err := tx.RenewSession(ctx, session, hashOf(fresh)); err != nil {
			return err
		}
		if err := s.onlyHere(ctx, tx, p.ID, o, now); err != nil {
			return err
		}
		letter := PasswordChangedLetter{At: now, First: action == ActionPasswordSet, Device: s.deviceOf(ctx, actor)}
		if err := s.post(ctx, tx, p.Recipient(), letter, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(action, p.target(), now, sessionsEnded(ended)...).InHistoryOf(p.ID))
	})
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	return fresh, nil
}

// stillProven locks the person and makes sure that the credential still is the
// one whose password was proven: otherwise a proof of the old password could
// overwrite one set meanwhile.
func stillProven(ctx context.Context, tx Tx, proven Person) (Person, error) {
	locked, err := tx.LockPerson(ctx, proven.ID)
	if err != nil {
		return Person{}, err
	}
	if locked.Version != proven.Version {
		return Person{}, audit.ErrUnauthenticated
	}
	return locked, nil
}

// lockActor locks the person who acts, and makes sure that the session they were
// recognised by still is one: between authenticating a request and this moment it
// may have been ended, and the credential changed, by its rightful owner.
func lockActor(ctx context.Context, tx Tx, actor audit.Actor) (Person, error) {
	p, err := tx.LockPerson(ctx, actor.User)
	if err != nil {
		return Person{}, err
	}
	if p.Version != actor.Version {
		return Person{}, audit.ErrUnauthenticated
	}
	return p, tx.HoldSession(ctx, actor.User, actor.Session)
}

// unauthenticatedIfGone says "not signed in" of a person or session that ended
// while the request was under way.
func unauthenticatedIfGone(err error) error {
	if errors.Is(err, ErrSessionNotFound) || errors.Is(err, ErrPersonNotFound) {
		return audit.ErrUnauthenticated
	}
	return err
}
