package pages

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/orgs"
)

const policyPath = orgPath + "/security-policy"

// graces are the days that members can be given; the preselected one is a
// fortnight.
var graces = []string{"0", "7", "14", "30", "60", "90"}

const usualGrace = "14"

func (s *Site) policyPage(v *visit) error {
	return s.policy(v, http.StatusOK, func(p *OrgPolicy) {
		if saved := v.r.URL.Query().Get("saved"); saved == "on" || saved == "off" {
			p.Saved = saved
		}
	})
}

func (s *Site) policy(v *visit, status int, change func(*OrgPolicy)) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgPolicy{Slug: o.Slug, Name: o.Name, Owner: o.Membership.Role == orgs.Owner, Days: usualGrace, Mine: v.actor().SecondFactor || v.actor().HasPasskey}
	p, affected, err := s.c.Flows.Orgs.SecurityPolicy(v.r.Context(), v.actor(), o.ID.String())
	var plan *orgs.PlanError
	switch {
	case errors.As(err, &plan): // what was asked for while the plan had it stays
		view.NeedsPlan, view.Required, view.Until = plan.Plan, o.RequireSecondFactor, o.GraceUntil
	case err != nil:
		return err
	default:
		view.Required, view.Until, view.Count = p.RequireSecondFactor, p.GraceUntil, affected.Count
	}
	for _, m := range affected.Members {
		view.Affected = append(view.Affected, s.orgPerson(v, m))
	}
	change(&view)
	return s.render(v, status, &me, view)
}

func (s *Site) setPolicy(v *visit, in orgs.SecurityPolicy, saved, days string) error {
	if _, err := s.c.Flows.Orgs.SetSecurityPolicy(v.r.Context(), v.actor(), v.slug, in); err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.policy(v, status, func(p *OrgPolicy) { p.Form, p.Days = form, days })
	}
	http.Redirect(v.w, v.r, s.c.Prefix+inOrg(policyPath, v.slug)+"?saved="+saved, http.StatusSeeOther)
	return nil
}

func (s *Site) policyOn(v *visit) error {
	days := v.form.Get("days")
	if !slices.Contains(graces, days) {
		days = usualGrace
	}
	in := orgs.SecurityPolicy{RequireSecondFactor: true}
	if n, err := strconv.Atoi(days); err == nil && n > 0 {
		in.GraceUntil = s.c.Now().Add(time.Duration(n) * 24 * time.Hour)
	}
	return s.setPolicy(v, in, "on", days)
}

func (s *Site) policyOff(v *visit) error {
	return s.setPolicy(v, orgs.SecurityPolicy{}, "off", usualGrace)
}
