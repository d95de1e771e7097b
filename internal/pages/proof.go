package pages

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/redirect"
	"github.com/aegisrunner/account-settings/security"
)

// action is what a form of the settings does. It may turn out to need a fresh
// proof; then it waits while the person gives one, and goes on with everything
// that was typed.
type action struct {
	run     handler
	waiting string // how the page names it; "" does not
	detail  string // the field that says what it is about
}

// continuation is an action that waits. It travels sealed in the form that asks
// for the proof: it may hold a password that was typed.
type continuation struct {
	Path string
	Form url.Values
	At   time.Time
}

const continuationAge = 15 * time.Minute

// act runs an action, or asks for the proof that it needs.
func (s *Site) act(path string) handler {
	return func(v *visit) error {
		err := s.actions[path].run(v)
		if !errors.Is(err, fault.StepUp) {
			return err
		}
		sealed, err := s.seal(waitingFor(v.actor()), continuation{path, v.form, s.c.Now()})
		if err != nil {
			return err
		}
		return s.askProof(v, http.StatusOK, Form{}, sealed, continuation{Path: path, Form: v.form})
	}
}

// waitingFor is the context that a continuation is sealed in: it opens for the
// session in which the action was begun, and for no other.
func waitingFor(a audit.Actor) string { return "continue:" + a.Session.String() }

func (s *Site) askProof(v *visit, status int, f Form, sealed string, c continuation) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := Reauthenticate{Form: f, Continue: sealed, Back: pageOf(c.Path), Method: "password"}
	if a := s.actions[c.Path]; a.waiting != "" {
		view.Waiting, view.Detail = a.waiting, c.Form.Get(a.detail)
	}
	return s.render(v, status, &u, view)
}

// proofPage asks for a proof with nothing waiting but perhaps a page.
func (s *Site) proofPage(v *visit) error {
	c := continuation{Path: redirect.Safe(v.r.URL.Query().Get("next")), At: s.c.Now()}
	sealed, err := s.seal(waitingFor(v.actor()), c)
	if err != nil {
		return err
	}
	return s.askProof(v, http.StatusOK, Form{}, sealed, continuation{})
}

// prove checks the proof, and goes on with what was waiting.
func (s *Site) prove(v *visit) error {
	sealed := v.form.Get("continue")
	var c continuation
	if !s.unseal(waitingFor(v.actor()), sealed, &c) || s.c.Now().Sub(c.At) > continuationAge {
		// Of another session, too old, or made up: nothing waits.
		c, sealed = continuation{}, ""
	}
	now := s.c.Now()
	fresh, err := s.c.Flows.Security.Reauthenticate(v.r.Context(), v.actor(), security.Reauthenticate{
		Method: audit.Password, Password: v.form.Get("password"), KeepToken: v.bearer(),
	})
	if err != nil {
		f, status, err := refused(err)
		if err != nil {
			return err
		}
		if f.Code == "invalid_credentials" { // the address was not asked for
			f = Form{Errors: fault.Fields{{Name: "password", Code: "wrong_password", Message: "is wrong"}}}
		}
		return s.askProof(v, status, f, sealed, c)
	}
	if !fresh.IsZero() {
		s.c.Sessions.SetCookie(v.w, fresh)
	}
	waiting, ok := s.actions[c.Path]
	if !ok {
		s.enter(v, c.Path)
		return nil
	}
	v.caller.Actor.Proofs = v.caller.Actor.Proofs.With(audit.Password, now)
	v.form = c.Form
	return waiting.run(v)
}

// seal returns a value that only unseal with the same context opens.
func (s *Site) seal(context string, value any) (string, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	sealed, err := s.c.Sealer.Seal(plain, []byte(context))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (s *Site) unseal(context, text string, into any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return false
	}
	plain, err := s.c.Sealer.Open(sealed, []byte(context))
	return err == nil && json.Unmarshal(plain, into) == nil
}
