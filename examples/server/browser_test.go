package main

import (
	"testing"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// TestInABrowser uses the running server as people do. One browser serves all of
// it; each person has a tab of their own, and each journey a server.
func TestInABrowser(t *testing.T) {
	b := browser.Start(t)
	for name, journey := range map[string]func(*testing.T, *browser.Browser){
		"Stranger": stranger, "Profile": editProfile, "Picture": setPicture, "Email": changeEmail,
		"Password": changePassword, "Sessions": endSessions, "Pages": everyPage,
		"AuditLog": readAuditLog, "TwoFactor": useTwoFactor, "WrongCodes": tireOfCodes, "Passkeys": usePasskeys,
		"Export": downloadData, "Import": importFile, "ImportWithoutScript": importWithoutScript,
		"Organization": shareOrg, "OrganizationWithoutScript": shareOrgWithoutScript,
	} {
		t.Run(name, func(t *testing.T) { journey(t, b) })
	}
}

// submit is the one button that a page of one form is there for.
const submit = "main form .btn.primary"

// visitor is somebody at a running server.
type visitor struct {
	*browser.Tab
	t *testing.T
	p *process
}

func visit(t *testing.T, b *browser.Browser, p *process) visitor {
	t.Helper()
	return visitor{b.Tab(t, p.url), t, p}
}

// demo is the demo person, signed in to a server of their own.
func demo(t *testing.T, b *browser.Browser) visitor {
	t.Helper()
	v := visit(t, b, startProcess(t, serverBinary(t), "-data", t.TempDir(), "-dev-clock"))
	v.signIn(demoEmail, demoPassword)
	return v
}

func (v visitor) signIn(email, password string) {
	v.t.Helper()
	v.Open("/sign-in")
	v.Type("#sign-in-email", email)
	v.Type("#sign-in-password", password)
	v.Follow(submit)
	v.At("/settings/profile")
}

// openMail opens a mail's link by the page of the mailbox.
func (v visitor) openMail(to, kind string) {
	v.t.Helper()
	it := v.p.mailTo(v.t, to, kind)
	v.Open("/dev/mailbox?open=" + it.ID)
	v.Sees(it.Subject)
	v.Follow(`.links a[href*="token="]`)
}

func (v visitor) forgotPassword(email, password string) {
	v.t.Helper()
	v.Open("/sign-in")
	v.Follow(`a[href="/forgot-password"]`)
	v.Type("#forgot-email", email)
	v.Follow(submit)
	v.Sees("Check your mail")
	v.openMail(email, "security.reset")
	v.Type("#reset-password", password)
	v.Follow(submit)
	v.At("/sign-in")
	v.Sees("Your new password is set")
}

func (v visitor) signOut() {
	v.t.Helper()
	v.Follow(`.side form[action="/sign-out"] button`)
	v.At("/sign-in")
	v.Sees("You are signed out.")
}
