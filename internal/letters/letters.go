// Package letters writes the mails of the product: it turns each letter that a
// domain has put into the outbox into words, in the language and the time zone
// of whom it goes to.
//
// The words are in internal/catalog, under "mail.<kind>."; the look is
// [mail.Layout]'s. What people chose themselves, such as names, is put in
// without anything that a mail program would make a link of.
package letters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/mail"
)

// Config configures [New]. Brand.Product and Links.PublicURL are required.
type Config struct {
	Brand mail.Brand
	Links Links

	// DefaultLocale is spoken to people who have chosen no language, or one that
	// the catalogue lacks. Default English.
	DefaultLocale string

	// Override lets a host write a letter itself: it returns the message and
	// true, or false for the product's own words. letter is the typed data of
	// package accounts, security or orgs as JSON. An error fails this attempt, and the letter is tried again.
	Override func(ctx context.Context, kind string, to mail.Recipient, letter json.RawMessage) (mail.Message, bool, error)
}

// Renderer writes every letter of the product. It is a [mail.Renderer], and
// safe for concurrent use.
type Renderer struct{ cfg Config }

// New returns a renderer, or an error that names every missing or wrong field.
func New(cfg Config) (*Renderer, error) {
	errs := []error{cfg.Links.check()}
	if cfg.DefaultLocale != "" && !catalog.Valid(cfg.DefaultLocale) {
		errs = append(errs, fmt.Errorf("letters: the catalogue has no locale %q", cfg.DefaultLocale))
	}
	// The layout knows what a brand needs; it also parses its template here.
	_, _, err := mail.Layout(cfg.Brand, "en", "ltr", mail.Content{Title: "x"})
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Renderer{cfg}, nil
}

// Kinds returns the kinds of letter that are written, sorted. "mail.decoy" is
// among them, and is thrown away.
func Kinds() []string {
	out := []string{mail.Decoy{}.Kind()}
	for kind := range writers {
		out = append(out, kind)
	}
	slices.Sort(out)
	return out
}

// RenderMail implements [mail.Renderer]. It returns [mail.ErrDiscard] for a
// decoy, and an error for a kind that it does not know.
func (r *Renderer) RenderMail(ctx context.Context, kind string, to mail.Recipient, letter json.RawMessage) (mail.Message, error) {
	if kind == (mail.Decoy{}).Kind() {
		return mail.Message{}, mail.ErrDiscard
	}
	if r.cfg.Override != nil {
		if m, own, err := r.cfg.Override(ctx, kind, to, letter); err != nil || own {
			return r.oneClick(m, letter), err
		}
	}
	w, known := writers[kind]
	if !known {
		return mail.Message{}, fmt.Errorf("letters: unknown kind %q", kind)
	}
	p := r.newPage(kind, to)
	c, err := w.write(p, letter)
	if err != nil {
		return mail.Message{}, err
	}
	text, html, err := mail.Layout(r.cfg.Brand, p.Lang(), p.Dir(), c)
	if err != nil {
		return mail.Message{}, err
	}
	return r.oneClick(mail.Message{Subject: p.subject, Text: text, HTML: html}, letter), nil
}

// Links is where the pages that mails lead to are.
type Links struct {
	PublicURL string // origin of the product, "https://app.acme.test"
	Prefix    string // path under which the pages are mounted, "/account"; "" for the root
}

func (l Links) check() error {
	u, err := url.Parse(l.PublicURL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("letters: Links.PublicURL is not an address such as https://app.acme.test")
	}
	if l.Prefix != "" && !strings.HasPrefix(l.Prefix, "/") {
		return errors.New("letters: Links.Prefix does not begin with a slash")
	}
	return nil
}

// page returns the address of a page, with a token if there is one.
func (l Links) page(path, token string) string {
	address := strings.TrimRight(l.PublicURL, "/") + strings.TrimRight(l.Prefix, "/") + path
	if token != "" {
		address += "?token=" + url.QueryEscape(token)
	}
	return address
}
