package pages

import (
	"errors"
	"net/http"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// refusedPasskey is refused for a form that a passkey answers.
func refusedPasskey(err error) (Form, int, error) {
	f, status, err := refused(err)
	if err != nil {
		return f, status, err
	}
	for _, e := range f.Errors {
		if e.Name == "credential" {
			f = Form{Code: "passkey_refused"}
			break
		}
	}
	if f.Code == "invalid_credentials" {
		f.Code = "passkey_refused"
	}
	return f, status, nil
}

// beginPasskey opens the form for a new passkey.
func (s *Site) beginPasskey(v *visit) error {
	return s.showNewPasskey(v, http.StatusOK, Form{})
}

// showNewPasskey shows the form with a challenge that has not been used.
func (s *Site) showNewPasskey(v *visit, status int, f Form) error {
	options, err := s.c.Flows.Security.BeginPasskey(v.r.Context(), v.actor())
	if err != nil {
		return s.refusedSecurity(v, err, func(p *Security, f Form) { p.Passkeys.Form = f })
	}
	return s.security(v, status, func(p *Security) {
		p.Passkeys.Adding = &AddPasskey{Form: f, Name: v.form.Get("name"), Options: string(options)}
	})
}

func (s *Site) addPasskey(v *visit) error {
	_, err := s.c.Flows.Security.AddPasskey(v.r.Context(), v.actor(), v.form.Get("name"), []byte(v.form.Get("credential")))
	if err != nil {
		f, status, err := refusedPasskey(err)
		if err != nil {
			return err
		}
		return s.showNewPasskey(v, status, f)
	}
	return s.saved(v, securityPath, "passkeys")
}

func (s *Site) renamePasskey(v *visit) error {
	which, err := id.ParseFactor(v.form.Get("passkey"))
	if err == nil {
		_, err = s.c.Flows.Security.RenamePasskey(v.r.Context(), v.actor(), which, v.form.Get("name"))
	}
	switch {
	case errors.Is(err, fault.NotFound): // removed meanwhile
		s.redirect(v, securityPath, nil)
		return nil
	case err != nil:
		return s.refusedSecurity(v, err, func(p *Security, f Form) {
			p.Passkeys.row(which.String(), func(k *Passkey) { k.Form, k.Do, k.Typed = f, "rename", v.form.Get("name") })
		})
	}
	return s.saved(v, securityPath, "passkeys")
}

func (s *Site) removePasskey(v *visit) error {
	var fresh security.Token
	which, err := id.ParseFactor(v.form.Get("passkey"))
	if err == nil {
		fresh, err = s.c.Flows.Security.RemovePasskey(v.r.Context(), v.actor(), which, v.bearer())
	}
	if err != nil && !errors.Is(err, fault.NotFound) { // removed already is removed
		return s.refusedSecurity(v, err, func(p *Security, f Form) { p.Passkeys.Form = f })
	}
	s.renewed(v, fresh)
	return s.saved(v, securityPath, "passkeys")
}
