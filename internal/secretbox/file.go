package secretbox

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile bounds a key file, in bytes.
const maxFile = 1 << 20

// Load reads a ring from a file:
//
//	{"primary": "2026-11", "keys": {"2026-11": "<base64 of 32 bytes>"}, "mac": "<base64 of 32 bytes>"}
//
// Where the system has them, the permissions of the file must keep out everybody
// but its owner and group. A file that is not there is an [io/fs.ErrNotExist];
// every other error says which field or key is wrong, and never what it holds.
func Load(path string) (*Ring, error) {
	f, err := os.Open(path) //nolint:gosec // which file it is, is for the host to say
	if err != nil {
		return nil, fmt.Errorf("secretbox: open the key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	// Of the open file, so that it cannot be another one by now.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("secretbox: look at the key file: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("secretbox: %s is not a file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("secretbox: everybody can use %s (mode %04o); make it chmod 600", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("secretbox: %s is too large for a key file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("secretbox: read the key file: %w", err)
	}
	r, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return r, nil
}

// Create writes a file with fresh keys, mode 0600. It appears with all its
// content or not at all, and one that exists is never overwritten: that is an
// [io/fs.ErrExist]. The folder must exist, on a file system with hard links.
func Create(path string) error {
	data, err := generate()
	if err != nil {
		return err
	}
	if err := writeNew(path, data); err != nil {
		return fmt.Errorf("secretbox: create the key file: %w", err)
	}
	return nil
}

// generate returns the content of a new key file.
func generate() ([]byte, error) {
	var random [4 + 2*KeySize]byte
	_, _ = rand.Read(random[:]) // never fails
	name := "k-" + hex.EncodeToString(random[:4])
	encode := base64.StdEncoding.EncodeToString
	data, err := json.MarshalIndent(struct {
		Primary string            `json:"primary"`
		Keys    map[string]string `json:"keys"`
		MAC     string            `json:"mac"`
	}{name, map[string]string{name: encode(random[4 : 4+KeySize])}, encode(random[4+KeySize:])}, "", "  ")
	return append(data, '\n'), err
}

// writeNew writes beside path and links the result there, because linking,
// unlike renaming, fails when there is something already.
func writeNew(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(tmp.Name())) }()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there
	}
	d, err := os.Open(dir) //nolint:gosec // the folder of that file
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Parse reads the content of a key file; see [Load].
func Parse(data []byte) (*Ring, error) {
	// Token by token: encoding/json would take the last of two fields with one
	// name, and "Primary" for "primary".
	d := json.NewDecoder(bytes.NewReader(data))
	var primary, mac string
	var encoded map[string]string
	err := object(d, "", func(field string) (err error) {
		switch field {
		case "primary":
			primary, err = text(d, field)
		case "mac":
			mac, err = text(d, field)
		case "keys":
			encoded = make(map[string]string)
			err = object(d, "keys", func(name string) (err error) {
				encoded[name], err = text(d, name)
				return err
			})
		default:
			err = fmt.Errorf("secretbox: unknown field %.80q", field)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("secretbox: there is something behind the keys")
	}
	return decode(primary, encoded, mac)
}

func decode(primary string, encoded map[string]string, mac string) (*Ring, error) {
	switch {
	case primary == "":
		return nil, errors.New(`secretbox: "primary" is missing`)
	case len(encoded) == 0:
		return nil, errEmpty
	case mac == "":
		return nil, errors.New(`secretbox: "mac" is missing`)
	}
	keys := make(map[string][]byte, len(encoded))
	for name, s := range encoded {
		key, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return nil, fmt.Errorf("secretbox: key %.80q is not base64", name)
		}
		keys[name] = key
	}
	macKey, err := base64.StdEncoding.Strict().DecodeString(mac)
	if err != nil {
		return nil, errors.New(`secretbox: key "mac" is not base64`)
	}
	return New(primary, keys, macKey)
}

// object reads an object and calls value for each field, which must consume it.
func object(d *json.Decoder, name string, value func(field string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		if name == "" {
			return errors.New("secretbox: this is not a JSON object")
		}
		return fmt.Errorf("secretbox: %q is not a JSON object", name)
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		field, ok := t.(string)
		if err != nil || !ok {
			return errors.New("secretbox: this is not JSON")
		}
		if seen[field] {
			return fmt.Errorf("secretbox: %.80q is there twice", field)
		}
		seen[field] = true
		if err := value(field); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errors.New("secretbox: this is not JSON")
	}
	return nil
}

func text(d *json.Decoder, field string) (string, error) {
	t, err := d.Token()
	s, ok := t.(string)
	if err != nil || !ok {
		return "", fmt.Errorf("secretbox: %.80q is not a string", field)
	}
	return s, nil
}
