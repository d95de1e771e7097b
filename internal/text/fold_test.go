package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestFoldMakesSpellingsOne(t *testing.T) {
	for want, spellings := range map[string][]string{
		"zoe nunez": {"Zoe Nunez", "ZOË NÚÑEZ", "Zoe\u0308 Nu\u0301n\u0303ez", "ｚｏｅ ｎｕｎｅｚ"},
		"strasse":   {"Straße", "STRASSE", "STRAẞE"},
		"file":      {"ﬁle", "FILE"},
		"istanbul":  {"İstanbul", "ISTANBUL", "istanbul"},
		"σισυφοσ":   {"Σίσυφος", "ΣΊΣΥΦΟΣ"},
		"김":         {"김", "\u1100\u1175\u11b7"},
		"か":         {"が", "か"},
		"100%_":     {"100%_"},
		"":          {"", "\u0301"},
	} {
		for _, s := range spellings {
			require.Equal(t, want, Fold(s), "%q", s)
		}
	}
}

func TestFoldTwiceIsFoldOnce(t *testing.T) {
	for _, s := range []string{"ΐ", "İ", "ǰ", "ﷺ", "Ǆ", "ẞ", "ᾳ", "К\u0308", "\u1e9b\u0323", "Å", "㎒"} {
		require.Equal(t, Fold(s), Fold(Fold(s)), "%q", s)
	}
}

func TestFoldHasAnEnd(t *testing.T) {
	for _, s := range []string{strings.Repeat("ﷺ", 100), strings.Repeat("é", 600), strings.Repeat("漢", 400), strings.Repeat("😀", 300)} {
		folded := Fold(s)
		require.LessOrEqual(t, len(folded), maxFold)
		require.Greater(t, len(folded), maxFold-4)
		require.True(t, utf8.ValidString(folded))
	}
}
