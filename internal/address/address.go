// Package address reads email addresses. It is the one place where an address
// is accepted, and where two spellings are found to be the same mailbox.
//
// What is accepted is less than what RFC 5322 allows, on purpose: whatever
// could be read in two ways is refused instead of mended.
//
//   - The part before the @ is a dot-atom of ASCII (RFC 5321) and at most 64
//     bytes. Quotes, comments and display names are refused, and so is anything
//     beyond ASCII: KELVIN SIGN and dotless ı would fold into the address of
//     somebody else.
//   - The domain has at least two labels, may be international, and is compared
//     in its ASCII form (IDNA 2008, UTS 46). It is refused when it is an IP
//     address, ends in a dot, or holds a character that turns into ASCII or is
//     invisible.
//
// The key ignores case on both sides of the @. Plus addresses and the dots of
// Gmail stay what they are: a+b@x, ab@x and a.b@x are three people.
package address

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/aegisrunner/account-settings/fault"
)

// Limits, in bytes.
const (
	maxTotal  = 254 // RFC 5321, section 4.5.3.1.3, less the angle brackets
	maxLocal  = 64
	maxDomain = 253
	maxLabel  = 63
)

// Address is an address that [Parse] accepted.
type Address struct {
	Email string // as typed, less the spaces around it; for display
	Key   string // canonical ASCII; equal for equal mailboxes, and unique per person
}

// Parse reads an address of at most 254 bytes. The error is a [fault.Fields]
// about the field "email" with one of the codes "required", "too_long" and
// "invalid_email".
func Parse(s string) (Address, error) {
	// Bounds the work below; the exact limit is checked once spaces are gone.
	if len(s) > 4*maxTotal {
		return Address{}, tooLong()
	}
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.Is(unicode.Zs, r) })
	switch {
	case s == "":
		return Address{}, refusal("required", "is required")
	case len(s) > maxTotal:
		return Address{}, tooLong()
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !validLocal(local) {
		return Address{}, invalid()
	}
	ascii, ok := canonicalDomain(domain)
	if !ok {
		return Address{}, invalid()
	}
	key := lowerASCII(local) + "@" + ascii
	if len(key) > maxTotal {
		return Address{}, tooLong()
	}
	return Address{Email: s, Key: key}, nil
}

func refusal(code, message string) error {
	return fault.Fields{{Name: "email", Code: code, Message: message}}
}

func invalid() error {
	return refusal("invalid_email", "is not an address; enter one like name@example.com")
}

func tooLong() error {
	return fault.Fields{{
		Name: "email", Code: "too_long", Message: "is too long; enter an address of at most 254 characters",
		Params: map[string]any{"max": maxTotal},
	}}
}

// validLocal reports whether s is a dot-atom of RFC 5321. One that a mail program
// could decode as an encoded word (RFC 2047) into another address is refused.
func validLocal(s string) bool {
	if s == "" || len(s) > maxLocal || strings.Contains(s, "=?") {
		return false
	}
	previous := byte('.')
	for i := range len(s) {
		c := s[i]
		if c == '.' && previous == '.' || c != '.' && !isAtext(c) {
			return false
		}
		previous = c
	}
	return previous != '.'
}

func isAtext(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// canonicalDomain returns the lower-case ASCII form of s.
func canonicalDomain(s string) (string, bool) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, ambiguous) {
		return "", false
	}
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil {
		return "", false
	}
	ascii = lowerASCII(ascii)
	typed, labels := strings.Split(s, "."), strings.Split(ascii, ".")
	// IDNA takes other full stops for dots; nobody types them in an address.
	if len(labels) < 2 || len(labels) != len(typed) || len(ascii) > maxDomain {
		return "", false
	}
	for i, label := range labels {
		if !validLabel(label, typed[i]) {
			return "", false
		}
	}
	// A top-level domain is never a number, and an IPv4 address ends in one.
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", false
	}
	return ascii, true
}

// ambiguous reports whether r must not stand in a domain: it cannot be seen, or
// compatibility makes another character of it.
func ambiguous(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r <= ' ' || r == 0x7f
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z, unicode.Variation_Selector, unicode.Co, unicode.Cs):
		return true
	}
	single := string(r)
	return norm.NFKC.String(single) != single
}

// validLabel checks one label in its ASCII form against what was typed.
func validLabel(label, typed string) bool {
	if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		if c := label[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	if !strings.HasPrefix(label, "xn--") {
		return isASCII(typed) // else a mapping has turned it into ASCII
	}
	// Several spellings of Punycode decode to one name, and some to plain ASCII.
	decoded, err := idna.Lookup.ToUnicode(label)
	if err != nil || isASCII(decoded) {
		return false
	}
	again, err := idna.Lookup.ToASCII(decoded)
	return err == nil && again == label
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lowerASCII leaves everything beyond ASCII alone: strings.ToLower would make a
// k of the KELVIN SIGN.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
