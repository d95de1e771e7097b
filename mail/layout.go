package mail

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"unicode"
)

// Brand is how mails look and whom they come from. Only Product is required.
type Brand struct {
	Product       string // "Acme"
	LogoURL       string // absolute; "" for the product's name as text, which loads nothing
	AccentColor   string // "#3b5bdb", six hexadecimal digits; "" for that blue
	SupportURL    string // absolute http, https or mailto; "" for no link
	PostalAddress string // in one line
}

// Content is what one mail says, already in words. Every string is plain text
// in one line; line breaks, control and bidi-override characters are removed,
// and HTML in it is shown as it stands. Empty fields leave nothing behind.
type Content struct {
	Picture    Picture
	Preheader  string // what an inbox shows beside the subject; not in the mail itself
	Title      string // the one heading; required
	Greeting   string
	Paragraphs []string
	Code       string      // to be typed elsewhere; shown large
	Facts      [][2]string // label and value: when, where, on which device
	Advice     []string    // paragraphs that lead to the button
	Button     Button
	LinkHint   string   // before the bare address below the button: "Or open this address:"
	Closing    []string // paragraphs below the button
	Signature  string
	Footnotes  []string // small print: why this was sent, how long the link lasts
	Links      []Button // at the very end: preferences, unsubscribing
	Support    string   // the words of the link to Brand.SupportURL
}

// Picture stands above the title, 64 pixels wide and high, on white: it is seen
// in both themes. The text part has none, and where pictures are not loaded there
// is Alt in its place.
type Picture struct {
	URL string // absolute, http or https
	Alt string
}

// Button leads to the one thing to do. The address stands below it once more,
// for whoever cannot use it.
type Button struct {
	Label string
	URL   string // absolute, http or https
}

// Layout puts content into the product's look and returns the two parts of a
// mail, which say the same. lang and dir are for the lang and dir attributes.
// The HTML is one column of at most 600 px, fits a phone, follows the reader's
// light or dark theme, and loads nothing but the logo and the picture if there are any. It
// fails for a missing title or product and for malformed colours or addresses.
func Layout(brand Brand, lang, dir string, c Content) (text, html string, err error) {
	c = c.cleaned()
	brand.Product, brand.PostalAddress = oneLine(brand.Product), oneLine(brand.PostalAddress)
	look, err := newPalette(brand.AccentColor)
	if err := errors.Join(err, check(brand, c)); err != nil {
		return "", "", err
	}
	if dir != "rtl" {
		dir = "ltr"
	}
	if c.Support == "" {
		c.Support = brand.SupportURL
	}
	page, err := layout()
	if err != nil {
		return "", "", fmt.Errorf("mail: layout: %w", err)
	}
	var b strings.Builder
	if err := page.Execute(&b, view{Brand: brand, Content: c, Lang: lang, Dir: dir, Look: look}); err != nil {
		return "", "", fmt.Errorf("mail: layout: %w", err)
	}
	return plain(brand, c), b.String(), nil
}

type view struct {
	Brand     Brand
	Content   Content
	Lang, Dir string
	Look      palette
}

// Align returns the side on which lines begin, for clients that ignore dir.
func (v view) Align() string {
	if v.Dir == "rtl" {
		return "right"
	}
	return "left"
}

// Filler keeps inboxes from showing the first words of the mail after the
// preheader: a run of invisible characters that no client collapses.
func (view) Filler() string { return strings.Repeat("\u034f\u200c\u00a0", 80) }

//go:embed layout.html
var layoutSource string

var layout = sync.OnceValues(func() (*template.Template, error) {
	return template.New("mail").Option("missingkey=error").Parse(layoutSource)
})

func check(b Brand, c Content) error {
	var errs []error
	if b.Product == "" {
		errs = append(errs, errors.New("mail: Brand.Product is missing"))
	}
	if c.Title == "" {
		errs = append(errs, errors.New("mail: Content.Title is missing"))
	}
	if (c.Button.URL == "") != (c.Button.Label == "") {
		errs = append(errs, errors.New("mail: Content.Button has a label without an address, or the reverse"))
	}
	if (c.Picture.URL == "") != (c.Picture.Alt == "") {
		errs = append(errs, errors.New("mail: Content.Picture has a text without an address, or the reverse"))
	}
	for _, a := range []struct {
		field, address string
		schemes        []string
	}{
		{"Brand.LogoURL", b.LogoURL, []string{"https", "http"}},
		{"Brand.SupportURL", b.SupportURL, []string{"https", "http", "mailto"}},
		{"Content.Picture.URL", c.Picture.URL, []string{"https", "http"}},
		{"Content.Button.URL", c.Button.URL, []string{"https", "http"}},
	} {
		if a.address != "" && !absolute(a.address, a.schemes) {
			// The address is not quoted: a button's holds a live secret.
			errs = append(errs, fmt.Errorf("mail: %s is not an absolute address", a.field))
		}
	}
	for _, l := range c.Links {
		if l.Label == "" || !absolute(l.URL, []string{"https", "http"}) {
			errs = append(errs, errors.New("mail: Content.Links has one without words or an absolute address"))
		}
	}
	return errors.Join(errs...)
}

func absolute(address string, schemes []string) bool {
	u, err := url.Parse(address)
	if err != nil || strings.ContainsFunc(address, unicode.IsSpace) {
		return false
	}
	for _, s := range schemes {
		if u.Scheme == s && (u.Host != "" || (s == "mailto" && u.Opaque != "")) {
			return true
		}
	}
	return false
}

// plain is the text part. Lines are not broken: phones break them better.
func plain(b Brand, c Content) string {
	blocks := []string{c.Title, c.Greeting}
	blocks = append(blocks, c.Paragraphs...)
	blocks = append(blocks, c.Code)
	var facts []string
	for _, f := range c.Facts {
		facts = append(facts, f[0]+": "+f[1])
	}
	blocks = append(blocks, strings.Join(facts, "\n"))
	blocks = append(blocks, c.Advice...)
	if c.Button.URL != "" {
		blocks = append(blocks, c.Button.Label+":\n"+c.Button.URL)
	}
	blocks = append(blocks, c.Closing...)
	blocks = append(blocks, c.Signature)
	foot := append([]string{}, c.Footnotes...)
	foot = append(foot, b.Product)
	switch {
	case b.SupportURL != "" && c.Support != b.SupportURL:
		foot = append(foot, c.Support+": "+b.SupportURL)
	case b.SupportURL != "":
		foot = append(foot, b.SupportURL)
	}
	for _, l := range c.Links {
		foot = append(foot, l.Label+": "+l.URL)
	}
	foot = append(foot, b.PostalAddress)
	// "-- " begins a signature (RFC 3676), which mail programs set apart.
	return join(blocks, "\n\n") + "\n\n-- \n" + join(foot, "\n") + "\n"
}

// join leaves out what is empty.
func join(parts []string, separator string) string {
	kept := make([]string, 0, len(parts))
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, separator)
}

// cleaned makes every text one line, so that no value can begin a paragraph of
// its own or turn the reading direction of what follows.
func (c Content) cleaned() Content {
	all := func(in []string) []string {
		out := make([]string, 0, len(in))
		for _, s := range in {
			out = append(out, oneLine(s))
		}
		return out
	}
	c.Preheader, c.Title, c.Greeting = oneLine(c.Preheader), oneLine(c.Title), oneLine(c.Greeting)
	c.LinkHint, c.Signature, c.Support = oneLine(c.LinkHint), oneLine(c.Signature), oneLine(c.Support)
	c.Button.Label, c.Code, c.Picture.Alt = oneLine(c.Button.Label), oneLine(c.Code), oneLine(c.Picture.Alt)
	c.Paragraphs, c.Advice, c.Closing, c.Footnotes = all(c.Paragraphs), all(c.Advice), all(c.Closing), all(c.Footnotes)
	links := make([]Button, 0, len(c.Links))
	for _, l := range c.Links {
		links = append(links, Button{oneLine(l.Label), l.URL})
	}
	c.Links = links
	facts := make([][2]string, 0, len(c.Facts))
	for _, f := range c.Facts {
		facts = append(facts, [2]string{oneLine(f[0]), oneLine(f[1])})
	}
	c.Facts = facts
	return c
}

// oneLine turns runs of white space into one space and drops what cannot be
// seen: control characters, bidi overrides and isolates, broken encoding.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && r != '\u00a0':
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar,
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}
