package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/aegisrunner/account-settings/orgs"
)

// config is what the flags and the environment say; a flag wins.
type config struct {
	addr, data, db, publicURL, smtp, geoip, plan string
	trusted                                      []netip.Prefix
	entitlements                                 orgs.Entitlements
	demo, dev, devClock                          bool
	devSet                                       bool // -dev was given
}

var errHelp = errors.New("help was asked for")

func parse(args []string, getenv func(string) string, out io.Writer) (*config, error) {
	c := &config{}
	var proxies string
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(out)
	text := func(to *string, name, env, value, usage string) {
		if v := getenv(env); v != "" {
			value = v
		}
		f.StringVar(to, name, value, usage+" (environment: "+env+")")
	}
	text(&c.addr, "addr", "ADDR", "127.0.0.1:8080", "listen `address`")
	text(&c.data, "data", "DATA_DIR", "./data", "`folder` for SQLite, keys and the mailbox")
	text(&c.db, "db", "DATABASE_URL", "", "postgres://… `address` of a database instead of SQLite")
	text(&c.publicURL, "public-url", "PUBLIC_URL", "", "the `origin` used in links; required when not on loopback")
	text(&c.smtp, "smtp", "SMTP_URL", "", "smtp://user:pass@host:port; without it mail goes to the development mailbox")
	text(&c.geoip, "geoip", "GEOIP_DB", "", "mmdb `file`, from which places of sessions are taken; read anew when it changes")
	text(&proxies, "trusted-proxies", "TRUSTED_PROXIES", "", "`CIDRs` whose forwarded headers count, with commas between")
	text(&c.plan, "plan", "PLAN", "business", "the `plan` of every organization: free, starter, pro, business or enterprise")
	f.BoolVar(&c.demo, "demo", true, "put demo data into an empty database")
	f.BoolVar(&c.dev, "dev", false, "development mailbox; on by default on loopback without SMTP")
	f.BoolVar(&c.devClock, "dev-clock", false, `accept POST /dev/clock {"offset":"720h"}`)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, errHelp
	case err != nil:
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	var known bool
	if c.entitlements, known = orgs.FixedPlan(c.plan); !known {
		return nil, fmt.Errorf("-plan: %q is none of free, starter, pro, business, enterprise", c.plan)
	}
	f.Visit(func(x *flag.Flag) { c.devSet = c.devSet || x.Name == "dev" })
	keywords := strings.Contains(c.db, "=") && !strings.Contains(c.db, "://")
	if c.db != "" && !keywords && !strings.HasPrefix(c.db, "postgres://") && !strings.HasPrefix(c.db, "postgresql://") {
		return nil, errors.New("-db must begin with postgres://, or be of the form host=… dbname=…")
	}
	for s := range strings.SplitSeq(proxies, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("-trusted-proxies: %q is not of the form 10.0.0.0/8", s)
		}
		c.trusted = append(c.trusted, p)
	}
	return c, nil
}

// resolve settles what depends on the address that we listen on.
func (c *config) resolve(addr net.Addr) error {
	tcp, ok := addr.(*net.TCPAddr)
	local := ok && tcp.IP.IsLoopback()
	if c.publicURL == "" {
		if !local {
			return errors.New("-public-url is required when not listening on loopback: the origin that people open, such as https://app.acme.test")
		}
		c.publicURL = "http://localhost:" + strconv.Itoa(tcp.Port)
	}
	u, err := url.Parse(c.publicURL)
	if err != nil || u.Host == "" {
		return errors.New("-public-url must be an origin such as https://app.acme.test")
	}
	c.publicURL = u.Scheme + "://" + u.Host
	private := local && loopbackHost(u.Host)
	if !c.devSet {
		c.dev = private && c.smtp == ""
	}
	switch {
	case c.dev && !private:
		return errors.New("-dev shows everybody's mail: it is for loopback alone")
	case c.devClock && !private:
		return errors.New("-dev-clock is for loopback alone")
	case c.smtp == "" && !c.dev:
		return errors.New("-smtp is required: without it, or the development mailbox, mail goes nowhere")
	}
	return nil
}

// loopbackHost reports whether a Host header or a URL's host names this machine.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
