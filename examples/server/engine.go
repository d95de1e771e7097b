package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	settings "github.com/aegisrunner/account-settings"
)

// engine runs the product's periodic jobs in River. On PostgreSQL any number of
// nodes share the work, and one of them decides what is due. Beside SQLite it has
// a file of its own, so that what it notes never waits for the product's writer.
type engine struct {
	db     *sql.DB
	driver riverdriver.Driver[*sql.Tx]
	log    *slog.Logger

	jobs   map[string]*job
	list   []settings.Job
	client *river.Client[*sql.Tx]

	woken   chan string
	started atomic.Bool
	end     context.CancelFunc // of enqueue
}

// job is one as this node runs it: once at a time.
type job struct {
	settings.Job
	busy  atomic.Bool
	again atomic.Bool // asked for since the run under way began
	rung  atomic.Bool // somebody waits for it, and it is not enqueued yet
}

// shift is a run of a job, as River keeps it.
type shift struct {
	Job string `json:"job"`
}

// Kind implements river.JobArgs.
func (shift) Kind() string { return "settings" }

const (
	// soonest is the longest period of a job that somebody waits for. Such jobs
	// have workers of their own.
	soonest   = 10 * time.Second
	queueSoon = "soon"

	// shiftsKept is for how long River remembers what ran well.
	shiftsKept = time.Hour

	// longest is how long a run may take before its context ends. What is left to
	// do is done by the next one.
	longest = 10 * time.Minute
)

// newEngine opens River's database, and brings its tables up to date.
func newEngine(ctx context.Context, c *config, log *slog.Logger) (*engine, error) {
	e := &engine{log: log, jobs: map[string]*job{}, woken: make(chan string, 64)}
	var err error
	if c.db != "" {
		if e.db, err = sql.Open("pgx", c.db); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		e.db.SetMaxOpenConns(5)
		e.driver = riverdatabasesql.New(e.db)
	} else {
		// Nothing is lost with what this file holds, so that it need not reach the
		// disk at once.
		if e.db, err = sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(c.data, "jobs.db"))+
			"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		e.db.SetMaxOpenConns(1)
		e.driver = riversqlite.New(e.db)
	}
	if err := e.migrate(ctx, c.db != ""); err != nil {
		return nil, errors.Join(fmt.Errorf("jobs: %w", err), e.db.Close())
	}
	return e, nil
}

// migrationLock keeps nodes that start at once from making the same tables.
const migrationLock = 7239112840

func (e *engine) migrate(ctx context.Context, shared bool) error {
	if shared {
		conn, err := e.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
			return err
		}
		defer func() {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
		}()
	}
	m, err := rivermigrate.New(e.driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// start begins to run jobs. What stops them is stop, not the end of ctx.
func (e *engine) start(ctx context.Context, jobs []settings.Job) error {
	e.list = jobs
	var periodic []*river.PeriodicJob
	for _, j := range jobs {
		e.jobs[j.Name] = &job{Job: j}
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(j.Every),
			func() (river.JobArgs, *river.InsertOpts) { return shift{j.Name}, e.options(j) },
			&river.PeriodicJobOpts{RunOnStart: true}))
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(e.work))
	var err error
	e.client, err = river.NewClient(e.driver, &river.Config{
		Queues:       map[string]river.QueueConfig{queueSoon: {MaxWorkers: 4, FetchCooldown: 10 * time.Millisecond}, river.QueueDefault: {MaxWorkers: 2}},
		Workers:      workers,
		PeriodicJobs: periodic,
		PollOnly:     true,
		JobTimeout:   longest, RescueStuckJobsAfter: 2 * longest,
		CompletedJobRetentionPeriod: shiftsKept, DiscardedJobRetentionPeriod: 24 * shiftsKept,
		Logger: slog.New(fromWarn{e.log.Handler()}), // what ran is told by work
	})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	if err := e.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	enqueuing, end := context.WithCancel(context.WithoutCancel(ctx))
	e.end = end
	go e.enqueue(enqueuing)
	e.started.Store(true)
	return nil
}

// stop waits for runs under way, and ends them when ctx does.
func (e *engine) stop(ctx context.Context) error {
	e.end()
	if err := e.client.Stop(ctx); err != nil {
		return e.client.StopAndCancel(context.WithoutCancel(ctx))
	}
	return nil
}

func (e *engine) close() error { return e.db.Close() }

// wake has a job run soon. It is a settings.Config.WakeJob. What comes before the
// engine has started is found by the first run.
func (e *engine) wake(name string) {
	if !e.started.Load() {
		return
	}
	if j := e.jobs[name]; j != nil && j.rung.CompareAndSwap(false, true) {
		select {
		case e.woken <- name:
		default: // there are more of them than jobs
			j.rung.Store(false)
		}
	}
}

// enqueue hands to River what was woken, so that nobody who commits waits for it.
func (e *engine) enqueue(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-e.woken:
			j := e.jobs[name]
			j.rung.Store(false) // what is left from now on rings anew
			if _, err := e.client.Insert(ctx, shift{name}, e.options(j.Job)); err != nil && ctx.Err() == nil {
				e.log.WarnContext(ctx, "job not enqueued; it runs when it is due", "job", name, "err", err)
			}
		}
	}
}

// work runs a job. While it runs here already, it is noted that it is to run once
// more: however often it was asked for, one run after that finds everything.
func (e *engine) work(ctx context.Context, r *river.Job[shift]) (err error) {
	j := e.jobs[r.Args.Job]
	if j == nil {
		return river.JobCancel(fmt.Errorf("this version has no job %q", r.Args.Job))
	}
	j.again.Store(true)
	for j.again.Load() && j.busy.CompareAndSwap(false, true) {
		j.again.Store(false)
		err = e.run(ctx, j.Job)
		j.busy.Store(false)
	}
	return err
}

// run runs a job and says in the log that it did.
func (e *engine) run(ctx context.Context, j settings.Job) error {
	start := time.Now()
	err := j.Run(ctx)
	switch {
	case err == nil && j.Every <= soonest: // a line every few seconds would hide the others
		e.log.DebugContext(ctx, "job ran", "job", j.Name, "took", time.Since(start))
	case err == nil:
		e.log.InfoContext(ctx, "job ran", "job", j.Name, "took", time.Since(start))
	case ctx.Err() == nil:
		e.log.ErrorContext(ctx, "job failed", "job", j.Name, "took", time.Since(start), "err", err)
	}
	return err
}

// runAll has every job run soon.
func (e *engine) runAll() {
	for name := range e.jobs {
		e.wake(name)
	}
}

// fromWarn leaves out what is below a warning.
type fromWarn struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h fromWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (h fromWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return fromWarn{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h fromWarn) WithGroup(name string) slog.Handler { return fromWarn{h.Handler.WithGroup(name)} }

// options of a run: it is not tried again by itself, since the next is due anyway.
func (e *engine) options(j settings.Job) *river.InsertOpts {
	o := &river.InsertOpts{MaxAttempts: 1, Queue: river.QueueDefault, Tags: []string{tag(j.Name)}}
	if j.Every <= soonest {
		o.Queue = queueSoon
	}
	return o
}

// tag is the name of a job as River takes it.
func tag(name string) string { return strings.ReplaceAll(name, ".", "-") }
