package storetest

import (
	"context"
	"errors"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// domain is a way to begin a transaction, with something to write in it. Each
// mark is written at most once.
type domain struct {
	// enter runs fn in a transaction. The scope that fn gets writes through the
	// handle of this very transaction.
	enter func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error
	// seen looks for a mark.
	seen func(ctx context.Context, mark string) (bool, error)
}

type scope struct {
	write       func(ctx context.Context, mark string) error
	read        func(ctx context.Context, mark string) (bool, error)
	refuse      func(ctx context.Context) error // asks for what is refused by a sentinel
	afterCommit func(fn func(ctx context.Context))
}

// found turns "not found" into an answer.
func found(err error) (bool, error) {
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// inAccounts marks by storing people.
func inAccounts(w *world) domain {
	s := w.s.Accounts()
	look := func(r accounts.Reader) func(ctx context.Context, mark string) (bool, error) {
		return func(ctx context.Context, mark string) (bool, error) {
			_, err := r.UserByEmail(ctx, mark+"@example.com")
			return found(err)
		}
	}
	return domain{
		seen: look(s),
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return s.Update(ctx, func(ctx context.Context, tx accounts.Tx) error {
				return fn(ctx, scope{
					write:       func(ctx context.Context, mark string) error { return tx.InsertUser(ctx, newUser(mark)) },
					read:        look(tx),
					afterCommit: tx.AfterCommit,
					refuse: func(ctx context.Context) error {
						_, err := tx.SpendSignUp(ctx, hashOf("unknown"), base)
						return err
					},
				})
			})
		},
	}
}

// inSecurity marks by storing sessions of one person.
func inSecurity(w *world) domain {
	s, p := w.s.Security(), w.person("marked")
	look := func(r security.Reader) func(ctx context.Context, mark string) (bool, error) {
		return func(ctx context.Context, mark string) (bool, error) {
			_, err := r.LoginByToken(ctx, hashOf(mark))
			return found(err)
		}
	}
	return domain{
		seen: look(s),
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return s.Update(ctx, func(ctx context.Context, tx security.Tx) error {
				return fn(ctx, scope{
					write: func(ctx context.Context, mark string) error {
						return tx.InsertSession(ctx, newSession(p.ID, base), hashOf(mark))
					},
					read:        look(tx),
					afterCommit: tx.AfterCommit,
					refuse: func(ctx context.Context) error {
						_, err := tx.SpendReset(ctx, hashOf("unknown"), base)
						return err
					},
				})
			})
		},
	}
}

// inOrgs marks by founding organizations of one person.
func inOrgs(w *world) domain {
	s, p := w.s.Orgs(), w.user("founder")
	look := func(r orgs.Reader) func(ctx context.Context, mark string) (bool, error) {
		return func(ctx context.Context, mark string) (bool, error) {
			_, err := r.View(ctx, p.ID, "mark-"+mark)
			return found(err)
		}
	}
	return domain{
		seen: look(s),
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return s.Update(ctx, func(ctx context.Context, tx orgs.Tx) error {
				return fn(ctx, scope{
					write:       func(ctx context.Context, mark string) error { return tx.InsertOrg(ctx, newOrg("mark-"+mark, p.ID)) },
					read:        look(tx),
					afterCommit: tx.AfterCommit,
					refuse: func(ctx context.Context) error {
						_, err := tx.SpendInvitation(ctx, hashOf("unknown"), orgs.Declined, id.User{}, base)
						return err
					},
				})
			})
		},
	}
}

// inAudit marks by what entries of one log are about. It has no AfterCommit of its
// own, and borrows that of accounts.
func inAudit(w *world) domain {
	s, org := w.s.Audit(), id.NewOrg()
	look := func(r audit.Reader) func(ctx context.Context, mark string) (bool, error) {
		return func(ctx context.Context, mark string) (bool, error) {
			p, err := r.Log(ctx, org, audit.Filter{Target: mark}, audit.Position{}, 1)
			return len(p.Items) > 0, err
		}
	}
	return domain{
		seen: look(s),
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return s.Update(ctx, func(scoped context.Context, tx audit.Tx) error {
				return fn(scoped, scope{
					write: func(ctx context.Context, mark string) error {
						e := newLogged(org, base)
						e.Target.ID = mark
						return tx.AppendAudit(ctx, e)
					},
					read: look(tx),
					refuse: func(ctx context.Context) error {
						_, err := tx.Find(ctx, org, id.NewEntry())
						w.refused("Find", err, audit.ErrNoEntry)
						return nil
					},
					afterCommit: func(hook func(ctx context.Context)) {
						w.must(w.s.Accounts().Update(scoped, func(_ context.Context, tx accounts.Tx) error {
							tx.AfterCommit(hook)
							return nil
						}))
					},
				})
			})
		},
	}
}

// inTx writes through a nested Update of accounts, since InTx has no handle.
func inTx(w *world) domain {
	inner := inAccounts(w)
	within := func(ctx context.Context, fn func(sc scope) error) error {
		return inner.enter(ctx, func(_ context.Context, sc scope) error { return fn(sc) })
	}
	return domain{
		seen: inner.seen,
		enter: func(ctx context.Context, fn func(ctx context.Context, sc scope) error) error {
			return w.s.InTx(ctx, func(scoped context.Context) error {
				return fn(scoped, scope{
					write: func(ctx context.Context, mark string) error {
						return inner.enter(ctx, func(ctx context.Context, sc scope) error { return sc.write(ctx, mark) })
					},
					read: inner.seen,
					refuse: func(ctx context.Context) error {
						return inner.enter(ctx, func(ctx context.Context, sc scope) error {
							w.refused("SpendSignUp", sc.refuse(ctx), accounts.ErrLinkGone)
							return nil
						})
					},
					afterCommit: func(hook func(ctx context.Context)) {
						w.must(within(scoped, func(sc scope) error { sc.afterCommit(hook); return nil }))
					},
				})
			})
		},
	}
}

// expect fails unless exactly the marks in want are seen from outside.
func (w *world) expect(d domain, want map[string]bool) {
	w.Helper()
	for mark, there := range want {
		seen, err := d.seen(w.ctx, mark)
		w.must(err)
		if seen != there {
			w.Errorf("what %q wrote is stored: %t, want %t", mark, seen, there)
		}
	}
}
