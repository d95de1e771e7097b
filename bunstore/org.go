package bunstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/orgs"
)

type orgRow struct {
	bun.BaseModel `bun:"table:settings_orgs,alias:o"`

	ID                  id.Org  `bun:"id,pk"`
	Slug                string  `bun:"slug"`
	Name                string  `bun:"name"`
	Owner               id.User `bun:"owner_id"`
	LogoKey             string  `bun:"logo_key"`
	LogoUploaded        bool    `bun:"logo_uploaded"`
	DefaultProject      string  `bun:"default_project"`
	RequireSecondFactor bool    `bun:"require_second_factor"`
	GraceUntil          stamp   `bun:"grace_until"`
	CreatedAt           stamp   `bun:"created_at"`
	UpdatedAt           stamp   `bun:"updated_at"`
	DeletedAt           stamp   `bun:"deleted_at"`
	PurgeAt             stamp   `bun:"purge_at"`
}

const orgColumns = "o.id, o.slug, o.name, o.owner_id, o.logo_key, o.logo_uploaded, o.default_project, " +
	"o.require_second_factor, o.grace_until, o.created_at, o.updated_at, o.deleted_at, o.purge_at"

func newOrgRow(o orgs.Org) *orgRow {
	return &orgRow{
		ID: o.ID, Slug: o.Slug, Name: o.Name, Owner: o.Owner, LogoKey: o.LogoKey, LogoUploaded: o.LogoUploaded,
		DefaultProject: o.DefaultProject, RequireSecondFactor: o.RequireSecondFactor, GraceUntil: at(o.GraceUntil),
		CreatedAt: at(o.CreatedAt), UpdatedAt: at(o.UpdatedAt), DeletedAt: at(o.DeletedAt), PurgeAt: at(o.PurgeAt),
	}
}

func (r *orgRow) org() orgs.Org {
	return orgs.Org{
		ID: r.ID, Slug: r.Slug, Name: r.Name, Owner: r.Owner, LogoKey: r.LogoKey, LogoUploaded: r.LogoUploaded,
		DefaultProject: r.DefaultProject, RequireSecondFactor: r.RequireSecondFactor, GraceUntil: r.GraceUntil.Time,
		CreatedAt: r.CreatedAt.Time, UpdatedAt: r.UpdatedAt.Time, DeletedAt: r.DeletedAt.Time, PurgeAt: r.PurgeAt.Time,
	}
}

// orgViewRow is an organization joined with a membership. It is not a table.
type orgViewRow struct {
	orgRow
	membershipRow
}

func (r *orgViewRow) view() orgs.OrgView {
	return orgs.OrgView{Org: r.org(), Membership: r.membership()}
}

// viewed are the organizations that $1 is an active member of, as View shows them.
const viewed = ` JOIN settings_members AS m ON m.org_id = o.id JOIN settings_users AS u ON u.id = m.user_id
	WHERE m.user_id = $1 AND m.state = 'active' AND u.deleted_at IS NULL
	  AND (o.deleted_at IS NULL OR o.owner_id = m.user_id)`

var (
	viewByID   = newStatement(`SELECT ` + orgColumns + `, ` + membershipColumns + ` FROM settings_orgs AS o` + viewed + ` AND o.id = $2`)
	viewBySlug = newStatement(`SELECT ` + orgColumns + `, ` + membershipColumns + `
		FROM settings_org_slugs AS s JOIN settings_orgs AS o ON o.id = s.org_id` + viewed + ` AND s.slug = $2`)
	orgsOf = newStatement(`SELECT ` + orgColumns + `, ` + membershipColumns + ` FROM settings_orgs AS o` + viewed)
)

// Org implements orgs.Reader.
func (s orgsReader) Org(ctx context.Context, org id.Org) (orgs.Org, error) {
	return selectOrg(ctx, s.conn(ctx), false, org)
}

// LockOrg implements orgs.Tx. NO KEY lets others insert rows that refer to the
// organization; whoever wants to write them for it waits for LockOrg.
func (t orgsTx) LockOrg(ctx context.Context, org id.Org) (orgs.Org, error) {
	return selectOrg(ctx, t.tx, t.db.dialect == Postgres, org)
}

func selectOrg(ctx context.Context, db bun.IDB, lock bool, org id.Org) (orgs.Org, error) {
	var row orgRow
	q := db.NewSelect().Model(&row).Where("o.id = ?", org)
	if lock {
		q = q.For("NO KEY UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return orgs.Org{}, missing(err, orgs.ErrOrgNotFound)
	}
	return row.org(), nil
}

// OrgByLogo implements orgs.Reader.
func (s orgsReader) OrgByLogo(ctx context.Context, key string) (orgs.Org, error) {
	if !plain(key) {
		return orgs.Org{}, orgs.ErrOrgNotFound
	}
	var row orgRow
	err := s.conn(ctx).NewSelect().Model(&row).Where("o.logo_key = ?", key).Where("o.deleted_at IS NULL").Scan(ctx)
	if err != nil {
		return orgs.Org{}, missing(err, orgs.ErrOrgNotFound)
	}
	return row.org(), nil
}

// View implements orgs.Reader. An identifier comes before a slug that looks like
// one: nobody can stand in the way of another organization by taking such a slug.
func (s orgsReader) View(ctx context.Context, user id.User, ref string) (orgs.OrgView, error) {
	if ref == "" || !plain(ref) {
		return orgs.OrgView{}, orgs.ErrOrgNotFound
	}
	var rows []orgViewRow
	if org, err := id.ParseOrg(ref); err == nil {
		if err := s.run(ctx, viewByID, user, org).Scan(ctx, &rows); err != nil {
			return orgs.OrgView{}, err
		}
	}
	if len(rows) == 0 {
		if err := s.run(ctx, viewBySlug, user, ref).Scan(ctx, &rows); err != nil {
			return orgs.OrgView{}, err
		}
	}
	if len(rows) == 0 {
		return orgs.OrgView{}, orgs.ErrOrgNotFound
	}
	return rows[0].view(), nil
}

// OrgsOf implements orgs.Reader. It sorts here, as databases sort in many ways.
func (s orgsReader) OrgsOf(ctx context.Context, user id.User) ([]orgs.OrgView, error) {
	var rows []orgViewRow
	if err := s.run(ctx, orgsOf, user).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	list := make([]orgs.OrgView, len(rows))
	for i := range rows {
		list[i] = rows[i].view()
	}
	slices.SortFunc(list, func(a, b orgs.OrgView) int {
		return cmp.Or(cmp.Compare(text.Fold(a.Name), text.Fold(b.Name)), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return list, nil
}

// InsertOrg implements orgs.Tx. The slug comes first: whoever is told
// ErrSlugTaken has written nothing, and may go on.
func (t orgsTx) InsertOrg(ctx context.Context, o orgs.Org) error {
	if err := checkText(o.Slug, o.Name, o.LogoKey, o.DefaultProject); err != nil {
		return err
	}
	o.DeletedAt, o.PurgeAt = time.Time{}, time.Time{}
	keys, err := t.keysOf(ctx, o.Owner)
	if err != nil {
		return err
	}
	if err := t.claimSlug(ctx, o.ID, o.Slug, o.CreatedAt); err != nil {
		return err
	}
	if _, err := t.tx.NewInsert().Model(newOrgRow(o)).Value("owner_state", "'active'").Exec(ctx); err != nil {
		return err
	}
	_, err = t.insertMember(ctx, orgs.Membership{Org: o.ID, User: o.Owner, Role: orgs.Admin, JoinedAt: o.CreatedAt}, keys)
	return err
}

// UpdateOrg implements orgs.Tx.
func (t orgsTx) UpdateOrg(ctx context.Context, o orgs.Org) error {
	if err := checkText(o.Name, o.LogoKey, o.DefaultProject); err != nil {
		return err
	}
	return someOrg(affected(t.tx.NewUpdate().Model(newOrgRow(o)).
		Column("name", "logo_key", "logo_uploaded", "default_project", "require_second_factor", "grace_until", "updated_at").
		Where("o.id = ?", o.ID).Exec(ctx)))
}

// someOrg returns ErrOrgNotFound if nothing was changed.
func someOrg(n int, err error) error {
	if err == nil && n == 0 {
		err = orgs.ErrOrgNotFound
	}
	return err
}

// livingMember is the condition that a person is an active member, in terms of
// o.id and of what stands for the person.
func livingMember(user string) string {
	return `EXISTS (SELECT 1 FROM settings_members AS m JOIN settings_users AS u ON u.id = m.user_id
		WHERE m.org_id = o.id AND m.user_id = ` + user + ` AND m.state = 'active' AND u.deleted_at IS NULL)`
}

// SetOwner implements orgs.Tx. The row of an Owner in settings_members says
// admin, which is what a former Owner is.
func (t orgsTx) SetOwner(ctx context.Context, org id.Org, from, to id.User, now time.Time) error {
	n, err := affected(t.tx.NewRaw(`UPDATE settings_orgs AS o SET owner_id = ?2, updated_at = ?3
		WHERE o.id = ?0 AND o.owner_id = ?1 AND o.deleted_at IS NULL AND `+livingMember("?2"),
		org, from, to, at(now)).Exec(ctx))
	if err != nil {
		return err
	}
	if n == 0 {
		o, err := t.Org(ctx, org)
		switch {
		case err != nil:
			return err
		case !o.DeletedAt.IsZero():
			return orgs.ErrOrgNotFound
		case o.Owner != from:
			return orgs.ErrStaleOwner
		}
		return orgs.ErrNotMember
	}
	_, err = t.tx.NewRaw(`UPDATE settings_members SET role = 'admin' WHERE org_id = ? AND user_id IN (?, ?) AND role <> 'admin'`,
		org, from, to).Exec(ctx)
	return err
}

// DeleteOrg implements orgs.Tx. Without its state the Owner is held by nothing.
func (t orgsTx) DeleteOrg(ctx context.Context, org id.Org, now, purge time.Time) error {
	return someOrg(affected(t.tx.NewRaw(`UPDATE settings_orgs SET deleted_at = ?1, purge_at = ?2, owner_state = NULL
		WHERE id = ?0 AND deleted_at IS NULL`, org, at(now), at(purge)).Exec(ctx)))
}

// RestoreOrg implements orgs.Tx.
func (t orgsTx) RestoreOrg(ctx context.Context, org id.Org, now time.Time) error {
	n, err := affected(t.tx.NewRaw(`UPDATE settings_orgs AS o SET deleted_at = NULL, purge_at = NULL, owner_state = 'active', updated_at = ?1
		WHERE o.id = ?0 AND o.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM settings_purges WHERE subject = o.id)
		  AND `+livingMember("o.owner_id"), org, at(now)).Exec(ctx))
	if err != nil || n == 1 {
		return err
	}
	o, err := t.Org(ctx, org)
	if err != nil {
		return err
	}
	var begun bool
	if err := t.tx.NewRaw(`SELECT EXISTS (SELECT 1 FROM settings_purges WHERE subject = ?)`, org).Scan(ctx, &begun); err != nil {
		return err
	}
	switch {
	case begun:
		return orgs.ErrOrgNotFound
	case o.DeletedAt.IsZero():
		return orgs.ErrNotDeleted
	}
	return orgs.ErrNotMember
}
