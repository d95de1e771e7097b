package clientip

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func resolver(t testing.TB, list string) *Resolver {
	prefixes, err := Parse(list)
	require.NoError(t, err)
	return New(prefixes)
}

func request(peer string, forwarded ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for _, line := range forwarded {
		r.Header.Add("X-Forwarded-For", line)
	}
	return r
}

func TestClient(t *testing.T) {
	const proxies = "10.0.0.0/8, 192.0.2.1, fd00::/8"
	for _, c := range []struct {
		name, trusted, peer string
		forwarded           []string
		want                string
	}{
		{"no proxy, header ignored", "", "203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"},
		{"untrusted peer", proxies, "203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"},
		{"no header", proxies, "10.0.0.1:1", nil, "10.0.0.1"},
		{"one proxy", proxies, "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"one proxy, spoofed prefix", proxies, "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		{"spoofed trusted address", proxies, "10.0.0.1:1", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", proxies, "10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1, 192.0.2.1"}, "198.51.100.1"},
		{"lines in order", proxies, "10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1", "192.0.2.1"}, "198.51.100.1"},
		{"line with several", proxies, "10.0.0.1:1", []string{"1.1.1.1", "2.2.2.2 ,\t192.0.2.1"}, "2.2.2.2"},
		{"all trusted", proxies, "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"garbage", proxies, "10.0.0.1:1", []string{"a"}, "10.0.0.1"},
		{"garbage before a proxy", proxies, "10.0.0.1:1", []string{"1.1.1.1, x, 10.0.0.2"}, "10.0.0.2"},
		{"garbage behind the client", proxies, "10.0.0.1:1", []string{"x, 198.51.100.1"}, "198.51.100.1"},
		{"empty hop", proxies, "10.0.0.1:1", []string{"198.51.100.1,"}, "10.0.0.1"},
		{"empty header", proxies, "10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"unknown", proxies, "10.0.0.1:1", []string{"unknown"}, "10.0.0.1"},
		{"port", proxies, "10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6", proxies, "[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", proxies, "[fd00::1]:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with port", proxies, "[fd00::1]:1", []string{"[2001:db8::1]:443"}, "2001:db8::1"},
		{"IPv4 in brackets", proxies, "10.0.0.1:1", []string{"[198.51.100.1]"}, "10.0.0.1"},
		{"bracket left open", proxies, "10.0.0.1:1", []string{"[2001:db8::1"}, "10.0.0.1"},
		{"mapped peer", proxies, "[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"mapped hop", proxies, "10.0.0.1:1", []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		{"mapped client", proxies, "10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"mapped network", "::ffff:10.0.0.0/104", "10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"zone of the peer", "fe80::/10", "[fe80::1%eth0]:1", []string{"2001:db8::1"}, "2001:db8::1"},
		{"zone of the client", proxies, "10.0.0.1:1", []string{"fe80::1%eth0"}, "fe80::1"},
		{"peer without port", "", "203.0.113.9", nil, "203.0.113.9"},
		{"leading zeroes", proxies, "10.0.0.1:1", []string{"198.051.100.001"}, "10.0.0.1"},
	} {
		got := resolver(t, c.trusted).Client(request(c.peer, c.forwarded...))
		require.Equal(t, netip.MustParseAddr(c.want), got, c.name)
	}
}

func TestClientWithoutAddress(t *testing.T) {
	for _, peer := range []string{"", "@", "/run/app.sock", "pipe"} {
		require.False(t, resolver(t, "10.0.0.0/8").Client(request(peer, "198.51.100.1")).IsValid(), peer)
	}
	var none *Resolver
	require.Equal(t, "203.0.113.9", none.Client(request("203.0.113.9:1", "1.1.1.1")).String())
}

func TestClientIgnoresOtherHeaders(t *testing.T) {
	r := request("10.0.0.1:1")
	for _, h := range []string{"X-Real-Ip", "Forwarded", "Cf-Connecting-Ip", "True-Client-Ip", "X-Client-Ip"} {
		r.Header.Set(h, "for=198.51.100.1")
	}
	require.Equal(t, "10.0.0.1", resolver(t, "10.0.0.0/8").Client(r).String())
}

func TestClientBelievesHundredHops(t *testing.T) {
	hops := "198.51.100.1" + strings.Repeat(",10.0.0.2", 99)
	require.Equal(t, "198.51.100.1", resolver(t, "10.0.0.0/8").Client(request("10.0.0.1:1", hops)).String())
	hops += ",10.0.0.2"
	require.Equal(t, "10.0.0.2", resolver(t, "10.0.0.0/8").Client(request("10.0.0.1:1", hops)).String())
	require.Equal(t, "10.0.0.2", resolver(t, "10.0.0.0/8").Client(request("10.0.0.1:1", strings.Split(hops, ",")...)).String())
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.9":           "203.0.113.9/32",
		"::ffff:203.0.113.9":    "203.0.113.9/32",
		"2001:db8:1:2:3:4:5:6":  "2001:db8:1:2::/64",
		"fe80::1:2:3:4%eth0":    "fe80::/64",
		"2001:db8:1:2::":        "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::42": "2001:db8:1:2::/64",
	} {
		require.Equal(t, want, Network(netip.MustParseAddr(addr)), addr)
	}
	require.Equal(t, "unknown", Network(netip.Addr{}))
}

func TestParse(t *testing.T) {
	got, err := Parse(" 10.1.2.3/8,192.0.2.7\n fd00::/8, ::ffff:198.51.100.0/120 ,")
	require.NoError(t, err)
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"),
		netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("198.51.100.0/24"),
	}
	require.Equal(t, want, got)

	got, err = Parse("")
	require.NoError(t, err)
	require.Empty(t, got)

	for _, bad := range []string{"10.0.0.0/33", "proxy", "10.0.0", "10.0.0.0/8;fd00::/8", "fe80::1%eth0/64", "/8"} {
		_, err := Parse(bad)
		require.ErrorContains(t, err, bad)
	}
	for _, everybody := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"} {
		_, err := Parse(everybody)
		require.ErrorContains(t, err, "everybody")
	}
}

func FuzzClient(f *testing.F) {
	f.Add("10.0.0.1:1", "198.51.100.1", "10.0.0.2")
	f.Add("[::1%lo]:1", "[2001:db8::1]:443, 1.1.1.1:2", "::ffff:10.0.0.1")
	f.Add("", ",,", "unknown")
	trusted := resolver(f, "10.0.0.0/8, ::1, fd00::/8")
	f.Fuzz(func(t *testing.T, peer, first, second string) {
		r := request(peer, first, second)
		got := trusted.Client(r)
		require.Empty(t, got.Zone())
		require.False(t, got.Is4In6())
		socket := trusted.Client(request(peer))
		require.Equal(t, socket.IsValid(), got.IsValid())
		if !trusted.trusts(socket) {
			require.Equal(t, socket, got)
		}
		require.Equal(t, socket, (*Resolver)(nil).Client(r))
		// What a client writes to the left of its own address changes nothing.
		if got.IsValid() && !trusted.trusts(got) {
			require.Equal(t, got, trusted.Client(request(peer, "192.0.2.66, "+first, second)))
		}
		require.NotEmpty(t, Network(got))
	})
}
