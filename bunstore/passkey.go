package bunstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

type passkeyRow struct {
	bun.BaseModel `bun:"table:settings_passkeys,alias:k"`

	ID           id.Factor `bun:"id,pk"`
	User         id.User   `bun:"user_id"`
	Name         string    `bun:"name"`
	CredentialID []byte    `bun:"credential_id"`
	Data         []byte    `bun:"data"`
	SignCount    int64     `bun:"sign_count"` // bun writes a uint32 as an int32
	BackedUp     bool      `bun:"backed_up"`
	CreatedAt    stamp     `bun:"created_at"`
	LastUsedAt   stamp     `bun:"last_used_at"`
}

const columnsOfPasskeys = "id, user_id, name, credential_id, data, sign_count, backed_up, created_at, last_used_at" //nolint:gosec // names of columns

func newPasskeyRow(p security.Passkey) *passkeyRow {
	return &passkeyRow{
		ID: p.ID, User: p.User, Name: p.Name, CredentialID: p.CredentialID, Data: notNull(p.Data),
		SignCount: int64(p.SignCount), BackedUp: p.BackedUp, CreatedAt: at(p.CreatedAt), LastUsedAt: at(p.LastUsedAt),
	}
}

func (r *passkeyRow) passkey() security.Passkey {
	return security.Passkey{
		ID: r.ID, User: r.User, Name: r.Name, CredentialID: r.CredentialID, Data: r.Data,
		SignCount: uint32(r.SignCount), //nolint:gosec // checked by the schema
		BackedUp:  r.BackedUp, CreatedAt: r.CreatedAt.Time, LastUsedAt: r.LastUsedAt.Time,
	}
}

// notNull returns data that is not NULL in a column.
func notNull(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// Passkeys implements security.FactorReader.
func (s securityReader) Passkeys(ctx context.Context, user id.User) ([]security.Passkey, error) {
	var rows []passkeyRow
	err := s.conn(ctx).NewSelect().Model(&rows).Where("user_id = ?", user).Order("created_at", "id").Scan(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]security.Passkey, len(rows))
	for i := range rows {
		list[i] = rows[i].passkey()
	}
	return list, nil
}

// InsertPasskey implements security.FactorTx. Whoever holds LockPerson decides by
// how many there are, so this and DeletePasskey wait for them.
func (t securityTx) InsertPasskey(ctx context.Context, p security.Passkey) error {
	if err := checkText(p.Name); err != nil {
		return err
	}
	if err := t.lockCredential(ctx, p.User); err != nil {
		return err
	}
	n, err := affected(t.tx.NewInsert().Model(newPasskeyRow(p)).On("CONFLICT (credential_id) DO NOTHING").Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrPasskeyTaken
	}
	return err
}

// UsePasskey implements security.FactorTx.
func (t securityTx) UsePasskey(ctx context.Context, p security.Passkey, counted uint32) (bool, error) {
	n, err := affected(t.tx.NewUpdate().Model(newPasskeyRow(p)).Column("data", "sign_count", "backed_up", "last_used_at").
		Where("id = ?", p.ID).Where("user_id = ?", p.User).Where("sign_count = ?", int64(counted)).Exec(ctx))
	return n == 1, err
}

// RenamePasskey implements security.FactorTx.
func (t securityTx) RenamePasskey(ctx context.Context, user id.User, passkey id.Factor, name string) error {
	if err := checkText(name); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_passkeys SET name = ? WHERE id = ? AND user_id = ?`, name, passkey, user).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrFactorNotFound
	}
	return err
}

// DeletePasskey implements security.FactorTx.
func (t securityTx) DeletePasskey(ctx context.Context, user id.User, passkey id.Factor) (security.Passkey, error) {
	if err := t.lockCredential(ctx, user); err != nil {
		return security.Passkey{}, err
	}
	var row passkeyRow
	err := t.tx.NewRaw(`DELETE FROM settings_passkeys WHERE id = ? AND user_id = ? RETURNING `+columnsOfPasskeys, passkey, user).
		Scan(ctx, &row)
	if err != nil {
		return security.Passkey{}, missing(err, security.ErrFactorNotFound)
	}
	return row.passkey(), nil
}
