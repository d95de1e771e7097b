package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type ceremonyRow struct {
	bun.BaseModel `bun:"table:settings_ceremonies,alias:c"`

	Challenge digest     `bun:"challenge,pk"`
	Purpose   string     `bun:"purpose"`
	User      id.User    `bun:"user_id"`
	Session   id.Session `bun:"session_id"`
	Pending   digest     `bun:"pending_hash"`
	Data      []byte     `bun:"data"`
	ExpiresAt stamp      `bun:"expires_at"`
}

const ceremonyColumns = "challenge, purpose, user_id, session_id, pending_hash, data, expires_at"

// InsertCeremony implements security.FactorTx.
func (t securityTx) InsertCeremony(ctx context.Context, c security.Ceremony) error {
	if err := checkText(string(c.Purpose)); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(&ceremonyRow{
		Challenge: digest(c.Challenge), Purpose: string(c.Purpose), User: c.User, Session: c.Session,
		Pending: digest(c.Pending), Data: notNull(c.Data), ExpiresAt: at(c.ExpiresAt),
	}).Exec(ctx)
	return err
}

// SpendCeremony implements security.FactorTx.
func (t securityTx) SpendCeremony(ctx context.Context, challenge security.Hash, now time.Time) (security.Ceremony, error) {
	var row ceremonyRow
	err := t.tx.NewRaw(`DELETE FROM settings_ceremonies WHERE challenge = ? AND expires_at > ? RETURNING `+ceremonyColumns,
		digest(challenge), at(now)).Scan(ctx, &row)
	if err != nil {
		return security.Ceremony{}, missing(err, security.ErrCeremonyGone)
	}
	return security.Ceremony{
		Challenge: security.Hash(row.Challenge), Purpose: security.Purpose(row.Purpose), User: row.User, Session: row.Session,
		Pending: security.Hash(row.Pending), Data: row.Data, ExpiresAt: row.ExpiresAt.Time,
	}, nil
}
