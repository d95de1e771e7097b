package main

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// Save is asleep until something has changed, and says that it has saved.
func editProfile(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	const asleep = `document.querySelector("#about footer button").disabled`
	v.Until(asleep)
	v.Type("#about-name", "Ada King")
	v.Until("!" + asleep)
	v.Sees("Not saved yet")
	v.Type("#about-name", "Ada Lovelace")
	v.Until(asleep)
	v.Type("#about-name", "Ada King")
	v.Pick("#about-timezone", "Asia/Kolkata")
	v.Follow("#about footer button")
	v.Until(`document.querySelector("#about [role=status]").innerText === "Saved"`)
	v.Until(asleep)
	v.Until(`document.querySelector(".side .me strong").innerText === "Ada King"`)
	v.Until(`document.querySelector("#about-timezone").value === "Asia/Kolkata"`)
	v.Until(`location.search === ""`) // so that a reload does not say it again
	v.Open("/settings/profile")
	v.Until(`!document.querySelector("#about [role=status]")`)

	v.Type("#about-name", "")
	v.Submit("#about-name")
	v.Until(`document.activeElement.getAttribute("role") === "alert"`)
	v.Click(".problem a")
	v.Until(`document.activeElement.id === "about-name" && document.activeElement.getAttribute("aria-invalid") === "true"`)

	v.Pick("#about-locale", "de")
	v.Type("#about-name", "Ada King")
	v.Follow("#about footer button")
	v.Until(`document.documentElement.lang === "de"`)
	require.Empty(t, v.Faults())
}

// A picture is cut where the person wants it, and what is no picture is said.
func setPicture(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	const avatar = `document.querySelector("#picture .avatar").src`
	initials := browser.Eval[string](v.Tab, avatar)
	dir := t.TempDir()

	v.Choose("#picture-picture", stripes(t, dir))
	v.Until(`!document.querySelector(".crop").hidden && document.activeElement === document.querySelector(".crop canvas")`)
	for range 60 {
		v.Press("ArrowLeft") // as far as it goes
	}
	v.Follow(".crop .btn.primary")
	v.Until(`document.querySelector("#picture [role=status]")`)
	require.NotEqual(t, initials, browser.Eval[string](v.Tab, avatar))
	corners := browser.Eval[[]int](v.Tab, `(async () => {
		const image = document.querySelector("#picture .avatar");
		await image.decode();
		const c = new OffscreenCanvas(2, 1).getContext("2d");
		c.drawImage(image, 0, 0, 2, 1);
		return [image.naturalWidth, image.naturalHeight, ...[...c.getImageData(0, 0, 2, 1).data].map(x => x > 127 ? 1 : 0)];
	})()`)
	require.Equal(t, []int{512, 512, 1, 0, 0, 1, 1, 0, 0, 1}, corners, "the left third of the flag is red")
	v.Follow(`button[form="picture-remove"]`)
	v.Until(`document.querySelector("#picture [role=status]")`)
	require.Contains(t, browser.Eval[string](v.Tab, `fetch(`+avatar+`).then(r => r.text())`), ">AL<")

	text := filepath.Join(dir, "picture.png")
	require.NoError(t, os.WriteFile(text, []byte("no picture"), 0o600))
	v.Choose("#picture-picture", text)
	v.Until(`document.querySelector("#picture-picture-error") && document.activeElement.getAttribute("role") === "alert"`)
	v.Sees("Ada Lovelace")
	require.Empty(t, v.Faults())
}

// stripes draws a file of 600 × 200: red, white and blue.
func stripes(t *testing.T, dir string) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 600, 200))
	for x := range 600 {
		for y := range 200 {
			m.Set(x, y, []color.Color{color.RGBA{R: 255, A: 255}, color.White, color.RGBA{B: 255, A: 255}}[x/200])
		}
	}
	name := filepath.Join(dir, "flag.png")
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, m))
	require.NoError(t, f.Close())
	return name
}

// later moves the clock of the server.
func (v visitor) later(offset string) {
	v.t.Helper()
	status, body := v.p.call(v.t, http.MethodPost, "/dev/clock", `{"offset":"`+offset+`"}`)
	require.Equal(v.t, http.StatusOK, status, body)
}

// A change of address waits for a proof once the last one is old, and goes on
// with what was typed. From the old mailbox it can be taken back.
func changeEmail(t *testing.T, b *browser.Browser) {
	const fresh = "ada@new.example"
	v := demo(t, b)
	v.later("11m")
	v.Type("#email-email", fresh)
	v.Follow("#email footer button")
	v.Until(`document.querySelector("#proof-password")`)
	v.Sees(fresh)
	v.Type("#proof-password", "wrong horse 42")
	v.Follow(submit)
	v.Until(`document.querySelector("#proof-password-error")`)
	v.Sees(fresh)
	v.Type("#proof-password", demoPassword)
	v.Follow(submit)
	v.At("/settings/profile")
	v.Sees("Waiting for you to open the link we sent to " + fresh)

	v.openMail(fresh, "account.confirm_email")
	v.Sees(fresh)
	v.Follow(submit)
	v.Sees("Your address has changed")
	v.Follow("main a.btn.primary")
	v.At("/settings/profile")
	v.Until(`document.querySelector("#email-email").value === "` + fresh + `"`)

	old := visit(t, b, v.p)
	old.openMail(demoEmail, "account.email_changed")
	old.Follow(submit)
	old.Sees("Your address is back")
	v.Open("/settings/security")
	v.At("/sign-in")
	v.Sees("Your session has ended")
	old.openMail(demoEmail, "security.reset")
	old.Type("#reset-password", "third horse 9")
	old.Follow(submit)
	old.Sees("Your new password is set")
	old.signIn(demoEmail, "third horse 9")
	old.Until(`document.querySelector("#email-email").value === "` + demoEmail + `"`)
	require.Empty(t, append(v.Faults(), old.Faults()...))
}

// A wrong password keeps the page and says so on top; the right one ends the
// other sessions.
func changePassword(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	other := visit(t, b, v.p)
	other.signIn(demoEmail, demoPassword)
	v.Open("/settings/security")
	v.Type("#password-current_password", "wrong horse 42")
	v.Type("#password-password", "another horse 7")
	v.Follow("#password footer button")
	v.At("/settings/security/password")
	v.Until(`document.activeElement.getAttribute("role") === "alert"`)
	v.Until(`document.querySelector("#password-current_password").value === ""`) // never sent back
	v.Until(`document.querySelectorAll("#sessions .rows li").length === 5`)
	v.Click(".problem a")
	v.Until(`document.activeElement.id === "password-current_password"`)

	v.Type("#password-current_password", demoPassword)
	v.Until(`!document.querySelector("#password-current_password-error, #password-current_password[aria-invalid]")`)
	v.Type("#password-password", "another horse 7")
	v.Follow("#password footer button")
	v.At("/settings/security")
	v.Until(`document.querySelector("#password [role=status]")`)
	v.p.mailTo(t, demoEmail, "security.password_changed")
	other.Open("/settings/security")
	other.At("/sign-in")
	other.Type("#sign-in-email", demoEmail)
	other.Type("#sign-in-password", demoPassword)
	other.Follow(submit)
	other.Until(`document.activeElement.getAttribute("role") === "alert"`)
	other.Until(`document.querySelector("#sign-in-email").value === "` + demoEmail + `"`)
	other.Type("#sign-in-password", "another horse 7")
	other.Follow(submit)
	other.At("/settings/security") // where it was going
	require.Empty(t, append(v.Faults(), other.Faults()...))
}

// One session is ended, then the others, then all.
func endSessions(t *testing.T, b *browser.Browser) {
	v := demo(t, b)
	second, third := visit(t, b, v.p), visit(t, b, v.p)
	rows := func(n string) {
		v.t.Helper()
		v.Until(`document.querySelectorAll("#sessions .rows li").length === ` + n)
	}
	gone := func(x visitor) {
		x.t.Helper()
		x.Open("/settings/security")
		x.At("/sign-in")
		x.Sees("Your session has ended")
	}
	second.signIn(demoEmail, demoPassword)
	v.Open("/settings/security")
	rows("5") // three of the demo, and these
	v.Until(`document.querySelector("#sessions .rows li .badge").innerText === "This device"`)
	v.Follow(`form[action$="/sessions/revoke"] button`) // of the one used last
	v.Until(`document.querySelector("#sessions [role=status]")`)
	rows("4")
	gone(second)

	second.signIn(demoEmail, demoPassword)
	third.signIn(demoEmail, demoPassword)
	v.Follow(`form[action$="/sessions/revoke-others"] button`)
	v.Until(`document.querySelector("#sessions [role=status]")`)
	rows("1")
	gone(second)
	gone(third)

	second.signIn(demoEmail, demoPassword)
	v.Follow(`form[action$="/sessions/revoke-all"] button`)
	v.At("/sign-in")
	v.Sees("You are signed out on every device.")
	gone(second)
	v.Open("/settings/profile")
	v.At("/sign-in")
	require.Empty(t, append(v.Faults(), second.Faults()...))
}
