package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var built struct {
	once sync.Once
	path string
	err  error
}

// serverBinary builds the server, once.
func serverBinary(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "server")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "server")
		out, err := exec.Command("go", "build", "-o", built.path, ".").CombinedOutput() //nolint:noctx // outlives a test
		if err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(tb, built.err)
	return built.path
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is the built server, running.
type process struct {
	cmd         *exec.Cmd
	addr, url   string
	out, errors *output
	took        time.Duration // from exec to the first 200
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// startProcess runs the server on a free port, and waits for its first 200.
func startProcess(tb testing.TB, bin string, args ...string) *process {
	tb.Helper()
	p := &process{addr: freeAddr(tb), out: &output{}, errors: &output{}}
	_, port, err := net.SplitHostPort(p.addr)
	require.NoError(tb, err)
	p.url = "http://localhost:" + port
	p.cmd = exec.Command(bin, append([]string{"-addr", p.addr}, args...)...) //nolint:noctx // stopped by a signal
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.errors
	start := time.Now()
	require.NoError(tb, p.cmd.Start())
	tb.Cleanup(func() { _ = p.stop() })
	for time.Since(start) < 30*time.Second {
		if resp, err := http.Get(p.url + "/sign-in"); err == nil { //nolint:noctx // a poll
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				p.took = time.Since(start)
				return p
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	tb.Fatalf("no 200 within 30 s\n%s", p.errors)
	return nil
}

func (p *process) stop() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.cmd.Wait()
}

// call sends a request with headers "Name: value" and returns status and body.
func (p *process) call(tb testing.TB, method, path, body string, headers ...string) (int, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+p.addr+path, strings.NewReader(body))
	require.NoError(tb, err)
	req.Host = strings.TrimPrefix(p.url, "http://")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	client := &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(tb, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(tb, err)
	if l := resp.Header.Get("Location"); l != "" {
		return resp.StatusCode, l
	}
	return resp.StatusCode, string(data)
}

// signInByToken returns a session token of the demo person.
func (p *process) signInByToken(tb testing.TB) string {
	tb.Helper()
	status, body := p.call(tb, http.MethodPost, "/api/v1/auth/sign-in",
		`{"email":"`+demoEmail+`","password":"`+demoPassword+`","transport":"token"}`)
	require.Equal(tb, http.StatusOK, status, body)
	var out struct {
		Token string `json:"session_token"`
	}
	require.NoError(tb, json.Unmarshal([]byte(body), &out))
	return out.Token
}

// mailTo waits for a mail of a kind and returns it.
func (p *process) mailTo(tb testing.TB, to, kind string) item {
	tb.Helper()
	var found item
	require.Eventually(tb, func() bool {
		_, body := p.call(tb, http.MethodGet, "/dev/mailbox.json?to="+url.QueryEscape(to), "")
		var list struct{ Items []item }
		if json.Unmarshal([]byte(body), &list) != nil {
			return false
		}
		for _, it := range list.Items {
			if it.Kind == kind {
				found = it
				return true
			}
		}
		return false
	}, 30*time.Second, 20*time.Millisecond, "no mail %q to %s", kind, to)
	return found
}

// link returns the link with a token in a mail.
func (it item) link(tb testing.TB) string {
	tb.Helper()
	for _, l := range linkPattern.FindAllString(it.Text, -1) {
		if strings.Contains(l, "token=") {
			return l
		}
	}
	tb.Fatalf("no link in %s", it.Text)
	return ""
}

func TestFirstMinute(t *testing.T) {
	p := startProcess(t, serverBinary(t), "-data", filepath.Join(t.TempDir(), "data"))
	for _, line := range []string{p.url, demoEmail + " / " + demoPassword, p.url + "/dev/mailbox", p.url + "/api/v1/docs"} {
		require.Contains(t, p.out.String(), line)
	}
	status, body := p.call(t, http.MethodGet, "/api/v1/account/sessions", "", "Authorization: Bearer "+p.signInByToken(t))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 4, strings.Count(body, `"id"`), "three devices of the demo, and this one: %s", body)
	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ = p.call(t, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, status)
	}
	status, to := p.call(t, http.MethodGet, "/sign-in?next=/x", "", "Host: "+p.addr)
	require.Equal(t, http.StatusTemporaryRedirect, status)
	require.Equal(t, p.url+"/sign-in?next=/x", to)
	require.NoError(t, p.stop(), "SIGTERM drains and exits 0")
	require.NotContains(t, p.errors.String(), demoPassword)
	require.NotContains(t, p.errors.String(), "next=", "the log leaves queries out")
}

func TestRestartKeepsEverything(t *testing.T) {
	data := t.TempDir()
	p := startProcess(t, serverBinary(t), "-data", data)
	token := p.signInByToken(t)
	p.call(t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"new@example.com"}`)
	link := p.mailTo(t, "new@example.com", "account.sign_up").link(t)
	require.NoError(t, p.stop())

	p = startProcess(t, serverBinary(t), "-data", data)
	status, body := p.call(t, http.MethodGet, "/api/v1/account", "", "Authorization: Bearer "+token)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, link, p.mailTo(t, "new@example.com", "account.sign_up").link(t))
	status, _ = p.call(t, http.MethodDelete, "/dev/mailbox", "")
	require.Equal(t, http.StatusNoContent, status)
	_, body = p.call(t, http.MethodGet, "/dev/mailbox.json", "")
	require.JSONEq(t, `{"items":[]}`, body)
	for _, name := range []string{"keys.json", "settings.db"} {
		info, err := os.Stat(filepath.Join(data, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.NoError(t, p.stop())

	// Keys that are gone are not made anew: what was sealed could not be opened.
	require.NoError(t, os.Remove(filepath.Join(data, "keys.json")))
	out, err := exec.CommandContext(t.Context(), serverBinary(t), "-addr", freeAddr(t), "-data", data).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "keys.json is missing")
	require.NoFileExists(t, filepath.Join(data, "keys.json"))
}

func TestMistakesAreOneClearLine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	for want, args := range map[string][]string{
		"is in use":                   {"-addr", l.Addr().String()},
		"-public-url is required":     {"-addr", "0.0.0.0:0"},
		"-smtp is required":           {"-addr", "127.0.0.1:0", "-public-url", "https://app.acme.test"},
		"-dev shows everybody's mail": {"-addr", "127.0.0.1:0", "-public-url", "https://app.acme.test", "-dev"},
		"-dev-clock is for loopback":  {"-addr", "127.0.0.1:0", "-public-url", "https://app.acme.test", "-smtp", "smtp://localhost:25", "-dev-clock"},
		"-db must begin with":         {"-addr", "127.0.0.1:0", "-db", "mysql://x"},
		"-trusted-proxies":            {"-addr", "127.0.0.1:0", "-trusted-proxies", "10.0.0.0"},
		"-smtp: ":                     {"-addr", "127.0.0.1:0", "-smtp", "http://user:canary@x"},
	} {
		out, err := exec.CommandContext(t.Context(), serverBinary(t), append(args, "-data", data)...).CombinedOutput()
		require.Error(t, err, want)
		require.Contains(t, string(out), want)
		require.Equal(t, 1, strings.Count(strings.TrimSpace(string(out)), "\n")+1, "%s", out)
		require.NotContains(t, string(out), "canary")
	}
	require.NoFileExists(t, filepath.Join(data, "settings.db"), "a mistake leaves nothing behind")
}

// What is for the developer at this machine is for nobody else.
func TestDevRoutesAreHidden(t *testing.T) {
	p := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-demo=false", "-dev-clock")
	for _, path := range []string{"/dev/mailbox", "/dev/mailbox.json", "/dev/mailbox/style.css"} {
		status, _ := p.call(t, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, status, path)
		for _, h := range []string{"Host: app.acme.test", "Host: localhost.evil.test", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: x", "Forwarded: for=1.2.3.4", "X-Real-Ip: 1.2.3.4", "Sec-Fetch-Site: cross-site"} {
			status, _ = p.call(t, http.MethodGet, path, "", h)
			require.Equal(t, http.StatusNotFound, status, "%s %s", path, h)
		}
	}
	status, _ := p.call(t, http.MethodPost, "/dev/clock", `{"offset":"nonsense"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	status, body := p.call(t, http.MethodPost, "/dev/clock", `{"offset":"720h"}`)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, time.Now().UTC().Add(720*time.Hour).Format("2006-01-02"))
	status, _ = p.call(t, http.MethodPost, "/dev/clock", `{"offset":"1h"}`, "X-Forwarded-For: 1.2.3.4")
	require.Equal(t, http.StatusNotFound, status)
	without := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-demo=false")
	status, _ = without.call(t, http.MethodPost, "/dev/clock", `{"offset":"1h"}`)
	require.Equal(t, http.StatusNotFound, status)
}

// Two servers on one database: what is revoked on one is gone on the other, and
// each mail is delivered once.
func TestTwoServers(t *testing.T) {
	dsn := dbtest.EmptyPostgresDSN(t)
	bin, first, second := serverBinary(t), t.TempDir(), t.TempDir()
	a := startProcess(t, bin, "-db", dsn, "-data", first)
	keys, err := os.ReadFile(filepath.Join(first, "keys.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(second, "keys.json"), keys, 0o600))
	b := startProcess(t, bin, "-db", dsn, "-data", second)
	token := "Authorization: Bearer " + a.signInByToken(t)
	for _, p := range []*process{a, b} {
		status, body := p.call(t, http.MethodGet, "/api/v1/account", "", token)
		require.Equal(t, http.StatusOK, status, body)
	}
	status, _ := b.call(t, http.MethodDelete, "/api/v1/account/sessions?scope=all", "", token)
	require.Equal(t, http.StatusNoContent, status)
	for _, p := range []*process{b, a} {
		status, _ = p.call(t, http.MethodGet, "/api/v1/account", "", token)
		require.Equal(t, http.StatusUnauthorized, status)
	}
	const n = 12
	for i := range n {
		p := []*process{a, b}[i%2]
		status, body := p.call(t, http.MethodPost, "/api/v1/auth/sign-up", fmt.Sprintf(`{"email":"p%d@example.com"}`, i))
		require.Equal(t, http.StatusAccepted, status, body)
	}
	count := func() (total int) {
		for _, p := range []*process{a, b} {
			_, body := p.call(t, http.MethodGet, "/dev/mailbox.json", "")
			total += strings.Count(body, `"kind":"account.sign_up"`)
		}
		return total
	}
	require.Eventually(t, func() bool { return count() >= n }, 60*time.Second, 50*time.Millisecond)
	require.Equal(t, n, count())
}
