package pages

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
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
	Path    string // of the action; "": none waits
	Slug    string // of the organization that it is about
	Next    string // the page to go on to, if no action waits
	Form    url.Values
	At      time.Time
	Methods []audit.Factor // that would do; none: what the person has
}

const continuationAge = 15 * time.Minute

// act runs an action, or asks for the proof that it needs.
func (s *Site) act(path string) handler {
	return func(v *visit) error {
		err := s.actions[path].run(v)
		if !errors.Is(err, fault.StepUp) {
			return err
		}
		c := continuation{Path: path, Slug: v.slug, Form: v.form, At: s.c.Now()}
		var step *audit.StepUpError
		if errors.As(err, &step) {
			c.Methods = step.Methods
		}
		return s.ask(v, c)
	}
}

// waitingFor is the context that a continuation is sealed in: it opens for the
// session in which the action was begun, and for no other.
func waitingFor(a audit.Actor) string { return "continue:" + a.Session.String() }

// ask asks for the proof that c waits for.
func (s *Site) ask(v *visit, c continuation) error {
	sealed, err := s.seal(waitingFor(v.actor()), c)
	if err != nil {
		return err
	}
	return s.askProof(v, http.StatusOK, proof{sealed: sealed, c: c})
}

// proof is a demand for one.
type proof struct {
	form   Form
	sealed string
	c      continuation
	method string // that was chosen; "" is the first
	sent   bool   // a code has been mailed
}

func (s *Site) askProof(v *visit, status int, p proof) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := Reauthenticate{Form: p.form, Continue: p.sealed, Back: cmp.Or(pageOf(inOrg(p.c.Path, p.c.Slug)), p.c.Next), Sent: p.sent}
	methods := s.methods(v.actor(), p.c)
	view.Method = methods[0]
	if slices.Contains(methods, p.method) {
		view.Method = p.method
	}
	view.Others = slices.DeleteFunc(methods, func(m string) bool { return m == view.Method })
	if a := s.actions[p.c.Path]; a.waiting != "" {
		view.Waiting, view.Detail = a.waiting, p.c.Form.Get(a.detail)
	}
	return s.render(v, status, &u, view)
}

// methods returns what would do as a proof, the handiest first; at least one.
func (s *Site) methods(a audit.Actor, c continuation) []string {
	var out []string
	can := a.StepUpMethods()
	for _, m := range append(slices.Clone(c.Methods), can...) {
		if slices.Contains(can, m) && !slices.Contains(out, string(m)) && (m != audit.Passkey || s.c.API != "") &&
			(len(c.Methods) == 0 || slices.Contains(c.Methods, m)) {
			out = append(out, string(m))
		}
	}
	if len(out) == 0 {
		out = []string{string(can[0])}
	}
	return out
}

// proofPage asks for a proof with nothing waiting but perhaps a page.
func (s *Site) proofPage(v *visit) error {
	return s.ask(v, continuation{Next: redirect.Safe(v.r.URL.Query().Get("next")), At: s.c.Now()})
}

// prove checks the proof, and goes on with what was waiting.
func (s *Site) prove(v *visit) error {
	p := proof{sealed: v.form.Get("continue"), method: v.form.Get("method")}
	if !s.unseal(waitingFor(v.actor()), p.sealed, &p.c) || s.c.Now().Sub(p.c.At) > continuationAge {
		// Of another session, too old, or made up: nothing waits.
		p.c, p.sealed = continuation{}, ""
	}
	if other := v.form.Get("switch"); other != "" {
		p.method = other
		return s.askProof(v, http.StatusOK, p)
	}
	if v.form.Get("send") != "" {
		return s.sendCode(v, p)
	}
	now := s.c.Now()
	method := audit.Factor(cmp.Or(p.method, string(audit.Password)))
	fresh, err := s.c.Flows.Security.Reauthenticate(v.r.Context(), v.actor(), security.Reauthenticate{
		Method: method, Password: v.form.Get("password"), Code: v.form.Get("code"),
		Credential: []byte(v.form.Get("credential")), KeepToken: v.bearer(),
	})
	if err != nil {
		return s.refusedProof(v, err, p)
	}
	s.renewed(v, fresh)
	v.caller.Actor.Proofs = v.caller.Actor.Proofs.With(method, now)
	waiting, ok := s.actions[p.c.Path]
	if !ok {
		s.enter(v, p.c.Next)
		return nil
	}
	v.form, v.slug = p.c.Form, p.c.Slug
	err = waiting.run(v)
	if errors.Is(err, fault.StepUp) { // that was not the factor it needs
		return s.ask(v, p.c)
	}
	return err
}

// sendCode mails a code, and asks for it.
func (s *Site) sendCode(v *visit, p proof) error {
	p.method = string(audit.EmailCode)
	err := s.c.Flows.Security.SendEmailCode(v.r.Context(), v.actor())
	if err != nil {
		return s.refusedProof(v, err, p)
	}
	p.sent = true
	return s.askProof(v, http.StatusOK, p)
}

func (s *Site) refusedProof(v *visit, err error, p proof) error {
	var status int
	if p.method == string(audit.Passkey) {
		p.form, status, err = refusedPasskey(err)
	} else {
		p.form, status, err = refused(err)
	}
	if err != nil {
		return err
	}
	if p.form.Code == "invalid_credentials" { // the address was not asked for
		p.form = Form{Errors: fault.Fields{{Name: "password", Code: "wrong_password", Message: "is wrong"}}}
	}
	// A code that was mailed is still good.
	p.sent = p.method == string(audit.EmailCode) && len(p.form.Errors) > 0
	return s.askProof(v, status, p)
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
