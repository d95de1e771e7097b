package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// app is an authenticator app that has scanned a secret. Its phone's clock runs
// ahead with the server's.
type app struct {
	visitor
	secret string
	ahead  time.Duration
}

// code returns the present code, which no earlier one was.
func (a *app) code() string {
	a.t.Helper()
	a.ahead += time.Minute
	a.later(a.ahead.String())
	path, err := exec.LookPath("oathtool")
	require.NoError(a.t, err, "install oathtool; ./test.sh does it on Debian")
	at := time.Now().Add(a.ahead).UTC().Format("2006-01-02 15:04:05 UTC")
	out, err := exec.CommandContext(a.t.Context(), path, "--totp", "-b", "--now", at, a.secret).Output() //nolint:gosec // a secret of the test
	require.NoError(a.t, err)
	return strings.TrimSpace(string(out))
}

// stale lets every proof grow old.
func (a *app) stale() {
	a.t.Helper()
	a.ahead += 11 * time.Minute
	a.later(a.ahead.String())
}

// turnOn turns two-factor on. ahead is by how much the server's clock is.
func (v visitor) turnOn(ahead time.Duration) *app {
	v.t.Helper()
	v.Open("/settings/security")
	v.Follow(`form[action$="/two-factor/start"] button`)
	a := &app{visitor: v, secret: browser.Eval[string](v.Tab, `document.querySelector("[data-copy]").dataset.copy`), ahead: ahead}
	v.Type("#setup-code", a.code())
	v.Submit("#setup-code")
	v.Sees("Store your backup codes")
	return a
}

// halfway signs in by password, and is asked for more.
func (v visitor) halfway() {
	v.t.Helper()
	v.Type("#sign-in-email", demoEmail)
	v.Type("#sign-in-password", demoPassword)
	v.Follow(submit)
	v.At("/second-factor")
}

// A person turns two-factor on, and signs in by the app and by a backup code.
func useTwoFactor(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	v.Open("/settings/security")
	v.Follow(`form[action$="/two-factor/start"] button`)
	secret := browser.Eval[string](v.Tab, `document.querySelector("[data-copy]").dataset.copy`)
	require.Equal(t, secret, browser.Eval[string](v.Tab, `document.querySelector("#setup-secret").innerText.replaceAll(" ", "")`))
	v.Until(`document.querySelector(".qr svg").getBoundingClientRect().width === 192`)
	v.Type("#setup-code", "000000")
	v.Submit("#setup-code")
	v.Until(`document.querySelector("#setup-code-error") && document.activeElement.getAttribute("role") === "alert"`)
	require.Equal(t, secret, browser.Eval[string](v.Tab, `document.querySelector("[data-copy]").dataset.copy`), "no new scan")
	a := &app{visitor: v, secret: secret}
	v.Type("#setup-code", a.code())
	v.Submit("#setup-code")
	v.Sees("Store your backup codes")
	codes := browser.Eval[[]string](v.Tab, `[...document.querySelectorAll(".codes code")].map(c => c.innerText)`)
	require.Len(t, codes, 8)
	v.Click(`form[action$="/download"] button`) // a file; the page stays
	v.Until(`document.querySelectorAll(".codes code").length === 8`)
	v.Follow(".card footer .btn.primary")
	v.At("/settings/security")
	v.Until(`document.querySelector("#two-factor .badge.good").innerText === "On"`)
	v.Sees("8 left")
	v.p.mailTo(t, demoEmail, "security.two_factor_on")

	v.signOut()
	v.Open("/sign-in?next=/settings/security")
	v.halfway()
	v.Until(`document.activeElement.id === "second-code"`)
	v.Type("#second-code", "000000")
	v.Follow(submit)
	v.Until(`document.querySelector("#second-code-error")`)
	v.Type("#second-code", a.code())
	v.Follow(submit)
	v.At("/settings/security") // where it was going
	v.Sees("Second step refused: wrong code")

	v.signOut()
	v.halfway()
	v.Follow(".others a")
	v.Type("#second-code", codes[0])
	v.Follow(submit)
	v.At("/settings/profile")
	v.p.mailTo(t, demoEmail, "security.backup_code_used")

	// A change that needs a fresh proof asks for it in place, and goes on.
	a.stale()
	v.Open("/settings/security?ask=codes")
	v.Click(`form[action$="/backup-codes"] .btn.primary`)
	v.Until(`document.querySelector("dialog[open]") && document.activeElement.id === "proof-code"`)
	require.Empty(t, v.Violations(), "with the dialog open")
	v.Type("#proof-code", "000000")
	v.Click(".proof .btn.primary")
	v.Until(`document.querySelector(".proof #proof-code-error")`)
	v.Click(`.proof button[value="backup_code"]`)
	v.Until(`document.querySelector('.proof input[value="backup_code"]')`)
	v.Click(`.proof button[value="totp"]`)
	v.Until(`document.querySelector('.proof input[value="totp"]')`)
	v.Type("#proof-code", a.code())
	v.Follow(".proof .btn.primary")
	v.Sees("Your new backup codes")

	// So does a page that was opened before.
	v.Open("/settings/profile")
	a.stale()
	v.Type("#email-email", "ada@new.example")
	v.Follow("#email footer button")
	v.Sees("You want to change your address to ada@new.example.")
	v.Follow(`button[value="backup_code"]`)
	v.Sees("ada@new.example")
	v.Follow(`button[value="totp"]`)
	v.Type("#proof-code", a.code())
	v.Submit("#proof-code")
	v.At("/settings/profile")
	v.Sees("Waiting for you to open the link we sent to ada@new.example")

	v.Open("/settings/security")
	v.Follow(`a[href$="/two-factor/off"]`)
	v.Type("#off-password", demoPassword)
	v.Follow(".card.bad .btn.bad")
	v.At("/settings/security")
	v.Until(`document.querySelector("#two-factor .badge").innerText === "Off"`)
	require.Empty(t, v.Faults())
}

// Five wrong codes lead back to the beginning, which says why.
func tireOfCodes(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	v.turnOn(0)
	other := visit(t, b, v.p)
	other.NoScripts()
	other.Open("/sign-in")
	other.halfway()
	for range 4 {
		other.Type("#second-code", "000000")
		other.Follow(submit)
		other.Until(`document.querySelector("#second-code-error")`)
	}
	other.Type("#second-code", "000000")
	other.Follow(submit)
	other.At("/sign-in")
	other.Sees("Too many wrong codes.")
}

// useKey presses the button that asks for a passkey. By script: while the browser
// asks an authenticator it keeps whoever drives its mouse waiting.
func (v visitor) useKey() {
	v.t.Helper()
	v.Until(`document.querySelector("form[data-passkey]:not([hidden]) button:enabled")`)
	browser.Eval[bool](v.Tab, `(document.querySelector("form[data-passkey] button")?.click(), true)`)
}

// A passkey is made, signs in by itself, is a second factor, and proves anew who
// somebody is.
func usePasskeys(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	key := v.Authenticator()
	v.later("11m")
	v.Open("/settings/security")
	v.Click(`form[action$="/passkeys/begin"] button`)
	v.Until(`document.querySelector("dialog[open]") && document.activeElement.id === "proof-password"`)
	v.Type("#proof-password", demoPassword)
	v.Follow(".proof .btn.primary")
	v.Sees("New passkey") // where it was going, with the form open
	v.Type("#passkey-new-name", "Work laptop")
	v.Follow(`form[action$="/passkeys/add"] .btn.primary`)
	v.At("/settings/security")
	v.Sees("Work laptop")
	require.Equal(t, 1, key.Passkeys())
	v.p.mailTo(t, demoEmail, "security.passkey")

	// By the button.
	key.Present(false)
	v.signOut()
	v.Open("/sign-in?next=/settings/security")
	v.Until(`!document.querySelector("form[data-passkey]").hidden`)
	key.Present(true)
	v.useKey()
	v.At("/settings/security")
	v.Until(`document.querySelector("#passkeys .rows").innerText.includes("last used just now")`)

	// Offered beside the field for the address: whoever picks it there is in.
	key.Present(false)
	v.signOut()
	v.Open("about:blank") // else the page that one is on now asks as well
	key.Present(true)
	v.Open("/sign-in?next=/settings/security")
	v.At("/settings/security")

	// Somebody whom the device does not recognise is told so, and stays.
	key.Present(false)
	v.signOut()
	v.Open("/sign-in")
	v.Until(`!document.querySelector("form[data-passkey]").hidden`)
	key.Verify(false)
	key.Present(true)
	v.useKey()
	v.Sees("No passkey was used.")
	key.Present(false)
	key.Verify(true)

	// A copy of the passkey, made before it signed in, opens nothing, and is told.
	v.Open("/sign-in")
	v.Until(`!document.querySelector("form[data-passkey]").hidden`)
	key.Count(0)
	key.Present(true)
	v.useKey()
	v.Sees("passkey was not accepted")
	key.Present(false)
	v.p.mailTo(t, demoEmail, "security.passkey_cloned")
	// The page asks again by itself, until then: each time the copy counts on, and at
	// last as far as the passkey has.
	v.Open("/")
	v.Until(`document.querySelector("#sign-in-email, .side .me")`)
	if browser.Eval[bool](v.Tab, `document.querySelector("#sign-in-email") === null`) {
		v.signOut()
	}
	key.Count(1000)

	// As a second factor, and to go on with what was typed.
	v.signIn(demoEmail, demoPassword)
	a := v.turnOn(11 * time.Minute)
	v.Open("/settings/security")
	v.signOut()
	v.halfway()
	key.Present(true)
	v.useKey()
	v.At("/settings/profile")
	a.stale()
	v.Type("#email-email", "ada@new.example")
	v.Follow("#email footer button")
	v.Follow("button[value=passkey]")
	v.Sees("Use your fingerprint")
	v.useKey()
	v.At("/settings/profile")
	v.Sees("Waiting for you to open the link we sent to ada@new.example")

	// Renamed, and removed.
	v.Open("/settings/security")
	v.Follow(`a[href*="ask=rename"]`)
	v.Until(`document.activeElement.id === "passkey-0-name"`)
	v.Type("#passkey-0-name", "Old laptop")
	v.Submit("#passkey-0-name")
	v.Sees("Old laptop")
	v.Follow(`a[href*="ask=remove"]`)
	v.Follow(`form[action$="/passkeys/remove"] .btn.bad`)
	v.Sees("No passkeys yet.")
	require.Empty(t, v.Faults())
}
