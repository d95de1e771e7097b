// Package redirect decides where a browser may be sent after a form. It is the
// one validator for every "next" that comes from outside.
package redirect

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength is in bytes, for what comes in and for what goes out.
const maxLength = 2048

// maxRounds bounds how deep a path may be percent-encoded.
const maxRounds = 4

// Safe returns next as a path of this origin, with its query and without its
// fragment, in ASCII and fit for a Location header. It returns "" for anything
// else; callers then go where they would have gone without a next.
//
// Whatever a browser, a proxy or a router may read differently is refused
// instead of mended: more than 2,048 bytes, backslashes, controls (also
// percent-encoded ones), dot segments, empty segments, and a path that would
// become any of these when it is decoded once more.
func Safe(next string) string {
	if len(next) > maxLength || !utf8.ValidString(next) {
		return ""
	}
	next, _, _ = strings.Cut(next, "#")
	if !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, refused) || hasEncodedControl(next) {
		return ""
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" {
		return ""
	}
	if !plainPath(u.EscapedPath()) {
		return ""
	}
	safe := escape(u.EscapedPath())
	if u.RawQuery != "" {
		safe += "?" + escape(u.RawQuery)
	}
	if len(safe) > maxLength {
		return ""
	}
	return safe
}

func refused(r rune) bool {
	return r == '\\' || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// hasEncodedControl looks at the query too: what it carries may end up in a
// header or a log of whoever reads it.
func hasEncodedControl(s string) bool {
	for i := 0; i+2 < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		high, low := s[i+1], s[i+2]
		if high == '0' || high == '1' || high == '7' && (low == 'f' || low == 'F') {
			return true
		}
	}
	return false
}

// plainPath reports whether every reading of an encoded path, decoded once or
// several times, is an ordinary absolute path.
func plainPath(encoded string) bool {
	for range maxRounds {
		if !ordinary(encoded) {
			return false
		}
		decoded, err := url.PathUnescape(encoded)
		if err != nil {
			return false
		}
		if decoded == encoded {
			return true
		}
		if !strings.Contains(decoded, "%") {
			return ordinary(decoded)
		}
		encoded = decoded
	}
	return false
}

func ordinary(path string) bool {
	if !utf8.ValidString(path) || strings.ContainsFunc(path, refused) || strings.Contains(path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return strings.HasPrefix(path, "/")
}

// escape percent-encodes what has no place in a header or an attribute.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= utf8.RuneSelf || strings.IndexByte("\"'<>`", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
