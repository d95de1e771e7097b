package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type reminderRow struct {
	bun.BaseModel `bun:"table:settings_reminders,alias:r"`

	Org        id.Org  `bun:"org_id,pk"`
	User       id.User `bun:"user_id,pk"`
	GraceUntil stamp   `bun:"grace_until"`
	Reminder   int     `bun:"reminder"`
}

// remindedRow is a member who is to be told. It is not a table.
type remindedRow struct {
	memberRow
	Again bool `bun:"again"`
}

// toldBefore are, in terms of m, reminders of the date ?1 from ?2 on.
const toldBefore = `EXISTS (SELECT 1 FROM settings_reminders AS r
	WHERE r.org_id = m.org_id AND r.user_id = m.user_id AND r.grace_until = ?1 AND r.reminder >= ?2)`

// LockOrgToRemind implements orgs.ReminderTx. The dates say which reminder is due,
// as orgs.Org.Reminder does.
func (t orgsTx) LockOrgToRemind(ctx context.Context, now time.Time) (orgs.Org, error) {
	lock := bun.Safe("")
	if t.db.dialect == Postgres {
		lock = " FOR NO KEY UPDATE OF o SKIP LOCKED" // as LockOrg
	}
	const day = 24 * time.Hour
	var row orgRow
	err := t.tx.NewRaw(`SELECT `+orgColumns+` FROM settings_orgs AS o
		WHERE o.deleted_at IS NULL AND o.require_second_factor AND o.grace_until > ?0
		  AND EXISTS (SELECT 1 FROM settings_members AS m JOIN settings_users AS u ON u.id = m.user_id
			WHERE m.org_id = o.id AND m.state = 'active' AND u.deleted_at IS NULL AND `+noSecondFactor+`
			  AND NOT EXISTS (SELECT 1 FROM settings_reminders AS r
				WHERE r.org_id = m.org_id AND r.user_id = m.user_id AND r.grace_until = o.grace_until
				  AND r.reminder >= CASE WHEN o.grace_until <= ?1 THEN ?3 WHEN o.grace_until <= ?2 THEN ?4 ELSE ?5 END))
		ORDER BY o.grace_until, o.id LIMIT 1`+string(lock),
		at(now.Add(-orgs.RemindedLate)), at(now.Add(day)), at(now.Add(7*day)),
		int(orgs.DayLeft), int(orgs.WeekLeft), int(orgs.Announced)).Scan(ctx, &row)
	if err != nil {
		return orgs.Org{}, missing(err, orgs.ErrOrgNotFound)
	}
	return row.org(), nil
}

// TakeReminders implements orgs.ReminderTx.
func (t orgsTx) TakeReminders(ctx context.Context, o orgs.Org, now time.Time, limit int) ([]orgs.Reminded, error) {
	due := o.Reminder(now)
	if due == 0 || limit < 1 {
		return nil, nil
	}
	var rows []remindedRow
	err := t.tx.NewRaw(`SELECT `+memberColumns+`, EXISTS (SELECT 1 FROM settings_reminders AS r
			WHERE r.org_id = m.org_id AND r.user_id = m.user_id AND r.grace_until = ?1) AS again`+memberFrom+`?0
		AND m.state = 'active' AND `+noSecondFactor+` AND NOT `+toldBefore+` ORDER BY m.name_key, m.user_id LIMIT ?3`,
		o.ID, at(o.GraceUntil), int(due), limit).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	list, told := make([]orgs.Reminded, len(rows)), make([]reminderRow, len(rows))
	for i := range rows {
		list[i] = orgs.Reminded{MemberView: rows[i].view(), Again: rows[i].Again}
		told[i] = reminderRow{Org: o.ID, User: rows[i].User, GraceUntil: at(o.GraceUntil), Reminder: int(due)}
	}
	_, err = t.tx.NewInsert().Model(&told).On("CONFLICT (org_id, user_id) DO UPDATE").
		Set("grace_until = EXCLUDED.grace_until").Set("reminder = EXCLUDED.reminder").Exec(ctx)
	return list, err
}
