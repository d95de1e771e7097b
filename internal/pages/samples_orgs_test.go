package pages_test

import (
	"github.com/aegisrunner/account-settings/internal/pages"
)

// orgLinks is the menu of somebody with several organizations.
func orgLinks(s func(string) string) []pages.OrgLink {
	return []pages.OrgLink{
		{Slug: s("engines"), Name: s("Analytical Engines"), Role: "owner", Team: true, Current: true},
		{Slug: s("numbers"), Name: s("Society for Very Large Numbers and Their Friends"), Role: "viewer"},
	}
}

// orgSamples are the pages of organizations.
func orgSamples(s func(string) string, profile pages.Profile) map[string]pages.View {
	people := []pages.OrgPerson{
		{Name: s("Ada Lovelace"), AvatarURL: s("/avatars/ada/128"), Role: "owner", Me: true, JoinedAt: now.AddDate(0, -7, 0)},
		{Name: s("Grace Hopper"), AvatarURL: s("/avatars/ada/128"), Role: "admin", JoinedAt: now.AddDate(0, -3, 0)},
		{Name: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane von und zu Guttenberg"), AvatarURL: s("/avatars/ada/128"), Role: "viewer", JoinedAt: now.AddDate(0, 0, -3)},
	}
	general := pages.OrgGeneral{
		Slug: s("engines"), Name: s("Analytical Engines"), Role: "owner", Edit: true,
		About:  pages.OrgAboutCard{Name: s("Analytical Engines"), Slug: s("engines"), Project: "b", Projects: []pages.ProjectOption{{"a", s("Difference")}, {"b", s("Bernoulli")}}},
		People: pages.OrgPeopleCard{Items: people, Stays: true},
		Delete: &pages.OrgDeleteCard{},
	}
	created, wrong, viewer, leaving := general, general, general, general
	created.Saved = "created"
	wrong.About.Form, wrong.About.Slug = fields("slug", "slug_taken", "name", "required"), s("numbers")
	wrong.About.Name = ""
	wrong.Delete = &pages.OrgDeleteCard{Form: fields("confirm", "mismatch"), Typed: s("engine")}
	viewer.Edit, viewer.Delete, viewer.Role, viewer.People.Stays = false, nil, "viewer", false
	leaving = viewer
	leaving.People.Leaving, leaving.People.Next, leaving.People.At = true, s("n"), s("a")
	profile.Orgs = pages.ProfileOrgsCard{Offer: true, Deleted: []pages.DeletedOrg{
		{ID: s("019ac001-0000-7000-8000-00000000000a"), Name: s("Analytical Engines"), DeletedAt: now.AddDate(0, 0, -2), PurgeAt: now.AddDate(0, 0, 28)},
	}}
	profile.Saved = "deleted-orgs"
	left := profile
	left.Saved, left.Orgs.Deleted = "left", nil
	return map[string]pages.View{
		"me/org":             general,
		"me/org-created":     created,
		"me/org-wrong":       wrong,
		"me/org-viewer":      viewer,
		"me/org-leaving":     leaving,
		"me/org-new":         pages.NewOrg{},
		"me/org-new-wrong":   pages.NewOrg{Name: s("Admin"), Slug: s("admin"), Form: fields("slug", "reserved_slug")},
		"me/org-new-limited": pages.NewOrg{Name: s("Eleventh"), Form: pages.Form{Code: "rate_limited"}},
		"me/profile-deleted": profile,
		"me/profile-left":    left,
		"me/delete-org":      pages.Reauthenticate{Method: "password", Continue: s("sealed"), Waiting: "org_delete", Detail: s("engines"), Back: "/settings/profile"},
	}
}
