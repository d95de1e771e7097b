package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/qrcode"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/security"
)

// EnrollPath is the page, below the prefix, where somebody is led who must have a
// second factor first.
const EnrollPath = securityPath + "/enroll"

// enrollPage is where somebody is led who must have a second factor first.
func (s *Site) enrollPage(v *visit) error {
	if limited(v) {
		return s.security(v, http.StatusOK, func(*Security) {})
	}
	// An organization may ask for it alone; whoever has one needs no page.
	if v.actor().SecondFactor || !v.r.URL.Query().Has("org") {
		s.redirect(v, securityPath, nil)
		return nil
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	var have Security
	if err := s.factors(v, &have); err != nil {
		return err
	}
	return s.render(v, http.StatusOK, &me, Enroll{Passkeys: have.Passkeys})
}

// setUp is a secret that waits to be confirmed. The service shows it once, so it
// travels sealed in the form: a wrong code must not cost a new scan.
type setUp struct{ Secret, URI string }

func setUpFor(a audit.Actor) string { return "two-factor:" + a.Session.String() }

func (s *Site) startTwoFactor(v *visit) error {
	e, err := s.c.Flows.Security.EnrollTOTP(v.r.Context(), v.actor())
	if err != nil {
		return s.refusedSecurity(v, err, func(p *Security, f Form) { p.TwoFactor.Form = f })
	}
	return s.showSetUp(v, http.StatusOK, Form{}, setUp{e.Secret.Reveal(), e.URI.Reveal()})
}

func (s *Site) showSetUp(v *visit, status int, f Form, e setUp) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	sealed, err := s.seal(setUpFor(v.actor()), e)
	if err != nil {
		return err
	}
	qr, err := qrcode.SVG(e.URI, catalog.For(u.Locale, v.r.Header.Get("Accept-Language")).T("two-factor.qr"))
	if err != nil {
		return err
	}
	return s.render(v, status, &u, SetUp{Form: f, Sealed: sealed, Secret: e.Secret, QR: qr})
}

func (s *Site) confirmTwoFactor(v *visit) error {
	var e setUp
	if !s.unseal(setUpFor(v.actor()), v.form.Get("setup"), &e) {
		s.redirect(v, securityPath, nil)
		return nil
	}
	out, err := s.c.Flows.Security.ConfirmTOTP(v.r.Context(), v.actor(), v.form.Get("code"), v.bearer())
	switch {
	case errors.Is(err, security.ErrTOTPEnabled): // a form that is loaded again
		s.redirect(v, securityPath, nil)
		return nil
	case errors.Is(err, security.ErrFactorNotFound):
		return s.security(v, http.StatusConflict, func(p *Security) { p.TwoFactor.Form = Form{Code: "setup_gone"} })
	case err != nil:
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.showSetUp(v, status, form, e)
	}
	s.renewed(v, out.Token)
	v.caller.Actor.Limited = "" // this is what was asked for
	return s.showCodes(v, out.BackupCodes, true)
}

func codesFor(a audit.Actor) string { return "backup-codes:" + a.Session.String() }

// shownCodes are backup codes on a page, which can be downloaded from there.
type shownCodes struct {
	Codes []string
	At    time.Time
}

const codesShown = time.Hour

func (s *Site) showCodes(v *visit, codes []string, enabled bool) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	sealed, err := s.seal(codesFor(v.actor()), shownCodes{codes, s.c.Now()})
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, &u, BackupCodes{Codes: codes, Sealed: sealed, Enabled: enabled})
}

func (s *Site) renewCodes(v *visit) error {
	codes, err := s.c.Flows.Security.RenewBackupCodes(v.r.Context(), v.actor())
	if err != nil {
		return s.refusedSecurity(v, err, func(p *Security, f Form) { p.TwoFactor.Form = f })
	}
	return s.showCodes(v, codes, false)
}

// downloadCodes answers with the codes of the page that asks, as a file.
func (s *Site) downloadCodes(v *visit) error {
	var shown shownCodes
	if !s.unseal(codesFor(v.actor()), v.form.Get("codes"), &shown) || s.c.Now().Sub(shown.At) > codesShown {
		s.redirect(v, securityPath, nil)
		return nil
	}
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	p := catalog.For(u.Locale, v.r.Header.Get("Accept-Language"))
	title := p.T("backup-codes.file", "product", s.c.Product, "email", u.Email, "date", p.Date(shown.At, zones.Location(u.Timezone)))
	h := v.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="backup-codes.txt"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, err = v.w.Write([]byte(title + "\r\n\r\n" + strings.Join(shown.Codes, "\r\n") + "\r\n"))
	return err
}

const turnOffPath = securityPath + "/two-factor/off"

// turnOffPage asks for what turning two-factor off still needs. The step-up comes
// first: a code that is typed here could not be used for it as well.
func (s *Site) turnOffPage(v *visit) error {
	if !v.actor().HasTOTP {
		s.redirect(v, securityPath, nil)
		return nil
	}
	if v.actor().RequireStepUp(s.c.Now(), s.c.StepUpAge) != nil {
		s.redirect(v, "/reauthenticate", url.Values{"next": {s.c.Prefix + turnOffPath}})
		return nil
	}
	return s.showTurnOff(v, http.StatusOK, Form{})
}

func (s *Site) showTurnOff(v *visit, status int, f Form) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := TurnOff{Form: f}
	proven := func(f audit.Factor) bool { return v.actor().Proofs.Fresh(f, s.c.Now(), s.stepUpAge()) }
	if !proven(audit.Passkey) { // a passkey is both
		view.Password = v.actor().HasPassword && !proven(audit.Password)
		view.Code = !proven(audit.TOTP) && !proven(audit.BackupCode)
	}
	for _, e := range f.Errors {
		view.Password = view.Password || e.Name == "password"
		view.Code = view.Code || e.Name == "code"
	}
	return s.render(v, status, &u, view)
}

func (s *Site) turnOff(v *visit) error {
	fresh, err := s.c.Flows.Security.DisableTOTP(v.r.Context(), v.actor(), security.DisableTOTP{
		Password: v.form.Get("password"), Code: v.form.Get("code"), KeepToken: v.bearer(),
	})
	if err != nil && !errors.Is(err, security.ErrTwoFactorOff) {
		if errors.Is(err, fault.StepUp) {
			return err
		}
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.showTurnOff(v, status, form)
	}
	s.renewed(v, fresh)
	return s.saved(v, securityPath, "two-factor")
}
