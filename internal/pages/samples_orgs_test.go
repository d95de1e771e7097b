package pages_test

import (
	"time"

	"github.com/aegisrunner/account-settings/internal/pages"
)

// orgLinks is the menu of somebody with several organizations.
func orgLinks(s func(string) string) []pages.OrgLink {
	return []pages.OrgLink{
		{Slug: s("engines"), Name: s("Analytical Engines"), LogoURL: s("/logos/engines/64"), Role: "owner", Team: true, Domains: true, Policy: true, Audit: true, Current: true},
		{Slug: s("numbers"), Name: s("Society for Very Large Numbers and Their Friends"), LogoURL: s("/logos/society/64"), Role: "viewer"},
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
		Slug: s("engines"), Name: s("Analytical Engines"), Edit: true, Logo: pages.OrgLogoCard{URL: s("/logos/engines/512"), Uploaded: true},
		About:  pages.OrgAboutCard{Name: s("Analytical Engines"), Slug: s("engines"), Project: "b", Projects: []pages.ProjectOption{{ID: "a", Name: s("Difference")}, {ID: "b", Name: s("Bernoulli"), URL: "/projects"}}},
		People: pages.OrgPeopleCard{Items: people, Stays: true},
		Delete: &pages.OrgDeleteCard{},
	}
	created, wrong, viewer := general, general, general
	created.Saved = "created"
	drawn, badLogo, savedLogo := general, general, general
	drawn.Logo = pages.OrgLogoCard{URL: s("/logos/society/512")}
	badLogo.Logo.Form, savedLogo.Saved = fields("picture", "picture_type"), "logo"
	wrong.About.Form, wrong.About.Slug = fields("slug", "slug_taken", "name", "required"), s("numbers")
	wrong.About.Name = ""
	wrong.Delete = &pages.OrgDeleteCard{Form: fields("confirm", "mismatch"), Typed: s("engine")}
	viewer.Edit, viewer.Delete, viewer.People.Stays = false, nil, false
	joinedOrg := viewer
	joinedOrg.Saved, joinedOrg.Landing = "joined", &pages.ProjectOption{ID: "b", Name: s("Bernoulli"), URL: "/projects"}
	leaving := viewer
	leaving.People.Leaving, leaving.People.Next, leaving.People.At = true, s("n"), s("a")
	profile.Orgs = pages.ProfileOrgsCard{Offer: true, Deleted: []pages.DeletedOrg{
		{ID: s("019ac001-0000-7000-8000-00000000000a"), Name: s("Analytical Engines"), DeletedAt: now.AddDate(0, 0, -2), PurgeAt: now.AddDate(0, 0, 28)},
	}}
	profile.Saved = "deleted-orgs"
	left := profile
	left.Saved, left.Orgs.Deleted, left.Orgs.Waiting, left.Orgs.Open = "left", nil, 2, 1
	team := pages.OrgTeam{
		Slug: s("engines"), Name: s("Analytical Engines"), Invite: pages.InviteCard{Role: "member", Roles: []string{"member", "admin", "viewer"}},
		Team: pages.TeamCard{
			Invitations: []pages.TeamInvitation{
				{ID: s("1"), Email: s("charles@example.com"), Role: "admin", State: "pending", ExpiresAt: now.AddDate(0, 0, 6)},
				{ID: s("2"), Email: s("somebody.with.a.very.long.address.indeed@engineering.analytical-engines.example"), Role: "member", State: "expired", ExpiresAt: now.AddDate(0, 0, -1)},
				{ID: s("3"), Email: s("mary@example.com"), Role: "viewer", State: "declined", ExpiresAt: now},
			},
			Members: []pages.TeamMember{
				{ID: s("4"), Name: s("Ada Lovelace"), Email: s("ada@example.com"), AvatarURL: s("/avatars/ada/128"), Role: "owner", Me: true, TwoFactor: true, JoinedAt: now.AddDate(0, -7, 0)},
				{ID: s("5"), Name: s("Grace Hopper"), Email: s("grace@example.com"), AvatarURL: s("/avatars/ada/128"), Role: "admin", Roles: []string{"owner", "member", "admin", "viewer"}, Removable: true, JoinedAt: now.AddDate(0, -3, 0)},
				{ID: s("6"), Name: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane von und zu Guttenberg"), Email: s("maximiliane@example.com"), AvatarURL: s("/avatars/ada/128"), Role: "member", Roles: []string{"owner", "member", "admin", "viewer"}, Removable: true, TwoFactor: true, JoinedAt: now.AddDate(0, 0, -3)},
			},
			Next: pages.TeamList{Members: s("next")},
		},
	}
	some, removing, nobody, full, alone := team, team, team, team, team
	some.Invite.Results = []pages.InviteResult{{Email: s("charles@example.com")}, {Email: s("grace@example.com"), Code: "already_member"}, {Email: s("mary"), Code: "invalid_email"}, {Email: s("x@example.com"), Code: "new"}, {Email: s("y@example.com"), Code: "seat_limit"}}
	some.Invite.Upgrade = true
	some.Invite.Emails = s("mary")
	removing.Team.List = pages.TeamList{Query: s("gra"), Members: s("cur")}
	removing.Team.Invitations, removing.Team.Members = nil, []pages.TeamMember{team.Team.Members[1]}
	removing.Team.Members[0].Asking = true
	nobody.Team = pages.TeamCard{List: pages.TeamList{Query: s("zz")}}
	full.Invite.Form, full.Invite.Emails, full.Saved = pages.Form{Code: "seat_limit"}, s("charles@example.com"), "role"
	full.Invite.Upgrade = true
	alone.Team, alone.Saved = pages.TeamCard{Members: team.Team.Members[:1]}, "invited"
	owner := pages.OrgOwner{Slug: s("engines"), OrgName: s("Analytical Engines"), Member: s("5"), Name: s("Grace Hopper"), Email: s("grace@example.com"), AvatarURL: s("/avatars/ada/128")}
	wrongOwner := owner
	wrongOwner.Typed, wrongOwner.Form = s("engine"), fields("confirm", "mismatch", "user_id", "second_factor_missing")
	invitation := pages.AcceptInvitation{Token: s("tok"), Org: s("Analytical Engines"), LogoURL: s("/logos/engines/128"), Inviter: s("Grace Hopper"), Role: "member", Email: s("ada@example.com"), ExpiresAt: now.AddDate(0, 0, 6)}
	mine, others, known, fullOrg := invitation, invitation, invitation, invitation
	mine.As, mine.Right = s("ada@example.com"), true
	others.As, others.Email = s("ada@example.com"), s("countess@example.com")
	known.HasAccount = true
	fullOrg.As, fullOrg.Right, fullOrg.Form = mine.As, true, pages.Form{Code: "invitation_full"}
	policy := pages.OrgPolicy{Slug: s("engines"), Name: s("Analytical Engines"), Mine: true, Days: "14", Affected: people[1:], Count: 71}
	asked, unready, lesser := policy, policy, policy
	asked.Required, asked.Until, asked.Saved = true, now.AddDate(0, 0, 14), "on"
	unready.Mine, unready.Affected, unready.Count = false, people[:1], 1
	lesser.NeedsPlan, lesser.Owner, lesser.Affected, lesser.Required = "business", true, nil, true
	lesserOfOthers := lesser
	lesserOfOthers.Owner = false
	lesser.Required = false
	domains := pages.OrgDomains{Slug: s("engines"), Name: s("Analytical Engines"), Saved: "added", Roles: []string{"member", "admin", "viewer"}, Items: []pages.OrgDomain{
		{ID: s("1"), Name: s("engines.example"), VerifiedAt: now, Join: "viewer"},
		{ID: s("2"), Name: s("a-rather-long-name-for-a-domain.analytical-engines.example"), Host: s("_account-settings.a-rather-long-name-for-a-domain.analytical-engines.example"), Value: s("account-settings-domain=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXU")},
		{ID: s("3"), Name: s("old.example"), VerifiedAt: now, Asking: true},
	}}
	unproven := domains
	unproven.Saved, unproven.Items = "", []pages.OrgDomain{domains.Items[1]}
	unproven.Items[0].Form, unproven.Form, unproven.Typed = pages.Form{Code: "domain_unproven"}, fields("domain", "public_domain"), s("gmail.com")
	log := pages.OrgAudit{
		Slug: s("engines"), Name: s("Analytical Engines"), Owner: true, Next: s("n"),
		People: []pages.AuditChoice{{Value: s("u1"), Label: s("Ada Lovelace")}, {Value: s("u2"), Label: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane von und zu Guttenberg")}},
		Groups: []pages.AuditGroup{{Prefix: "orgs.member", Actions: []string{"orgs.member.joined", "orgs.member.role_changed"}}, {Prefix: "orgs", Actions: []string{"orgs.updated"}}},
		Items: []pages.AuditRow{
			{Event: pages.Event{At: now.Add(-time.Minute), Action: "orgs.member.role_changed", Browser: "Chrome", OS: "macOS", IP: s("192.0.2.7"), Place: s("Pune, India")}, ID: s("e1"), ActorKind: "user", ActorID: s("u1"), ActorName: s("Ada Lovelace"), TargetKind: "user", TargetID: s("u2"), TargetName: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane von und zu Guttenberg"), Changes: []pages.AuditChange{{Field: "role", Before: "member", After: "admin"}}, UserAgent: s("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36"), RequestID: s("r1")},
			{Event: pages.Event{At: now.Add(-time.Hour), Action: "orgs.updated", Refused: true, Reason: "forbidden", IP: s("2001:db8::7")}, ID: s("e2"), ActorKind: "user", ActorID: s("u3"), ActorName: s("Grace Hopper"), TargetKind: "org", TargetID: s("o1"), TargetName: s("Analytical Engines")},
			{Event: pages.Event{At: now.AddDate(0, 0, -1), Action: "orgs.member.joined"}, ID: s("e3"), ActorKind: "user", TargetKind: "user", Fields: []string{"role"}},
			{Event: pages.Event{At: now.AddDate(0, 0, -2), Action: "orgs.deleted"}, ID: s("e4"), ActorKind: "system", TargetKind: "org", TargetID: s("o1"), TargetName: s("Analytical Engines")},
			{Event: pages.Event{At: now.AddDate(0, 0, -3), Action: "host.something"}, ID: s("e5"), ActorKind: "support"},
		},
	}
	sifted, wrongLog, gatedLog := log, log, pages.OrgAudit{Slug: log.Slug, Name: log.Name, Owner: true, NeedsPlan: "pro"}
	sifted.Filter, sifted.Items, sifted.Next, sifted.Later = pages.AuditFilter{Actor: s("u1"), Action: "orgs.member.*", Target: s("u2"), From: "2026-11-01"}, nil, "", true
	wrongLog.Filter, wrongLog.Form, wrongLog.Items = pages.AuditFilter{From: s("x"), To: "2026-11-01"}, fields("from", "invalid_date", "to", "before_from"), nil
	return map[string]pages.View{
		"me/org-audit":          log,
		"me/org-audit-sift":     sifted,
		"me/org-audit-wrong":    wrongLog,
		"me/org-audit-plan":     gatedLog,
		"me/org-audit-none":     pages.OrgAudit{Slug: log.Slug, Name: log.Name},
		"me/org-policy":         policy,
		"me/org-policy-asked":   asked,
		"me/org-policy-unready": unready,
		"me/org-policy-plan":    lesser,
		"me/org-policy-others":  lesserOfOthers,
		"me/org-domains":        domains,
		"me/org-domains-none":   pages.OrgDomains{Slug: s("engines"), Name: s("Analytical Engines")},
		"me/org-domains-wrong":  unproven,
		"invitation":            invitation,
		"invitation-known":      known,
		"me/invitation":         mine,
		"me/invitation-other":   others,
		"me/invitation-full":    fullOrg,
		"gone-invitation":       pages.LinkGone{For: "invitation"},
		"me/declined":           pages.Outcome{Kind: "invitation_declined"},
		"complete-invited":      pages.CompleteSignUp{Token: s("tok"), Email: s("ada@example.com"), Org: s("Analytical Engines")},
		"me/org-joined":         joinedOrg,
		"me/invitations-none":   pages.Invitations{Saved: "declined"},
		"me/invitations": pages.Invitations{Open: []pages.JoinableOrg{{ID: s("o"), Name: s("Analytical Engines"), LogoURL: s("/logos/engines/128"), Role: "viewer"}}, Items: []pages.WaitingInvitation{
			{ID: s("1"), Org: s("Analytical Engines"), LogoURL: s("/logos/engines/128"), Inviter: s("Grace Hopper"), Role: "member", ExpiresAt: now.AddDate(0, 0, 6)},
			{ID: s("2"), Org: s("Society for Very Large Numbers and Their Friends"), LogoURL: s("/logos/society/128"), Inviter: s("Wolfeschlegelsteinhausenbergerdorff Maximiliane"), Role: "viewer", ExpiresAt: now.Add(9 * time.Hour)},
		}},
		"me/invitations-gone":  pages.Invitations{Form: pages.Form{Code: "link_gone"}},
		"me/org-team":          team,
		"me/org-team-some":     some,
		"me/org-team-removing": removing,
		"me/org-team-nobody":   nobody,
		"me/org-team-full":     full,
		"me/org-team-alone":    alone,
		"me/org-owner":         owner,
		"me/org-owner-wrong":   wrongOwner,
		"me/org":               general,
		"me/org-created":       created,
		"me/org-logo-none":     drawn,
		"me/org-logo-wrong":    badLogo,
		"me/org-logo-saved":    savedLogo,
		"me/org-wrong":         wrong,
		"me/org-viewer":        viewer,
		"me/org-leaving":       leaving,
		"me/org-new":           pages.NewOrg{},
		"me/org-new-wrong":     pages.NewOrg{Name: s("Admin"), Slug: s("admin"), Form: fields("slug", "reserved_slug")},
		"me/org-new-limited":   pages.NewOrg{Name: s("Eleventh"), Form: pages.Form{Code: "rate_limited"}},
		"me/profile-deleted":   profile,
		"me/profile-left":      left,
		"me/delete-org":        pages.Reauthenticate{Method: "password", Continue: s("sealed"), Waiting: "org_delete", Detail: s("engines"), Back: "/settings/profile"},
	}
}
