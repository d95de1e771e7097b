package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
)

// maxGrace is how far away the date may be from which on two factors are asked.
const maxGrace = 90 * day

// SecurityPolicy is what an organization asks of its members.
type SecurityPolicy struct {
	RequireSecondFactor bool
	GraceUntil          time.Time // zero with false
}

// Affected are members who have no second factor.
type Affected struct {
	Members []MemberView // the first 50
	Count   int
}

// SecurityPolicy returns what an organization asks of its members, and whom that
// affects, or would.
func (s *Service) SecurityPolicy(ctx context.Context, actor audit.Actor, ref string) (SecurityPolicy, Affected, error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermPolicyView, s.now())
	if err != nil {
		return SecurityPolicy{}, Affected{}, err
	}
	var a Affected
	a.Members, a.Count, err = s.c.Store.WithoutSecondFactor(ctx, v.ID, 50)
	return SecurityPolicy{v.RequireSecondFactor, v.GraceUntil}, a, err
}

// SetSecurityPolicy asks members for two factors from GraceUntil on, which is now
// to 90 days away, or stops asking. Members without a second factor are mailed, 100
// of them at once and the others by [Service.RemindSecondFactor], which reminds
// them later; from that time on they reach nothing of the organization before they have one.
// Who asks must have one already.
func (s *Service) SetSecurityPolicy(ctx context.Context, actor audit.Actor, ref string, in SecurityPolicy) (SecurityPolicy, error) {
	now := s.now()
	err := s.change(ctx, actor, ref, attempt{perm: PermPolicyChange, action: ActionPolicyChanged}, now, func(ctx context.Context, tx Tx, v OrgView) error {
		if in.RequireSecondFactor {
			if in.GraceUntil.IsZero() {
				in.GraceUntil = now
			}
			in.GraceUntil = in.GraceUntil.UTC().Truncate(time.Microsecond)
			if in.GraceUntil.Before(now.Add(-time.Hour)) || in.GraceUntil.After(now.Add(maxGrace)) {
				return fault.Fields{{Name: "grace_until", Code: "invalid", Message: "must be within the next 90 days"}}
			}
			if !actor.SecondFactor && !actor.HasPasskey {
				return fault.Fields{{Name: "require_second_factor", Code: "second_factor_missing", Message: "needs a second factor of your own first"}}
			}
		} else {
			in.GraceUntil = time.Time{}
		}
		if in.RequireSecondFactor == v.RequireSecondFactor && in.GraceUntil.Equal(v.GraceUntil) {
			return nil
		}
		changes := []audit.Change{{Field: "require_second_factor", Before: yesNo(v.RequireSecondFactor), After: yesNo(in.RequireSecondFactor)}}
		if in.RequireSecondFactor {
			changes = append(changes, audit.Change{Field: "grace_until", Before: instant(v.GraceUntil), After: instant(in.GraceUntil)})
		}
		v.RequireSecondFactor, v.GraceUntil, v.UpdatedAt = in.RequireSecondFactor, in.GraceUntil, now
		if err := tx.UpdateOrg(ctx, v.Org); err != nil {
			return err
		}
		if in.RequireSecondFactor {
			if err := s.remind(ctx, tx, v.Org, now); err != nil {
				return err
			}
		}
		return tx.AppendAudit(ctx, did(actor, ActionPolicyChanged, v.target(), v.Org, now, changes...))
	})
	return in, err
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
