package pages

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/orgs"
)

// RestorePath is where somebody whose account is deleted is sent.
const RestorePath = "/restore"

// restoring reports whether the session is good for restoring the account alone.
func restoring(v *visit) bool { return v.actor().Limited == audit.RestoreOnly }

// deleteCard is the danger zone of a person.
func (s *Site) deleteCard(v *visit, me accounts.User) (AccountDeleteCard, error) {
	d, err := s.c.Flows.Deletion(v.r.Context(), v.actor())
	if err != nil {
		return AccountDeleteCard{}, err
	}
	card := AccountDeleteCard{Email: me.Email, PurgeAt: d.PurgeAt}
	for _, b := range d.Blockers {
		card.Owned = append(card.Owned, OwnedOrg{b.Org.Slug, b.Org.Name})
	}
	return card, nil
}

func (s *Site) deleteAccount(v *visit) error {
	typed := v.form.Get("confirm")
	_, err := s.c.Flows.DeleteAccount(v.r.Context(), v.actor(), typed)
	if errors.Is(err, orgs.ErrSoleOwner) { // the card says which, and what to do
		return s.profile(v, http.StatusConflict, func(p *Profile) { p.Delete.Form, _, _ = refused(err) })
	}
	if err != nil {
		return s.refusedProfile(v, err, func(p *Profile, f Form) { p.Delete.Form, p.Delete.Typed = f, typed })
	}
	s.c.Sessions.ClearCookie(v.w)
	s.redirect(v, "/sign-in", url.Values{"notice": {"account_deleted"}})
	return nil
}

func (s *Site) restorePage(v *visit) error {
	if !restoring(v) {
		s.enter(v, "")
		return nil
	}
	return s.showRestore(v, http.StatusOK, Form{})
}

// showRestore takes the person from the session, as it reads nothing else.
func (s *Site) showRestore(v *visit, status int, f Form) error {
	p := v.caller.Login.Person
	u := accounts.User{ID: p.ID, Name: p.Name, Email: p.Email, Timezone: p.Timezone, Locale: p.Locale}
	return s.render(v, status, &u, Restore{Form: f, Email: p.Email, Until: p.RestorableUntil})
}

func (s *Site) restore(v *visit) error {
	if !restoring(v) { // restored already
		s.enter(v, "")
		return nil
	}
	if err := s.c.Flows.RestoreAccount(v.r.Context(), v.actor(), v.actor().User); err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.showRestore(v, status, form)
	}
	return s.saved(v, "/settings/profile", "restored")
}
