package pages_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

// script runs JavaScript on a page and returns what it evaluates to.
func script[T any](t *testing.T, tab *browser.Tab, code string) T {
	t.Helper()
	return browser.Eval[T](tab, code)
}

// TestInABrowser shares one browser among all that needs one.
func TestInABrowser(t *testing.T) {
	b := browser.Start(t)
	server := preview(t)
	t.Run("Script", func(t *testing.T) { scriptWorks(t, b, server) })
	t.Run("Orgs", func(t *testing.T) { orgScriptWorks(t, b, server) })
	t.Run("Team", func(t *testing.T) { teamScriptWorks(t, b, server) })
	t.Run("OrgMenu", func(t *testing.T) { orgsOnAPhone(t, b, server) })
	t.Run("SmallScreen", func(t *testing.T) { smallScreen(t, b, server) })
	t.Run("Samples", func(t *testing.T) { samplesAreSound(t, b, server) })
}

func scriptWorks(t *testing.T, b *browser.Browser, server string) {
	tab := b.Tab(t, server)
	open := func(name string) { tab.Open("/" + name + "?lang=en") }
	t.Run("SaveWakesWhenSomethingChanged", func(t *testing.T) {
		open("me-profile")
		disabled := `document.querySelector("#about footer button").disabled`
		typing := `(v => { const n = document.getElementById("about-name"); n.value = v; n.dispatchEvent(new Event("input", {bubbles: true})) })`
		require.True(t, script[bool](t, tab, disabled))
		script[any](t, tab, typing+`("Ada King")`)
		require.False(t, script[bool](t, tab, disabled))
		require.Equal(t, "Not saved yet", script[string](t, tab, `document.querySelector("#about [data-unsaved]").textContent`))
		script[any](t, tab, typing+`("Ada Lovelace")`)
		require.True(t, script[bool](t, tab, disabled), "undone by hand is nothing to save")
	})
	t.Run("RefusedFormStaysAwake", func(t *testing.T) {
		open("me-profile-rejected")
		require.False(t, script[bool](t, tab, `document.querySelector("#about footer button").disabled`))
		require.Equal(t, "alert", script[string](t, tab, `document.activeElement.getAttribute("role")`), "the summary has the focus")
	})
	t.Run("Meter", func(t *testing.T) {
		open("me-security")
		measure := func(password string) (string, string) {
			script[any](t, tab, `(v => { const n = document.getElementById("password-password"); n.value = v; n.dispatchEvent(new Event("input", {bubbles: true})) })(`+browser.Quote(password)+`)`)
			said := script[string](t, tab, `new Promise(done => setTimeout(() => done(document.getElementById("password-password-meter").textContent), 300))`)
			return script[string](t, tab, `document.querySelector("#password .meter").dataset.level`), said
		}
		for _, c := range []struct{ password, level, says string }{
			{"", "0", ""},
			{"horse7", "1", "2 more characters, please."},
			{"horse77", "1", "One more character, please."},
			{"velvetmarmot", "2", "Add a number, please."},
			{"Password1!", "1", "Words that many people use"},
			{"P@ssw0rd2026", "1", "Words that many people use"},
			{"lovelace1815", "1", "Words that many people use"},
			{"acme-acme-1", "1", "Words that many people use"},
			{"qwertyuiop12", "1", ""},
			{"aaaaaaaaaaaaaaaa1", "1", "Repeated and neighbouring"},
			{"k7Tq", "1", "4 more characters, please."},
			{"tin otter 9 vague plum", "4", "Strong"},
			{"北京烤鸭真的很好吃2", "4", "Strong"},
		} {
			level, says := measure(c.password)
			require.Equal(t, c.level, level, c.password)
			require.Contains(t, says, c.says, c.password)
		}
	})
	t.Run("PasswordCanBeShown", func(t *testing.T) {
		open("sign-in")
		kind := `document.getElementById("sign-in-password").type`
		script[any](t, tab, `document.querySelector(".reveal button").click()`)
		require.Equal(t, "text", script[string](t, tab, kind))
		script[any](t, tab, `document.querySelector(".reveal button").click()`)
		require.Equal(t, "password", script[string](t, tab, kind))
	})
	t.Run("TimeZoneComesFromTheBrowser", func(t *testing.T) {
		open("complete")
		here := script[string](t, tab, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
		require.Contains(t, []string{here, "Etc/" + here, "UTC"}, script[string](t, tab, `document.getElementById("complete-timezone").value`))
	})
	t.Run("AddressIsRememberedForCheckYourMail", func(t *testing.T) {
		open("sign-up")
		script[any](t, tab, `sessionStorage.setItem("settings.email", "ada@example.com")`)
		open("check-mail")
		require.Equal(t, "ada@example.com", script[string](t, tab, `document.querySelector("[data-sent-to]:not([hidden]) dd").textContent`))
	})
	t.Run("PictureIsCutSquare", func(t *testing.T) {
		open("me-profile")
		cutLeft(t, tab, "picture-picture")
		require.Equal(t, "200,200,255,0,0,255", script[string](t, tab, `window.found`), "the left end, which is red")
	})
	t.Run("MenuOpensAndCloses", func(t *testing.T) {
		open("me-profile")
		script[any](t, tab, `document.querySelector("details").open = true; document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}))`)
		require.False(t, script[bool](t, tab, `document.querySelector("details").open`))
	})
	t.Run("PolicyHolds", func(t *testing.T) {
		open("me-security")
		require.Equal(t, "blocked", script[string](t, tab, `new Promise(done => {
			document.addEventListener("securitypolicyviolation", () => done("blocked"));
			const s = document.createElement("script");
			s.textContent = "window.inline = 1";
			document.head.append(s);
			setTimeout(() => done("ran"), 1000);
		})`))
		require.NotEqual(t, "rgba(0, 0, 0, 0)", script[string](t, tab, `getComputedStyle(document.body).backgroundColor`), "the style sheet is let in")
		require.Positive(t, script[int](t, tab, `Math.round(document.querySelector(".side .tab use").getBoundingClientRect().width)`), "the icons are let in")
	})
}

// cutLeft chooses a picture of stripes for an input, and cuts its left end out.
func cutLeft(t *testing.T, tab *browser.Tab, input string) {
	t.Helper()
	script[any](t, tab, `(async () => {
		const bytes = Uint8Array.from(atob(`+browser.Quote(base64.StdEncoding.EncodeToString(stripes(t)))+`), c => c.charCodeAt(0));
		const files = new DataTransfer();
		files.items.add(new File([bytes], "me.png", {type: "image/png"}));
		const input = document.getElementById(`+browser.Quote(input)+`);
		input.files = files.files;
		input.dispatchEvent(new Event("change", {bubbles: true}));
		while (document.querySelector(".crop").hidden) await new Promise(r => setTimeout(r, 20));
		// What would be sent is kept here instead.
		const form = document.querySelector("form[data-picture]");
		form.submit = () => { window.sent = input.files[0]; };
		const canvas = document.querySelector(".crop canvas");
		for (let i = 0; i < 80; i++) canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true}));
		form.requestSubmit();
		while (!window.sent) await new Promise(r => setTimeout(r, 20));
		const image = await createImageBitmap(window.sent);
		const c = new OffscreenCanvas(1, 1).getContext("2d");
		c.drawImage(image, 0, 0);
		window.found = [image.width, image.height, ...c.getImageData(0, 0, 1, 1).data].join();
	})()`)
}

// At 320 px, which is 1280 at a zoom of 400 %, nothing is cut off or has to be
// scrolled sideways; what is touched is 44 px high.
func smallScreen(t *testing.T, b *browser.Browser, server string) {
	tab := b.Tab(t, server)
	tab.Look(browser.Size{Name: "320", Width: 320, Height: 640}, browser.Light)
	for _, name := range slices.Sorted(maps.Keys(samples(plain))) {
		tab.Open("/" + name + "?lang=de")
		require.Empty(t, tab.Sideways(), "%s is wider than the screen", name)
		require.Empty(t, script[string](t, tab, `[...document.querySelectorAll(".btn, .quiet, .tab, summary, .input")]
			.filter(n => n.checkVisibility() && n.getBoundingClientRect().height < 44)
			.map(n => n.outerHTML.slice(0, 120)).join("\n")`), "too small to be touched on %s", name)
	}
}

// stripes is a picture of 600 × 200: its left third red, the rest blue.
func stripes(t *testing.T) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 600, 200))
	for x := range 600 {
		for y := range 200 {
			m.Set(x, y, color.RGBA{B: 255, A: 255})
			if x < 200 {
				m.Set(x, y, color.RGBA{R: 255, A: 255})
			}
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}
