package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// entry is an entry of the audit log: its line, and what it is found by.
type entry struct {
	id     id.Entry
	at     time.Time
	user   id.User
	org    id.Org
	actor  string
	action audit.Action
	target string
	line   audit.Line

	sealed bool
	seq    uint64
	leaf   [32]byte
}

// AppendAudit implements [audit.Appender].
func (sc *scope) AppendAudit(ctx context.Context, e audit.Entry) error {
	st, err := sc.view(ctx)
	if err != nil {
		return err
	}
	st.entries = append(st.entries, entry{
		id: e.ID, at: e.At, user: e.User, org: e.Org,
		actor: e.ActorKey(), action: e.Action, target: e.Target.ID, line: audit.NewLine(e),
	})
	return nil
}

// auditReader is spread over the files of its nouns.
type auditReader struct {
	view func(ctx context.Context) (*state, error)
}

type auditStore struct {
	auditReader
	s *Store
}

// auditTx is spread over the files of its nouns.
type auditTx struct {
	auditReader
	*scope
}

// Update implements [audit.Store].
func (a auditStore) Update(ctx context.Context, fn func(ctx context.Context, tx audit.Tx) error) error {
	return a.s.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, auditTx{auditReader{sc.view}, sc})
	})
}

// inOrder returns the entries that are chosen, in an order.
func (st *state) inOrder(compare func(a, b entry) int, choose func(e entry) bool) []entry {
	var all []entry
	for _, e := range st.entries {
		if choose(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// byID is the order of identifiers, which grow with time.
func byID(a, b entry) int { return slices.Compare(a.id[:], b.id[:]) }

// byTime is the order of a log.
func byTime(a, b entry) int {
	if c := a.at.Compare(b.at); c != 0 {
		return c
	}
	return slices.Compare(a.id[:], b.id[:])
}

func bySeq(a, b entry) int {
	if a.seq < b.seq {
		return -1
	}
	return 1
}

// first returns no more than limit entries.
func first(all []entry, limit int) []entry { return all[:min(len(all), max(limit, 0))] }

// Entries implements [audit.Reader].
func (r auditReader) Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]audit.Entry, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	all := st.inOrder(byID, func(e entry) bool {
		return e.user == user && !user.IsZero() && (before.IsZero() || slices.Compare(e.id[:], before[:]) < 0)
	})
	slices.Reverse(all)
	var entries []audit.Entry
	for _, e := range first(all, limit) {
		read, err := e.line.Entry()
		if err != nil {
			return nil, err
		}
		read.User, read.Org = e.user, e.org
		entries = append(entries, read)
	}
	return entries, nil
}

// listed returns an entry without its place in the log.
func (e entry) listed() audit.Stored {
	return audit.Stored{Line: slices.Clone(e.line), At: e.at, ID: e.id}
}

// withSeal returns an entry with its place in the log.
func (e entry) withSeal() audit.Stored {
	s := e.listed()
	s.Sealed, s.Seq, s.Leaf = e.sealed, e.seq, e.leaf
	return s
}

// Log implements [audit.Reader].
func (r auditReader) Log(ctx context.Context, org id.Org, f audit.Filter, before audit.Position, limit int) (audit.Page, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Page{}, err
	}
	all := st.inOrder(byTime, func(e entry) bool {
		return chosen(e, org, f) && (before.IsZero() || byTime(e, entry{at: before.At, id: before.ID}) < 0)
	})
	slices.Reverse(all)
	return page(all, limit, entry.listed), nil
}

// Lines implements [audit.Reader].
func (r auditReader) Lines(ctx context.Context, org id.Org, f audit.Filter, after audit.Position, limit int) (audit.Page, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Page{}, err
	}
	all := st.inOrder(byTime, func(e entry) bool {
		return chosen(e, org, f) && (after.IsZero() || byTime(e, entry{at: after.At, id: after.ID}) > 0)
	})
	return page(all, limit, entry.withSeal), nil
}

// chosen reports whether an entry is in a log and f chooses it.
func chosen(e entry, org id.Org, f audit.Filter) bool {
	return e.org == org && !org.IsZero() &&
		(f.Actor == "" || e.actor == f.Actor) &&
		(len(f.Actions) == 0 || slices.Contains(f.Actions, e.action)) &&
		(f.Target == "" || e.target == f.Target) &&
		!e.at.Before(f.From) &&
		(f.To.IsZero() || e.at.Before(f.To))
}

// page cuts a page off what there is.
func page(all []entry, limit int, as func(e entry) audit.Stored) audit.Page {
	var p audit.Page
	for _, e := range first(all, limit) {
		p.Items = append(p.Items, as(e))
	}
	if n := len(p.Items); n > 0 && n < len(all) {
		p.Next = p.Items[n-1].Position()
	}
	return p
}

// Find implements [audit.Reader].
func (r auditReader) Find(ctx context.Context, org id.Org, which id.Entry) (audit.Stored, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Stored{}, err
	}
	for _, e := range st.entries {
		if e.id == which && e.org == org && !org.IsZero() {
			found := e.withSeal()
			found.Line = nil
			return found, nil
		}
	}
	return audit.Stored{}, audit.ErrNoEntry
}
