package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxCluster bounds one initial, in code points: marks can be stacked without end.
const maxCluster = 6

// Initials returns one or two initials of a name in upper case: that of the
// first and that of the last word that has any. Marks stay with their letter,
// and so do the letters of a conjunct in the scripts of India. Names in Chinese,
// Japanese and Korean get one, the first character. It returns "?" when there is
// no letter and no digit.
//
// The result is in logical order, so that right-to-left text is laid out right
// by whatever draws it.
func Initials(name string) string {
	var first, last string
	for _, word := range strings.FieldsFunc(norm.NFC.String(name), unicode.IsSpace) {
		initial := initialOf(word)
		if first == "" {
			first = initial
		} else if initial != "" {
			last = initial
		}
	}
	switch {
	case first == "":
		return "?"
	case last == "" || isIdeographic(first):
		return first
	case isArabic(first) && isArabic(last):
		return first + "\u200c" + last // unjoined: they are two initials and not a word
	}
	return first + last
}

// initialOf returns the first letter or digit of a word with what belongs to it.
func initialOf(word string) string {
	runes := []rune(word)
	start := 0
	for start < len(runes) && !startsInitial(runes, start) {
		start++
	}
	if start == len(runes) {
		return ""
	}
	end := start + 1
	for end < len(runes) && end-start < maxCluster && joins(runes[end-1], runes[end]) {
		end++
	}
	cluster := runes[start:end]
	// Title case and not upper case: it leaves alone what has none (Georgian).
	cluster[0] = unicode.ToTitle(cluster[0])
	return string(cluster)
}

func startsInitial(runes []rune, i int) bool {
	r := runes[i]
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) || !visible(r) {
		return false
	}
	// Thai and Lao write some vowels before the consonant that they follow.
	prefixed := '\u0e40' <= r && r <= '\u0e44' || '\u0ec0' <= r && r <= '\u0ec4'
	return !prefixed || i+1 == len(runes) || !unicode.IsLetter(runes[i+1])
}

// joins reports whether next belongs to the same initial as the rune before it.
func joins(previous, next rune) bool {
	if unicode.IsMark(next) || next == '\u200d' && isVirama(previous) {
		return true
	}
	return (isVirama(previous) || previous == '\u200d') && unicode.IsLetter(next)
}

// isVirama holds for the signs that fuse two consonants into one shape.
func isVirama(r rune) bool {
	switch r {
	case '\u094d', '\u09cd', '\u0a4d', '\u0acd', '\u0b4d', '\u0c4d', '\u0ccd', '\u0d4d', '\u0dca', '\u1039', '\u17d2':
		return true
	}
	return false
}

func isIdeographic(s string) bool {
	for _, r := range s {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo)
	}
	return false
}

func isArabic(s string) bool {
	for _, r := range s {
		return unicode.In(r, unicode.Arabic, unicode.Syriac)
	}
	return false
}
