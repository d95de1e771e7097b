package settings_test

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
)

// orgModel is what ought to be true of a few people and their organizations, by
// the rules alone: who is what, who may what, and how a request is refused.
type orgModel struct {
	t      *rapid.T
	app    *settingstest.App
	store  orgs.Store
	plan   *seatPlan
	dns    *zone
	domain string // at which some of the people have their address
	proven *modelOrg

	people []*modelPerson
	orgs   []*modelOrg
	links  []modelLink

	renamed int
}

type modelPerson struct {
	id    id.User
	email string
	two   bool // two-factor is on
	there bool // the address is at the domain
}

type modelOrg struct {
	id       id.Org
	owner    *modelPerson
	members  map[*modelPerson]*modelMember
	invites  map[*modelPerson]*modelInvite // the newest, in any state
	seats    int                           // that were taken before the last step
	purge    time.Time                     // zero: it lives
	demand   bool                          // two factors, from since on
	since    time.Time
	listed   orgs.Domain // the domain, if the organization lists it
	joinable orgs.Role   // by the domain; "": not
}

type modelMember struct {
	role      orgs.Role
	suspended bool
}

type modelInvite struct {
	id      id.Invitation
	role    orgs.Role
	by      *modelPerson
	expires time.Time
	state   orgs.State
	link    string // the newest
}

// modelLink is one that was mailed, good or not.
type modelLink struct {
	org   *modelOrg
	to    *modelPerson
	token string
}

func (m *orgModel) now() time.Time { return m.app.Clock.Now().Truncate(time.Microsecond) }

// as is the person with a proof of this moment, or one that is too old.
func (m *orgModel) as(p *modelPerson, fresh bool) audit.Actor {
	at := m.now()
	if !fresh {
		at = at.Add(-11 * time.Minute)
	}
	proofs := audit.Proofs{}.With(audit.Password, at)
	if p.two {
		proofs = proofs.With(audit.TOTP, at)
	}
	return audit.Actor{
		Kind: audit.KindUser, User: p.id, Name: p.email, Proofs: proofs, SecondFactor: p.two, HasTOTP: p.two, HasPassword: true,
		IP: netip.MustParseAddr("203.0.113.9"), UserAgent: "model",
	}
}

// role returns what somebody is in an organization, "" for nobody there.
func (o *modelOrg) role(p *modelPerson) orgs.Role {
	in := o.members[p]
	switch {
	case in == nil || in.suspended || !o.purge.IsZero() && p != o.owner:
		return ""
	case p == o.owner:
		return orgs.Owner
	}
	return in.role
}

// refusal returns why somebody may not do something: "" if they may.
func (m *orgModel) refusal(o *modelOrg, p *modelPerson, perm audit.Permission, fresh bool) string {
	rule, role := orgs.DefaultPolicy()[perm], o.role(p)
	switch {
	case role == "" || !o.purge.IsZero() && perm != orgs.PermOrgRestore:
		return "not_found"
	case !role.AtLeast(orgs.Role(rule.Role)):
		return "forbidden"
	case o.demand && !m.now().Before(o.since) && !p.two && perm != orgs.PermLeave:
		return "second_factor_enrollment_required"
	case rule.StepUp && !fresh:
		return "reauthentication_required"
	case perm == orgs.PermOrgRestore && o.purge.IsZero():
		return "not_deleted"
	}
	return ""
}

// taken is how many seats are: active members, and invitations that wait.
func (m *orgModel) taken(o *modelOrg) int {
	n := 0
	for _, in := range o.members {
		if !in.suspended {
			n++
		}
	}
	for _, i := range o.invites {
		if m.waits(i) {
			n++
		}
	}
	return n
}

func (m *orgModel) waits(i *modelInvite) bool {
	return i != nil && i.state == orgs.Pending && m.now().Before(i.expires)
}

// stands reports whether who invited may still.
func (o *modelOrg) stands(i *modelInvite) bool {
	by := o.role(i.by)
	return by.AtLeast(orgs.Admin) && by.AtLeast(i.role)
}

// good returns the invitation that a link belongs to, nil if it is gone.
func (m *orgModel) good(l modelLink) *modelInvite {
	i := l.org.invites[l.to]
	if !m.waits(i) || i.link != l.token || !l.org.purge.IsZero() {
		return nil
	}
	return i
}

// accept returns how accepting an invitation ends, and lets it.
func (m *orgModel) accept(o *modelOrg, p *modelPerson, i *modelInvite) string {
	switch {
	case !o.stands(i):
		return "link_gone"
	case m.taken(o) > m.plan.of(o.id): // it had a seat already
		return "seat_limit"
	}
	i.state = orgs.Accepted
	o.members[p] = &modelMember{role: i.role}
	return ""
}

// join returns how joining by the domain ends, and lets it.
func (m *orgModel) join(o *modelOrg, p *modelPerson) string {
	if !p.there || o.joinable == "" || o.members[p] != nil || !o.purge.IsZero() {
		return "not_found"
	}
	i, role, state, more := o.invites[p], o.joinable, orgs.Revoked, 1
	if m.waits(i) {
		more = 0
		if o.stands(i) {
			state = orgs.Accepted
			if i.role.AtLeast(role) {
				role = i.role
			}
		}
	}
	if m.taken(o)+more > m.plan.of(o.id) {
		return "seat_limit"
	}
	if m.waits(i) {
		i.state = state
	}
	o.members[p] = &modelMember{role: role}
	return ""
}

// seatPlan includes everything but seats without end, and those change.
type seatPlan struct {
	mu    sync.Mutex
	seats map[id.Org]int
}

func (p *seatPlan) of(org id.Org) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n, ok := p.seats[org]; ok {
		return n
	}
	return 3
}

func (p *seatPlan) set(org id.Org, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats[org] = n
}

func (p *seatPlan) Require(context.Context, id.Org, orgs.Feature) error           { return nil }
func (p *seatPlan) Seats(_ context.Context, org id.Org) (int, error)              { return p.of(org), nil }
func (p *seatPlan) DailyInvitations(context.Context, id.Org) (int, error)         { return 1 << 20, nil }
func (p *seatPlan) AuditRetention(context.Context, id.Org) (time.Duration, error) { return -1, nil }
func (p *seatPlan) PlanOf(context.Context, id.Org) (string, error)                { return "", nil }
