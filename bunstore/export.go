package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

type exportRow struct {
	bun.BaseModel `bun:"table:settings_exports,alias:e"`

	ID           id.Export   `bun:"id,pk"`
	User         id.User     `bun:"user_id"`
	State        string      `bun:"state"`
	Sources      textList    `bun:"sources"`
	Parts        exportParts `bun:"parts"`
	Records      int         `bun:"records"`
	Claim        int         `bun:"claim"`
	Tries        int         `bun:"tries"`
	CreatedAt    stamp       `bun:"created_at"`
	EndedAt      stamp       `bun:"ended_at"`
	ExpiresAt    stamp       `bun:"expires_at"`
	ClaimedUntil stamp       `bun:"claimed_until"`
}

const exportColumns = "id, user_id, state, sources, parts, records, claim, tries, created_at, ended_at, expires_at, claimed_until"

func newExportRow(e accounts.Export) *exportRow {
	return &exportRow{
		ID: e.ID, User: e.User, State: string(e.State), Sources: textList(e.Sources), Parts: exportParts(e.Parts), Records: e.Records,
		Claim: e.Claim, Tries: e.Tries, CreatedAt: at(e.CreatedAt), EndedAt: at(e.EndedAt), ExpiresAt: at(e.ExpiresAt),
	}
}

func (r *exportRow) export() accounts.Export {
	return accounts.Export{
		ID: r.ID, User: r.User, State: accounts.ExportState(r.State), Sources: r.Sources, Parts: r.Parts, Records: r.Records,
		Claim: r.Claim, Tries: r.Tries, CreatedAt: r.CreatedAt.Time, EndedAt: r.EndedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
}

// exportParts is a list in a column of JSON.
type exportParts []accounts.ExportPart

// AppendQuery implements schema.QueryAppender.
func (p exportParts) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if len(p) == 0 {
		return gen.Dialect().AppendString(b, "[]"), nil
	}
	list, err := json.Marshal([]accounts.ExportPart(p))
	if err != nil {
		return nil, err
	}
	return gen.Dialect().AppendString(b, string(list)), nil
}

// Scan implements sql.Scanner.
func (p *exportParts) Scan(src any) error {
	var list []byte
	switch v := src.(type) {
	case string:
		list = []byte(v)
	case []byte:
		list = v
	default:
		return fmt.Errorf("bunstore: cannot scan %T into the parts of an export", src)
	}
	*p = nil
	return json.Unmarshal(list, (*[]accounts.ExportPart)(p))
}

func exportsOf(rows []exportRow) []accounts.Export {
	list := make([]accounts.Export, len(rows))
	for i := range rows {
		list[i] = rows[i].export()
	}
	return list
}

// Export implements accounts.ExportReader.
func (s accountsReader) Export(ctx context.Context, user id.User, e id.Export) (accounts.Export, error) {
	var row exportRow
	err := s.conn(ctx).NewSelect().Model(&row).Where("id = ?", e).Where("user_id = ?", user).Scan(ctx)
	if err != nil {
		return accounts.Export{}, missing(err, accounts.ErrExportNotFound)
	}
	return row.export(), nil
}

// Exports implements accounts.ExportReader. IDs were made in the order of time.
func (s accountsReader) Exports(ctx context.Context, user id.User, limit int) ([]accounts.Export, error) {
	if limit < 1 {
		return nil, nil // which bun would take for no limit
	}
	var rows []exportRow
	err := s.conn(ctx).NewSelect().Model(&rows).Where("user_id = ?", user).Order("id DESC").Limit(int64(limit)).Scan(ctx)
	return exportsOf(rows), err
}

// InsertExport implements accounts.ExportTx.
func (t accountsTx) InsertExport(ctx context.Context, e accounts.Export) error {
	if err := checkText(e.Sources...); err != nil {
		return err
	}
	row := newExportRow(e)
	row.State, row.ClaimedUntil = string(accounts.ExportRunning), row.CreatedAt
	n, err := affected(t.tx.NewInsert().Model(row).On("CONFLICT (user_id) WHERE state = 'running' DO NOTHING").Exec(ctx))
	if err == nil && n == 0 {
		err = accounts.ErrExportRunning
	}
	return err
}

// ClaimExport implements accounts.ExportTx.
func (t accountsTx) ClaimExport(ctx context.Context, now, until time.Time) (accounts.Export, error) {
	var row exportRow
	err := t.tx.NewRaw(`
		WITH due AS (
			SELECT id FROM settings_exports
			WHERE state = 'running' AND claimed_until <= ?0 AND expires_at > ?0
			ORDER BY claimed_until, id LIMIT 1 ?2)
		UPDATE settings_exports SET claimed_until = ?1, claim = claim + 1, tries = tries + 1 WHERE id IN (SELECT id FROM due)
		RETURNING `+exportColumns, at(now), at(until), t.db.dialect.skipLocked()).Scan(ctx, &row)
	if err != nil {
		return accounts.Export{}, missing(err, accounts.ErrExportNotFound)
	}
	return row.export(), nil
}

// SaveExport implements accounts.ExportTx.
func (t accountsTx) SaveExport(ctx context.Context, e accounts.Export, until time.Time) error {
	row := newExportRow(e)
	row.ClaimedUntil = at(until)
	n, err := affected(t.tx.NewUpdate().Model(row).
		Column("state", "parts", "records", "tries", "ended_at", "expires_at", "claimed_until").
		Where("id = ?", e.ID).Where("claim = ?", e.Claim).Where("state = 'running'").Exec(ctx))
	if err == nil && n == 0 {
		err = accounts.ErrExportNotFound
	}
	return err
}

// EndExports implements accounts.ExportTx.
func (t accountsTx) EndExports(ctx context.Context, user id.User, now time.Time) (int, error) {
	return affected(t.tx.NewRaw(`
		UPDATE settings_exports SET state = 'ended', ended_at = ?0, expires_at = ?0
		WHERE user_id = ?1 AND state IN ('running', 'ready', 'failed')`, at(now), user).Exec(ctx))
}

// DueExports implements accounts.ExportTx.
func (t accountsTx) DueExports(ctx context.Context, now time.Time, limit int) ([]accounts.Export, error) {
	if limit < 1 {
		return nil, nil
	}
	var rows []exportRow
	err := t.tx.NewSelect().Model(&rows).Where("expires_at <= ?", at(now)).Order("expires_at", "id").Limit(int64(limit)).Scan(ctx)
	return exportsOf(rows), err
}

// RemoveExport implements accounts.ExportTx.
func (t accountsTx) RemoveExport(ctx context.Context, e id.Export, now, again time.Time) error {
	_, err := t.tx.NewRaw(`
		UPDATE settings_exports SET state = 'removed', ended_at = coalesce(ended_at, ?1), expires_at = ?2, parts = '[]'
		WHERE id = ?0`, e, at(now), at(again)).Exec(ctx)
	return err
}

// ForgetExport implements accounts.ExportTx.
func (t accountsTx) ForgetExport(ctx context.Context, e id.Export) error {
	_, err := t.tx.NewRaw(`DELETE FROM settings_exports WHERE id = ?`, e).Exec(ctx)
	return err
}
