package letters

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// writer writes the letters of a kind.
type writer struct {
	write   func(p *page, letter json.RawMessage) (mail.Content, error)
	example func(now time.Time) mail.Letter
}

// writers has one entry for each kind of letter.
var writers = map[string]writer{
	accounts.SignUpLetter{}.Kind():               as(signUp),
	accounts.AccountExistsLetter{}.Kind():        as(accountExists),
	accounts.EmailInUseLetter{}.Kind():           as(emailInUse),
	accounts.ConfirmEmailLetter{}.Kind():         as(confirmEmail),
	accounts.EmailChangeRequestedLetter{}.Kind(): as(emailChangeRequested),
	accounts.EmailChangedLetter{}.Kind():         as(emailChanged),
	accounts.EmailRestoredLetter{}.Kind():        as(emailRestored),
	accounts.ExportReadyLetter{}.Kind():          as(exportReady),
	accounts.AccountDeletedLetter{}.Kind():       as(accountDeleted),
	accounts.AccountRestoredLetter{}.Kind():      as(accountRestored),
	security.ResetLetter{}.Kind():                as(reset),
	security.PasswordChangedLetter{}.Kind():      as(passwordChanged),
	security.NewDeviceLetter{}.Kind():            as(newDevice),
	security.TwoFactorOnLetter{}.Kind():          as(twoFactorOn),
	security.TwoFactorOffLetter{}.Kind():         as(twoFactorOff),
	security.TOTPSuspendedLetter{}.Kind():        as(totpSuspended),
	security.BackupCodeUsedLetter{}.Kind():       as(backupCodeUsed),
	security.BackupCodesRenewedLetter{}.Kind():   as(backupCodesRenewed),
	security.PasskeyLetter{}.Kind():              as(passkey),
	security.PasskeyClonedLetter{}.Kind():        as(passkeyCloned),
	security.EmailCodeLetter{}.Kind():            as(emailCode),
	orgs.InvitationLetter{}.Kind():               as(invitation),
	orgs.RoleChangedLetter{}.Kind():              as(roleChanged),
	orgs.MemberRemovedLetter{}.Kind():            as(memberRemoved),
	orgs.OwnershipLetter{}.Kind():                as(ownership),
	orgs.OrgDeletedLetter{}.Kind():               as(orgDeleted),
	notify.PlanLimitLetter{}.Kind():              as(planLimit),
	notify.BillingFailedLetter{}.Kind():          as(billingFailed),
	orgs.SecondFactorLetter{}.Kind():             as(secondFactorRequired),
}

// as reads the JSON of a letter for the function that writes it.
func as[L mail.Letter](write func(*page, L) mail.Content) writer {
	return writer{
		write: func(p *page, raw json.RawMessage) (mail.Content, error) {
			var l L
			if err := json.Unmarshal(raw, &l); err != nil {
				// The error would quote the letter.
				return mail.Content{}, fmt.Errorf("letters: %s is not of its kind's form", p.kind)
			}
			return write(p, l), nil
		},
		example: func(now time.Time) mail.Letter {
			var l L
			fill(reflect.ValueOf(&l).Elem(), "", now)
			return l
		},
	}
}

func signUp(p *page, l accounts.SignUpLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body")}
	c.Button = p.button("/sign-up/complete", l.Token)
	c.Closing = []string{p.say("not_you")}
	c.Footnotes = []string{p.linkOnce(l.ExpiresAt)}
	return c
}

func accountExists(p *page, _ accounts.AccountExistsLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body"), p.say("advice")}
	c.Button = p.button("/sign-in", "")
	c.Closing = []string{p.say("not_you")}
	return c
}

func emailInUse(p *page, _ accounts.EmailInUseLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body"), p.say("advice")}
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func confirmEmail(p *page, l accounts.ConfirmEmailLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body", "OldEmail", mask(l.OldEmail))}
	c.Button = p.button("/confirm-email", l.Token)
	c.Closing = []string{p.say("not_you")}
	c.Footnotes = []string{p.linkOnce(l.ExpiresAt)}
	return c
}

func emailChangeRequested(p *page, l accounts.EmailChangeRequestedLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body")}
	c.Facts = append([][2]string{{p.T("mail.fact.new_email"), l.NewEmail}}, p.facts(l.At, device{Browser: l.Device.Browser, OS: l.Device.OS, IP: l.Device.IP})...)
	c.Advice = []string{p.say("advice")}
	c.Button = p.button("/undo-email", l.UndoToken)
	c.Closing = []string{p.say("later")}
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func emailChanged(p *page, l accounts.EmailChangedLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body")}
	c.Facts = append([][2]string{{p.T("mail.fact.new_email"), l.NewEmail}}, p.facts(l.At, device{})...)
	c.Advice = []string{p.say("advice")}
	c.Button = p.button("/undo-email", l.UndoToken)
	c.Footnotes = []string{p.say("until", "Until", p.instant(l.UndoUntil)), p.whySecurity()}
	return c
}

func emailRestored(p *page, l accounts.EmailRestoredLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body")}
	c.Facts = p.facts(l.At, device{})
	c.Advice = []string{p.say("advice")}
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func exportReady(p *page, l accounts.ExportReadyLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body", "Until", p.instant(l.ExpiresAt))}
	c.Facts = [][2]string{{p.T("mail.fact.size"), p.Size(l.Size)}}
	c.Button = p.button("/settings/profile#export", "")
	c.Advice = []string{p.say("advice")}
	c.Footnotes = []string{p.whySecurity()}
	return c
}

func reset(p *page, l security.ResetLetter) mail.Content {
	c := p.open("")
	c.Paragraphs = []string{p.say("body")}
	c.Facts = p.facts(time.Time{}, device(l.Device))
	c.Button = p.button("/reset-password", l.Token)
	c.Closing = []string{p.say("not_you")}
	c.Footnotes = []string{p.linkOnce(l.ExpiresAt), p.say("effect")}
	return c
}

func passwordChanged(p *page, l security.PasswordChangedLetter) mail.Content {
	variant, body := "", "body"
	switch {
	case l.First:
		variant, body = "_first", "body_first"
	case l.ByLink:
		body = "body_link"
	}
	c := p.open(variant)
	c.Paragraphs = []string{p.say(body)}
	c.Facts = p.facts(l.At, device(l.Device))
	c.Advice = []string{p.say("advice")}
	c.Button = p.button("/forgot-password", "")
	c.Footnotes = []string{p.whySecurity()}
	return c
}
