package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

const (
	demoEmail    = "ada@example.com"
	demoPassword = "analytical engine 1843"
)

// device is a browser somewhere, some time ago, or a program with a token.
type device struct {
	agent, from string
	ago         time.Duration
	token       string
}

var demoDevices = []device{
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "203.0.113.24", 13 * 24 * time.Hour, ""},
	{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "2001:db8::1", 6 * 24 * time.Hour, ""},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1", "198.51.100.7", 2 * time.Hour, ""},
}

// findDemo looks whether a database that is in use holds the demo person.
func (s *server) findDemo(ctx context.Context) error {
	_, err := s.store.Accounts().UserByEmail(ctx, demoEmail)
	if errors.Is(err, accounts.ErrUserNotFound) {
		return nil
	}
	s.seeded = s.c.demo && err == nil
	return err
}

// seed puts a person with a few sign-ins into an empty database, by the product's
// own API, at the times at which they would have happened.
func (s *server) seed(ctx context.Context) error {
	if !s.c.demo || s.mailbox == nil {
		return nil
	}
	defer s.clock.shift(0)
	s.clock.shift(-200 * 24 * time.Hour)
	first := demoDevices[0]
	if err := s.demoCall(first, "/auth/sign-up", map[string]string{"email": demoEmail}); err != nil {
		return err
	}
	if err := s.deliver(ctx); err != nil {
		return err
	}
	token, err := tokenIn(s.mailbox.newest(demoEmail))
	if err != nil {
		return err
	}
	err = s.demoCall(first, "/auth/sign-up/complete", map[string]string{
		"token": token, "name": "Ada Lovelace", "password": demoPassword, "timezone": "Europe/London", "locale": "en",
	})
	if err != nil {
		return err
	}
	s.clock.shift(-100 * 24 * time.Hour)
	if err := s.seedOrg(ctx); err != nil {
		return err
	}
	for _, d := range demoDevices {
		s.clock.shift(-d.ago)
		if err := s.demoCall(d, "/auth/sign-in", map[string]string{"email": demoEmail, "password": demoPassword}); err != nil {
			return err
		}
		if err := s.deliver(ctx); err != nil { // at the time at which it is written
			return err
		}
	}
	s.clock.shift(-time.Hour)
	if err := s.invite(ctx, demoPeople[len(demoPeople)-1], len(demoPeople)); err != nil {
		return err
	}
	// What the sign-ins made the product write is old news, too.
	if err := s.deliver(ctx); err != nil {
		return err
	}
	s.seeded = true
	for _, p := range append(demoPeople, demoPerson{email: demoEmail}) {
		if err := s.mailbox.drop(p.email); err != nil {
			return err
		}
	}
	return nil
}

// demoPerson is somebody in the demo person's organization. Without a name the
// invitation still waits.
type demoPerson struct{ email, name, role string }

var demoPeople = []demoPerson{
	{"grace.hopper@example.com", "Grace Hopper", "admin"},
	{"alan.turing@example.com", "Alan Turing", "member"},
	{"hedy.lamarr@example.com", "Hedy Lamarr", "viewer"},
	{"charles.babbage@example.com", "", "member"},
}

const demoOrg = "analytical-engines"

// seedOrg founds an organization and invites people, who come.
func (s *server) seedOrg(ctx context.Context) error {
	ada := demoDevices[0]
	var err error
	if ada.token, err = s.demoToken(ada); err != nil {
		return err
	}
	if err := s.demoCall(ada, "/orgs", map[string]string{"name": "Analytical Engines", "slug": demoOrg}); err != nil {
		return err
	}
	for i, p := range demoPeople {
		if p.name == "" || !s.seat(ctx, i+1) {
			continue
		}
		if err := s.invite(ctx, p, i+1); err != nil {
			return err
		}
		if err := s.deliver(ctx); err != nil {
			return err
		}
		token, err := tokenIn(s.mailbox.newest(p.email))
		if err != nil {
			return err
		}
		err = s.demoCall(demoDevices[1], "/auth/sign-up/complete", map[string]string{
			"token": token, "name": p.name, "password": demoPassword, "timezone": "Europe/London", "locale": "en",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// seat reports whether the plan has room for one more beside taken.
func (s *server) seat(ctx context.Context, taken int) bool {
	seats, err := s.c.entitlements.Seats(ctx, id.Org{})
	return err == nil && (seats < 0 || taken < seats)
}

// invite asks somebody to join, if the plan has a seat.
func (s *server) invite(ctx context.Context, p demoPerson, taken int) error {
	if !s.seat(ctx, taken) {
		return nil
	}
	ada := demoDevices[0]
	var err error
	if ada.token, err = s.demoToken(ada); err != nil {
		return err
	}
	if err := s.demoCall(ada, "/orgs/"+demoOrg+"/invitations", map[string]any{"emails": []string{p.email}, "role": p.role}); err != nil {
		return err
	}
	return s.demoCall(ada, "/auth/sign-out", nil) // the list of sessions shows the devices alone
}

// demoToken signs the demo person in as a program would.
func (s *server) demoToken(d device) (string, error) {
	body, err := s.demoAnswer(d, "/auth/sign-in", map[string]string{"email": demoEmail, "password": demoPassword, "transport": "token"})
	if err != nil {
		return "", err
	}
	var out struct {
		SessionToken string `json:"session_token"`
	}
	return out.SessionToken, json.Unmarshal(body, &out)
}

// deliver puts what waits into the mailbox.
func (s *server) deliver(ctx context.Context) error {
	for _, j := range s.app.Jobs() {
		if j.Name == "mail.deliver" {
			return j.Run(ctx)
		}
	}
	return nil
}

// demoCall makes a request as a device would.
func (s *server) demoCall(d device, path string, body any) error {
	_, err := s.demoAnswer(d, path, body)
	return err
}

func (s *server) demoAnswer(d device, path string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r := httptest.NewRequest(http.MethodPost, s.c.publicURL+"/api/v1"+path, bytes.NewReader(data))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", d.agent)
	if d.token != "" {
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	r.RemoteAddr = net.JoinHostPort(d.from, "1")
	w := httptest.NewRecorder()
	s.app.Handler().ServeHTTP(w, r)
	if w.Code >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes(), nil
}

var linkPattern = regexp.MustCompile(`https?://\S+`)

// tokenIn returns the token of the link in a mail.
func tokenIn(m mail.Message) (string, error) {
	for _, l := range linkPattern.FindAllString(m.Text, -1) {
		if u, err := url.Parse(l); err == nil && u.Query().Get("token") != "" {
			return u.Query().Get("token"), nil
		}
	}
	return "", errors.New("no mail with a link has come")
}
