package smtp

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Config{Addr: "smtp.acme.test", TLS: 7, Timeout: -1, HELO: "a b", Username: "acme"})
	for _, want := range []string{"Addr", "TLS", "Timeout", "HELO", "Password"} {
		require.ErrorContains(t, err, want)
	}
	for name, cfg := range map[string]Config{
		"contradiction":         {Addr: "smtp.acme.test:25", TLS: TLSStart, InsecurePlaintext: true},
		"a password in the air": {Addr: "smtp.acme.test:25", InsecurePlaintext: true, Username: "acme", Password: "hunter2"},
		"no port":               {Addr: "smtp.acme.test:"},
		"port 0":                {Addr: "smtp.acme.test:0"},
		"a name for a port":     {Addr: "smtp.acme.test:smtp"},
		"no host":               {Addr: ":25"},
		"empty":                 {},
	} {
		_, err := New(cfg)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestThePasswordIsNotPrinted(t *testing.T) {
	cfg := Config{Addr: "smtp.acme.test:587", Username: "acme", Password: "hunter2"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", cfg)
	for _, out := range []string{fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg), log.String()} {
		require.NotContains(t, out, "hunter2")
		require.Contains(t, out, "smtp.acme.test:587")
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]Config{
		"smtp://smtp.acme.test":                        {Addr: "smtp.acme.test:587"},
		"smtp://localhost:1025":                        {Addr: "localhost:1025"},
		"smtps://smtp.acme.test/":                      {Addr: "smtp.acme.test:465", TLS: TLSImplicit},
		"smtp://[::1]:25":                              {Addr: "[::1]:25"},
		"smtp://acme%40acme.test:p%40ss%2F@a.test:587": {Addr: "a.test:587", Username: "acme@acme.test", Password: "p@ss/"},
	} {
		got, err := ParseURL(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		_, err = New(got)
		require.NoError(t, err)
	}
	for _, text := range []string{
		"", "smtp.acme.test:587", "http://user:hunter2@smtp.acme.test", "smtp://", "smtp://user:hunter2@",
		"smtp://user:hunter2@smtp.acme.test:port", "smtp://us%er:hunter2@smtp.acme.test", "smtp://user@smtp.acme.test",
		"smtp://user:hunter2@smtp.acme.test/path", "smtp://user:hunter2@smtp.acme.test?tls=off", "smtp://:hunter2@smtp.acme.test",
		"smtp://user:hunter2 @smtp.acme.test",
	} {
		_, err := ParseURL(text)
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
