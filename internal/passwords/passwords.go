// Package passwords normalises passwords, knows the most common ones, and
// measures the strength of the others.
package passwords

import (
	_ "embed"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the most that a password may have, before it is normalised and
// after: a bound on what is hashed.
const MaxBytes = 1024

// common.txt holds some 13,000 passwords, one a line, in lower case and in the
// order of their bytes. It is our own compilation, under the licence of this
// module: the passwords that lead every published frequency list, written down
// from common knowledge, and what people systematically make of them: common
// words and given names with the usual endings, years, seasons and months with
// years, repeated and running characters, and walks on the keyboard (QWERTY,
// QWERTZ, AZERTY).
//
//go:embed common.txt
var common string

// Normalize returns s in the form that is hashed and compared, NFKC, so that a
// password typed on another keyboard is still the same. It reports false for
// text that is not UTF-8, holds a NUL, or exceeds [MaxBytes]. Nothing else is
// changed or cut: spaces and case count.
func Normalize(s string) (string, bool) {
	if len(s) > MaxBytes || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return "", false
	}
	s = norm.NFKC.String(s)
	return s, len(s) <= MaxBytes
}

// Count returns the length of s as people count it: in code points.
func Count(s string) int { return utf8.RuneCountInString(s) }

// Common reports whether password is one of the most common ones, without
// regard to case. One that [Normalize] refuses is not.
func Common(password string) bool {
	s, ok := Normalize(password)
	return ok && listed(strings.ToLower(s))
}

// listed searches the text itself, so that the list costs no memory beside it.
func listed(s string) bool {
	if s == "" || strings.IndexByte(s, '\n') >= 0 {
		return false
	}
	// The first offset whose line is not before s.
	at := sort.Search(len(common), func(i int) bool { return lineAround(i) >= s })
	return at < len(common) && lineAround(at) == s
}

// lineAround returns the line that the byte at i, or its line feed, belongs to.
func lineAround(i int) string {
	start := strings.LastIndexByte(common[:i], '\n') + 1
	end := strings.IndexByte(common[start:], '\n')
	if end < 0 {
		return common[start:]
	}
	return common[start : start+end]
}
