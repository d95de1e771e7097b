package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/dbtest"
)

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
	require.NotContains(t, p.errors.String(), "?next=", "the log leaves queries out")
}

// A request that is under way when the server is told to end is answered.
func TestRequestUnderWayIsAnswered(t *testing.T) {
	p := startProcess(t, serverBinary(t), "-data", t.TempDir(), "-demo=false")
	conn, err := net.Dial("tcp", p.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	const body = `{"email":"late@example.com"}`
	_, err = fmt.Fprintf(conn, "POST /api/v1/auth/sign-up HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		strings.TrimPrefix(p.url, "http://"), len(body))
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	line, err := answers.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue", "the body is awaited: the request is under way")
	_, err = answers.ReadString('\n')
	require.NoError(t, err)

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", p.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, time.Minute, 10*time.Millisecond, "nobody new is let in")
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	resp, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.NoError(t, p.cmd.Wait(), "and then it ends with 0")
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
	out, err := exec.CommandContext(t.Context(), serverBinary(t), "-addr", "127.0.0.1:0", "-data", data).CombinedOutput()
	require.Error(t, err)
	requireKeysMissing(t, out)
	require.NoFileExists(t, filepath.Join(data, "keys.json"))
}

func requireKeysMissing(t *testing.T, out []byte) {
	t.Helper()
	for _, part := range []string{"keys are missing", "keys.json", "already holds data sealed under them"} {
		require.Contains(t, string(out), part)
	}
	require.Equal(t, 1, strings.Count(strings.TrimSpace(string(out)), "\n")+1, "one line: %s", out)
}

// Whether there is a need for keys, and room for the demo, the database decides:
// its folder may be another one tomorrow.
func TestDatabaseDecides(t *testing.T) {
	dsn := dbtest.EmptyPostgresDSN(t)
	bin, first, fresh := serverBinary(t), t.TempDir(), t.TempDir()
	// Nobody has an account yet, and still there is mail that was sealed.
	p := startProcess(t, bin, "-db", dsn, "-data", first, "-demo=false")
	p.call(t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"new@example.com"}`)
	p.mailTo(t, "new@example.com", "account.sign_up")
	require.NoError(t, p.stop())
	out, err := exec.CommandContext(t.Context(), bin, "-addr", "127.0.0.1:0", "-db", dsn, "-data", fresh).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	requireKeysMissing(t, out)
	require.NotContains(t, string(out), dsn, "the address may hold a password")
	require.NoFileExists(t, filepath.Join(fresh, "keys.json"))

	// With its keys it starts, and is left as it is: it was not empty.
	p = startProcess(t, bin, "-db", dsn, "-data", first)
	require.NotContains(t, p.out.String(), demoEmail)
	require.NoError(t, p.stop())

	// The same folder on an empty database: the demo, and no letter of others lost.
	p = startProcess(t, bin, "-db", dbtest.EmptyPostgresDSN(t), "-data", first)
	require.Contains(t, p.out.String(), demoEmail)
	p.signInByToken(t)
	p.mailTo(t, "new@example.com", "account.sign_up")
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
		"-plan: ":                     {"-addr", "127.0.0.1:0", "-plan", "gold"},
		"-geoip: ":                    {"-addr", "127.0.0.1:0", "-geoip", filepath.Join(data, "none.mmdb")},
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

// A key that second factors are sealed under, and that is not in the file any
// more, is named before anything is served.
func TestMissingKeyIsNamed(t *testing.T) {
	bin, data := serverBinary(t), t.TempDir()
	p := startProcess(t, bin, "-data", data)
	token := "Authorization: Bearer " + p.signInByToken(t)
	status, body := p.call(t, http.MethodPost, "/api/v1/account/totp", "", token)
	require.Equal(t, http.StatusCreated, status, body)
	require.NoError(t, p.stop())

	path := filepath.Join(data, "keys.json")
	var file struct {
		Primary string            `json:"primary"`
		Keys    map[string]string `json:"keys"`
		MAC     string            `json:"mac"`
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &file))
	old := file.Primary
	file.Primary, file.Keys = "other", map[string]string{"other": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))}
	raw, err = json.Marshal(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	out, err := exec.CommandContext(t.Context(), bin, "-addr", "127.0.0.1:0", "-data", data).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), fmt.Sprintf("%q", old))
	require.Equal(t, 1, strings.Count(strings.TrimSpace(string(out)), "\n")+1, "%s", out)
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
	require.Contains(t, b.out.String(), demoEmail, "the demo is in the database")
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
