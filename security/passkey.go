package security

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/text"
)

// Passkey limits.
const (
	MaxPasskeys    = 20 // of one person
	MaxPasskeyName = 60 // code points
)

func (k Passkey) target() audit.Target {
	return audit.Target{Kind: "passkey", ID: k.ID.String(), Name: k.Name}
}

// Passkeys returns the passkeys of the person who acts, the oldest first.
func (s *Service) Passkeys(ctx context.Context, actor audit.Actor) ([]Passkey, error) {
	if err := s.allow(actor, PermPasskeyList, s.now()); err != nil {
		return nil, err
	}
	return s.c.Store.Passkeys(ctx, actor.User)
}

// BeginPasskey returns the options for navigator.credentials.create
// (PublicKeyCredentialCreationOptionsJSON of WebAuthn Level 3). The challenge
// is good for 5 minutes, once, and for this session. ErrTooManyPasskeys.
func (s *Service) BeginPasskey(ctx context.Context, actor audit.Actor) (json.RawMessage, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPasskeyAdd, ActionPasskeyAdded, now); err != nil {
		return nil, err
	}
	rp, err := s.relyingParty()
	if err != nil {
		return nil, err
	}
	if _, err := s.take(ctx, takenUnit{budgetCeremony, actor.User.String()}); err != nil {
		return nil, err
	}
	p, err := s.c.Store.PersonByID(ctx, actor.User)
	if err != nil {
		return nil, unauthenticatedIfGone(err)
	}
	if p.Passkeys >= MaxPasskeys {
		return nil, ErrTooManyPasskeys
	}
	u, err := s.keyHolder(ctx, s.c.Store, p)
	if err != nil {
		return nil, err
	}
	options, session, err := rp.BeginRegistration(u,
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementPreferred),
		webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()))
	if err != nil {
		return nil, err
	}
	c := Ceremony{Purpose: ForRegistration, User: p.ID, Session: actor.Session}
	return s.ask(ctx, c, session, options.Response, now)
}

// AddPasskey registers what the browser's navigator.credentials.create returned
// (RegistrationResponseJSON), and mails the person. Without a name it is called
// after the browser and system. ErrCeremonyGone,
// ErrPasskeyTaken, ErrTooManyPasskeys; a response that is none, or fails the
// checks of WebAuthn Level 3, section 7.1, is a fault.Fields on "credential".
func (s *Service) AddPasskey(ctx context.Context, actor audit.Actor, name string, credential []byte) (Passkey, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPasskeyAdd, ActionPasskeyAdded, now); err != nil {
		return Passkey{}, err
	}
	rp, err := s.relyingParty()
	if err != nil {
		return Passkey{}, err
	}
	if strings.TrimSpace(name) == "" {
		name = device.Parse(actor.UserAgent).Name()
	}
	name, err = text.Name("name", name, MaxPasskeyName)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return Passkey{}, s.badCredential(ctx, err)
	}
	c, session, err := s.answered(ctx, parsed.Response.CollectedClientData.Challenge, now)
	if err != nil {
		return Passkey{}, err
	}
	if c.Purpose != ForRegistration || c.User != actor.User || c.Session != actor.Session {
		return Passkey{}, ErrCeremonyGone
	}
	registered, err := rp.CreateCredential(&keyHolder{id: actor.User}, session, parsed)
	if err != nil {
		return Passkey{}, s.badCredential(ctx, err)
	}
	k := Passkey{ID: id.NewFactor(), User: actor.User, Name: name, CredentialID: registered.ID, CreatedAt: now}
	if err := k.take(registered); err != nil {
		return Passkey{}, err
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		if p.Passkeys >= MaxPasskeys {
			return ErrTooManyPasskeys
		}
		if err := tx.InsertPasskey(ctx, k); err != nil {
			return err
		}
		if err := tx.AppendAudit(ctx, actor.Did(ActionPasskeyAdded, k.target(), now).InHistoryOf(p.ID)); err != nil {
			return err
		}
		return s.post(ctx, tx, p.Recipient(), PasskeyLetter{Name: k.Name, At: now, Device: s.deviceOf(ctx, actor)}, now)
	})
	if err != nil {
		return Passkey{}, unauthenticatedIfGone(err)
	}
	return k, nil
}

// RenamePasskey returns ErrFactorNotFound if it is not one of the person who acts.
func (s *Service) RenamePasskey(ctx context.Context, actor audit.Actor, passkey id.Factor, name string) (Passkey, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPasskeyRename, ActionPasskeyRenamed, now); err != nil {
		return Passkey{}, err
	}
	name, err := text.Name("name", name, MaxPasskeyName)
	if err != nil {
		return Passkey{}, err
	}
	var k Passkey
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := lockActor(ctx, tx, actor); err != nil {
			return err
		}
		if k, err = passkeyOf(ctx, tx, actor.User, passkey); err != nil {
			return err
		}
		if k.Name == name {
			return nil
		}
		change := audit.Change{Field: "name", Before: k.Name, After: name}
		k.Name = name
		if err := tx.RenamePasskey(ctx, actor.User, passkey, name); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionPasskeyRenamed, k.target(), now, change).InHistoryOf(actor.User))
	})
	if err != nil {
		return Passkey{}, unauthenticatedIfGone(err)
	}
	return k, nil
}

func passkeyOf(ctx context.Context, from FactorReader, user id.User, passkey id.Factor) (Passkey, error) {
	all, err := from.Passkeys(ctx, user)
	if err != nil {
		return Passkey{}, err
	}
	for _, k := range all {
		if k.ID == passkey {
			return k, nil
		}
	}
	return Passkey{}, ErrFactorNotFound
}

// RemovePasskey removes a passkey, ends every other session and mails the
// person. The last one of somebody without a password stays: ErrLastFactor. It
// returns the session's new token, or zero with keepToken. ErrFactorNotFound.
func (s *Service) RemovePasskey(ctx context.Context, actor audit.Actor, passkey id.Factor, keepToken bool) (Token, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermPasskeyRemove, ActionPasskeyRemoved, now); err != nil {
		return Token{}, err
	}
	fresh := newToken(!keepToken)
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := lockActor(ctx, tx, actor)
		if err != nil {
			return err
		}
		k, err := tx.DeletePasskey(ctx, p.ID, passkey)
		if err != nil {
			return err
		}
		// Decided under the lock: two requests at once cannot remove the last two.
		if p.PasswordHash == "" && p.Passkeys <= 1 {
			return ErrLastFactor
		}
		if p.Passkeys == 1 { // what it proved is not there any more
			actor.Proofs.Passkey = time.Time{}
		}
		if err := s.factorsChanged(ctx, tx, actor, p, ActionPasskeyRemoved, k.target(), fresh, now); err != nil {
			return err
		}
		return s.post(ctx, tx, p.Recipient(), PasskeyLetter{Name: k.Name, At: now, Removed: true, Device: s.deviceOf(ctx, actor)}, now)
	})
	if err != nil {
		return Token{}, unauthenticatedIfGone(err)
	}
	return fresh, nil
}

// ask stores a challenge and returns what the browser is to be asked.
func (s *Service) ask(ctx context.Context, c Ceremony, session *webauthn.SessionData, options any, now time.Time) (json.RawMessage, error) {
	challenge, err := base64.RawURLEncoding.DecodeString(session.Challenge)
	if err != nil {
		return nil, err
	}
	if c.Data, err = json.Marshal(session); err != nil {
		return nil, err
	}
	c.Challenge, c.ExpiresAt = sha256.Sum256(challenge), now.Add(ceremonyLasts)
	if err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.InsertCeremony(ctx, c) }); err != nil {
		return nil, err
	}
	return json.Marshal(options)
}

// answered uses up the challenge that an answer names, whatever comes of it.
func (s *Service) answered(ctx context.Context, challenge string, now time.Time) (c Ceremony, session webauthn.SessionData, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return c, session, ErrCeremonyGone
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		c, err = tx.SpendCeremony(ctx, sha256.Sum256(raw), now)
		return err
	})
	if err != nil {
		return c, session, err
	}
	if err := json.NewDecoder(bytes.NewReader(c.Data)).Decode(&session); err != nil {
		return c, session, err
	}
	session.Expires = time.Time{} // decided above, by our clock
	return c, session, nil
}

// take keeps what the library says of a credential.
func (k *Passkey) take(c *webauthn.Credential) (err error) {
	k.SignCount, k.BackedUp = c.Authenticator.SignCount, c.Flags.BackupState
	k.Data, err = json.Marshal(c)
	return err
}

// keyHolder is a person as the library wants to see one. The handle is the
// identifier, never the address (WebAuthn Level 3, section 14.6.1).
type keyHolder struct {
	id          id.User
	name, label string
	passkeys    []Passkey
	credentials []webauthn.Credential
}

func (u *keyHolder) WebAuthnID() []byte                         { return u.id[:] }
func (u *keyHolder) WebAuthnName() string                       { return u.name }
func (u *keyHolder) WebAuthnDisplayName() string                { return u.label }
func (u *keyHolder) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func (s *Service) keyHolder(ctx context.Context, from FactorReader, p Person) (*keyHolder, error) {
	u := &keyHolder{id: p.ID, name: p.Email, label: p.Name}
	var err error
	if u.passkeys, err = from.Passkeys(ctx, p.ID); err != nil {
		return nil, err
	}
	for _, k := range u.passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal(k.Data, &c); err != nil {
			return nil, errors.New("security: stored passkey cannot be read")
		}
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}
