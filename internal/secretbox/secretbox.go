// Package secretbox seals what must not lie open in a database, with AES-256-GCM
// under a ring of named keys.
//
// # What a sealed value looks like
//
//	version 1 ‖ length of the key's name ‖ the key's name ‖ nonce (12) ‖ ciphertext and tag
//
// Everything before the nonce, and the caller's context, is authenticated: a
// value opens only under the key it names and for the row it was sealed for.
// Nonces are random; a key should seal fewer than 2³² values.
//
// # Rotation
//
// Add a key to the file, make it the primary one, and start the nodes with it.
// What was sealed before still opens; [Ring.NeedsReseal] tells what to seal anew.
// Take the old key out once nothing is left under it. With several nodes, first
// add the key everywhere and then make it primary.
//
// [Ring.MAC] uses a key of its own, which must not change: what it makes is used
// to find rows.
package secretbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// KeySize is the size of every key in bytes.
const KeySize = 32

const (
	version   = 1
	nonceSize = 12
	tagSize   = 16
	maxKeyID  = 64
	redacted  = "[keys]"
)

// Errors of this package. None holds a key or what was sealed.
var (
	// ErrCorrupt: not something that was sealed, changed since, or sealed for
	// another context.
	ErrCorrupt = errors.New("secretbox: sealed value is corrupt or belongs elsewhere")

	// ErrUnknownKey is wrapped by an error that names the key.
	ErrUnknownKey = errors.New("secretbox: sealed under a key that is not in the ring")

	errEmpty = errors.New("secretbox: the ring has no keys")
)

// Ring is a set of keys. It is immutable, safe for concurrent use, and does not
// print itself. Its zero value seals and opens nothing.
type Ring struct {
	primary string
	// Functions, because fmt and debug printers follow pointers inside of the
	// unexported fields of others, past every method below, and not closures.
	keys map[string]func() cipher.AEAD
	mac  func() []byte
}

// New returns a ring. Each key and mac has 32 random bytes and none is used
// twice; a name has 1 to 64 of the characters a–z, A–Z, 0–9, '.', '_' and '-'.
func New(primary string, keys map[string][]byte, mac []byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errEmpty
	}
	if len(mac) != KeySize {
		return nil, fmt.Errorf("secretbox: key \"mac\" has %d bytes, want %d", len(mac), KeySize)
	}
	mac = bytes.Clone(mac)
	r := &Ring{primary: primary, keys: make(map[string]func() cipher.AEAD, len(keys)), mac: func() []byte { return mac }}
	seen := map[string]string{string(mac): "mac"}
	for name, key := range keys {
		if !validName(name) {
			return nil, fmt.Errorf("secretbox: %.80q is no name for a key", name)
		}
		if len(key) != KeySize {
			return nil, fmt.Errorf("secretbox: key %q has %d bytes, want %d", name, len(key), KeySize)
		}
		if other, ok := seen[string(key)]; ok {
			return nil, fmt.Errorf("secretbox: keys %q and %q are the same", min(name, other), max(name, other))
		}
		seen[string(key)] = name
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		r.keys[name] = func() cipher.AEAD { return aead }
	}
	if _, ok := r.keys[primary]; !ok {
		return nil, fmt.Errorf("secretbox: the primary key %.80q is not among the keys", primary)
	}
	return r, nil
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxKeyID
}

// Seal encrypts plaintext under the primary key. context says what the value
// belongs to, such as the table, column and identifier of the row; it is
// authenticated and not stored, and [Ring.Open] must be given the same.
func (r *Ring) Seal(plaintext, context []byte) ([]byte, error) {
	if r == nil || len(r.keys) == 0 {
		return nil, errEmpty
	}
	header := append([]byte{version, byte(len(r.primary))}, r.primary...)
	aad := append(header[:len(header):len(header)], context...)
	sealed := make([]byte, len(header)+nonceSize, len(header)+nonceSize+len(plaintext)+tagSize)
	copy(sealed, header)
	nonce := sealed[len(header):]
	_, _ = rand.Read(nonce) // never fails
	return r.keys[r.primary]().Seal(sealed, nonce, plaintext, aad), nil
}

// Open decrypts what [Ring.Seal] returned for the same context. The error wraps
// [ErrCorrupt] or [ErrUnknownKey].
func (r *Ring) Open(sealed, context []byte) ([]byte, error) {
	if r == nil || len(r.keys) == 0 {
		return nil, errEmpty
	}
	name, header, ok := split(sealed)
	if !ok {
		return nil, ErrCorrupt
	}
	key, ok := r.keys[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownKey, name)
	}
	aad := append(sealed[:header:header], context...)
	plaintext, err := key().Open(nil, sealed[header:header+nonceSize], sealed[header+nonceSize:], aad)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plaintext, nil
}

// NeedsReseal reports whether sealed is not under the primary key. It looks at
// the name of the key alone.
func (r *Ring) NeedsReseal(sealed []byte) bool {
	name, _, ok := split(sealed)
	return r == nil || !ok || name != r.primary
}

// KeyOf returns the name of the key that a value is sealed under, "" if it is no
// sealed value, and whether that is the primary one.
func (r *Ring) KeyOf(sealed []byte) (name string, present bool) {
	name, _, ok := split(sealed)
	return name, ok && r != nil && name == r.primary
}

// Has reports whether the ring has a key of this name.
func (r *Ring) Has(name string) bool {
	if r == nil {
		return false
	}
	_, ok := r.keys[name]
	return ok
}

// split returns the name of the key and the length of all that precedes the nonce.
func split(sealed []byte) (name string, header int, ok bool) {
	if len(sealed) < 2 || sealed[0] != version {
		return "", 0, false
	}
	header = 2 + int(sealed[1])
	if len(sealed) < header+nonceSize+tagSize || !validName(string(sealed[2:header])) {
		return "", 0, false
	}
	return string(sealed[2:header]), header, true
}

// MAC returns HMAC-SHA256 of data under a key derived, for this purpose alone,
// from the ring's "mac" key. It stays the same when sealing keys rotate, so that
// it can stand in an index in place of what must not. Purposes are constants,
// such as "limiter.account". The result is all zero for an empty ring.
func (r *Ring) MAC(purpose string, data []byte) [32]byte {
	var sum [32]byte
	if r == nil || r.mac == nil {
		return sum
	}
	key, err := hkdf.Key(sha256.New, r.mac(), nil, "account-settings mac v1 "+purpose, KeySize)
	if err != nil {
		return sum // only for a length that SHA-256 cannot give
	}
	h := hmac.New(sha256.New, key)
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}

// Format hides the keys from fmt, whatever the verb.
func (Ring) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// String hides the keys.
func (Ring) String() string { return redacted }

// GoString hides the keys from %#v.
func (Ring) GoString() string { return redacted }

// LogValue hides the keys from slog.
func (Ring) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the keys from encoding/json.
func (Ring) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
