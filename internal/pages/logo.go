package pages

import (
	"github.com/aegisrunner/account-settings/orgs"
)

// logo returns the address of what stands for an organization, in 64, 128 or 512
// pixels: its logo, or its initials.
func (s *Site) logo(key, size string) string { return s.c.Prefix + "/logos/" + key + "/" + size }

func (s *Site) setLogo(v *visit) error {
	o, err := s.c.Flows.Orgs.UploadLogo(v.r.Context(), v.actor(), v.slug, received(v))
	if err != nil {
		return s.refusedGeneral(v, pictureField(err), func(p *OrgGeneral, f Form) { p.Logo.Form = f })
	}
	return s.savedLogo(v, o)
}

func (s *Site) removeLogo(v *visit) error {
	o, err := s.c.Flows.Orgs.RemoveLogo(v.r.Context(), v.actor(), v.slug)
	if err != nil {
		return err
	}
	return s.savedLogo(v, o)
}

func (s *Site) savedLogo(v *visit, o orgs.OrgView) error {
	return s.saved(v, inOrg(generalPath, o.Slug), "logo")
}
