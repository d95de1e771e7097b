package memstore

import (
	"context"
	"slices"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// AppendAudit implements [audit.Appender].
func (sc *scope) AppendAudit(ctx context.Context, e audit.Entry) error {
	st, err := sc.view(ctx)
	if err != nil {
		return err
	}
	e.Changes = slices.Clone(e.Changes)
	st.entries = append(st.entries, e)
	return nil
}

type auditLog struct{ s *Store }

// Entries implements [audit.Store]. Identifiers grow with time, so that their
// order is that of the entries.
func (a auditLog) Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]audit.Entry, error) {
	st, err := a.s.view(ctx)
	if err != nil {
		return nil, err
	}
	var all []audit.Entry
	for _, e := range st.entries {
		if e.User == user && !user.IsZero() && (before.IsZero() || slices.Compare(e.ID[:], before[:]) < 0) {
			e.Changes = slices.Clone(e.Changes)
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b audit.Entry) int { return slices.Compare(b.ID[:], a.ID[:]) })
	return all[:min(limit, len(all))], nil
}
