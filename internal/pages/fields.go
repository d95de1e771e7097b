package pages

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/zones"
)

// field is a labelled input. What describes it is tied to it by id.
type field struct {
	F    *frame
	ID   string
	Name string

	Label, Hint, Error string
	Type, Value        string
	Autocomplete       string
	Placeholder        string
	Keyboard           string // inputmode
	Class              string
	MaxLength          int
	Required, Focus    bool
	Options            []option
	Detect, Offer      bool   // of a time zone: take the browser's, or offer it
	Suggest            bool   // of a slug: from the name beside it
	LinkHref, LinkText string // beside the label
	Meter              *meter
}

// option is an entry of a select.
type option struct {
	Value, Label, Also string
	Selected           bool
}

// DescribedBy returns the ids of what describes the input.
func (f field) DescribedBy() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.ID+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.ID+"-hint")
	}
	if f.Meter != nil {
		ids = append(ids, f.ID+"-meter")
	}
	return strings.Join(ids, " ")
}

// Field returns an input of the form whose ids begin with scope. label and, if
// not empty, hint are keys of the catalogue; the setters below refine it.
func (f *frame) Field(scope string, form Form, name, label, hint string) field {
	out := field{F: f, ID: scope + "-" + name, Name: name, Type: "text"}
	if label != "" {
		out.Label = f.T(label)
	}
	if hint != "" {
		out.Hint = f.T(hint)
	}
	for _, e := range form.Errors {
		if e.Name == name && out.Error == "" {
			out.Error = f.P.FieldError(e)
		}
	}
	return out
}

// As sets type, autocomplete token and value.
func (f field) As(kind, autocomplete, value string) field {
	f.Type, f.Autocomplete, f.Value = kind, autocomplete, value
	return f
}

// Max bounds the length in UTF-16 units, as browsers count.
func (f field) Max(n int) field { f.MaxLength = n; return f }

// Code makes the field one for a code: of digits, as apps and mails have them, or
// a backup code.
func (f field) Code(method string) field {
	f.Class, f.Autocomplete, f.Keyboard, f.MaxLength = "code", "one-time-code", "numeric", 20
	if method == "backup_code" {
		f.Class, f.Autocomplete, f.Keyboard, f.MaxLength = "code long", "off", "", 40
	}
	return f
}

// Need marks the field as required.
func (f field) Need() field { f.Required = true; return f }

// First gives the field the focus, unless something on the page is wrong, for
// then the summary has it.
func (f field) First() field { f.Focus = !f.F.Failed(); return f }

// Beside puts a link beside the label.
func (f field) Beside(href, text string) field { f.LinkHref, f.LinkText = href, text; return f }

// Like puts an example into the empty field.
func (f field) Like(example string) field { f.Placeholder = example; return f }

// meter is the strength of a password that is being chosen.
type meter struct {
	Min   int
	Digit bool
	Words string // what a good one does not hold
	Texts string // JSON
}

// Measured shows a meter below a field for a new password. words are what
// attackers try first: the person's name and address.
func (f field) Measured(words ...string) (field, error) {
	rule := f.F.r.cfg.Password
	texts := map[string]any{
		"levels": []string{"", f.F.T("meter.1"), f.F.T("meter.2"), f.F.T("meter.3"), f.F.T("meter.4")},
		"digit":  f.F.T("meter.digit"), "word": f.F.T("meter.word"), "run": f.F.T("meter.run"),
		"rule": f.F.Rule(),
	}
	var more []string
	for n := 1; n < rule.MinLength; n++ {
		more = append(more, f.F.N("meter.more", n))
	}
	texts["more"] = more
	b, err := json.Marshal(texts)
	if err != nil {
		return f, fmt.Errorf("pages: meter: %w", err)
	}
	f.Meter = &meter{
		Min: rule.MinLength, Digit: !rule.NoDigit, Texts: string(b),
		Words: strings.Join(append(words, f.F.r.cfg.Product), " "),
	}
	return f, nil
}

// Rule says what a password needs.
func (f *frame) Rule() string {
	key := "password.rule_digit"
	if f.r.cfg.Password.NoDigit {
		key = "password.rule"
	}
	return f.T(key, "min", f.r.cfg.Password.MinLength)
}

// Ruled puts the rule for passwords into the hint.
func (f field) Ruled() field { f.Hint = f.F.Rule(); return f }

// zone is an entry of the list of time zones.
type zone struct {
	name, label, also string
	loc               *time.Location
}

// Browsers still know these zones by a former name.
var formerZones = map[string]string{
	"Asia/Kolkata": "Asia/Calcutta", "Asia/Ho_Chi_Minh": "Asia/Saigon", "Asia/Kathmandu": "Asia/Katmandu",
	"Asia/Yangon": "Asia/Rangoon", "Europe/Kyiv": "Europe/Kiev", "Atlantic/Faroe": "Atlantic/Faeroe",
	"America/Nuuk": "America/Godthab", "America/Argentina/Buenos_Aires": "America/Buenos_Aires",
	"America/Argentina/Catamarca": "America/Catamarca", "America/Argentina/Cordoba": "America/Cordoba",
	"America/Argentina/Jujuy": "America/Jujuy", "America/Argentina/Mendoza": "America/Mendoza",
	"America/Indiana/Indianapolis": "America/Indianapolis", "America/Kentucky/Louisville": "America/Louisville",
	"America/Atikokan": "America/Coral_Harbour", "Africa/Asmara": "Africa/Asmera",
	"Pacific/Chuuk": "Pacific/Truk", "Pacific/Pohnpei": "Pacific/Ponape", "Pacific/Kanton": "Pacific/Enderbury",
	"UTC": "Etc/UTC",
}

// loadZones reads the list on first use: it takes some milliseconds and memory
// that a host without these pages need not spend.
func loadZones() func() []zone {
	return sync.OnceValue(func() []zone {
		var out []zone
		for _, name := range zones.Names() {
			out = append(out, newZone(name))
		}
		return out
	})
}

func newZone(name string) zone {
	return zone{name: name, label: strings.ReplaceAll(name, "_", " "), also: formerZones[name], loc: zones.Location(name)}
}

// Zones makes the field a select of time zones, each with the time that it is
// there now. A zone that is valid but not in the list, a former name perhaps,
// stands first.
func (f field) Zones(selected string) field {
	list := f.F.r.zones()
	if selected != "" && zones.Valid(selected) && !slices.ContainsFunc(list, func(z zone) bool { return z.name == selected }) {
		list = append([]zone{newZone(selected)}, list...)
	}
	// The catalogue is asked once and not four hundred times.
	pattern := f.F.T("zone.option", "zone", "\x00", "time", "\x01")
	for _, z := range list {
		clock := f.F.Now.In(z.loc).Format("15:04")
		f.Options = append(f.Options, option{
			Value: z.name, Also: z.also, Selected: z.name == selected,
			Label: strings.NewReplacer("\x00", z.label, "\x01", clock).Replace(pattern),
		})
	}
	return f
}

// Detected lets the browser choose its own time zone.
func (f field) Detected() field { f.Detect = true; return f }

// Offered lets the browser offer its own time zone where it differs.
func (f field) Offered() field { f.Offer = true; return f }

// Languages makes the field a select of the languages of the product.
func (f field) Languages(selected string) field {
	if !catalog.Valid(selected) {
		selected = f.F.P.Lang()
	}
	for _, l := range catalog.Locales() {
		f.Options = append(f.Options, option{Value: l.Tag, Label: l.Name, Selected: l.Tag == selected})
	}
	return f
}

// MaxLengthText returns the bound for the attribute, or "".
func (f field) MaxLengthText() string {
	if f.MaxLength == 0 {
		return ""
	}
	return strconv.Itoa(f.MaxLength)
}
