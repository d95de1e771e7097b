package passwords

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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

func TestStrength(t *testing.T) {
	for s, want := range map[string][2]int{ // lowest and highest that would be honest
		"":                             {0, 0},
		"a":                            {0, 0},
		"123456":                       {0, 1},
		"12345678":                     {0, 1},
		"aaaaaaaaaaaa":                 {0, 0},
		"abcabcabcabcabc":              {0, 1},
		"qwertyuiop":                   {0, 1},
		"lkjhgfdsa":                    {0, 1},
		"1qaz2wsx3edc4rfv":             {0, 1},
		"abcdefghijklmnop":             {0, 0},
		"password":                     {0, 1},
		"Password1":                    {0, 1},
		"P@ssw0rd1":                    {0, 1},
		"drowssap":                     {0, 1},
		"Password1!":                   {1, 1},
		"Summer2026!":                  {1, 2},
		"dragon1987":                   {1, 2},
		"monkeydragon":                 {2, 2},
		"x7#Kq":                        {1, 1},
		"hjqwkvzp":                     {2, 2},
		"k7#Vq2!zPd":                   {4, 4},
		"wxdqzpvkhnty":                 {3, 4},
		"correct horse battery staple": {4, 4},
		"the rain in spain stays here": {4, 4},
		"надёжныйпароль":               {4, 4},
		"正確馬電池訂書針":                     {4, 4},
	} {
		got := Strength(s)
		require.True(t, want[0] <= got && got <= want[1], "%q: %d", s, got)
	}
	require.Equal(t, 0, Strength("pass\x00word long enough"))
	require.Equal(t, 4, Strength(strings.Repeat("k7#Vq2!zPd", 100)[:1000]+"x"))
}

func TestStrengthContext(t *testing.T) {
	for _, c := range []struct {
		password string
		context  string
	}{
		{"zaphodbeeblebrox", "Zaphod Beeblebrox"},
		{"Beeblebrox42", "Zaphod Beeblebrox"},
		{"xorbelbeeb", "beeblebrox"},
		{"quuxfrobnicate", "quux.frobnicate"},
		{"b33bl3br0x", "Beeblebrox"},
	} {
		require.Less(t, Strength(c.password, c.context), Strength(c.password), c.password)
	}
	require.Equal(t, Strength("k7#Vq2!zPd"), Strength("k7#Vq2!zPd", "", "a", "ab", "\xff"))
	require.LessOrEqual(t, Strength("frobnicate1", "frobnicate"), 1)
}

func FuzzStrength(f *testing.F) {
	f.Add("P@ssw0rd2026", "Ada Lovelace")
	f.Add("aaa\u0301", "a")
	f.Fuzz(func(t *testing.T, password, context string) {
		got := Strength(password, context)
		require.True(t, 0 <= got && got <= 4)
		require.LessOrEqual(t, got, Strength(password))
		if s, ok := Normalize(password); ok {
			require.True(t, utf8.ValidString(s))
			again, ok := Normalize(s)
			require.True(t, ok)
			require.Equal(t, s, again)
			require.Equal(t, Common(password), Common(s))
		}
	})
}

func BenchmarkStrength(b *testing.B) {
	password := strings.Repeat("k7#Vqdragon2!zP", 5)
	for b.Loop() {
		Strength(password, "Ada Lovelace")
	}
}
