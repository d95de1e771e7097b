package security

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// Factors is what a person has beside a password.
type Factors struct {
	TOTP        *TOTP // confirmed; nil: two-factor is off
	BackupCodes int   // unspent
	Passkeys    int

	// Required says that the host asks everybody for two factors.
	Required bool
}

// Factors returns what the person who acts has. Of the app it tells when it was
// confirmed and last used; the secret is never shown again.
func (s *Service) Factors(ctx context.Context, actor audit.Actor) (Factors, error) {
	if err := s.allow(actor, PermViewFactors, s.now()); err != nil {
		return Factors{}, err
	}
	f := Factors{Required: s.c.RequireSecondFactor}
	t, err := s.c.Store.TOTP(ctx, actor.User)
	switch {
	case err == nil && !t.ConfirmedAt.IsZero():
		t.Sealed = nil
		f.TOTP = &t
	case err != nil && !errors.Is(err, ErrFactorNotFound):
		return Factors{}, err
	}
	if f.BackupCodes, err = s.c.Store.BackupCodes(ctx, actor.User); err != nil {
		return Factors{}, err
	}
	passkeys, err := s.c.Store.Passkeys(ctx, actor.User)
	f.Passkeys = len(passkeys)
	return f, err
}

// Enrollment is an authenticator app that waits to be confirmed. Both texts are
// the secret, and are shown once.
type Enrollment struct {
	Secret Secret // base 32, for typing
	URI    Secret // otpauth://totp/…, for a QR code
}

// Secret is text that is shown to one person, and does not print itself.
type Secret struct{ text string }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// String hides the text.
func (Secret) String() string { return "[secret]" }

// GoString hides the text.
func (Secret) GoString() string { return "[secret]" }

// enrollmentLasts is for how long an app can be confirmed.
const enrollmentLasts = time.Hour

// EnrollTOTP makes a secret for an authenticator app. It neither asks for
// anything nor proves anything before ConfirmTOTP, which must follow within an
// hour. Beginning again voids the secret before. ErrTOTPEnabled.
func (s *Service) EnrollTOTP(ctx context.Context, actor audit.Actor) (Enrollment, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermTOTPEnroll, ActionTOTPStarted, now); err != nil {
		return Enrollment{}, err
	}
	secret := make([]byte, totpSecret)
	_, _ = rand.Read(secret) // never fails
	t := TOTP{ID: id.NewFactor(), User: actor.User, CreatedAt: now}
	var err error
	if t.Sealed, err = s.c.Sealer.Seal(secret, totpContext(t)); err != nil {
		return Enrollment{}, err
	}
	t.Key, _ = s.c.Sealer.KeyOf(t.Sealed)
	var p Person
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if p, err = lockActor(ctx, tx, actor); err != nil {
			return err
		}
		if err := tx.PutTOTP(ctx, t); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionTOTPStarted, p.target(), now).InHistoryOf(p.ID))
	})
	if err != nil {
		return Enrollment{}, unauthenticatedIfGone(err)
	}
	// A colon would end the issuer early (Key URI Format).
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: strings.ReplaceAll(s.c.Product, ":", " "), AccountName: p.Email, Secret: secret, Period: totpPeriod,
	})
	if err != nil {
		return Enrollment{}, fmt.Errorf("security: authenticator app: %w", err)
	}
	return Enrollment{Secret: Secret{key.Secret()}, URI: Secret{key.URL()}}, nil
}

// Changed is what a change of factors leaves behind.
type Changed struct {
	Token       Token    // the session's new one; zero with keepToken
	BackupCodes []string // shown once; nil if there are no new ones
}

// ConfirmTOTP turns two-factor on by a code from the app. It makes 8 backup
// codes, ends every other session and mails the person. keepToken leaves the
// session's token as it is. ErrInvalidCode; ErrFactorNotFound if nothing waits
// to be confirmed; ErrTOTPEnabled.
func (s *Service) ConfirmTOTP(ctx context.Context, actor audit.Actor, code string, keepToken bool) (Changed, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermTOTPEnroll, ActionTOTPEnabled, now); err != nil {
		return Changed{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Changed{}, err
	}
	typed, err := parseCode(audit.TOTP, "code", code)
	if err != nil {
		return Changed{}, err
	}
	budget, err := s.take(ctx, codeUnits(audit.TOTP, Person{ID: actor.User}, actor, false)...)
	if err != nil {
		return Changed{}, err
	}
	o, err := s.originOf(ctx, actor, Person{ID: actor.User})
	if err != nil {
		return Changed{}, err
	}
	out := Changed{Token: newToken(!keepToken)}
	right := false
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		t, err := tx.TOTP(ctx, p.ID)
		if err != nil {
			return err
		}
		if !t.ConfirmedAt.IsZero() {
			return ErrTOTPEnabled
		}
		secret, err := s.openTOTP(t)
		if err != nil {
			return err
		}
		var step int64
		if step, right, err = matchStep(secret, typed.text, t.LastStep, now); err != nil {
			return err
		}
		if !right {
			return s.refused(ctx, tx, actor, p, ActionTOTPEnabled, now)
		}
		if err := tx.ConfirmTOTP(ctx, p.ID, t.ID, step, now, now.Add(-enrollmentLasts)); err != nil {
			return err
		}
		if out.BackupCodes, err = s.newBackupCodes(ctx, tx, p.ID, now); err != nil {
			return err
		}
		actor.Proofs = actor.Proofs.With(audit.TOTP, now)
		if err := s.onlyHere(ctx, tx, p.ID, o, now); err != nil {
			return err
		}
		if err := s.factorsChanged(ctx, tx, actor, p, ActionTOTPEnabled, p.target(), out.Token, now); err != nil {
			return err
		}
		if err := s.c.TwoFactor.SecondFactorChanged(ctx, actor, p.ID, true, now); err != nil {
			return err
		}
		return s.post(ctx, tx, p.Recipient(), TwoFactorOnLetter{At: now, Device: s.deviceOf(ctx, actor)}, now)
	})
	if err != nil {
		return Changed{}, unauthenticatedIfGone(err)
	}
	if !right {
		return Changed{}, ErrInvalidCode
	}
	budget.giveBack(ctx)
	return out, nil
}

// factorsChanged voids what was made under the factors before: sessions other
// than the actor's, half-finished sign-ins, links. The actor's session goes on
// with the actor's proofs under a new token.
func (s *Service) factorsChanged(ctx context.Context, tx Tx, actor audit.Actor, p Person, action audit.Action, target audit.Target, fresh Token, now time.Time) error {
	version, err := tx.BumpVersion(ctx, p.ID, actor.Session)
	if err != nil {
		return err
	}
	ended, err := tx.RevokeSessions(ctx, p.ID, actor.Session)
	if err != nil {
		return err
	}
	session := Session{ID: actor.Session, User: p.ID, Proofs: actor.Proofs, Version: version}
	if err := tx.RenewSession(ctx, session, hashOf(fresh)); err != nil {
		return err
	}
	return tx.AppendAudit(ctx, actor.Did(action, target, now, sessionsEnded(ended)...).InHistoryOf(p.ID))
}

// DisableTOTP is what turning two-factor off needs: two different factors of
// the person, each here or proven freshly in the session. A passkey, which
// verified the person, is two.
type DisableTOTP struct {
	Password  string
	Code      string // from the app, or a backup code
	KeepToken bool
}

// DisableTOTP turns two-factor off, removes the app and the backup codes, ends
// every other session and mails the person. Fields that are missing or wrong are
// a fault.Fields; a wrong code is ErrInvalidCode. ErrTwoFactorOff.
func (s *Service) DisableTOTP(ctx context.Context, actor audit.Actor, in DisableTOTP) (Token, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermTOTPDisable, ActionTOTPDisabled, now); err != nil {
		return Token{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Token{}, err
	}
	p, err := s.c.Store.PersonByID(ctx, actor.User)
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	if !p.TwoFactor {
		return Token{}, ErrTwoFactorOff
	}
	if err := s.enoughToDisable(actor, p, in, now); err != nil {
		return Token{}, s.record(ctx, actor, ActionTOTPDisabled, now, err)
	}
	if in.Password != "" && p.PasswordHash != "" {
		leave, err := s.hasher.enter()
		if err != nil {
			return Token{}, err
		}
		ok, err := s.prove(ctx, actor, p, in.Password, "password", ActionTOTPDisabled)
		leave()
		if err != nil {
			return Token{}, err
		}
		if !ok {
			return Token{}, fault.Fields{{Name: "password", Code: "wrong_password", Message: "is not your password"}}
		}
	}
	return s.disable(ctx, actor, p, in, now)
}

// enoughToDisable says what is missing.
func (s *Service) enoughToDisable(actor audit.Actor, p Person, in DisableTOTP, now time.Time) error {
	fresh := func(f audit.Factor) bool { return actor.Proofs.Fresh(f, now, s.c.StepUpAge) }
	if fresh(audit.Passkey) {
		return nil
	}
	var f fault.Fields
	first := in.Password != "" || fresh(audit.Password)
	if p.PasswordHash == "" {
		// Somebody without a password has the app alone, and what is mailed.
		first = fresh(audit.EmailCode) || fresh(audit.SSO)
	}
	if !first && p.PasswordHash != "" {
		f.Add("password", "required", "is required")
	}
	if in.Code == "" && !fresh(audit.TOTP) && !fresh(audit.BackupCode) {
		f.Add("code", "required", "is required")
	}
	if err := f.Err(); err != nil {
		return err
	}
	if !first {
		return &audit.StepUpError{MaxAge: s.c.StepUpAge, Methods: []audit.Factor{audit.Passkey, audit.EmailCode}}
	}
	return nil
}

func (s *Service) disable(ctx context.Context, actor audit.Actor, p Person, in DisableTOTP, now time.Time) (Token, error) {
	var code typedCode
	budget := &taken{}
	if in.Code != "" {
		var err error
		if code, err = parseEitherCode("code", in.Code); err != nil {
			return Token{}, err
		}
		o, err := s.originOf(ctx, actor, p)
		if err != nil {
			return Token{}, err
		}
		if budget, err = s.take(ctx, codeUnits(code.method, p, actor, o.known)...); err != nil {
			return Token{}, err
		}
	}
	fresh := newToken(!in.KeepToken)
	right := true
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		locked, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if in.Code != "" {
			if right, err = s.spendCode(ctx, tx, actor, locked, code, ActionTOTPDisabled, now); err != nil || !right {
				return err
			}
		}
		if err := tx.DeleteTOTP(ctx, p.ID); err != nil {
			return err
		}
		if err := tx.ReplaceBackupCodes(ctx, p.ID, nil, now); err != nil {
			return err
		}
		actor.Proofs.TOTP, actor.Proofs.BackupCode = time.Time{}, time.Time{}
		if err := s.factorsChanged(ctx, tx, actor, p, ActionTOTPDisabled, p.target(), fresh, now); err != nil {
			return err
		}
		if err := s.c.TwoFactor.SecondFactorChanged(ctx, actor, p.ID, false, now); err != nil {
			return err
		}
		return s.post(ctx, tx, p.Recipient(), TwoFactorOffLetter{At: now, Device: s.deviceOf(ctx, actor)}, now)
	})
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	if !right {
		return Token{}, ErrInvalidCode
	}
	budget.giveBack(ctx)
	return fresh, nil
}

// RenewBackupCodes makes 8 new backup codes; all earlier ones are void.
// ErrTwoFactorOff.
func (s *Service) RenewBackupCodes(ctx context.Context, actor audit.Actor) ([]string, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermBackupCodes, ActionBackupCodesRenewed, now); err != nil {
		return nil, err
	}
	var codes []string
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if !p.TwoFactor {
			return ErrTwoFactorOff
		}
		if codes, err = s.newBackupCodes(ctx, tx, p.ID, now); err != nil {
			return err
		}
		if err := tx.AppendAudit(ctx, actor.Did(ActionBackupCodesRenewed, p.target(), now).InHistoryOf(p.ID)); err != nil {
			return err
		}
		return s.post(ctx, tx, p.Recipient(), BackupCodesRenewedLetter{At: now, Device: s.deviceOf(ctx, actor)}, now)
	})
	if err != nil {
		return nil, unauthenticatedIfGone(err)
	}
	return codes, nil
}
