package text

import (
	"regexp"
	"strings"
	"unicode"
)

// scheme matches the beginning of a link, with whatever else stands at its
// colon, and mailto and tel, which need no slashes.
var scheme = regexp.MustCompile(`(?i)[a-z0-9+.-]*:[\\/]{2,}|\b(?:mailto|tel|sms):`)

// dots are those that mail programs or browsers take for the dot of a domain.
const dots = ".\u2024\u3002\uff0e\uff61\ufe52"

// Delink returns s in words that no mail program turns into a link or an
// address: schemes go, an @ inside a word becomes " at ", and a dot inside a
// word becomes a space. It is for names that somebody else chose and that go
// into a mail, such as those of an inviter and of an organization; HTML is the
// template's affair. What is left reads the same: "Amazon.com" is "Amazon com",
// "J.R.R. Tolkien" is "J R R. Tolkien".
//
// The result is one line, without invisible characters, which could hide a dot.
func Delink(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.In(r, unicode.Z):
			return ' '
		case unicode.In(r, unicode.Cf) && r != '\u200c' && r != '\u200d': // those two spell words
			return -1
		case r == '\uff20', r == '\ufe6b':
			return '@'
		case r == '\uff1a':
			return ':'
		case r == '\uff0f':
			return '/'
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = scheme.ReplaceAllString(s, " ")
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		switch inside := i > 0 && i+1 < len(runes) && runes[i-1] != ' ' && runes[i+1] != ' '; {
		case inside && strings.ContainsRune(dots, r):
			b.WriteByte(' ')
		case inside && r == '@':
			b.WriteString(" at ")
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
