package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"

	"github.com/aegisrunner/account-settings/mail"
)

// Error is why a message was not handed over. Its text quotes neither the
// server's words nor an address, so it can be logged.
type Error struct {
	Step string // "compose", "connect", "send"
	Code int    // the server's answer, 550; 0 if it gave none

	reason   string
	rejected bool
	unknown  bool // there is no such mailbox
	cause    error
}

func (e *Error) Error() string { return "smtp: " + e.Reason() }

// Reason says what went wrong, for a log.
func (e *Error) Reason() string { return e.Step + ": " + e.reason }

// Unwrap returns the cause, whose text may quote addresses, and
// [mail.ErrRejected] if trying again is no use.
func (e *Error) Unwrap() []error {
	var out []error
	if e.rejected {
		out = append(out, mail.ErrRejected)
	}
	if e.unknown {
		out = append(out, mail.ErrNoMailbox)
	}
	if e.cause != nil {
		out = append(out, e.cause)
	}
	return out
}

// credentials are answers about this client's sign-in, wherever they come: they
// are the operator's to mend, and no letter's fault.
var credentials = map[int]bool{530: true, 534: true, 535: true, 538: true}

// noMailbox are the enhanced status codes (RFC 3463, RFC 7505) that say that a
// mailbox is not there. A bare 550 may as well be about us, and says nothing.
var noMailbox = map[string]bool{
	"5.1.1": true, "5.1.2": true, "5.1.3": true, "5.1.6": true, "5.1.10": true, "5.2.1": true,
}

// failure classifies an error of the library.
func failure(ctx context.Context, step string, err error) *Error {
	e := &Error{Step: step, cause: err}
	var refused *gomail.SendError
	var answer *textproto.Error
	var garbled textproto.ProtocolError
	var network *net.OpError
	var resolve *net.DNSError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() != 0:
		e.Code = refused.ErrorCode()
	case errors.As(err, &answer):
		e.Code = answer.Code
	}
	switch {
	case e.Code != 0:
		e.reason = fmt.Sprintf("the server answered %d", e.Code)
		e.rejected = step == "send" && e.Code >= 500 && !credentials[e.Code]
		e.unknown = e.rejected && refused != nil && refused.Reason == gomail.ErrSMTPRcptTo && noMailbox[refused.EnhancedStatusCode()]
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || isTimeout(err):
		e.reason, e.cause = "timed out", errors.Join(context.DeadlineExceeded, err)
	case ctx.Err() != nil:
		e.reason, e.cause = "canceled", errors.Join(ctx.Err(), err)
	case errors.As(err, &garbled):
		e.reason = "the server does not speak SMTP"
	case errors.As(err, &untrusted):
		e.reason = "the server's certificate is not trusted: " + untrusted.Err.Error()
	case errors.As(err, &resolve):
		e.reason = resolve.Error()
	case errors.As(err, &network):
		e.reason = network.Error()
	default:
		// What is left comes from the library itself, before anything of the
		// message was sent, such as a server without STARTTLS.
		e.reason = "the connection failed"
		if step == "connect" {
			e.reason = err.Error()
		}
	}
	return e
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
