package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// Histories implements audit.Reader. Of each person it reads the first entry alone,
// going from one to the next by the index.
func (s auditReader) Histories(ctx context.Context, after id.User, limit int) ([]audit.History, error) {
	later := ``
	if !after.IsZero() {
		later = ` AND u.user_id > ?0`
	}
	var list []audit.History
	err := s.each(ctx, func(rows *sql.Rows) error {
		var h audit.History
		var oldest stamp
		err := rows.Scan(&h.User, &oldest)
		h.Oldest = oldest.Time
		list = append(list, h)
		return err
	}, `
		WITH RECURSIVE people (n, user_id) AS (
			SELECT 1, (SELECT u.user_id FROM settings_audit_entries AS u WHERE u.user_id IS NOT NULL`+later+` ORDER BY u.user_id LIMIT 1)
			UNION ALL
			SELECT n + 1, (SELECT u.user_id FROM settings_audit_entries AS u WHERE u.user_id > people.user_id ORDER BY u.user_id LIMIT 1)
			FROM people WHERE people.user_id IS NOT NULL AND n < ?1)
		SELECT user_id, (
			SELECT e.at FROM settings_audit_entries AS e WHERE e.user_id = people.user_id AND e.org_id IS NULL ORDER BY e.id LIMIT 1)
		FROM people WHERE user_id IS NOT NULL AND n <= ?1 ORDER BY n`, after, max(limit, 0))
	return list, err
}

// ToErase implements audit.Tx. Each way to name a person has an index.
func (t auditTx) ToErase(ctx context.Context, p audit.Person, after id.Entry, limit int) ([]audit.Stored, error) {
	named, args := t.naming(p)
	if len(named) == 0 {
		return nil, nil
	}
	later := ``
	if !after.IsZero() {
		later, args = ` WHERE id > ?`, append(args, after)
	}
	return t.stored(ctx, func(e *audit.Stored, _ *sealing) []any { return []any{(*[]byte)(&e.Line), &e.User} }, `
		SELECT e.id, e.at, e.line, e.user_id FROM (SELECT id FROM (`+strings.Join(named, ` UNION `)+`) AS u`+later+` ORDER BY id LIMIT ?) AS p
		JOIN settings_audit_entries AS e ON e.id = p.id ORDER BY e.id`, append(args, max(limit, 0))...)
}

// naming are queries for the entries that name p.
func (t auditTx) naming(p audit.Person) (queries []string, args []any) {
	find := func(condition string, value any) {
		queries, args = append(queries, `SELECT id FROM settings_audit_entries WHERE `+condition), append(args, value)
	}
	user, kind, name := `user_id`, `json_extract(line, '$.target.kind')`, `json_extract(line, '$.target.name')`
	if t.db.dialect == Postgres {
		user, kind, name = `user_id::text`, `line #>> '{target,kind}'`, `line #>> '{target,name}'`
	}
	targets := slices.Clone(p.Targets)
	if actor, possible := actorColumn(p.ID.String()); possible {
		find(`user_id = ?`, actor)
		find(`actor_id = ? AND org_id IS NOT NULL`, actor)
		find(`actor_id = ? AND org_id IS NULL AND (user_id IS NULL OR user_id <> actor_id)`, actor)
		targets = append(targets, p.ID.String())
	}
	none := func(text string) bool { return text == "" || !plain(text) }
	if targets = slices.DeleteFunc(targets, none); len(targets) > 0 {
		find(`target_id IN ? AND org_id IS NOT NULL`, bun.Tuple(targets))
		find(`target_id IN ? AND org_id IS NULL AND (user_id IS NULL OR `+user+` <> target_id)`, bun.Tuple(targets))
	}
	for _, target := range targets { // of which those of people are in their own histories
		if owner, err := id.ParseUser(target); err == nil && owner != p.ID {
			find(`user_id = ? AND org_id IS NULL AND `+user+` = target_id`, owner)
		}
	}
	for _, address := range slices.DeleteFunc(slices.Clone(p.Addresses), none) {
		find(kind+` = 'invitation' AND lower(`+name+`) = lower(?)`, address)
	}
	return queries, args
}

// Rewrite implements audit.Tx.
func (t auditTx) Rewrite(ctx context.Context, e id.Entry, l audit.Line) error {
	return t.maintain(ctx, func() error {
		n, err := affected(t.tx.NewRaw(`UPDATE settings_audit_entries SET line = ? WHERE id = ?`, string(l), e).Exec(ctx))
		if err == nil && n == 0 {
			err = audit.ErrNoEntry
		}
		return err
	})
}

// RemoveHistory implements audit.Tx.
func (t auditTx) RemoveHistory(ctx context.Context, user id.User, cutoff time.Time, limit int) (int, error) {
	removed := 0
	err := t.maintain(ctx, func() (err error) {
		removed, err = affected(t.tx.NewRaw(`
			DELETE FROM settings_audit_entries WHERE id IN (
				SELECT id FROM settings_audit_entries WHERE user_id = ? AND org_id IS NULL AND at < ? ORDER BY id LIMIT ?)`,
			user, at(cutoff), max(limit, 0)).Exec(ctx))
		return err
	})
	return removed, err
}

// RemoveNobodys implements audit.Tx.
func (t auditTx) RemoveNobodys(ctx context.Context, cutoff time.Time, limit int) (int, error) {
	removed := 0
	err := t.maintain(ctx, func() (err error) {
		removed, err = affected(t.tx.NewRaw(`
			DELETE FROM settings_audit_entries WHERE id IN (
				SELECT id FROM settings_audit_entries WHERE user_id IS NULL AND org_id IS NULL AND at < ? ORDER BY at, id LIMIT ?)`,
			at(cutoff), max(limit, 0)).Exec(ctx))
		return err
	})
	return removed, err
}

// maintain lets fn change and remove what is else refused by triggers: a row says
// so, which lives no longer than fn and is seen by no other transaction.
func (t auditTx) maintain(ctx context.Context, fn func() error) error {
	this := bun.Safe("1")
	if t.db.dialect == Postgres {
		this = "txid_current()"
	}
	if err := t.do(ctx, `INSERT INTO settings_audit_maintenance (transaction_id) VALUES (?)`, this); err != nil {
		return err
	}
	err := fn()
	end := t.do(context.WithoutCancel(ctx), `DELETE FROM settings_audit_maintenance WHERE transaction_id = ?`, this)
	if end != nil && (err == nil || t.db.dialect == SQLite) {
		// Where fn failed PostgreSQL takes no more statements, and undoes the row.
		t.tx.t.breakWith(end)
		err = errors.Join(err, end)
	}
	return err
}
