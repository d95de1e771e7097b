package pages

import (
	"errors"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

const exportPath = "/settings/profile/export"

// export reads the newest export of the person.
func (s *Site) export(v *visit) (ExportCard, error) {
	e, err := s.c.Flows.Accounts.LatestExport(v.r.Context(), v.actor())
	if errors.Is(err, accounts.ErrExportNotFound) {
		return ExportCard{}, nil
	}
	if err != nil {
		return ExportCard{}, err
	}
	return ExportCard{
		State: string(e.State), ID: e.ID.String(), Done: len(e.Parts), Total: e.Total(), Records: e.Records,
		Size: e.Size(), ExpiresAt: e.ExpiresAt,
	}, nil
}

func (s *Site) startExport(v *visit) error {
	if _, err := s.c.Flows.Accounts.StartExport(v.r.Context(), v.actor()); err != nil {
		return s.refusedProfile(v, err, func(p *Profile, f Form) { p.Export.Form = f })
	}
	return s.toExport(v, "")
}

// downloadExport answers with the file. After the page that asks for a proof it goes
// back to the card instead: a file in place of a page would leave the person on
// that one.
func (s *Site) downloadExport(v *visit) error {
	if v.r.URL.Path != s.c.Prefix+exportPath+"/download" {
		if err := v.actor().RequireStepUp(s.c.Now(), s.c.StepUpAge); err != nil {
			return err
		}
		return s.toExport(v, "export-open")
	}
	which, err := id.ParseExport(v.form.Get("export"))
	if err != nil {
		return err
	}
	err = s.c.Download(v.w, v.r, v.actor(), which)
	if errors.Is(err, accounts.ErrExportNotFound) { // expired since the page was drawn
		return s.toExport(v, "export-gone")
	}
	return err
}

func (s *Site) toExport(v *visit, notice string) error {
	to := "/settings/profile"
	if notice != "" {
		to += "?saved=" + notice
	}
	s.redirect(v, to+"#export", nil)
	return nil
}
