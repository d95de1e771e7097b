package letters

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

var (
	at     = time.Date(2026, 11, 23, 8, 41, 0, 0, time.UTC)
	until  = at.Add(time.Hour)
	secret = token.New().Reveal()
	laptop = accounts.Device{Browser: "Chrome", OS: "macOS", IP: "203.0.113.7"}
	seen   = security.Device{Browser: "Chrome", OS: "macOS", IP: "203.0.113.7", Place: "Pune, India"}
	ada    = mail.Recipient{Address: "ada@acme.test", Name: "Ada Lovelace", Timezone: "Europe/Berlin"}
)

// sample is a letter with the page that it leads to.
type sample struct {
	letter mail.Letter
	path   string   // "" for a letter without a link
	foot   []string // the pages that its last lines lead to
}

var samples = map[string]sample{
	"sign up":         {letter: accounts.SignUpLetter{Token: secret, ExpiresAt: until}, path: "/sign-up/complete?token=" + secret},
	"exists":          {letter: accounts.AccountExistsLetter{}, path: "/sign-in"},
	"in use":          {letter: accounts.EmailInUseLetter{}, path: ""},
	"confirm":         {letter: accounts.ConfirmEmailLetter{Token: secret, OldEmail: "ada@acme.test", ExpiresAt: until}, path: "/confirm-email?token=" + secret},
	"requested":       {letter: accounts.EmailChangeRequestedLetter{UndoToken: secret, NewEmail: "ada@new.example", At: at, Device: laptop}, path: "/undo-email?token=" + secret},
	"changed":         {letter: accounts.EmailChangedLetter{UndoToken: secret, NewEmail: "ada@new.example", At: at, UndoUntil: until}, path: "/undo-email?token=" + secret},
	"restored":        {letter: accounts.EmailRestoredLetter{At: at}, path: ""},
	"export":          {letter: accounts.ExportReadyLetter{Size: 2_400_000, ExpiresAt: until}, path: "/settings/profile#export"},
	"deleted":         {letter: accounts.AccountDeletedLetter{At: at, PurgeAt: until, Device: laptop}, path: "/restore"},
	"account back":    {letter: accounts.AccountRestoredLetter{At: at, Device: laptop}, path: "/forgot-password"},
	"back by support": {letter: accounts.AccountRestoredLetter{At: at, Support: true}, path: "/forgot-password"},
	"reset":           {letter: security.ResetLetter{Token: secret, ExpiresAt: until, Device: seen}, path: "/reset-password?token=" + secret},
	"password":        {letter: security.PasswordChangedLetter{At: at, Device: seen}, path: "/forgot-password"},
	"password first":  {letter: security.PasswordChangedLetter{At: at, First: true, Device: seen}, path: "/forgot-password"},
	"new device":      {letter: security.NewDeviceLetter{Token: secret, At: at, ExpiresAt: until, Device: seen}, path: "/not-me?token=" + secret},
	"new country":     {letter: security.NewDeviceLetter{Token: secret, At: at, ExpiresAt: until, NewCountry: true, Device: seen}, path: "/not-me?token=" + secret},
	"2fa on":          {letter: security.TwoFactorOnLetter{At: at, Device: seen}, path: "/forgot-password"},
	"2fa off":         {letter: security.TwoFactorOffLetter{At: at, Device: seen}, path: "/forgot-password"},
	"suspended":       {letter: security.TOTPSuspendedLetter{At: at, Until: until, Failures: 100}, path: "/forgot-password"},
	"backup":          {letter: security.BackupCodeUsedLetter{At: at, Left: 7, Device: seen}, path: "/settings/security"},
	"backup few":      {letter: security.BackupCodeUsedLetter{At: at, Left: 2, Device: seen}, path: "/settings/security"},
	"backup none":     {letter: security.BackupCodeUsedLetter{At: at, Device: seen}, path: "/settings/security"},
	"backup renewed":  {letter: security.BackupCodesRenewedLetter{At: at, Device: seen}, path: "/settings/security"},
	"passkey":         {letter: security.PasskeyLetter{Name: "My laptop", At: at, Device: seen}, path: "/settings/security"},
	"passkey removed": {letter: security.PasskeyLetter{Name: "My laptop", At: at, Removed: true, Device: seen}, path: "/settings/security"},
	"passkey cloned":  {letter: security.PasskeyClonedLetter{Name: "My laptop", At: at, Device: seen}, path: "/settings/security"},
	"email code":      {letter: security.EmailCodeLetter{Code: "12345678", ExpiresAt: until, Device: seen}, path: ""},
	"invitation":      {letter: orgs.InvitationLetter{Token: secret, Org: "Analytical Engines", Inviter: "Grace Hopper", Role: orgs.Member, ExpiresAt: until}, path: "/invitations/accept?token=" + secret},
	"role changed":    {letter: orgs.RoleChangedLetter{Org: "Analytical Engines", Role: orgs.Admin, By: "Grace Hopper", At: at}, path: ""},
	"member removed":  {letter: orgs.MemberRemovedLetter{Org: "Analytical Engines", By: "Grace Hopper", At: at}, path: ""},
	"handed over":     {letter: orgs.OwnershipLetter{Org: "Analytical Engines", Other: "Grace Hopper", At: at}, path: "/forgot-password"},
	"became owner":    {letter: orgs.OwnershipLetter{Org: "Analytical Engines", Other: "Grace Hopper", Became: true, At: at}, path: ""},
	"org deleted":     {letter: orgs.OrgDeletedLetter{Org: "Analytical Engines", Slug: "engines", At: at, PurgeAt: until}, path: "/settings/profile"},
	"2fa demanded":    {letter: orgs.SecondFactorLetter{Org: "Analytical Engines", Until: until}, path: "/settings/security"},
	"2fa again":       {letter: orgs.SecondFactorLetter{Org: "Analytical Engines", Until: until, Again: true}, path: "/settings/security"},
	"limit 80": {letter: notify.PlanLimitLetter{Org: "Analytical Engines", Slug: "engines", Metric: "Runs", Percent: 80, Used: 800, Limit: 1000, Unsubscribe: secret},
		foot: []string{"/settings/email", "/unsubscribe?token=" + secret}},
	"limit 100":       {letter: notify.PlanLimitLetter{Org: "Analytical Engines", Slug: "engines", Metric: "Runs", Percent: 100, Used: 1000, Limit: 1000}, foot: []string{"/settings/email"}},
	"billing":         {letter: notify.BillingFailedLetter{Org: "Analytical Engines", Slug: "engines", Invoice: "2026-0042", Amount: "49.00", At: at, RetryAt: until}},
	"password bylink": {letter: security.PasswordChangedLetter{At: at, ByLink: true, Device: seen}, path: "/forgot-password"},
}

const public = "https://app.acme.test"

func renderer(t *testing.T, change ...func(*Config)) *Renderer {
	t.Helper()
	cfg := Config{
		Brand: mail.Brand{Product: "Acme", SupportURL: "https://acme.test/help", PostalAddress: "Acme Inc., 1 Main Street, Springfield"},
		Links: Links{PublicURL: public},
	}
	for _, c := range change {
		c(&cfg)
	}
	r, err := New(cfg)
	require.NoError(t, err)
	return r
}

func render(t *testing.T, r *Renderer, to mail.Recipient, l mail.Letter) mail.Message {
	t.Helper()
	raw, err := json.Marshal(l)
	require.NoError(t, err)
	m, err := r.RenderMail(t.Context(), l.Kind(), to, raw)
	require.NoError(t, err)
	return m
}

// everyLetter runs a test for each sample in each language.
func everyLetter(t *testing.T, to mail.Recipient, test func(t *testing.T, s sample, m mail.Message)) {
	t.Helper()
	r := renderer(t)
	for _, l := range catalog.Locales() {
		for name, s := range samples {
			t.Run(l.Tag+" "+name, func(t *testing.T) {
				to.Locale = l.Tag
				test(t, s, render(t, r, to, s.letter))
			})
		}
	}
}

func TestEveryKindHasASample(t *testing.T) {
	kinds := []string{mail.Decoy{}.Kind()}
	for _, s := range samples {
		kinds = append(kinds, s.letter.Kind())
	}
	slices.Sort(kinds)
	require.Equal(t, slices.Compact(kinds), Kinds())
}

func TestLetters(t *testing.T) {
	everyLetter(t, ada, func(t *testing.T, s sample, m mail.Message) {
		require.NotContains(t, m.Text+m.HTML+m.Subject, "⟦", "every message exists")
		require.NotContains(t, m.Text+m.HTML+m.Subject, "<no value>", "every placeholder has a value")
		require.NotEmpty(t, m.Subject)
		require.LessOrEqual(t, utf8.RuneCountInString(m.Subject), 78)
		require.NotContains(t, m.Subject, "\n")
		require.Contains(t, m.Text, "Ada,")

		var links []string
		if s.path != "" {
			links = []string{public + s.path}
		}
		inText := slices.Clone(links)
		for _, path := range s.foot {
			inText = append(inText, public+path)
		}
		require.Equal(t, inText, addresses(m.Text, public), "each link stands in the text once")
		inHTML := slices.Concat(links, links) // button and bare address
		for _, path := range s.foot {
			inHTML = append(inHTML, public+path)
		}
		require.Equal(t, inHTML, hrefs(t, m.HTML, public))
		require.Equal(t, strings.Contains(s.path+strings.Join(s.foot, ""), secret), strings.Contains(m.Text, secret))
		oneClick := len(s.foot) > 1
		require.Equal(t, oneClick, m.Headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click", "PREF-04: on what may be switched off alone")
		require.Equal(t, oneClick, m.Headers["List-Unsubscribe"] == "<"+public+"/unsubscribe?token="+secret+">")
	})
}

func TestTextAndHTMLSayTheSame(t *testing.T) {
	everyLetter(t, ada, func(t *testing.T, s sample, m mail.Message) {
		// HTML alone has the product's name on top and the sentence above the bare
		// address; text spells out where the link for help leads.
		p := catalog.For(lang(t, m.HTML))
		seen := strings.Replace(visible(t, m.HTML), p.T("mail.link_hint"), "", 1)
		said := strings.Replace(m.Text, "https://acme.test/help", "", 1)
		for _, path := range s.foot {
			said = strings.Replace(said, public+path, "", 1)
		}
		require.Equal(t, words("Acme "+said), words(seen))
	})
}

func TestFactsAreToldInThePersonsZone(t *testing.T) {
	r := renderer(t)
	l := samples["requested"].letter
	text := render(t, r, ada, l).Text
	require.Contains(t, text, "When: 23 November 2026, 09:41 (Europe/Berlin)")
	require.Contains(t, text, "Device: Chrome on macOS")
	require.Contains(t, text, "IP address: 203.0.113.7")
	require.Contains(t, text, "New address: ada@new.example")

	german := mail.Recipient{Locale: "de-AT", Timezone: "Asia/Tokyo"}
	require.Contains(t, render(t, r, german, l).Text, "Wann: 23. November 2026, 17:41 Uhr (Asia/Tokyo)")
	require.Contains(t, render(t, r, mail.Recipient{}, l).Text, "When: 23 November 2026, 08:41 (UTC)")
	require.Contains(t, render(t, r, mail.Recipient{Timezone: "../etc/passwd"}, l).Text, "08:41 (UTC)")

	// What is not known is left out.
	bare := render(t, r, ada, security.PasswordChangedLetter{At: at, Device: security.Device{IP: "unknown"}})
	require.NotContains(t, bare.Text, "Device")
	require.NotContains(t, bare.Text, "IP address")
	one := render(t, r, ada, security.PasswordChangedLetter{At: at, Device: security.Device{Browser: "curl"}})
	require.Contains(t, one.Text, "Device: curl\n")
}

func TestLifetimesAreTold(t *testing.T) {
	r := renderer(t)
	for _, name := range []string{"sign up", "confirm", "reset"} {
		require.Contains(t, render(t, r, ada, samples[name].letter).Text,
			"The link works once, until 23 November 2026, 10:41 (Europe/Berlin).", name)
	}
	require.Contains(t, render(t, r, ada, samples["changed"].letter).Text, "You can undo it until 23 November 2026, 10:41 (Europe/Berlin).")
}

func TestTheFormerAddressIsMasked(t *testing.T) {
	m := render(t, renderer(t), ada, samples["confirm"].letter)
	require.Contains(t, m.Text, "a•••@acme.test")
	require.NotContains(t, m.Text+m.HTML, "ada@acme.test")
	require.Equal(t, "…", mask("nonsense"))
	require.Equal(t, "…", mask("@acme.test"))
}

// hostileNames are what somebody may have got into a name, a browser's name or
// an address.
var hostileNames = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`Ada</p><a href="https://evil.test">Sign in</a>`,
	"https://evil.test/login",
	"Pay at http://evil.test now",
	"evil.test",
	"www.evil.test",
	"Ada\r\nBcc: victim@evil.test",
	"Ada\n\nYour account is locked. Open evil.test",
	"Ada\u2028\u2029\u0085evil",
	"\u202eadA\u202c",
	"\u2067Ada\u2069\u2066",
	"{{.Token}}",
	"\x00\xff\xfe",
	strings.Repeat("A", 5000),
}

func TestHostileNamesAreHarmless(t *testing.T) {
	r := renderer(t)
	plain := map[string]string{} // what each letter's HTML is made of, by sample
	for name, s := range samples {
		plain[name] = structure(t, render(t, r, ada, s.letter).HTML)
	}
	for _, name := range hostileNames {
		to := mail.Recipient{Address: "ada@acme.test", Name: name, Timezone: name}
		for key, s := range samples {
			m := render(t, r, to, s.letter)
			require.Equal(t, plain[key], structure(t, m.HTML), "no element comes from a name")
			require.NotContains(t, m.Subject, "\n")
			require.NotRegexp(t, `(?i)evil\.test|bcc:.*@`, m.Text+visible(t, m.HTML), "nothing to follow")
			require.NotRegexp(t, "[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0085\x00\r]", m.Text+m.HTML+m.Subject)
			require.True(t, utf8.ValidString(m.Text) && utf8.ValidString(m.HTML))
			require.Less(t, len(m.HTML), 30_000)
			require.Equal(t, strings.Count(render(t, r, ada, s.letter).Text, "\n"), strings.Count(m.Text, "\n"), "no line comes from a name")
		}
	}
}

func TestHostileDevicesAndAddressesAreHarmless(t *testing.T) {
	r := renderer(t)
	want := structure(t, render(t, r, ada, samples["requested"].letter).HTML)
	for _, name := range hostileNames {
		m := render(t, r, ada, accounts.EmailChangeRequestedLetter{UndoToken: secret, At: at,
			NewEmail: name + "@acme.test", Device: accounts.Device{Browser: name, OS: "macOS", IP: "203.0.113.7"}})
		require.Equal(t, want, structure(t, m.HTML))
		require.NotRegexp(t, "[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0085\x00\r]", m.Text+m.HTML+m.Subject)
		for line := range strings.Lines(m.Text) {
			require.NotRegexp(t, `(?i)^Device:.*evil\.test`, line)
			require.NotRegexp(t, `(?i)^(bcc|your account is locked)`, line)
		}
	}
}

func TestTokensAreEscaped(t *testing.T) {
	m := render(t, renderer(t), ada, accounts.SignUpLetter{Token: `a&b=c"><x>#+ ü`, ExpiresAt: until})
	link := addresses(m.Text, public)[0]
	u, err := url.Parse(link)
	require.NoError(t, err)
	require.Equal(t, `a&b=c"><x>#+ ü`, u.Query().Get("token"))
	require.Empty(t, u.Fragment)
	require.Equal(t, []string{link, link}, hrefs(t, m.HTML, public))
}

func TestLinksFollowThePrefix(t *testing.T) {
	r := renderer(t, func(c *Config) { c.Links = Links{PublicURL: public + "/", Prefix: "/account/"} })
	m := render(t, r, ada, samples["reset"].letter)
	require.Equal(t, []string{public + "/account/reset-password?token=" + secret}, addresses(m.Text, public))
}

func TestLanguages(t *testing.T) {
	r := renderer(t, func(c *Config) { c.DefaultLocale = "de" })
	l := samples["exists"].letter
	require.Equal(t, "Sie haben schon ein Konto bei Acme", render(t, r, mail.Recipient{}, l).Subject)
	require.Equal(t, "Sie haben schon ein Konto bei Acme", render(t, r, mail.Recipient{Locale: "fr"}, l).Subject)
	require.Equal(t, "You already have an account at Acme", render(t, r, mail.Recipient{Locale: "en-GB"}, l).Subject)
	require.Contains(t, render(t, r, mail.Recipient{Name: "Ada Lovelace"}, l).Text, "Guten Tag Ada,")
	require.Contains(t, render(t, r, mail.Recipient{}, l).Text, "Guten Tag,")
}

func TestLongProductNamesKeepTheSubjectShort(t *testing.T) {
	r := renderer(t, func(c *Config) { c.Brand.Product = strings.Repeat("Äcme ", 30) })
	for name, s := range samples {
		require.LessOrEqual(t, utf8.RuneCountInString(render(t, r, ada, s.letter).Subject), 78, name)
	}
}

func TestDecoysAndUnknownLetters(t *testing.T) {
	r := renderer(t)
	_, err := r.RenderMail(t.Context(), "mail.decoy", ada, json.RawMessage(`{}`))
	require.ErrorIs(t, err, mail.ErrDiscard)
	_, err = r.RenderMail(t.Context(), "billing.nonsense", ada, json.RawMessage(`{}`))
	require.ErrorContains(t, err, `unknown kind "billing.nonsense"`)
	_, err = r.RenderMail(t.Context(), "security.reset", ada, json.RawMessage(`{"token":`+secret+`}`))
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret[:8])
}

func TestOverride(t *testing.T) {
	failure := errors.New("template service is down")
	r := renderer(t, func(c *Config) {
		c.Override = func(_ context.Context, kind string, to mail.Recipient, letter json.RawMessage) (mail.Message, bool, error) {
			switch kind {
			case "security.reset":
				var l security.ResetLetter
				return mail.Message{Subject: "ours for " + to.Name, Text: l.Token}, true, json.Unmarshal(letter, &l)
			case "account.exists":
				return mail.Message{}, false, failure
			case "mail.decoy":
				return mail.Message{Subject: "never asked"}, true, nil
			}
			return mail.Message{}, false, nil
		}
	})
	require.Equal(t, "ours for Ada Lovelace", render(t, r, ada, samples["reset"].letter).Subject)
	require.Equal(t, "Confirm your new email address", render(t, r, ada, samples["confirm"].letter).Subject)
	_, err := r.RenderMail(t.Context(), "account.exists", ada, json.RawMessage(`{}`))
	require.ErrorIs(t, err, failure)
	_, err = r.RenderMail(t.Context(), "mail.decoy", ada, json.RawMessage(`{}`))
	require.ErrorIs(t, err, mail.ErrDiscard)
}

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Config{DefaultLocale: "tlh", Brand: mail.Brand{AccentColor: "red"}, Links: Links{Prefix: "account"}})
	for _, want := range []string{"Brand.Product", "Brand.AccentColor", "PublicURL", `"tlh"`} {
		require.ErrorContains(t, err, want)
	}
	for _, bad := range []string{"", "app.acme.test", "ftp://app.acme.test", "https://", "https://a.test?x=1", "javascript:alert(1)"} {
		require.Error(t, Links{PublicURL: bad}.check(), bad)
	}
}

// addresses returns every address in text under an origin.
func addresses(text, origin string) []string {
	return regexp.MustCompile(regexp.QuoteMeta(origin)+`\S*`).FindAllString(text, -1)
}

func parse(t *testing.T, source string) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(source))
	require.NoError(t, err)
	return n
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hrefs(t *testing.T, source, origin string) []string {
	t.Helper()
	var out []string
	for n := range parse(t, source).Descendants() {
		if href := attr(n, "href"); strings.HasPrefix(href, origin) {
			out = append(out, href)
		}
	}
	return out
}

func lang(t *testing.T, source string) string {
	t.Helper()
	return attr(parse(t, source).LastChild, "lang")
}

// structure is the sequence of elements with the names of their attributes.
func structure(t *testing.T, source string) string {
	t.Helper()
	var b strings.Builder
	for n := range parse(t, source).Descendants() {
		if n.Type == html.ElementNode {
			b.WriteString(n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// visible is the text of the body without what is hidden.
func visible(t *testing.T, source string) string {
	t.Helper()
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Data == "head" || strings.Contains(attr(n, "style"), "display:none") {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(parse(t, source))
	return b.String()
}

// words leaves out the marks that only one of the two forms needs.
func words(s string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t:·", r) }),
		func(w string) bool { return w == "--" })
}

func TestLettersAboutFactorsSayWhatMatters(t *testing.T) {
	r := renderer(t)
	device := render(t, r, ada, samples["new device"].letter)
	require.Contains(t, device.Text, "Place: Pune, India (approximate)\n")
	require.Contains(t, device.Text, "The link works once, until 23 November 2026, 10:41 (Europe/Berlin).")
	country := render(t, r, ada, samples["new country"].letter)
	require.Contains(t, country.Subject, "another country")

	code := render(t, r, ada, samples["email code"].letter)
	require.Equal(t, "Your code for Acme: 1234 5678", code.Subject)
	require.Contains(t, code.Text, "\n\n1234 5678\n\n")
	require.Contains(t, code.HTML, "font-size:30px")

	require.NotContains(t, render(t, r, ada, samples["backup"].letter).Text, "locked out")
	require.Contains(t, render(t, r, ada, samples["backup few"].letter).Text, "Codes left: 2\n")
	require.Contains(t, render(t, r, ada, samples["backup few"].letter).Text, "while you can still sign in")
	require.Contains(t, render(t, r, ada, samples["backup none"].letter).Text, "There is none left.")
	require.Contains(t, render(t, r, ada, samples["suspended"].letter).Text, "100 wrong codes")
	require.Contains(t, render(t, r, ada, samples["passkey removed"].letter).Text, "Passkey: My laptop\n")
}

func TestHostilePasskeyNamesAreHarmless(t *testing.T) {
	r := renderer(t)
	want := structure(t, render(t, r, ada, samples["passkey"].letter).HTML)
	for _, name := range hostileNames {
		l := security.PasskeyLetter{Name: name, At: at, Device: security.Device{Browser: "Chrome", OS: "macOS", IP: "203.0.113.7", Place: name}}
		m := render(t, r, ada, l)
		require.Equal(t, want, structure(t, m.HTML), name)
		require.NotRegexp(t, `(?i)evil\.test`, m.Text+visible(t, m.HTML))
	}
}
