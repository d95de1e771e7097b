package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe/axe.min.js
var axeScript string

// tab is a real browser on a running server.
type tab struct {
	t   *testing.T
	ctx context.Context
	p   *process
}

// newTab starts a browser; it skips where none is installed, except in CI.
func newTab(t *testing.T, p *process) *tab {
	t.Helper()
	found := false
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if _, err := exec.LookPath(name); err == nil {
			found = true
		}
	}
	if !found {
		require.NotEqual(t, "true", os.Getenv("CI"), "install Chromium: these tests need a browser")
		t.Skip("install Chromium to test the product in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-quic", true),
		chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(ctx)
	t.Cleanup(stopTab)
	require.NoError(t, chromedp.Do(ctx))
	return &tab{t: t, ctx: ctx, p: p}
}

// send makes an action of a command of the protocol.
func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, time.Minute)
	defer stop()
	for _, a := range actions {
		require.NoError(b.t, chromedp.Do(ctx, a))
	}
}

func (b *tab) open(url string) {
	b.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = b.p.url + url
	}
	b.do(chromedp.Navigate(url))
}

// eval runs JavaScript on the page.
func eval[T any](b *tab, code string) (T, error) {
	ctx, stop := context.WithTimeout(b.ctx, 20*time.Second)
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](code, chromedp.EvalAwaitPromise))
}

// until waits for a condition, over navigations.
func (b *tab) until(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(45 * time.Second)
	for time.Now().Before(deadline) {
		if ok, err := eval[bool](b, "!!("+condition+")"); err == nil && ok {
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
	text, _ := eval[string](b, `location.href + "\n" + document.body.innerText`)
	b.t.Fatalf("waited in vain for %s on\n%s", condition, text)
}

func (b *tab) sees(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.body && document.body.innerText.includes(%q)", text))
}

func (b *tab) at(path string) {
	b.t.Helper()
	b.until(fmt.Sprintf("location.pathname === %q && document.readyState === 'complete'", path))
}

// fill types into a field, as far as the page can tell.
func (b *tab) fill(selector, value string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	_, err := eval[bool](b, fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true })(document.querySelector(%q))`, value, selector))
	require.NoError(b.t, err)
}

// press clicks.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%[1]q) && !document.querySelector(%[1]q).disabled", selector))
	_, err := eval[bool](b, fmt.Sprintf(`(document.querySelector(%q).click(), true)`, selector))
	require.NoError(b.t, err)
}

func (b *tab) signIn(email, password string) {
	b.t.Helper()
	b.open("/sign-in")
	b.fill("#sign-in-email", email)
	b.fill("#sign-in-password", password)
	b.press("main form button.primary")
	b.at("/settings/profile")
}

// signUp goes the whole way through the mailbox.
func (b *tab) signUp(email, password string) {
	b.t.Helper()
	b.open("/")
	b.at("/sign-in")
	b.open("/sign-up")
	b.fill("#sign-up-email", email)
	b.press("main form button.primary")
	b.until("location.search.includes('sent')")
	b.until("document.querySelector('a[href=\"/dev/mailbox\"]')")
	b.open(b.p.mailTo(b.t, email, "account.sign_up").link(b.t))
	b.fill("#complete-name", "Grace Hopper")
	b.fill("#complete-password", password)
	b.press("main form button.primary")
	b.at("/settings/profile")
	b.sees("Grace")
}

func TestSettingsInABrowser(t *testing.T) {
	p := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-dev-clock")
	b := newTab(t, p)
	b.signIn(demoEmail, demoPassword)

	// The profile: Save wakes, and says that it saved.
	b.until(`document.querySelector("#about footer button").disabled`)
	b.fill("#about-name", "Ada King")
	b.press("#about footer button")
	b.until(`document.querySelector("#about [role=status]")`)

	// A change of address asks for a proof once the last one is old, and goes on.
	status, _ := p.call(t, http.MethodPost, "/dev/clock", `{"offset":"11m"}`)
	require.Equal(t, http.StatusOK, status)
	b.fill("#email-email", "ada@new.example")
	b.press("#email footer button")
	b.sees("ada@new.example")
	b.fill("#proof-password", demoPassword)
	b.press("main form button.primary")
	b.at("/settings/profile")
	b.sees("Waiting for you to open the link we sent to ada@new.example")
	b.open(p.mailTo(t, "ada@new.example", "account.confirm_email").link(t))
	b.press("main form button.primary")
	b.sees("Your address has changed")
	b.open("/settings/profile")
	b.until(`document.querySelector("#email-email").value === "ada@new.example"`)

	// A wrong current password is said, on top with the focus.
	b.open("/settings/security")
	b.fill("#password-current_password", "wrong horse 42")
	b.fill("#password-password", "another horse 7")
	b.press("#password footer button")
	b.until(`document.activeElement.getAttribute("role") === "alert"`)
	b.fill("#password-current_password", demoPassword)
	b.fill("#password-password", "another horse 7")
	b.press("#password footer button")
	b.until(`document.querySelector("#password [role=status]")`)

	// Two browsers: one signs the other out, then everybody.
	other := newTab(t, p)
	other.signIn("ada@new.example", "another horse 7")
	b.open("/settings/security")
	b.press(`form[action$="/sessions/revoke"] button`)
	b.until(`document.querySelector("#sessions [role=status]")`)
	other.open("/settings/security")
	other.at("/sign-in")
	other.sees("Your session has ended")
	b.press(`form[action$="/sessions/revoke-all"] button`)
	b.at("/sign-in")
	b.sees("You are signed out on every device.")

	// From the old mailbox everything is undone.
	b.open(p.mailTo(t, demoEmail, "account.email_changed").link(t))
	b.press("main form button.primary")
	b.sees("Your address is back")
	b.open(p.mailTo(t, demoEmail, "security.reset").link(t))
	b.fill("#reset-password", "third horse 9")
	b.press("main form button.primary")
	b.at("/sign-in")
	b.sees("Your new password is set")
	b.signIn(demoEmail, "third horse 9")
}

// Every page, in both themes and on a phone, has nothing that axe-core finds.
// SETTINGS_SCREENSHOTS names a folder to put pictures of them into.
func TestPagesAreAccessible(t *testing.T) {
	p := startProcess(t, serverBinary(t), "-data", t.TempDir())
	b := newTab(t, p)
	p.call(t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"grace@example.com"}`)
	complete := p.mailTo(t, "grace@example.com", "account.sign_up").link(t)
	p.call(t, http.MethodPost, "/api/v1/auth/password/forgot", `{"email":"`+demoEmail+`"}`)
	reset := p.mailTo(t, demoEmail, "security.reset").link(t)
	for name, url := range map[string]string{
		"sign-in": "/sign-in", "sign-up": "/sign-up", "check-mail": "/sign-up?sent=", "forgot-password": "/forgot-password",
		"complete": complete, "reset": reset, "gone": "/reset-password?token=x", "404": "/nothing", "docs": "/api/v1/docs", "mailbox": "/dev/mailbox",
	} {
		b.inspect(name, url)
	}
	b.signIn(demoEmail, demoPassword)
	for name, url := range map[string]string{
		"profile": "/settings/profile", "profile-saved": "/settings/profile?saved=about", "security": "/settings/security", "reauthenticate": "/reauthenticate",
	} {
		b.inspect(name, url)
	}
}

func (b *tab) inspect(name, url string) {
	b.t.Helper()
	sizes := map[string][2]int64{"1280": {1280, 900}, "768": {768, 1024}, "375": {375, 812}}
	dir := os.Getenv("SETTINGS_SCREENSHOTS")
	for size, s := range sizes {
		for _, theme := range []string{"light", "dark"} {
			// A big screen in the light and a phone in the dark find nearly
			// everything; the rest is for whoever looks at the pictures.
			if look := size + theme; dir == "" && look != "1280light" && look != "375dark" {
				continue
			}
			b.do(
				send(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s[0], Height: s[1], DeviceScaleFactor: 1, Mobile: s[0] < 500}),
				send(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}),
				send(page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}),
			)
			b.open(url)
			found, err := eval[string](b, axeScript+`;axe.run(document, {iframes: false}).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).join(" | ")).join("\n"))`)
			require.NoError(b.t, err)
			require.Empty(b.t, found, "%s %s %s", name, size, theme)
			wide, err := eval[bool](b, `document.documentElement.scrollWidth > innerWidth`)
			require.NoError(b.t, err)
			require.False(b.t, wide, "%s %s scrolls sideways", name, size)
			if dir != "" {
				png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				require.NoError(b.t, err)
				require.NoError(b.t, os.WriteFile(filepath.Join(dir, strings.Join([]string{name, size, theme}, "-")+".png"), png, 0o600))
			}
		}
	}
	b.do(send(page.SetBypassCSP, page.SetBypassCSPParams{}))
}
