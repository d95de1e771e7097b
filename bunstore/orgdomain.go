package bunstore

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

type orgDomainRow struct {
	bun.BaseModel `bun:"table:settings_org_domains,alias:d"`

	ID         id.Domain `bun:"id,pk"`
	Org        id.Org    `bun:"org_id"`
	Name       string    `bun:"name"`
	Token      string    `bun:"token"`
	VerifiedAt stamp     `bun:"verified_at"`
	AutoJoin   bool      `bun:"auto_join"`
	Role       string    `bun:"role"`
	CreatedAt  stamp     `bun:"created_at"`
}

const orgDomainColumns = "id, org_id, name, token, verified_at, auto_join, role, created_at"

func (r *orgDomainRow) domain() orgs.Domain {
	return orgs.Domain{
		ID: r.ID, Org: r.Org, Name: r.Name, Token: r.Token, VerifiedAt: r.VerifiedAt.Time,
		AutoJoin: r.AutoJoin, Role: orgs.Role(r.Role), CreatedAt: r.CreatedAt.Time,
	}
}

func selectDomains(ctx context.Context, db bun.IDB, condition string, args ...any) ([]orgs.Domain, error) {
	var rows []orgDomainRow
	if err := db.NewRaw(`SELECT `+orgDomainColumns+` FROM settings_org_domains AS d WHERE `+condition, args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	list := make([]orgs.Domain, len(rows))
	for i := range rows {
		list[i] = rows[i].domain()
	}
	return list, nil
}

// Domains implements orgs.Reader.
func (s orgsReader) Domains(ctx context.Context, org id.Org) ([]orgs.Domain, error) {
	return selectDomains(ctx, s.conn(ctx), `d.org_id = ? ORDER BY d.name`, org)
}

// AutoJoin implements orgs.Reader. Who is suspended is a member, and does not get
// back in this way.
func (s orgsReader) AutoJoin(ctx context.Context, user id.User, domain string) ([]orgs.Domain, error) {
	if !plain(domain) {
		return nil, nil
	}
	return selectDomains(ctx, s.conn(ctx), `d.name = ? AND d.verified_at IS NOT NULL AND d.auto_join
		AND EXISTS (SELECT 1 FROM settings_orgs AS o WHERE o.id = d.org_id AND o.deleted_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM settings_members AS m WHERE m.org_id = d.org_id AND m.user_id = ?)`, domain, user)
}

// InsertDomain implements orgs.Tx.
func (t orgsTx) InsertDomain(ctx context.Context, d orgs.Domain) error {
	if err := checkText(d.Name, d.Token); err != nil {
		return err
	}
	if err := checkRole(d.Role); err != nil {
		return err
	}
	n, err := affected(t.tx.NewInsert().Model(&orgDomainRow{
		ID: d.ID, Org: d.Org, Name: d.Name, Token: d.Token, AutoJoin: d.AutoJoin, Role: string(d.Role), CreatedAt: at(d.CreatedAt),
	}).On("CONFLICT (org_id, name) DO NOTHING").Exec(ctx))
	if err == nil && n == 0 {
		err = orgs.ErrDomainExists
	}
	return err
}

// VerifyDomain implements orgs.Tx. Organizations that prove the same name at once
// wait for each other at the rows of that name, since a unique index that refuses
// would end the transaction. On SQLite the transaction is the lock.
func (t orgsTx) VerifyDomain(ctx context.Context, org id.Org, domain id.Domain, now time.Time) error {
	if t.db.dialect == Postgres {
		if _, err := t.tx.NewRaw(`SELECT id FROM settings_org_domains
			WHERE name = (SELECT name FROM settings_org_domains WHERE id = ? AND org_id = ?) ORDER BY id FOR NO KEY UPDATE`,
			domain, org).Exec(ctx); err != nil {
			return err
		}
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_org_domains AS d SET verified_at = ?2 WHERE d.id = ?1 AND d.org_id = ?0
		AND NOT EXISTS (SELECT 1 FROM settings_org_domains AS p WHERE p.name = d.name AND p.verified_at IS NOT NULL AND p.id <> d.id)`,
		org, domain, at(now)).Exec(ctx))
	if err != nil || n == 1 {
		return err
	}
	there, err := selectDomains(ctx, t.tx, `d.id = ? AND d.org_id = ?`, domain, org)
	if err == nil && len(there) == 0 {
		return orgs.ErrDomainNotFound
	}
	if err == nil {
		err = orgs.ErrDomainTaken
	}
	return err
}

// UpdateDomain implements orgs.Tx.
func (t orgsTx) UpdateDomain(ctx context.Context, d orgs.Domain) error {
	if err := checkRole(d.Role); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_org_domains SET auto_join = ?, role = ? WHERE id = ? AND org_id = ?`,
		d.AutoJoin, string(d.Role), d.ID, d.Org).Exec(ctx))
	if err == nil && n == 0 {
		err = orgs.ErrDomainNotFound
	}
	return err
}

// DeleteDomain implements orgs.Tx.
func (t orgsTx) DeleteDomain(ctx context.Context, org id.Org, domain id.Domain) (orgs.Domain, error) {
	var row orgDomainRow
	err := t.tx.NewRaw(`DELETE FROM settings_org_domains AS d WHERE d.id = ? AND d.org_id = ? RETURNING `+orgDomainColumns, domain, org).
		Scan(ctx, &row)
	if err != nil {
		return orgs.Domain{}, missing(err, orgs.ErrDomainNotFound)
	}
	return row.domain(), nil
}
