package catalog

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed locales
var files embed.FS

type catalogue struct {
	matcher  language.Matcher
	printers []*Printer // English first
	keys     map[string]map[string]bool
	missing  *missing
}

// loaded reads the embedded files once. They are part of the program, so a
// fault in them is a fault of the build and not of a request: what can be read
// is used, and the package's tests fail for what cannot.
var loaded = sync.OnceValue(func() *catalogue {
	c, _ := load(files)
	return c
})

// load reads locales/<language>/*.json. The catalogue is usable beside an error.
func load(fsys fs.FS) (*catalogue, error) {
	var errs []error
	bundle := i18n.NewBundle(language.English)
	c := &catalogue{keys: map[string]map[string]bool{}, missing: &missing{seen: map[string]bool{}}}
	tags := []language.Tag{language.English}
	dirs, err := fs.ReadDir(fsys, "locales")
	errs = append(errs, err)
	for _, d := range dirs {
		tag, err := language.Parse(d.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("catalog: folder %s: %w", d.Name(), err))
			continue
		}
		if tag != language.English {
			tags = append(tags, tag)
		}
		messages, err := readFolder(fsys, path.Join("locales", d.Name()))
		errs = append(errs, err, bundle.AddMessages(tag, messages...))
		own := map[string]bool{}
		for _, m := range messages {
			own[m.ID] = true
		}
		c.keys[tag.String()] = own
	}
	slices.SortFunc(tags[1:], func(a, b language.Tag) int { return bytes.Compare([]byte(a.String()), []byte(b.String())) })
	for _, t := range tags {
		c.printers = append(c.printers, newPrinter(bundle, t, c))
	}
	c.matcher = language.NewMatcher(tags)
	return c, errors.Join(errs...)
}

// readFolder reads every file of one language. A key may stand in one file alone.
func readFolder(fsys fs.FS, dir string) ([]*i18n.Message, error) {
	var errs []error
	var out []*i18n.Message
	names, err := fs.Glob(fsys, path.Join(dir, "*.json"))
	errs = append(errs, err)
	from := map[string]string{}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		messages, err := parse(data)
		if err != nil {
			errs = append(errs, fmt.Errorf("catalog: %s: %w", name, err))
		}
		for _, m := range messages {
			if other, twice := from[m.ID]; twice {
				errs = append(errs, fmt.Errorf("catalog: %s: key %q is already in %s", name, m.ID, other))
				continue
			}
			from[m.ID] = name
			out = append(out, m)
		}
	}
	return out, errors.Join(errs...)
}

// parse reads a flat JSON object of texts and plural forms. It goes by tokens,
// because encoding/json takes the last of two equal keys without a word.
func parse(data []byte) ([]*i18n.Message, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("not a JSON object"), err)
	}
	var out []*i18n.Message
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return out, err
		}
		key, _ := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return out, fmt.Errorf("key %q: %w", key, err)
		}
		m, err := message(key, raw)
		if err != nil {
			return out, fmt.Errorf("key %q: %w", key, err)
		}
		out = append(out, m)
	}
	_, err := d.Token()
	return out, err
}

func message(key string, raw json.RawMessage) (*i18n.Message, error) {
	if raw[0] == '"' {
		var text string
		err := json.Unmarshal(raw, &text)
		return &i18n.Message{ID: key, Other: text}, err
	}
	var forms struct{ Zero, One, Two, Few, Many, Other string }
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&forms); err != nil {
		return nil, err
	}
	if forms.Other == "" {
		return nil, errors.New("the plural form other is missing")
	}
	return &i18n.Message{ID: key, Zero: forms.Zero, One: forms.One, Two: forms.Two,
		Few: forms.Few, Many: forms.Many, Other: forms.Other}, nil
}
