package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// SecondFactorChanged records, in the log of each living organization that a
// person is an active member of, that their two-factor was turned on or off at
// now. It is called in the transaction that did so: see
// security.TwoFactorObserver. Nothing else that people do with their own account
// is any organization's business.
func (s *Service) SecondFactorChanged(ctx context.Context, actor audit.Actor, user id.User, on bool, now time.Time) error {
	action := ActionSecondFactorOff
	if on {
		action = ActionSecondFactorOn
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		all, err := tx.OrgsOf(ctx, user)
		if err != nil || len(all) == 0 {
			return err
		}
		p, err := tx.Person(ctx, user)
		if err != nil {
			return err
		}
		for _, v := range all {
			if !v.DeletedAt.IsZero() {
				continue
			}
			if err := tx.AppendAudit(ctx, did(actor, action, userTarget(p), v.Org, now)); err != nil {
				return err
			}
		}
		return nil
	})
}
