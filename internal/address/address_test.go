package address

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
)

func TestParseAccepts(t *testing.T) {
	for typed, want := range map[string]Address{
		"ada@example.com":             {"ada@example.com", "ada@example.com"},
		"  Ada@Example.COM ":          {"Ada@Example.COM", "ada@example.com"},
		"\u00a0ada@example.com\u3000": {"ada@example.com", "ada@example.com"},
		"a+b@example.com":             {"a+b@example.com", "a+b@example.com"},
		"A.B@gmail.com":               {"A.B@gmail.com", "a.b@gmail.com"},
		"o'brien@example.co.uk":       {"o'brien@example.co.uk", "o'brien@example.co.uk"},
		"!#$%&'*+-/?=^_`{|}~@a.co":    {"!#$%&'*+-/?=^_`{|}~@a.co", "!#$%&'*+-/?=^_`{|}~@a.co"},
		"ada@Bücher.example":          {"ada@Bücher.example", "ada@xn--bcher-kva.example"},
		"ada@bu\u0308cher.example":    {"ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"},
		"ada@XN--BCHER-KVA.example":   {"ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"},
		"ada@пример.рф":               {"ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"},
		"ada@例え.jp":                   {"ada@例え.jp", "ada@xn--r8jz45g.jp"},
		"1@1.2.3.4.example":           {"1@1.2.3.4.example", "1@1.2.3.4.example"},
	} {
		got, err := Parse(typed)
		require.NoError(t, err, "%q", typed)
		require.Equal(t, want, got, "%q", typed)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, typed := range map[string]string{
		"no at":                     "ada.example.com",
		"no local part":             "@example.com",
		"no domain":                 "ada@",
		"single label":              "ada@localhost",
		"two ats":                   "a@corp.com@evil.test",
		"quoted local part":         `"victim@corp.com"@evil.test`,
		"quoted pair":               `a\@b@example.com`,
		"encoded word":              "=?utf-8?q?x=40evil?=@corp.com",
		"comment":                   "x@corp.com(evil)",
		"comment before":            "(x)a@corp.com",
		"display name":              "Ada <ada@example.com>",
		"angle brackets":            "<ada@example.com>",
		"list":                      "v@x.test,a@evil.test",
		"list by semicolon":         "v@x.test;a@evil.test",
		"header":                    "v@x.test\nCc: a@evil.test",
		"trailing line feed":        "ada@example.com\n",
		"carriage return":           "ada@example.com\r",
		"NUL":                       "ada\x00@example.com",
		"NUL in domain":             "ada@exam\x00ple.com",
		"tab":                       "ada@exam\tple.com",
		"space inside":              "ada lovelace@example.com",
		"leading dot":               ".ada@example.com",
		"trailing dot of local":     "ada.@example.com",
		"double dot":                "ada..l@example.com",
		"domain trailing dot":       "victim@example.com.",
		"domain leading dot":        "ada@.example.com",
		"domain double dot":         "ada@example..com",
		"leading hyphen":            "ada@-example.com",
		"trailing hyphen":           "ada@example-.com",
		"underscore":                "ada@exa_mple.com",
		"IPv4":                      "ada@127.0.0.1",
		"IPv4 literal":              "ada@[127.0.0.1]",
		"IPv6 literal":              "ada@[IPv6:::1]",
		"fullwidth at":              "ada\uff20example.com",
		"fullwidth at as well":      "ada\uff20x@example.com",
		"kelvin in local":           "\u212aim@example.com",
		"kelvin in domain":          "ada@\u212aiwi.com",
		"dotless i in local":        "adm\u0131n@example.com",
		"long s in local":           "\u017fam@example.com",
		"long s in domain":          "ada@te\u017ft.com",
		"fullwidth in domain":       "ada@\uff45xample.com",
		"ideographic full stop":     "ada@example\u3002com",
		"halfwidth full stop":       "ada@example\uff61com",
		"soft hyphen in local":      "ad\u00ada@example.com",
		"soft hyphen in domain":     "ada@exam\u00adple.com",
		"zero width in local":       "ad\u200ba@example.com",
		"zero width in domain":      "ada@exam\u200bple.com",
		"joiner in domain":          "ada@exam\u200dple.com",
		"byte order mark":           "\ufeffada@example.com",
		"bidi override":             "ada@\u202eexample.com",
		"variation selector":        "ada@exam\ufe0fple.com",
		"accent in local":           "adá@example.com",
		"punycode of ASCII":         "ada@xn--example-.com",
		"punycode of one dash":      "ada@xn--a-.com",
		"punycode of nothing":       "ada@xn--.com",
		"punycode of too much":      "ada@xn--bcher-kva9.example",
		"punycode of fullwidth":     "ada@xn--xample-hy68a.com",
		"punycode of a kelvin sign": "ada@xn--62g.com",
		"punycode of long s":        "ada@xn--kha.com",
		"punycode with a joiner":    "ada@xn--ab-m1t.com",
		"punycode of a capital":     "ada@xn--wca.com",
		"punycode that is garbage":  "ada@xn--99999999.com",
		"invalid UTF-8":             "ada@exam\xffple.com",
		"invalid UTF-8 in local":    "ad\xffa@example.com",
		"local of 65 bytes":         strings.Repeat("a", 65) + "@example.com",
		"label of 64 bytes":         "ada@" + strings.Repeat("a", 64) + ".com",
	} {
		_, err := Parse(typed)
		requireCode(t, "invalid_email", err, name)
	}
	for _, typed := range []string{"", "   ", "\u00a0"} {
		_, err := Parse(typed)
		requireCode(t, "required", err, "%q", typed)
	}
}

func TestParseLengths(t *testing.T) {
	label := strings.Repeat("d", 63)
	local := strings.Repeat("a", 64)
	longest := local + "@" + label + "." + label + "." + strings.Repeat("d", 57) + ".com"
	require.Len(t, longest, 254)
	_, err := Parse(longest)
	require.NoError(t, err)

	_, err = Parse("  " + longest + "  ")
	require.NoError(t, err, "spaces around it do not count")

	_, err = Parse(local + "@" + label + "." + label + "." + strings.Repeat("d", 58) + ".com")
	requireCode(t, "too_long", err)
	_, err = Parse(strings.Repeat(" ", 1<<20) + "a@b.co")
	requireCode(t, "too_long", err)

	// Short as typed, too long in the form that the network uses.
	_, err = Parse(local + "@" + strings.Repeat("bücher.", 17) + "example.com")
	requireCode(t, "too_long", err)
}

func requireCode(t *testing.T, code string, err error, args ...any) {
	t.Helper()
	require.ErrorIs(t, err, fault.Invalid, args...)
	var fields fault.Fields
	require.True(t, errors.As(err, &fields))
	require.Len(t, fields, 1)
	require.Equal(t, "email", fields[0].Name)
	require.Equal(t, code, fields[0].Code, args...)
	require.NotEmpty(t, fields[0].Message)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"ada@example.com", " Ada@Example.COM ", "ada@bücher.example", "ada@xn--bcher-kva.example",
		`"a@b"@c.test`, "a@b@c.test", "victim@example.com.", "ada@faß.de", "ada@\u212aiwi.com", "a@\u3002b.c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
			require.Zero(t, a)
			return
		}
		require.LessOrEqual(t, len(a.Key), 254)
		require.LessOrEqual(t, len(a.Email), 254)
		require.Contains(t, s, a.Email)
		for _, form := range []string{a.Email, a.Key} {
			require.Equal(t, 1, strings.Count(form, "@"))
			require.False(t, strings.ContainsFunc(form, unicode.IsControl))
			require.False(t, strings.ContainsFunc(form, unicode.IsSpace))
			again, err := Parse(form)
			require.NoError(t, err, "%q of %q", form, s)
			require.Equal(t, a.Key, again.Key, "%q of %q", form, s)
		}
		require.True(t, isASCII(a.Key))
		require.Equal(t, strings.ToLower(a.Key), a.Key)
	})
}
