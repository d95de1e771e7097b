package cursor

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	for _, parts := range [][]string{
		{"2026-11-24T05:57:32.671123Z", "01940000-0000-7000-8000-000000000001"},
		{""}, {"", ""}, {"a", "", "é😀"}, {strings.Repeat("x", 200), strings.Repeat("y", 170)},
	} {
		s := Encode(parts...)
		require.NotEmpty(t, s)
		require.LessOrEqual(t, len(s), 512)
		got, ok := Decode(s, len(parts))
		require.True(t, ok)
		require.Equal(t, parts, got)
		for _, n := range []int{0, len(parts) - 1, len(parts) + 1, -1} {
			if n != len(parts) {
				_, ok = Decode(s, n)
				require.False(t, ok, "%d", n)
			}
		}
	}
	require.Equal(t, "AQFhAWI", Encode("a", "b"), "clients keep cursors over an upgrade")
}

func TestBound(t *testing.T) {
	require.Empty(t, Encode(strings.Repeat("x", 400)))
	require.NotEmpty(t, Encode(strings.Repeat("x", 381)))
	require.Empty(t, Encode(strings.Repeat("x", 382)))
}

func TestDecodeRefuses(t *testing.T) {
	raw := base64.RawURLEncoding.EncodeToString
	for name, s := range map[string]string{
		"empty":             "",
		"not base64":        "%%%",
		"standard alphabet": "AQN-/+8",
		"padded":            Encode("a", "bc") + "=",
		"line feed":         Encode("a", "b") + "\n",
		"spare bits":        "AQFhAWJ",
		"space":             " " + Encode("a", "b"),
		"another version":   raw([]byte{2, 1, 'a', 1, 'b'}),
		"no version":        raw([]byte{1}),
		"cut":               raw([]byte{1, 1, 'a', 2, 'b'}),
		"huge length":       raw([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 'a'}),
		"overflow":          raw([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'}),
		"long form":         raw([]byte{1, 0x81, 0, 'a', 1, 'b'}),
		"unfinished length": raw([]byte{1, 1, 'a', 0x80}),
		"three parts":       raw([]byte{1, 1, 'a', 1, 'b', 1, 'c'}),
		"one part":          raw([]byte{1, 1, 'a'}),
		"NUL":               raw([]byte{1, 1, 0, 1, 'b'}),
		"not UTF-8":         raw([]byte{1, 1, 0xff, 1, 'b'}),
		"too long":          strings.Repeat("A", 513),
	} {
		_, ok := Decode(s, 2)
		require.False(t, ok, name)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode("a", "b"))
	f.Add("AQ")
	f.Add("AQ==\n")
	f.Fuzz(func(t *testing.T, s string) {
		for n := range 4 {
			parts, ok := Decode(s, n)
			if !ok {
				continue
			}
			require.Len(t, parts, n)
			require.Equal(t, s, Encode(parts...), "one text for one position")
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("2026-11-24T05:57:32Z", "01940000-0000-7000-8000-000000000001")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := Encode(a, b)
		require.LessOrEqual(t, len(s), 512)
		parts, ok := Decode(s, 2)
		fine := s != "" && utf8.ValidString(a) && utf8.ValidString(b) && !strings.Contains(a+b, "\x00")
		require.Equal(t, fine, ok)
		if ok {
			require.Equal(t, []string{a, b}, parts)
		}
	})
}
