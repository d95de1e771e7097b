package secretbox

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCreateAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	_, err := Load(path)
	require.ErrorIs(t, err, fs.ErrNotExist)

	require.NoError(t, Create(path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	loaded, err := Load(path)
	require.NoError(t, err)
	sealed, err := loaded.Seal([]byte("secret"), nil)
	require.NoError(t, err)
	again, err := Load(path)
	require.NoError(t, err)
	plain, err := again.Open(sealed, nil)
	require.NoError(t, err)
	require.Equal(t, "secret", string(plain))
	require.Equal(t, loaded.MAC("p", nil), again.MAC("p", nil))

	other := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, Create(other))
	fresh, err := Load(other)
	require.NoError(t, err)
	require.NotEqual(t, loaded.MAC("p", nil), fresh.MAC("p", nil), "each file has its own keys")

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorIs(t, Create(path), fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)

	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left behind")

	require.ErrorIs(t, Create(filepath.Join(t.TempDir(), "absent", "keys.json")), fs.ErrNotExist)
}

func TestCreateRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var wg sync.WaitGroup
	loaded, errs := make([]*Ring, 16), make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			if errs[i] = Create(path); errs[i] == nil || errors.Is(errs[i], fs.ErrExist) {
				loaded[i], _ = Load(path) // never half written
			}
		})
	}
	wg.Wait()
	winners := 0
	for i, err := range errs {
		require.NotNil(t, loaded[i])
		require.Equal(t, loaded[0].MAC("p", nil), loaded[i].MAC("p", nil))
		if err != nil {
			require.ErrorIs(t, err, fs.ErrExist)
			continue
		}
		winners++
	}
	require.Equal(t, 1, winners)
}

func TestLoadPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, Create(path))
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: true, 0o604: false, 0o644: false, 0o602: false, 0o666: false, 0o601: false} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := Load(path)
		if ok {
			require.NoError(t, err, "%o", mode)
		} else {
			require.ErrorContains(t, err, "chmod 600", "%o", mode)
		}
	}
	_, err := Load(t.TempDir())
	require.ErrorContains(t, err, "is not a file")

	large := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(large, make([]byte, maxFile+1), 0o600))
	_, err = Load(large)
	require.ErrorContains(t, err, "too large")
}

func TestParse(t *testing.T) {
	one, two := base64.StdEncoding.EncodeToString(key(1)), base64.StdEncoding.EncodeToString(key(2))
	r, err := Parse([]byte(`{"primary":"2026-11","keys":{"2026-11":"` + one + `"},"mac":"` + two + `"}`))
	require.NoError(t, err)
	direct, err := New("2026-11", map[string][]byte{"2026-11": key(1)}, key(2))
	require.NoError(t, err)
	require.Equal(t, direct.MAC("p", nil), r.MAC("p", nil))

	for text, want := range map[string]string{
		``:                                      "not a JSON object",
		`[]`:                                    "not a JSON object",
		`null`:                                  "not a JSON object",
		`{`:                                     "not JSON",
		`{"primary":"a"`:                        "not JSON",
		`{}`:                                    `"primary" is missing`,
		`{"keys":{"a":"ONE"},"mac":"TWO"}`:      `"primary" is missing`,
		`{"primary":"a","mac":"TWO"}`:           "no keys",
		`{"primary":"a","keys":{},"mac":"TWO"}`: "no keys",
		`{"primary":"a","keys":{"a":"ONE"}}`:    `"mac" is missing`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":""}`:                  `"mac" is missing`,
		`{"primary":"b","keys":{"a":"ONE"},"mac":"TWO"}`:               `primary key "b"`,
		`{"primary":"a","keys":{"a":"AAAA"},"mac":"TWO"}`:              `key "a" has 3 bytes`,
		`{"primary":"a","keys":{"a":"%%%"},"mac":"TWO"}`:               `key "a" is not base64`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":"%%"}`:                `key "mac" is not base64`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":"AA=="}`:              `key "mac" has 1 bytes`,
		`{"primary":"a","keys":{"a":"ONE","a":"TWO"},"mac":"TWO"}`:     `"a" is there twice`,
		`{"primary":"a","primary":"b","keys":{"a":"ONE"},"mac":"TWO"}`: `"primary" is there twice`,
		`{"primary":"a","keys":{"a":"ONE","b":"ONE"},"mac":"TWO"}`:     `"a" and "b" are the same`,
		`{"primary":"a","keys":{"a":"TWO"},"mac":"TWO"}`:               `"a" and "mac" are the same`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":"TWO","Primary":"b"}`: `unknown field "Primary"`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":"TWO","extra":1}`:     `unknown field "extra"`,
		`{"primary":1,"keys":{"a":"ONE"},"mac":"TWO"}`:                 `"primary" is not a string`,
		`{"primary":"a","keys":["ONE"],"mac":"TWO"}`:                   `"keys" is not a JSON object`,
		`{"primary":"a","keys":{"a":["ONE"]},"mac":"TWO"}`:             `"a" is not a string`,
		`{"primary":"a","keys":{"a":null},"mac":"TWO"}`:                `"a" is not a string`,
		`{"primary":"a","keys":{"a":"ONE"},"mac":"TWO"} {}`:            "something behind",
	} {
		_, err := Parse([]byte(strings.NewReplacer("ONE", one, "TWO", two).Replace(text)))
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), one[:10])
		require.NotContains(t, err.Error(), two[:10])
	}

	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, []byte(`{}`), 0o600))
	_, err = Load(path)
	require.ErrorContains(t, err, path)
}

func FuzzParse(f *testing.F) {
	data, err := generate()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"primary":"a","keys":{"a":"AAAA"},"mac":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			require.Nil(t, r)
			return
		}
		require.True(t, json.Valid(data))
		sealed, err := r.Seal([]byte("x"), nil)
		require.NoError(t, err)
		_, err = r.Open(sealed, nil)
		require.False(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnknownKey))
	})
}
