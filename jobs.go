package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Job is periodic work. It is safe to run on any number of nodes at once and to
// kill at any point.
type Job struct {
	Name  string
	Every time.Duration // how often it is due
	Run   func(ctx context.Context) error
}

const (
	jobMail     = "mail.deliver"
	jobImports  = "orgs.work_imports"
	jobExports  = "accounts.work_exports"
	soon        = 5 * time.Second     // of jobs that somebody waits for
	mailKept    = 30 * 24 * time.Hour // blanked letters, for inspection
	overdueAge  = time.Minute
	unsealedAge = 10 * time.Minute
	maxSkew     = 5 * time.Second

	// purgeEvery is for removals: one whose node was killed goes on within 10 minutes.
	purgeEvery = 5 * time.Minute
)

// ErrClock is what a job that removes what has expired returns when Config.Now
// and the clock of the database differ by more than 5 seconds. It has removed
// nothing: a node that is ahead would take away what others are using.
var ErrClock = errors.New("settings: this node's clock differs from the database's by more than 5 s; nothing is removed")

// Jobs lists the periodic work, for the host's own scheduler; or see [Settings.Run].
func (s *Settings) Jobs() []Job {
	return []Job{
		{jobMail, soon, s.deliverMail},
		{jobImports, soon, s.Orgs.WorkImports},
		{jobExports, soon, s.Accounts.WorkExports},
		{"mail.purge", 24 * time.Hour, s.inTime(func(ctx context.Context) error {
			_, err := s.c.Store.Mail().PurgeMail(ctx, s.c.Now().UTC().Add(-mailKept))
			return err
		})},
		{"security.purge", time.Hour, s.inTime(s.Security.Purge)},
		{"audit.seal", time.Minute, s.Audit.Seal},
		{"audit.prune", 6 * time.Hour, s.inTime(s.Audit.Prune)},
		{"orgs.collect_logos", 5 * time.Minute, s.inTime(s.Orgs.CollectLogos)},
		{"orgs.remind_second_factor", 5 * time.Minute, s.Orgs.RemindSecondFactor},
		{"notify.purge", 24 * time.Hour, s.inTime(s.Notify.Purge)},
		{"orgs.purge", time.Hour, s.inTime(s.Orgs.Purge)},
		{"orgs.purge_deleted", purgeEvery, s.inTime(s.flows.PurgeOrgs)},
		{"accounts.purge", purgeEvery, s.inTime(s.flows.PurgeAccounts)},
		{"accounts.purge_links", time.Hour, s.inTime(s.Accounts.PurgeLinks)},
		{"accounts.collect_exports", 5 * time.Minute, s.inTime(s.Accounts.CollectExports)},
		{"accounts.collect_blobs", 5 * time.Minute, s.inTime(s.Accounts.CollectBlobs)},
	}
}

// inTime runs what removes rows for their age only if two clocks agree on it.
func (s *Settings) inTime(run func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if err := s.checkClock(ctx); err != nil {
			return err
		}
		return run(ctx)
	}
}

// checkClock does not count the time that asking takes.
func (s *Settings) checkClock(ctx context.Context) error {
	if s.c.InsecureSkipClockCheck {
		return nil
	}
	before := s.c.Now()
	there, err := s.c.Store.Clock(ctx)
	if err != nil {
		return err
	}
	if ahead, behind := before.Sub(there), there.Sub(s.c.Now()); max(ahead, behind) > maxSkew {
		return fmt.Errorf("%w: this node is at %s, the database at %s", ErrClock,
			before.UTC().Format(time.RFC3339), there.UTC().Format(time.RFC3339))
	}
	return nil
}

// deliverMail delivers until nothing is due.
func (s *Settings) deliverMail(ctx context.Context) error {
	for {
		n, err := s.courier.Deliver(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Run runs the jobs until ctx ends, and then waits for those under way. Mail
// leaves, an imported file is worked off, and an export is made, at once: a commit that left some to
// do wakes the job. A failing job is logged and tried again when it is next due.
// Run returns nil.
func (s *Settings) Run(ctx context.Context) error {
	s.running.Add(1)
	defer s.running.Add(-1)
	var wg sync.WaitGroup
	for _, j := range s.Jobs() {
		wg.Go(func() { s.loop(ctx, j, s.bells[j.Name]) }) // nil: only when it is due
	}
	wg.Wait()
	return nil
}

func (s *Settings) loop(ctx context.Context, j Job, wake <-chan struct{}) {
	tick := time.NewTicker(j.Every)
	defer tick.Stop()
	for {
		s.runJob(ctx, j)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
	}
}

func (s *Settings) runJob(ctx context.Context, j Job) {
	defer func() {
		if v := recover(); v != nil {
			s.c.Log.ErrorContext(ctx, "settings: job panicked", "job", j.Name, "panic", v)
		}
	}()
	if err := j.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.c.Log.ErrorContext(ctx, "settings: job failed", "job", j.Name, "err", err)
	}
}

// wakeCourier is called after a commit that queued mail.
func (s *Settings) wakeCourier() {
	s.ring(jobMail)
	if s.running.Load() == 0 {
		s.warnIfOverdue()
	}
}

// ring has a job run soon, here or in the host's own engine, after a commit that
// left some work for it.
func (s *Settings) ring(job string) {
	select {
	case s.bells[job] <- struct{}{}:
	default: // it rings already
	}
	if s.c.WakeJob != nil {
		s.c.WakeJob(job)
	}
}

// warnIfOverdue looks, at most once a minute, whether mail waits that nobody
// delivers, or entries that nobody seals: a host that runs no jobs would otherwise
// wonder where its mail is, and why the newest of its log cannot be proven.
func (s *Settings) warnIfOverdue() {
	now, last := s.c.Now().Unix(), s.checked.Load()
	if now-last < int64(overdueAge/time.Second) || !s.checked.CompareAndSwap(last, now) || last == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	h := s.Health(ctx)
	if h.MailOverdue {
		s.c.Log.LogAttrs(ctx, slog.LevelWarn, "settings: mail waits and nobody delivers it; run Settings.Run or the Jobs",
			slog.Time("waiting_since", h.MailWaitingSince))
	}
	if h.AuditOverdue {
		s.c.Log.LogAttrs(ctx, slog.LevelWarn, "settings: entries of the audit log wait and nobody seals them; run Settings.Run or the Jobs",
			slog.Time("waiting_since", h.AuditWaitingSince))
	}
}

// Health is what a host's monitoring wants to know.
type Health struct {
	StoreError       error     // the database cannot be asked, or its schema is not this version's
	MailWaitingSince time.Time // of the oldest letter that is due; zero: none
	MailOverdue      bool      // one has been due for over a minute
	Running          bool      // Run is under way in this process

	AuditWaitingSince time.Time // of the oldest entry of a log without a seal; zero: none
	AuditOverdue      bool      // one has waited for over 10 minutes
}

// OK reports whether all is well.
func (h Health) OK() bool { return h.StoreError == nil && !h.MailOverdue && !h.AuditOverdue }

// Health asks the database.
func (s *Settings) Health(ctx context.Context) Health {
	h := Health{Running: s.running.Load() > 0, StoreError: s.c.Store.Ready(ctx)}
	if h.StoreError != nil {
		return h
	}
	now := s.c.Now().UTC()
	h.MailWaitingSince, h.StoreError = s.c.Store.Mail().OldestDueMail(ctx, now)
	h.MailOverdue = !h.MailWaitingSince.IsZero() && now.Sub(h.MailWaitingSince) > overdueAge
	if h.StoreError == nil {
		_, h.AuditWaitingSince, h.StoreError = s.c.Store.Audit().Unsealed(ctx, 1)
	}
	h.AuditOverdue = !h.AuditWaitingSince.IsZero() && now.Sub(h.AuditWaitingSince) > unsealedAge
	return h
}
