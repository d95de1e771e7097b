package memstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// errReferred is what a database would say of a person whom something refers to.
var errReferred = errors.New("memstore: something refers to the person")

// VoidAlerts implements [security.Tx].
func (tx securityTx) VoidAlerts(ctx context.Context, user id.User, _ time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	remove(st.alerts, func(_ security.Hash, a security.Alert) bool { return a.User == user })
	return nil
}

// RemovePerson implements [security.Tx].
func (tx securityTx) RemovePerson(ctx context.Context, user id.User) (map[string]int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	all := accounts.Removed{}
	all.Add(accounts.Removed{
		"sessions":           remove(st.sessions, func(_ id.Session, s session) bool { return s.User == user }),
		"sign_ins_under_way": remove(st.pending, func(_ security.Hash, p security.PendingSignIn) bool { return p.User == user }),
		"challenges":         remove(st.ceremonies, func(_ security.Hash, c security.Ceremony) bool { return c.User == user }),
		"mailed_codes":       remove(st.emailCodes, func(u id.User, _ emailCode) bool { return u == user }),
		"reset_links":        remove(st.resets, func(_ security.Hash, r reset) bool { return r.User == user }),
		"alert_links":        remove(st.alerts, func(_ security.Hash, a security.Alert) bool { return a.User == user }),
		"known_devices":      remove(st.seen, func(p place, _ time.Time) bool { return p.user == user }),
		"backup_codes":       remove(st.backupCodes, func(c backupCode, _ time.Time) bool { return c.user == user }),
		"authenticator_apps": remove(st.totp, func(u id.User, _ security.TOTP) bool { return u == user }),
		"passkeys":           remove(st.passkeys, func(_ id.Factor, p security.Passkey) bool { return p.User == user }),
		"credentials":        remove(st.credentials, func(u id.User, _ credential) bool { return u == user }),
	})
	return all, nil
}

// MembershipsOf implements [orgs.LeavingReader].
func (r orgsReader) MembershipsOf(ctx context.Context, user id.User) ([]orgs.Membership, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.Membership
	for key, m := range st.members {
		if key.user == user {
			list = append(list, st.withRole(m))
		}
	}
	slices.SortFunc(list, func(a, b orgs.Membership) int { return bytes.Compare(a.Org[:], b.Org[:]) })
	return list, nil
}

// OrgsOwnedBy implements [orgs.LeavingReader].
func (r orgsReader) OrgsOwnedBy(ctx context.Context, user id.User) ([]orgs.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.Org
	for _, o := range st.orgs {
		if o.Owner == user {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b orgs.Org) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list, nil
}

// of reports whether an invitation is a person's.
func of(i orgs.Invitation, user id.User, addresses []string) bool {
	return i.AcceptedBy == user || among(addresses, i.Email) || among(addresses, i.EmailKey)
}

// InvitationsOf implements [orgs.LeavingReader].
func (r orgsReader) InvitationsOf(ctx context.Context, user id.User, addresses []string) ([]id.Invitation, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []id.Invitation
	for key, i := range st.invitations {
		if of(i, user, addresses) {
			list = append(list, key)
		}
	}
	slices.SortFunc(list, func(a, b id.Invitation) int { return bytes.Compare(a[:], b[:]) })
	return list, nil
}

// DueOrgs implements [orgs.LeavingReader].
func (r orgsReader) DueOrgs(ctx context.Context, now time.Time, after id.Org, limit int) ([]id.Org, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var due []id.Org
	for org, o := range st.orgs {
		p, begun := st.purgeOf(accounts.Subject(org))
		if bytes.Compare(org[:], after[:]) > 0 && !o.PurgeAt.IsZero() && !o.PurgeAt.After(now) && !(begun && p.ClaimedUntil.After(now)) {
			due = append(due, org)
		}
	}
	slices.SortFunc(due, func(a, b id.Org) int { return bytes.Compare(a[:], b[:]) })
	return due[:min(max(limit, 0), len(due))], nil
}

// SuspendMemberships implements [orgs.LeavingTx].
func (tx orgsTx) SuspendMemberships(ctx context.Context, user id.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	for _, o := range st.orgs {
		if o.Owner == user && o.DeletedAt.IsZero() {
			return orgs.ErrOwnerRequired
		}
	}
	for key, m := range st.members {
		if key.user == user && !m.Suspended {
			m.Suspended, m.AccountDeleted = true, true
			st.members[key] = m
		}
	}
	return nil
}

// ReinstateMembership implements [orgs.LeavingTx].
func (tx orgsTx) ReinstateMembership(ctx context.Context, org id.Org, user id.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	key := memberKey{org, user}
	m, ok := st.members[key]
	if !ok || !m.AccountDeleted {
		return orgs.ErrNotMember
	}
	m.Suspended, m.AccountDeleted = false, false
	st.members[key] = m
	return nil
}

// ForgetPerson implements [orgs.LeavingTx].
func (tx orgsTx) ForgetPerson(ctx context.Context, user id.User, addresses []string) (map[string]int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	all := accounts.Removed{}
	all.Add(accounts.Removed{
		"memberships": remove(st.members, func(key memberKey, _ orgs.Membership) bool { return key.user == user }),
		"invitations": remove(st.invitations, func(_ id.Invitation, i orgs.Invitation) bool { return of(i, user, addresses) }),
		"imports":     remove(st.imports, func(_ id.Import, i imported) bool { return i.StartedBy == user }),
	})
	remove(st.importRows, func(line importLine, _ orgs.ImportRow) bool { _, ok := st.imports[line.of]; return !ok })
	all.Add(accounts.Removed{
		"import_rows": remove(st.importRows, func(_ importLine, r orgs.ImportRow) bool { return among(addresses, r.Email) }),
	})
	for key, i := range st.invitations {
		if i.InvitedBy == user {
			i.InvitedBy = id.User{}
			st.invitations[key] = i
		}
	}
	for key, m := range st.members {
		if m.InvitedBy == user {
			m.InvitedBy = id.User{}
			st.members[key] = m
		}
	}
	return all, nil
}

// RemoveOrg implements [orgs.LeavingTx].
func (tx orgsTx) RemoveOrg(ctx context.Context, org id.Org, reserve time.Time) (map[string]int, error) {
	o, err := tx.Org(ctx, org)
	if err != nil {
		return nil, err
	}
	if o.DeletedAt.IsZero() {
		return nil, orgs.ErrOrgNotFound
	}
	st := tx.tx.state
	for name, s := range st.slugs {
		if s.org != org {
			continue
		}
		s.org = id.Org{}
		if s.reservedUntil.IsZero() {
			s.reservedUntil = reserve
		}
		st.slugs[name] = s
	}
	all := accounts.Removed{}
	all.Add(accounts.Removed{
		"memberships":      remove(st.members, func(key memberKey, _ orgs.Membership) bool { return key.org == org }),
		"invitations":      remove(st.invitations, func(_ id.Invitation, i orgs.Invitation) bool { return i.Org == org }),
		"invitation_links": remove(st.links, func(_ orgs.Hash, l link) bool { return l.org == org }),
		"imports":          remove(st.imports, func(_ id.Import, i imported) bool { return i.Org == org }),
		"domains":          remove(st.domains, func(_ id.Domain, d orgs.Domain) bool { return d.Org == org }),
		"organizations":    1,
	})
	remove(st.importRows, func(line importLine, _ orgs.ImportRow) bool { _, ok := st.imports[line.of]; return !ok })
	delete(st.orgs, org)
	return all, nil
}
