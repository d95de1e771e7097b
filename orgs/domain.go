package orgs

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/token"
)

// MaxDomains is how many domains an organization may list.
const MaxDomains = 50

// recordPrefix begins the TXT record that proves a domain; it stands at
// "_account-settings." before the name.
const (
	recordPrefix = "account-settings-domain="
	recordHost   = "_account-settings."
)

// Record is the TXT record that proves a domain.
type Record struct{ Host, Value string }

// Record returns what has to be published in DNS.
func (d Domain) Record() Record {
	return Record{Host: recordHost + d.Name, Value: recordPrefix + d.Token}
}

// DomainVerifier asks DNS. Implementations are safe for concurrent use.
type DomainVerifier interface {
	// TXT returns the TXT records of a name; none is no error.
	TXT(ctx context.Context, name string) ([]string, error)
}

// Resolver is the [DomainVerifier] of this machine's resolver, with a limit of 5
// seconds.
type Resolver struct{}

// TXT implements [DomainVerifier].
func (Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	records, err := net.DefaultResolver.LookupTXT(ctx, name+".")
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil, nil
	}
	return records, err
}

// publicMail are domains of mail that anybody can have. Whoever could prove one
// would own everybody's addresses there.
var publicMail = strings.Fields(`
	aol.com fastmail.com gmail.com gmx.at gmx.ch gmx.de gmx.net googlemail.com hey.com hotmail.com hotmail.co.uk
	icloud.com inbox.com live.com mac.com mail.com mail.ru me.com msn.com outlook.com outlook.de pm.me posteo.de
	proton.me protonmail.com qq.com rediffmail.com rocketmail.com t-online.de tutanota.com web.de yahoo.com
	yahoo.co.jp yahoo.co.uk yahoo.de yandex.com yandex.ru ymail.com zoho.com 126.com 163.com`)

// parseDomain returns the canonical form of a mail domain that an organization
// may own: lower case, ASCII, not a suffix that many share.
func parseDomain(field, text string) (string, error) {
	var f fault.Fields
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), "."))
	_, notSuffix := publicsuffix.EffectiveTLDPlusOne(name)
	switch {
	case strings.TrimSpace(text) == "":
		f.Add(field, "required", "is required")
	case err != nil || len(name) > 253 || !strings.Contains(name, ".") || net.ParseIP(name) != nil || strings.ContainsAny(name, "@/: "):
		f.Add(field, "invalid", "is not a domain, such as acme.example")
	case notSuffix != nil || slices.Contains(publicMail, name):
		f.Add(field, "public_domain", "is a domain that many share")
	}
	return name, f.Err()
}

// Domains returns the domains of an organization, by name.
func (s *Service) Domains(ctx context.Context, actor audit.Actor, ref string) ([]Domain, error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermDomains, s.now())
	if err != nil {
		return nil, err
	}
	return s.c.Store.Domains(ctx, v.ID)
}

// AddDomain lists a domain, with the record that will prove it. It means nothing
// before that. ErrDomainExists.
func (s *Service) AddDomain(ctx context.Context, actor audit.Actor, ref, name string) (Domain, error) {
	now := s.now()
	what := attempt{perm: PermDomains, action: ActionDomainAdded}
	v, err := s.enter(ctx, actor, ref, what, now)
	if err != nil {
		return Domain{}, err
	}
	name, err = parseDomain("domain", name)
	if err != nil {
		return Domain{}, err
	}
	d := Domain{ID: id.NewDomain(), Org: v.ID, Name: name, Token: token.New().Reveal(), Role: Member, CreatedAt: now}
	err = s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		all, err := tx.Domains(ctx, v.ID)
		if err != nil {
			return err
		}
		if len(all) >= MaxDomains {
			return fault.Fields{{Name: "domain", Code: "too_many", Message: "is one too many", Params: map[string]any{"max": MaxDomains}}}
		}
		if err := tx.InsertDomain(ctx, d); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionDomainAdded, d.target(), v.Org, now))
	})
	return d, err
}

func (d Domain) target() audit.Target {
	return audit.Target{Kind: "domain", ID: d.ID.String(), Name: d.Name}
}

func domainOf(ctx context.Context, from Reader, org id.Org, domain id.Domain) (Domain, error) {
	all, err := from.Domains(ctx, org)
	if err != nil {
		return Domain{}, err
	}
	for _, d := range all {
		if d.ID == domain {
			return d, nil
		}
	}
	return Domain{}, ErrDomainNotFound
}

// VerifyDomain asks DNS for the record. ErrDomainUnproven if it is not there;
// ErrDomainTaken if another organization has proven the domain.
func (s *Service) VerifyDomain(ctx context.Context, actor audit.Actor, ref string, domain id.Domain) (Domain, error) {
	now := s.now()
	what := attempt{PermDomains, ActionDomainVerified, Domain{ID: domain}.target()}
	v, err := s.enter(ctx, actor, ref, what, now)
	if err != nil {
		return Domain{}, err
	}
	d, err := domainOf(ctx, s.c.Store, v.ID, domain)
	if err != nil || !d.VerifiedAt.IsZero() {
		return d, err
	}
	if err := s.take(ctx, "dns:"+v.ID.String(), 20, 30*time.Second); err != nil {
		return Domain{}, err
	}
	records, err := s.c.Domains.TXT(ctx, d.Record().Host)
	if err != nil {
		s.c.Log.WarnContext(ctx, "orgs: DNS not asked", "err", err)
		return Domain{}, &fault.Retry{Reason: fault.Unavailable, After: 30 * time.Second}
	}
	if !slices.Contains(records, d.Record().Value) {
		return Domain{}, ErrDomainUnproven
	}
	err = s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		if err := tx.VerifyDomain(ctx, v.ID, d.ID, now); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionDomainVerified, d.target(), v.Org, now))
	})
	d.VerifiedAt = now
	return d, err
}

// DomainPatch changes what is not nil.
type DomainPatch struct {
	AutoJoin *bool // needs the feature DomainAutoJoin
	Role     *string
}

// UpdateDomain says whether people with a proven address at the domain may join,
// and as what.
func (s *Service) UpdateDomain(ctx context.Context, actor audit.Actor, ref string, domain id.Domain, in DomainPatch) (Domain, error) {
	now := s.now()
	var d Domain
	what := attempt{PermDomains, ActionDomainUpdated, Domain{ID: domain}.target()}
	err := s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) (err error) {
		if d, err = domainOf(ctx, tx, v.ID, domain); err != nil {
			return err
		}
		if in.AutoJoin != nil && *in.AutoJoin {
			if err := s.c.Entitlements.Require(ctx, v.ID, DomainAutoJoin); err != nil {
				return err
			}
		}
		var changes []audit.Change
		if in.Role != nil {
			role, err := assignable("role", *in.Role)
			if err != nil {
				return err
			}
			if !v.Membership.Role.AtLeast(role) {
				return ErrForbidden
			}
			if role != d.Role {
				changes = append(changes, audit.Change{Field: "role", Before: string(d.Role), After: *in.Role})
			}
			d.Role = role
		}
		if in.AutoJoin != nil {
			if *in.AutoJoin && d.VerifiedAt.IsZero() {
				return ErrDomainUnproven
			}
			if *in.AutoJoin != d.AutoJoin {
				changes = append(changes, audit.Change{Field: "auto_join", Before: yesNo(d.AutoJoin), After: yesNo(*in.AutoJoin)})
			}
			d.AutoJoin = *in.AutoJoin
		}
		if len(changes) == 0 {
			return nil
		}
		if err := tx.UpdateDomain(ctx, d); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionDomainUpdated, d.target(), v.Org, now, changes...))
	})
	return d, err
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// RemoveDomain takes a domain off the list. Members stay.
func (s *Service) RemoveDomain(ctx context.Context, actor audit.Actor, ref string, domain id.Domain) error {
	now := s.now()
	what := attempt{PermDomains, ActionDomainRemoved, Domain{ID: domain}.target()}
	return s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		d, err := tx.DeleteDomain(ctx, v.ID, domain)
		if err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionDomainRemoved, d.target(), v.Org, now))
	})
}

// Joinable is an organization that somebody may join by the address they have.
type Joinable struct {
	Org  Org
	Role Role
}

// Joinable returns the organizations that the person who acts may join, because
// they have proven the domain of the person's address.
func (s *Service) Joinable(ctx context.Context, actor audit.Actor) ([]Joinable, error) {
	if err := s.allow(actor, PermJoin, s.now()); err != nil {
		return nil, err
	}
	p, err := s.c.Store.Person(ctx, actor.User)
	if err != nil {
		return nil, unauthenticatedIfGone(err)
	}
	domains, err := s.c.Store.AutoJoin(ctx, p.ID, domainOfAddress(p.EmailKey))
	if err != nil {
		return nil, err
	}
	var out []Joinable
	for _, d := range domains {
		if err := s.c.Entitlements.Require(ctx, d.Org, DomainAutoJoin); err != nil {
			if errors.Is(err, ErrPlanRequired) {
				continue
			}
			return nil, err
		}
		o, err := s.c.Store.Org(ctx, d.Org)
		if err != nil {
			return nil, err
		}
		out = append(out, Joinable{Org: o, Role: d.Role})
	}
	return out, nil
}

func domainOfAddress(key string) string { return key[strings.LastIndexByte(key, '@')+1:] }

// Join makes the person who acts a member of one of Joinable. ref is the
// identifier or the slug. An invitation to it that waits for the person is
// accepted thereby: it has a seat, and its role counts if it is the higher one.
// ErrOrgNotFound if it is none of Joinable; ErrSeatLimit.
func (s *Service) Join(ctx context.Context, actor audit.Actor, ref string) (Joined, error) {
	now := s.now()
	if err := s.permit(ctx, actor, PermJoin, ActionMemberJoined, now); err != nil {
		return Joined{}, err
	}
	all, err := s.Joinable(ctx, actor)
	if err != nil {
		return Joined{}, err
	}
	i := slices.IndexFunc(all, func(j Joinable) bool { return j.Org.Slug == ref || j.Org.ID.String() == ref })
	if i < 0 {
		return Joined{}, ErrOrgNotFound
	}
	var j Joined
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		o, err := tx.LockOrg(ctx, all[i].Org.ID)
		if err != nil {
			return err
		}
		p, err := tx.Person(ctx, actor.User)
		if err != nil {
			return unauthenticatedIfGone(err)
		}
		// Again, under the lock: the domain may have gone.
		domains, err := tx.AutoJoin(ctx, p.ID, domainOfAddress(p.EmailKey))
		if err != nil {
			return err
		}
		d := slices.IndexFunc(domains, func(d Domain) bool { return d.Org == o.ID })
		if d < 0 || !o.DeletedAt.IsZero() {
			return ErrOrgNotFound
		}
		v := OrgView{Org: o, Membership: Membership{Org: o.ID, User: p.ID, Role: domains[d].Role, JoinedAt: now}}
		waits, err := s.takeInvitation(ctx, tx, o, p, now)
		if err != nil {
			return err
		}
		v.Membership.InvitedBy = waits.InvitedBy
		if waits.Role.AtLeast(v.Membership.Role) {
			v.Membership.Role = waits.Role
		}
		j, err = s.join(ctx, tx, actor, v, p, waits.Projects, "domain", now)
		return err
	})
	if err != nil {
		return Joined{}, err
	}
	return j, nil
}

// takeInvitation accepts the invitation that waits for somebody who joins without
// it: else it would go on taking a seat. One whose inviter may not invite any more
// is ended, and counts for nothing. The zero one: none waits.
func (s *Service) takeInvitation(ctx context.Context, tx Tx, o Org, p Person, now time.Time) (Invitation, error) {
	all, err := tx.InvitationsFor(ctx, p.EmailKey, now)
	if err != nil {
		return Invitation{}, err
	}
	n := slices.IndexFunc(all, func(i Invitation) bool { return i.Org == o.ID })
	if n < 0 {
		return Invitation{}, nil
	}
	_, err = s.inviter(ctx, tx, o, all[n])
	if errors.Is(err, ErrLinkGone) {
		_, err = tx.EndInvitation(ctx, o.ID, all[n].ID, now)
		return Invitation{}, err
	}
	if err != nil {
		return Invitation{}, err
	}
	return tx.SpendInvitation(ctx, all[n].Hash, Accepted, p.ID, now)
}
