package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/aegisrunner/account-settings/fault"
)

// Printer speaks one language. It is made by [For] and safe for concurrent use.
type Printer struct {
	lang, dir string
	tag       language.Tag
	loc       *i18n.Localizer
	cat       *catalogue
}

func newPrinter(b *i18n.Bundle, t language.Tag, c *catalogue) *Printer {
	p := &Printer{lang: t.String(), dir: "ltr", tag: t, loc: i18n.NewLocalizer(b, t.String()), cat: c}
	if isRTL(t) {
		p.dir = "rtl"
	}
	return p
}

// Lang returns the BCP 47 tag for the lang attribute, "en".
func (p *Printer) Lang() string { return p.lang }

// Dir returns "ltr" or "rtl", for the dir attribute.
func (p *Printer) Dir() string { return p.dir }

// Has reports whether the language, or English, has the key.
func (p *Printer) Has(key string) bool {
	return p.cat.keys[p.lang][key] || p.cat.keys[language.English.String()][key]
}

// T returns a message. args are pairs of a placeholder's name and its value:
// T("error.too_short", "min", 8). Whole numbers are written as [Printer.Number]
// does; pass a string to prevent it. A missing key gives "⟦key⟧".
func (p *Printer) T(key string, args ...any) string {
	return p.message(key, nil, p.data(args))
}

// N returns a message in the plural form for n, which it may show as {{.Count}}.
func (p *Printer) N(key string, n int, args ...any) string {
	data := p.data(args)
	data["Count"] = p.Number(n)
	return p.message(key, n, data)
}

// FieldError returns what to say beside a rejected field: the message
// "error.<field>.<code>" if there is one, else "error.<code>", else the
// field's own English message.
func (p *Printer) FieldError(f fault.Field) string {
	args := make([]any, 0, 2*len(f.Params))
	for name, value := range f.Params {
		args = append(args, name, value)
	}
	for _, key := range []string{"error." + f.Name + "." + f.Code, "error." + f.Code} {
		if p.Has(key) {
			return p.T(key, args...)
		}
	}
	if f.Message != "" {
		return f.Message
	}
	return p.T("error.invalid")
}

// Problem returns what to say to a person about a problem code of the API:
// what happened and what to do. For an unknown code it is the message of
// "internal".
func (p *Printer) Problem(code string) string {
	if key := "code." + code; p.Has(key) {
		return p.T(key)
	}
	return p.T("code.internal")
}

func (p *Printer) message(key string, count any, data map[string]any) string {
	text, err := p.loc.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: count, TemplateData: data})
	// An error beside a text means that English stood in.
	if text == "" && err != nil {
		p.cat.missing.add(p.lang + ": " + key)
		return "⟦" + key + "⟧"
	}
	return text
}

// data turns pairs into a map. A name without a value gets "".
func (p *Printer) data(args []any) map[string]any {
	m := make(map[string]any, len(args)/2+1)
	for i := 0; i < len(args); i += 2 {
		name, isText := args[i].(string)
		if !isText {
			name = fmt.Sprint(args[i])
		}
		m[name] = ""
		if i+1 < len(args) {
			m[name] = p.value(args[i+1])
		}
	}
	return m
}

func (p *Printer) value(v any) any {
	switch n := v.(type) {
	case int:
		return p.Number(n)
	case int64:
		return p.Number(int(n))
	case int32:
		return p.Number(int(n))
	case float64: // what a number in JSON becomes
		if n == float64(int(n)) {
			return p.Number(int(n))
		}
	}
	return v
}

// Number writes a whole number with the language's separator between groups of
// three digits: "12,345", in German "12.345".
func (p *Printer) Number(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	if len(digits) <= 3 {
		return sign + digits
	}
	separator := p.T("number.group")
	out := []byte(sign)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, separator...)
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// missing remembers keys that were asked for in vain.
type missing struct {
	mu   sync.Mutex
	seen map[string]bool
}

const maxMissing = 100

func (m *missing) add(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) < maxMissing {
		m.seen[key] = true
	}
}

func (m *missing) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]string, 0, len(m.seen))
	for k := range m.seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
