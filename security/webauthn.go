package security

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// RelyingParty is whose passkeys these are (WebAuthn Level 3). The zero value
// turns passkeys off.
type RelyingParty struct {
	ID      string   // a domain, "app.acme.test"; passkeys are lost when it changes
	Origins []string // "https://app.acme.test"
}

// ceremonyLasts is for how long a challenge can be answered.
const ceremonyLasts = 5 * time.Minute

// newRelyingParty returns nil when passkeys are off.
func newRelyingParty(c RelyingParty, product string) (*webauthn.WebAuthn, error) {
	if c.ID == "" {
		return nil, nil
	}
	rp, err := webauthn.New(&webauthn.Config{RPID: c.ID, RPDisplayName: product, RPOrigins: c.Origins})
	if err != nil {
		return nil, fmt.Errorf("security: Config.RelyingParty: %w", err)
	}
	return rp, nil
}

func (s *Service) relyingParty() (*webauthn.WebAuthn, error) {
	if s.passkeys == nil {
		return nil, ErrPasskeysOff
	}
	return s.passkeys, nil
}

// badCredential logs why a response was refused, for which the person is told
// no more than that it was.
func (s *Service) badCredential(ctx context.Context, err error) error {
	var p *protocol.Error
	if errors.As(err, &p) {
		s.c.Log.InfoContext(ctx, "security: passkey refused", "kind", p.Type, "info", p.DevInfo)
	}
	return fault.Fields{{Name: "credential", Code: "invalid", Message: "is not an answer of a passkey to what was asked"}}
}

// AskPasskey is what asking for a passkey needs.
type AskPasskey struct {
	Purpose   Purpose // ForSignIn, ForSecondFactor or ForReauthenticate
	Challenge string  // the token of the half-finished sign-in, ForSecondFactor
}

// AskPasskey returns the options for navigator.credentials.get
// (PublicKeyCredentialRequestOptionsJSON of WebAuthn Level 3). The challenge is
// good for 5 minutes, once, and for its purpose. ErrSignInExpired;
// ErrFactorNotFound for somebody without a passkey.
func (s *Service) AskPasskey(ctx context.Context, actor audit.Actor, in AskPasskey) (json.RawMessage, error) {
	now := s.now()
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	c := Ceremony{Purpose: in.Purpose}
	var p Person
	// Who is verified by the authenticator needs no other factor. After a
	// password the key alone is the second.
	verify := protocol.VerificationRequired
	switch in.Purpose {
	case ForSignIn:
		if err = s.allow(actor, PermSignIn, now); err == nil {
			_, err = s.take(ctx, networkUnit(budgetCeremony, actor))
		}
	case ForSecondFactor:
		verify = protocol.VerificationPreferred
		var pending PendingSignIn
		if pending, p, err = s.pending(ctx, actor, in.Challenge, now); err == nil {
			c.User, c.Pending = p.ID, pending.Hash
			_, err = s.take(ctx, takenUnit{budgetCeremony, p.ID.String()})
		}
	case ForReauthenticate:
		if err = s.allow(actor, PermReauthenticate, now); err != nil {
			return nil, err
		}
		if _, err = s.take(ctx, takenUnit{budgetCeremony, actor.User.String()}); err != nil {
			return nil, err
		}
		c.User, c.Session = actor.User, actor.Session
		p, err = s.c.Store.PersonByID(ctx, actor.User)
		err = unauthenticatedIfGone(err)
	default:
		err = fault.Fields{{Name: "purpose", Code: "invalid", Message: "must be sign_in, second_factor or reauthenticate"}}
	}
	if err != nil {
		return nil, err
	}
	option := webauthn.WithUserVerification(verify)
	if c.User.IsZero() {
		options, session, err := rp.BeginDiscoverableLogin(option)
		if err != nil {
			return nil, err
		}
		return s.ask(ctx, c, session, options.Response, now)
	}
	u, err := s.keyHolder(ctx, s.c.Store, p)
	if err != nil {
		return nil, err
	}
	if len(u.passkeys) == 0 {
		return nil, ErrFactorNotFound
	}
	options, session, err := rp.BeginLogin(u, option)
	if err != nil {
		return nil, err
	}
	return s.ask(ctx, c, session, options.Response, now)
}

// PasskeyProof is what a browser's navigator.credentials.get returned
// (AuthenticationResponseJSON).
type PasskeyProof struct {
	Credential []byte
	Challenge  string // the token of the half-finished sign-in, if there is one
	NoCookies  bool   // the client keeps none: nothing is made to recognise it by
}

// SignInByPasskey finishes what AskPasskey began for signing in or as a second
// factor: the challenge says which. ErrInvalidCredentials for a passkey that is
// unknown, fails the checks of WebAuthn Level 3, section 7.2, or may be a copy;
// ErrCeremonyGone; ErrSignInExpired.
func (s *Service) SignInByPasskey(ctx context.Context, actor audit.Actor, in PasskeyProof) (Outcome, error) {
	now := s.now()
	if err := s.allow(actor, PermSignIn, now); err != nil {
		return Outcome{}, err
	}
	if err := s.outside(ctx); err != nil {
		return Outcome{}, err
	}
	if _, err := s.take(ctx, networkUnit(budgetLink, actor)); err != nil {
		return Outcome{}, err
	}
	v, err := s.verifyPasskey(ctx, actor, in.Credential, ActionSignedIn, now)
	if err != nil {
		return Outcome{}, err
	}
	e := entry{method: audit.Passkey, proofs: audit.Proofs{}.With(audit.Passkey, now)}
	switch v.ceremony.Purpose {
	case ForSignIn:
	case ForSecondFactor:
		pending, p, err := s.pending(ctx, actor, in.Challenge, now)
		if err != nil {
			return Outcome{}, err
		}
		if pending.Hash != v.ceremony.Pending || p.ID != v.person.ID {
			return Outcome{}, ErrCeremonyGone
		}
		e = entry{method: pending.Method, proofs: pending.Proofs.With(audit.Passkey, now)}
	default:
		return Outcome{}, ErrCeremonyGone
	}
	if e.origin, err = s.originOf(ctx, actor, v.person); err != nil {
		return Outcome{}, err
	}
	e.origin.without(in.NoCookies)
	var out Outcome
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := stillProven(ctx, tx, v.person)
		if err != nil {
			return err
		}
		if v.ceremony.Purpose == ForSecondFactor {
			if _, err := tx.SpendPending(ctx, v.ceremony.Pending, now); err != nil {
				return err
			}
		}
		if err := v.used(ctx, tx); err != nil {
			return err
		}
		out, err = s.begin(ctx, tx, actor, p, e, now)
		return err
	})
	if errors.Is(err, audit.ErrUnauthenticated) || errors.Is(err, ErrPersonNotFound) {
		return Outcome{}, ErrInvalidCredentials
	}
	return out, err
}

// verified is an answer of a passkey that holds.
type verified struct {
	ceremony Ceremony
	person   Person
	passkey  Passkey // with what is to be stored
	counted  uint32  // the number of signatures that is stored
}

// used stores what the authenticator said. That another answer came in between
// is as good as a copy of the passkey.
func (v verified) used(ctx context.Context, tx Tx) error {
	ok, err := tx.UsePasskey(ctx, v.passkey, v.counted)
	if err == nil && !ok {
		err = ErrInvalidCredentials
	}
	return err
}

// verifyPasskey uses the challenge up and checks the answer to it.
func (s *Service) verifyPasskey(ctx context.Context, actor audit.Actor, credential []byte, action audit.Action, now time.Time) (v verified, err error) {
	rp, err := s.relyingParty()
	if err != nil {
		return v, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return v, s.badCredential(ctx, err)
	}
	var session webauthn.SessionData
	if v.ceremony, session, err = s.answered(ctx, parsed.Response.CollectedClientData.Challenge, now); err != nil {
		return v, err
	}
	// Sign-ins within frames of other sites are not ours.
	if parsed.Response.CollectedClientData.CrossOrigin {
		return v, ErrInvalidCredentials
	}
	holder, err := s.holderOf(ctx, v.ceremony, parsed.Response.UserHandle)
	if err != nil {
		return v, err
	}
	v.person = holder.person
	var found *webauthn.Credential
	if v.ceremony.User.IsZero() {
		found, err = rp.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return holder.keys, nil }, session, parsed)
	} else {
		found, err = rp.ValidateLogin(holder.keys, session, parsed)
	}
	if err != nil {
		_ = s.badCredential(ctx, err)
		return v, s.refuse(ctx, actor, v.person, action, "invalid_credentials", now)
	}
	for _, k := range holder.keys.passkeys {
		if string(k.CredentialID) == string(found.ID) {
			v.passkey, v.counted = k, k.SignCount
		}
	}
	if found.Authenticator.CloneWarning {
		return v, s.cloned(ctx, actor, v, action, now)
	}
	v.passkey.LastUsedAt = now
	return v, v.passkey.take(found)
}

type holder struct {
	person Person
	keys   *keyHolder
}

// holderOf finds whose passkey answers: who was asked, or whom the passkey names.
func (s *Service) holderOf(ctx context.Context, c Ceremony, handle []byte) (h holder, err error) {
	user := c.User
	if user.IsZero() {
		if len(handle) != len(user) {
			return h, ErrInvalidCredentials
		}
		user = id.User(handle)
	}
	h.person, err = s.c.Store.PersonByID(ctx, user)
	if errors.Is(err, ErrPersonNotFound) || err == nil && h.person.gone(s.now()) {
		return h, ErrInvalidCredentials
	}
	if err != nil {
		return h, err
	}
	h.keys, err = s.keyHolder(ctx, s.c.Store, h.person)
	return h, err
}

// refuse commits that somebody was refused, and returns ErrInvalidCredentials.
func (s *Service) refuse(ctx context.Context, actor audit.Actor, p Person, action audit.Action, reason string, now time.Time) error {
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.BumpFailures(ctx, s.c.MAC("security.passkeys", p.ID[:]), now, refusalWindow)
		if err != nil || !kept(n) {
			return err
		}
		return tx.AppendAudit(ctx, actor.WasRefused(action, p.target(), reason, now).InHistoryOf(p.ID))
	})
	if err != nil {
		return err
	}
	return ErrInvalidCredentials
}

// cloned refuses an authenticator whose count of signatures went back: two of
// them hold the same key (WebAuthn Level 3, section 6.1.1). The person is told.
func (s *Service) cloned(ctx context.Context, actor audit.Actor, v verified, action audit.Action, now time.Time) error {
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.BumpFailures(ctx, s.c.MAC("security.passkey_clones", v.passkey.ID[:]), now, refusalWindow)
		if err != nil || !kept(n) {
			return err
		}
		if n == 1 { // one mail an hour is enough
			letter := PasskeyClonedLetter{Name: v.passkey.Name, At: now, Device: s.deviceOf(ctx, actor)}
			if err := s.post(ctx, tx, v.person.Recipient(), letter, now); err != nil {
				return err
			}
		}
		return tx.AppendAudit(ctx, actor.WasRefused(action, v.passkey.target(), "passkey_cloned", now).InHistoryOf(v.person.ID))
	})
	if err != nil {
		return err
	}
	return ErrInvalidCredentials
}
