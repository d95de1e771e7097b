// Package breach is a [security.BreachChecker] that asks the range API of Have I
// Been Pwned's "Pwned Passwords", or a mirror of it.
//
// Of a password only the first 5 of the 40 hexadecimal digits of its SHA-1 leave
// the process; they stand for one in a million of all passwords. The answer holds
// every known hash that begins so, filled up to a length that does not tell which
// range was asked for ("Add-Padding"), and is compared here.
package breach

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // the key of the API, not a protection
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

const (
	defaultURL       = "https://api.pwnedpasswords.com"
	defaultUserAgent = "account-settings"
	defaultTimeout   = 3 * time.Second

	// maxBody bounds an answer; a padded one has about 40 KiB.
	maxBody = 2 << 20

	prefixDigits = 5
	maxRedirects = 3
)

var _ security.BreachChecker = (*Client)(nil)

// Config configures [New]. The zero value is usable.
type Config struct {
	// URL of the API, without "/range/". https, or http on this machine.
	// Default "https://api.pwnedpasswords.com".
	URL string

	// HTTP makes the requests. By default a client of its own, which gives up
	// after 3 s, follows redirects within the host alone, and knows no proxy: a
	// host that has one sets it here.
	HTTP *http.Client

	// MinCount is how often a password must have been seen. Default 1.
	MinCount int

	// UserAgent tells the service who asks, which it demands. Default
	// "account-settings".
	UserAgent string
}

// Client asks one service. It is safe for concurrent use.
type Client struct {
	cfg    Config
	ranges string
}

// New returns a client, or an error that names every wrong field. It does not
// connect.
func New(cfg Config) (*Client, error) {
	cfg.URL = cmp.Or(cfg.URL, defaultURL)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, defaultUserAgent)
	cfg.MinCount = cmp.Or(cfg.MinCount, 1)
	if cfg.HTTP == nil {
		cfg.HTTP = newHTTP()
	}
	var errs []error
	if !validURL(cfg.URL) {
		errs = append(errs, errors.New("breach: Config.URL is not https://host, or http:// on this machine"))
	}
	if cfg.MinCount < 0 {
		errs = append(errs, errors.New("breach: Config.MinCount is negative"))
	}
	if strings.ContainsFunc(cfg.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		errs = append(errs, errors.New("breach: Config.UserAgent is not printable ASCII"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, ranges: strings.TrimSuffix(cfg.URL, "/") + "/range/"}, nil
}

func newHTTP() *http.Client {
	return &http.Client{
		Timeout: defaultTimeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: defaultTimeout}).DialContext,
			TLSHandshakeTimeout:    defaultTimeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: sameHost,
	}
}

// sameHost keeps the digits of a hash with the service that was chosen.
func sameHost(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme:
		return errors.New("redirect to another host")
	}
	return nil
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Breached implements [security.BreachChecker]. Any answer but a whole and
// well-formed one is an error. Errors name neither the password nor a digit of
// its hash.
func (c *Client) Breached(ctx context.Context, password string) (bool, error) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // the key of the API, not a protection
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	body, err := c.ask(ctx, digits[:prefixDigits])
	if err != nil {
		return false, fmt.Errorf("breach: %w", err)
	}
	count, err := seen(body, digits[prefixDigits:])
	if err != nil {
		return false, fmt.Errorf("breach: %w", err)
	}
	return count >= uint64(c.cfg.MinCount), nil //nolint:gosec // checked not to be negative
}

// ask returns the answer for the hashes that begin with prefix.
func (c *Client) ask(ctx context.Context, prefix string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.ranges+prefix, nil)
	if err != nil {
		return "", withoutURL(err)
	}
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	req.Header.Set("Add-Padding", "true")
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return "", withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the service answered with status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return "", withoutURL(err)
	}
	if len(body) > maxBody {
		return "", fmt.Errorf("the answer is larger than %d bytes", maxBody)
	}
	return string(body), nil
}

// withoutURL drops the address, which holds digits of the hash, and keeps what
// happened.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// errMalformed does not quote the line, which may tell what was asked for.
var errMalformed = errors.New("the answer is malformed")

// seen returns how often the hash with this end was seen. It looks at every line
// and compares in constant time, so that the time tells nothing either.
func seen(body, suffix string) (uint64, error) {
	var found uint64
	lines := 0
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		lines++
		end, digits, ok := strings.Cut(line, ":")
		count, err := strconv.ParseUint(digits, 10, 63)
		if !ok || err != nil || len(end) != len(suffix) || strings.Trim(end, "0123456789ABCDEFabcdef") != "" {
			return 0, errMalformed
		}
		// A count of 0 is padding, and adds nothing.
		match := subtle.ConstantTimeCompare([]byte(strings.ToUpper(end)), []byte(suffix))
		found = max(found, count*uint64(match)) //nolint:gosec // 0 or 1
	}
	if lines == 0 {
		// Every range has hundreds of known hashes; something else answered.
		return 0, errMalformed
	}
	return found, nil
}
