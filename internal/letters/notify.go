package letters

import (
	"encoding/json"
	"strconv"

	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
)

// The letters that may be switched off, and those about payments.

const (
	preferencesPath = "/settings/email"
	unsubscribePath = "/unsubscribe"
)

// optional adds to a letter that may be switched off the links that do so.
func (p *page) optional(c mail.Content, token string) mail.Content {
	c.Links = []mail.Button{{Label: p.T("mail.preferences"), URL: p.cfg.Links.page(preferencesPath, "")}}
	if token != "" {
		c.Links = append(c.Links, mail.Button{Label: p.T("mail.unsubscribe"), URL: p.cfg.Links.page(unsubscribePath, token)})
	}
	return c
}

// oneClick adds the headers of RFC 8058 to a letter that has a token to
// unsubscribe with, whoever wrote it, unless they are there.
func (r *Renderer) oneClick(m mail.Message, letter json.RawMessage) mail.Message {
	var l struct {
		Unsubscribe string `json:"unsubscribe"`
	}
	if json.Unmarshal(letter, &l) != nil || l.Unsubscribe == "" || m.Headers["List-Unsubscribe"] != "" {
		return m
	}
	headers := map[string]string{
		"List-Unsubscribe":      "<" + r.cfg.Links.page(unsubscribePath, l.Unsubscribe) + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
	}
	for key, value := range m.Headers {
		headers[key] = value
	}
	m.Headers = headers
	return m
}

func planLimit(p *page, l notify.PlanLimitLetter) mail.Content {
	org, metric, variant := p.org(l.Org), person(l.Metric), ""
	if l.Percent >= 100 {
		variant = "_all"
	}
	c := p.open(variant, "Org", org, "Metric", metric)
	c.Paragraphs = []string{p.say("body"+variant, "Org", org, "Metric", metric, "Percent", strconv.Itoa(l.Percent))}
	c.Facts = [][2]string{
		p.orgFact(l.Org), {p.T("mail.fact.metric"), metric},
		{p.T("mail.fact.used"), p.T("mail.used", "Used", p.Number(int(l.Used)), "Limit", p.Number(int(l.Limit)))},
	}
	c.Footnotes = []string{p.T("mail.why_owner", "Org", org, "Product", p.cfg.Brand.Product)}
	if l.Unsubscribe == "" {
		c.Footnotes = append(c.Footnotes, p.say("always"))
	}
	return p.optional(c, l.Unsubscribe)
}

func billingFailed(p *page, l notify.BillingFailedLetter) mail.Content {
	org := p.org(l.Org)
	c := p.open("", "Org", org)
	c.Paragraphs = []string{p.say("body", "Org", org)}
	c.Facts = append([][2]string{p.orgFact(l.Org), {p.T("mail.fact.invoice"), person(l.Invoice)}, {p.T("mail.fact.amount"), person(l.Amount)}}, p.facts(l.At, device{})...)
	if !l.RetryAt.IsZero() {
		c.Facts = append(c.Facts, [2]string{p.T("mail.fact.retry"), p.instant(l.RetryAt)})
	}
	c.Footnotes = []string{p.T("mail.why_owner", "Org", org, "Product", p.cfg.Brand.Product)}
	return c
}
