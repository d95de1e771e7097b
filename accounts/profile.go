package accounts

import (
	"context"

	"golang.org/x/text/language"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/internal/upload"
)

// Me returns the person who acts.
func (s *Service) Me(ctx context.Context, actor audit.Actor) (User, error) {
	if err := s.allow(actor, PermView, s.now()); err != nil {
		return User{}, err
	}
	return s.c.Store.UserByID(ctx, actor.User)
}

// Patch is what to change of a profile; nil leaves a field as it is.
type Patch struct {
	Name     *string
	Timezone *string
	Locale   *string
}

// UpdateProfile changes the person who acts. A patch that changes nothing
// writes nothing.
func (s *Service) UpdateProfile(ctx context.Context, actor audit.Actor, p Patch) (User, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermUpdate, ActionUpdated, now); err != nil {
		return User{}, err
	}
	var f fault.Fields
	if p.Name != nil {
		name, err := text.Name("name", *p.Name, MaxName)
		f.AddFields(err)
		p.Name = &name
	}
	if p.Timezone != nil {
		s.checkTimezone(&f, *p.Timezone)
	}
	if p.Locale != nil {
		s.checkLocale(&f, *p.Locale)
	}
	if err := f.Err(); err != nil {
		return User{}, err
	}
	var u User
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		var err error
		if u, err = tx.LockUser(ctx, actor.User); err != nil {
			return err
		}
		initials := text.Initials(u.Name)
		var changes []audit.Change
		set := func(field string, to *string, value *string) {
			if value != nil && *value != *to {
				changes = append(changes, audit.Change{Field: field, Before: *to, After: *value})
				*to = *value
			}
		}
		set("name", &u.Name, p.Name)
		set("timezone", &u.Timezone, p.Timezone)
		set("locale", &u.Locale, p.Locale)
		if len(changes) == 0 {
			return nil
		}
		if !u.AvatarUploaded && text.Initials(u.Name) != initials {
			u.AvatarKey = upload.NewKey() // what is served under a key never changes
		}
		u.UpdatedAt = now
		if err := tx.UpdateUser(ctx, u); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionUpdated, u.target(), now, changes...).InHistoryOf(u.ID))
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// localeOK accepts what Config.Locales offers, or any well-formed tag.
func (s *Service) localeOK(tag string) bool {
	if tag == "" || len(tag) > 35 {
		return false
	}
	if s.c.Locales != nil {
		return s.c.Locales(tag)
	}
	_, err := language.Parse(tag)
	return err == nil
}

// locale returns tag if it may be chosen, else the default.
func (s *Service) locale(tag string) string {
	if s.localeOK(tag) {
		return tag
	}
	return s.c.DefaultLocale
}
