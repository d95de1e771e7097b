package catalog

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
)

func TestForChoosesTheBestLanguage(t *testing.T) {
	for _, tc := range []struct {
		name   string
		accept []string
		want   string
	}{
		{"nothing", nil, "en"},
		{"empty", []string{"", ""}, "en"},
		{"exact", []string{"de"}, "de"},
		{"region", []string{"de-AT"}, "de"},
		{"script and region", []string{"de-Latn-CH"}, "de"},
		{"a header", []string{"fr-FR,fr;q=0.9,de;q=0.8,en;q=0.7"}, "de"},
		{"a header by weight", []string{"en;q=0.4, de;q=0.9"}, "de"},
		{"refused by weight", []string{"de;q=0, en"}, "en"},
		{"the person before the browser", []string{"en", "de-DE,de;q=0.9"}, "en"},
		{"the browser when the person's is unknown", []string{"fr", "de-DE,de;q=0.9"}, "de"},
		{"unknown", []string{"tlh"}, "en"},
		{"wildcard", []string{"*"}, "en"},
		{"garbage", []string{"\x00\xff;;;q=q", "de"}, "de"},
		{"far too long", []string{strings.Repeat("de-", 5000), "en"}, "en"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, For(tc.accept...).Lang())
		})
	}
	require.Same(t, For("de-CH"), For("de"), "printers are shared")
	require.Equal(t, "ltr", For("de").Dir())
}

func TestLocales(t *testing.T) {
	require.Equal(t, []Locale{{"en", "English"}, {"de", "Deutsch"}}, Locales())
	require.True(t, Valid("de"))
	for _, tag := range []string{"", "de-AT", "DE", "fr", "../de"} {
		require.False(t, Valid(tag), tag)
	}
	require.Empty(t, Keys("fr"))
}

func TestMessages(t *testing.T) {
	en, de := For("en"), For("de")
	require.Equal(t, "Use at least 8 characters.", en.T("error.too_short", "min", 8))
	require.Equal(t, "Verwenden Sie höchstens 1.024 Zeichen.", de.T("error.too_long", "max", 1024))
	require.Equal(t, "1 day", en.N("duration.days", 1))
	require.Equal(t, "1,000 days", en.N("duration.days", 1000))
	require.Equal(t, "0 Tage", de.N("duration.days", 0))

	// A value is text and nothing more: it is not read as a template again.
	require.Equal(t, "{{.Name}}, {{exec}}", en.T("greeting.named", "Greeting", "{{.Name}}", "Name", "{{exec}}"))
	// An incomplete pair does not panic.
	require.Equal(t, "Use at least  characters.", en.T("error.too_short", "min"))
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", -7: "-7", 999: "999", 1000: "1,000", -1234567: "-1,234,567", 123456: "123,456"} {
		require.Equal(t, want, For("en").Number(n))
		require.Equal(t, strings.ReplaceAll(want, ",", "."), For("de").Number(n))
	}
}

func TestMissingKeysAreSeenAndListed(t *testing.T) {
	require.Equal(t, "⟦no.such.key⟧", For("de").T("no.such.key"))
	require.Equal(t, "⟦no.such.plural⟧", For("en").N("no.such.plural", 2))
	require.Subset(t, Missing(), []string{"de: no.such.key", "en: no.such.plural"})
	require.False(t, For("en").Has("no.such.key"))
}

func TestFieldError(t *testing.T) {
	en := For("en")
	require.Equal(t, "Enter your email address.", en.FieldError(fault.Field{Name: "email", Code: "required"}))
	require.Equal(t, "Please fill this in.", en.FieldError(fault.Field{Name: "colour", Code: "required"}))
	require.Equal(t, "Use at least 8 characters.",
		en.FieldError(fault.Field{Name: "password", Code: "too_short", Params: map[string]any{"min": 8}}))
	require.Equal(t, "Use at least 8 characters.",
		en.FieldError(fault.Field{Name: "password", Code: "too_short", Params: map[string]any{"min": float64(8)}}))
	require.Equal(t, "Pick a rarer colour.",
		en.FieldError(fault.Field{Name: "colour", Code: "too_common", Message: "Pick a rarer colour."}))
	require.Equal(t, "Please check this value.", en.FieldError(fault.Field{Name: "colour", Code: "too_common"}))
	require.Equal(t, en.T("code.link_gone"), en.Problem("link_gone"))
	require.Equal(t, en.T("code.internal"), en.Problem("something_new"))
}

// The codes that the services use for fields, and those of the HTTP contract.
func TestEveryCodeHasWords(t *testing.T) {
	for _, p := range []*Printer{For("en"), For("de")} {
		for _, c := range strings.Fields(`required too_short too_long invalid_email invalid_characters needs_digit
			common_password wrong_password same_email invalid_timezone invalid_locale invalid_picture unknown_field
			invalid mismatch`) {
			require.True(t, p.Has("error."+c), c)
		}
		for _, c := range strings.Fields(`malformed unauthenticated invalid_credentials invalid_code
			reauthentication_required plan_required seat_limit limit_reached payment_method_required forbidden
			cross_origin sso_required second_factor_enrollment_required wrong_recipient not_found email_taken
			slug_taken link_gone too_large unsupported_media_type validation_failed rate_limited overloaded
			unavailable internal`) {
			require.True(t, p.Has("code."+c), c)
		}
	}
}

var placeholder = regexp.MustCompile(`{{[^}]*}}`)

// forms returns each text of a language's messages by key and plural form.
func forms(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	messages, err := readFolder(files, "locales/"+lang)
	require.NoError(t, err)
	out := map[string]map[string]string{}
	for _, m := range messages {
		out[m.ID] = map[string]string{"one": m.One, "other": m.Other}
	}
	return out
}

func TestTheLanguagesAreEqual(t *testing.T) {
	_, err := load(files)
	require.NoError(t, err)
	en := forms(t, "en")
	for _, l := range Locales()[1:] {
		other := forms(t, l.Tag)
		require.Empty(t, difference(en, other), "keys that %s lacks", l.Tag)
		require.Empty(t, difference(other, en), "keys that only %s has", l.Tag)
		for key, texts := range en {
			for form, text := range texts {
				require.Equal(t, text == "", other[key][form] == "", "%s: plural form %s of %s", l.Tag, form, key)
				require.Equal(t, placeholders(text), placeholders(other[key][form]), "%s: placeholders of %s", l.Tag, key)
			}
		}
	}
}

func TestEveryMessageIsSound(t *testing.T) {
	simple := regexp.MustCompile(`^{{\.[A-Za-z_]+}}$`)
	for _, l := range Locales() {
		for key, texts := range forms(t, l.Tag) {
			require.Regexp(t, `^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`, key)
			require.NotEmpty(t, texts["other"], key)
			for _, text := range texts {
				require.Equal(t, strings.TrimSpace(text), text, "%s: %s", l.Tag, key)
				require.NotContains(t, text, "  ", "%s: %s", l.Tag, key)
				require.NotContains(t, text, "!", "%s: %s is calm", l.Tag, key)
				for _, p := range placeholder.FindAllString(text, -1) {
					require.Regexp(t, simple, p, "%s: %s", l.Tag, key)
				}
			}
		}
	}
}

func difference(a, b map[string]map[string]string) []string {
	var out []string
	for k := range a {
		if _, both := b[k]; !both {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func placeholders(text string) []string {
	out := placeholder.FindAllString(text, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

func TestFaultsInTheFilesAreFound(t *testing.T) {
	for name, body := range map[string]string{
		"twice in one file": `{"a.b":"x","a.b":"y"}`,
		"not an object":     `["a"]`,
		"unknown form":      `{"a.b":{"several":"x","other":"y"}}`,
		"no other form":     `{"a.b":{"one":"x"}}`,
		"a number":          `{"a.b":3}`,
		"cut off":           `{"a.b":"x"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(fstest.MapFS{"locales/en/x.json": {Data: []byte(body)}})
			require.Error(t, err)
		})
	}
	_, err := load(fstest.MapFS{
		"locales/en/x.json": {Data: []byte(`{"a.b":"x"}`)},
		"locales/en/y.json": {Data: []byte(`{"a.b":"y"}`)},
	})
	require.ErrorContains(t, err, `"a.b" is already in locales/en/x.json`)
}

func TestAnIncompleteLanguageFallsBackToEnglish(t *testing.T) {
	c, err := load(fstest.MapFS{
		"locales/en/x.json": {Data: []byte(`{"a.b":"English","language.name":"English"}`)},
		"locales/ar/x.json": {Data: []byte(`{"language.name":"العربية"}`)},
	})
	require.NoError(t, err)
	require.Equal(t, "English", c.printers[1].T("a.b"))
	require.Equal(t, "rtl", c.printers[1].Dir())
}

func TestPrintersAreSafeForConcurrentUse(t *testing.T) {
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for _, l := range Locales() {
				For(l.Tag).N("relative.past.days", 3)
				For(l.Tag).T("no.such.key")
				Missing()
			}
		})
	}
	wg.Wait()
}
