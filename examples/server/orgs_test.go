package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

const (
	newOrg  = "/settings/orgs/difference"
	guestAt = "grace@example.com"
)

// An organization is founded, shared with a stranger, and handed over to her.
func shareOrg(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	guest := visit(t, b, v.p)
	share(v, guest, visitor.inspect)
	require.Empty(t, append(v.Faults(), guest.Faults()...))

	// She sees to it now.
	guest.Open(newOrg + "/domains")
	guest.Type("#domains-domain", "difference.example")
	guest.Follow(".body.under .btn")
	guest.Sees("_account-settings.difference.example")
	guest.inspect("domains-record")
	guest.Follow(`form[action$="/domains/verify"] button`) // nothing is published there
	guest.Until(`document.querySelector(".domains .error")`)
	guest.Open(newOrg + "/security-policy")
	guest.Follow(`.note.warn a`)
	guest.At("/settings/security")
	guest.Follow(`form[action$="/two-factor/start"] button`)
	a := &app{visitor: guest, secret: browser.Eval[string](guest.Tab, `document.querySelector("[data-copy]").dataset.copy`)}
	guest.Type("#setup-code", a.code())
	guest.Submit("#setup-code")
	guest.Follow(".card footer .btn.primary")
	guest.inspectAt("policy", newOrg+"/security-policy")
	guest.Pick("#policy-days", "30")
	guest.Follow(`form[action$="/security-policy/on"] button`)
	guest.Until(`document.querySelector("main .badge.good")`)
	guest.Sees("Asked of everybody from")
	guest.inspect("policy-on")
	require.Empty(t, guest.Faults())
}

func shareOrgWithoutScript(t *testing.T, b *browser.Browser) {
	v := visit(t, b, startProcess(t, serverBinary(t), "-data", t.TempDir()))
	guest := visit(t, b, v.p)
	v.NoScripts()
	guest.NoScripts()
	v.signIn(demoEmail, demoPassword)
	share(v, guest, func(v visitor, _ string) { require.Empty(t, v.Sideways()) })
}

// share has v found an organization, and guest end up as its Owner, alone.
func share(v, guest visitor, look func(v visitor, name string)) {
	v.t.Helper()
	v.Open("/orgs/new")
	v.Type("#new-org-name", "Difference Engines")
	v.Type("#new-org-slug", "difference")
	v.Follow(submit)
	v.At(newOrg + "/general")
	v.Open(newOrg + "/team")
	v.Type("#invite-emails", guestAt)
	v.Follow("#invite footer button")
	v.Until(`document.querySelector(".team .invited strong").innerText === "` + guestAt + `"`)

	guest.openMail(guestAt, "orgs.invitation")
	guest.Sees("Difference Engines")
	look(guest, "invitation")
	guest.Follow("main a.btn.primary")
	guest.Type("#complete-name", "Grace Hopper")
	guest.Type("#complete-password", "correct horse 42")
	guest.Follow(submit)
	guest.At(newOrg + "/general")
	guest.role("Member")
	guest.Until(`!document.querySelector('.side a[href$="/team"]') && !document.querySelector("#about input")`)
	look(guest, "org-of-a-member")

	v.Open(newOrg + "/team")
	v.give("viewer")
	v.Sees("Role changed")
	guest.Open(newOrg + "/general")
	guest.role("Viewer")

	v.give("owner")
	v.Until(`document.querySelector("#owner-confirm")`)
	v.Sees("Grace Hopper")
	look(v, "handing-over")
	v.Type("#owner-confirm", "another")
	v.Follow("main .btn.bad")
	v.Until(`document.querySelector("#owner-confirm-error")`)
	v.Type("#owner-confirm", "difference")
	v.Follow("main .btn.bad")
	v.At(newOrg + "/team")
	v.role("Admin")
	for _, to := range []string{demoEmail, guestAt} {
		v.p.mailTo(v.t, to, "orgs.ownership")
	}
	guest.Open(newOrg + "/general")
	guest.role("Owner")
	guest.Until(`!document.querySelector('a[href*="ask=leave"]') && document.querySelector("#delete")`)

	v.Open(newOrg + "/general")
	v.Follow(`a[href*="ask=leave"]`)
	v.Follow(`form[action$="/general/leave"] button`)
	v.Until(`!document.querySelector('.orgs a[href^="` + newOrg + `"]')`)
	v.Open(newOrg + "/general")
	v.Sees("There is nothing here")
	guest.Open(newOrg + "/team")
	guest.Until(`document.querySelectorAll(".team tbody tr").length === 1`)
}

// give gives the other one of a team of two another role.
func (v visitor) give(role string) {
	v.t.Helper()
	v.Pick(".team form.role select", role)
	v.Follow(".team form.role button")
}

// role waits until the switcher says what the person is.
func (v visitor) role(want string) {
	v.t.Helper()
	v.Until(`document.querySelector(".side .switch summary small").innerText === "` + want + `"`)
}
