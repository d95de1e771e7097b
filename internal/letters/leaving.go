package letters

import (
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/mail"
)

func accountDeleted(p *page, l accounts.AccountDeletedLetter) mail.Content {
	until := p.instant(l.PurgeAt)
	c := p.open("", "Until", until)
	c.Paragraphs = []string{p.say("body"), p.say("restore", "Until", until)}
	c.Facts = p.facts(l.At, device{Browser: l.Device.Browser, OS: l.Device.OS, IP: l.Device.IP})
	c.Advice = []string{p.say("advice")}
	c.Button = p.button("/restore", "")
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func accountRestored(p *page, l accounts.AccountRestoredLetter) mail.Content {
	body := "body"
	if l.Support {
		body = "body_support"
	}
	c := p.open("")
	c.Paragraphs = []string{p.say(body)}
	c.Facts = p.facts(l.At, device{Browser: l.Device.Browser, OS: l.Device.OS, IP: l.Device.IP})
	c.Advice = []string{p.say("advice")}
	c.Button = p.button("/forgot-password", "")
	c.Footnotes = []string{p.whySecurity()}
	return c
}
