package settings_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// walks sets how often and how far a property test walks, unless the command line
// says it: -rapid.checks, -rapid.steps.
func walks(t *testing.T, checks, steps int) {
	t.Helper()
	said := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { said[f.Name] = true })
	for name, n := range map[string]int{"rapid.checks": checks, "rapid.steps": steps} {
		if f := flag.Lookup(name); !said[name] {
			before := f.Value.String()
			require.NoError(t, f.Value.Set(strconv.Itoa(n)))
			t.Cleanup(func() { require.NoError(t, f.Value.Set(before)) })
		}
	}
}

// TestOrgStateMachine walks at random through what people do in organizations. After
// each step an organization that lives has one Owner, who is an active member;
// everybody has the rights of their role and no more; no step has taken a seat
// beyond the plan's; and whatever was refused was refused for the reason that the
// rules give.
func TestOrgStateMachine(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		walks(t, 30, 100)
		walkOrgs(t, memstore.New())
	})
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		walks(t, 3, 30)
		walkOrgs(t, db)
	})
}

func walkOrgs(t *testing.T, store settings.Store) {
	plan, dns := &seatPlan{seats: map[id.Org]int{}}, &zone{}
	app := settingstest.Start(t, settings.Config{Store: store, Limiter: wide{}, Entitlements: plan, Domains: dns})
	walk := 0
	rapid.Check(t, func(r *rapid.T) {
		walk++
		m := &orgModel{t: r, app: app, store: store.Orgs(), plan: plan, dns: dns, domain: fmt.Sprintf("w%d.example", walk)}
		m.meet(t)
		m.begin(r)
		r.Repeat(map[string]func(*rapid.T){
			"": m.check, "found": m.found, "invite": m.invite, "invite more": m.invite, "accept": m.acceptLink,
			"decline": m.declineLink, "answer mine": m.answerMine, "revoke": m.revoke, "resend": m.resend,
			"role": m.setRole, "remove": m.remove, "leave": m.leave, "transfer": m.transfer, "suspend": m.suspend,
			"delete": m.deleteOrg, "restore": m.restore, "clock": m.clock, "domain": m.setDomain, "join": m.joinOrg,
			"policy": m.setPolicy, "plan": m.setSeats, "rename": m.rename,
		})
	})
}

// meet signs five people up: two of them with two-factor, three at the domain.
func (m *orgModel) meet(t *testing.T) {
	for i := range 5 {
		p := &modelPerson{email: fmt.Sprintf("p%d@%s", i, m.domain), two: i < 2, there: i%2 == 0}
		if !p.there {
			p.email = fmt.Sprintf("p%d@not-%s", i, m.domain)
		}
		c := m.app.SignUp(p.email, "Max")
		if p.two {
			secret := api(t, c, post, "/account/totp", nil, 201)["secret"].(string)
			code, err := totp.GenerateCode(secret, m.now())
			require.NoError(t, err)
			api(t, c, post, "/account/totp/confirm", object{"code": code}, 200)
		}
		var err error
		p.id, err = id.ParseUser(me(t, c))
		require.NoError(t, err)
		m.people = append(m.people, p)
	}
}

// begin founds an organization, and draws what is there already.
func (m *orgModel) begin(t *rapid.T) {
	m.found(t)
	o := m.orgs[0]
	m.plan.set(o.id, rapid.SampledFrom([]int{5, 4, 3, 6}).Draw(t, "seats"))
	for i, role := range []orgs.Role{orgs.Admin, anyRole.Draw(t, "role")} {
		to := m.people[(slices.Index(m.people, o.owner)+1+i)%len(m.people)]
		if !assignable(role) {
			continue
		}
		out, err := m.app.Orgs.Invite(context.Background(), m.as(o.owner, true), o.id.String(), orgs.Invite{Emails: []string{to.email}, Role: string(role)})
		m.came(t, err, "")
		o.invites[to] = &modelInvite{id: out[0].Invitation, role: role}
		m.mailed(o, to, o.owner)
		_, err = m.app.Orgs.Accept(context.Background(), m.as(to, true), o.invites[to].link)
		m.came(t, err, m.accept(o, to, o.invites[to]))
	}
	o.seats = len(o.members)
	if rapid.Bool().Draw(t, "by domain") {
		for range 6 {
			m.setDomain(t)
		}
	}
}

// check compares what is stored with the model.
func (m *orgModel) check(t *rapid.T) {
	ctx := context.Background()
	for _, o := range m.orgs {
		stored, err := m.store.Org(ctx, o.id)
		require.NoError(t, err)
		require.Equal(t, o.owner.id, stored.Owner)
		require.Equal(t, o.purge.IsZero(), stored.DeletedAt.IsZero())
		if !o.purge.IsZero() {
			continue
		}
		owner, err := m.store.Member(ctx, o.id, stored.Owner)
		require.NoError(t, err)
		require.Equal(t, orgs.Owner, owner.Role)
		require.False(t, owner.Suspended)
		all, _, err := m.store.Members(ctx, o.id, "", false, nil, 100)
		require.NoError(t, err)
		roles := map[id.User]orgs.Role{}
		for _, one := range all {
			roles[one.User] = one.Role
		}
		want := map[id.User]orgs.Role{}
		for _, p := range m.people {
			if role := o.role(p); role != "" {
				want[p.id] = role
			}
		}
		require.Equal(t, want, roles, "who is what, with one Owner")
		taken, err := m.store.Seats(ctx, o.id, m.now())
		require.NoError(t, err)
		require.Equal(t, m.taken(o), taken)
		require.LessOrEqual(t, taken, max(m.plan.of(o.id), o.seats), "a seat beyond the plan's")
		o.seats = taken
		for _, i := range o.invites {
			got, err := m.store.Invitation(ctx, o.id, i.id)
			require.NoError(t, err)
			require.Equal(t, i.state, got.State)
			require.Equal(t, i.role, got.Role)
		}
	}
	if len(m.orgs) > 0 {
		m.checkRights(t, m.org(), m.somebody("whose rights"))
	}
}

func (m *orgModel) checkRights(t *rapid.T, o *modelOrg, p *modelPerson) {
	fresh := rapid.Bool().Draw(t, "fresh")
	for perm, rule := range orgs.DefaultPolicy() {
		if rule.Role != "" {
			err := m.app.Orgs.May(context.Background(), m.as(p, fresh), o.id.String(), perm)
			m.came(t, err, m.refusal(o, p, perm, fresh))
		}
	}
	mine, err := m.app.Orgs.List(context.Background(), m.as(p, false))
	require.NoError(t, err)
	seen := map[id.Org]orgs.Role{}
	for _, v := range mine {
		seen[v.ID] = v.Membership.Role
	}
	for _, o := range m.orgs {
		require.Equal(t, o.role(p), seen[o.id])
	}
}

// came asserts how a request ended: by the code of its refusal, "" for none.
func (m *orgModel) came(t *rapid.T, err error, want string) {
	if err != nil && fault.Code(err) == "" {
		t.Fatalf("an outage: %v", err)
	}
	require.Equal(t, want, fault.Code(err), "%v", err)
}

func (m *orgModel) somebody(name string) *modelPerson {
	return rapid.SampledFrom(m.people).Draw(m.t, name)
}

// member draws mostly one who is, and guest one who is not: else hardly any step
// would get as far as to what it is about.
func (m *orgModel) member(o *modelOrg, name string) *modelPerson {
	return m.mostly(name, func(p *modelPerson) bool { return o.members[p] != nil })
}

func (m *orgModel) guest(o *modelOrg, name string) *modelPerson {
	return m.mostly(name, func(p *modelPerson) bool { return o.members[p] == nil })
}

func (m *orgModel) mostly(name string, like func(p *modelPerson) bool) *modelPerson {
	var some []*modelPerson
	for _, p := range m.people {
		if like(p) {
			some = append(some, p)
		}
	}
	if len(some) == 0 || m.rarely("anybody") {
		some = m.people
	}
	return rapid.SampledFrom(some).Draw(m.t, name)
}

func (m *orgModel) rarely(what string) bool { return rapid.IntRange(0, 5).Draw(m.t, what) == 5 }

func (m *orgModel) org() *modelOrg {
	if len(m.orgs) == 0 {
		m.t.Skip("there is no organization")
	}
	return rapid.SampledFrom(m.orgs).Draw(m.t, "org")
}

// asks draws who asks for something in which organization, and says how that has
// to be refused, "" if it may go on.
func (m *orgModel) asks(perm audit.Permission) (o *modelOrg, p *modelPerson, a audit.Actor, refusal string) {
	o = m.org()
	switch rapid.SampledFrom([]string{"Owner", "Admin", "member", "anybody"}).Draw(m.t, "asks") {
	case "Owner":
		p = o.owner
	case "Admin":
		p = m.mostly("who", func(p *modelPerson) bool { return o.role(p) == orgs.Admin })
	case "member":
		p = m.member(o, "who")
	default:
		p = m.somebody("who")
	}
	fresh := !m.rarely("stale")
	return o, p, m.as(p, fresh), m.refusal(o, p, perm, fresh)
}
