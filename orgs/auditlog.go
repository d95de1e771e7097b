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
