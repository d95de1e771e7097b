package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

type purgeRow struct {
	bun.BaseModel `bun:"table:settings_purges,alias:p"`

	ID           id.Receipt `bun:"id,pk"`
	Kind         string     `bun:"kind"`
	Subject      id.User    `bun:"subject"` // or of an organization: the bytes are what counts
	Step         int        `bun:"step"`
	Removed      string     `bun:"removed"`
	StartedAt    stamp      `bun:"started_at"`
	ClaimedUntil stamp      `bun:"claimed_until"`
	FinishedAt   stamp      `bun:"finished_at"`
}

func newPurgeRow(p accounts.Purge) (*purgeRow, error) {
	removed, err := json.Marshal(p.Removed)
	if err != nil {
		return nil, err
	}
	if p.Removed == nil {
		removed = []byte("{}")
	}
	return &purgeRow{
		ID: p.ID, Kind: string(p.Kind), Subject: id.User(p.Subject), Step: p.Step, Removed: string(removed),
		StartedAt: at(p.StartedAt), ClaimedUntil: at(p.ClaimedUntil), FinishedAt: at(p.FinishedAt),
	}, nil
}

func (r *purgeRow) purge() (accounts.Purge, error) {
	p := accounts.Purge{
		ID: r.ID, Kind: accounts.PurgeKind(r.Kind), Subject: accounts.Subject(r.Subject), Step: r.Step,
		Removed:   accounts.Removed{},
		StartedAt: r.StartedAt.Time, ClaimedUntil: r.ClaimedUntil.Time, FinishedAt: r.FinishedAt.Time,
	}
	if err := json.Unmarshal([]byte(r.Removed), &p.Removed); err != nil {
		return p, fmt.Errorf("bunstore: what was removed: %w", err)
	}
	return p, nil
}

// PurgeBegun implements accounts.DeletionReader.
func (s accountsReader) PurgeBegun(ctx context.Context, subject accounts.Subject) (begun bool, err error) {
	err = s.conn(ctx).NewRaw(`SELECT EXISTS (SELECT 1 FROM settings_purges WHERE subject = ?)`, uuid.UUID(subject).String()).Scan(ctx, &begun)
	return begun, err
}

// Receipts implements accounts.DeletionReader.
func (s accountsReader) Receipts(ctx context.Context, after id.Receipt, limit int) ([]accounts.Purge, error) {
	var rows []purgeRow
	q := s.conn(ctx).NewSelect().Model(&rows).Where("p.finished_at IS NOT NULL").Order("p.id").Limit(int64(max(limit, 0)))
	if limit < 1 {
		return nil, nil
	}
	if !after.IsZero() {
		q = q.Where("p.id > ?", after)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	list := make([]accounts.Purge, len(rows))
	for i := range rows {
		p, err := rows[i].purge()
		if err != nil {
			return nil, err
		}
		list[i] = p
	}
	return list, nil
}

// InsertPurge implements accounts.DeletionTx.
func (t accountsTx) InsertPurge(ctx context.Context, p accounts.Purge) error {
	row, err := newPurgeRow(p)
	if err != nil {
		return err
	}
	if _, err := t.tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	if p.Kind != accounts.PurgeUser {
		return nil
	}
	_, err = t.tx.NewRaw(`UPDATE settings_users SET purge_at = NULL WHERE id = ? AND deleted_at IS NOT NULL`, row.Subject).Exec(ctx)
	return err
}

// ClaimPurge implements accounts.DeletionTx.
func (t accountsTx) ClaimPurge(ctx context.Context, subject accounts.Subject, now, until time.Time) (accounts.Purge, error) {
	var row purgeRow
	err := t.tx.NewRaw(`UPDATE settings_purges SET claimed_until = ? WHERE subject = ? AND claimed_until <= ? RETURNING *`,
		at(until), uuid.UUID(subject).String(), at(now)).Scan(ctx, &row)
	if err != nil {
		return accounts.Purge{}, missing(err, accounts.ErrNoPurge)
	}
	return row.purge()
}

// AdvancePurge implements accounts.DeletionTx.
func (t accountsTx) AdvancePurge(ctx context.Context, p accounts.Purge) error {
	if !p.FinishedAt.IsZero() {
		p.Subject = accounts.Subject{}
	}
	row, err := newPurgeRow(p)
	if err != nil {
		return err
	}
	n, err := affected(t.tx.NewUpdate().Model(row).Column("subject", "step", "removed", "claimed_until", "finished_at").
		Where("id = ?", p.ID).Where("step = ?", p.Step-1).Where("finished_at IS NULL").Exec(ctx))
	if err == nil && n == 0 {
		err = accounts.ErrNoPurge
	}
	return err
}
