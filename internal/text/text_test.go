package text

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/aegisrunner/account-settings/fault"
)

func TestNameAccepts(t *testing.T) {
	for s, want := range map[string]string{
		"Ada Lovelace":                       "Ada Lovelace",
		"\u3000 Ada\u00a0":                   "Ada",
		"\t Ada\n":                           "Ada",
		"Zoe\u0308":                          "Zoë",
		"李小龍":                                "李小龍",
		"محمد علي":                           "محمد علي",
		"नरेंद्र":                            "नरेंद्र",
		"می\u200cخواهم":                      "می\u200cخواهم",
		"👩\u200d💻":                           "👩\u200d💻",
		"O'Brien-Smith, Jr.":                 "O'Brien-Smith, Jr.",
		strings.Repeat("é", 100):             strings.Repeat("é", 100),
		strings.Repeat("😀", 100):             strings.Repeat("😀", 100),
		strings.Repeat("e\u0301", 100) + " ": strings.Repeat("é", 100),
	} {
		got, err := Name("name", s, 100)
		require.NoError(t, err, "%q", s)
		require.Equal(t, want, got)
	}
}

func TestNameRefuses(t *testing.T) {
	for code, list := range map[string][]string{
		"required": {"", "   ", "\n\t", "\u200b", "\u200d\u200c", "\u2060", "\ufeff", "\u3164", "\u2800", "\u115f\u1160", "\u00ad", "\u0301"},
		"too_long": {strings.Repeat("a", 101), strings.Repeat("😀", 101), strings.Repeat(" ", 1<<20) + "a"},
		"invalid_characters": {
			"a\x00b", "a\nb", "a\r\nBcc: x@y.test", "a\tb", "a\x7fb", "a\u0085b", "a\u2028b", "a\u2029b",
			"a\u202eb", "\u202aa", "a\u2066b", "a\u2069", "a\xffb", "a\xed\xa0\x80b", "a\ufffdb", "a\uffffb", "a\ufdd0b", "a\U0001ffffb",
		},
	} {
		for _, s := range list {
			_, err := Name("display_name", s, 100)
			require.ErrorIs(t, err, fault.Invalid, "%.40q", s)
			var fields fault.Fields
			require.True(t, errors.As(err, &fields))
			require.Equal(t, "display_name", fields[0].Name)
			require.Equal(t, code, fields[0].Code, "%.40q", s)
			if code == "too_long" {
				require.Equal(t, map[string]any{"max": 100}, fields[0].Params)
			}
		}
	}
}

func FuzzName(f *testing.F) {
	f.Add("Ada Lovelace")
	f.Add("e\u0301\u200d\u3164")
	f.Add("\u202ea\xff")
	f.Fuzz(func(t *testing.T, s string) {
		name, err := Name("name", s, 20)
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			require.Empty(t, name)
			return
		}
		require.True(t, utf8.ValidString(name))
		require.True(t, norm.NFC.IsNormalString(name))
		require.LessOrEqual(t, utf8.RuneCountInString(name), 20)
		require.Equal(t, strings.TrimSpace(name), name)
		require.False(t, strings.ContainsAny(name, "\x00\r\n\u2028\u202e"))
		again, err := Name("name", name, 20)
		require.NoError(t, err)
		require.Equal(t, name, again)
	})
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Ada Lovelace":             "AL",
		"ada":                      "A",
		"ada king lovelace":        "AL",
		"Jean-Luc Picard":          "JP",
		"  \"Bob\" (the builder) ": "BB",
		"O'Brien":                  "O",
		"3M":                       "3",
		"Ada 🚀":                    "A",
		"🚀 Ada Lovelace":           "AL",
		"éva ŝan":                  "ÉŜ",
		"e\u0301va":                "É",
		"x\u0323\u0307a":           "\u1e8a\u0323",
		"ǆamonja":                  "ǅ",
		"ßeta":                     "ß",
		"Ωμέγα άλφα":               "ΩΆ",
		"иван петров":              "ИП",
		"აკაკი წერეთელი": "აწ",
		"李小龍":                                "李",
		"李 小龍":                               "李",
		"さくら":                                "さ",
		"김 민수":                               "김",
		"\u1100\u1161 \u1102\u1161":          "가",
		"𠮷野家":                                "𠮷",
		"דוד לוי":                            "דל",
		"محمد علي":                           "م\u200cع",
		"प्रिया शर्मा":                       "प्रिश",
		"क्ष":                                "क्ष",
		"เจน":                                "จ",
		"":                                   "?",
		"   ":                                "?",
		"!!! ...":                            "?",
		"👩\u200d💻":                           "?",
		"\u3164":                             "?",
		"A" + strings.Repeat("\u0300", 1000): "À" + strings.Repeat("\u0300", 5),
	} {
		require.Equal(t, want, Initials(name), "%.40q", name)
	}
	require.True(t, utf8.ValidString(Initials("\xff\xfea")))
}

func TestDelink(t *testing.T) {
	for s, want := range map[string]string{
		"Ada Lovelace":                 "Ada Lovelace",
		"Acme Inc.":                    "Acme Inc.",
		"Pay at http://evil.test":      "Pay at evil test",
		"Pay at HTTPS://evil.test/a?b": "Pay at evil test/a?b",
		"www.evil.test":                "www evil test",
		"evil.test":                    "evil test",
		"Amazon.com":                   "Amazon com",
		"J.R.R. Tolkien":               "J R R. Tolkien",
		"a@evil.test":                  "a at evil test",
		"@ada":                         "@ada",
		"mailto:a@evil.test":           "a at evil test",
		"tel:+15551234":                "+15551234",
		"hxxp://evil.test":             "evil test",
		"hhttp://ttp://evil.test":      "evil test",
		"http:////evil.test":           "evil test",
		`http:\\evil.test`:             "evil test",
		"evil。test":                    "evil test",
		"evil．test":                    "evil test",
		"evil․test":                    "evil test",
		"http：//evil.test":             "evil test",
		"a＠evil.test":                  "a at evil test",
		"evil\u200b.test":              "evil test",
		"evil.\u2060test":              "evil test",
		"192.168.0.1":                  "192 168 0 1",
		"💩.la":                         "💩 la",
		"wait...":                      "wait .",
		"Time: 10:30":                  "Time: 10:30",
		"a\r\nb\u2028c":                "a b c",
		"  a   b ":                     "a b",
		"":                             "",
	} {
		require.Equal(t, want, Delink(s), "%q", s)
	}
}

// linkers is the union of what common mail programs turn into links.
var linkers = regexp.MustCompile(`(?i)://|www\.\S|\bmailto:|\S[.。．｡․]\S|\S[@＠]\S`)

func FuzzDelink(f *testing.F) {
	for _, s := range []string{"http://evil.test", "a@b.c", "ht.tp://x", "mail.to:a", "..@@..", "m@ilto:x", "http:\u200b//x", ". .a", "mailto mailto::x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Delink(s)
		require.NotRegexp(t, linkers, got)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\n")
		require.Equal(t, got, Delink(got), "stable")
	})
}
