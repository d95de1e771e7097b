package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

var _ audit.Gate = (*Service)(nil)

// AdmitToLog implements [audit.Gate]: Owner and Admin, where the plan includes the
// audit log.
func (s *Service) AdmitToLog(ctx context.Context, actor audit.Actor, ref string) (org id.Org, name string, err error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermAuditView, s.now())
	return v.ID, v.Name, err
}

// KeepsLog implements [audit.Gate], by the plan.
func (s *Service) KeepsLog(ctx context.Context, org id.Org) (time.Duration, error) {
	return s.c.Entitlements.AuditRetention(ctx, org)
}

// historyKept is for how long everybody's own history is kept, on any plan.
const historyKept = 30 * day

// KeepsHistory implements [audit.Gate]: as long as that of the person's
// organizations which keeps its log for the longest, and 30 days at least.
func (s *Service) KeepsHistory(ctx context.Context, user id.User) (time.Duration, error) {
	kept := historyKept
	if user.IsZero() {
		return kept, nil
	}
	list, err := s.c.Store.OrgsOf(ctx, user)
	if err != nil {
		return 0, err
	}
	for _, v := range list {
		longest, err := s.c.Entitlements.AuditRetention(ctx, v.ID)
		if err != nil || longest < 0 {
			return longest, err
		}
		kept = max(kept, longest)
	}
	return kept, nil
}
