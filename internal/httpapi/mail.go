package httpapi

import "github.com/aegisrunner/account-settings/notify"

type preference struct {
	Enabled bool `json:"enabled"`
	Locked  bool `json:"locked" doc:"The plan decides: it cannot be switched off"`
	Default bool `json:"default" doc:"What holds for somebody who has chosen nothing"`
}

type preferences struct {
	WeeklyDigest      preference `json:"weekly_digest" doc:"Runs and scans of the week, on Monday at 08:00 in the person's time zone"`
	PlanLimitWarnings preference `json:"plan_limit_warnings" doc:"At 80 % and 100 %. About an organization on the free plan they are always sent"`
	ProductUpdates    preference `json:"product_updates"`
	RetentionNudges   preference `json:"retention_nudges" doc:"After 7 and 30 days away"`
}

func preferencesOf(all notify.Preferences, err error) (*preferences, error) {
	if err != nil {
		return nil, err
	}
	one := func(c notify.Category) preference {
		p := all.Of(c)
		return preference{p.Enabled, p.Locked, p.Default}
	}
	return &preferences{
		WeeklyDigest: one(notify.WeeklyDigest), PlanLimitWarnings: one(notify.PlanLimitWarnings),
		ProductUpdates: one(notify.ProductUpdates), RetentionNudges: one(notify.RetentionNudges),
	}, nil
}

func (a *API) preferences(c *call) (*preferences, error) {
	return preferencesOf(a.c.Flows.Notify.Preferences(c.ctx(), c.actor()))
}

type patchPreferences struct {
	WeeklyDigest      *bool `json:"weekly_digest,omitempty"`
	PlanLimitWarnings *bool `json:"plan_limit_warnings,omitempty"`
	ProductUpdates    *bool `json:"product_updates,omitempty"`
	RetentionNudges   *bool `json:"retention_nudges,omitempty"`
}

func (a *API) patchPreferences(c *call, in patchPreferences) (*preferences, error) {
	return preferencesOf(a.c.Flows.Notify.SetPreferences(c.ctx(), c.actor(), notify.Patch(in)))
}

type unsubscribed struct {
	Category string `json:"category" enum:"weekly_digest,plan_limit_warnings,product_updates,retention_nudges"`
}

func (a *API) unsubscribe(c *call) (*unsubscribed, error) {
	category, err := a.c.Flows.Notify.Unsubscribe(c.ctx(), c.actor(), c.r.URL.Query().Get("token"))
	if err != nil {
		return nil, err
	}
	return &unsubscribed{string(category)}, nil
}
