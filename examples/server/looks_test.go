package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// picturesVariable names a folder for pictures of every page.
const picturesVariable = "SETTINGS_SCREENSHOTS"

// Every page of the running server, with what may go wrong on it, has nothing that
// axe-core finds, on a desktop and on a phone, light and dark.
func everyPage(t *testing.T, b *browser.Browser) {
	for name, look := range map[string]func(visitor){
		"SignIn": lookSignIn, "SignUp": lookSignUp, "Password": lookForgotten, "Failures": lookFailures, "Around": lookAround,
		"Profile": lookProfile, "Security": lookSecurity, "Email": lookEmail,
		"Factors": lookFactors, "Passkeys": lookPasskeys, "NotMe": lookNotMe,
	} {
		t.Run(name, func(t *testing.T) {
			p := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-dev-clock")
			look(visit(t, b, p))
		})
	}
}

// inspect looks at the page that is shown: once, as package pages looks at samples
// of all of them in every way; in every way if pictures are asked for.
func (v visitor) inspect(name string) {
	v.t.Helper()
	if folder := os.Getenv(picturesVariable); folder != "" {
		v.Inspect(name, folder)
		return
	}
	v.Glance(name)
	v.Look(browser.Desktop, browser.Light)
}

// inspectAt goes to a page and looks at it.
func (v visitor) inspectAt(name, url string) {
	v.t.Helper()
	v.Open(url)
	v.inspect(name)
}

// refused waits until the page says that something is wrong, and looks at it.
func (v visitor) refused(name string) {
	v.t.Helper()
	v.Until(`document.querySelector(".problem")`)
	v.inspect(name)
}

func lookSignIn(v visitor) {
	v.inspectAt("sign-in", "/sign-in")
	v.Type("#sign-in-email", demoEmail)
	v.Type("#sign-in-password", "wrong horse 42")
	v.Follow(submit)
	v.refused("sign-in-refused")
	v.signIn(demoEmail, demoPassword)
	v.signOut()
	v.inspect("sign-in-signed-out")
	v.inspectAt("sign-in-expired", "/sign-in?notice=expired")
}

func lookSignUp(v visitor) {
	v.inspectAt("sign-up", "/sign-up")
	v.Type("#sign-up-email", "grace@example")
	v.Follow(submit)
	v.refused("sign-up-refused")
	v.Type("#sign-up-email", "grace@example.com")
	v.Follow(submit)
	v.inspect("check-mail")
	v.openMail("grace@example.com", "account.sign_up")
	v.inspect("complete")
	v.Type("#complete-password", "password1")
	v.inspect("complete-weak")
	v.Follow(submit)
	v.refused("complete-refused")
}

func lookForgotten(v visitor) {
	v.inspectAt("forgot", "/forgot-password")
	v.Follow(submit)
	v.refused("forgot-refused")
	v.Type("#forgot-email", demoEmail)
	v.Follow(submit)
	v.inspect("forgot-sent")
	v.openMail(demoEmail, "security.reset")
	v.inspect("reset")
	v.Type("#reset-password", "short")
	v.Follow(submit)
	v.refused("reset-refused")
	v.Type("#reset-password", "third horse 9")
	v.Follow(submit)
	v.Sees("Your new password is set")
	v.inspect("sign-in-password-set")
}

func lookFailures(v visitor) {
	for name, page := range map[string]string{"sign-up": "/sign-up/complete", "reset": "/reset-password", "confirm": "/confirm-email", "undo": "/undo-email"} {
		v.inspectAt("gone-"+name, page+"?token=x")
	}
	v.inspectAt("404", "/settings/nothing")
	v.inspectAt("405", "/settings/profile/about")
	// A page from elsewhere sends a form.
	v.Open("about:blank")
	browser.Eval[bool](v.Tab, `(document.body.innerHTML = '<form method=post action="`+v.p.url+`/sign-in"><button>Send</button></form>', true)`)
	v.Follow("button")
	v.At("/sign-in")
	v.inspect("403")
}

// lookAround looks at what is around the product: the API's page, the mailbox and
// the mails in it.
func lookAround(v visitor) {
	v.inspectAt("docs", "/api/v1/docs")
	v.inspectAt("mailbox-empty", "/dev/mailbox")
	v.p.call(v.t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"grace@example.com"}`)
	v.p.call(v.t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"`+demoEmail+`"}`)
	v.p.call(v.t, http.MethodPost, "/api/v1/auth/password/forgot", `{"email":"`+demoEmail+`"}`)
	for to, kind := range map[string]string{"grace@example.com": "account.sign_up", demoEmail: "security.reset"} {
		it := v.p.mailTo(v.t, to, kind)
		v.showMail(it)
		v.Sees("Aegis")
		v.inspect("mail-" + kind)
	}
	v.inspectAt("mailbox", "/dev/mailbox")
	v.inspectAt("mailbox-previews", "/dev/mailbox/previews?kind=orgs.invitation")
	v.inspectAt("jobs", "/dev/jobs")
}

// showMail shows the HTML part of a mail as a mail program does, within a page of
// its own: the landmarks are that page's. In the mailbox it stands in a sandbox
// where nothing runs, axe-core included.
func (v visitor) showMail(it item) {
	v.t.Helper()
	v.Open("about:blank")
	part, err := json.Marshal(it.HTML)
	require.NoError(v.t, err)
	browser.Eval[bool](v.Tab, `(() => {
		document.open(); document.write(`+string(part)+`); document.close();
		const main = document.createElement("main");
		main.append(...document.body.childNodes);
		document.body.append(main);
		return true;
	})()`)
}

func lookProfile(v visitor) {
	v.signIn(demoEmail, demoPassword)
	v.inspect("profile")
	v.Look(browser.Phone, browser.Light)
	v.Click(".top summary")
	v.Until(`document.querySelector(".top details").open`)
	require.Empty(v.t, v.Violations(), "with the menu open")
	if dir := os.Getenv(picturesVariable); dir != "" {
		v.Picture(filepath.Join(dir, "profile-menu-375-light.png"))
	}
	v.Look(browser.Desktop, browser.Light)

	v.Type("#about-name", "Ada King")
	v.inspect("profile-unsaved")
	v.Follow("#about footer button")
	v.inspect("profile-saved")
	v.Type("#about-name", strings.Repeat("x", 101))
	v.Follow("#about footer button")
	v.refused("profile-name-refused")
	v.Type("#email-email", "ada@@example.com")
	v.Follow("#email footer button")
	v.refused("profile-email-refused")

	dir := v.t.TempDir()
	v.Choose("#picture-picture", stripes(v.t, dir))
	v.Until(`!document.querySelector(".crop").hidden`)
	v.inspect("profile-crop")
	v.Follow(".crop .btn.primary")
	v.inspect("profile-picture")
	text := filepath.Join(dir, "picture.png")
	require.NoError(v.t, os.WriteFile(text, []byte("no picture"), 0o600))
	v.Choose("#picture-picture", text)
	v.refused("profile-picture-refused")
	v.inspectAt("404-signed-in", "/settings/nothing")
}

func lookSecurity(v visitor) {
	v.signIn(demoEmail, demoPassword)
	v.inspectAt("security", "/settings/security")
	v.Type("#password-current_password", "wrong horse 42")
	v.Type("#password-password", "short")
	v.inspect("security-typed")
	v.Follow("#password footer button")
	v.refused("security-refused")
	v.Type("#password-current_password", demoPassword)
	v.Type("#password-password", "tin otter 9 vague plum")
	v.inspect("security-strong")
	v.Follow("#password footer button")
	v.inspect("security-saved")
	for i := range 24 { // more than one page
		status, body := v.p.call(v.t, http.MethodPost, "/api/v1/auth/sign-in",
			`{"email":"`+demoEmail+`","password":"tin otter 9 vague plum","transport":"token"}`, fmt.Sprintf("User-Agent: device-%d/1.0", i))
		require.Equal(v.t, http.StatusOK, status, body)
	}
	v.inspectAt("security-long", "/settings/security")
	v.Follow(`form[action$="/sessions/revoke-others"] button`)
	v.inspect("security-alone")
}

func lookEmail(v visitor) {
	const fresh = "ada@new.example"
	v.signIn(demoEmail, demoPassword)
	v.later("11m")
	v.Type("#email-email", fresh)
	v.Follow("#email footer button")
	v.inspect("reauthenticate")
	v.Type("#proof-password", "wrong horse 42")
	v.Follow(submit)
	v.refused("reauthenticate-refused")
	v.Type("#proof-password", demoPassword)
	v.Follow(submit)
	v.Sees(fresh)
	v.inspect("profile-email-pending")
	v.openMail(demoEmail, "account.email_change_requested")
	v.inspect("undo-cancel")
	v.openMail(fresh, "account.confirm_email")
	v.inspect("confirm")
	v.Follow(submit)
	v.inspect("confirmed")
	v.openMail(demoEmail, "account.email_changed")
	v.inspect("undo-restore")
	v.Follow(submit)
	v.inspect("restored")
	for _, kind := range []string{"account.email_change_requested", "account.email_changed", "account.confirm_email"} {
		to := demoEmail
		if kind == "account.confirm_email" {
			to = fresh
		}
		v.showMail(v.p.mailTo(v.t, to, kind))
		v.inspect("mail-" + kind)
	}
}
