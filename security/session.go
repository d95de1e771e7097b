package security

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/token"
)

// Authenticate finds the session that a token belongs to. Whatever is wrong with
// it – unknown, ended, expired, idle, made before the credential changed – is
// audit.ErrUnauthenticated. An outage is returned as it is.
//
// It is one indexed look-up and writes nothing; see [Service.Touch].
func (s *Service) Authenticate(ctx context.Context, raw string) (Login, error) {
	secret, ok := token.Parse(raw)
	if !ok {
		return Login{}, audit.ErrUnauthenticated
	}
	l, err := s.c.Store.LoginByToken(ctx, secret.Hash())
	if errors.Is(err, ErrSessionNotFound) {
		return Login{}, audit.ErrUnauthenticated
	}
	if err != nil {
		return Login{}, err
	}
	now := s.now()
	if l.Session.Version != l.Person.Version || !now.Before(l.Session.ExpiresAt) ||
		!now.Before(l.Session.LastUsedAt.Add(s.c.SessionIdle)) || l.Person.gone(now) {
		return Login{}, audit.ErrUnauthenticated
	}
	l.SecondFactor = s.hasSecondFactor(l.Person)
	if s.c.RequireSecondFactor && !l.Person.TwoFactor && !l.Session.Proofs.TwoFactors() {
		l.Limited = audit.EnrollmentOnly
	}
	if l.Person.deleted() {
		l.Limited = audit.RestoreOnly
	}
	return l, nil
}

// Actor returns who acts by the session, in a request that comes from.
func (l Login) Actor(from audit.Actor) audit.Actor {
	a := from.As(l.Person.ID, l.Person.Name)
	a.Session, a.SignedInAt, a.Version = l.Session.ID, l.Session.SignedInAt, l.Person.Version
	a.Proofs, a.Limited, a.SecondFactor = l.Session.Proofs, l.Limited, l.SecondFactor
	a.HasPassword, a.HasPasskey, a.HasTOTP = l.HasPassword, l.Person.Passkeys > 0, l.Person.TwoFactor
	return a
}

// Touch notes that the session was used, at most once a minute. Most calls do
// nothing at all.
func (s *Service) Touch(ctx context.Context, l Login, from audit.Actor) error {
	now := s.now()
	if now.Before(l.Session.LastUsedAt.Add(touchEvery)) {
		return nil
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		_, err := tx.TouchSession(ctx, l.Session.ID, from.IP, from.UserAgent, now, now.Add(-touchEvery))
		return err
	})
}

// Sessions returns where the person who acts is signed in: newest sign-in first,
// but the present session at the top of the first page. limit is 1–200.
// next continues the list; "" at its end. A cursor that is not ours is a
// fault.Fields on "cursor".
func (s *Service) Sessions(ctx context.Context, actor audit.Actor, after string, limit int) (items []Session, next string, err error) {
	now := s.now()
	if err := s.allow(actor, PermListSessions, now); err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > 200 {
		return nil, "", fault.Fields{{Name: "limit", Code: "invalid", Message: "must be 1 to 200"}}
	}
	var from id.Session
	if after != "" {
		parts, ok := cursor.Decode(after, 1)
		if ok {
			from, err = id.ParseSession(parts[0])
		}
		if !ok || err != nil {
			return nil, "", fault.Fields{{Name: "cursor", Code: "invalid", Message: "is not a cursor of this list"}}
		}
	}
	items, err = s.c.Store.Sessions(ctx, actor.User, now, now.Add(-s.c.SessionIdle), from, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(items) > limit {
		items = items[:limit]
		next = cursor.Encode(items[limit-1].ID.String())
	}
	if after == "" {
		presentFirst(items, actor.Session)
	}
	for i := range items {
		items[i].Place = s.Place(ctx, items[i].IP)
	}
	return items, next, nil
}

func presentFirst(items []Session, present id.Session) {
	for i, x := range items {
		if x.ID == present {
			copy(items[1:i+1], items[:i])
			items[0] = x
			return
		}
	}
}

// RevokeSession ends one session of the person who acts, else
// ErrSessionNotFound.
func (s *Service) RevokeSession(ctx context.Context, actor audit.Actor, session id.Session) error {
	now := s.now()
	if err := s.allow(actor, PermRevokeSessions, now); err != nil {
		return err
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return s.revoke(ctx, tx, actor, session, ActionSessionRevoked, now)
	})
}

// SignOut ends the session by which the actor acts. One that has ended already
// is no error.
func (s *Service) SignOut(ctx context.Context, actor audit.Actor) error {
	now := s.now()
	if err := s.allow(actor, PermSignOut, now); err != nil {
		return err
	}
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return s.revoke(ctx, tx, actor, actor.Session, ActionSignedOut, now)
	})
	if errors.Is(err, ErrSessionNotFound) {
		return nil
	}
	return err
}

func (s *Service) revoke(ctx context.Context, tx Tx, actor audit.Actor, session id.Session, action audit.Action, now time.Time) error {
	ended, err := tx.RevokeSession(ctx, actor.User, session)
	if err != nil {
		return err
	}
	return tx.AppendAudit(ctx, actor.Did(action, audit.SessionTarget(ended.ID, deviceName(ended)), now).InHistoryOf(actor.User))
}

// Scope says which sessions to end.
type Scope string

// The scopes.
const (
	Others Scope = "others" // all but the present one
	All    Scope = "all"    // the present one included
)

// RevokeSessions ends sessions of the person who acts, and returns how many.
// All also voids whatever is half finished: pending changes and reset links.
func (s *Service) RevokeSessions(ctx context.Context, actor audit.Actor, scope Scope) (int, error) {
	now := s.now()
	if err := s.allow(actor, PermRevokeSessions, now); err != nil {
		return 0, err
	}
	var except id.Session
	switch scope {
	case Others:
		except = actor.Session
	case All:
	default:
		return 0, fault.Fields{{Name: "scope", Code: "invalid", Message: "must be others or all"}}
	}
	var ended int
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := lockActor(ctx, tx, actor); err != nil {
			return err
		}
		if scope == All {
			if _, err := tx.BumpVersion(ctx, actor.User, id.Session{}); err != nil {
				return err
			}
		}
		var err error
		if ended, err = tx.RevokeSessions(ctx, actor.User, except); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionSessionsRevoked, audit.UserTarget(actor.User, actor.Name), now,
			audit.Change{Field: "ended", After: itoa(ended)}).InHistoryOf(actor.User))
	})
	if err != nil {
		return 0, unauthenticatedIfGone(err)
	}
	return ended, nil
}

// EmailChanged is called in the transaction that changed a person's address:
// reset links and sessions end, except the one that asked for the change.
func (s *Service) EmailChanged(ctx context.Context, actor audit.Actor, user id.User, keep id.Session) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := tx.LockPerson(ctx, user)
		if err != nil {
			return err
		}
		if _, err := tx.BumpVersion(ctx, user, keep); err != nil {
			return err
		}
		n, err := tx.RevokeSessions(ctx, user, keep)
		if err != nil || n == 0 {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionSessionsRevoked, p.target(), now,
			audit.Change{Field: "ended", After: itoa(n)}).InHistoryOf(user))
	})
}

func deviceName(s Session) string { return device.Parse(s.UserAgent).Name() }

func itoa(n int) string { return strconv.Itoa(n) }

func newToken(wanted bool) Token {
	if !wanted {
		return Token{}
	}
	return token.New()
}

func hashOf(t Token) Hash {
	if t.IsZero() {
		return Hash{}
	}
	return t.Hash()
}
