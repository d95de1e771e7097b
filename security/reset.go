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
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/mail"
)

// ForgotPassword mails a link to set a new password, if the address has an
// account. The answer and the work done are the same if not. Past 5 mails to
// one address, and one more every half hour, nothing is sent, and the last link still works.
func (s *Service) ForgotPassword(ctx context.Context, actor audit.Actor, email string) error {
	now := s.now()
	if err := s.allow(actor, PermForgot, now); err != nil {
		return err
	}
	addr, err := address.Parse(email)
	if err != nil {
		return err
	}
	if _, err := s.take(ctx, takenUnit{budgetForgot, clientip.Network(actor.IP)}); err != nil {
		return err
	}
	account := s.accountKey(addr.Key)
	_, err = s.take(ctx, takenUnit{budgetMail, hex.EncodeToString(account[:16])})
	if errors.Is(err, fault.Throttled) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := tx.PersonByEmail(ctx, addr.Key)
		if errors.Is(err, ErrPersonNotFound) || err == nil && p.gone(now) {
			p = Person{Email: addr.Email}
		} else if err != nil {
			return err
		}
		if err := s.startReset(ctx, tx, actor, account, p, now); err != nil {
			return err
		}
		target := audit.Target{Kind: "address", ID: hex.EncodeToString(account[:16])}
		if !p.ID.IsZero() {
			target = p.target()
		}
		return s.recordForgot(ctx, tx, actor.Did(ActionResetRequested, target, now).InHistoryOf(p.ID), addr)
	})
}

// Entries of requests are bounded as refusals are, for each address and for each
// network, so that neither a flood nor one over many addresses can fill the log.
func kept(n int) bool { return n <= refusalsKept || n&(n-1) == 0 }

// recordForgot stores the entry of a request for an address, unless there were
// many. What it does depends on their number alone, and not on who has the
// address.
func (s *Service) recordForgot(ctx context.Context, tx Tx, e audit.Entry, addr address.Address) error {
	// The network last: requests from it wait for one another from here on.
	ofAddress, err := tx.BumpFailures(ctx, s.c.MAC("security.forgot", []byte(addr.Key)), e.At, refusalWindow)
	if err != nil {
		return err
	}
	ofNetwork, err := tx.BumpFailures(ctx, s.c.MAC("security.forgot_network", []byte(clientip.Network(e.IP))), e.At, refusalWindow)
	if err != nil || !kept(ofAddress) || !kept(ofNetwork) {
		return err
	}
	if n := max(ofAddress, ofNetwork); n > refusalsKept {
		e.Changes = []audit.Change{{Field: fieldRequests, After: itoa(n)}}
	}
	return tx.AppendAudit(ctx, e)
}

// startReset stores and mails a link. For nobody it does the same work, and the
// letter is one that nobody gets.
func (s *Service) startReset(ctx context.Context, tx Tx, actor audit.Actor, account Hash, p Person, now time.Time) error {
	secret := token.New()
	r := Reset{
		Address: account, Hash: secret.Hash(), User: p.ID, Version: p.Version,
		CreatedAt: now, ExpiresAt: now.Add(s.c.ResetLifetime),
	}
	if err := tx.InsertReset(ctx, r); err != nil {
		return err
	}
	var letter mail.Letter = mail.Decoy{}
	if !p.ID.IsZero() {
		letter = ResetLetter{Token: secret.Reveal(), ExpiresAt: r.ExpiresAt, Device: s.deviceOf(ctx, actor)}
	}
	return s.post(ctx, tx, p.Recipient(), letter, now)
}

// CheckReset returns nil if a link could be used now, else ErrLinkGone. It does
// not use the link.
func (s *Service) CheckReset(ctx context.Context, actor audit.Actor, raw string) error {
	_, err := s.reset(ctx, actor, raw)
	return err
}

func (s *Service) reset(ctx context.Context, actor audit.Actor, raw string) (Reset, error) {
	if _, err := s.take(ctx, takenUnit{budgetLink, clientip.Network(actor.IP)}); err != nil {
		return Reset{}, err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return Reset{}, ErrLinkGone
	}
	return s.c.Store.ResetByHash(ctx, secret.Hash(), s.now())
}

// ResetPassword sets a new password by a mailed link, ends all sessions and
// voids everything half finished. It does not sign in, and a second factor is
// still asked for afterwards. ErrLinkGone; a password that may not be chosen is
// a fault.Fields, and does not use the link up.
func (s *Service) ResetPassword(ctx context.Context, actor audit.Actor, raw, password string) error {
	now := s.now()
	if err := s.allow(actor, PermReset, now); err != nil {
		return err
	}
	if err := s.outside(ctx); err != nil {
		return err
	}
	// Looked up before hashing: only who holds a link may make us hash.
	r, err := s.reset(ctx, actor, raw)
	if err != nil {
		return err
	}
	hash, err := s.HashNewPassword(ctx, "password", password)
	if err != nil {
		return err
	}
	o, err := s.originOf(ctx, actor, Person{ID: r.User})
	if err != nil {
		return err
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		spent, err := tx.SpendReset(ctx, r.Hash, now)
		if err != nil {
			return err
		}
		p, err := tx.LockPerson(ctx, spent.User)
		if err == nil && p.gone(now) {
			err = ErrPersonNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.SetPassword(ctx, p.ID, hash, now); err != nil {
			return err
		}
		ended, err := tx.RevokeSessions(ctx, p.ID, id.Session{})
		if err != nil {
			return err
		}
		if err := s.onlyHere(ctx, tx, p.ID, o, now); err != nil {
			return err
		}
		letter := PasswordChangedLetter{At: now, First: p.PasswordHash == "", ByLink: true, Device: s.deviceOf(ctx, actor)}
		if err := s.post(ctx, tx, p.Recipient(), letter, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.AsNobody().Did(ActionPasswordReset, p.target(), now, sessionsEnded(ended)...).InHistoryOf(p.ID))
	})
	if errors.Is(err, ErrPersonNotFound) {
		return ErrLinkGone
	}
	return err
}

// sessionsEnded is what the entry of a password tells of the sessions that went
// with the former one, if there were any.
func sessionsEnded(n int) []audit.Change {
	if n == 0 {
		return nil
	}
	return []audit.Change{{Field: fieldEnded, After: itoa(n)}}
}
