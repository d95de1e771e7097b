package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	netmail "net/mail"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// smtpServer is a real SMTP server, by another author than the client's library.
type smtpServer struct {
	mu    sync.Mutex
	taken []*netmail.Message
	after func(*netmail.Message) // of each message, before it is acknowledged
}

// serveSMTP begins to listen.
func serveSMTP(t *testing.T, addr string) *smtpServer {
	t.Helper()
	s := &smtpServer{}
	srv := gosmtp.NewServer(s)
	srv.Domain, srv.ErrorLog = "mx.test", log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", addr) //nolint:noctx // a test
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

// NewSession implements gosmtp.Backend.
func (s *smtpServer) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return &smtpSession{s: s}, nil }

func (s *smtpServer) mails() []*netmail.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*netmail.Message(nil), s.taken...)
}

// ids counts the messages by Message-ID.
func (s *smtpServer) ids() map[string]int {
	n := map[string]int{}
	for _, m := range s.mails() {
		n[m.Header.Get("Message-Id")]++
	}
	return n
}

type smtpSession struct{ s *smtpServer }

func (*smtpSession) Mail(string, *gosmtp.MailOptions) error { return nil }
func (*smtpSession) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (*smtpSession) Reset()                                 {}
func (*smtpSession) Logout() error                          { return nil }

// Data implements gosmtp.Session.
func (c *smtpSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	c.s.taken = append(c.s.taken, m)
	after := c.s.after
	c.s.mu.Unlock()
	if after != nil {
		after(m)
	}
	return nil
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (p *process) shift(t *testing.T, by time.Duration) {
	t.Helper()
	status, body := p.call(t, http.MethodPost, "/dev/clock", fmt.Sprintf(`{"offset":%q}`, by))
	require.Equal(t, http.StatusOK, status, body)
}

// F-28, F-25: while the mail server is away everything else goes on; when it is
// back, each letter arrives. A process that is killed before it could note that a
// letter was taken sends it once more, as the same message.
func TestMailServerAwayAndBack(t *testing.T) {
	addr := freePort(t)
	args := []string{"-data", t.TempDir(), "-demo=false", "-dev-clock", "-smtp", "smtp://" + addr}
	p := startProcess(t, serverBinary(t), args...)
	const n = 6
	for i := range n {
		status, body := p.call(t, http.MethodPost, "/api/v1/auth/sign-up", fmt.Sprintf(`{"email":"p%d@example.com"}`, i))
		require.Equal(t, http.StatusAccepted, status, body)
	}
	p.shift(t, time.Hour) // they are tried again, and in vain
	s := serveSMTP(t, addr)
	p.shift(t, 2*time.Hour)
	require.Eventually(t, func() bool { return len(s.mails()) >= n }, 30*time.Second, 20*time.Millisecond)
	require.Len(t, s.ids(), n)

	s.mu.Lock()
	s.taken = nil
	s.after = func(*netmail.Message) { _ = p.cmd.Process.Kill() } // before the server's 250
	s.mu.Unlock()
	status, body := p.call(t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"last@example.com"}`)
	require.Equal(t, http.StatusAccepted, status, body)
	_ = p.cmd.Wait()
	s.mu.Lock()
	s.after = nil
	s.mu.Unlock()
	p = startProcess(t, serverBinary(t), args...)
	p.shift(t, 3*time.Hour) // its lease has ended
	require.Eventually(t, func() bool { return len(s.mails()) >= 2 }, 30*time.Second, 20*time.Millisecond)
	p.shift(t, 4*time.Hour)
	require.NoError(t, p.stop())
	require.Len(t, s.ids(), 1, "the same message")
	require.Len(t, s.mails(), 2, "and one more time at most")
}
