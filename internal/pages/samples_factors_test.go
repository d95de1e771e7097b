package pages_test

import (
	"time"

	"github.com/aegisrunner/account-settings/internal/pages"
	"github.com/aegisrunner/account-settings/internal/qrcode"
)

func events(s func(string) string) []pages.Event {
	chrome := pages.Event{Browser: s("Chrome"), OS: s("macOS"), IP: s("81.2.69.142"), Place: s("London, United Kingdom")}
	at := func(e pages.Event, ago time.Duration, action string, values ...string) pages.Event {
		e.At, e.Action, e.Values = now.Add(-ago), action, map[string]string{}
		for i := 0; i < len(values); i += 2 {
			e.Values[values[i]] = s(values[i+1])
		}
		return e
	}
	wrong := at(pages.Event{Browser: s("curl"), IP: s("2001:db8:85a3:8d3:1319:8a2e:370:7348")}, 3*time.Hour, "security.signed_in")
	wrong.Refused, wrong.Reason = true, "invalid_credentials"
	return []pages.Event{
		at(chrome, time.Minute, "security.signed_in"),
		wrong,
		at(chrome, 26*time.Hour, "security.backup_code_used", "left", "2"),
		at(chrome, 5*24*time.Hour, "security.passkey_added", "name", "MacBook Air"),
		at(pages.Event{}, 6*24*time.Hour, "security.totp_suspended"),
		at(chrome, 40*24*time.Hour, "security.password_changed"),
	}
}

func passkeys(s func(string) string) []pages.Passkey {
	return []pages.Passkey{
		{ID: s("019ac001-0000-7000-8000-00000000000a"), Name: s("MacBook Air"), AddedAt: now.AddDate(0, -2, 0), LastUsedAt: now.Add(-3 * time.Hour), Synced: true},
		{ID: s("019ac001-0000-7000-8000-00000000000b"), Name: s("Security key in the drawer of the desk at home"), AddedAt: now.AddDate(0, 0, -1)},
	}
}

// factorSamples are the pages about second factors.
func factorSamples(s func(string) string, off pages.Security) map[string]pages.View {
	on := off
	on.TwoFactor = pages.TwoFactorCard{On: true, EnabledAt: now.AddDate(0, -5, -20), LastUsedAt: now.Add(-2 * time.Hour), CodesLeft: 8}
	on.Passkeys.Items = passkeys(s)
	on.Saved = "two-factor"
	few := on
	few.TwoFactor.CodesLeft, few.TwoFactor.LastUsedAt, few.Saved = 2, time.Time{}, "passkeys"
	asking := on
	asking.TwoFactor.Asking, asking.Saved = true, ""
	asking.History = pages.HistoryCard{Items: events(s)[:2], NextCursor: s("AbC-_9"), Later: true}
	renaming, removing, last, adding, refused := asking, asking, asking, asking, asking
	row := func(change func(*pages.Passkey)) pages.PasskeysCard {
		rows := passkeys(s)
		change(&rows[1])
		return pages.PasskeysCard{Items: rows}
	}
	renaming.Passkeys = row(func(k *pages.Passkey) { k.Do, k.Typed, k.Form = "rename", s(" "), fields("name", "required") })
	removing.Passkeys = row(func(k *pages.Passkey) { k.Do = "remove" })
	last.Passkeys = pages.PasskeysCard{Items: passkeys(s)[:1], Form: pages.Form{Code: "last_factor"}}
	last.TwoFactor = pages.TwoFactorCard{On: true, EnabledAt: now.AddDate(0, -1, 0)}
	adding.Passkeys = pages.PasskeysCard{Items: passkeys(s)[:1], Adding: &pages.AddPasskey{Name: s("My laptop"), Options: s("{}")}}
	refused.Passkeys = pages.PasskeysCard{Adding: &pages.AddPasskey{Name: s("x"), Options: s("{}"), Form: fields("name", "too_long")}}
	none := off
	none.Passkeys.Off, none.History = true, pages.HistoryCard{}

	const secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	qr, err := qrcode.SVG("otpauth://totp/Acme:ada@example.com?secret="+secret+"&issuer=Acme", "QR code")
	if err != nil {
		panic(err)
	}
	setup := pages.SetUp{Sealed: s("sealed"), Secret: secret, QR: qr}
	wrong := setup
	wrong.Form = fields("code", "invalid_code")
	codes := []string{
		"4F7KQ2MX-9TBC3HWD", "ZR5JN8PA-K2V6YQ1E", "B0XW7GTS-M4H9CDFJ", "Q8N3VKRP-T6YA2E5Z",
		"H1D9WXCB-7JMF4SGK", "P6T2ZQYV-E8RN5KA3", "C4GJ0HBM-XS7WD1F9", "Y5EK8RTN-2VQPA6Z7",
	}
	return map[string]pages.View{
		"sign-in-tries":            pages.SignIn{Notice: "code_tries", Next: s("/settings/profile")},
		"second-factor":            pages.SecondFactor{Method: "totp", Passkey: true, Next: s("/settings/security")},
		"second-factor-wrong":      pages.SecondFactor{Method: "totp", Form: fields("code", "invalid_code")},
		"second-factor-backup":     pages.SecondFactor{Method: "backup_code", Passkey: true, Form: pages.Form{Code: "rate_limited", RetryAfter: time.Minute}},
		"not-me":                   pages.NotMe{Token: s("tok")},
		"not-me-done":              pages.Outcome{Kind: "not_me"},
		"gone-not-me":              pages.LinkGone{For: "not_me"},
		"me/reauthenticate-code":   pages.Reauthenticate{Method: "totp", Others: []string{"backup_code", "passkey"}, Continue: s("sealed"), Waiting: "passkey_add", Back: "/settings/security"},
		"me/reauthenticate-backup": pages.Reauthenticate{Method: "backup_code", Others: []string{"totp", "passkey"}, Continue: s("sealed"), Form: fields("code", "invalid_code")},
		"me/reauthenticate-key":    pages.Reauthenticate{Method: "passkey", Others: []string{"password"}, Continue: s("sealed"), Waiting: "passkey_rename", Detail: s("My laptop"), Back: "/settings/security"},
		"me/reauthenticate-mail":   pages.Reauthenticate{Method: "email_code", Continue: s("sealed"), Waiting: "first_password", Back: "/settings/security"},
		"me/reauthenticate-sent":   pages.Reauthenticate{Method: "email_code", Sent: true, Continue: s("sealed"), Waiting: "first_password", Form: fields("code", "required")},
		"me/security-on":           on,
		"me/security-few":          few,
		"me/security-ask-codes":    asking,
		"me/security-rename":       renaming,
		"me/security-remove":       removing,
		"me/security-last":         last,
		"me/security-add":          adding,
		"me/security-add-refused":  refused,
		"me/security-none":         none,
		"me/setup":                 setup,
		"me/setup-wrong":           wrong,
		"me/codes":                 pages.BackupCodes{Codes: codes, Sealed: s("sealed"), Enabled: true},
		"me/codes-new":             pages.BackupCodes{Codes: codes, Sealed: s("sealed")},
		"me/off":                   pages.TurnOff{Password: true, Code: true},
		"me/off-proven":            pages.TurnOff{},
		"me/off-wrong":             pages.TurnOff{Password: true, Code: true, Form: fields("password", "wrong_password", "code", "required")},
		"me/enroll":                pages.Enroll{},
		"me/enroll-add":            pages.Enroll{Passkeys: pages.PasskeysCard{Adding: &pages.AddPasskey{Options: s("{}")}}},
		"me/enroll-use":            pages.Enroll{Passkeys: pages.PasskeysCard{Items: passkeys(s)[:1]}},
	}
}
