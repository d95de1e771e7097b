package settings

import (
	"context"
	"slices"

	"github.com/aegisrunner/account-settings/internal/letters"
	"github.com/aegisrunner/account-settings/mail"
)

// SuppressMail keeps all mail from an address but what is asked for or urgent. It
// is for what a mail provider reports after it took a letter: call it from the
// route that takes the reports, once their signature is checked. A mailbox that
// the server refuses is suppressed without it. See mail.Courier.Suppress.
func (s *Settings) SuppressMail(ctx context.Context, address string, why mail.Suppression) error {
	return s.courier.Suppress(ctx, address, why)
}

// ReleaseMail ends what SuppressMail began.
func (s *Settings) ReleaseMail(ctx context.Context, address string) error {
	return s.courier.Release(ctx, address)
}

// MailKinds returns the kinds of mail that the product sends, sorted. They are
// never renamed; a new version may add some.
func MailKinds() []string {
	return slices.DeleteFunc(letters.Kinds(), func(kind string) bool { return kind == mail.Decoy{}.Kind() })
}

// PreviewMail writes a mail of one of [MailKinds] to somebody, as it would be sent
// now, with data that is made up and links that lead nowhere. Config.RenderMail
// is asked first, as for every mail. Nothing is sent.
func (s *Settings) PreviewMail(ctx context.Context, kind string, to mail.Recipient) (mail.Message, error) {
	return s.letters.Preview(ctx, kind, to, s.c.Now().UTC())
}
