package pages

import (
	"net/http"

	"github.com/aegisrunner/account-settings/notify"
)

const (
	mailsPath       = "/settings/email"
	unsubscribePath = "/unsubscribe"
)

// mailsPage shows which mails the person gets.
func (s *Site) mailsPage(v *visit) error {
	all, err := s.c.Flows.Notify.Preferences(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	return s.mails(v, http.StatusOK, EmailPreferences{Saved: v.r.URL.Query().Get("saved") == "preferences"}, all)
}

func (s *Site) mails(v *visit, status int, view EmailPreferences, all notify.Preferences) error {
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	for _, p := range all {
		view.Items = append(view.Items, MailPreference{Name: string(p.Category), Enabled: p.Enabled, Locked: p.Locked})
	}
	return s.render(v, status, &me, view)
}

// saveMails stores what differs from what holds: a box that was left alone is no
// choice.
func (s *Site) saveMails(v *visit) error {
	before, err := s.c.Flows.Notify.Preferences(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	chosen := func(c notify.Category) *bool {
		p, on := before.Of(c), v.form.Get(string(c)) != ""
		if p.Locked || p.Enabled == on {
			return nil
		}
		return &on
	}
	_, err = s.c.Flows.Notify.SetPreferences(v.r.Context(), v.actor(), notify.Patch{
		WeeklyDigest: chosen(notify.WeeklyDigest), PlanLimitWarnings: chosen(notify.PlanLimitWarnings),
		ProductUpdates: chosen(notify.ProductUpdates), RetentionNudges: chosen(notify.RetentionNudges),
	})
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.mails(v, status, EmailPreferences{Form: form}, before)
	}
	return s.saved(v, mailsPath, "preferences")
}

// unsubscribePage asks, and changes nothing: scanners open every link in a mail.
func (s *Site) unsubscribePage(v *visit) error {
	raw := v.r.URL.Query().Get("token")
	c, err := s.c.Flows.Notify.Unsubscription(v.r.Context(), v.actor(), raw)
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, nil, Unsubscribe{Token: raw, Category: string(c)})
}

// unsubscribe does what the page's button asks for, and what a mail program does
// with one click: it posts to the address in the mail, with neither cookie nor
// Origin, and follows no redirect (RFC 8058, section 3.1).
func (s *Site) unsubscribe(v *visit) error {
	raw := v.r.URL.Query().Get("token")
	if raw == "" {
		raw = v.form.Get("token")
	}
	c, err := s.c.Flows.Notify.Unsubscribe(v.r.Context(), v.actor(), raw)
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, nil, Unsubscribe{Category: string(c), Done: true})
}
