package pages

import "time"

// OrgPolicy is /settings/orgs/{slug}/security-policy. It posts days to …/on, and
// nothing to …/off.
type OrgPolicy struct {
	Form
	Saved     string // "on", "off" or ""
	Slug      string
	Name      string
	NeedsPlan string // the plan that includes it; "" if theirs does
	Owner     bool   // who can change the plan
	Required  bool
	Until     time.Time // from when on, with Required
	Mine      bool      // the person has a second factor
	Days      string    // that the form has chosen
	Affected  []OrgPerson
	Count     int // of all who are
}

func (v OrgPolicy) spec() spec {
	return spec{file: "org-policy", shell: "settings", tab: "org-policy", forms: []scope{{"policy", v.Form, []string{"days"}}}}
}

// OrgDomains is /settings/orgs/{slug}/domains. It posts domain to …/add; each row
// posts domain to …/verify and …/remove, and with join to …/join.
type OrgDomains struct {
	Form
	Saved string // "added", "verified", "updated", "removed" or ""
	Slug  string
	Name  string
	Typed string
	Owner bool // who can change the plan
	Items []OrgDomain
	Roles []string // as which people may join
}

// OrgDomain is a row.
type OrgDomain struct {
	Form
	ID         string
	Name       string
	Host       string // of the TXT record
	Value      string
	VerifiedAt time.Time // zero: not proven
	Join       string    // as what people with an address there may join; "": they may not
	Asking     bool      // whether to remove it
}

func (v OrgDomains) spec() spec {
	forms := []scope{{"domains", v.Form, []string{"domain"}}}
	for _, d := range v.Items {
		forms = append(forms, scope{"domain-row", d.Form, nil})
	}
	return spec{file: "org-domains", shell: "settings", tab: "org-domains", forms: forms}
}
