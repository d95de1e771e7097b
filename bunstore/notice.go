package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
)

// noticeRow is a mail about an organization that was sent.
type noticeRow struct {
	bun.BaseModel `bun:"table:settings_notices,alias:n"`

	Org     id.Org `bun:"org_id,pk"`
	Kind    string `bun:"kind,pk"`
	Name    string `bun:"name,pk"`
	Cycle   string `bun:"cycle,pk"`
	NotedAt stamp  `bun:"noted_at"`
}

// NoteOnce implements notify.Tx.
func (t notifyTx) NoteOnce(ctx context.Context, n notify.Notice, now time.Time) (bool, error) {
	if err := checkText(n.Kind, n.Name, n.Cycle); err != nil {
		return false, err
	}
	rows, err := affected(t.tx.NewInsert().
		Model(&noticeRow{Org: n.Org, Kind: n.Kind, Name: n.Name, Cycle: n.Cycle, NotedAt: at(now)}).
		On("CONFLICT DO NOTHING").Exec(ctx))
	return rows == 1, err
}

// PurgeNotices implements notify.Tx.
func (t notifyTx) PurgeNotices(ctx context.Context, before time.Time, limit int) (int, error) {
	return t.purge(ctx, limit, []purging{{"settings_notices", "org_id, kind, name, cycle", "noted_at < ?2", at(before)}})
}
