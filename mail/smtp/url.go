package smtp

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// ParseURL reads the address of a server from one line of configuration:
//
//	smtp://user:pass@smtp.acme.test:587     STARTTLS; the port defaults to 587
//	smtps://user:pass@smtp.acme.test:465    TLS from the first byte; 465
//
// User and password are percent-encoded as in any URL. The errors quote
// nothing, since the text holds a password.
func ParseURL(text string) (Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Config{}, errors.New("smtp: the address cannot be read; special characters in user and password are written percent-encoded, @ as %40")
	}
	cfg := Config{}
	port := u.Port()
	switch u.Scheme {
	case "smtp":
		if port == "" {
			port = "587"
		}
	case "smtps":
		cfg.TLS = TLSImplicit
		if port == "" {
			port = "465"
		}
	default:
		return Config{}, errors.New("smtp: the address does not begin with smtp:// or smtps://")
	}
	switch {
	case u.Hostname() == "":
		return Config{}, errors.New("smtp: the address names no server")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return Config{}, errors.New("smtp: nothing may follow the port in the address")
	}
	cfg.Addr = net.JoinHostPort(u.Hostname(), port)
	cfg.Username = u.User.Username()
	cfg.Password, _ = u.User.Password()
	if (cfg.Username == "") != (cfg.Password == "") {
		return Config{}, errors.New("smtp: the address has a user without a password, or the reverse")
	}
	return cfg, nil
}
