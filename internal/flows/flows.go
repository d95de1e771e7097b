package flows

import (
	"context"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// Services are the wired domains.
type Services struct {
	Store    Store
	Accounts *accounts.Service
	Security *security.Service
	Orgs     *orgs.Service
	Audit    *audit.Service
	Notify   *notify.Service

	Purgers []Purger // of the host
}

// CompleteSignUp is what finishing to sign up needs.
type CompleteSignUp struct {
	accounts.NewUser
	Password string
}

// Entered is what came of signing up.
type Entered struct {
	security.SignedIn
	Invited bool // by an invitation, which was accepted
	Joined  orgs.Joined
}

// CompleteSignUp spends the link, makes the account with its credential and
// begins a session. The link is the one that was mailed for signing up, or that of
// an invitation, which proves the address as well and is accepted thereby. Input
// that is refused does not use the link up, and an unknown link is refused before
// anything is hashed.
func (f *Services) CompleteSignUp(ctx context.Context, actor audit.Actor, in CompleteSignUp) (Entered, error) {
	invitation, err := f.SignUpLink(ctx, actor, in.Token)
	if err != nil {
		return Entered{}, err
	}
	var fields fault.Fields
	for _, err := range []error{f.Accounts.Check(in.NewUser), f.Security.CheckNewPassword("password", in.Password)} {
		if err != nil && !fields.AddFields(err) {
			return Entered{}, err
		}
	}
	if err := fields.Err(); err != nil {
		return Entered{}, err
	}
	hash, err := f.Security.HashNewPassword(ctx, "password", in.Password)
	if err != nil {
		return Entered{}, err
	}
	var out Entered
	err = f.Store.InTx(ctx, func(ctx context.Context) error {
		if invitation.Invited {
			return f.enterInvited(ctx, actor, in.NewUser, invitation, hash, &out)
		}
		u, err := f.Accounts.CreateFromSignUp(ctx, actor, in.NewUser)
		if err != nil {
			return err
		}
		out.SignedIn, err = f.Security.Enroll(ctx, actor, u.ID, hash)
		return err
	})
	if err != nil {
		return Entered{}, err
	}
	return out, nil
}

// enterInvited makes the account of somebody who was invited, and accepts.
func (f *Services) enterInvited(ctx context.Context, actor audit.Actor, n accounts.NewUser, link SignUpLink, hash security.PasswordHash, out *Entered) error {
	u, err := f.Accounts.CreateProven(ctx, actor, n, link.Email, link.emailKey)
	if err != nil {
		return err
	}
	if out.SignedIn, err = f.Security.Enroll(ctx, actor, u.ID, hash); err != nil {
		return err
	}
	who := actor.As(u.ID, u.Name)
	who.Session = out.Session.ID
	out.Joined, err = f.Orgs.AcceptInspected(ctx, who, n.Token)
	out.Invited = err == nil
	return err
}

// SignUpLink is what a link to finish signing up is about.
type SignUpLink struct {
	Email   string
	Invited bool // it is an invitation, and accepted by signing up
	OrgName string

	emailKey string
}

// SignUpLink returns what a link to finish signing up is about, and uses nothing
// up. An invitation is one only for an address without an account. ErrLinkGone.
func (f *Services) SignUpLink(ctx context.Context, actor audit.Actor, token string) (SignUpLink, error) {
	pending, err := f.Accounts.SignUpByToken(ctx, actor, token)
	if err == nil {
		return SignUpLink{Email: pending.Email}, nil
	}
	if !errors.Is(err, accounts.ErrLinkGone) {
		return SignUpLink{}, err
	}
	i, err := f.Orgs.Inspect(ctx, actor, token)
	if errors.Is(err, orgs.ErrLinkGone) || err == nil && i.HasAccount {
		return SignUpLink{}, accounts.ErrLinkGone
	}
	if err != nil {
		return SignUpLink{}, err
	}
	return SignUpLink{Email: i.Email, Invited: true, OrgName: i.OrgName, emailKey: i.EmailKey}, nil
}

// ConfirmEmail makes a new address the person's, and ends the sessions and links
// that were there before, except the session that asked for the change.
func (f *Services) ConfirmEmail(ctx context.Context, actor audit.Actor, token string) (accounts.EmailChange, error) {
	return f.emailByLink(ctx, func(ctx context.Context) (accounts.EmailChange, error) {
		c, err := f.Accounts.ConfirmEmailChange(ctx, actor, token)
		if err != nil {
			return c, err
		}
		return c, f.Security.EmailChanged(ctx, actor.AsSystem("email change"), c.User, c.Session)
	})
}

// UndoEmail cancels a pending change. One that has happened is undone: the old
// address comes back, all sessions end, the password opens nothing any more,
// factors added since the change was asked for go, and a link to set a new
// password is mailed there.
func (f *Services) UndoEmail(ctx context.Context, actor audit.Actor, token string) (accounts.EmailChange, error) {
	return f.emailByLink(ctx, func(ctx context.Context) (accounts.EmailChange, error) {
		c, err := f.Accounts.UndoEmailChange(ctx, actor, token)
		if err != nil || c.ConfirmedAt.IsZero() {
			return c, err
		}
		// Whoever asked for the change may have added factors before it.
		since := c.RequestedAt
		if !c.SignedInAt.IsZero() && c.SignedInAt.Before(since) {
			since = c.SignedInAt
		}
		return c, f.Security.Recover(ctx, actor.AsSystem("email undo"), c.User, since)
	})
}

// NotMe is what the person does who was told of a sign-in that was somebody
// else's: an address that was changed since comes back, all sessions end, the
// password opens nothing any more, factors added since go, and a link to set a new
// password is mailed. ErrLinkGone.
func (f *Services) NotMe(ctx context.Context, actor audit.Actor, token string) error {
	return f.Security.NotMe(ctx, actor, token, func(ctx context.Context, user id.User, since time.Time) error {
		_, err := f.Accounts.UndoEmailSince(ctx, actor.AsSystem("not me"), user, since)
		return err
	})
}

func (f *Services) emailByLink(ctx context.Context, fn func(context.Context) (accounts.EmailChange, error)) (accounts.EmailChange, error) {
	var c accounts.EmailChange
	err := f.Store.InTx(ctx, func(ctx context.Context) (err error) {
		c, err = fn(ctx)
		return err
	})
	if errors.Is(err, accounts.ErrUserNotFound) || errors.Is(err, security.ErrPersonNotFound) {
		return accounts.EmailChange{}, accounts.ErrLinkGone
	}
	if err != nil {
		return accounts.EmailChange{}, err
	}
	return c, nil
}

// History returns the person's own security history, newest first: up to limit
// entries older than before (zero: the newest).
func (f *Services) History(ctx context.Context, actor audit.Actor, before id.Entry, limit int) ([]audit.Entry, error) {
	if err := security.Policy().Check(actor, security.PermHistory, time.Time{}, 0); err != nil {
		return nil, err
	}
	return f.Store.Audit().Entries(ctx, actor.User, before, limit)
}

// Profile is the person who acts, from every domain.
type Profile struct {
	accounts.User
	PendingEmail *accounts.EmailChange
	Login        security.Login
}

// Profile returns the person who acts.
func (f *Services) Profile(ctx context.Context, actor audit.Actor, login security.Login) (Profile, error) {
	u, err := f.Accounts.Me(ctx, actor)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{User: u, Login: login}
	c, err := f.Accounts.PendingEmailChange(ctx, actor)
	switch {
	case err == nil:
		p.PendingEmail = &c
	case !errors.Is(err, accounts.ErrNoEmailChange):
		return Profile{}, err
	}
	return p, nil
}
