// Package token makes and recognises the secrets that a person or a browser
// carries: session tokens and the tokens of mailed links.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
)

// Size is the number of random bytes in a token: 256 bits.
const Size = 32

// length is that of the text: unpadded URL-safe base64 (RFC 4648, section 5).
const length = 43

// Secret is a token in the clear. It does not print itself; see [Secret.Reveal].
type Secret struct{ text string }

// Hash is what is stored: SHA-256 of the random bytes. A fast hash is enough,
// because there is nothing to guess in 256 random bits.
type Hash [sha256.Size]byte

// New returns a fresh secret. It reads crypto/rand, which never fails.
func New() Secret {
	var b [Size]byte
	_, _ = rand.Read(b[:])
	return Secret{base64.RawURLEncoding.EncodeToString(b[:])}
}

// Parse recognises the text of a token by its form alone. The strict decoder
// refuses a last character whose spare bits are set, so that each token has one
// spelling.
func Parse(s string) (Secret, bool) {
	if len(s) != length {
		return Secret{}, false
	}
	var b [Size]byte
	// The decoder skips line ends: a text with one is a byte short.
	if n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(s)); err != nil || n != Size {
		return Secret{}, false
	}
	return Secret{s}, true
}

// Reveal returns the text, for the one place that it is meant for.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no token.
func (s Secret) IsZero() bool { return s.text == "" }

// Hash returns what is stored.
func (s Secret) Hash() Hash {
	var b [Size]byte
	_, _ = base64.RawURLEncoding.Decode(b[:], []byte(s.text))
	return sha256.Sum256(b[:])
}

// Format hides the secret from fmt, whatever the verb: %d would pass String by.
func (Secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("[secret]")) }

// String hides the secret.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }
