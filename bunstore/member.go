package bunstore

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/orgs"
)

// membershipRow is a row of settings_members with the role that it comes to. It
// is not the table: there nobody is an Owner.
type membershipRow struct {
	Org       id.Org  `bun:"org_id"`
	User      id.User `bun:"user_id"`
	Role      string  `bun:"role"`
	Suspended bool    `bun:"suspended"`
	InvitedBy id.User `bun:"invited_by"`
	JoinedAt  stamp   `bun:"joined_at"`
	Left      bool    `bun:"account_deleted"`
}

// membershipColumns are in terms of m and o.
const membershipColumns = `m.org_id, m.user_id, m.state = 'suspended' AS suspended, m.account_deleted, m.invited_by, m.joined_at,
	CASE WHEN m.user_id = o.owner_id AND m.state = 'active' THEN 'owner' ELSE m.role END AS role`

func (r *membershipRow) membership() orgs.Membership {
	return orgs.Membership{
		Org: r.Org, User: r.User, Role: orgs.Role(r.Role), Suspended: r.Suspended,
		InvitedBy: r.InvitedBy, JoinedAt: r.JoinedAt.Time, AccountDeleted: r.Left,
	}
}

// orgPersonRow is a person as organizations know somebody. It is not a table.
type orgPersonRow struct {
	ID        id.User `bun:"id"`
	Name      string  `bun:"name"`
	Email     string  `bun:"email"`
	EmailKey  string  `bun:"email_key"`
	AvatarKey string  `bun:"avatar_key"`
	Timezone  string  `bun:"timezone"`
	Locale    string  `bun:"locale"`
	TwoFactor bool    `bun:"two_factor"`
}

// secondFactor is in terms of u. It counts, because for EXISTS in its place
// PostgreSQL reads the factors of everybody once a page has many members.
const secondFactor = `((SELECT count(*) FROM settings_totp AS t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
	+ (SELECT count(*) FROM settings_passkeys AS k WHERE k.user_id = u.id) > 0)`

// noSecondFactor is a condition, in terms of u.
const noSecondFactor = `NOT EXISTS (SELECT 1 FROM settings_totp AS t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL)
	AND NOT EXISTS (SELECT 1 FROM settings_passkeys AS k WHERE k.user_id = u.id)`

const orgPersonColumns = `u.id, u.name, u.email, u.email_key, u.avatar_key, u.timezone, u.locale, ` + secondFactor + ` AS two_factor`

func (r *orgPersonRow) person() orgs.Person {
	return orgs.Person{
		ID: r.ID, Name: r.Name, Email: r.Email, EmailKey: r.EmailKey, AvatarKey: r.AvatarKey,
		Timezone: r.Timezone, Locale: r.Locale, TwoFactor: r.TwoFactor,
	}
}

// memberRow is a membership joined with the person, and the keys it is sorted by.
type memberRow struct {
	membershipRow
	orgPersonRow
	NameSort  string `bun:"name_sort"`
	EmailSort string `bun:"email_sort"`
}

const (
	memberColumns = membershipColumns + `, ` + orgPersonColumns + `, m.name_key AS name_sort, m.email_key AS email_sort`
	memberSelect  = `SELECT ` + memberColumns + memberFrom
)

// memberFrom are the members of ?0 or $1, without deleted people.
const memberFrom = ` FROM settings_members AS m JOIN settings_users AS u ON u.id = m.user_id JOIN settings_orgs AS o ON o.id = m.org_id
	WHERE u.deleted_at IS NULL AND m.org_id = `

func (r *memberRow) view() orgs.MemberView {
	return orgs.MemberView{Membership: r.membership(), Person: r.person()}
}

var selectMember = newStatement(memberSelect + `$1 AND m.user_id = $2`)

// Member implements orgs.Reader.
func (s orgsReader) Member(ctx context.Context, org id.Org, user id.User) (orgs.MemberView, error) {
	var row memberRow
	if err := s.run(ctx, selectMember, org, user).Scan(ctx, &row); err != nil {
		return orgs.MemberView{}, missing(err, orgs.ErrNotMember)
	}
	return row.view(), nil
}

// Members implements orgs.Reader. Each of the two lists is a range of an index.
func (s orgsReader) Members(ctx context.Context, org id.Org, prefix string, mail bool, after *orgs.Position, limit int) ([]orgs.MemberView, *orgs.Position, error) {
	if limit < 1 || !plain(prefix) || after != nil && !plain(after.Key) {
		return nil, nil, nil
	}
	prefix = text.Fold(prefix)
	byName, byEmail := startsWith("m.name_key", prefix), startsWith("m.email_key", prefix)
	var rows []memberRow
	if after == nil || !after.ByEmail {
		if err := s.members(ctx, &rows, org, "m.name_key", byName, after, limit+1); err != nil {
			return nil, nil, err
		}
		after = nil
	}
	named := len(rows)
	if mail && prefix != "" && named <= limit {
		others := bun.SafeQuery("? AND NOT (?)", byEmail, byName)
		if err := s.members(ctx, &rows, org, "m.email_key", others, after, limit+1-named); err != nil {
			return nil, nil, err
		}
	}
	var next *orgs.Position
	if len(rows) > limit {
		rows = rows[:limit]
		last := &rows[limit-1]
		next = &orgs.Position{Key: last.NameSort, User: last.User}
		if limit > named {
			next.Key, next.ByEmail = last.EmailSort, true
		}
	}
	list := make([]orgs.MemberView, len(rows))
	for i := range rows {
		list[i] = rows[i].view()
	}
	return list, next, nil
}

// members adds up to limit active members that meet a condition, in the order of
// column, behind a position.
func (s orgsReader) members(ctx context.Context, rows *[]memberRow, org id.Org, column bun.Safe, condition schema.QueryWithArgs, after *orgs.Position, limit int) error {
	behind := bun.SafeQuery("1 = 1")
	if after != nil {
		behind = bun.SafeQuery("(?, m.user_id) > (?, ?)", column, after.Key, after.User)
	}
	var more []memberRow
	err := s.conn(ctx).NewRaw(memberSelect+`?0 AND m.state = 'active' AND ?1 AND ?2 ORDER BY ?3, m.user_id LIMIT ?4`,
		org, condition, behind, column, limit).Scan(ctx, &more)
	*rows = append(*rows, more...)
	return err
}

// startsWith is the condition that a column begins with a prefix, as a range.
func startsWith(column bun.Safe, prefix string) schema.QueryWithArgs {
	end := successor(prefix)
	switch {
	case prefix == "":
		return bun.SafeQuery("1 = 1")
	case end == "":
		return bun.SafeQuery("? >= ?", column, prefix)
	}
	return bun.SafeQuery("? >= ? AND ? < ?", column, prefix, column, end)
}

// successor returns the first text behind all that begin with prefix, byte by
// byte; "" if there is none.
func successor(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xd7ff: // what follows are surrogates, which are no text
			return prefix + "\ue000"
		case last < utf8.MaxRune:
			return prefix + string(last+1)
		}
	}
	return ""
}

// WithoutSecondFactor implements orgs.Reader.
func (s orgsReader) WithoutSecondFactor(ctx context.Context, org id.Org, limit int) ([]orgs.MemberView, int, error) {
	const without = `?0 AND m.state = 'active' AND ` + noSecondFactor
	db := s.conn(ctx)
	var total int
	if err := db.NewRaw(`SELECT count(*)`+memberFrom+without, org).Scan(ctx, &total); err != nil {
		return nil, 0, err
	}
	var rows []memberRow
	if err := db.NewRaw(memberSelect+without+` ORDER BY m.name_key, m.user_id LIMIT ?1`, org, max(limit, 0)).Scan(ctx, &rows); err != nil {
		return nil, 0, err
	}
	list := make([]orgs.MemberView, len(rows))
	for i := range rows {
		list[i] = rows[i].view()
	}
	return list, total, nil
}

// Person implements orgs.Reader.
func (s orgsReader) Person(ctx context.Context, user id.User) (orgs.Person, error) {
	return s.person(ctx, `u.id = ?`, user)
}

// PersonByEmail implements orgs.Reader.
func (s orgsReader) PersonByEmail(ctx context.Context, key string) (orgs.Person, error) {
	if key == "" || !plain(key) {
		return orgs.Person{}, orgs.ErrPersonNotFound
	}
	return s.person(ctx, `u.email_key = ?`, key)
}

func (s orgsReader) person(ctx context.Context, condition string, arg any) (orgs.Person, error) {
	var row orgPersonRow
	err := s.conn(ctx).NewRaw(`SELECT `+orgPersonColumns+` FROM settings_users AS u WHERE u.deleted_at IS NULL AND `+condition, arg).
		Scan(ctx, &row)
	if err != nil {
		return orgs.Person{}, missing(err, orgs.ErrPersonNotFound)
	}
	return row.person(), nil
}

// memberKeys are what a member is sorted and searched by.
type memberKeys struct{ name, email string }

// keysOf reads the keys of a person, and keeps name and address from being
// changed until the transaction ends: a change that came between would find no
// row yet to bring up to date.
func (t orgsTx) keysOf(ctx context.Context, user id.User) (memberKeys, error) {
	query := `SELECT name, email FROM settings_users WHERE id = ? AND deleted_at IS NULL`
	if t.db.dialect == Postgres {
		query += ` FOR SHARE`
	}
	var row struct{ Name, Email string }
	if err := t.tx.NewRaw(query, user).Scan(ctx, &row); err != nil {
		return memberKeys{}, missing(err, orgs.ErrPersonNotFound)
	}
	return memberKeys{text.Fold(row.Name), text.Fold(row.Email)}, nil
}

// updateMemberKey brings a key of a person up to date in every organization.
func (w writer) updateMemberKey(ctx context.Context, user id.User, column, value string) error {
	_, err := w.tx.NewRaw(`UPDATE settings_members SET ?0 = ?1 WHERE user_id = ?2 AND ?0 <> ?1`,
		bun.Ident(column), text.Fold(value), user).Exec(ctx)
	return err
}

// InsertMember implements orgs.Tx.
func (t orgsTx) InsertMember(ctx context.Context, m orgs.Membership) error {
	if err := checkRole(m.Role); err != nil {
		return err
	}
	keys, err := t.keysOf(ctx, m.User)
	if err != nil {
		return err
	}
	n, err := t.insertMember(ctx, m, keys)
	if err == nil && n == 0 {
		err = orgs.ErrAlreadyMember
	}
	return err
}

func (t orgsTx) insertMember(ctx context.Context, m orgs.Membership, keys memberKeys) (int, error) {
	return affected(t.tx.NewRaw(`
		INSERT INTO settings_members (org_id, user_id, role, state, invited_by, joined_at, name_key, email_key)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, user_id) DO NOTHING`,
		m.Org, m.User, string(m.Role), memberState(m.Suspended), m.InvitedBy, at(m.JoinedAt), keys.name, keys.email).Exec(ctx))
}

func memberState(suspended bool) string {
	if suspended {
		return "suspended"
	}
	return "active"
}

// checkRole refuses what is no role to be given.
func checkRole(r orgs.Role) error {
	switch r {
	case orgs.Admin, orgs.Member, orgs.Viewer:
		return nil
	}
	return ErrRole
}

// notOwner is the condition that a member may be changed, in terms of m. A
// deleted organization has no Owner to lose.
const notOwner = ` AND NOT EXISTS (SELECT 1 FROM settings_orgs AS o
	WHERE o.id = m.org_id AND o.owner_id = m.user_id AND o.deleted_at IS NULL)`

// changed says why nothing was changed: there is no such member, or it is the Owner.
func (t orgsTx) changed(ctx context.Context, org id.Org, user id.User, n int, err error) error {
	if err != nil || n > 0 {
		return err
	}
	var there bool
	if err := t.tx.NewRaw(`SELECT EXISTS (SELECT 1 FROM settings_members WHERE org_id = ? AND user_id = ?)`, org, user).Scan(ctx, &there); err != nil {
		return err
	}
	if there {
		return orgs.ErrOwnerRequired
	}
	return orgs.ErrNotMember
}

// SetRole implements orgs.Tx.
func (t orgsTx) SetRole(ctx context.Context, org id.Org, user id.User, role orgs.Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	n, err := affected(t.tx.NewRaw(`UPDATE settings_members AS m SET role = ? WHERE m.org_id = ? AND m.user_id = ?`+notOwner,
		string(role), org, user).Exec(ctx))
	return t.changed(ctx, org, user, n, err)
}

// SetSuspended implements orgs.Tx.
func (t orgsTx) SetSuspended(ctx context.Context, org id.Org, user id.User, suspended bool) error {
	n, err := affected(t.tx.NewRaw(`UPDATE settings_members AS m SET state = ?, account_deleted = ? WHERE m.org_id = ? AND m.user_id = ?`+notOwner,
		memberState(suspended), false, org, user).Exec(ctx))
	return t.changed(ctx, org, user, n, err)
}

// RemoveMember implements orgs.Tx.
func (t orgsTx) RemoveMember(ctx context.Context, org id.Org, user id.User) error {
	n, err := affected(t.tx.NewRaw(`DELETE FROM settings_members AS m WHERE m.org_id = ? AND m.user_id = ?`+notOwner, org, user).Exec(ctx))
	return t.changed(ctx, org, user, n, err)
}

// Seats implements orgs.Reader. Deleted people are few, so it is they who are
// looked for.
func (s orgsReader) Seats(ctx context.Context, org id.Org, now time.Time) (int, error) {
	var n int
	err := s.conn(ctx).NewRaw(`SELECT
		(SELECT count(*) FROM settings_members AS m WHERE m.org_id = ?0 AND m.state = 'active' AND NOT EXISTS (
			SELECT 1 FROM settings_users AS u WHERE u.id = m.user_id AND u.deleted_at IS NOT NULL))
		+ (SELECT count(*) FROM settings_invitations WHERE org_id = ?0 AND state = 'pending' AND expires_at > ?1)`,
		org, at(now)).Scan(ctx, &n)
	return n, err
}
