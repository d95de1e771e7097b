package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/redirect"
	"github.com/aegisrunner/account-settings/security"
)

// arrive goes on with what a proof on the way in has led to.
func (s *Site) arrive(v *visit, out security.Outcome, next string) {
	if out.Status == security.StatusSecondFactor {
		s.c.Sessions.SetPending(v.w, out.Challenge)
		s.redirect(v, "/second-factor", nextQuery(next))
		return
	}
	s.c.Sessions.Enter(v.w, v.r, out.SignedIn)
	if out.Status == security.StatusDeleted {
		s.redirect(v, RestorePath, nil)
		return
	}
	s.enter(v, next)
}

func nextQuery(next string) url.Values {
	q := url.Values{}
	if next = redirect.Safe(next); next != "" {
		q.Set("next", next)
	}
	return q
}

// signInByPasskey takes what the browser's passkey answered on the sign-in page.
func (s *Site) signInByPasskey(v *visit) error {
	next := v.form.Get("next")
	out, err := s.c.Flows.Security.SignInByPasskey(v.r.Context(), v.actor(), security.PasskeyProof{Credential: []byte(v.form.Get("credential"))})
	if err != nil {
		form, status, err := refusedPasskey(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, SignIn{Form: form, Next: redirect.Safe(next)})
	}
	s.arrive(v, out, next)
	return nil
}

func (s *Site) secondFactorPage(v *visit) error {
	q := v.r.URL.Query()
	if done, err := s.elsewhere(v, q.Get("next")); done || err != nil {
		return err
	}
	return s.askSecondFactor(v, http.StatusOK, Form{}, q.Get("method"), q.Get("next"), "code_expired")
}

// askSecondFactor shows the form, or leads back to the sign-in page, and says
// why, when the half-finished sign-in is over.
func (s *Site) askSecondFactor(v *visit, status int, f Form, method, next, over string) error {
	pending := s.c.Sessions.Pending(v.r)
	c, err := s.c.Flows.Security.Pending(v.r.Context(), v.actor(), pending)
	if errors.Is(err, security.ErrSignInExpired) {
		return s.signInOver(v, pending, next, over)
	}
	if err != nil {
		return err
	}
	if method != string(audit.BackupCode) {
		method = string(audit.TOTP)
	}
	return s.render(v, status, nil, SecondFactor{
		Form: f, Method: method, Next: redirect.Safe(next), Passkey: slices.Contains(c.Methods, audit.Passkey),
	})
}

func (s *Site) signInOver(v *visit, pending, next, notice string) error {
	q := nextQuery(next)
	if pending != "" {
		q.Set("notice", notice)
	}
	s.c.Sessions.ClearPending(v.w)
	s.redirect(v, "/sign-in", q)
	return nil
}

func (s *Site) secondFactor(v *visit) error {
	method, next := v.form.Get("method"), v.form.Get("next")
	pending := s.c.Sessions.Pending(v.r)
	out, err := s.c.Flows.Security.SecondFactor(v.r.Context(), v.actor(), security.SecondFactor{
		Challenge: pending, Method: audit.Factor(method), Code: v.form.Get("code"),
	})
	if errors.Is(err, security.ErrSignInExpired) {
		return s.signInOver(v, pending, next, "code_expired")
	}
	if err != nil {
		form, status, refusal := refused(err)
		if refusal != nil {
			return refusal
		}
		over := "code_expired"
		if errors.Is(err, security.ErrInvalidCode) {
			over = "code_tries" // this one was the last
		}
		return s.askSecondFactor(v, status, form, method, next, over)
	}
	s.arrive(v, out, next)
	return nil
}

func (s *Site) secondFactorByPasskey(v *visit) error {
	next := v.form.Get("next")
	pending := s.c.Sessions.Pending(v.r)
	out, err := s.c.Flows.Security.SignInByPasskey(v.r.Context(), v.actor(), security.PasskeyProof{
		Credential: []byte(v.form.Get("credential")), Challenge: pending,
	})
	if errors.Is(err, security.ErrSignInExpired) {
		return s.signInOver(v, pending, next, "code_expired")
	}
	if err != nil {
		form, status, err := refusedPasskey(err)
		if err != nil {
			return err
		}
		return s.askSecondFactor(v, status, form, "", next, "code_expired")
	}
	s.arrive(v, out, next)
	return nil
}

func (s *Site) notMePage(v *visit) error {
	if done, err := s.shownDone(v); done || err != nil {
		return err
	}
	raw := v.r.URL.Query().Get("token")
	if err := s.c.Flows.Security.CheckAlert(v.r.Context(), v.actor(), raw); err != nil {
		return s.gone(v, err, "not_me")
	}
	return s.render(v, http.StatusOK, nil, NotMe{Token: raw})
}

func (s *Site) notMe(v *visit) error {
	raw := v.form.Get("token")
	err := s.c.Flows.NotMe(v.r.Context(), v.actor(), raw)
	if errors.Is(err, fault.Gone) {
		return s.gone(v, err, "not_me")
	}
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.render(v, status, nil, NotMe{Form: form, Token: raw})
	}
	return s.done(v, "/not-me", "not_me", "")
}
