package httpapi

import (
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/security"
)

type meta struct {
	Timezones []string          `json:"timezones"`
	Locales   []metaLocale      `json:"locales"`
	Password  metaPassword      `json:"password"`
	Links     map[string]string `json:"links"`
}

type metaLocale struct {
	Tag  string `json:"tag"`
	Name string `json:"name" doc:"In the language itself"`
}

type metaPassword struct {
	MinLength    int  `json:"min_length" doc:"In code points"`
	MaxBytes     int  `json:"max_bytes"`
	NeedsDigit   bool `json:"needs_digit"`
	RefuseCommon bool `json:"refuses_common"`
}

func (a *API) meta(*call) (*meta, error) {
	r := a.c.Flows.Security.Rules()
	m := meta{
		Timezones: zones.Names(), Links: a.c.Links,
		Password: metaPassword{r.MinLength, security.MaxPassword, !r.InsecureNoDigit, !r.InsecureAllowCommon},
	}
	for _, l := range catalog.Locales() {
		m.Locales = append(m.Locales, metaLocale{l.Tag, l.Name})
	}
	if m.Links == nil {
		m.Links = map[string]string{}
	}
	return &m, nil
}

type emailOnly struct {
	Email string `json:"email"`
}

func (a *API) signUp(c *call, in emailOnly) (*nothing, error) {
	locale := catalog.For(c.r.Header.Get("Accept-Language")).Lang()
	return nil, a.c.Flows.Accounts.StartSignUp(c.ctx(), c.actor(), in.Email, locale)
}

type completeSignUp struct {
	Token     string `json:"token"`
	Name      string `json:"name"`
	Password  string `json:"password"`
	Timezone  string `json:"timezone,omitempty"`
	Locale    string `json:"locale,omitempty"`
	Transport string `json:"transport,omitempty" enum:"cookie,token"`
}

// signedIn is the answer to whatever signs in.
type signedIn struct {
	Status       string     `json:"status" enum:"signed_in,second_factor_required,account_deleted"`
	User         *person    `json:"user,omitempty" doc:"With signed_in"`
	SessionToken string     `json:"session_token,omitempty" doc:"With a session that has begun and transport token, for Authorization: Bearer"`
	Methods      []string   `json:"methods,omitempty" doc:"With second_factor_required: totp, backup_code, passkey"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty" doc:"With second_factor_required"`
	Challenge    string     `json:"challenge,omitempty" doc:"With second_factor_required, for clients without cookies"`
	Restorable   *time.Time `json:"restorable_until,omitempty" doc:"With account_deleted"`
	Joined       *joined    `json:"joined,omitempty" doc:"After signing up by an invitation: as accepting it answers"`
}

type person struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Timezone string `json:"timezone"`
	Locale   string `json:"locale"`
}

func (a *API) completeSignUp(c *call, in completeSignUp) (*signedIn, error) {
	if err := checkTransport(in.Transport); err != nil {
		return nil, err
	}
	locale := in.Locale
	if locale == "" {
		locale = catalog.For(c.r.Header.Get("Accept-Language")).Lang()
	}
	out, err := a.c.Flows.CompleteSignUp(c.ctx(), c.actor(), flows.CompleteSignUp{
		NewUser:  accounts.NewUser{Token: in.Token, Name: in.Name, Timezone: in.Timezone, Locale: locale},
		Password: in.Password,
	})
	if err != nil {
		return nil, err
	}
	answer := a.outcome(c, security.Outcome{Status: security.StatusSignedIn, SignedIn: out.SignedIn}, in.Transport)
	if out.Invited {
		answer.Joined, err = a.joinedOf(c, out.Joined, nil)
	}
	return answer, err
}

type signIn struct {
	Email      string `json:"email"`
	Password   string `json:"password"`
	Transport  string `json:"transport,omitempty" enum:"cookie,token"`
	BreakGlass bool   `json:"break_glass,omitempty" doc:"Has no effect while no organization enforces single sign-on"`
}

func (a *API) signIn(c *call, in signIn) (*signedIn, error) {
	if err := checkTransport(in.Transport); err != nil {
		return nil, err
	}
	out, err := a.c.Flows.Security.SignIn(c.ctx(), c.actor(), security.SignIn{
		Email: in.Email, Password: in.Password, NoCookies: in.Transport == "token",
	})
	if err != nil {
		return nil, err
	}
	return a.outcome(c, out, in.Transport), nil
}

func checkTransport(t string) error {
	if t == "" || t == "cookie" || t == "token" {
		return nil
	}
	return fault.Fields{{Name: "transport", Code: "invalid", Message: "must be cookie or token"}}
}

// outcome hands over what a proof has led to.
func (a *API) outcome(c *call, o security.Outcome, transport string) *signedIn {
	if o.Status == security.StatusSecondFactor {
		if transport != "token" {
			a.c.Sessions.SetPending(c.w, o.Challenge)
		}
		out := &signedIn{Status: string(o.Status), ExpiresAt: &o.Challenge.ExpiresAt, Challenge: o.Challenge.Token.Reveal()}
		for _, m := range o.Challenge.Methods {
			out.Methods = append(out.Methods, string(m))
		}
		return out
	}
	p := o.Person
	out := &signedIn{Status: string(o.Status)}
	if o.Status == security.StatusDeleted {
		out.Restorable = &o.RestorableUntil
	} else {
		out.User = &person{p.ID.String(), p.Name, p.Email, p.Timezone, p.Locale}
	}
	if transport == "token" {
		out.SessionToken = o.SignedIn.Token.Reveal()
	} else {
		a.c.Sessions.Enter(c.w, c.r, o.SignedIn)
	}
	return out
}

type reauthenticate struct {
	credential
	Method   string `json:"method" enum:"password,totp,backup_code,passkey,email_code"`
	Password string `json:"password,omitempty"`
	Code     string `json:"code,omitempty" doc:"With totp, backup_code and email_code"`
}

func (a *API) reauthenticate(c *call, in reauthenticate) (*nothing, error) {
	raw, err := in.raw()
	if err != nil {
		return nil, err
	}
	fresh, err := a.c.Flows.Security.Reauthenticate(c.ctx(), c.actor(), security.Reauthenticate{
		Method: audit.Factor(in.Method), Password: in.Password, Code: in.Code, Credential: raw, KeepToken: c.bearer(),
	})
	return nil, a.renew(c, fresh, err)
}

func (a *API) emailCode(c *call) (*nothing, error) {
	return nil, a.c.Flows.Security.SendEmailCode(c.ctx(), c.actor())
}

// renew gives the browser the new token of its session.
func (a *API) renew(c *call, fresh security.Token, err error) error {
	if err == nil && !fresh.IsZero() {
		a.c.Sessions.SetCookie(c.w, fresh)
	}
	return err
}

func (a *API) signOut(c *call) (*nothing, error) {
	if err := a.c.Flows.Security.SignOut(c.ctx(), c.actor()); err != nil {
		return nil, err
	}
	a.forget(c)
	return nil, nil
}

func (a *API) forget(c *call) {
	if !c.bearer() {
		a.c.Sessions.ClearCookie(c.w)
	}
}

func (a *API) forgotPassword(c *call, in emailOnly) (*nothing, error) {
	return nil, a.c.Flows.Security.ForgotPassword(c.ctx(), c.actor(), in.Email)
}

type resetPassword struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

func (a *API) resetPassword(c *call, in resetPassword) (*nothing, error) {
	return nil, a.c.Flows.Security.ResetPassword(c.ctx(), c.actor(), in.Token, in.Password)
}
