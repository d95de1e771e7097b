package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

type emailChangeRow struct {
	bun.BaseModel `bun:"table:settings_email_changes,alias:c"`

	ID          id.EmailChange `bun:"id,pk"`
	User        id.User        `bun:"user_id"`
	Session     id.Session     `bun:"session_id"`
	SignedInAt  stamp          `bun:"signed_in_at"`
	OldEmail    string         `bun:"old_email"`
	OldKey      string         `bun:"old_key"`
	NewEmail    string         `bun:"new_email"`
	NewKey      string         `bun:"new_key"`
	ConfirmHash digest         `bun:"confirm_hash"`
	UndoHash    digest         `bun:"undo_hash"`
	NoticeHash  digest         `bun:"notice_hash"`
	RequestedAt stamp          `bun:"requested_at"`
	ExpiresAt   stamp          `bun:"expires_at"`
	ConfirmedAt stamp          `bun:"confirmed_at"`
	UndoUntil   stamp          `bun:"undo_until"`
}

const emailChangeColumns = "id, user_id, session_id, signed_in_at, old_email, old_key, new_email, new_key, " +
	"confirm_hash, undo_hash, notice_hash, requested_at, expires_at, confirmed_at, undo_until"

func (r *emailChangeRow) change() accounts.EmailChange {
	return accounts.EmailChange{
		ID: r.ID, User: r.User, Session: r.Session, SignedInAt: r.SignedInAt.Time,
		OldEmail: r.OldEmail, OldKey: r.OldKey, NewEmail: r.NewEmail, NewKey: r.NewKey,
		ConfirmHash: accounts.Hash(r.ConfirmHash), UndoHash: accounts.Hash(r.UndoHash), NoticeHash: accounts.Hash(r.NoticeHash),
		RequestedAt: r.RequestedAt.Time, ExpiresAt: r.ExpiresAt.Time,
		ConfirmedAt: r.ConfirmedAt.Time, UndoUntil: r.UndoUntil.Time,
	}
}

// The conditions, in terms of c and of ?0 = now. A request can be confirmed
// while it is pending, the session that made it is signed in, and the person's
// credential is the one it was made under.
const (
	pendingChange     = `c.confirmed_at IS NULL AND c.ended_at IS NULL AND c.expires_at > ?0`
	confirmableChange = pendingChange + ` AND EXISTS (
		SELECT 1 FROM settings_sessions AS s JOIN settings_credentials AS cr ON cr.user_id = s.user_id
		WHERE s.id = c.session_id AND s.user_id = c.user_id AND s.expires_at > ?0
		  AND s.version = cr.version AND cr.version = c.credential_version)`
	undoableChange = `c.ended_at IS NULL AND ((c.confirmed_at IS NULL AND c.expires_at > ?0) OR c.undo_until > ?0)`
)

func selectChange(ctx context.Context, db bun.IDB, sentinel error, query string, args ...any) (accounts.EmailChange, error) {
	var row emailChangeRow
	if err := db.NewRaw(query, args...).Scan(ctx, &row); err != nil {
		return accounts.EmailChange{}, missing(err, sentinel)
	}
	return row.change(), nil
}

// PendingEmailChange implements accounts.Reader.
func (s accountsReader) PendingEmailChange(ctx context.Context, user id.User, now time.Time) (accounts.EmailChange, error) {
	return selectChange(ctx, s.conn(ctx), accounts.ErrNoEmailChange, `
		SELECT `+emailChangeColumns+` FROM settings_email_changes AS c
		WHERE c.user_id = ?1 AND `+confirmableChange, at(now), user)
}

// EmailChangeByHash implements accounts.Reader.
func (s accountsReader) EmailChangeByHash(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.EmailChange, error) {
	return selectChange(ctx, s.conn(ctx), accounts.ErrLinkGone, `
		SELECT `+emailChangeColumns+` FROM settings_email_changes AS c
		WHERE (c.confirm_hash = ?1 OR c.undo_hash = ?1 OR c.notice_hash = ?1)
		  AND ((c.confirm_hash = ?1 AND `+confirmableChange+`) OR (c.confirm_hash <> ?1 AND `+undoableChange+`))`,
		at(now), digest(hash))
}

// InsertEmailChange implements accounts.Tx. The person is locked, because two
// requests at once would both find none to end.
func (t accountsTx) InsertEmailChange(ctx context.Context, c accounts.EmailChange) error {
	if err := checkText(c.OldEmail, c.OldKey, c.NewEmail, c.NewKey); err != nil {
		return err
	}
	if _, err := t.LockUser(ctx, c.User); err != nil {
		return err
	}
	if _, err := t.tx.NewRaw(`
		UPDATE settings_email_changes SET ended_at = ? WHERE user_id = ? AND confirmed_at IS NULL AND ended_at IS NULL`,
		at(c.RequestedAt), c.User).Exec(ctx); err != nil {
		return err
	}
	_, err := t.tx.NewInsert().Model(&emailChangeRow{
		ID: c.ID, User: c.User, Session: c.Session, SignedInAt: at(c.SignedInAt),
		OldEmail: c.OldEmail, OldKey: c.OldKey, NewEmail: c.NewEmail, NewKey: c.NewKey,
		ConfirmHash: digest(c.ConfirmHash), UndoHash: digest(c.UndoHash),
		RequestedAt: at(c.RequestedAt), ExpiresAt: at(c.ExpiresAt),
	}).Value("credential_version",
		"COALESCE((SELECT version FROM settings_credentials WHERE user_id = ?), 0)", c.User).Exec(ctx)
	return err
}

// ConfirmEmailChange implements accounts.Tx.
func (t accountsTx) ConfirmEmailChange(ctx context.Context, hash, notice accounts.Hash, now, undoUntil time.Time) (accounts.EmailChange, error) {
	// The condition reads the credential; without the lock it could be replaced
	// by a transaction that commits before this one does.
	if err := t.lockCredentialOf(ctx, `SELECT user_id FROM settings_email_changes WHERE confirm_hash = ?`, digest(hash)); err != nil {
		return accounts.EmailChange{}, err
	}
	return selectChange(ctx, t.tx, accounts.ErrLinkGone, `
		UPDATE settings_email_changes AS c SET confirmed_at = ?0, undo_until = ?1, notice_hash = ?2
		WHERE c.confirm_hash = ?3 AND `+confirmableChange+`
		RETURNING `+emailChangeColumns, at(now), at(undoUntil), digest(notice), digest(hash))
}

// CancelEmailChange implements accounts.Tx.
func (t accountsTx) CancelEmailChange(ctx context.Context, user id.User, now time.Time) (accounts.EmailChange, error) {
	return selectChange(ctx, t.tx, accounts.ErrNoEmailChange, `
		UPDATE settings_email_changes AS c SET ended_at = ?0
		WHERE c.user_id = ?1 AND `+pendingChange+`
		RETURNING `+emailChangeColumns, at(now), user)
}

// EmailChangeSince implements accounts.Reader.
func (s accountsReader) EmailChangeSince(ctx context.Context, user id.User, since, now time.Time) (accounts.EmailChange, error) {
	return selectChange(ctx, s.conn(ctx), accounts.ErrNoEmailChange, `
		SELECT `+emailChangeColumns+` FROM settings_email_changes AS c
		WHERE c.user_id = ?1 AND c.confirmed_at >= ?2 AND c.undo_until > ?0 AND c.ended_at IS NULL
		ORDER BY c.confirmed_at, c.id LIMIT 1`, at(now), user, at(since))
}

// UndoEmailChange implements accounts.Tx.
func (t accountsTx) UndoEmailChange(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.EmailChange, error) {
	c, err := selectChange(ctx, t.tx, accounts.ErrLinkGone, `
		UPDATE settings_email_changes AS c SET ended_at = ?0
		WHERE (c.undo_hash = ?1 OR c.notice_hash = ?1) AND `+undoableChange+`
		RETURNING `+emailChangeColumns, at(now), digest(hash))
	if err != nil {
		return accounts.EmailChange{}, err
	}
	_, err = t.tx.NewRaw(`
		UPDATE settings_email_changes SET ended_at = ?
		WHERE user_id = ? AND id <> ? AND requested_at >= ? AND ended_at IS NULL`,
		at(now), c.User, c.ID, at(c.RequestedAt)).Exec(ctx)
	return c, err
}

// lockCredentialOf keeps others from changing the credential of the person that
// a query names. On SQLite the transaction is the lock.
func (w writer) lockCredentialOf(ctx context.Context, user string, args ...any) error {
	if w.tx.t.db.dialect == SQLite {
		return nil
	}
	_, err := w.tx.NewRaw(`SELECT version FROM settings_credentials WHERE user_id = (`+user+`) FOR NO KEY UPDATE`, args...).Exec(ctx)
	return err
}
