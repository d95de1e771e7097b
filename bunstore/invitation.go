package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type invitationRow struct {
	bun.BaseModel `bun:"table:settings_invitations,alias:i"`

	ID         id.Invitation `bun:"id,pk"`
	Org        id.Org        `bun:"org_id"`
	Email      string        `bun:"email"`
	EmailKey   string        `bun:"email_key"`
	Role       string        `bun:"role"`
	Projects   textList      `bun:"projects"`
	Hash       digest        `bun:"token_hash"`
	State      string        `bun:"state"`
	InvitedBy  id.User       `bun:"invited_by"`
	CreatedAt  stamp         `bun:"created_at"`
	ExpiresAt  stamp         `bun:"expires_at"`
	EndedAt    stamp         `bun:"ended_at"`
	AcceptedBy id.User       `bun:"accepted_by"`
}

const invitationColumns = "id, org_id, email, email_key, role, projects, token_hash, state, " +
	"invited_by, created_at, expires_at, ended_at, accepted_by"

// ofLivingOrg is a condition, in terms of i.
const ofLivingOrg = ` AND EXISTS (SELECT 1 FROM settings_orgs AS o WHERE o.id = i.org_id AND o.deleted_at IS NULL)`

// spendableInvitation is the condition, in terms of i and of ?0 = now and ?1 = hash.
const spendableInvitation = `i.token_hash = ?1 AND i.state = 'pending' AND i.expires_at > ?0` + ofLivingOrg

func (r *invitationRow) invitation() orgs.Invitation {
	return orgs.Invitation{
		ID: r.ID, Org: r.Org, Email: r.Email, EmailKey: r.EmailKey, Role: orgs.Role(r.Role), Projects: r.Projects,
		Hash: orgs.Hash(r.Hash), State: orgs.State(r.State), InvitedBy: r.InvitedBy,
		CreatedAt: r.CreatedAt.Time, ExpiresAt: r.ExpiresAt.Time, EndedAt: r.EndedAt.Time, AcceptedBy: r.AcceptedBy,
	}
}

func selectInvitation(ctx context.Context, db bun.IDB, sentinel error, query string, args ...any) (orgs.Invitation, error) {
	var row invitationRow
	if err := db.NewRaw(query, args...).Scan(ctx, &row); err != nil {
		return orgs.Invitation{}, missing(err, sentinel)
	}
	return row.invitation(), nil
}

func selectInvitations(ctx context.Context, db bun.IDB, condition string, args ...any) ([]orgs.Invitation, error) {
	var rows []invitationRow
	if err := db.NewRaw(`SELECT `+invitationColumns+` FROM settings_invitations AS i WHERE `+condition, args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	list := make([]orgs.Invitation, len(rows))
	for i := range rows {
		list[i] = rows[i].invitation()
	}
	return list, nil
}

// InvitationByHash implements orgs.Reader.
func (s orgsReader) InvitationByHash(ctx context.Context, hash orgs.Hash, now time.Time) (orgs.Invitation, error) {
	return selectInvitation(ctx, s.conn(ctx), orgs.ErrLinkGone,
		`SELECT `+invitationColumns+` FROM settings_invitations AS i WHERE `+spendableInvitation, at(now), digest(hash))
}

// Invitation implements orgs.Reader.
func (s orgsReader) Invitation(ctx context.Context, org id.Org, invitation id.Invitation) (orgs.Invitation, error) {
	return selectInvitation(ctx, s.conn(ctx), orgs.ErrInvitationNotFound,
		`SELECT `+invitationColumns+` FROM settings_invitations AS i WHERE i.id = ? AND i.org_id = ?`, invitation, org)
}

// Invitations implements orgs.Reader. IDs were made in the order of time.
func (s orgsReader) Invitations(ctx context.Context, org id.Org, after id.Invitation, limit int) ([]orgs.Invitation, error) {
	behind := bun.SafeQuery("1 = 1")
	if !after.IsZero() {
		behind = bun.SafeQuery("i.id < ?", after)
	}
	return selectInvitations(ctx, s.conn(ctx),
		`i.org_id = ? AND i.state IN ('pending', 'declined') AND ? ORDER BY i.id DESC LIMIT ?`, org, behind, max(limit, 0))
}

// InvitationsFor implements orgs.Reader.
func (s orgsReader) InvitationsFor(ctx context.Context, emailKey string, now time.Time) ([]orgs.Invitation, error) {
	if !plain(emailKey) {
		return nil, nil
	}
	return selectInvitations(ctx, s.conn(ctx),
		`i.email_key = ? AND i.state = 'pending' AND i.expires_at > ?`+ofLivingOrg+` ORDER BY i.id DESC`, emailKey, at(now))
}

// InvitationsSince implements orgs.Reader.
func (s orgsReader) InvitationsSince(ctx context.Context, org id.Org, t time.Time) (int, error) {
	var n int
	err := s.conn(ctx).NewRaw(`SELECT count(*) FROM settings_invitation_links WHERE org_id = ? AND made_at >= ?`, org, at(t)).Scan(ctx, &n)
	return n, err
}

// PutInvitation implements orgs.Tx. One statement, so that of two at once the
// later takes the place of the earlier.
func (t orgsTx) PutInvitation(ctx context.Context, i orgs.Invitation) (id.Invitation, error) {
	if err := checkText(append([]string{i.Email, i.EmailKey}, i.Projects...)...); err != nil {
		return id.Invitation{}, err
	}
	if err := checkRole(i.Role); err != nil {
		return id.Invitation{}, err
	}
	if _, err := t.tx.NewRaw(`INSERT INTO settings_invitation_links (token_hash, org_id, made_at) VALUES (?, ?, ?)`,
		digest(i.Hash), i.Org, at(i.CreatedAt)).Exec(ctx); err != nil {
		return id.Invitation{}, err
	}
	var row struct{ ID id.Invitation }
	err := t.tx.NewRaw(`
		INSERT INTO settings_invitations
			(id, org_id, email, email_key, role, projects, token_hash, state, invited_by, created_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?)
		ON CONFLICT (org_id, email_key) WHERE state = 'pending' DO UPDATE SET
			email = EXCLUDED.email, role = EXCLUDED.role, projects = EXCLUDED.projects, token_hash = EXCLUDED.token_hash,
			invited_by = EXCLUDED.invited_by, created_at = EXCLUDED.created_at, expires_at = EXCLUDED.expires_at
		RETURNING id`,
		i.ID, i.Org, i.Email, i.EmailKey, string(i.Role), textList(i.Projects), digest(i.Hash),
		i.InvitedBy, at(i.CreatedAt), at(i.ExpiresAt)).Scan(ctx, &row)
	return row.ID, err
}

// SpendInvitation implements orgs.Tx.
func (t orgsTx) SpendInvitation(ctx context.Context, hash orgs.Hash, state orgs.State, user id.User, now time.Time) (orgs.Invitation, error) {
	switch state {
	case orgs.Accepted:
	case orgs.Declined:
		user = id.User{}
	default:
		return orgs.Invitation{}, fmt.Errorf("bunstore: an invitation cannot be spent as %q", state)
	}
	return selectInvitation(ctx, t.tx, orgs.ErrLinkGone, `
		UPDATE settings_invitations AS i SET state = ?2, ended_at = ?0, accepted_by = ?3
		WHERE `+spendableInvitation+` RETURNING `+invitationColumns, at(now), digest(hash), string(state), user)
}

// EndInvitation implements orgs.Tx.
func (t orgsTx) EndInvitation(ctx context.Context, org id.Org, invitation id.Invitation, now time.Time) (orgs.Invitation, error) {
	return selectInvitation(ctx, t.tx, orgs.ErrInvitationNotFound, `
		UPDATE settings_invitations AS i SET state = 'revoked', ended_at = ?
		WHERE i.id = ? AND i.org_id = ? AND i.state = 'pending' RETURNING `+invitationColumns, at(now), invitation, org)
}

// PurgeInvitations implements orgs.Tx.
func (t orgsTx) PurgeInvitations(ctx context.Context, before, now time.Time, limit int) (int, error) {
	return t.purge(ctx, limit, []purging{
		{"settings_invitations", "id", "ended_at < ?2", at(before)},
		{"settings_invitations", "id", "state = 'pending' AND expires_at < ?2", at(before)},
		{"settings_invitation_links", "token_hash", "made_at < ?2", at(before)},
		{"settings_org_slugs", "slug", "reserved_until < ?2", at(now)},
	})
}

// textList is a JSON array of text in a column, without NUL bytes.
type textList []string

// AppendQuery implements schema.QueryAppender.
func (l textList) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if len(l) == 0 {
		return gen.Dialect().AppendString(b, "[]"), nil
	}
	list, err := json.Marshal([]string(l))
	if err != nil {
		return nil, err
	}
	// Not AppendJSON, see changes.
	return gen.Dialect().AppendString(b, string(list)), nil
}

// Scan implements sql.Scanner.
func (l *textList) Scan(src any) error {
	var list []byte
	switch v := src.(type) {
	case string:
		list = []byte(v)
	case []byte:
		list = v
	default:
		return fmt.Errorf("bunstore: cannot scan %T into a list", src)
	}
	*l = nil
	return json.Unmarshal(list, (*[]string)(l))
}
