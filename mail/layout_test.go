package mail

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func brand() Brand {
	return Brand{Product: "Acme", SupportURL: "https://acme.test/help", PostalAddress: "Acme Inc., 1 Main Street"}
}

func full() Content {
	return Content{
		Preheader: "preheader-words", Title: "title-words", Greeting: "greeting-words",
		Paragraphs: []string{"paragraph-one", "paragraph-two"},
		Code:       "code-words",
		Facts:      [][2]string{{"label-one", "value-one"}, {"label-two", "value-two"}},
		Advice:     []string{"advice-words"},
		Button:     Button{Label: "button-words", URL: "https://app.acme.test/x?token=a&b=c"},
		LinkHint:   "hint-words", Closing: []string{"closing-words"}, Signature: "signature-words",
		Footnotes: []string{"footnote-one", "footnote-two"}, Support: "support-words",
	}
}

func TestLayoutSaysEverythingOnceInBothParts(t *testing.T) {
	text, page, err := Layout(brand(), "en", "ltr", full())
	require.NoError(t, err)
	body := page[strings.Index(page, "<body"):]
	order := []string{"title-words", "greeting-words", "paragraph-one", "paragraph-two", "code-words", "label-one", "value-one",
		"label-two", "value-two", "advice-words", "button-words", "closing-words", "signature-words", "footnote-one",
		"footnote-two", "support-words", "Acme Inc., 1 Main Street"}
	for name, part := range map[string]string{"text": text, "HTML": body} {
		at := 0
		for _, words := range order {
			require.Equal(t, 1, strings.Count(part, words), "%s: %s", name, words)
			next := strings.Index(part, words)
			require.Greater(t, next, at-1, "%s: %s is in its place", name, words)
			at = next
		}
	}
	require.Equal(t, 1, strings.Count(text, "https://app.acme.test/x?token=a&b=c"))
	require.NotContains(t, text, "preheader-words")
	require.Contains(t, body, "hint-words")
	require.Contains(t, text, "support-words: https://acme.test/help")
}

func TestLayoutLeavesNothingBehindForEmptyFields(t *testing.T) {
	text, page, err := Layout(Brand{Product: "Acme"}, "de", "ltr", Content{Title: "Titel"})
	require.NoError(t, err)
	require.Equal(t, "Titel\n\n-- \nAcme\n", text)
	for _, tag := range []string{"<p", "<a ", "<th", "<img", "display:none"} {
		require.NotContains(t, page, tag)
	}
	require.Contains(t, page, `<html lang="de" dir="ltr">`)
}

// TestLayoutLoadsNothing: a mail that fetches something tells its sender that
// it was read.
func TestLayoutLoadsNothing(t *testing.T) {
	b := brand()
	_, page, err := Layout(b, "en", "ltr", full())
	require.NoError(t, err)
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		require.NotContains(t, []string{"script", "img", "link", "iframe", "form", "input", "object", "base", "svg", "video"}, n.Data)
		for _, a := range n.Attr {
			require.NotContains(t, []string{"src", "background", "srcset", "action"}, a.Key)
			require.NotRegexp(t, `(?i)^on`, a.Key)
			require.NotRegexp(t, `(?i)url\(|@import`, a.Val)
		}
	}
	require.NotRegexp(t, `(?i)url\(|@import|ZgotmplZ`, page)

	b.LogoURL = "https://acme.test/logo.png"
	_, page, err = Layout(b, "en", "ltr", full())
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(page, "<img"))
	require.Contains(t, page, `<img src="https://acme.test/logo.png" alt="Acme"`)
}

// A picture is on white in both themes, and its words stand where it is not shown.
func TestLayoutWithAPicture(t *testing.T) {
	c := full()
	plain, _, err := Layout(brand(), "en", "ltr", c)
	require.NoError(t, err)
	c.Picture = Picture{URL: "https://app.acme.test/logos/k/128", Alt: "Ana\u202e\nlytical \"Engines\""}
	text, page, err := Layout(brand(), "en", "ltr", c)
	require.NoError(t, err)
	require.Equal(t, plain, text)
	require.Equal(t, 1, strings.Count(page, "<img"))
	img := page[strings.Index(page, "<img"):]
	img = img[:strings.Index(img, ">")]
	for _, want := range []string{`src="https://app.acme.test/logos/k/128"`, `alt="Ana lytical &#34;Engines&#34;"`, `width="64" height="64"`, "background-color:#ffffff"} {
		require.Contains(t, img, want)
	}
	require.Less(t, strings.Index(page, "<img"), strings.Index(page, "title-words</h1>"))
	for _, bad := range []Picture{
		{URL: "/logos/k/128", Alt: "x"}, {URL: "javascript:alert(1)", Alt: "x"}, {URL: "data:image/png,x", Alt: "x"},
		{URL: "https://app.acme.test/logos/k/128"}, {Alt: "x"},
	} {
		c.Picture = bad
		_, _, err := Layout(brand(), "en", "ltr", c)
		require.ErrorContains(t, err, "Content.Picture", "%v", bad)
	}
}

func TestLayoutFitsPhonesAndBothThemes(t *testing.T) {
	_, page, err := Layout(brand(), "en", "ltr", full())
	require.NoError(t, err)
	for _, want := range []string{
		`<meta name="color-scheme" content="light dark">`, "prefers-color-scheme: dark", "max-width:600px",
		`name="viewport"`, "@media (max-width: 520px)",
	} {
		require.Contains(t, page, want)
	}
	style := page[strings.Index(page, "<style>"):strings.Index(page, "</style>")]
	require.Less(t, len(style), 8192, "one well-known mail program drops longer style sheets")
	require.Less(t, len(page), 60_000, "and cuts longer mails")
	// Every class that the style sheet knows is used, and the reverse.
	known, used := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`\.([a-z]+)`).FindAllStringSubmatch(style, -1) {
		known[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for c := range strings.FieldsSeq(m[1]) {
			used[c] = true
		}
	}
	require.Equal(t, known, used)
}

func TestLayoutFromRightToLeft(t *testing.T) {
	_, page, err := Layout(brand(), "ar", "rtl", full())
	require.NoError(t, err)
	require.Contains(t, page, `<html lang="ar" dir="rtl">`)
	require.Contains(t, page, `align="right"`)
	require.NotContains(t, page, `align="left"`)
	_, page, err = Layout(brand(), `en" onload="x`, "sideways", full())
	require.NoError(t, err)
	require.NotContains(t, page, `onload="x"`)
	require.Contains(t, page, `dir="ltr"`)
}

func TestLayoutEscapes(t *testing.T) {
	const hostile = `</td><script>alert(1)</script><a href="https://evil.test" style="x">"'{{.}}`
	c := full()
	c.Preheader, c.Title, c.Greeting, c.LinkHint, c.Signature, c.Support = hostile, hostile, hostile, hostile, hostile, hostile
	c.Paragraphs, c.Advice, c.Closing, c.Footnotes = []string{hostile}, []string{hostile}, []string{hostile}, []string{hostile}
	c.Facts, c.Button.Label = [][2]string{{hostile, hostile}}, hostile
	b := Brand{Product: hostile, PostalAddress: hostile, SupportURL: "https://acme.test/help"}
	text, page, err := Layout(b, "en", "ltr", c)
	require.NoError(t, err)
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		require.NotEqual(t, "script", n.Data)
		for _, a := range n.Attr {
			require.False(t, a.Key == "href" && strings.Contains(a.Val, "evil"))
		}
	}
	require.Contains(t, text, hostile, "the text part needs no escaping")
}

func TestLayoutKeepsEveryTextOnOneLine(t *testing.T) {
	c := full()
	c.Greeting = "Hello Ada\r\n\r\nYour account\u2028is \u202elocked\u202c\x00\x1b[31m\xff,"
	c.Facts = [][2]string{{"Device", "x\n\nBcc: y"}}
	text, page, err := Layout(brand(), "en", "ltr", c)
	require.NoError(t, err)
	require.Contains(t, text, "\n\nHello Ada Your account is locked[31m,\n\n")
	require.Contains(t, text, "Device: x Bcc: y\n")
	require.NotRegexp(t, "[\u202a-\u202e\u2066-\u2069\u2028\x00\x1b\r]", text+page)
}

func TestLayoutNamesEveryFault(t *testing.T) {
	_, _, err := Layout(Brand{LogoURL: "javascript:alert(1)", AccentColor: "red;}", SupportURL: "//acme.test"}, "en", "ltr",
		Content{Button: Button{Label: "x", URL: "/relative?token=hush"}})
	for _, want := range []string{"Product", "Title", "LogoURL", "AccentColor", "SupportURL", "Button.URL"} {
		require.ErrorContains(t, err, want)
	}
	require.NotContains(t, err.Error(), "hush")
	for _, bad := range []Button{{Label: "x"}, {URL: "https://acme.test"}, {Label: "x", URL: "data:text/html,x"}, {Label: "x", URL: "https:///x"}, {Label: "x", URL: "https://a.test/ x"}} {
		_, _, err := Layout(brand(), "en", "ltr", Content{Title: "t", Button: bad})
		require.ErrorContains(t, err, "Button", "%v", bad)
	}
	_, _, err = Layout(Brand{Product: "Acme", SupportURL: "mailto:help@acme.test"}, "en", "ltr", Content{Title: "t"})
	require.NoError(t, err)
}

// TestEveryAccentCanBeRead: whatever colour a host takes, the words on the
// button and the links reach the contrast of WCAG 2.2 AA in both themes.
func TestEveryAccentCanBeRead(t *testing.T) {
	parsed := func(css string) rgb {
		var c rgb
		_, err := fmt.Sscanf(css, "#%02x%02x%02x", &c[0], &c[1], &c[2])
		require.NoError(t, err)
		return c
	}
	for r := 0; r < 256; r += 51 {
		for g := 0; g < 256; g += 51 {
			for b := 0; b < 256; b += 51 {
				accent := fmt.Sprintf("#%02x%02x%02x", r, g, b)
				p, err := newPalette(accent)
				require.NoError(t, err)
				require.Equal(t, accent, string(p.Button), "the button has the host's colour")
				for _, pair := range [][2]rgb{
					{parsed(string(p.Button)), parsed(string(p.ButtonText))},
					{parsed(string(p.DarkButton)), parsed(string(p.DarkButtonText))},
					{parsed(string(p.Link)), lightSurface}, {parsed(string(p.DarkLink)), darkSurface},
				} {
					require.GreaterOrEqual(t, contrast(pair[0], pair[1]), legible, accent)
				}
			}
		}
	}
	require.InDelta(t, 21, contrast(rgb{}, rgb{255, 255, 255}), 0.01)
	require.InDelta(t, 1, contrast(rgb{9, 9, 9}, rgb{9, 9, 9}), 0.01)
}
