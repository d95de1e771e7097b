package main

import (
	"net/http"
	"time"
)

// lookFactors looks at the pages on which two-factor is turned on, used and
// turned off.
func lookFactors(v visitor) {
	v.signIn(demoEmail, demoPassword)
	v.Open("/settings/security")
	v.Follow(`form[action$="/two-factor/start"] button`)
	v.inspect("setup")
	v.Type("#setup-code", "000000")
	v.Submit("#setup-code")
	v.refused("setup-refused")
	a := v.turnOn(0)
	v.inspect("backup-codes")
	v.inspectAt("security-two-factor", "/settings/security?saved=two-factor")
	v.inspectAt("security-new-codes", "/settings/security?ask=codes")
	v.inspectAt("two-factor-off-proven", "/settings/security/two-factor/off")
	v.signOut()
	v.halfway()
	v.inspect("second-factor")
	v.Type("#second-code", "000000")
	v.Follow(submit)
	v.refused("second-factor-refused")
	v.Follow(".others a")
	v.inspect("second-factor-backup")
	v.Follow(".others a")
	v.Type("#second-code", a.code())
	v.Follow(submit)
	v.At("/settings/profile")
	a.stale()
	v.Open("/settings/security")
	v.Follow(`a[href$="/two-factor/off"]`)
	v.inspect("reauthenticate-code")
	v.Type("#proof-code", a.code())
	v.Follow(submit)
	v.Until(`document.querySelector("#off-password")`)
	v.inspect("two-factor-off")
	v.Follow(".card.bad .btn.bad")
	v.refused("two-factor-off-refused")
	v.showMail(v.p.mailTo(v.t, demoEmail, "security.two_factor_on"))
	v.inspect("mail-two-factor-on")
}

// lookPasskeys looks at the pages about passkeys.
func lookPasskeys(v visitor) {
	key := v.Authenticator()
	key.Present(false)
	v.inspectAt("sign-in-passkeys", "/sign-in")
	v.signIn(demoEmail, demoPassword)
	v.Open("/settings/security")
	v.Follow(`form[action$="/passkeys/begin"] button`)
	v.inspect("passkey-new")
	key.Present(true)
	v.Follow(`form[action$="/passkeys/add"] .btn.primary`)
	v.Until(`document.querySelector("#passkeys .rows")`)
	v.inspect("security-passkeys")
	v.Follow(`a[href*="ask=rename"]`)
	v.inspect("passkey-rename")
	v.Type("#passkey-0-name", "")
	v.Submit("#passkey-0-name")
	v.refused("passkey-rename-refused")
	v.Open("/settings/security")
	v.Follow(`a[href*="ask=remove"]`)
	v.inspect("passkey-remove")
	v.later((11 * time.Minute).String())
	v.Follow(`form[action$="/passkeys/remove"] .btn.bad`)
	v.inspect("reauthenticate-passkey-waits")
	v.Follow(`button[value="passkey"]`)
	v.inspect("reauthenticate-passkey")
	v.showMail(v.p.mailTo(v.t, demoEmail, "security.passkey"))
	v.inspect("mail-passkey")
}

// lookNotMe looks at the mail about a sign-in from elsewhere, and where it leads.
func lookNotMe(v visitor) {
	status, body := v.p.call(v.t, http.MethodPost, "/api/v1/auth/sign-in", `{"email":"`+demoEmail+`","password":"`+demoPassword+`","transport":"token"}`, "User-Agent: device/1.0")
	if status != http.StatusOK {
		v.t.Fatal(status, body)
	}
	it := v.p.mailTo(v.t, demoEmail, "security.new_device")
	v.showMail(it)
	v.inspect("mail-new-device")
	v.openMail(demoEmail, "security.new_device")
	v.inspect("not-me")
	v.Follow(submit)
	v.Sees("Your account is locked for others")
	v.inspect("not-me-done")
	v.inspectAt("gone-not-me", "/not-me?token=x")
}
