package settings

import "github.com/aegisrunner/account-settings/internal/secretbox"

// Keys is the key ring under which secrets are sealed at rest. Losing it loses
// what was sealed: waiting mail, and later second factors. It does not print
// itself.
type Keys struct{ ring *secretbox.Ring }

// LoadKeys reads a key file:
//
//	{"primary": "2026-11", "keys": {"2026-11": "<32 bytes in base64>"}, "mac": "<32 bytes in base64>"}
//
// To rotate, add a key and make it primary; the old one stays until nothing is
// sealed under it. "mac" never changes. The file must not be readable by others.
// The error names what is missing or wrong, and no key.
func LoadKeys(path string) (Keys, error) {
	ring, err := secretbox.Load(path)
	if err != nil {
		return Keys{}, err
	}
	return Keys{ring}, nil
}

// CreateKeys writes a new key file, readable by its owner alone, and loads it.
// It never overwrites one.
func CreateKeys(path string) (Keys, error) {
	if err := secretbox.Create(path); err != nil {
		return Keys{}, err
	}
	return LoadKeys(path)
}

// NewKeys makes a ring of keys that the host keeps elsewhere: each of 32 random
// bytes, by name, with primary the one that seals, and mac one that never
// changes.
func NewKeys(primary string, keys map[string][]byte, mac []byte) (Keys, error) {
	ring, err := secretbox.New(primary, keys, mac)
	if err != nil {
		return Keys{}, err
	}
	return Keys{ring}, nil
}

// String hides the keys.
func (Keys) String() string { return "[keys]" }

// GoString hides the keys.
func (Keys) GoString() string { return "[keys]" }
