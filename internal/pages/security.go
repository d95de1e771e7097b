package pages

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/security"
)

const securityPath = "/settings/security"

// securityPage shows what proves who the person is, where they are signed in,
// and what has happened.
func (s *Site) securityPage(v *visit) error {
	if limited(v) {
		return audit.ErrEnrollmentRequired
	}
	q := v.r.URL.Query()
	return s.security(v, http.StatusOK, func(p *Security) {
		switch saved := q.Get("saved"); saved {
		case "password", "two-factor", "passkeys", "sessions":
			p.Saved = saved
		}
		switch ask := q.Get("ask"); ask {
		case "codes":
			p.TwoFactor.Asking = p.TwoFactor.On
		case "rename", "remove":
			p.Passkeys.row(q.Get("passkey"), func(k *Passkey) { k.Do, k.Typed = ask, k.Name })
		}
	})
}

// limited reports whether the person reaches nothing but enrolling a second
// factor.
func limited(v *visit) bool { return v.actor().Limited != "" }

// row changes the row of a passkey, if there is one.
func (c *PasskeysCard) row(id string, change func(*Passkey)) {
	for i := range c.Items {
		if c.Items[i].ID == id {
			change(&c.Items[i])
		}
	}
}

// security shows the page as change leaves it. Who is limited to enrolling a
// second factor sees what is about that alone.
func (s *Site) security(v *visit, status int, change func(*Security)) error {
	u, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	login := v.caller.Login
	view := Security{Password: PasswordCard{Has: login.HasPassword, ChangedAt: login.Person.PasswordChangedAt}}
	if err := s.factors(v, &view); err != nil {
		return err
	}
	if limited(v) {
		change(&view)
		return s.render(v, status, &u, Enroll{Passkeys: view.Passkeys})
	}
	if view.Sessions, err = s.sessions(v); err != nil {
		return err
	}
	if view.History, err = s.history(v); err != nil {
		return err
	}
	change(&view)
	return s.render(v, status, &u, view)
}

// refusedSecurity shows the page with what was wrong, or passes on an error that
// a form is no place for.
func (s *Site) refusedSecurity(v *visit, err error, change func(*Security, Form)) error {
	form, status, err := refused(err)
	if err != nil {
		return err
	}
	return s.security(v, status, func(p *Security) { change(p, form) })
}

// factors fills in what the person has beside a password.
func (s *Site) factors(v *visit, view *Security) error {
	f, err := s.c.Flows.Security.Factors(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	if f.TOTP != nil {
		view.TwoFactor = TwoFactorCard{On: true, EnabledAt: f.TOTP.ConfirmedAt, LastUsedAt: f.TOTP.LastUsedAt, CodesLeft: f.BackupCodes}
	}
	all, err := s.c.Flows.Security.Passkeys(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view.Passkeys.Off = s.c.API == ""
	for _, k := range all {
		view.Passkeys.Items = append(view.Passkeys.Items, Passkey{
			ID: k.ID.String(), Name: k.Name, AddedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt, Synced: k.BackedUp,
		})
	}
	return nil
}

// perPage is how many sessions, and how many entries of the history, the page
// shows.
const perPage = 20

func (s *Site) sessions(v *visit) (SessionsCard, error) {
	cursor := v.r.URL.Query().Get("cursor")
	items, next, err := s.c.Flows.Security.Sessions(v.r.Context(), v.actor(), cursor, perPage)
	if errors.Is(err, fault.Invalid) { // a cursor of no use: begin at the start
		cursor = ""
		items, next, err = s.c.Flows.Security.Sessions(v.r.Context(), v.actor(), "", perPage)
	}
	if err != nil {
		return SessionsCard{}, err
	}
	present := v.caller.Login.Session
	present.Place = s.c.Flows.Security.Place(v.r.Context(), present.IP)
	return SessionsCard{Items: sessionRows(items, present, cursor == ""), NextCursor: next, Later: cursor != ""}, nil
}

// sessionRows puts the present session at the top of the first page, wherever
// in the list it is, and shows it nowhere else.
func sessionRows(items []security.Session, present security.Session, first bool) []Session {
	var out []Session
	if first {
		out = append(out, sessionRow(present, present.ID))
	}
	for _, x := range items {
		if x.ID != present.ID {
			out = append(out, sessionRow(x, present.ID))
		}
	}
	return out
}

func sessionRow(x security.Session, present id.Session) Session {
	d := device.Parse(x.UserAgent)
	row := Session{
		ID: x.ID.String(), Current: x.ID == present, Browser: d.Browser, OS: d.OS, Kind: string(d.Kind),
		SignedInAt: x.SignedInAt, LastUsedAt: x.LastUsedAt, Place: x.Place.String(),
	}
	if x.IP.IsValid() {
		row.IP = x.IP.String()
	}
	return row
}

func (s *Site) changePassword(v *visit) error {
	fresh, err := s.c.Flows.Security.ChangePassword(v.r.Context(), v.actor(), security.ChangePassword{
		Current: v.form.Get("current_password"), New: v.form.Get("password"), KeepToken: v.bearer(),
	})
	if err != nil {
		return s.refusedSecurity(v, err, func(p *Security, f Form) { p.Password.Form = f })
	}
	s.renewed(v, fresh)
	return s.saved(v, securityPath, "password")
}

func (s *Site) revoke(v *visit) error {
	session, err := id.ParseSession(v.form.Get("session"))
	if err == nil {
		err = s.c.Flows.Security.RevokeSession(v.r.Context(), v.actor(), session)
	}
	if err != nil && !errors.Is(err, fault.NotFound) { // ended already is ended
		return err
	}
	if session == v.actor().Session {
		return s.out(v, "signed_out")
	}
	return s.saved(v, securityPath, "sessions")
}

func (s *Site) revokeOthers(v *visit) error {
	if _, err := s.c.Flows.Security.RevokeSessions(v.r.Context(), v.actor(), security.Others); err != nil {
		return err
	}
	return s.saved(v, securityPath, "sessions")
}

func (s *Site) revokeAll(v *visit) error {
	if _, err := s.c.Flows.Security.RevokeSessions(v.r.Context(), v.actor(), security.All); err != nil {
		return err
	}
	return s.out(v, "signed_out_everywhere")
}

// out leads to the sign-in page after this session has ended.
func (s *Site) out(v *visit, notice string) error {
	s.c.Sessions.ClearCookie(v.w)
	s.redirect(v, "/sign-in", url.Values{"notice": {notice}})
	return nil
}

// stepUpAge is how old a proof may be.
func (s *Site) stepUpAge() time.Duration {
	if s.c.StepUpAge == 0 {
		return audit.DefaultStepUpAge
	}
	return s.c.StepUpAge
}

// renewed gives the browser the session's new token, if there is one.
func (s *Site) renewed(v *visit, fresh security.Token) {
	if !fresh.IsZero() {
		s.c.Sessions.SetCookie(v.w, fresh)
	}
}
