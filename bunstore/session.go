package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// maxUserAgent is how many bytes of a user agent are kept.
const maxUserAgent = 512

type sessionRow struct {
	bun.BaseModel `bun:"table:settings_sessions,alias:s"`

	ID           id.Session `bun:"id,pk"`
	TokenHash    digest     `bun:"token_hash"`
	User         id.User    `bun:"user_id"`
	Method       string     `bun:"method"`
	Connection   string     `bun:"connection"`
	Version      int64      `bun:"version"`
	PasswordAt   stamp      `bun:"password_at"`
	TOTPAt       stamp      `bun:"totp_at"`
	BackupCodeAt stamp      `bun:"backup_code_at"`
	PasskeyAt    stamp      `bun:"passkey_at"`
	EmailCodeAt  stamp      `bun:"email_code_at"`
	SSOAt        stamp      `bun:"sso_at"`
	IP           address    `bun:"ip"`
	UserAgent    string     `bun:"user_agent"`
	SignedInAt   stamp      `bun:"signed_in_at"`
	LastUsedAt   stamp      `bun:"last_used_at"`
	ExpiresAt    stamp      `bun:"expires_at"`
}

const sessionColumns = "id, token_hash, user_id, method, connection, version, " +
	"password_at, totp_at, backup_code_at, passkey_at, email_code_at, sso_at, " +
	"ip, user_agent, signed_in_at, last_used_at, expires_at"

var (
	insertSession = newInsert("settings_sessions", sessionColumns)
	trimSessions  = newStatement(`
		DELETE FROM settings_sessions WHERE user_id = $1 AND id NOT IN (
			SELECT id FROM settings_sessions WHERE user_id = $1 ORDER BY signed_in_at DESC, id DESC LIMIT $2)`)
	renewSession = newStatement(`
		UPDATE settings_sessions SET version = $3, password_at = $4, totp_at = $5, backup_code_at = $6, passkey_at = $7,
			email_code_at = $8, sso_at = $9, token_hash = COALESCE($10, token_hash)
		WHERE id = $1 AND user_id = $2`)
)

func newSessionRow(s security.Session, hash security.Hash) *sessionRow {
	return &sessionRow{
		ID: s.ID, TokenHash: digest(hash), User: s.User, Method: string(s.Method), Connection: s.Connection, Version: s.Version,
		PasswordAt: at(s.Proofs.Password), TOTPAt: at(s.Proofs.TOTP), BackupCodeAt: at(s.Proofs.BackupCode),
		PasskeyAt: at(s.Proofs.Passkey), EmailCodeAt: at(s.Proofs.EmailCode), SSOAt: at(s.Proofs.SSO),
		IP: address{s.IP}, UserAgent: clean(s.UserAgent, maxUserAgent),
		SignedInAt: at(s.SignedInAt), LastUsedAt: at(s.LastUsedAt), ExpiresAt: at(s.ExpiresAt),
	}
}

func (r *sessionRow) session() security.Session {
	return security.Session{
		ID: r.ID, User: r.User, Method: audit.Factor(r.Method), Connection: r.Connection, Version: r.Version,
		Proofs: audit.Proofs{
			Password: r.PasswordAt.Time, TOTP: r.TOTPAt.Time, BackupCode: r.BackupCodeAt.Time,
			Passkey: r.PasskeyAt.Time, EmailCode: r.EmailCodeAt.Time, SSO: r.SSOAt.Time,
		},
		IP: r.IP.Addr, UserAgent: r.UserAgent,
		SignedInAt: r.SignedInAt.Time, LastUsedAt: r.LastUsedAt.Time, ExpiresAt: r.ExpiresAt.Time,
	}
}

// Sessions implements security.Reader. When the session to continue behind is
// gone meanwhile, its ID, which was made at sign-in, takes its place.
func (s securityReader) Sessions(ctx context.Context, user id.User, now, idleSince time.Time, after id.Session, limit int) ([]security.Session, error) {
	if limit < 1 {
		return nil, nil
	}
	db := s.conn(ctx)
	var rows []sessionRow
	q := db.NewSelect().Model(&rows).
		Join("JOIN settings_credentials AS c ON c.user_id = s.user_id AND c.version = s.version").
		Where("s.user_id = ?", user).Where("s.expires_at > ?", at(now)).Where("s.last_used_at > ?", at(idleSince)).
		Order("s.signed_in_at DESC", "s.id DESC").Limit(int64(limit))
	if !after.IsZero() {
		var position stamp
		err := db.NewSelect().Model((*sessionRow)(nil)).Column("signed_in_at").
			Where("id = ?", after).Where("user_id = ?", user).Scan(ctx, &position)
		switch {
		case err == nil:
			q = q.Where("(s.signed_in_at, s.id) < (?, ?)", position, after)
		case errors.Is(err, sql.ErrNoRows):
			q = q.Where("s.id < ?", after)
		default:
			return nil, err
		}
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	list := make([]security.Session, len(rows))
	for i := range rows {
		list[i] = rows[i].session()
	}
	return list, nil
}

// InsertSession implements security.Tx.
func (t securityTx) InsertSession(ctx context.Context, s security.Session, hash security.Hash) error {
	if err := checkText(s.Connection); err != nil {
		return err
	}
	r := newSessionRow(s, hash)
	return t.tx.later(ctx, insertSession, r.ID, r.TokenHash, r.User, r.Method, r.Connection, r.Version,
		r.PasswordAt, r.TOTPAt, r.BackupCodeAt, r.PasskeyAt, r.EmailCodeAt, r.SSOAt,
		r.IP, r.UserAgent, r.SignedInAt, r.LastUsedAt, r.ExpiresAt)
}

// RenewSession implements security.Tx.
func (t securityTx) RenewSession(ctx context.Context, s security.Session, hash security.Hash) error {
	r := newSessionRow(s, hash)
	n, err := affected(t.tx.run(renewSession, r.ID, r.User, r.Version,
		r.PasswordAt, r.TOTPAt, r.BackupCodeAt, r.PasskeyAt, r.EmailCodeAt, r.SSOAt, r.TokenHash).Exec(ctx))
	if err == nil && n == 0 {
		err = security.ErrSessionNotFound
	}
	return err
}

// TouchSession implements security.Tx.
func (t securityTx) TouchSession(ctx context.Context, session id.Session, ip netip.Addr, userAgent string, now, notSince time.Time) (bool, error) {
	n, err := affected(t.tx.NewRaw(`
		UPDATE settings_sessions SET last_used_at = ?, ip = ?, user_agent = ?
		WHERE id = ? AND last_used_at <= ?`,
		at(now), address{ip}, clean(userAgent, maxUserAgent), session, at(notSince)).Exec(ctx))
	return n == 1, err
}

// HoldSession implements security.Tx.
func (t securityTx) HoldSession(ctx context.Context, user id.User, session id.Session) error {
	lock := " FOR NO KEY UPDATE"
	if t.tx.t.db.dialect == SQLite {
		lock = "" // the transaction is the lock
	}
	var one int
	err := t.tx.NewRaw(`SELECT 1 FROM settings_sessions WHERE id = ? AND user_id = ?`+lock, session, user).Scan(ctx, &one)
	return missing(err, security.ErrSessionNotFound)
}

// RevokeSession implements security.Tx.
func (t securityTx) RevokeSession(ctx context.Context, user id.User, session id.Session) (security.Session, error) {
	var row sessionRow
	err := t.tx.NewRaw(`DELETE FROM settings_sessions WHERE id = ? AND user_id = ? RETURNING `+sessionColumns,
		session, user).Scan(ctx, &row)
	if err != nil {
		return security.Session{}, missing(err, security.ErrSessionNotFound)
	}
	return row.session(), nil
}

// RevokeSessions implements security.Tx.
func (t securityTx) RevokeSessions(ctx context.Context, user id.User, except id.Session) (int, error) {
	q := t.tx.NewDelete().Model((*sessionRow)(nil)).Where("user_id = ?", user)
	if !except.IsZero() {
		q = q.Where("id <> ?", except)
	}
	return affected(q.Exec(ctx))
}

// TrimSessions implements security.Tx.
func (t securityTx) TrimSessions(ctx context.Context, user id.User, keep int) (int, error) {
	return affected(t.tx.run(trimSessions, user, max(keep, 0)).Exec(ctx))
}
