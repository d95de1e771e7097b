package letters

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/mail"
)

// maxSubject is the length of a line that RFC 5322 recommends, in characters.
const maxSubject = 78

// maxName bounds a name in a greeting, in characters.
const maxName = 60

// page is one letter being written.
type page struct {
	*catalog.Printer
	cfg     Config
	kind    string
	to      mail.Recipient
	loc     *time.Location
	zone    string
	subject string
}

func (r *Renderer) newPage(kind string, to mail.Recipient) *page {
	p := &page{Printer: catalog.For(to.Locale, r.cfg.DefaultLocale), cfg: r.cfg, kind: kind, to: to}
	p.loc = zones.Location(to.Timezone)
	p.zone = p.loc.String()
	return p
}

// say returns a message of this kind of letter. The product's name goes into
// every one.
func (p *page) say(name string, args ...any) string {
	args = append(args[:len(args):len(args)], "Product", p.cfg.Brand.Product)
	return p.T("mail."+p.kind+"."+name, args...)
}

// open begins a letter: subject, title, preheader, greeting, and the words that
// all letters share. variant is the ending of the subject's and the title's key,
// args are what these may name.
func (p *page) open(variant string, args ...any) mail.Content {
	p.subject = cut(p.say("subject"+variant, args...), maxSubject)
	c := mail.Content{
		Title:     p.say("title"+variant, args...),
		Preheader: p.say("preheader", args...),
		Greeting:  p.T("mail.hello"),
		Support:   p.T("mail.support"),
		LinkHint:  p.T("mail.link_hint"),
	}
	if name := person(p.to.Name); name != "" {
		c.Greeting = p.T("mail.hello_name", "Given", person(catalog.GivenName(p.to.Name)))
	}
	return c
}

// person makes a name fit for a mail: one line, bounded, nothing to follow.
func person(name string) string {
	return cut(strings.Join(strings.Fields(text.Delink(name)), " "), maxName)
}

// button leads to a page of the product.
func (p *page) button(path, token string) mail.Button {
	return mail.Button{Label: p.say("button"), URL: p.cfg.Links.page(path, token)}
}

// instant says a time in the person's zone, and which zone that is.
func (p *page) instant(t time.Time) string {
	return p.T("mail.instant", "DateTime", p.DateTime(t, p.loc), "Zone", p.zone)
}

func (p *page) linkOnce(until time.Time) string {
	return p.T("mail.link_once", "Until", p.instant(until))
}

func (p *page) whySecurity() string {
	return p.T("mail.why_security", "Product", p.cfg.Brand.Product)
}

// device is the shape that the domains give where a request came from.
type device struct{ Browser, OS, IP, Place string }

// facts lists when and where. What is not known is left out, never guessed.
func (p *page) facts(at time.Time, d device) [][2]string {
	var out [][2]string
	if !at.IsZero() {
		out = append(out, [2]string{p.T("mail.fact.when"), p.instant(at)})
	}
	// A browser tells its name itself, so it may be anything.
	browser, os := person(d.Browser), person(d.OS)
	switch {
	case browser != "" && os != "":
		out = append(out, [2]string{p.T("mail.fact.device"), p.T("mail.device", "Browser", browser, "OS", os)})
	case browser != "" || os != "":
		out = append(out, [2]string{p.T("mail.fact.device"), browser + os})
	}
	if place := person(d.Place); place != "" {
		out = append(out, [2]string{p.T("mail.fact.place"), p.T("mail.place", "Place", place)})
	}
	if ip, err := netip.ParseAddr(d.IP); err == nil {
		out = append(out, [2]string{p.T("mail.fact.ip"), ip.WithZone("").String()})
	}
	return out
}

// mask hides most of an address: enough for its owner to know it, too little
// for a stranger who got the mail by a slip of the keys.
func mask(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "…"
	}
	first, _ := utf8.DecodeRuneInString(address)
	return string(first) + "•••" + address[at:]
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ") + "…"
}
