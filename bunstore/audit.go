package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// maxAuditText is how many bytes are kept of each text of an entry.
const maxAuditText = 2048

type auditReader struct{ source }

type auditStore struct{ auditReader }

type auditTx struct {
	auditReader
	writer
}

// Update implements audit.Store.
func (s auditStore) Update(ctx context.Context, fn func(ctx context.Context, tx audit.Tx) error) error {
	return s.db.update(ctx, func(ctx context.Context, sc *scope) error {
		return fn(ctx, auditTx{auditReader{source{s.db, sc}}, writer{sc}})
	})
}

var insertEntry = newInsert("settings_audit_entries", "id, at, org_id, user_id, actor_id, action, target_id, line")

// appendAudit never refuses an entry for its text: that something happened, or
// was refused, must not go unrecorded because of how somebody spells.
func appendAudit(ctx context.Context, sc *scope, e audit.Entry) error {
	actor, _ := actorColumn(e.ActorKey())
	var target any // NULL
	if t := clean(e.Target.ID, maxAuditText); t != "" {
		target = t
	}
	return sc.later(ctx, insertEntry, e.ID, at(e.At), e.Org, e.User, actor, clean(string(e.Action), maxAuditText), target,
		string(audit.NewLine(e)))
}

// actorColumn returns what stands for an actor in a column, or false if it can be
// nobody's.
func actorColumn(key string) (id.User, bool) {
	switch audit.ActorKind(key) {
	case audit.KindSystem:
		return id.User{15: 1}, true
	case audit.KindSupport:
		return id.User{15: 2}, true
	case audit.KindAnonymous:
		return id.User{15: 3}, true
	case audit.KindUser, audit.KindToken:
	}
	actor, err := id.ParseUser(key)
	if err != nil || [15]byte(actor[:]) == ([15]byte{}) { // one of those above is no person
		return id.User{}, false
	}
	return actor, true
}

// each runs a query and calls row for every row of its result.
func (s source) each(ctx context.Context, row func(rows *sql.Rows) error, query string, args ...any) (err error) {
	rows, err := s.conn(ctx).QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Entries implements audit.Reader.
func (s auditReader) Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]audit.Entry, error) {
	query, args := `SELECT line, org_id FROM settings_audit_entries WHERE user_id = ?`, []any{user}
	if !before.IsZero() {
		query, args = query+` AND id < ?`, append(args, before)
	}
	var entries []audit.Entry
	err := s.each(ctx, func(rows *sql.Rows) error {
		var line []byte
		var org id.Org
		if err := rows.Scan(&line, &org); err != nil {
			return err
		}
		e, err := audit.Line(line).Entry()
		if err != nil {
			return fmt.Errorf("bunstore: %w", err)
		}
		e.User, e.Org = user, org
		entries = append(entries, e)
		return nil
	}, query+` ORDER BY id DESC LIMIT ?`, append(args, max(limit, 0))...)
	return entries, err
}

// sealColumns are those of a leaf that there may be.
const sealColumns = "l.seq, l.hash"

// sealing scans sealColumns.
type sealing struct {
	seq  sql.NullInt64
	hash []byte
}

func (s *sealing) into(e *audit.Stored) {
	if s.seq.Valid {
		e.Sealed, e.Seq = true, uint64(s.seq.Int64) //nolint:gosec // checked to be positive
		copy(e.Leaf[:], s.hash)
	}
}

// stored collects entries of the columns id, at and then columns of which dest
// tells where they go.
func (s source) stored(ctx context.Context, dest func(e *audit.Stored, seal *sealing) []any, query string, args ...any) ([]audit.Stored, error) {
	var all []audit.Stored
	err := s.each(ctx, func(rows *sql.Rows) error {
		var e audit.Stored
		var seal sealing
		var moment stamp
		if err := rows.Scan(append([]any{&e.ID, &moment}, dest(&e, &seal)...)...); err != nil {
			return err
		}
		e.At = moment.Time
		seal.into(&e)
		all = append(all, e)
		return nil
	}, query, args...)
	return all, err
}

func withLine(e *audit.Stored, _ *sealing) []any { return []any{(*[]byte)(&e.Line)} }

func withSeal(_ *audit.Stored, seal *sealing) []any { return []any{&seal.seq, &seal.hash} }

func withLineAndSeal(e *audit.Stored, seal *sealing) []any {
	return []any{(*[]byte)(&e.Line), &seal.seq, &seal.hash}
}

// Find implements audit.Reader.
func (s auditReader) Find(ctx context.Context, org id.Org, e id.Entry) (audit.Stored, error) {
	found, err := s.stored(ctx, withSeal, `
		SELECT e.id, e.at, `+sealColumns+` FROM settings_audit_entries AS e
		LEFT JOIN settings_audit_leaves AS l ON l.entry_id = e.id
		WHERE e.id = ? AND e.org_id = ?`, e, org)
	if err == nil && len(found) == 0 {
		err = audit.ErrNoEntry
	}
	if err != nil {
		return audit.Stored{}, err
	}
	return found[0], nil
}

// Sealed implements audit.Reader.
func (s auditReader) Sealed(ctx context.Context, org id.Org, from uint64, limit int) ([]audit.Stored, error) {
	if from > math.MaxInt64 {
		return nil, nil
	}
	return s.stored(ctx, withLineAndSeal, `
		SELECT e.id, e.at, e.line, `+sealColumns+` FROM (
			SELECT seq, entry_id, hash FROM settings_audit_leaves
			WHERE org_id = ? AND seq >= ? ORDER BY seq LIMIT ?) AS l
		JOIN settings_audit_entries AS e ON e.id = l.entry_id ORDER BY l.seq`, org, from, max(limit, 0))
}

type treeRow struct {
	bun.BaseModel `bun:"table:settings_audit_trees,alias:t"`

	Org         id.Org `bun:"org_id,pk"`
	Size        int64  `bun:"size"`
	Hashes      hashes `bun:"hashes"`
	Start       int64  `bun:"start"`
	StartHashes hashes `bun:"start_hashes"`
	Note        []byte `bun:"note"`
	At          stamp  `bun:"at"`
}

func (r *treeRow) tree() audit.Tree {
	return audit.Tree{
		Org: r.Org, Size: uint64(r.Size), Hashes: r.Hashes, //nolint:gosec // checked to be positive
		Start: uint64(r.Start), StartHashes: r.StartHashes, Note: r.Note, At: r.At.Time, //nolint:gosec // as above
	}
}

// LogTree implements audit.Reader.
func (s auditReader) LogTree(ctx context.Context, org id.Org) (audit.Tree, error) {
	row := treeRow{Org: org}
	err := s.conn(ctx).NewSelect().Model(&row).WherePK().Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return audit.Tree{}, err
	}
	row.Org = org
	return row.tree(), nil
}

// Checkpoints implements audit.Reader.
func (s auditReader) Checkpoints(ctx context.Context, org id.Org, below uint64, limit int) ([]audit.Checkpoint, error) {
	if below == 0 || below > math.MaxInt64 {
		below = math.MaxInt64
	}
	var list []audit.Checkpoint
	err := s.each(ctx, func(rows *sql.Rows) error {
		var c audit.Checkpoint
		var made stamp
		if err := rows.Scan(&c.Size, &made, &c.Note); err != nil {
			return err
		}
		c.At = made.Time
		list = append(list, c)
		return nil
	}, `SELECT size, at, note FROM settings_audit_checkpoints WHERE org_id = ? AND size < ? ORDER BY size DESC LIMIT ?`,
		org, below, max(limit, 0))
	return list, err
}

// Unsealed implements audit.Reader. However many entries wait, it reads the first
// of each organization alone, going from one to the next by the index.
func (s auditReader) Unsealed(ctx context.Context, limit int) ([]id.Org, time.Time, error) {
	var orgs []id.Org
	var oldest stamp
	err := s.each(ctx, func(rows *sql.Rows) error {
		var org id.Org
		if err := rows.Scan(&org, &oldest); err != nil {
			return err
		}
		orgs = append(orgs, org)
		return nil
	}, `
		WITH RECURSIVE waiting (org_id) AS (
			SELECT (SELECT u.org_id FROM settings_audit_unsealed AS u ORDER BY u.org_id LIMIT 1)
			UNION ALL
			SELECT (SELECT u.org_id FROM settings_audit_unsealed AS u WHERE u.org_id > waiting.org_id ORDER BY u.org_id LIMIT 1)
			FROM waiting WHERE waiting.org_id IS NOT NULL)
		SELECT org_id, min(since) OVER () FROM (
			SELECT waiting.org_id, (
				SELECT e.at FROM settings_audit_unsealed AS u JOIN settings_audit_entries AS e ON e.id = u.entry_id
				WHERE u.org_id = waiting.org_id ORDER BY u.entry_id LIMIT 1) AS since
			FROM waiting WHERE waiting.org_id IS NOT NULL) AS w
		LIMIT ?`, max(limit, 1))
	if err != nil {
		return nil, time.Time{}, err
	}
	return orgs[:min(len(orgs), max(limit, 0))], oldest.Time, nil
}

// Logs implements audit.Reader.
func (s auditReader) Logs(ctx context.Context, after id.Org, limit int) ([]id.Org, error) {
	query, args := `SELECT org_id FROM settings_audit_trees WHERE size > 0`, []any{}
	if !after.IsZero() {
		query, args = query+` AND org_id > ?`, append(args, after)
	}
	var orgs []id.Org
	err := s.each(ctx, func(rows *sql.Rows) error {
		var org id.Org
		err := rows.Scan(&org)
		orgs = append(orgs, org)
		return err
	}, query+` ORDER BY org_id LIMIT ?`, append(args, max(limit, 0))...)
	return orgs, err
}
