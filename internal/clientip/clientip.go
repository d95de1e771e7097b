// Package clientip finds the address that a request came from. It is the one
// function that the limiter, the audit log and the sessions ask.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how much of a forwarded header is believed.
const maxHops = 100

// Resolver knows the proxies whose forwarded headers count. The nil Resolver
// trusts nobody. It is safe for concurrent use.
type Resolver struct{ trusted []netip.Prefix }

// New returns a Resolver that trusts the proxies in these networks. Invalid
// prefixes are left out.
func New(prefixes []netip.Prefix) *Resolver {
	r := &Resolver{}
	for _, p := range prefixes {
		if p = unmap(p); p.IsValid() {
			r.trusted = append(r.trusted, p.Masked())
		}
	}
	return r
}

// Client returns the address of the client: that of the socket's peer, or, if
// the peer is a trusted proxy, the right-most address of X-Forwarded-For that is
// not one itself. All lines of that header count, in their order, up to 100
// hops. A hop that is no address ends the search at the last good one.
//
// Forwarded (RFC 7239), X-Real-IP and the like are not read: a proxy that sets
// one header passes the others on as the client sent them.
//
// IPv4 in IPv6 is unwrapped and a zone is dropped. The result is the zero Addr
// when the peer has no IP address, as on a Unix socket.
func (r *Resolver) Client(req *http.Request) netip.Addr {
	client, ok := parseHop(req.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	lines := req.Header.Values("X-Forwarded-For")
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			if hops++; hops > maxHops || !r.trusts(client) {
				return client
			}
			var hop string
			rest, hop, more = cutLast(rest)
			next, ok := parseHop(hop)
			if !ok {
				return client
			}
			client = next
		}
	}
	return client
}

func (r *Resolver) trusts(a netip.Addr) bool {
	if r == nil {
		return false
	}
	for _, p := range r.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// cutLast splits off what follows the last comma.
func cutLast(s string) (before, last string, found bool) {
	if i := strings.LastIndexByte(s, ','); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return "", s, false
}

// parseHop reads an address, with or without a port and brackets.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if len(s) > 100 {
		return netip.Addr{}, false
	}
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return clean(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return clean(a), ok && err == nil && a.Is6()
	}
	a, err := netip.ParseAddr(s)
	return clean(a), err == nil
}

func clean(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

// unmap turns ::ffff:10.0.0.0/104 into 10.0.0.0/8, as addresses are unwrapped
// before they are compared.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

// Network returns what a limiter counts by: the address itself for IPv4, the
// /64 for IPv6, where one client has that many. It is "unknown" for the zero
// Addr.
func Network(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	addr = clean(addr)
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

// Parse reads a list of networks, separated by commas or spaces, as a flag has
// it: "10.0.0.0/8, fd00::/8, 192.0.2.7". An address alone stands for itself. A
// network of everybody is refused, because then each client could name its own
// address. The empty list is fine.
func Parse(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, item := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) }) {
		p, err := parseNetwork(item)
		if err != nil {
			return nil, fmt.Errorf("trusted proxies: %q is not a network like 10.0.0.0/8", item)
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("trusted proxies: %q would trust everybody", item)
		}
		out = append(out, p)
	}
	return out, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = clean(a)
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return unmap(p).Masked(), err
}
