package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// MembershipsOf implements orgs.LeavingReader.
func (s orgsReader) MembershipsOf(ctx context.Context, user id.User) ([]orgs.Membership, error) {
	var rows []membershipRow
	err := s.conn(ctx).NewRaw(`SELECT `+membershipColumns+` FROM settings_members AS m JOIN settings_orgs AS o ON o.id = m.org_id
		WHERE m.user_id = ? ORDER BY m.org_id`, user).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	list := make([]orgs.Membership, len(rows))
	for i := range rows {
		list[i] = rows[i].membership()
	}
	return list, nil
}

// OrgsOwnedBy implements orgs.LeavingReader.
func (s orgsReader) OrgsOwnedBy(ctx context.Context, user id.User) ([]orgs.Org, error) {
	var rows []orgRow
	if err := s.conn(ctx).NewSelect().Model(&rows).Where("o.owner_id = ?", user).Order("o.id").Scan(ctx); err != nil {
		return nil, err
	}
	list := make([]orgs.Org, len(rows))
	for i := range rows {
		list[i] = rows[i].org()
	}
	return list, nil
}

// theirs is the condition that an invitation is of a person, in terms of ?0 = user
// and ?1 = addresses.
func theirs(user id.User, addresses []string) (condition string, args []any) {
	if len(addresses) == 0 {
		return `accepted_by = ?0`, []any{user}
	}
	return `accepted_by = ?0 OR (state = 'pending' AND email_key IN (?1)) OR (state <> 'pending' AND email_key IN (?1))`, []any{user, bun.List(folded(addresses))}
}

// InvitationsOf implements orgs.LeavingReader.
func (s orgsReader) InvitationsOf(ctx context.Context, user id.User, addresses []string) ([]id.Invitation, error) {
	condition, args := theirs(user, addresses)
	var list []id.Invitation
	err := s.conn(ctx).NewRaw(`SELECT id FROM settings_invitations WHERE `+condition+` ORDER BY id`, args...).Scan(ctx, &list)
	return list, err
}

// DueOrgs implements orgs.LeavingReader.
func (s orgsReader) DueOrgs(ctx context.Context, now time.Time, after id.Org, limit int) ([]id.Org, error) {
	behind := bun.SafeQuery("1 = 1")
	if !after.IsZero() {
		behind = bun.SafeQuery("o.id > ?", after)
	}
	var due []id.Org
	err := s.conn(ctx).NewRaw(`
		SELECT o.id FROM settings_orgs AS o LEFT JOIN settings_purges AS p ON p.subject = o.id
		WHERE o.purge_at <= ?0 AND (p.id IS NULL OR p.claimed_until <= ?0) AND ?1
		ORDER BY o.id LIMIT ?2`, at(now), behind, max(limit, 0)).Scan(ctx, &due)
	return due, err
}

// SuspendMemberships implements orgs.LeavingTx.
func (t orgsTx) SuspendMemberships(ctx context.Context, user id.User) error {
	var owns bool
	err := t.tx.NewRaw(`SELECT EXISTS (SELECT 1 FROM settings_orgs WHERE owner_id = ? AND deleted_at IS NULL)`, user).Scan(ctx, &owns)
	if err != nil {
		return err
	}
	if owns {
		return orgs.ErrOwnerRequired
	}
	_, err = t.tx.NewRaw(`UPDATE settings_members SET state = 'suspended', account_deleted = ?
		WHERE user_id = ? AND state = 'active'`, true, user).Exec(ctx)
	return err
}

// ReinstateMembership implements orgs.LeavingTx.
func (t orgsTx) ReinstateMembership(ctx context.Context, org id.Org, user id.User) error {
	n, err := affected(t.tx.NewRaw(`UPDATE settings_members SET state = 'active', account_deleted = ?
		WHERE org_id = ? AND user_id = ? AND account_deleted`, false, org, user).Exec(ctx))
	if err == nil && n == 0 {
		err = orgs.ErrNotMember
	}
	return err
}

// count runs a statement and adds how many rows it met.
func (w writer) count(ctx context.Context, to map[string]int, kind, query string, args ...any) error {
	n, err := affected(w.tx.NewRaw(query, args...).Exec(ctx))
	if n > 0 {
		to[kind] += n
	}
	return err
}

// noUser stands where a person was who is removed.
const noUser = "00000000-0000-0000-0000-000000000000"

// ForgetPerson implements orgs.LeavingTx.
func (t orgsTx) ForgetPerson(ctx context.Context, user id.User, addresses []string) (map[string]int, error) {
	removed := map[string]int{}
	condition, args := theirs(user, addresses)
	type step struct {
		kind, query string
		args        []any
	}
	steps := []step{
		{"memberships", `DELETE FROM settings_members WHERE user_id = ?`, []any{user}},
		{"invitations", `DELETE FROM settings_invitations WHERE ` + condition, args},
		{"inviter", `UPDATE settings_invitations SET invited_by = ? WHERE invited_by = ?`, []any{noUser, user}},
		{"inviter", `UPDATE settings_members SET invited_by = NULL WHERE invited_by = ?`, []any{user}},
		{"imports", `DELETE FROM settings_imports WHERE started_by = ?`, []any{user}},
	}
	if len(addresses) > 0 {
		steps = append(steps, step{"import_rows", `DELETE FROM settings_import_rows WHERE lower(email) IN (?)`, []any{bun.List(folded(addresses))}})
	}
	for _, s := range steps {
		if err := t.count(ctx, removed, s.kind, s.query, s.args...); err != nil {
			return nil, err
		}
	}
	delete(removed, "inviter") // others' rows, which stay
	return removed, nil
}

// RemoveOrg implements orgs.LeavingTx.
func (t orgsTx) RemoveOrg(ctx context.Context, org id.Org, reserve time.Time) (map[string]int, error) {
	removed := map[string]int{}
	if err := t.count(ctx, map[string]int{}, "", `UPDATE settings_org_slugs SET reserved_until = ? WHERE org_id = ? AND reserved_until IS NULL`, at(reserve), org); err != nil {
		return nil, err
	}
	for _, of := range []struct{ kind, table string }{
		{"memberships", "settings_members"}, {"invitations", "settings_invitations"}, {"invitation_links", "settings_invitation_links"},
		{"imports", "settings_imports"}, {"domains", "settings_org_domains"},
	} {
		if err := t.count(ctx, removed, of.kind, `DELETE FROM ? WHERE org_id = ?`, bun.Ident(of.table), org); err != nil {
			return nil, err
		}
	}
	err := t.count(ctx, removed, "organizations", `DELETE FROM settings_orgs WHERE id = ? AND deleted_at IS NOT NULL`, org)
	if err == nil && removed["organizations"] == 0 {
		err = orgs.ErrOrgNotFound
	}
	return removed, err
}
