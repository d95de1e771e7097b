package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// LimitCrossed is what billing has seen of an organization's usage.
type LimitCrossed struct {
	Org     id.Org
	Metric  string // a name that stays the same: a–z, 0–9 and '_', at most 64 bytes
	Label   string // what the metric is called in the mail; "": Metric
	Percent int    // 80 or 100
	Used    int64
	Limit   int64
	Cycle   string // which cycle of billing, "2026-11"; 1–64 bytes
}

// PlanLimitCrossed warns the Owner, once for each organization, metric, percentage
// and cycle: further calls do nothing, whichever node makes them. An Owner who has
// switched these mails off gets none about an organization that is on a paid plan,
// also not later in the cycle. Only the product itself and the host's staff may call
// it. ErrOrgNotFound; a fault.Fields for a value that is none.
func (s *Service) PlanLimitCrossed(ctx context.Context, actor audit.Actor, l LimitCrossed) error {
	if err := staffOnly(actor); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	n := Notice{Org: l.Org, Kind: fmt.Sprintf("limit_%d", l.Percent), Name: l.Metric, Cycle: l.Cycle}
	return s.notice(ctx, n, func(ctx context.Context, tx Tx, o Organization, u Person, now time.Time) error {
		letter := PlanLimitLetter{Org: o.Name, Slug: o.Slug, Metric: l.Label, Percent: l.Percent, Used: l.Used, Limit: l.Limit}
		if letter.Metric == "" {
			letter.Metric = l.Metric
		}
		if o.Paid {
			choices, err := tx.Choices(ctx, u.ID)
			if err != nil || !s.preferences(choices, true).Of(PlanLimitWarnings).Enabled {
				return err
			}
			letter.Unsubscribe = s.token(u.ID, u.EmailKey, PlanLimitWarnings)
		}
		return s.post(ctx, tx, u.recipient(), mail.Normal, letter, now)
	})
}

func (l LimitCrossed) check() error {
	var f fault.Fields
	if !plainName(l.Metric) {
		f.Add("metric", "invalid", "must be 1 to 64 of a–z, 0–9 and _")
	}
	if l.Percent != 80 && l.Percent != 100 {
		f.Add("percent", "invalid", "must be 80 or 100")
	}
	if l.Cycle == "" || len(l.Cycle) > 64 {
		f.Add("cycle", "invalid", "must have 1 to 64 bytes")
	}
	return f.Err()
}

func plainName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// PaymentFailed is what billing was told by its provider.
type PaymentFailed struct {
	Org     id.Org
	Invoice string    // its number; 1–64 bytes
	Amount  string    // as it is to be read, "€ 49.00"
	RetryAt time.Time // when it is tried again; zero: it is not
}

// BillingFailed tells the Owner, once for each organization and invoice. Nobody can
// switch that off. Who may call it, and errors, as for PlanLimitCrossed.
func (s *Service) BillingFailed(ctx context.Context, actor audit.Actor, p PaymentFailed) error {
	if err := staffOnly(actor); err != nil {
		return err
	}
	if p.Invoice == "" || len(p.Invoice) > 64 {
		return fault.Fields{{Name: "invoice", Code: "invalid", Message: "must have 1 to 64 bytes"}}
	}
	n := Notice{Org: p.Org, Kind: "billing_failed", Cycle: p.Invoice}
	return s.notice(ctx, n, func(ctx context.Context, tx Tx, o Organization, u Person, now time.Time) error {
		return s.post(ctx, tx, u.recipient(), mail.Normal, BillingFailedLetter{
			Org: o.Name, Slug: o.Slug, Invoice: p.Invoice, Amount: p.Amount, At: now, RetryAt: p.RetryAt,
		}, now)
	})
}

// notice has send write to the Owner of an organization, unless that was done
// before: what is noted of it and the letter are one transaction.
func (s *Service) notice(ctx context.Context, n Notice, send func(ctx context.Context, tx Tx, o Organization, u Person, now time.Time) error) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o, err := s.c.Directory.Organization(ctx, n.Org)
		if err != nil {
			return err
		}
		first, err := tx.NoteOnce(ctx, n, now)
		if err != nil || !first {
			return err
		}
		u, err := tx.Person(ctx, o.Owner)
		if errors.Is(err, ErrPersonNotFound) {
			return nil // on their way out
		}
		if err != nil {
			return err
		}
		return send(ctx, tx, o, u, now)
	})
}

// staffOnly refuses whoever is neither the product itself nor the host's staff.
func staffOnly(a audit.Actor) error {
	if a.Kind != audit.KindSystem && a.Kind != audit.KindSupport {
		return ErrStaffOnly
	}
	return nil
}

// noticesKept is for how long it is remembered that a letter was sent: longer than
// any cycle of billing.
const noticesKept = 400 * 24 * time.Hour

const batch = 500

// Purge forgets notices of more than 400 days ago. It is a job: safe to run on any
// number of nodes, and to kill at any point.
func (s *Service) Purge(ctx context.Context) error {
	before := s.now().Add(-noticesKept)
	for {
		n := 0
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = tx.PurgeNotices(ctx, before, batch)
			return err
		})
		if err != nil || n < batch {
			return err
		}
	}
}
