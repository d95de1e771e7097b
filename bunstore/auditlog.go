package bunstore

import (
	"context"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// logPage is a question for a part of a log. Each filter has an index whose last
// columns are the order of the page, so that a page reads little more than it
// returns, wherever in the log it is.
type logPage struct {
	org    id.Org
	filter audit.Filter
	from   audit.Position // zero: the beginning
	oldest bool           // first, rather than last
	limit  int
	seals  bool
}

// Log implements audit.Reader.
func (s auditReader) Log(ctx context.Context, org id.Org, f audit.Filter, before audit.Position, limit int) (audit.Page, error) {
	return s.page(ctx, logPage{org: org, filter: f, from: before, limit: limit})
}

// Lines implements audit.Reader.
func (s auditReader) Lines(ctx context.Context, org id.Org, f audit.Filter, after audit.Position, limit int) (audit.Page, error) {
	return s.page(ctx, logPage{org: org, filter: f, from: after, limit: limit, oldest: true, seals: true})
}

func (s auditReader) page(ctx context.Context, p logPage) (audit.Page, error) {
	if p.limit < 1 {
		return audit.Page{Next: p.from}, nil
	}
	var actor id.User
	if p.filter.Actor != "" {
		var possible bool
		if actor, possible = actorColumn(p.filter.Actor); !possible {
			return audit.Page{}, nil
		}
	}
	if !plain(p.filter.Target) {
		return audit.Page{}, nil
	}
	actions := make([]string, 0, len(p.filter.Actions))
	for _, a := range p.filter.Actions {
		if plain(string(a)) {
			actions = append(actions, string(a))
		}
	}
	switch {
	case len(actions) == 0 && len(p.filter.Actions) > 0:
		return audit.Page{}, nil
	case p.filter.Target != "" && (!actor.IsZero() || len(actions) > 0):
		return s.scan(ctx, p, actor, actions)
	case len(actions) > 1:
		return s.merge(ctx, p, actor, actions)
	}
	c := p.conditions()
	if p.filter.Target != "" {
		c.and(`target_id = ?`, p.filter.Target)
	}
	if !actor.IsZero() {
		c.and(`actor_id = ?`, actor)
	}
	for _, a := range actions { // one at most
		c.and(`action = ?`, a)
	}
	return s.fill(ctx, p, `SELECT at, id FROM `+s.entriesBy(p.filter)+` WHERE `+c.text+p.order("")+` LIMIT ?`, append(c.args, p.limit+1)...)
}

// entriesBy is the table, to be read by the index of a filter. PostgreSQL finds it
// by its statistics. SQLite has none unless somebody makes them, and then takes
// bounds of time for better than an actor or a target.
func (s auditReader) entriesBy(f audit.Filter) string {
	index := "org"
	switch {
	case s.db.dialect != SQLite:
		return `settings_audit_entries`
	case f.Target != "":
		index = "target"
	case f.Actor != "" && len(f.Actions) > 0:
		index = "actor_action"
	case f.Actor != "":
		index = "actor"
	case len(f.Actions) > 0:
		index = "action"
	}
	return `settings_audit_entries INDEXED BY settings_audit_entries_` + index
}

// conditions is a WHERE clause with its arguments.
type conditions struct {
	text string
	args []any
}

func (c *conditions) and(text string, args ...any) {
	c.text += ` AND ` + text
	c.args = append(c.args, args...)
}

// conditions are those that every index of a log answers in its order.
func (p logPage) conditions() conditions {
	c := conditions{`org_id = ?`, []any{p.org}}
	if !p.filter.From.IsZero() {
		c.and(`at >= ?`, at(p.filter.From))
	}
	if !p.filter.To.IsZero() {
		c.and(`at < ?`, at(p.filter.To))
	}
	switch {
	case p.from.IsZero():
	case p.oldest:
		c.and(`(at, id) > (?, ?)`, at(p.from.At), p.from.ID)
	default:
		c.and(`(at, id) < (?, ?)`, at(p.from.At), p.from.ID)
	}
	return c
}

// order is the ORDER BY clause of a page of a table.
func (p logPage) order(table string) string {
	if p.oldest {
		return ` ORDER BY ` + table + `at, ` + table + `id`
	}
	return ` ORDER BY ` + table + `at DESC, ` + table + `id DESC`
}

// fill returns the page of the entries that a query finds, which are one more than
// the limit if there are more.
func (s auditReader) fill(ctx context.Context, p logPage, query string, args ...any) (audit.Page, error) {
	dest, columns, join := p.lines()
	items, err := s.stored(ctx, dest, `SELECT e.id, e.at, `+columns+` FROM (`+query+`) AS p
		JOIN settings_audit_entries AS e ON e.id = p.id`+join+p.order("p."), args...)
	if err != nil {
		return audit.Page{}, err
	}
	return p.cut(audit.Page{Items: items}), nil
}

// lines are what is read of the entries e that were found.
func (p logPage) lines() (dest func(e *audit.Stored, seal *sealing) []any, columns, join string) {
	if p.seals {
		return withLineAndSeal, `e.line, ` + sealColumns, ` LEFT JOIN settings_audit_leaves AS l ON l.entry_id = e.id`
	}
	return withLine, `e.line`, ``
}

// merge reads the pages of each of several actions and returns what comes first.
// The more actions there are, the smaller the page is.
func (s auditReader) merge(ctx context.Context, p logPage, actor id.User, actions []string) (audit.Page, error) {
	p.limit = max(min(p.limit, audit.MaxScan/len(actions)-1), 1)
	c := p.conditions()
	if !actor.IsZero() {
		c.and(`actor_id = ?`, actor)
	}
	var query strings.Builder
	args := make([]any, 0, len(actions)*(len(c.args)+2)+1)
	for i, a := range actions {
		if i > 0 {
			query.WriteString(` UNION ALL `)
		}
		query.WriteString(`SELECT at, id FROM (SELECT at, id FROM ` + s.entriesBy(p.filter) + ` WHERE ` + c.text + ` AND action = ?` + p.order("") + ` LIMIT ?) AS b`)
		args = append(append(args, c.args...), a, p.limit+1)
	}
	return s.fill(ctx, p, `SELECT at, id FROM (`+query.String()+`) AS u`+p.order("")+` LIMIT ?`, append(args, p.limit+1)...)
}

// scan reads what is about a target, and leaves out what the rest of the filter
// does not choose: at most MaxScan entries, the last of which says where it goes on.
func (s auditReader) scan(ctx context.Context, p logPage, actor id.User, actions []string) (audit.Page, error) {
	query, args := s.scanning(p, actor, actions)
	dest, columns, join := p.lines()
	read := 0
	items, err := s.stored(ctx, func(e *audit.Stored, seal *sealing) []any {
		return append([]any{&read}, dest(e, seal)...)
	}, `SELECT s.id, s.at, s.n, `+columns+` FROM `+query+` AS s
		LEFT JOIN settings_audit_entries AS e ON s.chosen AND e.id = s.id`+join+p.order("s."), args...)
	if err != nil {
		return audit.Page{}, err
	}
	page := audit.Page{Items: items}
	if read == audit.MaxScan {
		last := len(items) - 1
		page.Next = items[last].Position()
		if items[last].Line == nil { // it was read, and not chosen
			page.Items = items[:last]
		}
	}
	return p.cut(page), nil
}

// scanning is where what is about a target is read. On PostgreSQL it is a function,
// whose plan is that of the index whatever the planner thinks.
func (s auditReader) scanning(p logPage, actor id.User, actions []string) (query string, args []any) {
	if s.db.dialect == Postgres {
		return p.scanningByFunction(actor, actions)
	}
	chosen := `TRUE`
	if !actor.IsZero() {
		chosen, args = chosen+` AND actor_id = ?`, append(args, actor)
	}
	if len(actions) > 0 {
		chosen, args = chosen+` AND action IN ?`, append(args, bun.Tuple(actions))
	}
	c := p.conditions()
	c.and(`target_id = ?`, p.filter.Target)
	return `(
			SELECT at, id, chosen, n FROM (
				SELECT at, id, (` + chosen + `) AS chosen, row_number() OVER (` + strings.TrimSpace(p.order("")) + `) AS n FROM (
					SELECT at, id, actor_id, action FROM ` + s.entriesBy(p.filter) + ` WHERE ` + c.text + p.order("") + ` LIMIT ?) AS t) AS r
			WHERE chosen OR n = ?` + p.order("") + ` LIMIT ?)`, append(append(args, c.args...), audit.MaxScan, audit.MaxScan, p.limit+1)
}

func (p logPage) scanningByFunction(actor id.User, actions []string) (query string, args []any) {
	since, until, by, of := any(`-infinity`), any(`infinity`), any(nil), any(nil)
	if !p.filter.From.IsZero() {
		since = at(p.filter.From)
	}
	if !p.filter.To.IsZero() {
		until = at(p.filter.To)
	}
	if !actor.IsZero() {
		by = actor
	}
	if len(actions) > 0 {
		of = pgdialect.Array(actions)
	}
	name, from, which := `settings_audit_older`, any(`infinity`), any(`ffffffff-ffff-ffff-ffff-ffffffffffff`)
	if p.oldest {
		name, from, which = `settings_audit_newer`, any(`-infinity`), any(`00000000-0000-0000-0000-000000000000`)
	}
	if !p.from.IsZero() {
		from, which = at(p.from.At), p.from.ID
	}
	return name + `(?, ?, ?::timestamptz, ?::timestamptz, ?::timestamptz, ?::uuid, ?::uuid, ?::text[], ?, ?)`,
		[]any{p.filter.Target, p.org, since, until, from, which, by, of, audit.MaxScan, p.limit + 1}
}

// cut takes off what is beyond the limit.
func (p logPage) cut(page audit.Page) audit.Page {
	if len(page.Items) > p.limit {
		page.Items = page.Items[:p.limit]
		page.Next = page.Items[p.limit-1].Position()
	}
	return page
}
