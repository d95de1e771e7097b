package orgs

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Feature is what a plan includes or does not.
type Feature string

// The features. BulkInvitations is about inviting by a file alone, which is
// [Service.StartImport]: several addresses in one request, up to [MaxInvited],
// are allowed on every plan.
const (
	AuditLog             Feature = "audit_log"
	BulkInvitations      Feature = "bulk_invitations"
	SSO                  Feature = "sso"
	RequiredSecondFactor Feature = "required_second_factor"
	DomainAutoJoin       Feature = "domain_auto_join"
)

// Entitlements tells what an organization's plan includes. Its methods are called
// inside transactions and must do nothing beside reading the same database.
// Implementations are safe for concurrent use.
type Entitlements interface {
	// Require returns nil if the plan includes the feature, else a [*PlanError].
	Require(ctx context.Context, org id.Org, feature Feature) error

	// Seats returns how many members and pending invitations there may be; a
	// negative number means any number.
	Seats(ctx context.Context, org id.Org) (int, error)

	// DailyInvitations returns how many links to join may be made in 24 hours.
	DailyInvitations(ctx context.Context, org id.Org) (int, error)

	// AuditRetention returns for how long entries of the audit log are kept;
	// negative: for ever.
	AuditRetention(ctx context.Context, org id.Org) (time.Duration, error)

	// PlanOf returns the name of the plan, "" if there are none.
	PlanOf(ctx context.Context, org id.Org) (string, error)
}

// Plan is a fixed set of entitlements.
type Plan struct {
	Name             string
	Seats            int // negative: any number
	DailyInvitations int
	AuditRetention   time.Duration // negative: for ever
	Features         []Feature
}

// Plans are the plans of the reference catalogue, the smallest first.
func Plans() []Plan {
	pro := []Feature{AuditLog, BulkInvitations}
	business := append(slices.Clone(pro), SSO, RequiredSecondFactor, DomainAutoJoin)
	return []Plan{
		{Name: "free", Seats: 1, DailyInvitations: 20, AuditRetention: 30 * day},
		{Name: "starter", Seats: 1, DailyInvitations: 500, AuditRetention: 30 * day},
		{Name: "pro", Seats: 5, DailyInvitations: 500, AuditRetention: 180 * day, Features: pro},
		{Name: "business", Seats: 15, DailyInvitations: 500, AuditRetention: 400 * day, Features: business},
		{Name: "enterprise", Seats: -1, DailyInvitations: 500, AuditRetention: -1, Features: business},
	}
}

// FixedPlan gives every organization the same plan: for hosts that sell none,
// for tests, and until billing decides. ok is false for a name that is not in
// the catalogue.
func FixedPlan(name string) (e Entitlements, ok bool) {
	for _, p := range Plans() {
		if p.Name == name {
			return fixed{p}, true
		}
	}
	return nil, false
}

type fixed struct{ plan Plan }

func (f fixed) Require(_ context.Context, _ id.Org, feature Feature) error {
	if slices.Contains(f.plan.Features, feature) {
		return nil
	}
	e := &PlanError{Feature: feature}
	for _, p := range Plans() {
		if slices.Contains(p.Features, feature) {
			e.Plan = p.Name
			break
		}
	}
	return e
}

func (f fixed) Seats(context.Context, id.Org) (int, error) { return f.plan.Seats, nil }

func (f fixed) DailyInvitations(context.Context, id.Org) (int, error) {
	return f.plan.DailyInvitations, nil
}

func (f fixed) AuditRetention(context.Context, id.Org) (time.Duration, error) {
	return f.plan.AuditRetention, nil
}

func (f fixed) PlanOf(context.Context, id.Org) (string, error) { return f.plan.Name, nil }

// everything is what a host without plans gives.
type everything struct{}

func (everything) Require(context.Context, id.Org, Feature) error        { return nil }
func (everything) Seats(context.Context, id.Org) (int, error)            { return -1, nil }
func (everything) DailyInvitations(context.Context, id.Org) (int, error) { return 500, nil }
func (everything) AuditRetention(context.Context, id.Org) (time.Duration, error) {
	return -1, nil
}
func (everything) PlanOf(context.Context, id.Org) (string, error) { return "", nil }
