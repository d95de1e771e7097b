package httpapi

import (
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/security"
)

type account struct {
	ID                string     `json:"id"`
	Name              string     `json:"name"`
	Email             string     `json:"email"`
	PendingEmail      *string    `json:"pending_email" doc:"The address that waits to be confirmed"`
	Timezone          string     `json:"timezone"`
	Locale            string     `json:"locale"`
	AvatarURL         string     `json:"avatar_url"`
	Greeting          string     `json:"greeting" doc:"By the person's own clock and in their language"`
	HasPassword       bool       `json:"has_password"`
	PasswordChangedAt *time.Time `json:"password_changed_at"`
	CreatedAt         time.Time  `json:"created_at"`
}

func (a *API) account(c *call) (*account, error) {
	p, err := a.c.Flows.Profile(c.ctx(), c.actor(), c.caller.Login)
	if err != nil {
		return nil, err
	}
	return a.accountOf(p), nil
}

func (a *API) accountOf(p flows.Profile) *account {
	out := &account{
		ID: p.ID.String(), Name: p.Name, Email: p.Email, Timezone: p.Timezone, Locale: p.Locale,
		AvatarURL: a.avatarURL(p.AvatarKey), HasPassword: p.Login.HasPassword, CreatedAt: p.CreatedAt,
		Greeting: catalog.For(p.Locale).Greeting(a.c.Now(), zones.Location(p.Timezone), p.Name),
	}
	if p.PendingEmail != nil {
		out.PendingEmail = &p.PendingEmail.NewEmail
	}
	if at := p.Login.Person.PasswordChangedAt; !at.IsZero() {
		out.PasswordChangedAt = &at
	}
	return out
}

type patchAccount struct {
	Name     *string `json:"name,omitempty" doc:"1–100 characters"`
	Timezone *string `json:"timezone,omitempty" doc:"IANA name"`
	Locale   *string `json:"locale,omitempty"`
}

func (a *API) patchAccount(c *call, in patchAccount) (*account, error) {
	if _, err := a.c.Flows.Accounts.UpdateProfile(c.ctx(), c.actor(), accounts.Patch(in)); err != nil {
		return nil, err
	}
	return a.account(c)
}

type avatar struct {
	AvatarURL string `json:"avatar_url"`
}

func (a *API) avatarURL(key string) string { return a.pictureURL("/avatars/", key) }

func (a *API) pictureURL(folder, key string) string {
	return strings.TrimSuffix(a.c.PublicURL.String(), "/") + a.c.Pages + folder + key + "/128"
}

var putPicture = receives(func(a *API, c *call) (*avatar, error) {
	u, err := a.c.Flows.Accounts.UploadPicture(c.ctx(), c.actor(), c.r.Body)
	if err != nil {
		return nil, err
	}
	return &avatar{a.avatarURL(u.AvatarKey)}, nil
})

func (a *API) deletePicture(c *call) (*nothing, error) {
	_, err := a.c.Flows.Accounts.RemovePicture(c.ctx(), c.actor())
	return nil, err
}

type pendingEmail struct {
	Email       string    `json:"email"`
	RequestedAt time.Time `json:"requested_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

func (a *API) changeEmail(c *call, in emailOnly) (*pendingEmail, error) {
	p, err := a.c.Flows.Accounts.RequestEmailChange(c.ctx(), c.actor(), in.Email)
	if err != nil {
		return nil, err
	}
	return &pendingEmail{p.NewEmail, p.RequestedAt, p.ExpiresAt}, nil
}

func (a *API) pendingEmail(c *call) (*pendingEmail, error) {
	p, err := a.c.Flows.Accounts.PendingEmailChange(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	return &pendingEmail{p.NewEmail, p.RequestedAt, p.ExpiresAt}, nil
}

func (a *API) cancelEmail(c *call) (*nothing, error) {
	return nil, a.c.Flows.Accounts.CancelEmailChange(c.ctx(), c.actor())
}

type tokenOnly struct {
	Token string `json:"token"`
}

func (a *API) confirmEmail(c *call, in tokenOnly) (*nothing, error) {
	_, err := a.c.Flows.ConfirmEmail(c.ctx(), c.actor(), in.Token)
	return nil, err
}

func (a *API) undoEmail(c *call, in tokenOnly) (*nothing, error) {
	_, err := a.c.Flows.UndoEmail(c.ctx(), c.actor(), in.Token)
	return nil, err
}

type changePassword struct {
	CurrentPassword string `json:"current_password,omitempty"`
	Password        string `json:"password"`
}

func (a *API) changePassword(c *call, in changePassword) (*nothing, error) {
	fresh, err := a.c.Flows.Security.ChangePassword(c.ctx(), c.actor(), security.ChangePassword{
		Current: in.CurrentPassword, New: in.Password, KeepToken: c.bearer(),
	})
	return nil, a.renew(c, fresh, err)
}
