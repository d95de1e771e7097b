package bunstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

var (
	errNotLocked = errors.New("bunstore: the tree of a log has changed since it was read, or was never locked")
	errNotSealed = errors.New("bunstore: an entry that was to be sealed does not wait for it")
)

// hashes are those of subtrees in a column, one after the other.
type hashes [][32]byte

func (h hashes) joined() []byte {
	b := make([]byte, 0, 32*len(h))
	for i := range h {
		b = append(b, h[i][:]...)
	}
	return b
}

// AppendQuery implements schema.QueryAppender.
func (h hashes) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	return gen.Dialect().AppendBytes(b, h.joined()), nil
}

// Value implements driver.Valuer.
func (h hashes) Value() (driver.Value, error) { return h.joined(), nil }

// Scan implements sql.Scanner.
func (h *hashes) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b)%32 != 0 {
		return fmt.Errorf("bunstore: cannot scan %T into hashes", src)
	}
	*h = nil
	for part := range slices.Chunk(b, 32) {
		*h = append(*h, [32]byte(part))
	}
	return nil
}

// LockTree implements audit.Tx.
func (t auditTx) LockTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	_, err := t.tx.NewRaw(`
		INSERT INTO settings_audit_trees (org_id, size, hashes, start, start_hashes) VALUES (?, 0, ?, 0, ?)
		ON CONFLICT DO NOTHING`, org, hashes{}, hashes{}).Exec(ctx)
	if err != nil {
		return audit.Tree{}, err
	}
	row := treeRow{Org: org}
	q := t.tx.NewSelect().Model(&row).WherePK()
	if t.db.dialect == Postgres {
		q = q.For("NO KEY UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return audit.Tree{}, err
	}
	return row.tree(), nil
}

// ToSeal implements audit.Tx.
func (t auditTx) ToSeal(ctx context.Context, org id.Org, limit int) ([]audit.Stored, error) {
	return t.stored(ctx, withLine, `
		SELECT e.id, e.at, e.line FROM (
			SELECT entry_id FROM settings_audit_unsealed WHERE org_id = ? ORDER BY entry_id LIMIT ?) AS w
		JOIN settings_audit_entries AS e ON e.id = w.entry_id ORDER BY e.id`, org, max(limit, 0))
}

type leafRow struct {
	bun.BaseModel `bun:"table:settings_audit_leaves,alias:l"`

	Org   id.Org   `bun:"org_id"`
	Seq   int64    `bun:"seq"`
	Entry id.Entry `bun:"entry_id"`
	Hash  []byte   `bun:"hash"`
}

// Seal implements audit.Tx. A log is sealed as a whole or not at all: nothing can
// be committed after a failure.
func (t auditTx) Seal(ctx context.Context, tree audit.Tree, leaves []audit.Leaf) error {
	return t.wholly(t.seal(ctx, tree, leaves))
}

// wholly makes the transaction fail with err.
func (t auditTx) wholly(err error) error {
	if err != nil {
		t.tx.t.breakWith(err)
	}
	return err
}

func (t auditTx) seal(ctx context.Context, tree audit.Tree, leaves []audit.Leaf) error {
	before := tree.Size - uint64(len(leaves))
	if err := t.putTree(ctx, tree, before); err != nil {
		return err
	}
	_, err := t.tx.NewRaw(`INSERT INTO settings_audit_checkpoints (org_id, size, at, note) VALUES (?, ?, ?, ?)`,
		tree.Org, tree.Size, at(tree.At), tree.Note).Exec(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(leaves, insertedAtOnce) {
		rows, entries := make([]leafRow, len(chunk)), make([]id.Entry, len(chunk))
		for i := range chunk {
			l := &chunk[i]
			rows[i] = leafRow{Org: tree.Org, Seq: int64(l.Seq), Entry: l.Entry, Hash: l.Hash[:]} //nolint:gosec // checked to be positive
			entries[i] = l.Entry
		}
		if _, err := t.tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
		n, err := affected(t.tx.NewRaw(`DELETE FROM settings_audit_unsealed WHERE org_id = ? AND entry_id IN ?`,
			tree.Org, bun.Tuple(entries)).Exec(ctx))
		if err != nil {
			return err
		}
		if n != len(chunk) {
			return errNotSealed
		}
	}
	return nil
}

// putTree stores a tree in place of one of the size given.
func (t auditTx) putTree(ctx context.Context, tree audit.Tree, size uint64) error {
	n, err := affected(t.tx.NewRaw(`
		UPDATE settings_audit_trees SET size = ?, hashes = ?, start = ?, start_hashes = ?, note = ?, at = ?
		WHERE org_id = ? AND size = ?`,
		tree.Size, hashes(tree.Hashes), tree.Start, hashes(tree.StartHashes), tree.Note, at(tree.At), tree.Org, size).Exec(ctx))
	if err == nil && n != 1 {
		err = errNotLocked
	}
	return err
}

// Expired implements audit.Tx. Where nothing is to be removed it reads one entry.
func (t auditTx) Expired(ctx context.Context, org id.Org, cutoff time.Time, limit int) ([]audit.Stored, error) {
	for _, n := range []int{min(limit, 1), limit} {
		old, err := t.stored(ctx, withSeal, `
			SELECT e.id, e.at, `+sealColumns+` FROM (
				SELECT seq, entry_id, hash FROM settings_audit_leaves
				WHERE org_id = ?0 AND seq >= (SELECT start FROM settings_audit_trees WHERE org_id = ?0) ORDER BY seq LIMIT ?1) AS l
			JOIN settings_audit_entries AS e ON e.id = l.entry_id ORDER BY l.seq`, org, max(n, 0))
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(old, func(e audit.Stored) bool { return !e.At.Before(cutoff) }); i >= 0 {
			return old[:i], nil
		}
		if n == limit || len(old) < n {
			return old, nil
		}
	}
	return nil, nil
}

// Prune implements audit.Tx.
func (t auditTx) Prune(ctx context.Context, tree audit.Tree) error {
	return t.wholly(t.maintain(ctx, func() error {
		var entries []id.Entry
		err := t.tx.NewRaw(`SELECT entry_id FROM settings_audit_leaves WHERE org_id = ? AND seq < ?`, tree.Org, tree.Start).
			Scan(ctx, &entries)
		if err != nil {
			return err
		}
		// By their names: of a row's place in the log the planner knows too little
		// to be trusted with a join.
		for chunk := range slices.Chunk(entries, insertedAtOnce) {
			if err := t.do(ctx, `DELETE FROM settings_audit_entries WHERE id IN ?`, bun.Tuple(chunk)); err != nil {
				return err
			}
		}
		if err := t.do(ctx, `DELETE FROM settings_audit_leaves WHERE org_id = ? AND seq < ?`, tree.Org, tree.Start); err != nil {
			return err
		}
		if err := t.do(ctx, `DELETE FROM settings_audit_checkpoints WHERE org_id = ? AND size < ?`, tree.Org, tree.Start); err != nil {
			return err
		}
		return t.putTree(ctx, tree, tree.Size)
	}))
}

func (t auditTx) do(ctx context.Context, query string, args ...any) error {
	_, err := t.tx.NewRaw(query, args...).Exec(ctx)
	return err
}
