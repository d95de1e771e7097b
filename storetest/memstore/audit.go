package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// entry is one as it is stored, with what it is found by.
type entry struct {
	audit.Stored
	user   id.User
	org    id.Org
	actor  string
	action audit.Action
	target string
}

// AppendAudit implements [audit.Appender].
func (sc *scope) AppendAudit(ctx context.Context, e audit.Entry) error {
	st, err := sc.view(ctx)
	if err != nil {
		return err
	}
	st.entries = append(st.entries, entry{
		Stored: audit.Stored{Line: audit.NewLine(e), At: e.At, ID: e.ID},
		user:   e.User, org: e.Org, actor: e.ActorKey(), action: e.Action, target: e.Target.ID,
	})
	return nil
}

// Entries implements [audit.Reader]. Identifiers grow with time, so that their
// order is that of the entries.
func (r auditReader) Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]audit.Entry, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var all []audit.Entry
	for _, e := range st.entries {
		if e.user == user && !user.IsZero() && (before.IsZero() || compareIDs(e.ID, before) < 0) {
			read, err := e.Line.Entry()
			if err != nil {
				return nil, err
			}
			read.User, read.Org = e.user, e.org
			all = append(all, read)
		}
	}
	slices.SortFunc(all, func(a, b audit.Entry) int { return compareIDs(b.ID, a.ID) })
	return first(all, limit), nil
}

func compareIDs(a, b id.Entry) int { return slices.Compare(a[:], b[:]) }

func comparePositions(a, b audit.Position) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return compareIDs(a.ID, b.ID)
}

func first[E any](all []E, limit int) []E { return all[:min(len(all), max(limit, 0))] }

// chosenBy reports whether f chooses the entry.
func (e entry) chosenBy(f audit.Filter) bool {
	return (f.Actor == "" || e.actor == f.Actor) &&
		(len(f.Actions) == 0 || slices.Contains(f.Actions, e.action)) &&
		(f.Target == "" || e.target == f.Target) &&
		(f.From.IsZero() || !e.At.Before(f.From)) &&
		(f.To.IsZero() || e.At.Before(f.To))
}

// chosen returns a copy of what f chooses of a log, by time.
func (st *state) chosen(org id.Org, f audit.Filter) []audit.Stored {
	var all []audit.Stored
	for _, e := range st.entries {
		if e.org == org && !org.IsZero() && e.chosenBy(f) {
			all = append(all, e.copied())
		}
	}
	slices.SortFunc(all, func(a, b audit.Stored) int { return comparePositions(a.Position(), b.Position()) })
	return all
}

// copied returns the entry with a line that the caller may change.
func (e entry) copied() audit.Stored {
	e.Line = slices.Clone(e.Line)
	return e.Stored
}

func pageOf(all []audit.Stored, limit int) audit.Page {
	p := audit.Page{Items: first(all, limit)}
	if n := len(p.Items); n > 0 && n < len(all) {
		p.Next = p.Items[n-1].Position()
	}
	return p
}

// Log implements [audit.Reader].
func (r auditReader) Log(ctx context.Context, org id.Org, f audit.Filter, before audit.Position, limit int) (audit.Page, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Page{}, err
	}
	all := slices.DeleteFunc(st.chosen(org, f), func(e audit.Stored) bool {
		return !before.IsZero() && comparePositions(e.Position(), before) >= 0
	})
	slices.Reverse(all)
	for i := range all {
		all[i].Sealed, all[i].Seq, all[i].Leaf = false, 0, [32]byte{}
	}
	return pageOf(all, limit), nil
}

// Lines implements [audit.Reader].
func (r auditReader) Lines(ctx context.Context, org id.Org, f audit.Filter, after audit.Position, limit int) (audit.Page, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Page{}, err
	}
	all := slices.DeleteFunc(st.chosen(org, f), func(e audit.Stored) bool {
		return !after.IsZero() && comparePositions(e.Position(), after) <= 0
	})
	return pageOf(all, limit), nil
}

// sealed returns what is sealed of a log, in its order.
func (st *state) sealed(org id.Org) []audit.Stored {
	all := slices.DeleteFunc(st.chosen(org, audit.Filter{}), func(e audit.Stored) bool { return !e.Sealed })
	slices.SortFunc(all, func(a, b audit.Stored) int { return int(a.Seq) - int(b.Seq) }) //nolint:gosec // a few thousand
	return all
}

// Sealed implements [audit.Reader].
func (r auditReader) Sealed(ctx context.Context, org id.Org, from uint64, limit int) ([]audit.Stored, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(st.sealed(org), func(e audit.Stored) bool { return e.Seq < from })
	return first(all, limit), nil
}

// Find implements [audit.Reader].
func (r auditReader) Find(ctx context.Context, org id.Org, e id.Entry) (audit.Stored, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Stored{}, err
	}
	for _, found := range st.chosen(org, audit.Filter{}) {
		if found.ID == e {
			found.Line = nil
			return found, nil
		}
	}
	return audit.Stored{}, audit.ErrNoEntry
}

// LogTree implements [audit.Reader].
func (r auditReader) LogTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Tree{}, err
	}
	return st.tree(org), nil
}

// Checkpoints implements [audit.Reader].
func (r auditReader) Checkpoints(ctx context.Context, org id.Org, below uint64, limit int) ([]audit.Checkpoint, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var all []audit.Checkpoint
	for key, c := range st.checkpoints {
		if key.org == org && (below == 0 || c.Size < below) {
			c.Note = slices.Clone(c.Note)
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b audit.Checkpoint) int { return int(b.Size) - int(a.Size) }) //nolint:gosec // a few thousand
	return first(all, limit), nil
}

// Unsealed implements [audit.Reader].
func (r auditReader) Unsealed(ctx context.Context, limit int) ([]id.Org, time.Time, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var orgs []id.Org
	var oldest time.Time
	for _, e := range st.entries {
		if e.org.IsZero() || e.Sealed {
			continue
		}
		if oldest.IsZero() || e.At.Before(oldest) {
			oldest = e.At
		}
		if !slices.Contains(orgs, e.org) {
			orgs = append(orgs, e.org)
		}
	}
	return first(orgs, limit), oldest, nil
}

// Logs implements [audit.Reader].
func (r auditReader) Logs(ctx context.Context, after id.Org, limit int) ([]id.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var orgs []id.Org
	for org, t := range st.trees {
		if t.Size > 0 && (after.IsZero() || slices.Compare(org[:], after[:]) > 0) {
			orgs = append(orgs, org)
		}
	}
	slices.SortFunc(orgs, func(a, b id.Org) int { return slices.Compare(a[:], b[:]) })
	return first(orgs, limit), nil
}
