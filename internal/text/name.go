// Package text treats what people write: names that go into mails, audit
// entries and pages, the initials on a picture, and links that must not become
// one in a mail.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/aegisrunner/account-settings/fault"
)

// Name returns s as a name of 1 to max code points: normalised to NFC, without
// the spaces around it. Any script is welcome. The error is a [fault.Fields]
// about field, with one of the codes "required" (empty, or nothing that can be
// seen), "too_long" and "invalid_characters" (controls, line breaks, characters
// that reverse the direction of what follows, and text that is not Unicode).
func Name(field, s string, max int) (string, error) {
	tooLong := fault.Fields{{
		Name: field, Code: "too_long", Message: "is too long", Params: map[string]any{"max": max},
	}}
	// Bounds the work: a code point of NFC takes at most 18 bytes when it is
	// taken apart, and the rest is for spaces around it.
	if len(s) > 18*max+1024 {
		return "", tooLong
	}
	if !utf8.ValidString(s) {
		return "", invalidCharacters(field)
	}
	s = strings.TrimFunc(norm.NFC.String(s), unicode.IsSpace)
	switch {
	case strings.ContainsFunc(s, forbidden):
		return "", invalidCharacters(field)
	case !strings.ContainsFunc(s, visible):
		return "", fault.Fields{{Name: field, Code: "required", Message: "is required"}}
	case utf8.RuneCountInString(s) > max:
		return "", tooLong
	}
	return s, nil
}

func invalidCharacters(field string) error {
	return fault.Fields{{
		Name: field, Code: "invalid_characters", Message: "holds line breaks or characters that cannot be seen; remove them",
	}}
}

// forbidden holds for what breaks a line, a header or the direction of a text.
// U+FFFD is there because decoders put it where a lone surrogate was.
func forbidden(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return true
	case '\u202a' <= r && r <= '\u202e', '\u2066' <= r && r <= '\u2069':
		return true
	}
	return r&0xfffe == 0xfffe || '\ufdd0' <= r && r <= '\ufdef' // not characters
}

// visible holds for what leaves a mark on paper. Some letters do not.
func visible(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800':
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
}
