package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/aegisrunner/account-settings/security"
)

// loginSQL is the statement that authenticates a request, without its argument.
const loginSQL = `SELECT s.id, s.user_id, s.method, s.connection, s.version,
	s.password_at, s.totp_at, s.backup_code_at, s.passkey_at, s.email_code_at, s.sso_at,
	s.ip, s.user_agent, s.signed_in_at, s.last_used_at, s.expires_at,
	u.name, u.email, u.timezone, u.locale, u.purge_at,
	c.password_hash IS NOT NULL, c.password_changed_at, COALESCE(c.version, 0),
	EXISTS (SELECT 1 FROM settings_totp AS t WHERE t.user_id = s.user_id AND t.confirmed_at IS NOT NULL),
	(SELECT count(*) FROM settings_passkeys AS k WHERE k.user_id = s.user_id)
FROM settings_sessions AS s
JOIN settings_users AS u ON u.id = s.user_id
LEFT JOIN settings_credentials AS c ON c.user_id = s.user_id
WHERE ` + mayEnter + ` AND s.token_hash = `

// LoginByToken implements security.Reader. Outside of transactions the statement
// is prepared once on every connection, by the driver or else by database/sql, and
// bun is passed by, which takes half the time: every request of every signed-in
// person comes through here.
func (s securityReader) LoginByToken(ctx context.Context, hash security.Hash) (security.Login, error) {
	if s.sc == nil && s.db.scope(ctx) == nil {
		return s.db.loginByToken(ctx, hash)
	}
	return scanLogin(s.conn(ctx).QueryRowContext(ctx, loginSQL+"?", digest(hash)))
}

func (d *DB) loginByToken(ctx context.Context, hash security.Hash) (security.Login, error) {
	if !d.login.off {
		login, err := d.preparedLogin(ctx, hash)
		if !stale(err) {
			return login, err
		}
	}
	// By bun, as pgx would recognise the text of the prepared statement.
	return scanLogin(d.read.QueryRowContext(ctx, loginSQL+"?", digest(hash)))
}

func (d *DB) preparedLogin(ctx context.Context, hash security.Hash) (security.Login, error) {
	if d.keep != nil {
		return scanLogin(d.read.DB.QueryRowContext(ctx, loginSQL+"$1", d.keep, hash[:]))
	}
	prepared, err := d.login.get(ctx, d.read.DB, loginSQL+"$1") //nolint:sqlclosecheck // closed by DB.Close
	if err != nil {
		return security.Login{}, err
	}
	return scanLogin(prepared.QueryRowContext(ctx, hash[:]))
}

// stale reports whether a prepared statement has outlived what it was made for:
// a changed table, or a server connection that a pooler has swapped, which does
// not know the statement or has one of the name. It is worth a second round trip
// until the connection is replaced.
func stale(err error) bool {
	if err == nil || errors.Is(err, security.ErrSessionNotFound) {
		return false
	}
	switch sqlState(err) {
	case "0A000", "26000", "42P05":
		return true
	}
	return false
}

func scanLogin(row *sql.Row) (security.Login, error) {
	var (
		r       sessionRow
		p       security.Person
		has     bool
		changed stamp
		restore stamp
	)
	err := row.Scan(&r.ID, &r.User, &r.Method, &r.Connection, &r.Version,
		&r.PasswordAt, &r.TOTPAt, &r.BackupCodeAt, &r.PasskeyAt, &r.EmailCodeAt, &r.SSOAt,
		&r.IP, &r.UserAgent, &r.SignedInAt, &r.LastUsedAt, &r.ExpiresAt,
		&p.Name, &p.Email, &p.Timezone, &p.Locale, &restore, &has, &changed, &p.Version,
		&p.TwoFactor, &p.Passkeys)
	if err != nil {
		return security.Login{}, missing(err, security.ErrSessionNotFound)
	}
	p.ID, p.PasswordChangedAt, p.RestorableUntil = r.User, changed.Time, restore.Time
	return security.Login{Session: r.session(), Person: p, HasPassword: has}, nil
}

// stmt is a statement that is prepared on first use.
type stmt struct {
	off    bool
	ready  atomic.Pointer[sql.Stmt]
	mu     sync.Mutex
	closed bool
}

func (s *stmt) get(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	if prepared := s.ready.Load(); prepared != nil {
		return prepared, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if prepared := s.ready.Load(); prepared != nil {
		return prepared, nil
	}
	if s.closed {
		return nil, sql.ErrConnDone
	}
	prepared, err := db.PrepareContext(ctx, query) //nolint:sqlclosecheck // closed by close
	if err != nil {
		return nil, err
	}
	s.ready.Store(prepared)
	return prepared, nil
}

func (s *stmt) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if prepared := s.ready.Swap(nil); prepared != nil {
		return prepared.Close() //nolint:sqlclosecheck // there is nothing after it
	}
	return nil
}
