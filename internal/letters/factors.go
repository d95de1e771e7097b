package letters

import (
	"time"

	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/security"
)

// The letters about second factors and sign-ins. None of them can be turned off.

const (
	forgotPath   = "/forgot-password"
	securityPath = "/settings/security"
)

// alarm is a letter about something that has happened and may have been somebody
// else: what, when and where, and what to do then.
func (p *page) alarm(variant, body string, facts [][2]string, path, token string) mail.Content {
	c := p.open(variant)
	c.Paragraphs = []string{p.say(body)}
	c.Facts = facts
	c.Advice = []string{p.say("advice")}
	c.Button = p.button(path, token)
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func newDevice(p *page, l security.NewDeviceLetter) mail.Content {
	variant := ""
	if l.NewCountry {
		variant = "_country"
	}
	c := p.alarm(variant, "body"+variant, p.facts(l.At, device(l.Device)), "/not-me", l.Token)
	c.Footnotes = append([]string{p.linkOnce(l.ExpiresAt)}, c.Footnotes...)
	return c
}

func twoFactorOn(p *page, l security.TwoFactorOnLetter) mail.Content {
	return p.alarm("", "body", p.facts(l.At, device(l.Device)), forgotPath, "")
}

func twoFactorOff(p *page, l security.TwoFactorOffLetter) mail.Content {
	return p.alarm("", "body", p.facts(l.At, device(l.Device)), forgotPath, "")
}

func totpSuspended(p *page, l security.TOTPSuspendedLetter) mail.Content {
	facts := append(p.facts(l.At, device{}), [2]string{p.T("mail.fact.until"), p.instant(l.Until)})
	c := p.alarm("", "body", facts, forgotPath, "")
	c.Paragraphs = []string{p.say("body", "Failures", l.Failures)}
	return c
}

// fewCodes is from how many backup codes on the words are stronger.
const fewCodes = 2

func backupCodeUsed(p *page, l security.BackupCodeUsedLetter) mail.Content {
	facts := append([][2]string{{p.T("mail.fact.left"), p.Number(l.Left)}}, p.facts(l.At, device(l.Device))...)
	variant, more := "", ""
	switch {
	case l.Left == 0:
		variant, more = "_none", "none"
	case l.Left <= fewCodes:
		variant, more = "_few", "few"
	}
	c := p.alarm(variant, "body", facts, securityPath, "")
	if more != "" {
		c.Paragraphs = append(c.Paragraphs, p.say(more))
	}
	return c
}

func backupCodesRenewed(p *page, l security.BackupCodesRenewedLetter) mail.Content {
	return p.alarm("", "body", p.facts(l.At, device(l.Device)), securityPath, "")
}

// passkeyFacts names the passkey as its owner did.
func (p *page) passkeyFacts(name string, at time.Time, d security.Device) [][2]string {
	facts := p.facts(at, device(d))
	if name = person(name); name == "" {
		return facts
	}
	return append([][2]string{{p.T("mail.fact.passkey"), name}}, facts...)
}

func passkey(p *page, l security.PasskeyLetter) mail.Content {
	facts := p.passkeyFacts(l.Name, l.At, l.Device)
	if !l.Removed {
		return p.alarm("", "body", facts, securityPath, "")
	}
	c := p.alarm("_removed", "body_removed", facts, securityPath, "")
	c.Advice = []string{p.say("advice_removed")}
	return c
}

func passkeyCloned(p *page, l security.PasskeyClonedLetter) mail.Content {
	return p.alarm("", "body", p.passkeyFacts(l.Name, l.At, l.Device), securityPath, "")
}

func emailCode(p *page, l security.EmailCodeLetter) mail.Content {
	c := p.open("")
	code := grouped(l.Code)
	c.Paragraphs = []string{p.say("body")}
	c.Code = code
	c.Facts = p.facts(time.Time{}, device(l.Device))
	c.Closing = []string{p.say("not_you")}
	c.Footnotes = []string{p.say("lasts", "Until", p.instant(l.ExpiresAt)), p.whySecurity()}
	// A phone shows the subject alone, which is all that is wanted.
	p.subject = cut(p.say("subject", "Code", code), maxSubject)
	return c
}

// grouped writes a code in two halves, as one reads it out.
func grouped(code string) string {
	if len(code) < 6 {
		return code
	}
	return code[:len(code)/2] + " " + code[len(code)/2:]
}
