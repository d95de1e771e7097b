package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/mail"
)

// mailbox is the development mailbox: a mailer that keeps what it gets in a
// folder, the newest 500, and shows it.
type mailbox struct {
	dir string
	now func() time.Time

	mu    sync.Mutex
	items []item // newest first
}

type item struct {
	ID      string            `json:"id"`
	At      time.Time         `json:"at"`
	To      string            `json:"to"`
	Kind    string            `json:"kind"`
	Subject string            `json:"subject"`
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	Headers map[string]string `json:"headers"`
}

const maxItems = 500

func openMailbox(dir string, now func() time.Time) (*mailbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	m := &mailbox{dir: dir, now: now}
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		data, err := os.ReadFile(name) //nolint:gosec // our own folder
		if err != nil {
			return nil, err
		}
		var it item
		if json.Unmarshal(data, &it) == nil { // one cut short by a crash is skipped
			m.items = slices.Insert(m.items, 0, it)
		}
	}
	return m, nil
}

// SendMail implements [mail.Mailer]. Like a real mailbox it shows a letter that
// was delivered twice once: the ID is the Message-ID.
func (m *mailbox) SendMail(_ context.Context, msg mail.Message) error {
	it := item{
		ID: msg.ID.String(), At: m.now().UTC(), To: msg.To, Kind: msg.Kind,
		Subject: msg.Subject, Text: msg.Text, HTML: msg.HTML, Headers: msg.Headers,
	}
	if it.Headers == nil {
		it.Headers = map[string]string{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(m.items, func(x item) bool { return x.ID == it.ID }) {
		return nil
	}
	data, err := json.MarshalIndent(it, "", "  ")
	if err != nil {
		return err
	}
	// Identifiers are ordered by time, and so are the files.
	if err := os.WriteFile(m.file(it.ID), data, 0o600); err != nil {
		return err
	}
	m.items = slices.Insert(m.items, 0, it)
	for len(m.items) > maxItems {
		last := m.items[len(m.items)-1]
		m.items = m.items[:len(m.items)-1]
		_ = os.Remove(m.file(last.ID))
	}
	return nil
}

func (m *mailbox) file(id string) string { return filepath.Join(m.dir, id+".json") }

func (m *mailbox) list(to string) []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]item, 0, len(m.items))
	for _, it := range m.items {
		if to == "" || strings.EqualFold(it.To, to) {
			out = append(out, it)
		}
	}
	return out
}

func (m *mailbox) newest(to string) mail.Message {
	if l := m.list(to); len(l) > 0 {
		return mail.Message{To: l[0].To, Kind: l[0].Kind, Text: l[0].Text}
	}
	return mail.Message{}
}

func (m *mailbox) clear() error { return m.drop("") }

// drop removes the mails to an address; "": all.
func (m *mailbox) drop(to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var kept []item
	for _, it := range m.items {
		if to != "" && !strings.EqualFold(it.To, to) {
			kept = append(kept, it)
			continue
		}
		if err := os.Remove(m.file(it.ID)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	m.items = kept
	return nil
}

//go:embed mailbox.gohtml previews.gohtml mailbox.css
var mailboxFiles embed.FS

var mailboxPage = template.Must(template.ParseFS(mailboxFiles, "mailbox.gohtml"))

// ServeHTTP serves the page, the list as JSON, and each mail.
func (m *mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	switch path := r.URL.Path; {
	case path == "/dev/mailbox" && r.Method == http.MethodDelete,
		path == "/dev/mailbox/clear" && r.Method == http.MethodPost:
		if err := m.clear(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/dev/mailbox", http.StatusSeeOther)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "GET, or DELETE /dev/mailbox", http.StatusMethodNotAllowed)
	case path == "/dev/mailbox":
		m.page(w, r)
	case path == "/dev/mailbox.json":
		h.Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": m.list(r.URL.Query().Get("to"))})
	case path == "/dev/mailbox/style.css":
		http.ServeFileFS(w, r, mailboxFiles, "mailbox.css")
	default:
		m.html(w, r, strings.TrimPrefix(path, "/dev/mailbox/"))
	}
}

// shown is a mail on the page.
type shown struct {
	item
	Ago   string
	Links []string
	Open  bool
}

func (m *mailbox) page(w http.ResponseWriter, r *http.Request) {
	to, open := r.URL.Query().Get("to"), r.URL.Query().Get("open")
	var list []shown
	var current *shown
	for i, it := range m.list(to) {
		s := shown{item: it, Ago: ago(m.now().Sub(it.At)), Links: linkPattern.FindAllString(it.Text, -1)}
		s.Open = it.ID == open || open == "" && i == 0
		list = append(list, s)
		if s.Open {
			current = &list[len(list)-1]
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = mailboxPage.Execute(w, map[string]any{"Items": list, "Current": current, "To": to})
}

// mailPolicy lets a mail show itself in a frame, and nothing in it run.
const mailPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; " +
	"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"

// html serves a mail's HTML part alone, for the frame: nothing in it runs.
func (m *mailbox) html(w http.ResponseWriter, r *http.Request, name string) {
	id, ok := strings.CutSuffix(name, ".html")
	for _, it := range m.list("") {
		if ok && it.ID == id {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", mailPolicy)
			fmt.Fprint(w, it.HTML)
			return
		}
	}
	http.NotFound(w, r)
}

func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
