package pages_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/pages"
)

// document is a parsed page.
type document struct {
	t    *testing.T
	root *html.Node
}

func parse(t *testing.T, body string) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	require.NoError(t, err)
	return document{t, root}
}

func (d document) elements(tags ...string) []*html.Node {
	var out []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (len(tags) == 0 || slices.Contains(tags, n.Data)) {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func (d document) ids() map[string]*html.Node {
	out := map[string]*html.Node{}
	for _, n := range d.elements() {
		if id := attr(n, "id"); id != "" {
			require.NotContains(d.t, out, id, "an id stands twice")
			out[id] = n
		}
	}
	return out
}

// everyPage runs check for each sample page in each language.
func everyPage(t *testing.T, cfg pages.Config, check func(t *testing.T, p pages.Page, body string)) {
	t.Helper()
	r := renderer(t, cfg)
	all := samples(plain)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, l := range catalog.Locales() {
			t.Run(name+"/"+l.Tag, func(t *testing.T) { check(t, all[name], draw(t, r, all[name], l.Tag).Body.String()) })
		}
	}
}

func TestEveryPageIsSound(t *testing.T) {
	everyPage(t, config(), func(t *testing.T, p pages.Page, body string) {
		d := parse(t, body)
		ids := d.ids()
		require.Len(t, d.elements("h1"), 1)
		require.NotEmpty(t, text(d.elements("h1")[0]))
		require.Len(t, d.elements("main"), 1)
		require.NotEmpty(t, attr(d.elements("html")[0], "lang"))
		require.Equal(t, "#main", attr(d.elements("a")[0], "href"), "the skip link comes first")
		require.NotContains(t, body, "⟦", "a text is missing")
		require.NotContains(t, body, "ZgotmplZ", "html/template refused a value")
		if p.Person == nil {
			require.NotContains(t, body, `action="/sign-out"`)
		}
		for _, n := range d.elements() {
			for _, name := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "form", "data-for"} {
				for id := range strings.FieldsSeq(attr(n, name)) {
					require.Contains(t, ids, id, "%s of <%s>", name, n.Data)
				}
			}
			if target, here := strings.CutPrefix(attr(n, "href"), "#"); here {
				require.Contains(t, ids, target, "href of <%s>", n.Data)
			}
		}
	})
}

func TestEveryInputIsLabelled(t *testing.T) {
	everyPage(t, config(), func(t *testing.T, _ pages.Page, body string) {
		d := parse(t, body)
		labels := map[string]string{}
		for _, l := range d.elements("label") {
			labels[attr(l, "for")] = text(l)
		}
		for _, n := range d.elements("input", "select", "textarea") {
			if attr(n, "type") == "hidden" || has(n, "hidden") {
				continue
			}
			require.NotEmpty(t, labels[attr(n, "id")], "label of %s", attr(n, "name"))
		}
		for _, n := range d.elements("button", "a") {
			if !has(n, "data-text") { // the script fills it before it shows
				require.NotEmpty(t, text(n), "a control without a name")
			}
		}
		for _, n := range d.elements("img") {
			require.True(t, has(n, "alt"))
		}
		for _, n := range d.elements("form") {
			if attr(n, "role") == "search" { // it changes nothing, and its address can be kept
				require.Equal(t, "get", attr(n, "method"))
				continue
			}
			require.Equal(t, "post", attr(n, "method"))
		}
	})
}

func TestNothingIsInline(t *testing.T) {
	everyPage(t, config(), func(t *testing.T, _ pages.Page, body string) {
		d := parse(t, body)
		require.Empty(t, d.elements("style", "iframe", "object", "embed", "base"))
		for _, s := range d.elements("script") {
			require.NotEmpty(t, attr(s, "src"))
			require.Empty(t, text(s))
		}
		for _, n := range d.elements() {
			for _, a := range n.Attr {
				require.NotEqual(t, "style", a.Key)
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s of <%s>", a.Key, n.Data)
			}
		}
	})
}

func TestEveryAddressIsBelowThePrefix(t *testing.T) {
	cfg := config()
	cfg.Prefix = "/account"
	cfg.Tabs = []pages.Tab{{ID: "projects", Href: "/projects", Label: "Projects", Labels: map[string]string{"de": "Projekte"}}}
	outside := []string{cfg.Links.Support, cfg.Links.Terms, cfg.Links.Privacy, cfg.Links.Upgrade, cfg.MailboxURL, cfg.Links.Notifications, "/projects"}
	for _, picture := range []string{"/avatars/ada/", "/logos/engines/", "/logos/society/"} { // their whole address is handed in
		outside = append(outside, picture+"64", picture+"128", picture+"512")
	}
	everyPage(t, cfg, func(t *testing.T, _ pages.Page, body string) {
		for _, n := range parse(t, body).elements() {
			for _, name := range []string{"href", "src", "action", "formaction"} {
				v := attr(n, name)
				if v == "" || strings.HasPrefix(v, "#") || slices.Contains(outside, v) {
					require.False(t, has(n, name) && v == "", "empty %s of <%s>", name, n.Data)
					continue
				}
				require.True(t, strings.HasPrefix(v, "/account/"), "%s=%q", name, v)
			}
		}
	})
}

// What a person typed can change no element and no attribute of a page: its
// skeleton is that of the page with harmless values.
func TestHostileValuesStayText(t *testing.T) {
	payloads := []string{
		`"><script>alert(1)</script>`, `' onmouseover='alert(1)`, `</title><img src=x onerror=alert(1)>`, `javascript:alert(1)`,
		`{{.Config}}`, `--><svg onload=alert(1)>`, "\x00</form><form action=//evil.test>", `&lt;script&gt;`, "\u2028\u202e", `\u003cscript>`,
	}
	harmless := samples(plain)
	r := renderer(t, config())
	for _, payload := range payloads {
		for name, p := range samples(func(s string) string { return payload + s }) {
			want := skeleton(parse(t, draw(t, r, harmless[name], "en").Body.String()))
			got := draw(t, r, p, "en").Body.String()
			require.Equal(t, want, skeleton(parse(t, got)), "%s with %q", name, payload)
			for _, n := range parse(t, got).elements() {
				for _, a := range []string{"href", "src", "action"} {
					u, err := url.Parse(attr(n, a))
					require.NoError(t, err, name)
					require.NotEqual(t, "javascript", u.Scheme, name)
				}
			}
		}
	}
}

func skeleton(d document) []string {
	var out []string
	for _, n := range d.elements() {
		s := n.Data
		for _, a := range n.Attr {
			s += " " + a.Key
		}
		out = append(out, s)
	}
	return out
}

func TestErrorsAreSummedUpAndTied(t *testing.T) {
	r := renderer(t, config())
	d := parse(t, draw(t, r, samples(plain)["me-security-wrong"], "en").Body.String())
	ids := d.ids()
	var summary *html.Node
	for _, n := range d.elements("div") {
		if attr(n, "role") == "alert" {
			summary = n
		}
	}
	require.NotNil(t, summary)
	require.True(t, has(summary, "autofocus"))
	require.Equal(t, "-1", attr(summary, "tabindex"))
	require.Contains(t, text(summary), "2 things")
	require.Contains(t, text(summary), "That is not your current password.")
	input := ids["password-current_password"]
	require.Equal(t, "true", attr(input, "aria-invalid"))
	require.Contains(t, attr(input, "aria-describedby"), "password-current_password-error")
	require.Equal(t, "That is not your current password.", text(ids["password-current_password-error"]))
	require.True(t, strings.HasPrefix(text(d.elements("title")[0]), "Error: "))
	for _, n := range d.elements("input") {
		if attr(n, "type") == "password" {
			require.False(t, has(n, "value"), "a password is never sent back")
		}
	}
}

func TestWhatWasTypedIsKept(t *testing.T) {
	r := renderer(t, config())
	d := parse(t, draw(t, r, samples(plain)["me-profile-rejected"], "en").Body.String())
	require.Equal(t, "ada@@example.com", attr(d.ids()["email-email"], "value"))
	d = parse(t, draw(t, r, samples(plain)["complete-invalid"], "en").Body.String())
	require.Equal(t, "Asia/Calcutta", selected(t, d.ids()["complete-timezone"]), "a former name of a zone stays what it is")
	require.Equal(t, "de", selected(t, d.ids()["complete-locale"]))
}

func selected(t *testing.T, n *html.Node) string {
	t.Helper()
	var out []string
	for o := range n.Descendants() {
		if o.Data == "option" && has(o, "selected") {
			out = append(out, attr(o, "value"))
		}
	}
	require.Len(t, out, 1)
	return out[0]
}

func TestWrongWholeFormIsOneSentence(t *testing.T) {
	r := renderer(t, config())
	w := draw(t, r, samples(plain)["sign-in-limited"], "en")
	require.Equal(t, "240", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "You can try again in 4 minutes.")
	require.NotContains(t, w.Body.String(), "needs another look")
}

func TestZonesShowTheTimeThereAndFormerNames(t *testing.T) {
	r := renderer(t, config())
	d := parse(t, draw(t, r, samples(plain)["me-profile"], "en").Body.String())
	zone := d.ids()["about-timezone"]
	require.Equal(t, "Europe/London", selected(t, zone))
	labels := map[string]*html.Node{}
	for o := range zone.Descendants() {
		if o.Data == "option" {
			labels[attr(o, "value")] = o
		}
	}
	require.Equal(t, "Europe/London, 09:41 now", text(labels["Europe/London"]))
	require.Equal(t, "America/New York, 04:41 now", text(labels["America/New_York"]))
	require.Equal(t, "Asia/Calcutta", attr(labels["Asia/Kolkata"], "data-also"))
	require.Greater(t, len(labels), 300)
}

func TestMomentsSayTheExactInstant(t *testing.T) {
	r := renderer(t, config())
	d := parse(t, draw(t, r, samples(plain)["me-security"], "en").Body.String())
	var found bool
	for _, n := range d.elements("time") {
		at, err := time.Parse(time.RFC3339, attr(n, "datetime"))
		require.NoError(t, err)
		if at.Equal(now.Add(-2 * time.Hour)) {
			found = true
			require.Equal(t, "2 hours ago", text(n))
			require.Equal(t, "24 November 2026, 07:41:07 GMT", attr(n, "title"))
		}
	}
	require.True(t, found)
}

func TestGreetingFollowsThePersonsClock(t *testing.T) {
	r := renderer(t, config())
	p := samples(plain)["me-profile"]
	me := *p.Person
	me.Zone = time.FixedZone("far", 10*3600)
	p.Person = &me
	require.Contains(t, draw(t, r, p, "en").Body.String(), "Good evening, Ada")
	require.Contains(t, draw(t, r, p, "de").Body.String(), "Guten Abend, Ada")
}

func TestCurrentSessionHasNoButtonAndOneAloneSaysSo(t *testing.T) {
	r := renderer(t, config())
	revoke := "/settings/security/sessions/revoke\""
	body := draw(t, r, samples(plain)["me-security-alone"], "en").Body.String()
	require.NotContains(t, body, revoke)
	require.NotContains(t, body, "revoke-others")
	require.Contains(t, body, "No other devices.")
	require.Contains(t, body, "revoke-all")
	body = draw(t, r, samples(plain)["me-security"], "en").Body.String()
	require.Equal(t, 2, strings.Count(body, revoke))
	require.Contains(t, body, "revoke-others")
	require.Contains(t, draw(t, r, samples(plain)["me-security-long"], "en").Body.String(), "/settings/security?cursor=AbC-_9#sessions")
}
