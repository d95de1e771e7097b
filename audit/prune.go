package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

const (
	pruneBatch  = 1000 // entries in one transaction
	peopleBatch = 1000
)

// Prune removes the entries that are older than their organization keeps them, and
// those of people's own histories that are older than these are kept. What the
// trees need of a log stays, so that the rest of it can still be verified. It is
// safe to run on many nodes at once and to kill at any point.
func (s *Service) Prune(ctx context.Context) error {
	now := s.now()
	if err := s.pruneLogs(ctx, now); err != nil {
		return err
	}
	return s.pruneHistories(ctx, now)
}

func (s *Service) pruneLogs(ctx context.Context, now time.Time) error {
	for after := (id.Org{}); ; {
		orgs, err := s.c.Store.Logs(ctx, after, orgBatch)
		if err != nil || len(orgs) == 0 {
			return err
		}
		for _, org := range orgs {
			kept, err := s.c.Gate.KeepsLog(ctx, org)
			if err != nil {
				return fmt.Errorf("audit: how long the log of %s is kept: %w", org, err)
			}
			if kept >= 0 {
				if err := s.pruneLog(ctx, org, now.Add(-kept)); err != nil {
					return fmt.Errorf("audit: prune the log of %s: %w", org, err)
				}
			}
		}
		after = orgs[len(orgs)-1]
	}
}

func (s *Service) pruneLog(ctx context.Context, org id.Org, cutoff time.Time) error {
	for {
		n := 0
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
			t, err := tx.LockTree(ctx, org)
			if err != nil {
				return err
			}
			expired, err := tx.Expired(ctx, org, cutoff, pruneBatch)
			if n = len(expired); err != nil || n == 0 {
				return err
			}
			r, err := rangeOf(t.Start, t.StartHashes)
			if err != nil {
				return err
			}
			for _, e := range expired {
				if e.Seq != r.End() {
					return fmt.Errorf("place %d follows %d", e.Seq, r.End())
				}
				if err := r.Append(e.Leaf[:], nil); err != nil {
					return err
				}
			}
			t.Start, t.StartHashes = r.End(), hashesOf(r)
			return tx.Prune(ctx, t)
		})
		if err != nil || n < pruneBatch {
			return err
		}
	}
}

// pruneHistories asks for how long somebody's history is kept if there is something
// in it that is older than the time for which nobody's is.
func (s *Service) pruneHistories(ctx context.Context, now time.Time) error {
	least, err := s.c.Gate.KeepsHistory(ctx, id.User{})
	if err != nil {
		return fmt.Errorf("audit: how long histories are kept: %w", err)
	}
	if least < 0 {
		return nil
	}
	err = s.remove(ctx, func(ctx context.Context, tx Tx) (int, error) {
		return tx.RemoveNobodys(ctx, now.Add(-least), pruneBatch)
	})
	if err != nil {
		return fmt.Errorf("audit: prune what is in no history: %w", err)
	}
	for after := (id.User{}); ; {
		people, err := s.c.Store.Histories(ctx, after, peopleBatch)
		if err != nil || len(people) == 0 {
			return err
		}
		for _, h := range people {
			if h.Oldest.IsZero() || !h.Oldest.Before(now.Add(-least)) {
				continue
			}
			if err := s.pruneHistory(ctx, h, now); err != nil {
				return fmt.Errorf("audit: prune the history of %s: %w", h.User, err)
			}
		}
		after = people[len(people)-1].User
	}
}

func (s *Service) pruneHistory(ctx context.Context, h History, now time.Time) error {
	kept, err := s.c.Gate.KeepsHistory(ctx, h.User)
	if err != nil || kept < 0 || !h.Oldest.Before(now.Add(-kept)) {
		return err
	}
	return s.remove(ctx, func(ctx context.Context, tx Tx) (int, error) {
		return tx.RemoveHistory(ctx, h.User, now.Add(-kept), pruneBatch)
	})
}

// remove calls batch, each time in a transaction, until it removes no whole one.
func (s *Service) remove(ctx context.Context, batch func(ctx context.Context, tx Tx) (int, error)) error {
	for {
		n := 0
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = batch(ctx, tx)
			return err
		})
		if err != nil || n < pruneBatch {
			return err
		}
	}
}
