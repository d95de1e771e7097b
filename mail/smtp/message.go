package smtp

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// The bounds of what goes into a header, in bytes. RFC 5322 allows lines of 998.
const (
	maxAddress = 254
	maxHeader  = 900
)

// reserved are headers that [mail.Message] has fields for, or that the message
// itself decides.
var reserved = []string{
	"From", "To", "Cc", "Bcc", "Sender", "Subject", "Date", "Message-Id", "Mime-Version",
	"Content-Type", "Content-Transfer-Encoding", "Return-Path", "Received",
	"Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Sender",
}

// compose builds the message, and refuses whatever could add a header or a
// recipient. Its errors name fields and quote nothing.
func compose(m mail.Message) (*gomail.Msg, error) {
	from, err := netmail.ParseAddress(m.From)
	if err != nil {
		return nil, errors.New("field From is not an address")
	}
	if from.Address, err = bare("From", from.Address); err != nil {
		return nil, err
	}
	to, err := bare("To", m.To)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(oneLine("From", from.Name), oneLine("ToName", m.ToName), oneLine("Subject", m.Subject)); err != nil {
		return nil, err
	}
	if m.Text == "" {
		return nil, errors.New("field Text is empty")
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(from)
	out.ToMailAddress(&netmail.Address{Name: m.ToName, Address: to})
	out.Subject(m.Subject)
	if m.ID.IsZero() {
		m.ID = id.NewMail()
	}
	out.SetMessageIDWithValue(m.ID.String() + from.Address[strings.LastIndexByte(from.Address, '@'):])
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	for key, value := range m.Headers {
		if err := header(key, value); err != nil {
			return nil, err
		}
		out.SetGenHeader(gomail.Header(textproto.CanonicalMIMEHeaderKey(key)), value)
	}
	out.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return out, nil
}

// bare checks an address without a name: one mailbox, in the plain form that
// leaves nothing to interpret. Quoted local parts and comments are valid mail
// addresses and a way to smuggle a second one.
func bare(field, address string) (string, error) {
	wrong := fmt.Errorf("field %s is not a bare address", field)
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" || domain == "" || len(address) > maxAddress {
		return "", wrong
	}
	for _, r := range address {
		if r <= ' ' || r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`"(),:;<>[\]`, r) {
			return "", wrong
		}
	}
	if strings.Contains(domain, "@") {
		return "", wrong
	}
	return ascii(address)
}

func oneLine(field, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}) {
		return fmt.Errorf("field %s is not one line of text", field)
	}
	if len(s) > maxHeader {
		return fmt.Errorf("field %s is longer than %d bytes", field, maxHeader)
	}
	return nil
}

func header(key, value string) error {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
		return errors.New("the name of a header is not valid")
	}
	if slices.Contains(reserved, textproto.CanonicalMIMEHeaderKey(key)) {
		return fmt.Errorf("the header %s is not for Headers", key)
	}
	return oneLine("Headers["+key+"]", value)
}
