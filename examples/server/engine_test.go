package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/internal/dbtest"
)

// engines starts one on each kind of database.
func engines(t *testing.T, test func(t *testing.T, c *config)) {
	t.Run("SQLite", func(t *testing.T) { test(t, &config{data: t.TempDir()}) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, &config{db: dbtest.PostgresDSN(t)}) })
}

func startEngine(t *testing.T, c *config, jobs ...settings.Job) *engine {
	t.Helper()
	e, err := newEngine(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, e.start(t.Context(), jobs))
	t.Cleanup(func() {
		require.NoError(t, e.stop(context.Background()))
		require.NoError(t, e.close())
	})
	return e
}

// last is the last run of a job, as the page shows it.
func (e *engine) last(t *testing.T, name string) jobView {
	t.Helper()
	views, err := e.views(t.Context())
	require.NoError(t, err)
	for _, v := range views {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no job %q", name)
	return jobView{}
}

// Every job runs when the server starts, one that fails is tried again when it is
// due, and a panic is its own failure alone.
func TestEngineRunsJobs(t *testing.T) {
	engines(t, func(t *testing.T, c *config) {
		var ran atomic.Int32
		e := startEngine(t, c,
			settings.Job{Name: "a.fine", Every: time.Hour, Run: func(context.Context) error { ran.Add(1); return nil }},
			settings.Job{Name: "a.broken", Every: time.Hour, Run: func(context.Context) error { return errors.New("no luck") }},
			settings.Job{Name: "a.panic", Every: time.Hour, Run: func(context.Context) error { panic("oh") }})
		for name, want := range map[string]string{"a.fine": "completed", "a.broken": "discarded", "a.panic": "discarded"} {
			require.Eventually(t, func() bool { return e.last(t, name).State == want }, 20*time.Second, 20*time.Millisecond, name)
		}
		require.Equal(t, "no luck", e.last(t, "a.broken").Error)
		require.Equal(t, "1h", e.last(t, "a.broken").Every)
		e.runAll()
		require.Eventually(t, func() bool { return ran.Load() == 2 }, 20*time.Second, 20*time.Millisecond)
	})
}

// A job that is woken while it runs runs again after that, a time or two however
// often it was woken, and never twice at once on a node.
func TestEngineWakes(t *testing.T) {
	engines(t, func(t *testing.T, c *config) {
		began, goOn := make(chan struct{}), make(chan struct{})
		var inside, most, runs atomic.Int32
		e := startEngine(t, c, settings.Job{Name: "a.slow", Every: time.Hour, Run: func(ctx context.Context) error {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			runs.Add(1)
			select {
			case began <- struct{}{}:
			case <-ctx.Done():
			}
			select {
			case <-goOn:
			case <-ctx.Done():
			}
			return ctx.Err()
		}})
		<-began
		for range 10 {
			e.wake("a.slow")
		}
		e.wake("nobody knows this one")
		require.Eventually(t, func() bool { return e.jobs["a.slow"].again.Load() }, 20*time.Second, 5*time.Millisecond, "the wish has come")
		goOn <- struct{}{}
		<-began // once more
		close(goOn)
		go func() {
			for range began { //nolint:revive // let whatever else runs go on
			}
		}()
		t.Cleanup(func() { close(began) })
		require.Eventually(t, func() bool { return inside.Load() == 0 && !e.jobs["a.slow"].again.Load() }, 20*time.Second, 5*time.Millisecond)
		require.EqualValues(t, 1, most.Load())
		require.LessOrEqual(t, runs.Load(), int32(3))
	})
}

// Two nodes on one database: a letter is delivered once, whichever node it was
// asked of, and still when the other was killed.
func TestTwoNodes(t *testing.T) {
	dsn, bin, data := dbtest.PostgresDSN(t), serverBinary(t), t.TempDir() // the same keys
	one := startProcess(t, bin, "-db", dsn, "-data", data, "-demo=false")
	two := startProcess(t, bin, "-db", dsn, "-data", data, "-demo=false")
	ask := func(p *process, email string) {
		t.Helper()
		status, body := p.call(t, http.MethodPost, "/api/v1/auth/sign-up", `{"email":"`+email+`"}`)
		require.Equal(t, http.StatusAccepted, status, body)
	}
	delivered := func(email string, nodes ...*process) (n int) {
		t.Helper()
		for _, p := range nodes {
			_, body := p.call(t, http.MethodGet, "/dev/mailbox.json?to="+email, "")
			var list struct{ Items []item }
			require.NoError(t, json.Unmarshal([]byte(body), &list))
			n += len(list.Items)
		}
		return n
	}
	ask(one, "ada@example.com")
	ask(two, "alan@example.com")
	for _, email := range []string{"ada@example.com", "alan@example.com"} {
		require.Eventually(t, func() bool { return delivered(email, one, two) > 0 }, 30*time.Second, 50*time.Millisecond)
		require.Equal(t, 1, delivered(email, one, two))
	}
	require.NoError(t, one.cmd.Process.Kill())
	_ = one.cmd.Wait()
	ask(two, "grace@example.com")
	require.Eventually(t, func() bool { return delivered("grace@example.com", two) > 0 }, 30*time.Second, 50*time.Millisecond)
	require.Equal(t, 1, delivered("grace@example.com", two))
	status, page := two.call(t, http.MethodGet, "/dev/jobs", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "mail.deliver")
}
