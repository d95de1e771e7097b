package pages_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// needBrowser skips where no browser is installed, except where tests must not
// be skipped.
func needBrowser(t *testing.T) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if _, err := exec.LookPath(name); err == nil {
			return
		}
	}
	require.NotEqual(t, "true", os.Getenv("CI"), "install Chromium: these tests need a browser")
	t.Skip("install Chromium to test the script in a browser")
}

// script runs JavaScript on a page and returns what it evaluates to.
func script[T any](ctx context.Context, t *testing.T, code string) T {
	t.Helper()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](code, chromedp.EvalAwaitPromise))
	require.NoError(t, err, code)
	return out
}

func TestScript(t *testing.T) {
	needBrowser(t)
	server := preview(t)
	ctx := browser(t)
	open := func(t *testing.T, name string) context.Context {
		t.Helper()
		ctx, stop := context.WithTimeout(ctx, time.Minute)
		t.Cleanup(stop)
		require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server+"/"+name+"?lang=en")))
		return ctx
	}
	t.Run("SaveWakesWhenSomethingChanged", func(t *testing.T) {
		ctx := open(t, "me-profile")
		disabled := `document.querySelector("#about footer button").disabled`
		typing := `(v => { const n = document.getElementById("about-name"); n.value = v; n.dispatchEvent(new Event("input", {bubbles: true})) })`
		require.True(t, script[bool](ctx, t, disabled))
		script[any](ctx, t, typing+`("Ada King")`)
		require.False(t, script[bool](ctx, t, disabled))
		require.Equal(t, "Not saved yet", script[string](ctx, t, `document.querySelector("#about [data-unsaved]").textContent`))
		script[any](ctx, t, typing+`("Ada Lovelace")`)
		require.True(t, script[bool](ctx, t, disabled), "undone by hand is nothing to save")
	})
	t.Run("RefusedFormStaysAwake", func(t *testing.T) {
		ctx := open(t, "me-profile-rejected")
		require.False(t, script[bool](ctx, t, `document.querySelector("#about footer button").disabled`))
		require.Equal(t, "alert", script[string](ctx, t, `document.activeElement.getAttribute("role")`), "the summary has the focus")
	})
	t.Run("Meter", func(t *testing.T) {
		ctx := open(t, "me-security")
		measure := func(password string) (string, string) {
			script[any](ctx, t, `(v => { const n = document.getElementById("password-password"); n.value = v; n.dispatchEvent(new Event("input", {bubbles: true})) })(`+quote(password)+`)`)
			said := script[string](ctx, t, `new Promise(done => setTimeout(() => done(document.getElementById("password-password-meter").textContent), 300))`)
			return script[string](ctx, t, `document.querySelector("#password .meter").dataset.level`), said
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
		ctx := open(t, "sign-in")
		kind := `document.getElementById("sign-in-password").type`
		script[any](ctx, t, `document.querySelector(".reveal button").click()`)
		require.Equal(t, "text", script[string](ctx, t, kind))
		script[any](ctx, t, `document.querySelector(".reveal button").click()`)
		require.Equal(t, "password", script[string](ctx, t, kind))
	})
	t.Run("TimeZoneComesFromTheBrowser", func(t *testing.T) {
		ctx := open(t, "complete")
		here := script[string](ctx, t, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
		require.Contains(t, []string{here, "Etc/" + here, "UTC"}, script[string](ctx, t, `document.getElementById("complete-timezone").value`))
	})
	t.Run("AddressIsRememberedForCheckYourMail", func(t *testing.T) {
		ctx := open(t, "sign-up")
		script[any](ctx, t, `sessionStorage.setItem("settings.email", "ada@example.com")`)
		ctx = open(t, "check-mail")
		require.Equal(t, "ada@example.com", script[string](ctx, t, `document.querySelector("[data-sent-to]:not([hidden]) dd").textContent`))
	})
	t.Run("PictureIsCutSquare", func(t *testing.T) {
		ctx := open(t, "me-profile")
		script[any](ctx, t, `(async () => {
			const bytes = Uint8Array.from(atob(`+quote(base64.StdEncoding.EncodeToString(stripes(t)))+`), c => c.charCodeAt(0));
			const files = new DataTransfer();
			files.items.add(new File([bytes], "me.png", {type: "image/png"}));
			const input = document.getElementById("picture-picture");
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
		require.Equal(t, "200,200,255,0,0,255", script[string](ctx, t, `window.found`), "the left end, which is red")
	})
	t.Run("MenuOpensAndCloses", func(t *testing.T) {
		ctx := open(t, "me-profile")
		script[any](ctx, t, `document.querySelector("details").open = true; document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}))`)
		require.False(t, script[bool](ctx, t, `document.querySelector("details").open`))
	})
	t.Run("PolicyHolds", func(t *testing.T) {
		ctx := open(t, "me-security")
		require.Equal(t, "blocked", script[string](ctx, t, `new Promise(done => {
			document.addEventListener("securitypolicyviolation", () => done("blocked"));
			const s = document.createElement("script");
			s.textContent = "window.inline = 1";
			document.head.append(s);
			setTimeout(() => done("ran"), 1000);
		})`))
		require.NotEqual(t, "rgba(0, 0, 0, 0)", script[string](ctx, t, `getComputedStyle(document.body).backgroundColor`), "the style sheet is let in")
		require.Positive(t, script[int](ctx, t, `Math.round(document.querySelector(".top summary use").getBoundingClientRect().width)`), "the icons are let in")
	})
}

// At 320 px, which is 1280 at a zoom of 400 %, nothing is cut off or has to be
// scrolled sideways; what is touched is 44 px high.
func TestSmallScreen(t *testing.T) {
	needBrowser(t)
	server := preview(t)
	ctx := browser(t)
	require.NoError(t, chromedp.Do(ctx, send(emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: 320, Height: 640, DeviceScaleFactor: 1, Mobile: true})))
	for _, name := range slices.Sorted(maps.Keys(samples(plain))) {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server+"/"+name+"?lang=de")))
			require.LessOrEqual(t, script[int](ctx, t, `document.documentElement.scrollWidth`), 320, "the page is wider than the screen")
			require.Empty(t, script[string](ctx, t, `[...document.querySelectorAll(".btn, .quiet, .tab, summary, .input")]
				.filter(n => n.checkVisibility() && n.getBoundingClientRect().height < 44)
				.map(n => n.outerHTML.slice(0, 120)).join("\n")`), "too small to be touched")
		})
	}
}

func quote(s string) string { return "`" + s + "`" }

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
