package breach

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the key of the API
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const password = "correct horse battery staple 42"

// The other lines of an answer, as the service gives them.
const others = "0018A45C4D1DEF81644B54AB7F969B88D65:10\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2\r\n"

func hash(password string) string {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // the key of the API
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

func suffix() string { return hash(password)[5:] }

// answering is a service that answers with this body to everything.
func answering(t *testing.T, body string) *Client {
	return serving(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
}

func serving(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL})
	require.NoError(t, err)
	return c
}

// SHA-1("abc") is A9993E364706816ABA3E25717850C26C9CD0D89D, says FIPS 180-4.
func TestTheHashIsThePublishedOne(t *testing.T) {
	var asked string
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		fmt.Fprint(w, others+"E364706816ABA3E25717850C26C9CD0D89D:3\r\n")
	})
	known, err := c.Breached(context.Background(), "abc")
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, "/range/A9993", asked)
}

func TestOnlyFiveDigitsLeaveTheProcess(t *testing.T) {
	var wire []byte
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		wire, _ = httputil.DumpRequest(r, true)
		fmt.Fprint(w, others)
	})
	_, err := c.Breached(context.Background(), password)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(wire)), "\r\n")
	require.Equal(t, "GET /range/"+hash(password)[:5]+" HTTP/1.1", lines[0])
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, ":")
		require.Contains(t, []string{"Host", "Accept-Encoding", "Add-Padding", "User-Agent"}, name, "nothing else is sent")
	}
	require.Contains(t, lines, "Add-Padding: true")
	require.Contains(t, lines, "User-Agent: account-settings")
	require.NotContains(t, strings.ToUpper(string(wire)), hash(password)[:6])
	require.NotContains(t, string(wire), "horse")
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		known bool
	}{
		"known":              {others + suffix() + ":7\r\n", true},
		"known, first":       {suffix() + ":1\r\n" + others, true},
		"known, small":       {others + strings.ToLower(suffix()) + ":7\r\n", true},
		"known, only \\n":    {strings.ReplaceAll(others, "\r", "") + suffix() + ":7", true},
		"unknown":            {others, false},
		"padding":            {others + suffix() + ":0\r\n", false},
		"another by a digit": {others + suffix()[:34] + string(suffix()[34]^1) + ":9\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := answering(t, c.body).Breached(context.Background(), password)
			require.NoError(t, err)
			require.Equal(t, c.known, known)
		})
	}
}

func TestMinCount(t *testing.T) {
	for count, known := range map[string]bool{"0": false, "9": false, "10": true, "9223372036854775807": true} {
		c := answering(t, others+suffix()+":"+count)
		c.cfg.MinCount = 10
		got, err := c.Breached(context.Background(), password)
		require.NoError(t, err)
		require.Equal(t, known, got, count)
	}
}

func TestMalformedAnswersAreErrors(t *testing.T) {
	match := suffix() + ":7\r\n"
	for name, body := range map[string]string{
		"empty":             "",
		"empty lines":       "\r\n\r\n",
		"a page":            "<html>sign in to the network</html>",
		"no count":          match + suffix() + "\r\n",
		"empty count":       match + suffix() + ":\r\n",
		"negative":          match + suffix() + ":-1\r\n",
		"not a number":      match + suffix() + ":many\r\n",
		"too large":         match + suffix() + ":99999999999999999999\r\n",
		"short":             match + suffix()[1:] + ":1\r\n",
		"long":              match + "A" + suffix() + ":1\r\n",
		"whole hash":        match + hash(password) + ":1\r\n",
		"not hexadecimal":   match + strings.Repeat("G", 35) + ":1\r\n",
		"spaces":            match + suffix() + ": 1\r\n",
		"two counts":        match + suffix() + ":1:1\r\n",
		"cut in the middle": others + suffix()[:20],
	} {
		known, err := answering(t, body).Breached(context.Background(), password)
		require.ErrorIs(t, err, errMalformed, name)
		require.False(t, known, name)
	}
}

func TestStatus(t *testing.T) {
	for _, status := range []int{201, 204, 301, 400, 403, 404, 429, 500, 503} {
		c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			if status != http.StatusNoContent {
				fmt.Fprint(w, suffix()+":7\r\n")
			}
		})
		known, err := c.Breached(context.Background(), password)
		require.Error(t, err, status)
		require.False(t, known)
	}
}

func TestHugeAnswers(t *testing.T) {
	var sent atomic.Int64
	c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte(others), 1000)
		for range 10_000 { // some 760 MB
			n, err := w.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	known, err := c.Breached(context.Background(), password)
	require.ErrorContains(t, err, "larger than")
	require.False(t, known)
	require.Less(t, sent.Load(), int64(100<<20), "the rest is not fetched")

	// Exactly as much as is allowed.
	line, _, _ := strings.Cut(others, "\r")
	line += "\r\n"
	body := strings.Repeat(line, maxBody/len(line)-1)
	body += strings.Repeat("\n", maxBody-len(body))
	_, err = answering(t, body).Breached(context.Background(), password)
	require.NoError(t, err)
	_, err = answering(t, body+"\n").Breached(context.Background(), password)
	require.ErrorContains(t, err, "larger than")
}

func TestAnAnswerThatBreaksOffIsAnError(t *testing.T) {
	c := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		fmt.Fprint(w, others)
	})
	_, err := c.Breached(context.Background(), password)
	require.ErrorContains(t, err, "unexpected EOF")
}

func TestTimeouts(t *testing.T) {
	require.Equal(t, 3*time.Second, newHTTP().Timeout)

	release := make(chan struct{})
	slow := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	known, err := slow.Breached(ctx, password)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, known)

	slow.cfg.HTTP.Timeout = 50 * time.Millisecond
	started := time.Now()
	_, err = slow.Breached(context.Background(), password)
	require.Error(t, err)
	require.Less(t, time.Since(started), 3*time.Second)

	gone, cancelGone := context.WithCancel(context.Background())
	cancelGone()
	_, err = slow.Breached(gone, password)
	require.ErrorIs(t, err, context.Canceled)
}

func TestErrorsDoNotTellWhatWasAsked(t *testing.T) {
	for name, c := range map[string]*Client{
		"refused":   unreachable(t),
		"malformed": answering(t, others+suffix()),
		"redirect": serving(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://a.test"+r.URL.Path, http.StatusFound)
		}),
		"status": serving(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.Path, 500) }),
	} {
		_, err := c.Breached(context.Background(), password)
		require.Error(t, err, name)
		require.NotContains(t, strings.ToUpper(err.Error()), hash(password)[:5], name)
		require.NotContains(t, err.Error(), "horse", name)
	}
}

func unreachable(t *testing.T) *Client {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := New(Config{URL: server.URL})
	require.NoError(t, err)
	return c
}

func TestRedirectsStayWithTheHost(t *testing.T) {
	var stolen atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stolen.Store(true)
		fmt.Fprint(w, others)
	}))
	t.Cleanup(elsewhere.Close)
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	})
	_, err := c.Breached(context.Background(), password)
	require.ErrorContains(t, err, "another host")
	require.False(t, stolen.Load())

	c = serving(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v2/") {
			http.Redirect(w, r, "/v2"+r.URL.Path, http.StatusFound)
			return
		}
		fmt.Fprint(w, suffix()+":7\r\n")
	})
	known, err := c.Breached(context.Background(), password)
	require.NoError(t, err)
	require.True(t, known)

	c = serving(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
	_, err = c.Breached(context.Background(), password)
	require.ErrorContains(t, err, "too many redirects")
}

func TestConfig(t *testing.T) {
	for _, u := range []string{
		"http://api.pwnedpasswords.com", "ftp://a.test", "api.pwnedpasswords.com", "https://", "https://a:b@c.test",
		"https://a.test/?q=1", "https://a.test/#f", "http://localhost.a.test", ":",
	} {
		_, err := New(Config{URL: u, MinCount: -1, UserAgent: "a\r\nB: c"})
		for _, field := range []string{"URL", "MinCount", "UserAgent"} {
			require.ErrorContains(t, err, "Config."+field, u)
		}
	}
	for _, u := range []string{"", "https://a.test", "https://a.test/mirror/", "http://127.0.0.1:8080", "http://[::1]", "http://localhost"} {
		_, err := New(Config{URL: u})
		require.NoError(t, err, u)
	}
	c, err := New(Config{URL: "https://a.test/mirror/"})
	require.NoError(t, err)
	require.Equal(t, "https://a.test/mirror/range/", c.ranges)
}

func TestConcurrentUse(t *testing.T) {
	c := answering(t, others+suffix()+":7\r\n")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			known, err := c.Breached(context.Background(), password)
			if err != nil || !known {
				t.Errorf("%v, %v", known, err)
			}
		})
	}
	wg.Wait()
}

func FuzzSeen(f *testing.F) {
	f.Add(others)
	f.Add(suffix() + ":7\r\n")
	f.Add("\r\n:\n::")
	f.Fuzz(func(t *testing.T, body string) {
		count, err := seen(body, suffix())
		if count != 0 && (err != nil || !strings.Contains(strings.ToUpper(body), suffix()+":")) {
			t.Errorf("%d, %v", count, err)
		}
	})
}
