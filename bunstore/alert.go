package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type alertRow struct {
	bun.BaseModel `bun:"table:settings_alerts,alias:a"`

	Hash       digest  `bun:"token_hash,pk"`
	User       id.User `bun:"user_id"`
	SignedInAt stamp   `bun:"signed_in_at"`
	ExpiresAt  stamp   `bun:"expires_at"`
}

const alertColumns = "token_hash, user_id, signed_in_at, expires_at"

var insertAlert = newInsert("settings_alerts", alertColumns)

func (r *alertRow) alert() security.Alert {
	return security.Alert{Hash: security.Hash(r.Hash), User: r.User, SignedInAt: r.SignedInAt.Time, ExpiresAt: r.ExpiresAt.Time}
}

// AlertByHash implements security.FactorReader.
func (s securityReader) AlertByHash(ctx context.Context, hash security.Hash, now time.Time) (security.Alert, error) {
	var row alertRow
	err := s.conn(ctx).NewSelect().Model(&row).
		Where("token_hash = ?", digest(hash)).Where("spent_at IS NULL").Where("expires_at > ?", at(now)).Scan(ctx)
	if err != nil {
		return security.Alert{}, missing(err, security.ErrLinkGone)
	}
	return row.alert(), nil
}

// InsertAlert implements security.FactorTx.
func (t securityTx) InsertAlert(ctx context.Context, a security.Alert) error {
	return t.tx.later(ctx, insertAlert, digest(a.Hash), a.User, at(a.SignedInAt), at(a.ExpiresAt))
}

// SpendAlert implements security.FactorTx.
func (t securityTx) SpendAlert(ctx context.Context, hash security.Hash, now time.Time) (security.Alert, error) {
	var row alertRow
	err := t.tx.NewRaw(`
		UPDATE settings_alerts SET spent_at = ?0 WHERE token_hash = ?1 AND spent_at IS NULL AND expires_at > ?0
		RETURNING `+alertColumns, at(now), digest(hash)).Scan(ctx, &row)
	if err != nil {
		return security.Alert{}, missing(err, security.ErrLinkGone)
	}
	return row.alert(), nil
}
