package redirect

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSafeKeeps(t *testing.T) {
	for next, want := range map[string]string{
		"/":                               "/",
		"/settings/profile":               "/settings/profile",
		"/settings/orgs/acme/audit?a=1&b": "/settings/orgs/acme/audit?a=1&b",
		"/settings/security#sessions":     "/settings/security",
		"/search?q=http://evil.test/":     "/search?q=http://evil.test/",
		"/search?q=a%5cb":                 "/search?q=a%5cb",
		"/a?next=%2F%2Fevil":              "/a?next=%2F%2Fevil",
		"/a%20b":                          "/a%20b",
		"/a b?c d":                        "/a%20b?c%20d",
		"/größe?größe=ö":                  "/gr%C3%B6%C3%9Fe?gr%C3%B6%C3%9Fe=%C3%B6",
		"/projects/1:2/@me":               "/projects/1:2/@me",
		"/javascript:alert(1)":            "/javascript:alert(1)",
		`/a?b="><script>`:                 "/a?b=%22%3E%3Cscript%3E",
		"/...":                            "/...",
		"/?":                              "/",
	} {
		require.Equal(t, want, Safe(next), "%q", next)
	}
}

func TestSafeRefuses(t *testing.T) {
	for _, next := range []string{
		"", " ", "settings", "?a=b", "#a", "//evil", "///evil", "////evil", "/\\evil", "\\/evil", "\\\\evil", "/a\\b",
		"https:evil", "https:/evil", "https://evil", "https://app.example/settings", "https://app@evil", "//app@evil",
		"javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "mailto:a@b.test",
		"/%2f%2fevil", "/%2F/evil", "/%2fevil", "/%5cevil", "/%5Cevil", "/%5c%5cevil", "/a%5cb",
		"/%252f%252fevil", "/%255cevil", "/%25252fevil", "/%2525252525252fevil",
		"/..//evil", "/.//evil", "/../evil", "/./evil", "/a/..//evil", "/%2e%2e//evil", "/%2e%2e/evil", "/%2e/evil",
		"/.%2e/evil", "/%252e%252e/evil", "/a//evil", "/settings/..",
		"/a\r\nSet-Cookie: x=1", "/a\nb", "/a\rb", "/\t/evil", "/\n/evil", "\t//evil", "\n/a", "/a\x00b", "/a\x7fb", "/a\u0085b",
		"/a%0d%0aSet-Cookie:x", "/a%00", "/%09/evil", "/%0a/evil", "/a%7fb", "/a?b=%0d%0aX:y", "/a?b=%00",
		"/a\u2028b", "/a\u202eb", "/\u200b/evil", "/a%E2%80%AEb", "/%2", "/%zz", "/\xff", "/a?b=\xff", "/%ff",
		" /settings", "/" + strings.Repeat("a", 2048), "/" + strings.Repeat("'", 1000),
	} {
		require.Empty(t, Safe(next), "%q", next)
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{
		"/settings?a=b#c", "//evil", "/\\evil", "https:evil", "/%2f%2fevil", "/%5cevil", "/..//evil", "/.//evil",
		"javascript:a", "https://app@evil", "/a\r\nb", "/\t/evil", "/%252fevil", "/a?b=\\", "/größe",
	} {
		f.Add(s)
	}
	base, err := url.Parse("https://app.example/sign-in")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, next string) {
		safe := Safe(next)
		if safe == "" {
			return
		}
		require.Equal(t, safe, Safe(safe), "stable")
		for i := range len(safe) {
			require.True(t, safe[i] > ' ' && safe[i] < 0x7f, "%q", safe)
		}
		for _, reading := range []string{safe, browserReading(safe)} {
			u, err := base.Parse(reading)
			require.NoError(t, err)
			require.Equal(t, "https", u.Scheme, "%q", safe)
			require.Equal(t, "app.example", u.Host, "%q", safe)
			require.Nil(t, u.User)
			require.Empty(t, u.Fragment)
			require.False(t, strings.HasPrefix(u.Path, "//"), "%q", safe)
		}
	})
}

// browserReading is what the URL standard of browsers makes of a string before
// it parses it: tabs and line ends vanish, controls and spaces around it too,
// and a backslash is a slash.
func browserReading(s string) string {
	s = strings.Trim(s, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "", "\\", "/").Replace(s)
	return s
}
