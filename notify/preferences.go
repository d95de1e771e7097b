package notify

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// Category is a kind of mail that may be switched off.
type Category string

// The categories. They are stored, and never renamed.
const (
	WeeklyDigest      Category = "weekly_digest"
	PlanLimitWarnings Category = "plan_limit_warnings"
	ProductUpdates    Category = "product_updates"
	RetentionNudges   Category = "retention_nudges"
)

// Categories returns all, in the order in which they are shown.
func Categories() []Category {
	return []Category{WeeklyDigest, PlanLimitWarnings, ProductUpdates, RetentionNudges}
}

// Preference is whether a person gets the mails of a category.
type Preference struct {
	Category Category
	Enabled  bool
	Locked   bool // the plan decides; then Enabled
	Default  bool // what holds for somebody who has chosen nothing

	chosen bool
}

// Preferences are those of one person, in the order of [Categories].
type Preferences []Preference

// Of returns the preference of a category.
func (p Preferences) Of(c Category) Preference {
	i := slices.IndexFunc(p, func(one Preference) bool { return one.Category == c })
	if i < 0 {
		return Preference{Category: c}
	}
	return p[i]
}

// state is how the audit log says it.
func (p Preference) state() string {
	on, by := "off", "_by_default"
	if p.chosen {
		by = ""
	}
	if p.Enabled {
		on = "on"
	}
	return on + by
}

// preferences says what follows from choices and plans:
//
//   - weekly digest: on.
//   - plan-limit warnings: on. Those about an organization on the free plan are
//     always sent; without any other one the preference is locked.
//   - product updates: off.
//   - retention nudges: on, and off for who has an organization on a paid plan.
//
// With Config.OptInOnly digest and nudges are off as well. An explicit choice wins
// over each but the lock.
func (s *Service) preferences(choices map[Category]bool, paid bool) Preferences {
	out := make(Preferences, 0, len(Categories()))
	for _, c := range Categories() {
		p := Preference{Category: c}
		switch c {
		case WeeklyDigest:
			p.Default = !s.c.OptInOnly
		case PlanLimitWarnings:
			p.Default, p.Locked = true, !paid
		case RetentionNudges:
			p.Default = !s.c.OptInOnly && !paid
		}
		p.Enabled = p.Default
		if on, ok := choices[c]; ok && !p.Locked {
			p.Enabled, p.chosen = on, true
		}
		out = append(out, p)
	}
	return out
}

// Defaults returns what somebody gets who has just signed up and belongs to no
// organization: the mails that the product does send.
func (s *Service) Defaults() []Category {
	var out []Category
	for _, p := range s.preferences(nil, false) {
		if p.Enabled && !p.Locked && s.sends(p.Category) {
			out = append(out, p.Category)
		}
	}
	return out
}

// sends reports whether mails of a category are sent to anybody.
func (s *Service) sends(c Category) bool {
	switch c {
	case WeeklyDigest:
		return s.c.PostalAddress && s.c.Digest != nil
	case RetentionNudges, ProductUpdates:
		return s.c.PostalAddress
	}
	return true
}

// read returns the preferences of a person, by a reader of whatever transaction
// ctx carries.
func (s *Service) read(ctx context.Context, r Reader, user id.User) (Preferences, error) {
	choices, err := r.Choices(ctx, user)
	if err != nil {
		return nil, err
	}
	all, err := s.c.Directory.Organizations(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.preferences(choices, anyPaid(all)), nil
}

// Preferences returns those of the person who acts.
func (s *Service) Preferences(ctx context.Context, actor audit.Actor) (Preferences, error) {
	if err := policy.Check(actor, PermView, s.now(), 0); err != nil {
		return nil, err
	}
	return s.read(ctx, s.c.Store, actor.User)
}

// Patch is what somebody chooses; nil leaves a preference as it is.
type Patch struct {
	WeeklyDigest      *bool
	PlanLimitWarnings *bool
	ProductUpdates    *bool
	RetentionNudges   *bool
}

// SetPreferences stores choices of the person who acts. A choice that says what
// holds by default is stored as well: it goes on to hold when the default no longer
// does. ErrLocked for switching off what the plan decides; then nothing is stored.
func (s *Service) SetPreferences(ctx context.Context, actor audit.Actor, p Patch) (Preferences, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermChange, ActionPreferencesChanged, now); err != nil {
		return nil, err
	}
	var after Preferences
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockPerson(ctx, actor.User)
		if err != nil {
			return err
		}
		before, err := s.read(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		changes, err := choose(ctx, tx, u.ID, before, p, now)
		if err != nil {
			return err
		}
		after = before
		if len(changes) == 0 {
			return nil
		}
		if after, err = s.read(ctx, tx, u.ID); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionPreferencesChanged, u.target(), now, changes...).InHistoryOf(u.ID))
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// choose stores what p chooses and is no repetition, and returns what that changes.
func choose(ctx context.Context, tx Tx, user id.User, before Preferences, p Patch, now time.Time) ([]audit.Change, error) {
	var changes []audit.Change
	var failed error
	set := func(field string, on *bool) {
		if on == nil || failed != nil {
			return
		}
		was := before.Of(Category(field))
		switch {
		case was.Locked && !*on:
			failed = ErrLocked
		case was.Locked, was.chosen && was.Enabled == *on:
		default:
			failed = tx.SetChoice(ctx, user, was.Category, *on, now)
			is := Preference{Enabled: *on, chosen: true}
			changes = append(changes, audit.Change{Field: field, Before: was.state(), After: is.state()})
		}
	}
	set("weekly_digest", p.WeeklyDigest)
	set("plan_limit_warnings", p.PlanLimitWarnings)
	set("product_updates", p.ProductUpdates)
	set("retention_nudges", p.RetentionNudges)
	return changes, failed
}

// off is the patch that switches a category off.
func off(c Category) Patch {
	no := false
	switch c {
	case WeeklyDigest:
		return Patch{WeeklyDigest: &no}
	case PlanLimitWarnings:
		return Patch{PlanLimitWarnings: &no}
	case ProductUpdates:
		return Patch{ProductUpdates: &no}
	case RetentionNudges:
		return Patch{RetentionNudges: &no}
	}
	return Patch{}
}
