package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// Histories implements [audit.Reader].
func (r auditReader) Histories(ctx context.Context, after id.User, limit int) ([]audit.History, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	oldest := map[id.User]time.Time{}
	for _, e := range st.inOrder(byID, func(e entry) bool { return slices.Compare(e.user[:], after[:]) > 0 }) {
		if known, ok := oldest[e.user]; !ok || known.IsZero() {
			oldest[e.user] = time.Time{}
			if e.org.IsZero() {
				oldest[e.user] = e.at
			}
		}
	}
	var list []audit.History
	for user, at := range oldest {
		list = append(list, audit.History{User: user, Oldest: at})
	}
	slices.SortFunc(list, func(a, b audit.History) int { return slices.Compare(a.User[:], b.User[:]) })
	return list[:min(len(list), max(limit, 0))], nil
}

// ToErase implements [audit.Tx].
func (t auditTx) ToErase(ctx context.Context, p audit.Person, after id.Entry, limit int) ([]audit.Stored, error) {
	st, err := t.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	all := st.inOrder(byID, func(e entry) bool { return slices.Compare(e.id[:], after[:]) > 0 && e.names(p) })
	var list []audit.Stored
	for _, e := range first(all, limit) {
		s := e.listed()
		s.User = e.user
		list = append(list, s)
	}
	return list, nil
}

// names reports whether an entry names a person.
func (e entry) names(p audit.Person) bool {
	if !p.ID.IsZero() && (e.user == p.ID || e.actor == p.ID.String() || e.target == p.ID.String()) {
		return true
	}
	if e.target != "" && slices.Contains(p.Targets, e.target) {
		return true
	}
	read, err := e.line.Entry()
	return err == nil && read.Target.Kind == audit.TargetInvitation && read.Target.Name != "" &&
		slices.ContainsFunc(p.Addresses, func(a string) bool { return strings.EqualFold(a, read.Target.Name) })
}

// Rewrite implements [audit.Tx].
func (t auditTx) Rewrite(ctx context.Context, which id.Entry, l audit.Line) error {
	st, err := t.scope.view(ctx)
	if err != nil {
		return err
	}
	for i := range st.entries {
		if st.entries[i].id == which {
			st.entries[i].line = slices.Clone(l)
			return nil
		}
	}
	return audit.ErrNoEntry
}

// RemoveHistory implements [audit.Tx].
func (t auditTx) RemoveHistory(ctx context.Context, user id.User, cutoff time.Time, limit int) (int, error) {
	st, err := t.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	removed := 0
	st.entries = slices.DeleteFunc(st.entries, func(e entry) bool {
		old := e.user == user && !user.IsZero() && e.org.IsZero() && e.at.Before(cutoff) && removed < limit
		if old {
			removed++
		}
		return old
	})
	return removed, nil
}

// RemoveNobodys implements [audit.Tx].
func (t auditTx) RemoveNobodys(ctx context.Context, cutoff time.Time, limit int) (int, error) {
	st, err := t.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	removed := 0
	st.entries = slices.DeleteFunc(st.entries, func(e entry) bool {
		old := e.user.IsZero() && e.org.IsZero() && e.at.Before(cutoff) && removed < limit
		if old {
			removed++
		}
		return old
	})
	return removed, nil
}
