package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/security"
)

// base is when everything begins. Its microseconds end in a zero, which text
// forms of a time like to lose.
var base = time.Date(2026, time.March, 14, 15, 9, 26, 500000*1000, time.UTC)

const (
	tick = time.Microsecond // the finest time that a store keeps
	day  = 24 * time.Hour
)

// world is a store with the subtest it is opened for.
type world struct {
	*testing.T
	ctx  context.Context
	s    flows.Store
	opts Options
}

// must ends the subtest unless err is nil.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

// refused ends the subtest unless err is the sentinel.
func (w *world) refused(what string, err error, sentinel *fault.Sentinel) {
	w.Helper()
	if !errors.Is(err, sentinel) {
		w.Fatalf("%s: error = %v, want %q", what, err, sentinel)
	}
}

// outage ends the subtest unless err is a failure that no caller could take for
// an answer.
func (w *world) outage(what string, err error) {
	w.Helper()
	if err == nil {
		w.Fatalf("%s: no error, want a failure", what)
	}
	for _, answer := range []error{
		fault.NotFound, fault.Gone, fault.Conflict, fault.Invalid, fault.Unauthenticated,
	} {
		if errors.Is(err, answer) {
			w.Fatalf("%s: a failure is reported as the answer %q: %v", what, answer, err)
		}
	}
}

func (w *world) cancelled() context.Context {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	return ctx
}

func (w *world) accounts(fn func(ctx context.Context, tx accounts.Tx) error) {
	w.Helper()
	w.must(w.s.Accounts().Update(w.ctx, fn))
}

func (w *world) security(fn func(ctx context.Context, tx security.Tx) error) {
	w.Helper()
	w.must(w.s.Security().Update(w.ctx, fn))
}

// accountsGet runs fn in a transaction and returns what it returns.
func accountsGet[V any](w *world, fn func(ctx context.Context, tx accounts.Tx) (V, error)) (V, error) {
	var v V
	err := w.s.Accounts().Update(w.ctx, func(ctx context.Context, tx accounts.Tx) (err error) {
		v, err = fn(ctx, tx)
		return err
	})
	return v, err
}

// securityGet runs fn in a transaction and returns what it returns.
func securityGet[V any](w *world, fn func(ctx context.Context, tx security.Tx) (V, error)) (V, error) {
	var v V
	err := w.s.Security().Update(w.ctx, func(ctx context.Context, tx security.Tx) (err error) {
		v, err = fn(ctx, tx)
		return err
	})
	return v, err
}

// racers is how many callers race for one thing.
const racers = 16

// race makes 16 callers run fn at once, and returns their errors.
func (w *world) race(fn func(caller int) error) []error {
	errs := make([]error, racers)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(racers)
	for i := range racers {
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = fn(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// oneWinner returns who won, and fails unless everybody else got the sentinel.
func (w *world) oneWinner(errs []error, loser *fault.Sentinel) int {
	w.Helper()
	winner, wins := -1, 0
	for i, err := range errs {
		switch {
		case err == nil:
			winner, wins = i, wins+1
		case !errors.Is(err, loser):
			w.Errorf("caller %d lost with %v, want %q", i, err, loser)
		}
	}
	if wins != 1 {
		w.Fatalf("%d of %d callers won, want 1", wins, len(errs))
	}
	return winner
}

// hashOf returns what is stored of the token called name.
func hashOf(name string) [32]byte { return sha256.Sum256([]byte(name)) }

// passwordHash has the form of an argon2id hash.
func passwordHash(name string) security.PasswordHash {
	return security.PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$" + name)
}

// newUser returns somebody who is not stored yet, at name@example.com.
func newUser(name string) accounts.User {
	u := accounts.User{
		ID: id.NewUser(), Name: "Ada Lovelace",
		Email: strings.ToUpper(name[:1]) + name[1:] + "@Example.com", EmailKey: name + "@example.com",
		Timezone: "Europe/London", Locale: "en-GB", CreatedAt: base, UpdatedAt: base,
	}
	u.AvatarKey = hex.EncodeToString(u.ID[:])
	return u
}

// user stores somebody at name@example.com, without a credential.
func (w *world) user(name string) accounts.User {
	w.Helper()
	u := newUser(name)
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, u) })
	return u
}

// person stores somebody at name@example.com with the password hash of that name.
func (w *world) person(name string) accounts.User {
	w.Helper()
	u := w.user(name)
	w.security(func(ctx context.Context, tx security.Tx) error {
		return tx.InsertCredential(ctx, u.ID, passwordHash(name), base)
	})
	return u
}

// newSession returns a sign-in at the given time that is not stored yet.
func newSession(user id.User, at time.Time) security.Session {
	return security.Session{
		ID: id.NewSession(), User: user, Method: audit.Password,
		Proofs: audit.Proofs{Password: at}, Version: 1,
		IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64)",
		SignedInAt: at, LastUsedAt: at, ExpiresAt: at.Add(90 * day),
	}
}

// tokenOf returns the hash of the token under which signIn stores a session.
func tokenOf(s security.Session) security.Hash { return hashOf("token of " + s.ID.String()) }

// store stores a session.
func (w *world) store(s security.Session) security.Session {
	w.Helper()
	w.security(func(ctx context.Context, tx security.Tx) error { return tx.InsertSession(ctx, s, tokenOf(s)) })
	return s
}

// signIn stores a sign-in at the given time.
func (w *world) signIn(user id.User, at time.Time) security.Session {
	w.Helper()
	return w.store(newSession(user, at))
}

// signedOut fails unless the session is gone.
func (w *world) signedOut(s security.Session) {
	w.Helper()
	_, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
	w.refused("LoginByToken of an ended session", err, security.ErrSessionNotFound)
}

// signedIn fails unless the session is there.
func (w *world) signedIn(s security.Session) {
	w.Helper()
	l, err := w.s.Security().LoginByToken(w.ctx, tokenOf(s))
	w.must(err)
	if l.Session.ID != s.ID {
		w.Fatalf("LoginByToken found session %v, want %v", l.Session.ID, s.ID)
	}
}
