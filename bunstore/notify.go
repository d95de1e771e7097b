package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
)

// notifyPersonRow is a person as mails know somebody. It is not the whole table.
type notifyPersonRow struct {
	bun.BaseModel `bun:"table:settings_users,alias:u"`

	ID        id.User `bun:"id,pk"`
	Name      string  `bun:"name"`
	Email     string  `bun:"email"`
	EmailKey  string  `bun:"email_key"`
	Timezone  string  `bun:"timezone"`
	Locale    string  `bun:"locale"`
	CreatedAt stamp   `bun:"created_at"`
}

func (r *notifyPersonRow) person() notify.Person {
	return notify.Person{
		ID: r.ID, Name: r.Name, Email: r.Email, EmailKey: r.EmailKey,
		Timezone: r.Timezone, Locale: r.Locale, CreatedAt: r.CreatedAt.Time,
	}
}

// choiceRow is what somebody has chosen about a kind of mail.
type choiceRow struct {
	bun.BaseModel `bun:"table:settings_mail_choices,alias:c"`

	User     id.User `bun:"user_id,pk"`
	Category string  `bun:"category,pk"`
	Enabled  bool    `bun:"enabled"`
	ChosenAt stamp   `bun:"chosen_at"`
}

func (s notifyReader) person(ctx context.Context, user id.User, lock bool) (notify.Person, error) {
	var row notifyPersonRow
	q := s.conn(ctx).NewSelect().Model(&row).Where("u.id = ?", user).Where("u.deleted_at IS NULL")
	if lock {
		q = q.For("NO KEY UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return notify.Person{}, missing(err, notify.ErrPersonNotFound)
	}
	return row.person(), nil
}

// Person implements notify.Reader.
func (s notifyReader) Person(ctx context.Context, user id.User) (notify.Person, error) {
	return s.person(ctx, user, false)
}

// LockPerson implements notify.Tx. On SQLite the transaction itself is the lock.
func (t notifyTx) LockPerson(ctx context.Context, user id.User) (notify.Person, error) {
	return t.person(ctx, user, t.db.dialect == Postgres)
}

// Choices implements notify.Reader.
func (s notifyReader) Choices(ctx context.Context, user id.User) (map[notify.Category]bool, error) {
	var rows []choiceRow
	if err := s.conn(ctx).NewSelect().Model(&rows).Where("c.user_id = ?", user).Scan(ctx); err != nil {
		return nil, err
	}
	choices := make(map[notify.Category]bool, len(rows))
	for i := range rows {
		choices[notify.Category(rows[i].Category)] = rows[i].Enabled
	}
	return choices, nil
}

// SetChoice implements notify.Tx.
func (t notifyTx) SetChoice(ctx context.Context, user id.User, c notify.Category, enabled bool, now time.Time) error {
	if _, err := t.Person(ctx, user); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(&choiceRow{User: user, Category: string(c), Enabled: enabled, ChosenAt: at(now)}).
		On("CONFLICT (user_id, category) DO UPDATE").Set("enabled = excluded.enabled").Set("chosen_at = excluded.chosen_at").Exec(ctx)
	return err
}

// ForgetPerson implements notify.Tx.
func (t notifyTx) ForgetPerson(ctx context.Context, user id.User) error {
	_, err := t.tx.NewDelete().Model((*choiceRow)(nil)).Where("user_id = ?", user).Exec(ctx)
	return err
}
