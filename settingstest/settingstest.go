// Package settingstest runs the whole product inside a host's tests: a clock
// that the test moves, mail that it reads, and a client that signs up and in as
// a browser or as a token client would. It needs the standard library alone.
package settingstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// App is a running product. Nothing runs in its background: mail is delivered
// when the test asks for it, or reads the mailbox.
type App struct {
	*settings.Settings

	URL   string // of the server, without a slash at the end
	Clock *Clock
	Mail  *Mailbox

	t testing.TB
}

// Start runs the product until the test ends. Whatever c leaves out is filled
// in: a store in memory, fresh keys, the captured mail, the clock, and password
// hashing that is fast and not safe.
func Start(t testing.TB, c settings.Config) *App {
	t.Helper()
	a := &App{t: t, Clock: &Clock{now: time.Now().UTC()}}
	a.Mail = &Mailbox{app: a}
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	// A name, because passkeys belong to one.
	a.URL = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if c.Product == "" {
		c.Product = "Acme"
	}
	if c.PublicURL == "" {
		c.PublicURL = a.URL
	}
	if c.From == "" {
		c.From = "Acme <hello@acme.example>"
	}
	if c.Store == nil {
		c.Store = memstore.New()
	}
	if c.Mailer == nil {
		c.Mailer = a.Mail
	}
	if c.Now == nil {
		c.Now = a.Clock.Now
		c.InsecureSkipClockCheck = true // that clock is moved
	}
	if reflect.ValueOf(c.Hashing).IsZero() {
		c.Hashing = security.Hashing{MemoryKiB: 64, Passes: 1}
	}
	var err error
	if c.Keys == (settings.Keys{}) {
		if c.Keys, err = settings.CreateKeys(filepath.Join(t.TempDir(), "keys.json")); err != nil {
			t.Fatal(err)
		}
	}
	if a.Settings, err = settings.New(c); err != nil {
		t.Fatal(err)
	}
	handler = a.Handler()
	return a
}

// Deliver delivers all mail that is due.
func (a *App) Deliver() {
	a.t.Helper()
	a.RunJob("mail.deliver")
}

// RunJob runs one of the jobs of Settings.Jobs.
func (a *App) RunJob(name string) {
	a.t.Helper()
	for _, j := range a.Jobs() {
		if j.Name != name {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := j.Run(ctx); err != nil {
			a.t.Fatalf("job %s: %v", name, err)
		}
		return
	}
	a.t.Fatalf("there is no job %q", name)
}

// Clock is the time of the product. It stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Mailbox holds the mail that was sent, to everybody.
type Mailbox struct {
	app *App

	mu   sync.Mutex
	sent []mail.Message
	fail error
}

// SendMail implements [mail.Mailer].
func (m *Mailbox) SendMail(_ context.Context, msg mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.sent = append(m.sent, msg)
	return nil
}

// Count returns how many mails were sent so far. It delivers nothing.
func (m *Mailbox) Count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sent)
}

// Fail makes sending fail from now on; nil mends it.
func (m *Mailbox) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// To delivers what is due and returns the mail to an address, oldest first.
func (m *Mailbox) To(address string) []mail.Message {
	m.app.t.Helper()
	m.app.Deliver()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []mail.Message
	for _, x := range m.sent {
		if x.To == address {
			out = append(out, x)
		}
	}
	return out
}

// Last returns the newest mail of a kind to an address, and fails the test if
// there is none.
func (m *Mailbox) Last(address, kind string) mail.Message {
	m.app.t.Helper()
	all := m.To(address)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == kind {
			return all[i]
		}
	}
	var kinds []string
	for _, x := range all {
		kinds = append(kinds, x.Kind)
	}
	m.app.t.Fatalf("no mail %q to %s; there is %v", kind, address, kinds)
	return mail.Message{}
}
