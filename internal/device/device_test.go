package device

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const (
	appleWebKit = " AppleWebKit/537.36 (KHTML, like Gecko) "
	windows     = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + appleWebKit
	mac         = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" + appleWebKit
	android     = "Mozilla/5.0 (Linux; Android 10; K)" + appleWebKit
	iphone      = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	ipad        = "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		agent string
		want  Device
		name  string
	}{
		{windows + "Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "Windows", Desktop}, "Chrome on Windows"},
		{mac + "Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "macOS", Desktop}, "Chrome on macOS"},
		{"Mozilla/5.0 (X11; Linux x86_64)" + appleWebKit + "Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "Linux", Desktop}, "Chrome on Linux"},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)" + appleWebKit + "Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "ChromeOS", Desktop}, "Chrome on ChromeOS"},
		{android + "Chrome/141.0.0.0 Mobile Safari/537.36", Device{"Chrome", "Android", Phone}, "Chrome on Android"},
		{android + "Chrome/141.0.0.0 Safari/537.36", Device{"Chrome", "Android", Tablet}, "Chrome on Android"},
		{iphone + "CriOS/141.0.7390.26 Mobile/15E148 Safari/604.1", Device{"Chrome", "iPhone", Phone}, "Chrome on iPhone"},
		{windows + "Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", Device{"Edge", "Windows", Desktop}, "Edge on Windows"},
		{mac + "Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", Device{"Edge", "macOS", Desktop}, "Edge on macOS"},
		{"Mozilla/5.0 (Linux; Android 10; HD1913)" + appleWebKit + "Chrome/141.0.0.0 Mobile Safari/537.36 EdgA/141.0.0.0", Device{"Edge", "Android", Phone}, "Edge on Android"},
		{iphone + "Version/18.0 EdgiOS/141.0.0.0 Mobile/15E148 Safari/605.1.15", Device{"Edge", "iPhone", Phone}, "Edge on iPhone"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0", Device{"Firefox", "Windows", Desktop}, "Firefox on Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0", Device{"Firefox", "macOS", Desktop}, "Firefox on macOS"},
		{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", Device{"Firefox", "Linux", Desktop}, "Firefox on Linux"},
		{"Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0", Device{"Firefox", "Android", Phone}, "Firefox on Android"},
		{"Mozilla/5.0 (Android 15; Tablet; rv:144.0) Gecko/144.0 Firefox/144.0", Device{"Firefox", "Android", Tablet}, "Firefox on Android"},
		{iphone + "FxiOS/144.0 Mobile/15E148 Safari/605.1.15", Device{"Firefox", "iPhone", Phone}, "Firefox on iPhone"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", Device{"Safari", "macOS", Desktop}, "Safari on macOS"},
		{iphone + "Version/18.1 Mobile/15E148 Safari/604.1", Device{"Safari", "iPhone", Phone}, "Safari on iPhone"},
		{ipad + "Version/18.1 Mobile/15E148 Safari/604.1", Device{"Safari", "iPad", Tablet}, "Safari on iPad"},
		{ipad + "CriOS/141.0.7390.26 Mobile/15E148 Safari/604.1", Device{"Chrome", "iPad", Tablet}, "Chrome on iPad"},
		{windows + "Chrome/141.0.0.0 Safari/537.36 OPR/122.0.0.0", Device{"Opera", "Windows", Desktop}, "Opera on Windows"},
		{"Mozilla/5.0 (Linux; Android 10; SM-G970F)" + appleWebKit + "Chrome/141.0.0.0 Mobile Safari/537.36 OPR/92.0.0.0", Device{"Opera", "Android", Phone}, "Opera on Android"},
		{android + "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", Device{"Samsung Internet", "Android", Phone}, "Samsung Internet on Android"},
		{"Mozilla/5.0 (Linux; Android 14; SM-X710)" + appleWebKit + "SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36", Device{"Samsung Internet", "Android", Tablet}, "Samsung Internet on Android"},
		{mac + "Chrome/141.0.0.0 Safari/537.36 Vivaldi/7.6.3797.52", Device{"Vivaldi", "macOS", Desktop}, "Vivaldi on macOS"},
		{"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", Device{"Internet Explorer", "Windows", Desktop}, "Internet Explorer on Windows"},
		{"Mozilla/5.0 (X11; Linux x86_64)" + appleWebKit + "HeadlessChrome/141.0.0.0 Safari/537.36", Device{"Headless Chrome", "Linux", Bot}, "Headless Chrome on Linux"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Device{"Googlebot", "", Bot}, "Googlebot"},
		{"curl/8.14.1", Device{"curl", "", Other}, "curl"},
		{"Wget/1.25.0", Device{"Wget", "", Other}, "Wget"},
		{"Go-http-client/1.1", Device{"Go HTTP client", "", Other}, "Go HTTP client"},
		{"Go-http-client/2.0", Device{"Go HTTP client", "", Other}, "Go HTTP client"},
		{"python-requests/2.32.5", Device{"Python requests", "", Other}, "Python requests"},
		{"okhttp/5.1.0", Device{"OkHttp", "", Other}, "OkHttp"},
		{"node", Device{"Node.js", "", Other}, "Node.js"},
	} {
		got := Parse(c.agent)
		require.Equal(t, c.want, got, c.agent)
		require.Equal(t, c.name, got.Name(), c.agent)
	}
}

// People call a telephone by its name; programs ask for what runs on it.
func TestSystem(t *testing.T) {
	for agent, want := range map[string]string{
		iphone + "Version/18.1 Mobile/15E148 Safari/604.1": "iOS", ipad + "Version/18.1 Mobile/15E148 Safari/604.1": "iPadOS",
		mac + "Chrome/141.0.0.0 Safari/537.36": "macOS", "curl/8.14.1": "",
	} {
		require.Equal(t, want, Parse(agent).System(), agent)
	}
}

func TestParseHostile(t *testing.T) {
	for _, agent := range []string{
		"", "   ", "\x00", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "K", "10.0", "12345", "/", "///", "((((", "\u202eemorhC",
		strings.Repeat("A", 100_000), "Mozilla/5.0", "\xff\xfe",
	} {
		d := Parse(agent)
		require.NotContains(t, d.Name(), "<")
		require.LessOrEqual(t, len(d.Name()), 64)
		require.Equal(t, Other, d.Kind, "%.40q", agent)
	}
	require.Equal(t, "Unknown device", Parse("").Name())
	require.Equal(t, "Unknown device", Parse("<script>alert(1)</script>").Name())
	require.Equal(t, "Unknown device", Parse("10.0").Name())
	require.Equal(t, "Linux", Device{OS: "Linux"}.Name())
}

func TestClean(t *testing.T) {
	require.Equal(t, "curl/8", Clean("  curl/8\r\n"))
	require.Equal(t, "ab", Clean("a\x00\x1b\u202e\u200b\u2028b"))
	require.Equal(t, "ab", Clean("a\xff\xfe\ufffdb"))
	require.Empty(t, Clean("\x00\n"))
	require.Len(t, Clean(strings.Repeat("x", 10_000)), 512)
	require.Equal(t, strings.Repeat("é", 256), Clean(strings.Repeat("é", 300)))
	require.Equal(t, "x"+strings.Repeat("é", 255), Clean("x"+strings.Repeat("é", 300)), "a character is not cut in two")
}

func FuzzParse(f *testing.F) {
	f.Add(mac + "Chrome/141.0.0.0 Safari/537.36")
	f.Add(iphone + "Version/18.1 Mobile/15E148 Safari/604.1")
	f.Add("Mozilla/5.0 (Linux; Android 10; K;;) [x/y]:http://z")
	f.Add("Instagram 1 (XiaoMi/MiuiBrowser FBAN;BytedanceWebview")
	f.Fuzz(func(t *testing.T, agent string) {
		clean := Clean(agent)
		require.LessOrEqual(t, len(clean), 512)
		require.True(t, utf8.ValidString(clean))
		require.False(t, strings.ContainsFunc(clean, unicode.IsControl))
		require.Equal(t, clean, Clean(clean))

		d := Parse(agent)
		require.Equal(t, d, Parse(clean))
		require.LessOrEqual(t, len(d.Browser), 32)
		require.NotEmpty(t, d.Name())
		require.Contains(t, []Kind{Desktop, Phone, Tablet, Bot, Other}, d.Kind)
		require.False(t, strings.ContainsAny(d.Name(), "<>&\"'"))
	})
}
