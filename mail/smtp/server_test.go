package smtp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// server is a real SMTP server in this process, by another author than the
// client's library. It keeps what it takes, and fails where it is told to.
type server struct {
	addr string
	pool *x509.CertPool

	mu       sync.Mutex
	taken    []received
	failAt   map[string]error // by command: "MAIL", "RCPT", "DATA", "RSET", "AUTH"
	sessions int
	helo     string
	secure   bool   // the last session used TLS
	user     string // who signed in last
}

type received struct {
	from string
	to   []string
	raw  []byte
}

type serverOption func(*gosmtp.Server, *server)

// implicit marks a server that speaks TLS from the first byte.
type implicitTLS bool

func start(t *testing.T, withTLS bool, implicit implicitTLS, options ...serverOption) *server {
	t.Helper()
	s := &server{failAt: map[string]error{}}
	srv := gosmtp.NewServer(s)
	srv.Domain = "mx.test"
	srv.AllowInsecureAuth = true
	srv.ErrorLog = silent{}
	if withTLS {
		cert := certificate(t)
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
		s.pool = x509.NewCertPool()
		s.pool.AddCert(cert.Leaf)
	}
	for _, o := range options {
		o(srv, s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

func (s *server) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	s.helo = c.Hostname()
	return &session{server: s, conn: c}, nil
}

func (s *server) fail(command string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failAt[command]
}

func (s *server) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.taken...)
}

type session struct {
	server *server
	conn   *gosmtp.Conn
	mail   received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if password != "correct horse" {
			return gosmtp.ErrAuthFailed
		}
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.user = username
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	s.mail = received{from: from}
	return s.server.fail("MAIL")
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return s.server.fail("RCPT")
}

func (s *session) Data(r io.Reader) error {
	if err := s.server.fail("DATA"); err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	s.mail.raw = b.Bytes()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	_, s.server.secure = s.conn.TLSConnectionState()
	s.server.taken = append(s.server.taken, s.mail)
	return nil
}

func (s *session) Reset() {
	if s.server.fail("RSET") != nil {
		_ = s.conn.Conn().Close() // Conn.Close would wait for this very call
	}
}

func (s *session) Logout() error { return nil }

// certificate makes one for smtp.acme.test, localhost and 127.0.0.1.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "smtp.acme.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"smtp.acme.test", "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
