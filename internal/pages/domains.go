package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/problem"
	"github.com/aegisrunner/account-settings/orgs"
)

const domainsPath = orgPath + "/domains"

func (s *Site) domainsPage(v *visit) error {
	q := v.r.URL.Query()
	return s.domains(v, http.StatusOK, func(p *OrgDomains) {
		switch saved := q.Get("saved"); saved {
		case "added", "verified", "updated", "removed":
			p.Saved = saved
		}
		if q.Get("ask") == "remove" {
			p.row(q.Get("domain"), func(d *OrgDomain) { d.Asking = true })
		}
	})
}

// row changes the row of a domain, if there is one.
func (v *OrgDomains) row(id string, change func(*OrgDomain)) {
	for i := range v.Items {
		if v.Items[i].ID == id {
			change(&v.Items[i])
		}
	}
}

func (s *Site) domains(v *visit, status int, change func(*OrgDomains)) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	all, err := s.c.Flows.Orgs.Domains(v.r.Context(), v.actor(), o.ID.String())
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgDomains{Slug: o.Slug, Name: o.Name, Owner: o.Membership.Role == orgs.Owner, Roles: rolesOf(o.Membership.Role)}
	for _, d := range all {
		row := OrgDomain{ID: d.ID.String(), Name: d.Name, Host: d.Record().Host, Value: d.Record().Value, VerifiedAt: d.VerifiedAt}
		if d.AutoJoin {
			row.Join = string(d.Role)
		}
		view.Items = append(view.Items, row)
	}
	change(&view)
	return s.render(v, status, &me, view)
}

func (s *Site) addDomain(v *visit) error {
	typed := v.form.Get("domain")
	_, err := s.c.Flows.Orgs.AddDomain(v.r.Context(), v.actor(), v.slug, typed)
	if err != nil {
		form, status, err := refused(err)
		if err != nil {
			return err
		}
		return s.domains(v, status, func(p *OrgDomains) { p.Form, p.Typed = form, typed })
	}
	return s.domainSaved(v, "added")
}

func (s *Site) domainSaved(v *visit, saved string) error {
	s.redirect(v, inOrg(domainsPath, v.slug), url.Values{"saved": {saved}})
	return nil
}

// onDomain does something with the domain that a form names, and says beside it
// why that was refused.
func (s *Site) onDomain(v *visit, saved string, do func(id.Domain) error) error {
	text := v.form.Get("domain")
	domain, err := id.ParseDomain(text)
	if err != nil {
		err = orgs.ErrDomainNotFound
	} else {
		err = do(domain)
	}
	if err == nil {
		return s.domainSaved(v, saved)
	}
	if errors.Is(err, orgs.ErrDomainNotFound) { // somebody else removed it meanwhile
		return s.domains(v, http.StatusConflict, func(p *OrgDomains) { p.Form = Form{Code: "conflict"} })
	}
	form, status, refusal := refused(err)
	if refusal != nil {
		// The machine that answers for DNS is not ours: that it cannot be asked is
		// said in place.
		p := problem.Of(err)
		if p.Status != http.StatusServiceUnavailable || saved != "verified" {
			return refusal
		}
		form, status = Form{Code: "dns_unavailable", RetryAfter: p.RetryAfter}, p.Status
	}
	return s.domains(v, status, func(p *OrgDomains) { p.row(text, func(d *OrgDomain) { d.Form = form }) })
}

func (s *Site) verifyDomain(v *visit) error {
	return s.onDomain(v, "verified", func(d id.Domain) error {
		_, err := s.c.Flows.Orgs.VerifyDomain(v.r.Context(), v.actor(), v.slug, d)
		return err
	})
}

func (s *Site) removeDomain(v *visit) error {
	return s.onDomain(v, "removed", func(d id.Domain) error {
		return s.c.Flows.Orgs.RemoveDomain(v.r.Context(), v.actor(), v.slug, d)
	})
}

func (s *Site) joinByDomain(v *visit) error {
	role := v.form.Get("join")
	return s.onDomain(v, "updated", func(d id.Domain) error {
		on := role != ""
		in := orgs.DomainPatch{AutoJoin: &on}
		if on {
			in.Role = &role
		}
		_, err := s.c.Flows.Orgs.UpdateDomain(v.r.Context(), v.actor(), v.slug, d, in)
		return err
	})
}

// joinable lists the organizations that the person's address opens.
func (s *Site) joinable(v *visit) ([]JoinableOrg, error) {
	all, err := s.c.Flows.Orgs.Joinable(v.r.Context(), v.actor())
	if err != nil {
		return nil, err
	}
	var out []JoinableOrg
	for _, j := range all {
		out = append(out, JoinableOrg{ID: j.Org.ID.String(), Name: j.Org.Name, LogoURL: s.logo(j.Org.LogoKey, "128"), Role: string(j.Role)})
	}
	return out, nil
}

func (s *Site) joinOrg(v *visit) error {
	j, err := s.c.Flows.Orgs.Join(v.r.Context(), v.actor(), cmp.Or(v.form.Get("org"), "-"))
	if err == nil {
		s.welcome(v, j)
		return nil
	}
	if errors.Is(err, orgs.ErrOrgNotFound) {
		return s.invitations(v, http.StatusConflict, func(p *Invitations) { p.Form = Form{Code: "conflict"} })
	}
	form, status, err := refused(forTheInvited(err))
	if err != nil {
		return err
	}
	return s.invitations(v, status, func(p *Invitations) { p.Form = form })
}
