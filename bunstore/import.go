package bunstore

import (
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type importRow struct {
	bun.BaseModel `bun:"table:settings_imports,alias:i"`

	ID           id.Import  `bun:"id,pk"`
	Org          id.Org     `bun:"org_id"`
	StartedBy    id.User    `bun:"started_by"`
	Name         string     `bun:"name"`
	Session      id.Session `bun:"session_id"`
	IP           address    `bun:"ip"`
	UserAgent    string     `bun:"user_agent"`
	RequestID    string     `bun:"request_id"`
	CreatedAt    stamp      `bun:"created_at"`
	EndedAt      stamp      `bun:"ended_at"`
	ClaimedUntil stamp      `bun:"claimed_until"`
}

const importColumns = "i.id, i.org_id, i.started_by, i.name, i.session_id, i.ip, i.user_agent, i.request_id, i.created_at, i.ended_at, i.claimed_until"

// importView is an import with what was counted. It is not a table.
type importView struct {
	importRow
	Waiting int `bun:"waiting"`
	Invited int `bun:"invited"`
	Refused int `bun:"refused"`
}

func (v *importView) view() orgs.Import {
	return orgs.Import{
		ID: v.ID, Org: v.Org, StartedBy: v.StartedBy, Name: v.Name, Session: v.Session, IP: v.IP.Addr,
		UserAgent: v.UserAgent, RequestID: v.RequestID, CreatedAt: v.CreatedAt.Time, EndedAt: v.EndedAt.Time,
		ImportCounts: orgs.ImportCounts{
			Rows: v.Waiting + v.Invited + v.Refused, Waiting: v.Waiting, Invited: v.Invited, Refused: v.Refused,
		},
	}
}

// importLine is a row of an imported file.
type importLine struct {
	bun.BaseModel `bun:"table:settings_import_rows,alias:r"`

	Import   id.Import `bun:"import_id,pk"`
	Line     int       `bun:"line,pk"`
	Email    string    `bun:"email"`
	Role     string    `bun:"role"`
	Projects textList  `bun:"projects"`
	State    string    `bun:"state"`
	Code     string    `bun:"code"`
}

// rowsIn counts the rows of i that are in a state.
func rowsIn(state orgs.RowState) string {
	return `(SELECT count(*) FROM settings_import_rows AS r WHERE r.import_id = i.id AND r.state = '` + string(state) + `') AS ` + string(state)
}

var selectImports = `SELECT ` + importColumns + `, ` + rowsIn(orgs.RowWaiting) + `, ` + rowsIn(orgs.RowInvited) + `, ` + rowsIn(orgs.RowRefused) +
	` FROM settings_imports AS i WHERE `

func importsWhere(ctx context.Context, db bun.IDB, condition string, args ...any) ([]orgs.Import, error) {
	var rows []importView
	if err := db.NewRaw(selectImports+condition, args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	list := make([]orgs.Import, len(rows))
	for i := range rows {
		list[i] = rows[i].view()
	}
	return list, nil
}

// Import implements orgs.ImportReader.
func (s orgsReader) Import(ctx context.Context, org id.Org, i id.Import) (orgs.Import, error) {
	list, err := importsWhere(ctx, s.conn(ctx), `i.id = ? AND i.org_id = ?`, i, org)
	if err == nil && len(list) == 0 {
		err = orgs.ErrImportNotFound
	}
	if err != nil {
		return orgs.Import{}, err
	}
	return list[0], nil
}

// Imports implements orgs.ImportReader. IDs were made in the order of time.
func (s orgsReader) Imports(ctx context.Context, org id.Org, limit int) ([]orgs.Import, error) {
	return importsWhere(ctx, s.conn(ctx), `i.org_id = ? ORDER BY i.id DESC LIMIT ?`, org, max(limit, 0))
}

// ImportRows implements orgs.ImportReader.
func (s orgsReader) ImportRows(ctx context.Context, i id.Import, state orgs.RowState, after, limit int) ([]orgs.ImportRow, error) {
	if limit < 1 {
		return nil, nil // which bun would take for no limit
	}
	var rows []importLine
	q := s.conn(ctx).NewSelect().Model(&rows).Where("r.import_id = ?", i).Where("r.line > ?", after).
		Order("r.line").Limit(int64(limit))
	if state != "" {
		q = q.Where("r.state = ?", string(state))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	list := make([]orgs.ImportRow, len(rows))
	for n, r := range rows {
		list[n] = orgs.ImportRow{
			Line: r.Line, Email: r.Email, Role: orgs.Role(r.Role), Projects: r.Projects, State: orgs.RowState(r.State), Code: r.Code,
		}
	}
	return list, nil
}

// insertedAtOnce is how many rows one statement inserts: each is written into its
// text.
const insertedAtOnce = 200

// InsertImport implements orgs.ImportTx. Who started it is described and nothing
// is found by it, as in the audit log.
func (t orgsTx) InsertImport(ctx context.Context, i orgs.Import, rows []orgs.ImportRow) error {
	row := &importRow{
		ID: i.ID, Org: i.Org, StartedBy: i.StartedBy, Name: clean(i.Name, maxAuditText), Session: i.Session, IP: address{i.IP},
		UserAgent: clean(i.UserAgent, maxUserAgent), RequestID: clean(i.RequestID, maxAuditText),
		CreatedAt: at(i.CreatedAt), ClaimedUntil: at(i.CreatedAt),
	}
	lines := make([]importLine, 0, len(rows))
	waiting := false
	for _, r := range rows {
		if err := checkImportRow(r); err != nil {
			return err
		}
		waiting = waiting || r.State == orgs.RowWaiting
		lines = append(lines, importLine{
			Import: i.ID, Line: r.Line, Email: r.Email, Role: string(r.Role), Projects: textList(r.Projects), State: string(r.State), Code: r.Code,
		})
	}
	if !waiting {
		row.EndedAt = row.CreatedAt
	}
	if _, err := t.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	for chunk := range slices.Chunk(lines, insertedAtOnce) {
		if _, err := t.tx.NewInsert().Model(&chunk).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func checkImportRow(r orgs.ImportRow) error {
	if r.Role != "" || r.State != orgs.RowRefused {
		if err := checkRole(r.Role); err != nil {
			return err
		}
	}
	return checkText(append([]string{r.Email, r.Code}, r.Projects...)...)
}

// ClaimImport implements orgs.ImportTx.
func (t orgsTx) ClaimImport(ctx context.Context, now, until time.Time) (orgs.Import, error) {
	var claimed struct {
		ID  id.Import
		Org id.Org `bun:"org_id"`
	}
	err := t.tx.NewRaw(`
		WITH due AS (
			SELECT id FROM settings_imports
			WHERE ended_at IS NULL AND claimed_until <= ?0
			ORDER BY claimed_until, id LIMIT 1 ?2)
		UPDATE settings_imports SET claimed_until = ?1 WHERE id IN (SELECT id FROM due)
		RETURNING id, org_id`,
		at(now), at(until), t.db.dialect.skipLocked()).Scan(ctx, &claimed)
	if err != nil {
		return orgs.Import{}, missing(err, orgs.ErrImportNotFound)
	}
	return t.Import(ctx, claimed.Org, claimed.ID)
}

// ReleaseImport implements orgs.ImportTx.
func (t orgsTx) ReleaseImport(ctx context.Context, i id.Import, until, now time.Time) error {
	_, err := t.tx.NewRaw(`UPDATE settings_imports SET claimed_until = ? WHERE id = ? AND claimed_until = ?`, at(now), i, at(until)).Exec(ctx)
	return err
}

// EndImportRow implements orgs.ImportTx. With the organization locked nobody else
// ends another row of the import meanwhile.
func (t orgsTx) EndImportRow(ctx context.Context, i id.Import, line int, state orgs.RowState, code string, now time.Time) error {
	if err := checkText(code); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_import_rows SET state = ?, code = ? WHERE import_id = ? AND line = ? AND state = 'waiting'`,
		string(state), code, i, line).Exec(ctx))
	if err != nil {
		return err
	}
	if n == 0 {
		return orgs.ErrImportNotFound
	}
	_, err = t.tx.NewRaw(`
		UPDATE settings_imports SET ended_at = ?0 WHERE id = ?1
			AND NOT EXISTS (SELECT 1 FROM settings_import_rows AS r WHERE r.import_id = ?1 AND r.state = 'waiting')`,
		at(now), i).Exec(ctx)
	return err
}

// PurgeImports implements orgs.ImportTx. The rows go with their import.
func (t orgsTx) PurgeImports(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.purge(ctx, limit, []purging{{"settings_imports", "id", "created_at < ?2", at(before)}})
}
