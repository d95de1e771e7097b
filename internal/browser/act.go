package browser

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Call runs a command of the DevTools protocol.
func Call[P, R any](b *Tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	out, err := chromedp.Call(ctx, command, params)
	require.NoError(b.t, err)
	return out
}

// Type replaces what is in a field by typing.
func (b *Tab) Type(selector, text string) {
	b.t.Helper()
	b.Click(selector)
	b.Until("document.activeElement === document.querySelector(" + Quote(selector) + ")")
	Eval[bool](b, "(document.activeElement.select(), true)")
	if text == "" {
		b.Press("Backspace")
		return
	}
	Call(b, input.InsertText, input.InsertTextParams{Text: text})
}

// Press presses a key, named as in JavaScript.
func (b *Tab) Press(key string) {
	b.t.Helper()
	codes := map[string]int64{"Backspace": 8, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
	code, known := codes[key]
	require.True(b.t, known, "no key %s", key)
	down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Code: key, WindowsVirtualKeyCode: code}
	if key == "Enter" {
		down.Text = "\r"
	}
	Call(b, input.DispatchKeyEvent, down)
	Call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key, Code: key, WindowsVirtualKeyCode: code})
}

// spot finds where to click: the middle of what a selector finds, if a click there
// would reach it.
const spot = `(e => {
	if (!e || e.disabled) return "not there, or asleep";
	e.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
	const r = e.getBoundingClientRect();
	if (!r.width || !r.height) return "not shown";
	const [x, y] = [r.left + r.width / 2, r.top + r.height / 2];
	const hit = document.elementFromPoint(x, y);
	return e.contains(hit) ? [x, y].join() : "covered by " + (hit ? hit.outerHTML.slice(0, 200) : "nothing");
})(document.querySelector(%s))`

// Click clicks on what a selector finds first.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	var before, now string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		where, err := try[string](b, fmt.Sprintf(spot, Quote(selector)))
		if err != nil {
			continue // the page changed under it
		}
		before, now = now, where
		var x, y float64
		if _, err := fmt.Sscanf(now, "%g,%g", &x, &y); err == nil && before == now {
			b.Do(chromedp.MouseClickXY(x, y))
			return
		}
	}
	b.t.Fatalf("cannot click %s: %s, on %s", selector, now, b.page())
}

// Follow clicks on what leads to another page, and waits until that has loaded.
func (b *Tab) Follow(selector string) {
	b.t.Helper()
	b.loads(func() { b.Click(selector) })
}

// Submit presses Enter in a field, and waits until the page that comes has loaded.
func (b *Tab) Submit(selector string) {
	b.t.Helper()
	Eval[bool](b, "(document.querySelector("+Quote(selector)+").focus(), true)")
	b.loads(func() { b.Press("Enter") })
}

func (b *Tab) loads(act func()) {
	b.t.Helper()
	acting := chromedp.Func(func(context.Context, *chromedp.Target) error {
		act()
		return nil
	})
	ctx, stop := b.step()
	defer stop()
	_, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, acting))
	require.NoError(b.t, err, "no other page came, on %s", b.page())
}

// Choose gives a file to a file field.
func (b *Tab) Choose(selector, file string) {
	b.t.Helper()
	b.Do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{file}, chromedp.NodeReady))
}

// Pick picks an option of a select by its value.
func (b *Tab) Pick(selector, value string) {
	b.t.Helper()
	Eval[bool](b, fmt.Sprintf(`(e => {
		e.value = %s;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})(document.querySelector(%s))`, Quote(value), Quote(selector)))
	b.Until(fmt.Sprintf("document.querySelector(%s).value === %s", Quote(selector), Quote(value)))
}
