package memstore

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type session struct {
	security.Session
	token security.Hash
}

// LoginByToken implements [security.Reader].
func (r securityReader) LoginByToken(ctx context.Context, hash security.Hash) (security.Login, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.Login{}, err
	}
	for _, s := range st.sessions {
		if s.token == hash {
			if !st.enters(s.User) {
				break
			}
			u, living := st.users[s.User]
			if !living {
				u = st.deleted[s.User].User
			}
			p := st.person(u)
			l := security.Login{Session: s.Session, Person: p, HasPassword: p.PasswordHash != ""}
			l.Person.PasswordHash = ""
			return l, nil
		}
	}
	return security.Login{}, security.ErrSessionNotFound
}

// Sessions implements [security.Reader].
func (r securityReader) Sessions(ctx context.Context, user id.User, now, idleSince time.Time, after id.Session, limit int) ([]security.Session, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	all := st.sessionsOf(user)
	if !after.IsZero() {
		i := slices.IndexFunc(all, func(s security.Session) bool { return s.ID == after })
		all = all[i+1:]
	}
	version := st.credentials[user].version
	all = slices.DeleteFunc(all, func(s security.Session) bool {
		return !now.Before(s.ExpiresAt) || !s.LastUsedAt.After(idleSince) || s.Version != version
	})
	return all[:min(limit, len(all))], nil
}

// sessionsOf returns all sessions of a person, the newest sign-in first.
func (st *state) sessionsOf(user id.User) []security.Session {
	var all []security.Session
	for _, s := range st.sessions {
		if s.User == user {
			all = append(all, s.Session)
		}
	}
	slices.SortFunc(all, func(a, b security.Session) int {
		return cmp.Or(b.SignedInAt.Compare(a.SignedInAt), cmp.Compare(b.ID.String(), a.ID.String()))
	})
	return all
}

// InsertSession implements [security.Tx].
func (tx securityTx) InsertSession(ctx context.Context, s security.Session, hash security.Hash) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if !st.enters(s.User) {
		return security.ErrPersonNotFound
	}
	st.sessions[s.ID] = session{s, hash}
	return nil
}

// RenewSession implements [security.Tx].
func (tx securityTx) RenewSession(ctx context.Context, s security.Session, hash security.Hash) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	row, ok := st.sessions[s.ID]
	if !ok {
		return security.ErrSessionNotFound
	}
	row.Proofs, row.Version = s.Proofs, s.Version
	if hash != (security.Hash{}) {
		row.token = hash
	}
	st.sessions[s.ID] = row
	return nil
}

// TouchSession implements [security.Tx].
func (tx securityTx) TouchSession(ctx context.Context, key id.Session, ip netip.Addr, userAgent string, now, notSince time.Time) (bool, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return false, err
	}
	row, ok := st.sessions[key]
	if !ok || row.LastUsedAt.After(notSince) {
		return false, nil
	}
	row.IP, row.UserAgent, row.LastUsedAt = ip, userAgent, now
	st.sessions[key] = row
	return true, nil
}

// HoldSession implements [security.Tx]. The transaction holds it already.
func (tx securityTx) HoldSession(ctx context.Context, user id.User, key id.Session) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if row, ok := st.sessions[key]; !ok || user != row.User {
		return security.ErrSessionNotFound
	}
	return nil
}

// RevokeSession implements [security.Tx].
func (tx securityTx) RevokeSession(ctx context.Context, user id.User, key id.Session) (security.Session, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return security.Session{}, err
	}
	row, ok := st.sessions[key]
	if !ok || row.User != user {
		return security.Session{}, security.ErrSessionNotFound
	}
	delete(st.sessions, key)
	return row.Session, nil
}

// RevokeSessions implements [security.Tx].
func (tx securityTx) RevokeSessions(ctx context.Context, user id.User, except id.Session) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, s := range st.sessionsOf(user) {
		if s.ID != except {
			delete(st.sessions, s.ID)
			n++
		}
	}
	return n, nil
}

// TrimSessions implements [security.Tx].
func (tx securityTx) TrimSessions(ctx context.Context, user id.User, keep int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	all := st.sessionsOf(user)
	surplus := all[min(keep, len(all)):]
	for _, s := range surplus {
		delete(st.sessions, s.ID)
	}
	return len(surplus), nil
}

// PurgeSessions implements [security.Tx].
func (tx securityTx) PurgeSessions(ctx context.Context, now, idleSince time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for key, s := range st.sessions {
		if n < limit && (s.ExpiresAt.Before(now) || s.LastUsedAt.Before(idleSince)) {
			delete(st.sessions, key)
			n++
		}
	}
	return n + st.purgeResets(now) + st.purgeFailures(now), nil
}
