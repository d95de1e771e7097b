package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	gomessage "github.com/emersion/go-message/mail"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

func sample() mail.Message {
	return mail.Message{
		ID: id.NewMail(), Kind: "security.reset",
		From: "Acme <hello@acme.test>", To: "ada@example.com", ToName: "Ada Lovelace",
		Subject: "Set a new password",
		Text:    "Hello Ada,\n\nOpen https://app.acme.test/reset-password?token=" + strings.Repeat("x", 120) + "\n",
		HTML:    "<p>Grüße, 山田</p>" + strings.Repeat("<i>long </i>", 300),
	}
}

func mailer(t *testing.T, cfg Config) *Mailer {
	t.Helper()
	m, err := New(cfg)
	require.NoError(t, err)
	return m
}

func TestAMessageArrives(t *testing.T) {
	s := start(t, false, false)
	msg := sample()
	msg.ToName, msg.Subject = "Zoë Müller-Łódź", "Paßwort ändern – 山田さん 🙂 "+strings.Repeat("sehr lang ", 12)+"Ende"
	msg.Headers = map[string]string{"List-Unsubscribe": "<https://app.acme.test/unsubscribe?token=abc>"}
	require.NoError(t, mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), msg))

	got := s.mails()
	require.Len(t, got, 1)
	require.Equal(t, "hello@acme.test", got[0].from)
	require.Equal(t, []string{"ada@example.com"}, got[0].to)
	for line := range bytes.SplitSeq(got[0].raw, []byte("\r\n")) {
		require.LessOrEqual(t, len(line), 78, "%s", line)
		require.NotContains(t, string(line), "\n")
		for _, c := range line {
			require.Less(t, c, byte(0x80), "everything is encoded: %s", line)
		}
	}

	e, err := message.Read(bytes.NewReader(got[0].raw))
	require.NoError(t, err)
	h := gomessage.Header{Header: e.Header}
	to, err := h.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*gomessage.Address{{Name: msg.ToName, Address: "ada@example.com"}}, to)
	from, err := h.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*gomessage.Address{{Name: "Acme", Address: "hello@acme.test"}}, from)
	subject, err := h.Subject()
	require.NoError(t, err)
	require.Equal(t, msg.Subject, subject)
	messageID, err := h.MessageID()
	require.NoError(t, err)
	require.Equal(t, msg.ID.String()+"@acme.test", messageID)
	require.Equal(t, "auto-generated", h.Get("Auto-Submitted"))
	require.Equal(t, "<https://app.acme.test/unsubscribe?token=abc>", h.Get("List-Unsubscribe"))
	date, err := h.Date()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)

	var names []string
	for fields := h.Fields(); fields.Next(); {
		names = append(names, fields.Key())
	}
	require.ElementsMatch(t, []string{"Auto-Submitted", "Content-Type", "Date", "From", "List-Unsubscribe",
		"Message-Id", "Mime-Version", "Subject", "To"}, names, "each once, and nothing that tells of the software")

	parts := parts(t, e)
	require.Equal(t, []string{"text/plain", "text/html"}, parts.types)
	require.Equal(t, strings.ReplaceAll(msg.Text, "\n", "\r\n"), parts.bodies[0])
	require.Equal(t, msg.HTML, parts.bodies[1])
}

type content struct{ types, bodies []string }

func parts(t *testing.T, e *message.Entity) content {
	t.Helper()
	var c content
	kind, _, err := e.Header.ContentType()
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	for r := e.MultipartReader(); ; {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return c
		}
		require.NoError(t, err)
		kind, params, err := p.Header.ContentType()
		require.NoError(t, err)
		require.Equal(t, "utf-8", strings.ToLower(params["charset"]))
		body, err := io.ReadAll(p.Body)
		require.NoError(t, err)
		c.types, c.bodies = append(c.types, kind), append(c.bodies, string(body))
	}
}

func TestARepeatedMessageKeepsItsMessageID(t *testing.T) {
	s := start(t, false, false)
	m, msg := mailer(t, Config{Addr: s.addr}), sample()
	require.NoError(t, m.SendMail(t.Context(), msg))
	require.NoError(t, m.SendMail(t.Context(), msg))
	require.Len(t, s.mails(), 2)
	for _, got := range s.mails() {
		require.Contains(t, string(got.raw), "Message-ID: <"+msg.ID.String()+"@acme.test>\r\n")
	}
}

func TestOneDomainInManyScripts(t *testing.T) {
	s := start(t, false, false)
	msg := sample()
	msg.To = "ada@bücher.example"
	require.NoError(t, mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), msg))
	require.Equal(t, []string{"ada@xn--bcher-kva.example"}, s.mails()[0].to)
}

func TestInjectionIsRefused(t *testing.T) {
	s := start(t, false, false)
	m := mailer(t, Config{Addr: s.addr})
	const crlf = "\r\nBcc: victim@evil.test"
	for name, change := range map[string]func(*mail.Message){
		"CRLF in To":             func(m *mail.Message) { m.To += crlf },
		"LF in To":               func(m *mail.Message) { m.To = "ada@example.com\nvictim@evil.test" },
		"two in To":              func(m *mail.Message) { m.To = "ada@example.com,victim@evil.test" },
		"semicolon in To":        func(m *mail.Message) { m.To = "ada@example.com;victim@evil.test" },
		"name in To":             func(m *mail.Message) { m.To = "Ada <ada@example.com>" },
		"two at in To":           func(m *mail.Message) { m.To = "ada@example.com@evil.test" },
		"quoted local part":      func(m *mail.Message) { m.To = `"victim@example.com> SIZE=1 <x"@evil.test` },
		"comment in To":          func(m *mail.Message) { m.To = "ada(x)@example.com" },
		"NUL in To":              func(m *mail.Message) { m.To = "ada\x00@example.com" },
		"empty To":               func(m *mail.Message) { m.To = "" },
		"far too long To":        func(m *mail.Message) { m.To = strings.Repeat("a", 400) + "@example.com" },
		"CRLF in ToName":         func(m *mail.Message) { m.ToName += crlf },
		"line separator in name": func(m *mail.Message) { m.ToName = "Ada\u2028Bcc: victim@evil.test" },
		"5 KB name":              func(m *mail.Message) { m.ToName = strings.Repeat("A", 5000) },
		"CRLF in Subject":        func(m *mail.Message) { m.Subject += crlf },
		"NUL in Subject":         func(m *mail.Message) { m.Subject = "a\x00b" },
		"broken UTF-8":           func(m *mail.Message) { m.Subject = "a\xffb" },
		"CRLF in From":           func(m *mail.Message) { m.From = "Acme <hello@acme.test>" + crlf },
		"two in From":            func(m *mail.Message) { m.From = "hello@acme.test, other@acme.test" },
		"CRLF in a header":       func(m *mail.Message) { m.Headers = map[string]string{"X-Tag": "a" + crlf} },
		"CRLF in a header's key": func(m *mail.Message) { m.Headers = map[string]string{"X-Tag: a" + crlf: "b"} },
		"a second recipient":     func(m *mail.Message) { m.Headers = map[string]string{"bcc": "victim@evil.test"} },
		"another sender":         func(m *mail.Message) { m.Headers = map[string]string{"SENDER": "victim@evil.test"} },
		"another type":           func(m *mail.Message) { m.Headers = map[string]string{"content-type": "text/plain"} },
		"no text":                func(m *mail.Message) { m.Text = "" },
	} {
		t.Run(name, func(t *testing.T) {
			msg := sample()
			change(&msg)
			err := m.SendMail(t.Context(), msg)
			require.ErrorIs(t, err, mail.ErrRejected)
			require.NotContains(t, err.Error(), "victim")
		})
	}
	require.Empty(t, s.mails())
	require.Zero(t, s.sessions, "the server is not even asked")
}

func TestNamesThatLookLikeHeadersAreEncoded(t *testing.T) {
	s := start(t, false, false)
	msg := sample()
	msg.ToName = `Ada" <victim@evil.test>, "x`
	msg.Subject = "=?utf-8?q?Bcc:_victim=40evil.test?= <script>"
	require.NoError(t, mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), msg))
	e, err := message.Read(bytes.NewReader(s.mails()[0].raw))
	require.NoError(t, err)
	h := gomessage.Header{Header: e.Header}
	to, err := h.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*gomessage.Address{{Name: msg.ToName, Address: "ada@example.com"}}, to)
}

func TestAnswersOfTheServer(t *testing.T) {
	for _, tc := range []struct {
		command  string
		code     int
		rejected bool
	}{
		{"MAIL", 550, true}, {"MAIL", 451, false}, {"MAIL", 530, false},
		{"RCPT", 550, true}, {"RCPT", 553, true}, {"RCPT", 450, false}, {"RCPT", 451, false},
		{"DATA", 554, true}, {"DATA", 452, false},
	} {
		t.Run(fmt.Sprint(tc.command, tc.code), func(t *testing.T) {
			s := start(t, false, false)
			s.failAt[tc.command] = &gosmtp.SMTPError{Code: tc.code, Message: "no such user ada@example.com"}
			err := mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), sample())
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.code, e.Code)
			require.Equal(t, "send", e.Step)
			if tc.rejected {
				require.ErrorIs(t, err, mail.ErrRejected)
			} else {
				require.NotErrorIs(t, err, mail.ErrRejected)
			}
			require.Equal(t, fmt.Sprintf("smtp: send: the server answered %d", tc.code), err.Error())
			require.Empty(t, s.mails())
		})
	}
}

// Only a server that says that the mailbox is not there says something about the
// address; a 550 of another kind may as well be about the sender.
func TestAMailboxThatIsNotThere(t *testing.T) {
	for _, tc := range []struct {
		command string
		code    int
		status  gosmtp.EnhancedCode
		gone    bool
	}{
		{"RCPT", 550, gosmtp.EnhancedCode{5, 1, 1}, true},
		{"RCPT", 556, gosmtp.EnhancedCode{5, 1, 10}, true},
		{"RCPT", 550, gosmtp.EnhancedCode{5, 2, 1}, true},
		{"RCPT", 550, gosmtp.EnhancedCode{5, 7, 1}, false},
		{"RCPT", 552, gosmtp.EnhancedCode{5, 2, 2}, false},
		{"RCPT", 450, gosmtp.EnhancedCode{4, 1, 1}, false},
		{"MAIL", 550, gosmtp.EnhancedCode{5, 1, 1}, false},
		{"RCPT", 550, gosmtp.NoEnhancedCode, false},
	} {
		t.Run(fmt.Sprint(tc.command, tc.code, tc.status), func(t *testing.T) {
			s := start(t, false, false)
			s.failAt[tc.command] = &gosmtp.SMTPError{Code: tc.code, EnhancedCode: tc.status, Message: "no"}
			err := mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), sample())
			require.Error(t, err)
			require.Equal(t, tc.gone, errors.Is(err, mail.ErrNoMailbox))
			if tc.gone {
				require.ErrorIs(t, err, mail.ErrRejected)
			}
		})
	}
}

func TestAMessageThatWasTakenIsNotSentAgain(t *testing.T) {
	s := start(t, false, false)
	s.failAt["RSET"] = io.ErrUnexpectedEOF // the server hangs up after it took the message
	require.NoError(t, mailer(t, Config{Addr: s.addr}).SendMail(t.Context(), sample()))
	require.Len(t, s.mails(), 1)
}

func TestTLS(t *testing.T) {
	t.Run("STARTTLS", func(t *testing.T) {
		s := start(t, true, false)
		m := mailer(t, Config{Addr: s.addr, TLS: TLSStart, TLSConfig: &tls.Config{RootCAs: s.pool},
			Username: "acme", Password: "correct horse", HELO: "app.acme.test"})
		require.NoError(t, m.SendMail(t.Context(), sample()))
		require.True(t, s.secure)
		require.Equal(t, "acme", s.user)
		require.Equal(t, "app.acme.test", s.helo)
	})
	t.Run("implicit", func(t *testing.T) {
		s := start(t, true, true)
		m := mailer(t, Config{Addr: s.addr, TLS: TLSImplicit, TLSConfig: &tls.Config{RootCAs: s.pool},
			Username: "acme", Password: "correct horse"})
		require.NoError(t, m.SendMail(t.Context(), sample()))
		require.True(t, s.secure)
		require.Equal(t, "acme", s.user)
	})
	t.Run("a server elsewhere must encrypt", func(t *testing.T) {
		s := start(t, false, false)
		m := mailer(t, Config{Addr: "smtp.acme.test:587"})
		m.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		}
		err := m.SendMail(t.Context(), sample())
		require.ErrorContains(t, err, "STARTTLS")
		require.NotErrorIs(t, err, mail.ErrRejected, "the letter is not to blame")
		require.Empty(t, s.mails())
	})
	t.Run("required on the same machine too", func(t *testing.T) {
		s := start(t, false, false)
		err := mailer(t, Config{Addr: s.addr, TLS: TLSStart}).SendMail(t.Context(), sample())
		require.ErrorContains(t, err, "STARTTLS")
		require.Empty(t, s.mails())
	})
	t.Run("unknown certificate", func(t *testing.T) {
		s := start(t, true, false)
		err := mailer(t, Config{Addr: s.addr, TLS: TLSStart}).SendMail(t.Context(), sample())
		require.ErrorContains(t, err, "certificate is not trusted")
		require.NotErrorIs(t, err, mail.ErrRejected)
		require.Empty(t, s.mails())
	})
	t.Run("certificate of another name", func(t *testing.T) {
		s := start(t, true, true)
		m := mailer(t, Config{Addr: "smtp.evil.test:465", TLS: TLSImplicit, TLSConfig: &tls.Config{RootCAs: s.pool}})
		m.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		}
		require.ErrorContains(t, m.SendMail(t.Context(), sample()), "certificate is not trusted")
		require.Empty(t, s.mails())
	})
	t.Run("plain text if told so", func(t *testing.T) {
		s := start(t, false, false)
		m := mailer(t, Config{Addr: "smtp.acme.test:25", InsecurePlaintext: true})
		m.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		}
		require.NoError(t, m.SendMail(t.Context(), sample()))
		require.False(t, s.secure)
		require.Equal(t, "localhost", s.helo, "the machine's name is not told")
	})
}

func TestAWrongPasswordIsNotTheLettersFault(t *testing.T) {
	s := start(t, false, false)
	err := mailer(t, Config{Addr: s.addr, Username: "acme", Password: "hunter2-secret"}).SendMail(t.Context(), sample())
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 535, e.Code)
	require.NotErrorIs(t, err, mail.ErrRejected)
	require.NotContains(t, err.Error(), "hunter2")
}

// silentServer accepts connections, says a greeting or nothing, and then hangs.
func silentServer(t *testing.T, greeting string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.WriteString(c, greeting)
				_, _ = io.Copy(io.Discard, c) // until the client hangs up
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String()
}

// The cleanup of silentServer waits for every connection to end, so these tests
// also show that none is left open.
func TestAHangingServerTimesOut(t *testing.T) {
	for name, greeting := range map[string]string{"says nothing": "", "greets": "220 mx.test\r\n"} {
		t.Run(name, func(t *testing.T) {
			m := mailer(t, Config{Addr: silentServer(t, greeting), Timeout: 150 * time.Millisecond})
			began := time.Now()
			err := m.SendMail(t.Context(), sample())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, mail.ErrRejected)
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

func TestSendingEndsWithTheContext(t *testing.T) {
	m := mailer(t, Config{Addr: silentServer(t, "220 mx.test\r\n")})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	require.ErrorIs(t, m.SendMail(ctx, sample()), context.Canceled)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestServersThatAreNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone := l.Addr().String()
	require.NoError(t, l.Close())
	for name, addr := range map[string]string{"refused": gone, "web server": silentServer(t, "HTTP/1.1 400 Bad Request\r\n\r\n")} {
		t.Run(name, func(t *testing.T) {
			err := mailer(t, Config{Addr: addr, Timeout: 2 * time.Second}).SendMail(t.Context(), sample())
			require.Error(t, err)
			require.NotErrorIs(t, err, mail.ErrRejected)
			require.NotContains(t, err.Error(), "HTTP")
		})
	}
}

func TestMailerIsSafeForConcurrentUse(t *testing.T) {
	s := start(t, true, false)
	m := mailer(t, Config{Addr: s.addr, TLS: TLSStart, TLSConfig: &tls.Config{RootCAs: s.pool}, Username: "acme", Password: "correct horse"})
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		wg.Go(func() { errs <- m.SendMail(t.Context(), sample()) })
	}
	wg.Wait()
	for range 8 {
		require.NoError(t, <-errs)
	}
	require.Len(t, s.mails(), 8)
}
