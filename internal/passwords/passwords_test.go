package passwords

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func TestList(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(common, "\n"), "\n")
	require.Greater(t, len(lines), 10_000)
	require.True(t, slices.IsSorted(lines))
	require.Len(t, slices.Compact(slices.Clone(lines)), len(lines))
	long := 0
	for _, line := range lines {
		require.GreaterOrEqual(t, len(line), 3, line)
		require.Equal(t, strings.ToLower(norm.NFKC.String(line)), line)
		require.Equal(t, strings.TrimSpace(line), line)
		require.True(t, Common(line), line)
		if len(line) >= 8 && strings.ContainsAny(line, "0123456789") {
			long++
		}
	}
	require.Greater(t, long, 3000, "that the default rule would let through")
}

func TestCommon(t *testing.T) {
	for _, s := range []string{
		"123456", "password1", "PASSWORD1", "Password123", "ｐａｓｓｗｏｒｄ１", "qwerty123", "1qaz2wsx", "iloveyou1", "letmein123", "summer2025",
		"Welcome2026!", "12345678", "11111111", "abcd1234", "asdfghjkl1", "trustno1", "michael1", "zxcvbnm123", "88888888", "19901990",
	} {
		require.True(t, Common(s), s)
	}
	for _, s := range []string{
		"", "\n", "password1\n", "123456\npassword", "assword1x", "correct horse battery staple 1", "k7#Vq2!zPd", "passwor", " password1", "p\x00", "\xff",
		"zzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "~", "!", strings.Repeat("a", 2000),
	} {
		require.False(t, Common(s), "%.40q", s)
	}
}

func TestNormalize(t *testing.T) {
	for s, want := range map[string]string{
		"":                        "",
		" Pass word ":             " Pass word ",
		"ｐａｓｓ１":                   "pass1",
		"e\u0301":                 "é",
		"ﬁ":                       "fi",
		"😀\t\n":                   "😀\t\n",
		strings.Repeat("a", 1024): strings.Repeat("a", 1024),
	} {
		got, ok := Normalize(s)
		require.True(t, ok, "%.40q", s)
		require.Equal(t, want, got)
	}
	for name, s := range map[string]string{
		"NUL":                  "pass\x00word",
		"invalid":              "pass\xff",
		"surrogate":            "\xed\xa0\x80",
		"too long":             strings.Repeat("a", 1025),
		"too long once folded": strings.Repeat("\ufdfa", 100),
	} {
		_, ok := Normalize(s)
		require.False(t, ok, name)
	}
}

func TestCount(t *testing.T) {
	require.Equal(t, 0, Count(""))
	require.Equal(t, 8, Count("😀😀😀😀😀😀😀😀"))
	require.Equal(t, 4, Count("größ"))
}
