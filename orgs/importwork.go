package orgs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/mail"
)

const (
	importClaim = time.Minute // how long a worker that was killed keeps others away
	importBatch = 50          // rows until the next import has its turn
)

// WorkImports invites what waits in imports, of all organizations in turn, until
// nothing does. It is a job: it may run on any number of nodes at once and be
// killed at any point, because each row is invited and marked in one transaction.
//
// There is no other way in which rows are worked off. Were it also done by whoever
// asks for the progress, a GET would change something, and how quickly people are
// invited would depend on who happens to look. That it begins at once is what
// Config.WakeImports is for.
func (s *Service) WorkImports(ctx context.Context) error {
	var errs []error
	for {
		i, until, err := s.claimImport(ctx)
		switch {
		case errors.Is(err, ErrImportNotFound):
			return errors.Join(errs...)
		case err != nil:
			return errors.Join(append(errs, err)...)
		}
		n, err := s.workImport(ctx, i)
		if err != nil {
			errs = append(errs, fmt.Errorf("orgs: import %s: %w", i.ID, err))
		}
		if err != nil || n == 0 {
			continue // its claim stays: it is not tried again at once
		}
		now := s.now()
		if err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.ReleaseImport(ctx, i.ID, until, now) }); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
}

func (s *Service) claimImport(ctx context.Context) (i Import, until time.Time, err error) {
	now := s.now()
	until = now.Add(importClaim)
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		i, err = tx.ClaimImport(ctx, now, until)
		return err
	})
	return i, until, err
}

// workImport works off some rows and returns how many there were.
func (s *Service) workImport(ctx context.Context, i Import) (int, error) {
	rows, err := s.c.Store.ImportRows(ctx, i.ID, RowWaiting, 0, importBatch)
	if err != nil {
		return 0, err
	}
	for _, r := range rows {
		if err := s.inviteRow(ctx, i, r); err != nil {
			return len(rows), err
		}
	}
	return len(rows), nil
}

// inviteRow invites the address of a row, unless another worker has.
func (s *Service) inviteRow(ctx context.Context, i Import, r ImportRow) error {
	now := s.now()
	addr, err := address.Parse(r.Email)
	if err != nil {
		return s.refuseRow(ctx, i, r, CodeInvalidAddress, now)
	}
	limited, err := s.mailableCode(ctx, addr.Key)
	if err != nil {
		return err
	}
	actor, err := s.importer(ctx, i)
	if err != nil {
		return err
	}
	_, err = s.changeFor(ctx, actor, i.Org.String(), PermInvite, now, func(ctx context.Context, tx Tx, v OrgView) error {
		code, err := s.tryRow(ctx, tx, actor, v, addr, r, limited, now)
		if err != nil {
			return err
		}
		return endRow(ctx, tx, i, r, code, now)
	})
	switch code := fault.Code(err); {
	case errors.Is(err, ErrImportNotFound):
		return nil // another worker was quicker, or it was purged
	case errors.Is(err, ErrOrgNotFound): // deleted, or left by who had handed it in
		return s.refuseRow(ctx, i, r, ErrForbidden.Code(), now)
	case code != "":
		return s.refuseRow(ctx, i, r, code, now)
	}
	return err
}

// tryRow invites an address if whoever has handed the file in still may, or says
// why not. The error is an outage, or the right that is gone.
func (s *Service) tryRow(ctx context.Context, tx Tx, actor audit.Actor, v OrgView, addr address.Address, r ImportRow, limited string, now time.Time) (string, error) {
	if err := s.permitted(ctx, v, actor, PermImport, now); err != nil {
		return "", err
	}
	if !v.Membership.Role.AtLeast(r.Role) {
		return ErrForbidden.Code(), nil
	}
	if limited != "" {
		return limited, nil
	}
	switch err := s.mayInvite(ctx, tx, v, 1, now); {
	case errors.Is(err, ErrRateLimited):
		return CodeDailyLimit, nil
	case err != nil:
		return "", err
	}
	// A thousand letters must not stand in the way of somebody's password reset.
	in, err := s.startInviting(ctx, actor, v, mail.Bulk, now)
	if err != nil {
		return "", err
	}
	_, code, err := s.inviteOne(ctx, tx, in, addr, r.Role, r.Projects)
	return code, err
}

func endRow(ctx context.Context, tx Tx, i Import, r ImportRow, code string, now time.Time) error {
	state := RowInvited
	if code != "" {
		state = RowRefused
	}
	return tx.EndImportRow(ctx, i.ID, r.Line, state, code, now)
}

// refuseRow notes that a row cannot be invited.
func (s *Service) refuseRow(ctx context.Context, i Import, r ImportRow, code string, now time.Time) error {
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.LockOrg(ctx, i.Org); err != nil {
			return err
		}
		return endRow(ctx, tx, i, r, code, now)
	})
	if errors.Is(err, ErrImportNotFound) || errors.Is(err, ErrOrgNotFound) {
		return nil // ended or gone by other hands
	}
	return err
}

// importer returns who has handed a file in, as far as that is known of somebody
// who is not there. What they may do is read when they do it; that they have a
// second factor is their person's and not the session's.
func (s *Service) importer(ctx context.Context, i Import) (audit.Actor, error) {
	a := audit.Actor{
		Kind: audit.KindUser, User: i.StartedBy, Name: i.Name, Session: i.Session,
		IP: i.IP, UserAgent: i.UserAgent, RequestID: i.RequestID,
	}
	p, err := s.c.Store.Person(ctx, i.StartedBy)
	if err != nil && !errors.Is(err, ErrPersonNotFound) {
		return a, err
	}
	a.SecondFactor = p.TwoFactor
	return a, nil
}
