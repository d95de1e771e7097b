package letters

import (
	"strings"

	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
)

// The letters about organizations. The names in them were chosen by other people
// than the one who reads.

const profilePath = "/settings/profile"

// named makes a name that somebody else chose fit for a mail, or says otherwise
// if nothing of it is: a sentence needs somebody to be about.
func (p *page) named(name, otherwise string) string {
	name = person(name)
	if strings.Trim(name, "\ufffd ") == "" {
		return p.T(otherwise)
	}
	return name
}

func (p *page) org(name string) string { return p.named(name, "mail.an_organization") }

func (p *page) somebody(name string) string { return p.named(name, "mail.somebody") }

// role says a role, and one that is not known as it is stored.
func (p *page) role(r orgs.Role) string {
	if key := "role." + string(r); p.Has(key) {
		return p.T(key)
	}
	return person(string(r))
}

func (p *page) orgFact(name string) [2]string {
	return [2]string{p.T("mail.fact.org"), p.org(name)}
}

func (p *page) byFact(name string) [2]string {
	return [2]string{p.T("mail.fact.by"), p.somebody(name)}
}

func (p *page) roleFact(r orgs.Role) [2]string { return [2]string{p.T("mail.fact.role"), p.role(r)} }

func invitation(p *page, l orgs.InvitationLetter) mail.Content {
	org, inviter := p.org(l.Org), p.somebody(l.Inviter)
	c := p.open("", "Org", org, "Inviter", inviter)
	if l.LogoKey != "" {
		c.Picture = mail.Picture{URL: p.cfg.Links.page("/logos/"+l.LogoKey+"/128", ""), Alt: org}
	}
	c.Paragraphs = []string{p.say("body", "Org", org, "Inviter", inviter)}
	c.Facts = [][2]string{p.orgFact(l.Org), {p.T("mail.fact.invited_by"), inviter}, p.roleFact(l.Role)}
	c.Button = p.button("/invitations/accept", l.Token)
	c.Closing = []string{p.say("not_you")}
	c.Signature = inviter
	c.Footnotes = []string{p.linkOnce(l.ExpiresAt), p.say("only_you")}
	return c
}

func roleChanged(p *page, l orgs.RoleChangedLetter) mail.Content {
	c := p.open("", "Org", p.org(l.Org), "Role", p.role(l.Role))
	c.Paragraphs = []string{p.say("body", "Org", p.org(l.Org), "Role", p.role(l.Role))}
	c.Facts = append([][2]string{p.orgFact(l.Org), p.roleFact(l.Role), p.byFact(l.By)}, p.facts(l.At, device{})...)
	c.Footnotes = []string{p.whyMember()}
	return c
}

func memberRemoved(p *page, l orgs.MemberRemovedLetter) mail.Content {
	c := p.open("", "Org", p.org(l.Org))
	c.Paragraphs = []string{p.say("body", "Org", p.org(l.Org))}
	c.Facts = append([][2]string{p.orgFact(l.Org), p.byFact(l.By)}, p.facts(l.At, device{})...)
	c.Closing = []string{p.say("mistake")}
	c.Footnotes = []string{p.say("why", "Org", p.org(l.Org))}
	return c
}

func ownership(p *page, l orgs.OwnershipLetter) mail.Content {
	org, other := p.org(l.Org), p.somebody(l.Other)
	if l.Became {
		c := p.open("_became", "Org", org)
		c.Paragraphs = []string{p.say("body_became", "Org", org, "Other", other)}
		c.Facts = append([][2]string{p.orgFact(l.Org), p.byFact(l.Other)}, p.facts(l.At, device{})...)
		c.Footnotes = []string{p.whyMember()}
		return c
	}
	c := p.open("", "Org", org, "Other", other)
	c.Paragraphs = []string{p.say("body", "Org", org, "Other", other)}
	c.Facts = append([][2]string{p.orgFact(l.Org), {p.T("mail.fact.new_owner"), other}}, p.facts(l.At, device{})...)
	c.Advice = []string{p.say("advice")}
	c.Button = p.button(forgotPath, "")
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func orgDeleted(p *page, l orgs.OrgDeletedLetter) mail.Content {
	c := p.open("", "Org", p.org(l.Org))
	c.Paragraphs = []string{p.say("body", "Org", p.org(l.Org)), p.say("restore", "Until", p.instant(l.PurgeAt))}
	c.Facts = append([][2]string{p.orgFact(l.Org)}, p.facts(l.At, device{})...)
	c.Button = p.button(profilePath, "")
	c.Closing = []string{p.say("not_you")}
	c.Footnotes = []string{p.say("why")}
	return c
}

func secondFactorRequired(p *page, l orgs.SecondFactorLetter) mail.Content {
	variant := ""
	if l.Again {
		variant = "_again"
	}
	c := p.open(variant, "Org", p.org(l.Org))
	c.Paragraphs = []string{p.say("body", "Org", p.org(l.Org)), p.say("until", "Until", p.instant(l.Until))}
	c.Button = p.button(securityPath, "")
	c.Closing = []string{p.say("choice")}
	c.Footnotes = []string{p.whyMember()}
	return c
}

// whyMember says why somebody gets a letter about an organization.
func (p *page) whyMember() string {
	return p.T("mail.why_member", "Product", p.cfg.Brand.Product)
}
