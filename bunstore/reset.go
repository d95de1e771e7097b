package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type resetRow struct {
	bun.BaseModel `bun:"table:settings_resets,alias:r"`

	Address   digest  `bun:"address_key,pk"`
	Hash      digest  `bun:"token_hash"`
	User      id.User `bun:"user_id"`
	Version   int64   `bun:"version"`
	CreatedAt stamp   `bun:"created_at"`
	ExpiresAt stamp   `bun:"expires_at"`
}

const resetColumns = "address_key, token_hash, user_id, version, created_at, expires_at"

// spendableReset is the condition, in terms of r and of ?0 = now and ?1 = hash.
// That the link is the newest of its address goes without saying: there is one
// row for each. One that was made for a former address of the person is void by
// its version.
const spendableReset = `r.token_hash = ?1 AND r.spent_at IS NULL AND r.expires_at > ?0 AND EXISTS (
	SELECT 1 FROM settings_credentials AS c JOIN settings_users AS u ON u.id = c.user_id
	WHERE c.user_id = r.user_id AND c.version = r.version AND ` + mayEnter + `)`

func (r *resetRow) reset() security.Reset {
	return security.Reset{
		Address: security.Hash(r.Address), Hash: security.Hash(r.Hash), User: r.User, Version: r.Version,
		CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
}

// ResetByHash implements security.Reader.
func (s securityReader) ResetByHash(ctx context.Context, hash security.Hash, now time.Time) (security.Reset, error) {
	var row resetRow
	err := s.conn(ctx).NewRaw(`SELECT `+resetColumns+` FROM settings_resets AS r WHERE `+spendableReset,
		at(now), digest(hash)).Scan(ctx, &row)
	if err != nil {
		return security.Reset{}, missing(err, security.ErrLinkGone)
	}
	return row.reset(), nil
}

// InsertReset implements security.Tx. It is one statement, and waits for one row,
// for somebody and for nobody alike.
func (t securityTx) InsertReset(ctx context.Context, r security.Reset) error {
	_, err := t.tx.NewInsert().Model(&resetRow{
		Address: digest(r.Address), Hash: digest(r.Hash), User: r.User, Version: r.Version,
		CreatedAt: at(r.CreatedAt), ExpiresAt: at(r.ExpiresAt),
	}).On(`CONFLICT (address_key) DO UPDATE`).
		Set("token_hash = EXCLUDED.token_hash").Set("user_id = EXCLUDED.user_id").Set("version = EXCLUDED.version").
		Set("created_at = EXCLUDED.created_at").Set("expires_at = EXCLUDED.expires_at").Set("spent_at = NULL").
		Exec(ctx)
	return err
}

// SpendReset implements security.Tx. The credential is locked first, because the
// condition reads it: a change of password that commits meanwhile must void the
// link, and not be overwritten by it.
func (t securityTx) SpendReset(ctx context.Context, hash security.Hash, now time.Time) (security.Reset, error) {
	if err := t.lockCredentialOf(ctx, `SELECT user_id FROM settings_resets WHERE token_hash = ?`, digest(hash)); err != nil {
		return security.Reset{}, err
	}
	var row resetRow
	err := t.tx.NewRaw(`UPDATE settings_resets AS r SET spent_at = ?0 WHERE `+spendableReset+` RETURNING `+resetColumns,
		at(now), digest(hash)).Scan(ctx, &row)
	if err != nil {
		return security.Reset{}, missing(err, security.ErrLinkGone)
	}
	return row.reset(), nil
}
