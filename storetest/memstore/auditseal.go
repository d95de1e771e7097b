package memstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// checkpoint finds one of a log.
type checkpoint struct {
	org  id.Org
	size uint64
}

// cloneTree returns a tree with memory of its own.
func cloneTree(t audit.Tree) audit.Tree {
	t.Hashes, t.StartHashes, t.Note = slices.Clone(t.Hashes), slices.Clone(t.StartHashes), bytes.Clone(t.Note)
	return t
}

// LogTree implements [audit.Reader].
func (r auditReader) LogTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	st, err := r.view(ctx)
	if err != nil {
		return audit.Tree{}, err
	}
	t, ok := st.trees[org]
	if !ok {
		return audit.Tree{Org: org}, nil
	}
	return cloneTree(t), nil
}

// LockTree implements [audit.Tx]. The transaction is the lock.
func (t auditTx) LockTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	return t.LogTree(ctx, org)
}

// Sealed implements [audit.Reader].
func (r auditReader) Sealed(ctx context.Context, org id.Org, from uint64, limit int) ([]audit.Stored, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []audit.Stored
	for _, e := range first(st.inOrder(bySeq, func(e entry) bool { return e.org == org && e.sealed && e.seq >= from }), limit) {
		list = append(list, e.withSeal())
	}
	return list, nil
}

// Checkpoints implements [audit.Reader].
func (r auditReader) Checkpoints(ctx context.Context, org id.Org, below uint64, limit int) ([]audit.Checkpoint, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []audit.Checkpoint
	for key, c := range st.checkpoints {
		if key.org == org && (below == 0 || c.Size < below) {
			c.Note = bytes.Clone(c.Note)
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b audit.Checkpoint) int {
		if a.Size > b.Size {
			return -1
		}
		return 1
	})
	return list[:min(len(list), max(limit, 0))], nil
}

// Unsealed implements [audit.Reader].
func (r auditReader) Unsealed(ctx context.Context, limit int) ([]id.Org, time.Time, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	var orgs []id.Org
	var oldest time.Time
	for _, e := range st.inOrder(byID, func(e entry) bool { return !e.org.IsZero() && !e.sealed }) {
		if slices.Contains(orgs, e.org) {
			continue
		}
		orgs = append(orgs, e.org)
		if oldest.IsZero() || e.at.Before(oldest) {
			oldest = e.at
		}
	}
	return orgs[:min(len(orgs), max(limit, 0))], oldest, nil
}

// Logs implements [audit.Reader].
func (r auditReader) Logs(ctx context.Context, after id.Org, limit int) ([]id.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var orgs []id.Org
	for org, t := range st.trees {
		if t.Size > 0 && slices.Compare(org[:], after[:]) > 0 {
			orgs = append(orgs, org)
		}
	}
	slices.SortFunc(orgs, func(a, b id.Org) int { return slices.Compare(a[:], b[:]) })
	return orgs[:min(len(orgs), max(limit, 0))], nil
}

// ToSeal implements [audit.Tx].
func (t auditTx) ToSeal(ctx context.Context, org id.Org, limit int) ([]audit.Stored, error) {
	st, err := t.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []audit.Stored
	for _, e := range first(st.inOrder(byID, func(e entry) bool { return e.org == org && !org.IsZero() && !e.sealed }), limit) {
		list = append(list, e.listed())
	}
	return list, nil
}

// Seal implements [audit.Tx].
func (t auditTx) Seal(ctx context.Context, tree audit.Tree, leaves []audit.Leaf) error {
	st, err := t.scope.view(ctx)
	if err != nil {
		return err
	}
	waiting, taken := map[id.Entry]int{}, map[uint64]bool{}
	for i, e := range st.entries {
		switch {
		case e.org != tree.Org:
		case e.sealed:
			taken[e.seq] = true
		default:
			waiting[e.id] = i
		}
	}
	for _, l := range leaves {
		i, ok := waiting[l.Entry]
		if !ok || taken[l.Seq] {
			return fmt.Errorf("memstore: entry %s cannot be sealed at place %d", l.Entry, l.Seq)
		}
		e := &st.entries[i]
		e.sealed, e.seq, e.leaf = true, l.Seq, l.Hash
		taken[l.Seq] = true
		delete(waiting, l.Entry)
	}
	st.trees[tree.Org] = cloneTree(tree)
	st.checkpoints[checkpoint{tree.Org, tree.Size}] = audit.Checkpoint{Size: tree.Size, At: tree.At, Note: bytes.Clone(tree.Note)}
	return nil
}

// Expired implements [audit.Tx].
func (t auditTx) Expired(ctx context.Context, org id.Org, cutoff time.Time, limit int) ([]audit.Stored, error) {
	st, err := t.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []audit.Stored
	for _, e := range first(st.inOrder(bySeq, func(e entry) bool { return e.org == org && e.sealed }), limit) {
		if !e.at.Before(cutoff) {
			break
		}
		s := e.withSeal()
		s.Line = nil
		list = append(list, s)
	}
	return list, nil
}

// Prune implements [audit.Tx].
func (t auditTx) Prune(ctx context.Context, tree audit.Tree) error {
	st, err := t.scope.view(ctx)
	if err != nil {
		return err
	}
	st.entries = slices.DeleteFunc(st.entries, func(e entry) bool {
		return e.org == tree.Org && e.sealed && e.seq < tree.Start
	})
	for key := range st.checkpoints {
		if key.org == tree.Org && key.size < tree.Start {
			delete(st.checkpoints, key)
		}
	}
	st.trees[tree.Org] = cloneTree(tree)
	return nil
}
