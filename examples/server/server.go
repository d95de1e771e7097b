package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/bunstore/postgres"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/mail/smtp"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/security/maxmind"
)

// server is the product with what is around it.
type server struct {
	c       *config
	log     *slog.Logger
	store   *bunstore.DB
	app     *settings.Settings
	clock   *clock
	mailbox *mailbox // nil: mail goes out
	public  *url.URL
	places  *maxmind.DB // nil: places are left out
	seeded  bool        // the database holds the demo

	directory *projects
	engine    *engine
}

func open(ctx context.Context, c *config, log *slog.Logger) (*server, error) {
	s := &server{c: c, log: log, clock: &clock{}}
	var err error
	if s.public, err = url.Parse(c.publicURL); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.data, 0o700); err != nil { //nolint:gosec // the operator says where
		return nil, fmt.Errorf("data folder: %w", err)
	}
	mailer, err := s.mailer()
	if err != nil {
		return nil, err
	}
	if c.geoip != "" {
		if s.places, err = maxmind.New(maxmind.Config{Path: c.geoip, Log: log}); err != nil {
			return nil, fmt.Errorf("-geoip: %w", err)
		}
	}
	if s.store, err = s.database(ctx); err != nil {
		return nil, err
	}
	if err := s.start(ctx, mailer); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// start wires the product on the open database, and fills one that is empty.
func (s *server) start(ctx context.Context, mailer mail.Mailer) error {
	used, err := s.used(ctx)
	if err != nil {
		return err
	}
	keys, err := s.keys(used)
	if err != nil {
		return err
	}
	s.directory, err = newProjects(ctx, s.store)
	if err != nil {
		return err
	}
	if s.engine, err = newEngine(ctx, s.c, s.log); err != nil {
		return err
	}
	mailboxURL := ""
	if s.mailbox != nil {
		mailboxURL = "/dev/mailbox"
	}
	s.app, err = settings.New(settings.Config{
		Product: "Aegis", PublicURL: s.c.publicURL, Store: s.store, Keys: keys, Mailer: mailer,
		From: "Aegis <hello@" + mailDomain(s.public) + ">", TrustedProxies: s.c.trusted,
		Geolocator: s.geolocator(), Limiter: s.limiter(), Entitlements: s.c.entitlements, Projects: s.directory,
		MailboxURL: mailboxURL, Now: s.clock.Now, InsecureSkipClockCheck: s.c.devClock, Log: s.log,
		WakeJob: s.engine.wake,
	})
	if err != nil {
		return err
	}
	if err := s.app.CheckKeys(ctx); err != nil {
		return err
	}
	if used {
		return s.findDemo(ctx)
	}
	if err := s.seed(ctx); err != nil {
		return fmt.Errorf("demo data: %w", err)
	}
	return nil
}

// limiter is one that all servers on a PostgreSQL database share. nil: that of
// this process, which has SQLite for itself.
func (s *server) limiter() security.Limiter {
	if s.c.db == "" {
		return nil
	}
	return s.store.Limiter(s.clock.Now)
}

// geolocator is nil, and not an interface that holds nil, without a file.
func (s *server) geolocator() security.Geolocator {
	if s.places == nil {
		return nil
	}
	return s.places
}

func (s *server) close() {
	if s.places != nil {
		_ = s.places.Close() // a file in memory
	}
	if s.engine != nil {
		if err := s.engine.close(); err != nil {
			s.log.Error("server: River's database not closed cleanly", "err", err)
		}
	}
	if err := s.store.Close(); err != nil {
		s.log.Error("server: database not closed cleanly", "err", err)
	}
}

// used reports whether the database holds anything: what is there was sealed, or
// named by a hash, under a key file that exists already. The folder does not
// tell: a database elsewhere outlives it, and may have begun with another.
func (s *server) used(ctx context.Context) (bool, error) {
	var used bool
	err := s.store.Conn(ctx).QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM settings_users)
		OR EXISTS (SELECT 1 FROM settings_outbox) OR EXISTS (SELECT 1 FROM settings_audit_entries)`).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("database: %w", err)
	}
	return used, nil
}

// keys loads the key file, or makes it for a database that holds nothing yet. For
// one that does, a new file would open nothing of what is sealed there: that is
// an error.
func (s *server) keys(used bool) (settings.Keys, error) {
	path := filepath.Join(s.c.data, "keys.json")
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return settings.LoadKeys(path)
	case !errors.Is(err, fs.ErrNotExist):
		return settings.Keys{}, err
	case used:
		return settings.Keys{}, fmt.Errorf("keys are missing: there is no %s, and the database already holds data sealed under them; "+
			"bring the file back, or choose an empty database", path)
	}
	return settings.CreateKeys(path)
}

func (s *server) databaseFile() string { return filepath.Join(s.c.data, "settings.db") }

func (s *server) database(ctx context.Context) (*bunstore.DB, error) {
	if s.c.db != "" {
		return postgres.OpenWith(ctx, postgres.Config{DSN: s.c.db})
	}
	return sqlite.OpenWith(ctx, sqlite.Config{Path: s.databaseFile()})
}

func (s *server) mailer() (mail.Mailer, error) {
	if s.c.smtp != "" {
		sc, err := smtp.ParseURL(s.c.smtp)
		if err != nil {
			return nil, fmt.Errorf("-smtp: %w", err)
		}
		return smtp.New(sc)
	}
	box, err := openMailbox(filepath.Join(s.c.data, "mailbox"), s.clock.Now)
	s.mailbox = box
	return box, err
}

func mailDomain(u *url.URL) string {
	if h := u.Hostname(); !loopbackHost(h) {
		return h
	}
	return "aegis.example"
}

// handler is the product and what an operator and a developer need around it.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("/", s.canonical(s.app.Handler()))
	mux.Handle("GET /projects/{org}/{project}", s.canonical(s.app.RequireUser(projectPage{s.app, s.directory, s.log})))
	if s.mailbox != nil {
		mux.Handle("/dev/mailbox", s.devOnly(s.mailbox))
		mux.Handle("/dev/mailbox.json", s.devOnly(s.mailbox))
		mux.Handle("/dev/mailbox/", s.devOnly(s.mailbox))
		mux.Handle("GET /dev/mailbox/previews", s.devOnly(previews{s.app}))
		mux.Handle("GET /dev/mailbox/previews.html", s.devOnly(previews{s.app}))
		mux.Handle("GET /dev/jobs", s.devOnly(jobsPage{s.engine}))
	}
	if s.c.devClock {
		mux.Handle("POST /dev/clock", s.devOnly(s.moved()))
	}
	return s.logged(mux)
}

// moved sets the clock, and has every job find what is due by it.
func (s *server) moved() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.clock.ServeHTTP(w, r)
		s.engine.runAll()
	})
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	h := s.app.Health(ctx)
	if h.StoreError != nil {
		s.log.ErrorContext(ctx, "server: not ready", "err", h.StoreError)
		http.Error(w, "the database cannot be asked", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// canonical sends another name of this machine to the one of the public URL:
// cookies and passkeys belong to a name.
func (s *server) canonical(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != s.public.Host && loopbackHost(r.Host) && loopbackHost(s.public.Host) {
			// The origin is ours; what the request says comes after it.
			http.Redirect(w, r, s.c.publicURL+r.URL.RequestURI(), http.StatusTemporaryRedirect) //nolint:gosec // see above
			return
		}
		next.ServeHTTP(w, r)
	})
}

var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"}

// devOnly hides what is for the developer at this machine from everybody else,
// also when a proxy or a tunnel brings them here, and from other sites' pages.
func (s *server) devOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hide := !loopbackHost(r.Host)
		for _, h := range forwarding {
			hide = hide || r.Header.Get(h) != ""
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			hide = hide || r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate"
		}
		if hide {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// logged writes a line for each request, without the query: it may hold a token.
func (s *server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(rec, r)
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", rec.status), slog.Duration("took", time.Since(start)), slog.String("request_id", w.Header().Get("X-Request-Id")))
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (s *server) banner(w io.Writer) {
	fmt.Fprintf(w, "\n  Account settings  %s\n", s.c.publicURL)
	if s.seeded {
		fmt.Fprintf(w, "  Demo sign-in      %s / %s\n", demoEmail, demoPassword)
	}
	if s.mailbox != nil {
		fmt.Fprintf(w, "  Mailbox           %s/dev/mailbox\n", s.c.publicURL)
	}
	fmt.Fprintf(w, "  API               %s/api/v1/docs\n\n", s.c.publicURL)
}
