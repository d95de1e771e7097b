package security

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
)

// Reauthenticate is what proving a factor again needs.
type Reauthenticate struct {
	Method     audit.Factor
	Password   string // with audit.Password
	Code       string // with audit.TOTP, audit.BackupCode and audit.EmailCode
	Credential []byte // with audit.Passkey; see PasskeyProof

	// KeepToken leaves the session's token as it is: for callers who have no
	// way to receive another one.
	KeepToken bool
}

// Reauthenticate proves a factor of the person who acts again, and notes the
// time in the session. It returns the session's new token, or zero with
// KeepToken. A wrong password or passkey is ErrInvalidCredentials, a wrong code
// ErrInvalidCode. A password alone opens nothing sensitive while two-factor is on.
func (s *Service) Reauthenticate(ctx context.Context, actor audit.Actor, in Reauthenticate) (Token, error) {
	now := s.now()
	if err := s.allow(actor, PermReauthenticate, now); err != nil {
		return Token{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Token{}, err
	}
	p, err := s.c.Store.PersonByID(ctx, actor.User)
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	fresh := newToken(!in.KeepToken)
	switch in.Method {
	case audit.Password:
		err = s.proveByPassword(ctx, actor, p, in.Password, fresh, now)
	case audit.TOTP, audit.BackupCode:
		err = s.proveByCode(ctx, actor, p, in, fresh, now)
	case audit.Passkey:
		err = s.proveByPasskey(ctx, actor, in.Credential, fresh, now)
	case audit.EmailCode:
		err = s.proveByEmail(ctx, actor, p, in.Code, fresh, now)
	default:
		err = fault.Fields{{Name: "method", Code: "invalid", Message: "must be password, totp, backup_code, passkey or email_code"}}
	}
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	return fresh, nil
}

func (s *Service) proveByPassword(ctx context.Context, actor audit.Actor, p Person, password string, fresh Token, now time.Time) error {
	leave, err := s.hasher.enter()
	if err != nil {
		return err
	}
	defer leave()
	ok, err := s.prove(ctx, actor, p, password, "password", ActionReauthenticated)
	if err != nil {
		return err
	}
	if !ok {
		return ErrInvalidCredentials
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := lockActor(ctx, tx, actor); err != nil {
			return err
		}
		return s.proved(ctx, tx, actor, p, audit.Password, fresh, now)
	})
}

// proved notes in the session what was proven again.
func (s *Service) proved(ctx context.Context, tx Tx, actor audit.Actor, p Person, method audit.Factor, fresh Token, now time.Time) error {
	session := Session{ID: actor.Session, User: p.ID, Proofs: actor.Proofs.With(method, now), Version: p.Version}
	if err := tx.RenewSession(ctx, session, hashOf(fresh)); err != nil {
		return err
	}
	entry := actor.Did(ActionReauthenticated, audit.SessionTarget(actor.Session, ""), now, audit.Change{Field: "method", After: string(method)})
	return tx.AppendAudit(ctx, entry.InHistoryOf(p.ID))
}

func (s *Service) proveByCode(ctx context.Context, actor audit.Actor, p Person, in Reauthenticate, fresh Token, now time.Time) error {
	code, err := parseCode(in.Method, "code", in.Code)
	if err != nil {
		return err
	}
	o, err := s.originOf(ctx, actor, p)
	if err != nil {
		return err
	}
	budget, err := s.take(ctx, codeUnits(in.Method, p, actor, o.known)...)
	if err != nil {
		return err
	}
	right := false
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		locked, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if right, err = s.spendCode(ctx, tx, actor, locked, code, ActionReauthenticated, now); err != nil || !right {
			return err
		}
		return s.proved(ctx, tx, actor, locked, in.Method, fresh, now)
	})
	if err == nil && !right {
		err = ErrInvalidCode
	}
	if err == nil {
		budget.giveBack(ctx)
	}
	return err
}

func (s *Service) proveByPasskey(ctx context.Context, actor audit.Actor, credential []byte, fresh Token, now time.Time) error {
	if _, err := s.take(ctx, networkUnit(budgetLink, actor)); err != nil {
		return err
	}
	v, err := s.verifyPasskey(ctx, actor, credential, ActionReauthenticated, now)
	if err != nil {
		return err
	}
	if v.ceremony.Purpose != ForReauthenticate || v.ceremony.Session != actor.Session || v.person.ID != actor.User {
		return ErrCeremonyGone
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := v.used(ctx, tx); err != nil {
			return err
		}
		return s.proved(ctx, tx, actor, p, audit.Passkey, fresh, now)
	})
}

// Mailed codes have 8 digits, 26 bits, and at most 5 tries each.
const (
	emailCodeDigits = 8
	emailCodeLasts  = 10 * time.Minute
	emailCodeTries  = 5
)

// SendEmailCode mails a code to somebody who has nothing else to prove who they
// are with. It is good for 10 minutes, once, in this session, and voids the one
// before. ErrOtherFactor for people who have something else.
func (s *Service) SendEmailCode(ctx context.Context, actor audit.Actor) error {
	now := s.now()
	if err := s.allow(actor, PermReauthenticate, now); err != nil {
		return err
	}
	if actor.HasPassword || actor.HasPasskey {
		return ErrOtherFactor
	}
	if _, err := s.take(ctx, takenUnit{budgetEmailCode, actor.User.String()}); err != nil {
		return err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%0*d", emailCodeDigits, n)
	c := EmailCode{
		User: actor.User, Session: actor.Session, Hash: s.emailCodeHash(actor, code),
		CreatedAt: now, ExpiresAt: now.Add(emailCodeLasts),
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if err := tx.PutEmailCode(ctx, c); err != nil {
			return err
		}
		letter := EmailCodeLetter{Code: code, ExpiresAt: c.ExpiresAt, Device: s.deviceOf(ctx, actor)}
		if err := s.post(ctx, tx, p.Recipient(), letter, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionEmailCodeSent, p.target(), now).InHistoryOf(p.ID))
	})
	return unauthenticatedIfGone(err)
}

func (s *Service) emailCodeHash(a audit.Actor, code string) Hash {
	return s.c.MAC("security.email_code", append(append(a.User[:], a.Session[:]...), code...))
}

func (s *Service) proveByEmail(ctx context.Context, actor audit.Actor, p Person, typed string, fresh Token, now time.Time) error {
	if actor.HasPassword || actor.HasPasskey {
		return ErrOtherFactor
	}
	if typed == "" {
		return fault.Fields{{Name: "code", Code: "required", Message: "is required"}}
	}
	budget, err := s.take(ctx, takenUnit{budgetEmailTries, p.ID.String()})
	if err != nil {
		return err
	}
	right := true
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		locked, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		err = tx.SpendEmailCode(ctx, p.ID, actor.Session, s.emailCodeHash(actor, digits(typed)), now, emailCodeTries)
		if errors.Is(err, ErrInvalidCode) {
			right = false
			return s.refused(ctx, tx, actor, locked, ActionReauthenticated, now)
		}
		if err != nil {
			return err
		}
		return s.proved(ctx, tx, actor, locked, audit.EmailCode, fresh, now)
	})
	if err == nil && !right {
		err = ErrInvalidCode
	}
	if err == nil {
		budget.giveBack(ctx)
	}
	return err
}
