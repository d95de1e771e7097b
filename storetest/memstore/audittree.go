package memstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

var errSealed = errors.New("memstore: an entry does not wait for a seal, or its place is taken")

// checkpointKey finds a checkpoint of a log.
type checkpointKey struct {
	org  id.Org
	size uint64
}

// tree returns a copy of the tree of a log.
func (st *state) tree(org id.Org) audit.Tree {
	t := copyTree(st.trees[org])
	t.Org = org
	return t
}

func copyTree(t audit.Tree) audit.Tree {
	t.Hashes, t.StartHashes, t.Note = slices.Clone(t.Hashes), slices.Clone(t.StartHashes), slices.Clone(t.Note)
	return t
}

// LockTree implements [audit.Tx]. The transaction is the lock.
func (tx auditTx) LockTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return audit.Tree{}, err
	}
	return st.tree(org), nil
}

// ToSeal implements [audit.Tx].
func (tx auditTx) ToSeal(ctx context.Context, org id.Org, limit int) ([]audit.Stored, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(st.chosen(org, audit.Filter{}), func(e audit.Stored) bool { return e.Sealed })
	slices.SortFunc(all, func(a, b audit.Stored) int { return compareIDs(a.ID, b.ID) })
	return first(all, limit), nil
}

// Seal implements [audit.Tx].
func (tx auditTx) Seal(ctx context.Context, t audit.Tree, leaves []audit.Leaf) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	waiting := map[id.Entry]int{}
	taken := map[uint64]bool{}
	for i, e := range st.entries {
		switch {
		case e.org != t.Org:
		case e.Sealed:
			taken[e.Seq] = true
		default:
			waiting[e.ID] = i
		}
	}
	for _, l := range leaves {
		i, ok := waiting[l.Entry]
		if !ok || taken[l.Seq] {
			return errSealed
		}
		delete(waiting, l.Entry)
		taken[l.Seq] = true
		st.entries[i].Sealed, st.entries[i].Seq, st.entries[i].Leaf = true, l.Seq, l.Hash
	}
	t = copyTree(t)
	st.trees[t.Org] = t
	st.checkpoints[checkpointKey{t.Org, t.Size}] = audit.Checkpoint{Size: t.Size, At: t.At, Note: t.Note}
	return nil
}

// Expired implements [audit.Tx].
func (tx auditTx) Expired(ctx context.Context, org id.Org, cutoff time.Time, limit int) ([]audit.Stored, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	all := st.sealed(org)
	if i := slices.IndexFunc(all, func(e audit.Stored) bool { return !e.At.Before(cutoff) }); i >= 0 {
		all = all[:i]
	}
	for i := range all {
		all[i].Line = nil
	}
	return first(all, limit), nil
}

// Prune implements [audit.Tx].
func (tx auditTx) Prune(ctx context.Context, t audit.Tree) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	st.entries = slices.DeleteFunc(st.entries, func(e entry) bool { return e.org == t.Org && e.Sealed && e.Seq < t.Start })
	for key := range st.checkpoints {
		if key.org == t.Org && key.size < t.Start {
			delete(st.checkpoints, key)
		}
	}
	st.trees[t.Org] = copyTree(t)
	return nil
}

// ToErase implements [audit.Tx].
func (tx auditTx) ToErase(ctx context.Context, user id.User, targets []string, after id.Entry, limit int) ([]audit.Stored, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	var all []audit.Stored
	for _, e := range st.entries {
		named := e.actor == user.String() || slices.Contains(targets, e.target)
		if named && !e.org.IsZero() && (after.IsZero() || compareIDs(e.ID, after) > 0) {
			s := e.copied()
			s.Sealed, s.Seq, s.Leaf = false, 0, [32]byte{}
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b audit.Stored) int { return compareIDs(a.ID, b.ID) })
	return first(all, limit), nil
}

// Rewrite implements [audit.Tx].
func (tx auditTx) Rewrite(ctx context.Context, e id.Entry, l audit.Line) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(st.entries, func(found entry) bool { return found.ID == e })
	if i < 0 {
		return audit.ErrNoEntry
	}
	st.entries[i].Line = slices.Clone(l)
	return nil
}

// RemoveHistory implements [audit.Tx].
func (tx auditTx) RemoveHistory(ctx context.Context, user id.User, cutoff time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	removed := 0
	st.entries = slices.DeleteFunc(st.entries, func(e entry) bool {
		old := e.user == user && !user.IsZero() && e.org.IsZero() && e.At.Before(cutoff)
		if !old || removed >= limit {
			return false
		}
		removed++
		return true
	})
	return removed, nil
}
