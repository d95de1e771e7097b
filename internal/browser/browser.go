// Package browser lets tests use the pages as people do: in Chromium, with real
// keys and clicks, and look at what it shows.
//
// A click goes to the middle of what is to be clicked, once it is there, awake,
// at rest and in nobody's shadow. So a button that a person could not press fails
// a test. Everything waits for a condition, up to [patience], and never for a
// time.
//
// Where no Chromium is installed the tests that need it are skipped, loudly, and
// fail if CI=true.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patience is how long one step may take: a machine may be busy with other tests.
const patience = time.Minute

// Browser is a running Chromium. Its tabs may be used from several goroutines, each
// from one at a time.
type Browser struct{ ctx context.Context }

// Start starts a browser, which ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	if !installed() {
		require.NotEqual(t, "true", os.Getenv("CI"), "install Chromium: these tests need a browser")
		fmt.Fprintf(os.Stderr, "\n*** %s SKIPPED: no Chromium (Debian: apt-get install chromium) ***\n\n", t.Name())
		t.Skip("install Chromium to test in a real browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("lang", "en-US"), chromedp.UserDataDir(t.TempDir()))
	// Not the test's own context: that ends before the cleanups in which tabs close.
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx), "Chromium does not start")
	return &Browser{ctx}
}

func installed() bool {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

// Tab is a page of a person who shares nothing with those of other tabs, cookies
// included. Its methods end the test when what they are to do cannot be done.
type Tab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu     sync.Mutex
	faults []string
}

// Tab opens an empty page, which closes with the test. base is the origin that
// paths given to [Tab.Open] belong to.
func (b *Browser) Tab(t testing.TB, base string) *Tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	tab := &Tab{t: t, ctx: ctx, base: base}
	require.NoError(t, chromedp.Do(ctx))
	require.NoError(t, chromedp.Listen(ctx, tab.note))
	Call(tab, log.Enable, cdp.Empty{})
	// Else only one tab of a browser has the focus.
	Call(tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	tab.Look(Desktop, Light)
	return tab
}

// note keeps what went wrong on a page behind people's backs.
func (b *Tab) note(event any) {
	var text string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceSecurity && e.Entry.Source != log.EntrySourceViolation {
			return
		}
		text = e.Entry.Text
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// Faults returns the exceptions of scripts, and what the content security policy
// has refused, since the tab was opened.
func (b *Tab) Faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.faults...)
}

// NoScripts turns the scripts of pages off, from the next page on.
func (b *Tab) NoScripts() {
	b.t.Helper()
	Call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// step bounds one step.
func (b *Tab) step() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

// Do runs actions one after the other.
func (b *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// Open goes to a URL, or to a path of the tab's origin, and waits until the page
// has loaded.
func (b *Tab) Open(url string) {
	b.t.Helper()
	if url != "" && url[0] == '/' {
		url = b.base + url
	}
	b.Do(chromedp.Navigate(url))
}

// Eval runs JavaScript on the page, also where its own scripts are off, and returns
// what it evaluates to. A promise is waited for.
func Eval[T any](b *Tab, code string) T {
	b.t.Helper()
	out, err := try[T](b, code)
	require.NoError(b.t, err, code)
	return out
}

func try[T any](b *Tab, code string) (T, error) {
	ctx, stop := b.step()
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](code, chromedp.EvalAwaitPromise))
}

// Until waits until a JavaScript condition holds, over any change of page.
func (b *Tab) Until(condition string) {
	b.t.Helper()
	holds := func() bool {
		ok, err := try[bool](b, "!!("+condition+")")
		return err == nil && ok // an error: the page changed under it
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	b.t.Fatalf("waited in vain for %s on %s", condition, b.page())
}

func (b *Tab) page() string {
	text, err := try[string](b, `location.href + "\n" + (document.body ? document.body.innerText : "")`)
	if err != nil {
		return err.Error()
	}
	return text
}

// Sees waits until the page shows a text.
func (b *Tab) Sees(text string) {
	b.t.Helper()
	b.Until("document.body && document.body.innerText.includes(" + Quote(text) + ")")
}

// At waits until the page of a path has loaded.
func (b *Tab) At(path string) {
	b.t.Helper()
	b.Until("location.pathname === " + Quote(path) + " && document.readyState === 'complete'")
}

// Quote writes a text as a JavaScript string.
func Quote(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always written
	}
	return string(out)
}
