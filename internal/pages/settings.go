package pages

import (
	"errors"
	"net/http"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
)

// profilePage shows the profile.
func (s *Site) profilePage(v *visit) error {
	if limited(v) { // what is there could be seen, but not saved
		return audit.ErrEnrollmentRequired
	}
	saved := v.r.URL.Query().Get("saved")
	return s.profile(v, http.StatusOK, func(p *Profile) {
		switch saved {
		case "picture", "about", "email", "deleted-orgs", "left", "restored", "export-open", "export-gone":
			p.Saved = saved
		}
	})
}

// profile shows the profile as change leaves it.
func (s *Site) profile(v *visit, status int, change func(*Profile)) error {
	me, err := s.c.Flows.Profile(v.r.Context(), v.actor(), v.caller.Login)
	if err != nil {
		return err
	}
	view := Profile{
		Picture: PictureCard{URL: s.avatar(me.User, "512"), Uploaded: me.AvatarUploaded},
		About:   AboutCard{Name: me.Name, Timezone: me.Timezone, Locale: me.Locale},
		Email:   EmailCard{Email: me.Email},
	}
	if c := me.PendingEmail; c != nil {
		view.Email.Pending = &PendingEmail{Email: c.NewEmail, ExpiresAt: c.ExpiresAt}
	}
	links, deleted, err := s.myOrgs(v)
	if err != nil {
		return err
	}
	waiting, err := s.c.Flows.Orgs.Mine(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	open, err := s.joinable(v)
	if err != nil {
		return err
	}
	view.Orgs = ProfileOrgsCard{Offer: len(links) == 0, Waiting: len(waiting), Open: len(open), Deleted: deleted}
	if view.Export, err = s.export(v); err != nil {
		return err
	}
	if view.Delete, err = s.deleteCard(v, me.User); err != nil {
		return err
	}
	change(&view)
	return s.render(v, status, &me.User, view)
}

// refusedProfile shows the profile with what was wrong, or passes on an error
// that a form is no place for.
func (s *Site) refusedProfile(v *visit, err error, change func(*Profile, Form)) error {
	form, status, err := refused(err)
	if err != nil {
		return err
	}
	return s.profile(v, status, func(p *Profile) { change(p, form) })
}

func (s *Site) saveAbout(v *visit) error {
	name, zone, locale := v.form.Get("name"), v.form.Get("timezone"), v.form.Get("locale")
	_, err := s.c.Flows.Accounts.UpdateProfile(v.r.Context(), v.actor(), accounts.Patch{Name: &name, Timezone: &zone, Locale: &locale})
	if err != nil {
		return s.refusedProfile(v, err, func(p *Profile, f Form) {
			p.About = AboutCard{Form: f, Name: name, Timezone: zone, Locale: locale}
		})
	}
	return s.saved(v, "/settings/profile", "about")
}

func (s *Site) changeEmail(v *visit) error {
	email := v.form.Get("email")
	if _, err := s.c.Flows.Accounts.RequestEmailChange(v.r.Context(), v.actor(), email); err != nil {
		return s.refusedProfile(v, err, func(p *Profile, f Form) { p.Email.Form, p.Email.Typed = f, email })
	}
	return s.saved(v, "/settings/profile", "email")
}

func (s *Site) cancelEmail(v *visit) error {
	err := s.c.Flows.Accounts.CancelEmailChange(v.r.Context(), v.actor())
	if err != nil && !errors.Is(err, accounts.ErrNoEmailChange) { // canceled twice is canceled
		return err
	}
	return s.saved(v, "/settings/profile", "email")
}

func (s *Site) removePicture(v *visit) error {
	if _, err := s.c.Flows.Accounts.RemovePicture(v.r.Context(), v.actor()); err != nil {
		return err
	}
	return s.saved(v, "/settings/profile", "picture")
}

func (s *Site) setPicture(v *visit) error {
	_, err := s.c.Flows.Accounts.UploadPicture(v.r.Context(), v.actor(), received(v))
	if err == nil {
		return s.saved(v, "/settings/profile", "picture")
	}
	return s.refusedProfile(v, pictureField(err), func(p *Profile, f Form) { p.Picture.Form = f })
}
