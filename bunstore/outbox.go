package bunstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// maxReason is how many bytes of why a letter failed are kept.
const maxReason = 1024

type outbox struct{ db *DB }

type letterRow struct {
	bun.BaseModel `bun:"table:settings_outbox,alias:o"`

	ID         id.Mail `bun:"id,pk"`
	Kind       string  `bun:"kind"`
	ToAddress  string  `bun:"to_address"`
	ToName     string  `bun:"to_name"`
	ToLocale   string  `bun:"to_locale"`
	ToTimezone string  `bun:"to_timezone"`
	Urgency    int     `bun:"urgency"`
	Sealed     []byte  `bun:"sealed"`
	CreatedAt  stamp   `bun:"created_at"`
	DueAt      stamp   `bun:"due_at"`
	Attempts   int     `bun:"attempts"`
	Reason     string  `bun:"reason"`
}

const letterColumns = "id, kind, to_address, to_name, to_locale, to_timezone, urgency, sealed, created_at, due_at, attempts, reason"

func (r *letterRow) envelope() mail.Envelope {
	return mail.Envelope{
		ID: r.ID, Kind: r.Kind,
		To:      mail.Recipient{Address: r.ToAddress, Name: r.ToName, Locale: r.ToLocale, Timezone: r.ToTimezone},
		Urgency: mail.Urgency(r.Urgency), Sealed: r.Sealed,
		CreatedAt: r.CreatedAt.Time, DueAt: r.DueAt.Time, Attempts: r.Attempts,
	}
}

var insertLetter = newInsert("settings_outbox", letterColumns)

func enqueueMail(ctx context.Context, sc *scope, e mail.Envelope) error {
	if err := checkText(e.Kind, e.To.Address, e.To.Name, e.To.Locale, e.To.Timezone); err != nil {
		return err
	}
	sealed := e.Sealed
	if sealed == nil {
		sealed = []byte{} // NULL means blanked
	}
	return sc.later(ctx, insertLetter, e.ID, e.Kind, e.To.Address, e.To.Name, e.To.Locale, e.To.Timezone,
		int(e.Urgency), sealed, at(e.CreatedAt), at(e.DueAt), e.Attempts, "")
}

// ClaimMail implements mail.Store.
func (s outbox) ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]mail.Envelope, error) {
	if limit < 1 {
		return nil, nil
	}
	var rows []letterRow
	err := s.db.Conn(ctx).NewRaw(`
		WITH due AS (
			SELECT id FROM settings_outbox
			WHERE done_at IS NULL AND due_at <= ?0 AND (leased_until IS NULL OR leased_until <= ?0)
			ORDER BY urgency, created_at, id LIMIT ?1 ?2)
		UPDATE settings_outbox SET leased_until = ?3 WHERE id IN (SELECT id FROM due)
		RETURNING `+letterColumns,
		at(now), limit, s.db.dialect.skipLocked(), at(now.Add(lease))).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	// RETURNING keeps no order.
	slices.SortFunc(rows, func(a, b letterRow) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), a.CreatedAt.Compare(b.CreatedAt.Time), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	letters := make([]mail.Envelope, len(rows))
	for i := range rows {
		letters[i] = rows[i].envelope()
	}
	return letters, nil
}

// MailSent implements mail.Store. A letter that is done already stays as it is.
func (s outbox) MailSent(ctx context.Context, letter id.Mail, now time.Time) error {
	_, err := s.db.Conn(ctx).NewRaw(`
		UPDATE settings_outbox SET done_at = ?, outcome = 'sent', sealed = NULL, leased_until = NULL
		WHERE id = ? AND done_at IS NULL`, at(now), letter).Exec(ctx)
	return err
}

// MailFailed implements mail.Store. A letter that is done already stays as it is.
func (s outbox) MailFailed(ctx context.Context, letter id.Mail, now, next time.Time, reason string) error {
	q := s.db.Conn(ctx).NewUpdate().Model((*letterRow)(nil)).
		Set("attempts = attempts + 1").Set("leased_until = NULL").Set("reason = ?", clean(reason, maxReason)).
		Where("id = ?", letter).Where("done_at IS NULL")
	if next.IsZero() {
		q = q.Set("done_at = ?", at(now)).Set("outcome = 'given_up'").Set("sealed = NULL")
	} else {
		q = q.Set("due_at = ?", at(next))
	}
	_, err := q.Exec(ctx)
	return err
}

// OldestDueMail implements mail.Store. A letter that is being delivered is not
// waiting; one whose lease ran out is, and has been since it was due.
func (s outbox) OldestDueMail(ctx context.Context, now time.Time) (time.Time, error) {
	var due stamp
	err := s.db.reader(ctx).NewRaw(`
		SELECT min(due_at) FROM settings_outbox
		WHERE done_at IS NULL AND due_at <= ?0 AND (leased_until IS NULL OR leased_until <= ?0)`, at(now)).Scan(ctx, &due)
	return due.Time, err
}

// PurgeMail implements mail.Store.
func (s outbox) PurgeMail(ctx context.Context, before time.Time) (int, error) {
	return affected(s.db.Conn(ctx).NewRaw(`DELETE FROM settings_outbox WHERE done_at < ?`, at(before)).Exec(ctx))
}
