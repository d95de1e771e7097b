package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, func() { _ = os.RemoveAll(built.dir) }) }

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// serverBinary builds the server, once.
func serverBinary(tb testing.TB) string {
	tb.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "server"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "server")
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

var bannerURL = regexp.MustCompile(`Account settings +http://localhost:(\d+)\n`)

// startProcess runs the server on a free port, and waits for its first 200.
func startProcess(tb testing.TB, bin string, args ...string) *process {
	tb.Helper()
	cmd := exec.Command(bin, append([]string{"-addr", "127.0.0.1:0"}, args...)...) //nolint:noctx // stopped by a signal
	tb.Cleanup(func() { _ = end(cmd) })
	return await(tb, cmd)
}

// await starts a command that runs the server, and waits for its first 200.
func await(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{cmd: cmd, out: &output{}, errors: &output{}}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.errors
	start := time.Now()
	require.NoError(tb, p.cmd.Start())
	for time.Since(start) < 2*time.Minute {
		if found := bannerURL.FindStringSubmatch(p.out.String()); found != nil {
			p.addr, p.url = "127.0.0.1:"+found[1], "http://localhost:"+found[1]
			if resp, err := http.Get(p.url + "/sign-in"); err == nil { //nolint:noctx // a poll
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					p.took = time.Since(start)
					return p
				}
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	tb.Fatalf("no 200 within 2 minutes\n%s", p.errors)
	return nil
}

func (p *process) stop() error { return end(p.cmd) }

// end tells a running server to end, and waits until it has.
func end(cmd *exec.Cmd) error {
	if cmd.Process == nil || cmd.ProcessState != nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return cmd.Wait()
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
