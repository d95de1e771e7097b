package pages

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
)

// profilePage shows the profile.
func (s *Site) profilePage(v *visit) error {
	if limited(v) { // what is there could be seen, but not saved
		return audit.ErrEnrollmentRequired
	}
	saved := v.r.URL.Query().Get("saved")
	return s.profile(v, http.StatusOK, func(p *Profile) {
		switch saved {
		case "picture", "about", "email", "deleted-orgs", "left":
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

// maxUpload is the file with what a browser puts around it.
const maxUpload = accounts.MaxPicture + 64<<10

// uploadTime is how long sending a picture may take: few are read at once, and
// a slow sender must not keep others waiting.
const uploadTime = 30 * time.Second

// limitUpload bounds it where the server can.
func limitUpload(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
}

func (s *Site) setPicture(v *visit) error {
	limitUpload(v.w)
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxUpload)
	_, err := s.c.Flows.Accounts.UploadPicture(v.r.Context(), v.actor(), &upload{r: v.r})
	if err == nil {
		return s.saved(v, "/settings/profile", "picture")
	}
	// What is wrong with the file is said beside the file.
	switch {
	case errors.Is(err, accounts.ErrPictureTooLarge):
		err = fault.Fields{{Name: "picture", Code: "picture_too_large", Message: "is over 5 MB or 25 megapixels"}}
	case errors.Is(err, accounts.ErrPictureType):
		err = fault.Fields{{Name: "picture", Code: "picture_type", Message: "is not a PNG, JPEG, WebP or GIF file"}}
	}
	return s.refusedProfile(v, err, func(p *Profile, f Form) { p.Picture.Form = f })
}

// upload is the file of the form, as a stream: nothing is kept on disk. It looks
// at the body when it is read first, which is when the person may upload at all.
type upload struct {
	r    *http.Request
	file io.Reader
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	if u.file != nil {
		return u.file.Read(p)
	}
	part, err := u.find()
	if err != nil {
		return 0, err
	}
	n, err := part.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, errNoPicture
	}
	u.file = part
	return n, err
}

func (u *upload) find() (*multipart.Part, error) {
	parts, err := u.r.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Malformed, "malformed", "pages: not a multipart form")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoPicture
		}
		if err != nil || part.FormName() == "picture" {
			return part, err
		}
	}
}

var errNoPicture = fault.Fields{{Name: "picture", Code: "required", Message: "choose a file first"}}
