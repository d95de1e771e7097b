package pages

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/redirect"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/security"
)

// How long mailed links last, as the pages say it.
const (
	signUpLasts = 24 * time.Hour
	resetLasts  = time.Hour
)

// home leads to the settings, or to the sign-in page.
func (s *Site) home(v *visit) error {
	caller, err := s.c.Sessions.Authenticate(v.r)
	switch {
	case err != nil && !errors.Is(err, audit.ErrUnauthenticated):
		return err
	case caller.Actor.SignedIn():
		s.redirect(v, "/settings/profile", nil)
	default:
		s.redirect(v, "/sign-in", nil)
	}
	return nil
}

// elsewhere sends somebody who is signed in on to next, and reports whether it
// did.
func (s *Site) elsewhere(v *visit, next string) (bool, error) {
	caller, err := s.c.Sessions.Authenticate(v.r)
	if err != nil && !errors.Is(err, audit.ErrUnauthenticated) {
		return false, err
	}
	if !caller.Actor.SignedIn() {
		return false, nil
	}
	s.enter(v, next)
	return true, nil
}

// enter goes where somebody who has just signed in wanted to go.
func (s *Site) enter(v *visit, next string) {
	if next = redirect.Safe(next); next == "" {
		next = s.c.Prefix + "/settings/profile"
	}
	http.Redirect(v.w, v.r, next, http.StatusSeeOther)
}

var notices = map[string]bool{"signed_out": true, "signed_out_everywhere": true, "password_set": true, "expired": true, "code_expired": true, "code_tries": true, "account_deleted": true}

func (s *Site) signInPage(v *visit) error {
	q := v.r.URL.Query()
	if done, err := s.elsewhere(v, q.Get("next")); done || err != nil {
		return err
	}
	view := SignIn{Next: redirect.Safe(q.Get("next"))}
	if n := q.Get("notice"); notices[n] {
		view.Notice = n
	}
	return s.render(v, http.StatusOK, nil, view)
}

func (s *Site) signIn(v *visit) error {
	email := v.form.Get("email")
	out, err := s.c.Flows.Security.SignIn(v.r.Context(), v.actor(), security.SignIn{Email: email, Password: v.form.Get("password")})
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, SignIn{Form: form, Email: email, Next: redirect.Safe(v.form.Get("next"))})
	}
	s.arrive(v, out, v.form.Get("next"))
	return nil
}

func (s *Site) signOut(v *visit) error {
	caller, err := s.c.Sessions.Authenticate(v.r)
	if err != nil {
		return err
	}
	if caller.Actor.SignedIn() {
		if err := s.c.Flows.Security.SignOut(v.r.Context(), caller.Actor); err != nil {
			return err
		}
	}
	s.c.Sessions.ClearCookie(v.w)
	if next := redirect.Safe(v.form.Get("next")); next != "" { // a page that is for somebody else
		http.Redirect(v.w, v.r, next, http.StatusSeeOther)
		return nil
	}
	s.redirect(v, "/sign-in", url.Values{"notice": {"signed_out"}})
	return nil
}

func (s *Site) signUpPage(v *visit) error {
	if v.r.URL.Query().Has("sent") {
		return s.render(v, http.StatusOK, nil, CheckMail{For: "sign_up", Lasts: signUpLasts})
	}
	if done, err := s.elsewhere(v, ""); done || err != nil {
		return err
	}
	return s.render(v, http.StatusOK, nil, SignUp{})
}

func (s *Site) signUp(v *visit) error {
	email := v.form.Get("email")
	err := s.c.Flows.Accounts.StartSignUp(v.r.Context(), v.actor(), email, s.language(v))
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, SignUp{Form: form, Email: email})
	}
	s.redirect(v, "/sign-up", url.Values{"sent": {""}})
	return nil
}

func (s *Site) language(v *visit) string {
	return catalog.For(v.r.Header.Get("Accept-Language")).Lang()
}

func (s *Site) forgotPage(v *visit) error {
	if v.r.URL.Query().Has("sent") {
		return s.render(v, http.StatusOK, nil, CheckMail{For: "reset", Lasts: resetLasts})
	}
	return s.render(v, http.StatusOK, nil, ForgotPassword{Email: v.r.URL.Query().Get("email")})
}

func (s *Site) forgot(v *visit) error {
	email := v.form.Get("email")
	if err := s.c.Flows.Security.ForgotPassword(v.r.Context(), v.actor(), email); err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, ForgotPassword{Form: form, Email: email})
	}
	s.redirect(v, "/forgot-password", url.Values{"sent": {""}})
	return nil
}

// gone answers a link that is gone with its own page, and leaves any other error
// to the caller.
func (s *Site) gone(v *visit, err error, what string) error {
	if !errors.Is(err, fault.Gone) {
		return err
	}
	return s.render(v, http.StatusGone, nil, LinkGone{For: what})
}

func (s *Site) completePage(v *visit) error {
	raw := v.r.URL.Query().Get("token")
	pending, err := s.c.Flows.SignUpLink(v.r.Context(), v.actor(), raw)
	if err != nil {
		return s.gone(v, err, "sign_up")
	}
	return s.render(v, http.StatusOK, nil, CompleteSignUp{Token: raw, Email: pending.Email, Org: pending.OrgName})
}

func (s *Site) complete(v *visit) error {
	in := accounts.NewUser{
		Token: v.form.Get("token"), Name: v.form.Get("name"), Timezone: v.form.Get("timezone"), Locale: v.form.Get("locale"),
	}
	if in.Locale == "" {
		in.Locale = s.language(v)
	}
	out, err := s.c.Flows.CompleteSignUp(v.r.Context(), v.actor(), flows.CompleteSignUp{NewUser: in, Password: v.form.Get("password")})
	if errors.Is(err, fault.Gone) {
		return s.gone(v, err, "sign_up")
	}
	if err != nil {
		form, status, err := refused(forTheInvited(err))
		if err != nil {
			return err
		}
		view := CompleteSignUp{Form: form, Token: in.Token, Name: in.Name, Timezone: in.Timezone, Locale: in.Locale}
		if pending, err := s.c.Flows.SignUpLink(v.r.Context(), v.actor(), in.Token); err == nil {
			view.Email, view.Org = pending.Email, pending.OrgName
		}
		return s.render(v, status, nil, view)
	}
	s.c.Sessions.Enter(v.w, v.r, out.SignedIn)
	if out.Invited {
		s.welcome(v, out.Joined)
		return nil
	}
	s.enter(v, "")
	return nil
}

func (s *Site) resetPage(v *visit) error {
	raw := v.r.URL.Query().Get("token")
	if err := s.c.Flows.Security.CheckReset(v.r.Context(), v.actor(), raw); err != nil {
		return s.gone(v, err, "reset")
	}
	return s.render(v, http.StatusOK, nil, ResetPassword{Token: raw})
}

func (s *Site) reset(v *visit) error {
	raw := v.form.Get("token")
	err := s.c.Flows.Security.ResetPassword(v.r.Context(), v.actor(), raw, v.form.Get("password"))
	if errors.Is(err, fault.Gone) {
		return s.gone(v, err, "reset")
	}
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, ResetPassword{Form: form, Token: raw})
	}
	s.c.Sessions.ClearCookie(v.w) // whoever was signed in here is not any more
	s.redirect(v, "/sign-in", url.Values{"notice": {"password_set"}})
	return nil
}

// outcome is what a page says after a link did its work. It travels sealed in
// the address, so that a reload neither repeats the work nor needs a memory.
type outcome struct {
	Kind  string
	Email string
}

func (s *Site) done(v *visit, path, kind, email string) error {
	sealed, err := s.seal("outcome", outcome{kind, email})
	if err != nil {
		return err
	}
	s.redirect(v, path, url.Values{"done": {sealed}})
	return nil
}

// shownDone shows what came of a link, and reports whether it did.
func (s *Site) shownDone(v *visit) (bool, error) {
	sealed := v.r.URL.Query().Get("done")
	if sealed == "" {
		return false, nil
	}
	var o outcome
	if !s.unseal("outcome", sealed, &o) {
		return false, nil
	}
	me, err := s.visitor(v)
	if err != nil {
		return false, err
	}
	return true, s.render(v, http.StatusOK, me, Outcome(o))
}

// visitor returns who is signed in, or nil, for a page that is open to both.
func (s *Site) visitor(v *visit) (*accounts.User, error) {
	caller, err := s.c.Sessions.Authenticate(v.r)
	if err != nil && !errors.Is(err, audit.ErrUnauthenticated) {
		return nil, err
	}
	if !caller.Actor.SignedIn() || caller.Actor.Limited == audit.RestoreOnly {
		return nil, nil
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), caller.Actor)
	if errors.Is(err, audit.ErrUnauthenticated) { // ended in between
		return nil, nil
	}
	return &me, err
}

func (s *Site) confirmPage(v *visit) error {
	if done, err := s.shownDone(v); done || err != nil {
		return err
	}
	raw := v.r.URL.Query().Get("token")
	c, err := s.emailChange(v, raw, true)
	if err != nil {
		return s.gone(v, err, "email_confirm")
	}
	return s.render(v, http.StatusOK, nil, ConfirmEmail{Token: raw, OldEmail: c.OldEmail, NewEmail: c.NewEmail})
}

// emailChange returns the change that a link belongs to, if it is of the kind
// that its page is for: the one mailed to the new address, or one of those
// mailed to the old.
func (s *Site) emailChange(v *visit, raw string, confirms bool) (accounts.EmailChange, error) {
	c, err := s.c.Flows.Accounts.EmailChangeByToken(v.r.Context(), v.actor(), raw)
	if err != nil {
		return c, err
	}
	secret, ok := token.Parse(raw)
	if !ok || (secret.Hash() == c.ConfirmHash) != confirms {
		return accounts.EmailChange{}, accounts.ErrLinkGone
	}
	return c, nil
}

func (s *Site) confirm(v *visit) error {
	raw := v.form.Get("token")
	c, err := s.c.Flows.ConfirmEmail(v.r.Context(), v.actor(), raw)
	if errors.Is(err, fault.Gone) {
		return s.gone(v, err, "email_confirm")
	}
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		view := ConfirmEmail{Form: form, Token: raw}
		if c, err := s.emailChange(v, raw, true); err == nil {
			view.OldEmail, view.NewEmail = c.OldEmail, c.NewEmail
		}
		return s.render(v, status, nil, view)
	}
	return s.done(v, "/confirm-email", "email_confirmed", c.NewEmail)
}

func (s *Site) undoPage(v *visit) error {
	if done, err := s.shownDone(v); done || err != nil {
		return err
	}
	raw := v.r.URL.Query().Get("token")
	c, err := s.emailChange(v, raw, false)
	if err != nil {
		return s.gone(v, err, "email_undo")
	}
	return s.render(v, http.StatusOK, nil, UndoEmail{Token: raw, OldEmail: c.OldEmail, NewEmail: c.NewEmail, Confirmed: !c.ConfirmedAt.IsZero()})
}

func (s *Site) undo(v *visit) error {
	c, err := s.c.Flows.UndoEmail(v.r.Context(), v.actor(), v.form.Get("token"))
	if err != nil {
		return s.gone(v, err, "email_undo")
	}
	kind := "email_canceled"
	if !c.ConfirmedAt.IsZero() {
		kind = "email_restored"
	}
	return s.done(v, "/undo-email", kind, c.OldEmail)
}
