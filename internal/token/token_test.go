package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		s := New()
		require.Len(t, s.Reveal(), 43)
		require.False(t, s.IsZero())
		require.False(t, seen[s.Reveal()])
		seen[s.Reveal()] = true

		again, ok := Parse(s.Reveal())
		require.True(t, ok)
		require.Equal(t, s.Hash(), again.Hash())
	}
}

func TestHash(t *testing.T) {
	random := bytes.Repeat([]byte{0xa5}, Size)
	s, ok := Parse(base64.RawURLEncoding.EncodeToString(random))
	require.True(t, ok)
	require.Equal(t, Hash(sha256.Sum256(random)), s.Hash())
}

func TestParseRefuses(t *testing.T) {
	good := strings.Repeat("A", 43)
	_, ok := Parse(good)
	require.True(t, ok)
	for name, s := range map[string]string{
		"empty":             "",
		"one short":         good[:42],
		"one long":          good + "A",
		"padded":            good + "=",
		"padding inside":    good[:42] + "=",
		"spare bits":        good[:42] + "B",
		"standard alphabet": good[:41] + "+A",
		"slash":             good[:41] + "/A",
		"space":             " " + good[:42],
		"line feed":         good[:42] + "\n",
		"line feed inside":  good[:20] + "\n" + good[:22],
		"carriage return":   good[:20] + "\r" + good[:22],
		"NUL":               good[:42] + "\x00",
		"wildcard":          good[:42] + "%",
		"fullwidth digits":  strings.Repeat("\uff11", 14) + "A",
		"not UTF-8":         good[:42] + "\xff",
	} {
		got, ok := Parse(s)
		require.False(t, ok, name)
		require.True(t, got.IsZero(), name)
	}
}

func TestSecretHidesItself(t *testing.T) {
	s := New()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", s, "in", struct{ T Secret }{s})
	encoded, err := json.Marshal(map[string]any{"token": s, "pointer": &s})
	require.NoError(t, err)
	printed := log.String() + string(encoded) + s.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		printed += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, []Secret{s}) + fmt.Sprintf(verb, struct{ T Secret }{s})
	}
	require.NotContains(t, printed, s.Reveal())
	require.NotContains(t, strings.ToLower(printed), fmt.Sprintf("%x", s.Reveal()))
}

func FuzzParse(f *testing.F) {
	f.Add(New().Reveal())
	f.Add(strings.Repeat("A", 42) + "B")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s)
		if !ok {
			require.True(t, got.IsZero())
			return
		}
		require.Equal(t, s, got.Reveal())
		raw, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		require.Len(t, raw, Size)
		require.Equal(t, s, base64.RawURLEncoding.EncodeToString(raw), "one spelling")
	})
}
