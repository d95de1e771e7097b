package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxFold bounds what Fold returns, in bytes: one code point can fold into
// eighteen, and an entry of an index has an end.
const maxFold = 512

// Fold returns s as names are searched and sorted by: compatibility forms and
// cases are one (NFKC and full case folding of Unicode), and combining marks are
// gone, so that "Zoë", "ZOE" and "ｚｏｅ" are equal. It is at most 512 bytes, cut
// between two characters; what follows counts no more. A prefix of a text folds
// to a prefix of what the text folds to, except that half of a Hangul syllable
// or of a ligature is not the whole.
func Fold(s string) string {
	s = cases.Fold().String(norm.NFKD.String(s))
	// Folding takes some letters apart again, so that marks are looked for last.
	s = norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s)))
	if len(s) <= maxFold {
		return s
	}
	end := maxFold
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
