package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	netmail "net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/httpapi"
	"github.com/aegisrunner/account-settings/internal/letters"
	"github.com/aegisrunner/account-settings/internal/pages"
	"github.com/aegisrunner/account-settings/internal/picture"
	"github.com/aegisrunner/account-settings/internal/upload"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

// Version is that of the library.
const Version = "0.1.0"

// Names of other packages that a host needs to configure this one.
type (
	// Store keeps everything; see sqlite.Open, postgres.Open and bunstore.New.
	Store = flows.Store
	// Actor is who asks for an operation.
	Actor = audit.Actor
	// Tab is a page of the host's own in the settings' navigation.
	Tab = pages.Tab
	// Theme holds colours and shapes.
	Theme = pages.Theme
	// Links are the host's own pages.
	Links = pages.Links
	// Purger removes what a host keeps about people and organizations that are removed.
	Purger = flows.Purger
)

// Config configures [New]. Product, PublicURL, Store, From, Mailer and Keys are
// required; the zero value of everything else is a safe default.
type Config struct {
	Product   string // what people call the product; at most 60 bytes
	PublicURL string // its origin, "https://app.acme.test"; http for loopback only
	Store     Store
	From      string // sender of all mail, "Acme <hello@acme.test>"
	Mailer    mail.Mailer
	Keys      Keys

	// Paths says where in PublicURL things are.
	Paths Paths

	// Blobs keeps pictures, logos and, sealed, exports. nil: the database does.
	Blobs accounts.BlobStore

	// Limiter bounds attempts. nil: one in the memory of this process.
	Limiter security.Limiter

	Password security.PasswordRules
	Hashing  security.Hashing

	// BreachChecker is asked about new passwords; see package security/breach.
	// nil: nobody is asked.
	BreachChecker security.BreachChecker

	// Geolocator tells where an address is; see package security/maxmind. nil:
	// places are left out.
	Geolocator security.Geolocator

	// Entitlements tells what the plans of organizations include; see
	// orgs.FixedPlan. nil: everything, for everybody.
	Entitlements orgs.Entitlements

	// Projects is the host's directory of projects. nil: there are none.
	Projects orgs.ProjectDirectory

	// Domains asks DNS for the proof of a domain. nil: the resolver of this machine.
	Domains orgs.DomainVerifier

	// ExportSources are what the host adds to the file that people can download of
	// all that is kept of them: each in a folder of its own. nil: nothing.
	ExportSources []accounts.ExportSource

	// Roles asks for another role than orgs.DefaultPolicy does, by permission.
	Roles map[audit.Permission]orgs.Role

	// RequireSecondFactor asks everybody for two factors: whoever has none
	// enrolled reaches the page to enrol one, and little else.
	RequireSecondFactor bool

	// BeforeDeletion may keep an account from being deleted, with an error of package
	// fault; see accounts.Config. nil: nothing does.
	BeforeDeletion func(ctx context.Context, u accounts.User) error

	// Purgers remove what the host keeps of its own, in this order, when a person or
	// an organization is removed for good, 30 × 24 h after the deletion.
	Purgers []Purger

	// SessionIdle ends a session that is not used; zero: 14 days.
	// SessionLifetime ends it however active; zero: 90 days.
	SessionIdle, SessionLifetime time.Duration

	// StepUpAge is how long a proof opens sensitive actions; zero: 10 minutes.
	StepUpAge time.Duration

	// TrustedProxies are the networks whose X-Forwarded-For header counts.
	// Empty: none, and a client's address is that of the connection.
	TrustedProxies []netip.Prefix

	// DefaultLocale is spoken where nothing else is known; zero: "en".
	DefaultLocale string

	LogoURL   string // image of the product, in pages; "" draws one
	HomeURL   string // where the logo leads; "" the settings
	Theme     Theme
	Links     Links
	Footer    string // a line of text under every page and mail
	Tabs      []Tab
	Templates fs.FS // overrides blocks of the pages; see the package's templates

	// PostalAddress stands under every mail. Empty: weekly digests, nudges and news
	// of the product, which laws want it in, are not sent.
	PostalAddress string

	// OptInOnly sends weekly digests and nudges to those alone who have asked for
	// them. Without it they are on for who has chosen nothing.
	OptInOnly bool

	// Digest tells what the weekly digest says. nil: there is none.
	Digest notify.DigestSource

	// MailboxURL is linked from "check your mail" where mail goes to a
	// development mailbox. Leave it empty in production.
	MailboxURL string

	// RenderMail writes a mail in place of the product's own words, from the
	// typed letter as JSON; return false for those.
	RenderMail func(ctx context.Context, kind string, to mail.Recipient, letter []byte) (mail.Message, bool, error)

	// WakeJob is called after a commit that left work for the job of this name that
	// somebody waits for, such as mail. A host that runs [Settings.Jobs] in an engine
	// of its own has it run soon. It must not block, and may be called at any time
	// from any number of goroutines. nil: only [Settings.Run] is woken.
	WakeJob func(job string)

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nothing is logged

	// InsecureSkipClockCheck lets jobs remove what has expired by Now even if the
	// clock of the database tells another time: for tests that move Now. Without
	// it they stop with [ErrClock].
	InsecureSkipClockCheck bool
}

// Paths says where things are. Pictures are at Pages + "/avatars", logos at Pages
// + "/logos".
type Paths struct {
	Pages string // prefix of the pages; "" is the root
	API   string // prefix of the API; "" is Pages + "/api/v1"
}

// Settings is the whole product, wired. It is safe for concurrent use.
type Settings struct {
	Accounts *accounts.Service
	Security *security.Service
	Orgs     *orgs.Service
	Audit    *audit.Service // the logs of organizations
	Notify   *notify.Service

	c        Config
	url      *url.URL
	flows    *flows.Services
	sessions *httpsession.Manager
	courier  *mail.Courier
	letters  *letters.Renderer
	handler  http.Handler

	bells   map[string]chan struct{} // of jobs that somebody waits for, by name
	running atomic.Int32
	checked atomic.Int64 // when waiting mail was looked for last, Unix seconds
}

// New wires the product. It starts nothing and asks the database nothing. The
// error names every missing or wrong field at once.
func New(c Config) (*Settings, error) {
	u, err := c.check()
	if err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Settings{c: c, url: u, bells: map[string]chan struct{}{
		jobMail: make(chan struct{}, 1), jobImports: make(chan struct{}, 1), jobExports: make(chan struct{}, 1),
	}}
	for _, step := range []func() error{s.wireDomains, s.wireMail, s.wireHTTP} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c Config) check() (*url.URL, error) {
	var errs []error
	bad := func(is bool, text string) {
		if is {
			errs = append(errs, errors.New("settings: Config."+text))
		}
	}
	bad(strings.TrimSpace(c.Product) == "" || len(c.Product) > 60 || strings.ContainsFunc(c.Product, unicode.IsControl), "Product is required: one line of at most 60 bytes")
	bad(c.Store == nil, "Store is required: sqlite.Open, postgres.Open or your own")
	bad(c.Mailer == nil, "Mailer is required: smtp.New or your own")
	bad(c.Keys.ring == nil, "Keys is required: LoadKeys")
	_, err := netmail.ParseAddress(c.From)
	bad(err != nil, `From is required, such as "Acme <hello@acme.test>"`)
	bad(c.DefaultLocale != "" && !catalog.Valid(c.DefaultLocale), "DefaultLocale is not a language of the catalogue")
	for name, p := range map[string]string{"Paths.Pages": c.Paths.Pages, "Paths.API": c.Paths.API} {
		bad(p != "" && !plainPath.MatchString(p), name+" must be empty or of the form /account")
	}
	bad(c.Paths.API != "" && c.Paths.API == c.Paths.Pages, "Paths.API must not be Paths.Pages")
	for _, taken := range []string{"/settings/", "/avatars/", "/logos/"} {
		bad(strings.HasPrefix(c.Paths.API+"/", c.Paths.Pages+taken), "Paths.API must not lie on a page")
	}
	for name, d := range map[string]time.Duration{"SessionIdle": c.SessionIdle, "SessionLifetime": c.SessionLifetime, "StepUpAge": c.StepUpAge} {
		bad(d < 0, name+" must not be negative")
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		bad(true, "PublicURL is required: an origin such as https://app.acme.test")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		bad(true, "PublicURL must be an origin alone; Paths says where things are")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		bad(true, "PublicURL must be https, unless it is on loopback")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	u.Path = ""
	return u, nil
}

// plainPath is what a path in Config may look like: no pattern of http.ServeMux.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limiter == nil {
		c.Limiter = security.NewMemoryLimiter(c.Now)
	}
	if c.Blobs == nil {
		c.Blobs = c.Store.Blobs()
	}
	if c.DefaultLocale == "" {
		c.DefaultLocale = "en"
	}
	if c.Paths.API == "" {
		c.Paths.API = c.Paths.Pages + "/api/v1"
	}
	return c
}

func (s *Settings) wireDomains() (err error) {
	c := s.c
	// One for all domains: what it bounds is the memory of this process.
	desk := upload.NewDesk(picture.NewSlots(1))
	s.flows = &flows.Services{Store: c.Store}
	s.Accounts, err = accounts.New(accounts.Config{
		Store: c.Store.Accounts(), Sealer: c.Keys.ring, MAC: c.Keys.ring.MAC, Blobs: c.Blobs, Pictures: desk, Limiter: c.Limiter,
		Now: c.Now, Log: c.Log, Wake: s.wakeCourier, StepUpAge: c.StepUpAge,
		DefaultLocale: c.DefaultLocale, Locales: catalog.Valid, BeforeDeletion: c.BeforeDeletion,
		Exports:      slices.Concat(s.flows.ExportSources(c.Blobs), c.ExportSources),
		ExportReadme: flows.ExportReadme(c.Product), WakeExports: func() { s.ring(jobExports) },
	})
	if err != nil {
		return err
	}
	s.Orgs, err = orgs.New(orgs.Config{
		Store: c.Store.Orgs(), Sealer: c.Keys.ring, MAC: c.Keys.ring.MAC, Blobs: c.Blobs, Pictures: desk, Limiter: c.Limiter,
		Entitlements: c.Entitlements, Projects: c.Projects, Domains: c.Domains, Roles: c.Roles,
		Now: c.Now, Log: c.Log, Wake: s.wakeCourier, WakeImports: func() { s.ring(jobImports) }, StepUpAge: c.StepUpAge,
	})
	if err != nil {
		return err
	}
	s.Security, err = security.New(security.Config{
		Store: c.Store.Security(), Sealer: c.Keys.ring, MAC: c.Keys.ring.MAC, Limiter: c.Limiter,
		Now: c.Now, Log: c.Log, Wake: s.wakeCourier, Password: c.Password, Hashing: c.Hashing,
		SessionIdle: c.SessionIdle, SessionLifetime: c.SessionLifetime, StepUpAge: c.StepUpAge,
		Product: c.Product, RelyingParty: relyingParty(s.url),
		Geolocator: c.Geolocator, BreachChecker: c.BreachChecker, RequireSecondFactor: c.RequireSecondFactor, TwoFactor: s.Orgs,
	})
	if err != nil {
		return err
	}
	s.Audit, err = audit.NewService(audit.Config{
		Store: c.Store.Audit(), Gate: s.Orgs, MAC: c.Keys.ring.MAC, Origin: s.url.Host + c.Paths.Pages + "/audit",
		Events: flows.Events(), Now: c.Now, Log: c.Log,
	})
	if err != nil {
		return err
	}
	s.Notify, err = notify.New(notify.Config{
		Store: c.Store.Notify(), Sealer: c.Keys.ring, MAC: c.Keys.ring.MAC, Limiter: c.Limiter,
		Directory: directory{c.Store.Orgs(), c.Entitlements}, Digest: c.Digest,
		OptInOnly: c.OptInOnly, PostalAddress: strings.TrimSpace(c.PostalAddress) != "",
		Now: c.Now, Log: c.Log, Wake: s.wakeCourier,
	})
	s.flows.Accounts, s.flows.Security, s.flows.Orgs, s.flows.Audit, s.flows.Notify = s.Accounts, s.Security, s.Orgs, s.Audit, s.Notify
	s.flows.Purgers = c.Purgers
	return err
}

// relyingParty is the host of the public URL. An address in numbers can have no
// passkeys (WebAuthn Level 3, section 5.1.2).
func relyingParty(u *url.URL) security.RelyingParty {
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return security.RelyingParty{}
	}
	return security.RelyingParty{ID: u.Hostname(), Origins: []string{u.Scheme + "://" + u.Host}}
}

// CheckKeys returns an error that names each key that secrets in the database
// are sealed under and that is not in Config.Keys. Call it before serving: with a
// key missing, people cannot prove their second factor.
func (s *Settings) CheckKeys(ctx context.Context) error {
	names, err := s.c.Store.Security().TOTPKeys(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if !s.c.Keys.ring.Has(name) {
			errs = append(errs, fmt.Errorf("%w: %q", ErrMissingKey, name))
		}
	}
	return errors.Join(errs...)
}

// ErrMissingKey is wrapped by an error that names the key.
var ErrMissingKey = errors.New("settings: second factors are sealed under a key that is not in Config.Keys")

func (s *Settings) wireMail() error {
	c := s.c
	lc := letters.Config{
		Brand:         mail.Brand{Product: c.Product, LogoURL: c.LogoURL, AccentColor: c.Theme.Accent, SupportURL: c.Links.Support, PostalAddress: c.PostalAddress},
		Links:         letters.Links{PublicURL: s.url.String(), Prefix: c.Paths.Pages},
		DefaultLocale: c.DefaultLocale,
	}
	if c.RenderMail != nil {
		lc.Override = func(ctx context.Context, kind string, to mail.Recipient, letter jsonText) (mail.Message, bool, error) {
			return c.RenderMail(ctx, kind, to, letter)
		}
	}
	renderer, err := letters.New(lc)
	if err != nil {
		return err
	}
	s.letters = renderer
	s.courier, err = mail.NewCourier(mail.CourierConfig{
		Store: c.Store.Mail(), Mailer: c.Mailer, Renderer: renderer, Sealer: c.Keys.ring, From: c.From, Now: c.Now, Log: c.Log,
		AddressKey: s.addressKey,
	})
	return err
}

// addressKey is what stands for an address that mail does not reach.
func (s *Settings) addressKey(to string) mail.AddressKey {
	key := strings.ToLower(to)
	if parsed, err := address.Parse(to); err == nil {
		key = parsed.Key
	}
	return s.c.Keys.ring.MAC("mail.suppressed", []byte(key))
}

func (s *Settings) wireHTTP() (err error) {
	c := s.c
	s.sessions, err = httpsession.New(httpsession.Config{
		Sessions: s.Security, PublicURL: s.url, TrustedProxies: c.TrustedProxies, Lifetime: c.SessionLifetime, Log: c.Log,
	})
	if err != nil {
		return err
	}
	api, err := httpapi.New(httpapi.Config{
		Flows: s.flows, Sessions: s.sessions, Product: c.Product, Version: Version, PublicURL: s.url,
		Prefix: c.Paths.API, Pages: c.Paths.Pages, Links: linkMap(c.Links), Now: c.Now, StepUpAge: c.StepUpAge, Log: c.Log,
	})
	if err != nil {
		return err
	}
	passkeyAPI := c.Paths.API
	if relyingParty(s.url).ID == "" {
		passkeyAPI = ""
	}
	site, err := pages.New(pages.SiteConfig{
		Config: pages.Config{
			API:     passkeyAPI,
			Product: c.Product, Prefix: c.Paths.Pages, LogoURL: c.LogoURL, HomeURL: c.HomeURL, Theme: c.Theme,
			Links: c.Links, Footer: c.Footer, MailboxURL: c.MailboxURL, Mails: s.signUpMails(), Tabs: c.Tabs, Templates: c.Templates,
			Password: pages.PasswordRule{MinLength: s.Security.Rules().MinLength, NoDigit: s.Security.Rules().InsecureNoDigit},
		},
		Flows: s.flows, Sessions: s.sessions, Sealer: c.Keys.ring, Export: api.WriteExport, Download: api.WriteOwnData,
		Now: c.Now, StepUpAge: c.StepUpAge, Log: c.Log,
	})
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	s.handler = s.route(api, site)
	return nil
}

func linkMap(l Links) map[string]string {
	m := map[string]string{}
	for k, v := range map[string]string{"support": l.Support, "terms": l.Terms, "privacy": l.Privacy, "notifications": l.Notifications} {
		if v != "" {
			m[k] = v
		}
	}
	return m
}
