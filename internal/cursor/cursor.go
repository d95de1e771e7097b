// Package cursor packs the place where a page of a list ended into an opaque
// text, and reads it back. A cursor is no secret and is not authenticated: it
// holds nothing but a position, and whoever reads one checks what is in it like
// any other input.
package cursor

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

const (
	version = 1
	// maxLength is that of the text, in bytes.
	maxLength = 512
)

// Encode packs parts, which are valid UTF-8 without NUL, such as a time and an
// identifier. The text is URL-safe. It is "" if it would exceed 512 bytes, which
// leaves room for about 370 bytes of parts.
func Encode(parts ...string) string {
	raw := []byte{version}
	for _, p := range parts {
		raw = binary.AppendUvarint(raw, uint64(len(p)))
		raw = append(raw, p...)
	}
	if base64.RawURLEncoding.EncodedLen(len(raw)) > maxLength {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Decode returns the n parts of a text that [Encode] made. It reports false for
// anything else. Parts are valid UTF-8 without NUL, so that they can be handed
// to a database.
func Decode(s string, n int) ([]string, bool) {
	if s == "" || len(s) > maxLength {
		return nil, false
	}
	// Strict, and without the line ends that the decoder would skip: one
	// position has one text.
	if strings.ContainsAny(s, "\r\n") {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || raw[0] != version {
		return nil, false
	}
	raw = raw[1:]
	var parts []string
	for len(raw) > 0 {
		size, width := binary.Uvarint(raw)
		if width <= 0 || size > uint64(len(raw)-width) || width != uvarintLen(size) || len(parts) == n {
			return nil, false
		}
		part := string(raw[width : width+int(size)])
		if !utf8.ValidString(part) || strings.IndexByte(part, 0) >= 0 {
			return nil, false
		}
		parts, raw = append(parts, part), raw[width+int(size):]
	}
	return parts, len(parts) == n
}

// uvarintLen returns the shortest length of the encoding of n.
func uvarintLen(n uint64) int { return len(binary.AppendUvarint(nil, n)) }
