package secretbox

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func ring(t testing.TB, primary string, keys map[string][]byte) *Ring {
	r, err := New(primary, keys, key(0xff))
	require.NoError(t, err)
	return r
}

func TestSealAndOpen(t *testing.T) {
	r := ring(t, "2026-11", map[string][]byte{"2026-11": key(1)})
	for _, plain := range [][]byte{nil, {}, []byte("secret"), make([]byte, 1<<16)} {
		sealed, err := r.Seal(plain, []byte("row 1"))
		require.NoError(t, err)
		require.Equal(t, byte(1), sealed[0])
		require.Equal(t, byte(7), sealed[1])
		require.Equal(t, "2026-11", string(sealed[2:9]))
		require.Len(t, sealed, 9+12+len(plain)+16)
		opened, err := r.Open(sealed, []byte("row 1"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))
		require.False(t, r.NeedsReseal(sealed))
		if len(plain) > 0 {
			require.NotContains(t, string(sealed), string(plain))
		}
	}
}

func TestSealIsRandom(t *testing.T) {
	r := ring(t, "a", map[string][]byte{"a": key(1)})
	seen := map[string]bool{}
	for range 1000 {
		sealed, err := r.Seal([]byte("x"), nil)
		require.NoError(t, err)
		nonce := string(sealed[3:15])
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
}

func TestSealLeavesArgumentsAlone(t *testing.T) {
	r := ring(t, "a", map[string][]byte{"a": key(1)})
	context := append(make([]byte, 0, 64), "row"...)
	plain := append(make([]byte, 0, 64), "plain"...)
	sealed, err := r.Seal(plain, context)
	require.NoError(t, err)
	roomy := append(make([]byte, 0, 256), sealed...)
	_, err = r.Open(roomy, context)
	require.NoError(t, err)
	require.Equal(t, sealed, roomy)
	require.Equal(t, "row", string(context))
	require.Equal(t, "plain", string(plain))
}

func TestTampering(t *testing.T) {
	r := ring(t, "a", map[string][]byte{"a": key(1), "b": key(2)})
	sealed, err := r.Seal([]byte("secret"), []byte("row 1"))
	require.NoError(t, err)
	for i := range sealed {
		for bit := range 8 {
			changed := slices.Clone(sealed)
			changed[i] ^= 1 << bit
			_, err := r.Open(changed, []byte("row 1"))
			require.Error(t, err, "byte %d bit %d", i, bit)
		}
	}
	for n := range sealed {
		_, err := r.Open(sealed[:n], []byte("row 1"))
		require.ErrorIs(t, err, ErrCorrupt, "cut to %d", n)
	}
	_, err = r.Open(append(slices.Clone(sealed), 0), []byte("row 1"))
	require.ErrorIs(t, err, ErrCorrupt)
	_, err = r.Open(nil, nil)
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestContext(t *testing.T) {
	r := ring(t, "a", map[string][]byte{"a": key(1)})
	sealed, err := r.Seal([]byte("secret"), []byte("row 1"))
	require.NoError(t, err)
	for _, other := range []string{"", "row 2", "row 1 ", "row ", "arow 1"} {
		_, err := r.Open(sealed, []byte(other))
		require.ErrorIs(t, err, ErrCorrupt, other)
	}
}

func TestRotation(t *testing.T) {
	before := ring(t, "2025", map[string][]byte{"2025": key(1)})
	sealed, err := before.Seal([]byte("secret"), []byte("row"))
	require.NoError(t, err)

	during := ring(t, "2026", map[string][]byte{"2025": key(1), "2026": key(2)})
	require.True(t, during.NeedsReseal(sealed))
	plain, err := during.Open(sealed, []byte("row"))
	require.NoError(t, err)
	again, err := during.Seal(plain, []byte("row"))
	require.NoError(t, err)
	require.False(t, during.NeedsReseal(again))

	after := ring(t, "2026", map[string][]byte{"2026": key(2)})
	plain, err = after.Open(again, []byte("row"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(plain))
	_, err = after.Open(sealed, []byte("row"))
	require.ErrorIs(t, err, ErrUnknownKey)
	require.ErrorContains(t, err, `"2025"`)

	// Another key of the same name opens nothing.
	wrong := ring(t, "2026", map[string][]byte{"2026": key(3)})
	_, err = wrong.Open(again, []byte("row"))
	require.ErrorIs(t, err, ErrCorrupt)

	require.True(t, after.NeedsReseal(nil))
	require.True(t, after.NeedsReseal([]byte("garbage")))
}

func TestMAC(t *testing.T) {
	r := ring(t, "a", map[string][]byte{"a": key(1)})
	rotated := ring(t, "b", map[string][]byte{"b": key(2)})
	one := r.MAC("limiter", []byte("ada@example.com"))
	require.Equal(t, one, r.MAC("limiter", []byte("ada@example.com")))
	require.Equal(t, one, rotated.MAC("limiter", []byte("ada@example.com")), "rotation does not change it")
	require.NotEqual(t, one, r.MAC("audit", []byte("ada@example.com")))
	require.NotEqual(t, one, r.MAC("limiter", []byte("bob@example.com")))
	other, err := New("a", map[string][]byte{"a": key(1)}, key(3))
	require.NoError(t, err)
	require.NotEqual(t, one, other.MAC("limiter", []byte("ada@example.com")))

	// The construction is part of what is stored, so it is written out here.
	derived, err := hkdf.Key(sha256.New, key(0xff), nil, "account-settings mac v1 limiter", 32)
	require.NoError(t, err)
	h := hmac.New(sha256.New, derived)
	h.Write([]byte("ada@example.com"))
	require.Equal(t, h.Sum(nil), one[:])
}

func TestEmptyRing(t *testing.T) {
	for _, r := range []*Ring{nil, {}} {
		_, err := r.Seal([]byte("x"), nil)
		require.Error(t, err)
		_, err = r.Open([]byte("x"), nil)
		require.Error(t, err)
		require.True(t, r.NeedsReseal([]byte("x")))
		require.Zero(t, r.MAC("x", nil))
	}
}

func TestNewRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		primary string
		keys    map[string][]byte
		mac     []byte
	}{
		"no keys":            {"a", nil, key(9)},
		`primary key "b"`:    {"b", map[string][]byte{"a": key(1)}, key(9)},
		`primary key ""`:     {"", map[string][]byte{"a": key(1)}, key(9)},
		`key "a" has 31`:     {"a", map[string][]byte{"a": key(1)[:31]}, key(9)},
		`key "a" has 0`:      {"a", map[string][]byte{"a": nil}, key(9)},
		`key "mac" has 16`:   {"a", map[string][]byte{"a": key(1)}, key(9)[:16]},
		`key "mac" has 0`:    {"a", map[string][]byte{"a": key(1)}, nil},
		`"a" and "b" are`:    {"a", map[string][]byte{"a": key(1), "b": key(1)}, key(9)},
		`"a" and "mac" are`:  {"a", map[string][]byte{"a": key(9)}, key(9)},
		`"" is no name`:      {"", map[string][]byte{"": key(1)}, key(9)},
		`"a b" is no name`:   {"a b", map[string][]byte{"a b": key(1)}, key(9)},
		`"a\nb" is no name`:  {"a\nb", map[string][]byte{"a\nb": key(1)}, key(9)},
		`aaaaa" is no name`:  {"a", map[string][]byte{strings.Repeat("a", 65): key(1)}, key(9)},
		`primary key "A" is`: {"A", map[string][]byte{"a": key(1)}, key(9)},
	} {
		_, err := New(c.primary, c.keys, c.mac)
		require.ErrorContains(t, err, want)
	}
}

func TestRingHidesItself(t *testing.T) {
	r := ring(t, "primary-name", map[string][]byte{"primary-name": []byte("0123456789abcdefghijklmnopqrstuv")})
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "ring", r, "value", *r, "in", struct{ R *Ring }{r})
	encoded, err := json.Marshal(map[string]any{"pointer": r, "value": *r})
	require.NoError(t, err)
	printed := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		printed += fmt.Sprintf(verb, r) + fmt.Sprintf(verb, *r) + fmt.Sprintf(verb, struct{ r Ring }{*r}) + fmt.Sprintf(verb, []*Ring{r})
		printed += fmt.Sprintf(verb, struct{ r *Ring }{r}) + fmt.Sprintf(verb, map[string]Ring{"r": *r})
	}
	require.Equal(t, "[keys]", r.String())
	for _, leak := range []string{
		"0123456789abcdef", "30313233", "48 49 50", base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))[:20],
		strings.Repeat("ff", 8), "255 255", "0xff, 0xff", "858927408", "0x33323130",
	} {
		require.False(t, strings.Contains(strings.ToLower(printed), strings.ToLower(leak)), leak)
	}
}

func FuzzOpen(f *testing.F) {
	r := ring(f, "a", map[string][]byte{"a": key(1)})
	sealed, err := r.Seal([]byte("secret"), []byte("row"))
	require.NoError(f, err)
	f.Add(sealed)
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r.NeedsReseal(b)
		plain, err := r.Open(b, []byte("row"))
		if err != nil {
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnknownKey))
			return
		}
		// Nothing else was ever sealed under this key.
		require.Equal(t, "secret", string(plain))
		_, err = r.Open(append(b, 0), []byte("row"))
		require.Error(t, err)
	})
}
