// Package smtp is a [mail.Mailer] that hands messages to an SMTP server.
//
// It speaks TLS or not at all: with STARTTLS by default, from the first byte
// with [TLSImplicit]; plain text is for servers on the same machine and for
// whoever says InsecurePlaintext. Each message goes over a connection of its
// own, to one recipient, and holds nothing that tells about this machine or
// library.
package smtp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/aegisrunner/account-settings/mail"
)

// TLS is when a connection is encrypted.
type TLS int

const (
	// TLSAuto is TLSStart, except for servers on the same machine, which are
	// spoken to in plain text.
	TLSAuto TLS = iota
	// TLSStart begins in plain text, upgrades by STARTTLS, and goes no further
	// with a server that does not offer it. The usual port is 587.
	TLSStart
	// TLSImplicit is encrypted from the first byte. The usual port is 465.
	TLSImplicit
)

// defaultTimeout bounds the handing over of one message.
const defaultTimeout = 30 * time.Second

// Config configures [New]. Only Addr is required.
type Config struct {
	Addr string // host:port of the server

	// Username and Password, if the server wants them. They are sent over TLS or
	// within this machine only.
	Username, Password string

	TLS       TLS
	TLSConfig *tls.Config // for a private certificate authority; nil for the system's

	// InsecurePlaintext sends mails, and the live secrets in them, readable by
	// anybody on the way.
	InsecurePlaintext bool

	// HELO is what this client calls itself. Default "localhost", which says
	// nothing about the machine; a server that wants a real name is given it here.
	HELO string

	// Timeout bounds the handing over of one message. Default 30 s.
	Timeout time.Duration
}

// String keeps the password out of logs.
func (c Config) String() string { return "smtp.Config{" + c.Addr + "}" }

// GoString keeps the password out of logs.
func (c Config) GoString() string { return c.String() }

// LogValue keeps the password out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Mailer hands messages to one server. It is safe for concurrent use.
type Mailer struct {
	cfg  Config
	host string
	port int
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// New returns a mailer, or an error that names every missing or wrong field. It
// does not connect.
func New(cfg Config) (*Mailer, error) {
	m := &Mailer{cfg: cfg, dial: (&net.Dialer{}).DialContext}
	m.cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	m.cfg.HELO = cmp.Or(cfg.HELO, "localhost")
	var errs []error
	check := func(ok bool, problem string) {
		if !ok {
			errs = append(errs, errors.New("smtp: Config."+problem))
		}
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	number, portErr := strconv.ParseUint(port, 10, 16)
	m.host, m.port = host, int(number)
	check(err == nil && portErr == nil && number > 0 && host != "", "Addr is not host:port, such as smtp.acme.test:587")
	check(cfg.TLS >= TLSAuto && cfg.TLS <= TLSImplicit, "TLS is unknown")
	check(m.cfg.Timeout > 0, "Timeout is negative")
	check(!strings.ContainsFunc(m.cfg.HELO, func(r rune) bool { return r <= ' ' || r > '~' }), "HELO is not a host name")
	check((cfg.Username == "") == (cfg.Password == ""), "Username and Password come together")
	check(!cfg.InsecurePlaintext || cfg.TLS == TLSAuto, "InsecurePlaintext contradicts TLS")
	check(!cfg.InsecurePlaintext || cfg.Username == "" || loopback(host), "Password is not sent in plain text over a network")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return m, nil
}

// loopback reports whether host is this machine, by its name alone: what a name
// resolves to is up to others.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// plaintext reports whether the connection stays unencrypted.
func (m *Mailer) plaintext() bool {
	return m.cfg.InsecurePlaintext || (m.cfg.TLS == TLSAuto && loopback(m.host))
}

// SendMail implements [mail.Mailer]. A message that the server refuses for good
// (5xx), or that would break the rules of a header, is [mail.ErrRejected]; what
// has to do with the connection, with signing in to the server, or is
// temporary (4xx), is not. The error is an [*Error].
func (m *Mailer) SendMail(ctx context.Context, msg mail.Message) error {
	out, err := compose(msg)
	if err != nil {
		return &Error{Step: "compose", reason: err.Error(), rejected: true}
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Timeout)
	defer cancel()
	// The library neither closes a connection that fails early nor looks at ctx
	// once connected: whatever happens, it is closed here.
	closeConn := func() {}
	defer func() { closeConn() }()
	client, err := m.client(func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := m.connect(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		closeConn = func() { stop(); _ = conn.Close() }
		return conn, nil
	})
	if err != nil {
		return &Error{Step: "configure", reason: "unusable configuration", cause: err}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return failure(ctx, "connect", err)
	}
	if err := client.SendWithSMTPClient(session, out); err != nil && !out.IsDelivered() {
		return failure(ctx, "send", err)
	}
	// The server has taken the message: that it stumbles over the goodbye must
	// not send it twice.
	_ = session.Quit()
	return nil
}

func (m *Mailer) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	policy := gomail.TLSMandatory
	switch {
	case m.plaintext():
		policy = gomail.NoTLS
	case m.cfg.TLS == TLSImplicit:
		// Encrypted by connect already, which the library sees by the connection.
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(m.port), gomail.WithTimeout(m.cfg.Timeout), gomail.WithHELO(m.cfg.HELO),
		gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(m.tls()),
		gomail.WithoutNoop(), gomail.WithDialContextFunc(dial),
	}
	if m.cfg.Username != "" {
		options = append(options,
			gomail.WithUsername(m.cfg.Username), gomail.WithPassword(m.cfg.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1,
				gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(m.host, options...)
}

func (m *Mailer) tls() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.cfg.TLSConfig != nil {
		cfg = m.cfg.TLSConfig.Clone()
	}
	cfg.ServerName = cmp.Or(cfg.ServerName, m.host)
	return cfg
}

func (m *Mailer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := m.dial(ctx, network, address)
	if err != nil || m.cfg.TLS != TLSImplicit {
		return conn, err
	}
	secure := tls.Client(conn, m.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
}

// ascii returns an address with its domain in the form that DNS knows.
func ascii(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return "", errors.New("the domain of an address is not valid")
	}
	return address[:at+1] + domain, nil
}
