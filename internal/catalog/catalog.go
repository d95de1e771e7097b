package catalog

import (
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// maxAccept bounds what is read of one header or tag, in bytes. Browsers send
// well under 200.
const maxAccept = 512

// Locale is a language that the product speaks.
type Locale struct {
	Tag  string // BCP 47, "de"
	Name string // what its speakers call it, "Deutsch"
}

// Locales returns the languages, English first and the others by tag.
func Locales() []Locale {
	c := loaded()
	out := make([]Locale, 0, len(c.printers))
	for _, p := range c.printers {
		out = append(out, Locale{Tag: p.lang, Name: p.T("language.name")})
	}
	return out
}

// Valid reports whether tag is exactly the Tag of one of the [Locales]. A tag
// that is merely close, such as "de-AT", is matched by [For].
func Valid(tag string) bool {
	return slices.ContainsFunc(loaded().printers, func(p *Printer) bool { return p.lang == tag })
}

// For returns the printer of the language that suits best. accept lists BCP 47
// tags or whole Accept-Language headers, the most wanted first; what cannot be
// read is skipped, and without any match the language is English. Printers are
// shared and safe for concurrent use.
func For(accept ...string) *Printer {
	c := loaded()
	var want []language.Tag
	for _, a := range accept {
		if a == "" || len(a) > maxAccept {
			continue
		}
		tags, q, err := language.ParseAcceptLanguage(a)
		if err != nil {
			continue
		}
		for i, t := range tags {
			if q[i] > 0 {
				want = append(want, t)
			}
		}
	}
	// The index, because the tag that the matcher returns carries extensions.
	_, i, confidence := c.matcher.Match(want...)
	if confidence == language.No {
		i = 0
	}
	return c.printers[i]
}

// Keys returns the keys that a language has of its own, sorted; none for a
// language that is not in the catalogue.
func Keys(lang string) []string {
	c := loaded()
	out := make([]string, 0, len(c.keys[lang]))
	for k := range c.keys[lang] {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Missing returns the keys that were asked for and are in no language, as
// "lang: key", sorted; at most 100 are remembered. It is there for tests.
func Missing() []string { return loaded().missing.list() }

// isRTL reports whether a language is written from right to left.
func isRTL(t language.Tag) bool {
	script, _ := t.Script()
	return strings.Contains(" Arab Hebr Syrc Thaa Nkoo Adlm Rohg ", " "+script.String()+" ")
}
