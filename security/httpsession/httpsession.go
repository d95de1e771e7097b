// Package httpsession carries sessions over HTTP: the cookie, the Authorization
// header, where a request comes from, and the check that it comes from our own
// pages.
//
// # Cookie
//
// The token travels in a cookie that is HttpOnly, SameSite=Lax, without a Domain,
// and on https named "__Host-session" and Secure (RFC 6265bis). On http, which is
// for loopback alone, its name is "session". A client that is no browser sends
// "Authorization: Bearer" instead; beside a cookie it decides alone.
//
// # Cross-site requests
//
// An unsafe request that carries the cookie must prove that it comes from our own
// pages: by Sec-Fetch-Site: same-origin, or by an Origin equal to the public URL.
// With neither it is refused. Without the cookie it passes: JSON cannot be sent
// across sites without a preflight. HTML forms can, and are checked by
// [Manager.CheckForm].
package httpsession

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/security"
)

// ErrCrossOrigin is returned for an unsafe request that does not come from our
// own pages.
var ErrCrossOrigin = fault.New(fault.Forbidden, "cross_origin", "httpsession: request from another site")

// Sessions is what this package asks of security.Service.
type Sessions interface {
	Authenticate(ctx context.Context, token string) (security.Login, error)
	Touch(ctx context.Context, l security.Login, from audit.Actor) error
	SignOut(ctx context.Context, actor audit.Actor) error
}

// Config configures a [Manager].
type Config struct {
	Sessions  Sessions // required
	PublicURL *url.URL // required: scheme and host decide the cookie and the origin

	// TrustedProxies are the networks whose X-Forwarded-For counts. Empty: none.
	TrustedProxies []netip.Prefix

	// Lifetime is how long a browser keeps the cookie. Zero: 90 days. The
	// session itself may end earlier.
	Lifetime time.Duration

	Log *slog.Logger // nil: discard
}

// Manager is safe for concurrent use.
type Manager struct {
	c       Config
	clients *clientip.Resolver
	origin  string
	cookie  string
	pending string // the cookie of a half-finished sign-in
	device  string // the cookie that a browser is recognised by
	secure  bool
}

// New returns a manager, or an error that names every missing or wrong field.
func New(c Config) (*Manager, error) {
	var errs []error
	if c.Sessions == nil {
		errs = append(errs, errors.New("httpsession: Config.Sessions is required"))
	}
	if c.PublicURL == nil || c.PublicURL.Host == "" {
		errs = append(errs, errors.New("httpsession: Config.PublicURL is required"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Lifetime == 0 {
		c.Lifetime = 90 * 24 * time.Hour
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{
		c: c, clients: clientip.New(c.TrustedProxies),
		origin: c.PublicURL.Scheme + "://" + c.PublicURL.Host,
		cookie: "session", pending: "sign_in", device: "device",
	}
	if c.PublicURL.Scheme == "https" {
		m.cookie, m.pending, m.device, m.secure = "__Host-session", "__Host-sign_in", "__Host-device", true
	}
	return m, nil
}

// Via says how a request named its session.
type Via int

// The ways.
const (
	Nothing Via = iota
	Cookie
	Bearer
)

// Caller is who sends a request.
type Caller struct {
	Actor audit.Actor    // anonymous, but with address and agent, if nobody is signed in
	Login security.Login // zero if nobody is signed in
	Via   Via            // Nothing if nobody is signed in
	Stale bool           // a cookie was sent that opens nothing any more
}

type contextKey struct{}

// Identify puts where each request comes from into its context: address, agent
// and a new request ID, which also goes into the X-Request-Id header of the
// answer. It looks nothing up. It must be outside of everything else here.
func (m *Manager) Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b [8]byte
		_, _ = rand.Read(b[:])
		from := audit.Actor{
			Kind: audit.KindAnonymous, IP: m.clients.Client(r),
			UserAgent: device.Clean(r.UserAgent()), RequestID: hex.EncodeToString(b[:]),
			Device: m.deviceOf(r),
		}
		w.Header().Set("X-Request-Id", from.RequestID)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, from)))
	})
}

// From returns where the request comes from, as Identify found it.
func From(ctx context.Context) audit.Actor {
	from, _ := ctx.Value(contextKey{}).(audit.Actor)
	if from.Kind == "" {
		from.Kind = audit.KindAnonymous
	}
	return from
}

// Authenticate finds who sends r. Nobody is no error. Errors: ErrCrossOrigin;
// audit.ErrUnauthenticated for an Authorization header that does not open a
// session, which a cookie never makes up for; and outages as they are.
func (m *Manager) Authenticate(r *http.Request) (Caller, error) {
	caller := Caller{Actor: From(r.Context())}
	raw, via, err := m.token(r)
	if err != nil {
		return caller, err
	}
	if via != Bearer {
		if err := m.CheckCookie(r); err != nil {
			return caller, err
		}
	}
	if via == Nothing {
		return caller, nil
	}
	login, err := m.c.Sessions.Authenticate(r.Context(), raw)
	if errors.Is(err, audit.ErrUnauthenticated) && via == Cookie {
		caller.Stale = true
		return caller, nil
	}
	if err != nil {
		return caller, err
	}
	if err := m.c.Sessions.Touch(r.Context(), login, caller.Actor); err != nil {
		// The request is good; that it was made may stay unnoted.
		m.c.Log.WarnContext(r.Context(), "httpsession: last use not written", "err", err)
	}
	caller.Actor, caller.Login, caller.Via = login.Actor(caller.Actor), login, via
	return caller, nil
}

// token returns what names the session, and how.
func (m *Manager) token(r *http.Request) (string, Via, error) {
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, raw, ok := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") {
			return "", Bearer, audit.ErrUnauthenticated
		}
		return raw, Bearer, nil
	}
	switch found := r.CookiesNamed(m.cookie); len(found) {
	case 0:
		return "", Nothing, nil
	case 1:
		return found[0].Value, Cookie, nil
	default:
		// One of them was planted, and nothing tells which.
		return "", Cookie, nil
	}
}

// CheckCookie returns ErrCrossOrigin for an unsafe request that carries a
// cookie of ours and does not prove that it comes from our own pages. Authenticate does
// it too; routes that are open to everybody call it alone.
func (m *Manager) CheckCookie(r *http.Request) error {
	if safe(r) || !m.carries(r) || m.sameOrigin(r) {
		return nil
	}
	return ErrCrossOrigin
}

// CheckForm is CheckCookie for routes that take HTML forms, which any site may
// send without asking: it also refuses an unsafe request without the cookie that
// says it comes from elsewhere, so that nobody is signed in to an account that
// is not theirs.
func (m *Manager) CheckForm(r *http.Request) error {
	said := r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
	if safe(r) || m.sameOrigin(r) || !said && !m.carries(r) {
		return nil
	}
	return ErrCrossOrigin
}

// carries reports whether the browser is, or is about to be, signed in.
func (m *Manager) carries(r *http.Request) bool {
	return len(r.CookiesNamed(m.cookie)) > 0 || len(r.CookiesNamed(m.pending)) > 0
}

func safe(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

func (m *Manager) sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return true
	case "", "none":
		return r.Header.Get("Origin") == m.origin
	}
	return false
}

// deviceOf returns what the browser is recognised by. A client that signs in with
// Authorization has no cookies.
func (m *Manager) deviceOf(r *http.Request) [32]byte {
	found := r.CookiesNamed(m.device)
	if len(found) != 1 {
		return [32]byte{}
	}
	secret, ok := token.Parse(found[0].Value)
	if !ok {
		return [32]byte{}
	}
	return secret.Hash()
}

// deviceLasts is for how long a browser is recognised: as long as browsers keep
// a cookie at most (RFC 6265bis, section 5.5).
const deviceLasts = 400 * 24 * time.Hour

// Enter gives the browser the session that has just begun, and what it is
// recognised by. See HandOver.
func (m *Manager) Enter(w http.ResponseWriter, r *http.Request, s security.SignedIn) {
	m.HandOver(w, r, s.Token)
	m.RememberDevice(w, s)
	m.ClearPending(w)
}

// RememberDevice gives the browser what it is recognised by, if it has nothing.
func (m *Manager) RememberDevice(w http.ResponseWriter, s security.SignedIn) {
	if !s.Device.IsZero() {
		http.SetCookie(w, m.make(m.device, s.Device.Reveal(), int(deviceLasts/time.Second)))
	}
}

// SetPending gives the browser a half-finished sign-in.
func (m *Manager) SetPending(w http.ResponseWriter, c security.Challenge) {
	http.SetCookie(w, m.make(m.pending, c.Token.Reveal(), int(pendingLasts/time.Second)))
}

// pendingLasts is for how long a browser keeps it; the service decides.
const pendingLasts = 5 * time.Minute

// Pending returns the token of the browser's half-finished sign-in, or "".
func (m *Manager) Pending(r *http.Request) string {
	if found := r.CookiesNamed(m.pending); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// ClearPending takes it away.
func (m *Manager) ClearPending(w http.ResponseWriter) {
	http.SetCookie(w, m.make(m.pending, "", -1))
}

// SetCookie gives the browser a session.
func (m *Manager) SetCookie(w http.ResponseWriter, t security.Token) {
	http.SetCookie(w, m.make(m.cookie, t.Reveal(), int(m.c.Lifetime/time.Second)))
}

// HandOver gives the browser that sent r the session that has just begun in it.
// The one that its cookie named before, of the same person or of another, is
// signed out: with the cookie gone nobody could end it from here. A client that
// sends an Authorization header keeps what it has. That the former session did
// not end does not undo the new one; it is logged.
func (m *Manager) HandOver(w http.ResponseWriter, r *http.Request, t security.Token) {
	m.SetCookie(w, t)
	if err := m.endFormer(r); err != nil && r.Context().Err() == nil {
		m.c.Log.WarnContext(r.Context(), "httpsession: former session of this browser not ended", "err", err)
	}
}

func (m *Manager) endFormer(r *http.Request) error {
	raw, via, err := m.token(r)
	if err != nil || via != Cookie {
		return nil //nolint:nilerr // a header that names no session has no cookie beside it
	}
	former, err := m.c.Sessions.Authenticate(r.Context(), raw)
	if errors.Is(err, audit.ErrUnauthenticated) {
		return nil // has ended already
	}
	if err != nil {
		return err
	}
	return m.c.Sessions.SignOut(r.Context(), former.Actor(From(r.Context())))
}

// ClearCookie takes it away.
func (m *Manager) ClearCookie(w http.ResponseWriter) {
	http.SetCookie(w, m.make(m.cookie, "", -1))
}

func (m *Manager) make(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure follows the scheme of the public URL; http is for loopback
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: m.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
