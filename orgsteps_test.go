package settings_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

const modelDay = 24 * time.Hour

func (m *orgModel) found(t *rapid.T) {
	if len(m.orgs) == 2 {
		t.Skip("two are enough")
	}
	p := m.somebody("founder")
	v, err := m.app.Orgs.Create(context.Background(), m.as(p, false), orgs.NewOrg{Name: "Acme"})
	m.came(t, err, "")
	m.orgs = append(m.orgs, &modelOrg{
		id: v.ID, owner: p, members: map[*modelPerson]*modelMember{p: {role: orgs.Admin}}, invites: map[*modelPerson]*modelInvite{}, seats: 1,
	})
}

var anyRole = rapid.SampledFrom([]orgs.Role{orgs.Admin, orgs.Member, orgs.Viewer, orgs.Member, orgs.Viewer, orgs.Owner, "king"})

func assignable(r orgs.Role) bool { return r == orgs.Admin || r == orgs.Member || r == orgs.Viewer }

func (m *orgModel) invite(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermInvite)
	to, role := m.guest(o, "to"), anyRole.Draw(t, "role")
	former := o.invites[to]
	member := want == "" && assignable(role) && o.members[to] != nil
	switch {
	case want != "" || member:
	case !assignable(role):
		want = "validation_failed"
	case !m.waits(former) && m.taken(o) >= m.plan.of(o.id):
		want = "seat_limit"
	}
	out, err := m.app.Orgs.Invite(context.Background(), a, o.id.String(), orgs.Invite{Emails: []string{to.email}, Role: string(role)})
	m.came(t, err, want)
	if want != "" {
		return
	}
	if member {
		require.Equal(t, "already_member", out[0].Code)
		return
	}
	require.Empty(t, out[0].Code)
	if former != nil && former.state == orgs.Pending {
		require.Equal(t, former.id, out[0].Invitation, "the newest takes the place of the one before")
	}
	o.invites[to] = &modelInvite{id: out[0].Invitation, role: role}
	m.mailed(o, to, p)
}

// mailed takes over an invitation that was sent just now.
func (m *orgModel) mailed(o *modelOrg, to, by *modelPerson) {
	i := o.invites[to]
	i.by, i.state, i.expires = by, orgs.Pending, m.now().Add(7*modelDay)
	i.link = m.app.LinkToken(to.email, "orgs.invitation")
	m.links = append(m.links, modelLink{o, to, i.link})
}

// link draws one that was mailed at some time, and who has it.
func (m *orgModel) link(t *rapid.T) (l modelLink, p *modelPerson, want string, i *modelInvite) {
	if len(m.links) == 0 {
		t.Skip("nobody was invited")
	}
	some := slices.DeleteFunc(slices.Clone(m.links), func(l modelLink) bool { return m.good(l) == nil })
	if void := slices.DeleteFunc(slices.Clone(some), func(l modelLink) bool { return l.org.stands(m.good(l)) }); len(void) > 0 {
		some = void // that of somebody who may not invite any more
	}
	if len(some) == 0 || m.rarely("any link") {
		some = m.links
	}
	l = rapid.SampledFrom(some).Draw(t, "link")
	p = l.to
	if m.rarely("forwarded") {
		p = m.somebody("who")
	}
	i = m.good(l)
	switch {
	case i == nil:
		want = "link_gone"
	case p != l.to:
		want = "wrong_recipient"
	}
	return l, p, want, i
}

func (m *orgModel) acceptLink(t *rapid.T) {
	l, p, want, i := m.link(t)
	if want == "" {
		want = m.accept(l.org, p, i)
	}
	_, err := m.app.Orgs.Accept(context.Background(), m.as(p, false), l.token)
	m.came(t, err, want)
}

func (m *orgModel) declineLink(t *rapid.T) {
	l, p, want, i := m.link(t)
	if want == "" {
		i.state = orgs.Declined
	}
	m.came(t, m.app.Orgs.Decline(context.Background(), m.as(p, false), l.token), want)
}

// answerMine answers one of the invitations that are listed to somebody, which are
// those that wait for the address and whose inviters may invite.
func (m *orgModel) answerMine(t *rapid.T) {
	p := m.somebody("who")
	want := map[id.Invitation]*modelOrg{}
	for _, o := range m.orgs {
		if i := o.invites[p]; m.waits(i) && o.purge.IsZero() && o.stands(i) {
			want[i.id] = o
		}
	}
	mine, err := m.app.Orgs.Mine(context.Background(), m.as(p, false))
	m.came(t, err, "")
	require.Len(t, mine, len(want))
	for _, i := range mine {
		require.Contains(t, want, i.ID)
	}
	if other := m.org().invites[m.somebody("of")]; other != nil && want[other.id] == nil {
		_, err := m.app.Orgs.AnswerMine(context.Background(), m.as(p, false), other.id, orgs.Accepted)
		m.came(t, err, "not_found")
	}
	if len(mine) == 0 {
		return
	}
	one, ends := mine[0].ID, ""
	state := rapid.SampledFrom([]orgs.State{orgs.Accepted, orgs.Declined}).Draw(t, "answer")
	if state == orgs.Accepted {
		ends = m.accept(want[one], p, want[one].invites[p])
	} else {
		want[one].invites[p].state = orgs.Declined
	}
	_, err = m.app.Orgs.AnswerMine(context.Background(), m.as(p, false), one, state)
	m.came(t, err, ends)
}

// waiting draws an invitation, or one that nobody ever sent.
func (m *orgModel) waiting(o *modelOrg) (*modelPerson, *modelInvite, id.Invitation) {
	to := m.mostly("of", func(p *modelPerson) bool { return o.invites[p] != nil && o.invites[p].state == orgs.Pending })
	i := o.invites[to]
	if i == nil {
		return to, nil, id.NewInvitation()
	}
	return to, i, i.id
}

func (m *orgModel) revoke(t *rapid.T) {
	o, _, a, want := m.asks(orgs.PermInvite)
	_, i, which := m.waiting(o)
	if want == "" && (i == nil || i.state != orgs.Pending) {
		want = "not_found"
	}
	m.came(t, m.app.Orgs.Revoke(context.Background(), a, o.id.String(), which), want)
	if want == "" {
		i.state = orgs.Revoked
	}
}

func (m *orgModel) resend(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermInvite)
	to, i, which := m.waiting(o)
	more := 1
	if m.waits(i) {
		more = 0
	}
	switch {
	case want != "":
	case i == nil || i.state != orgs.Pending:
		want = "not_found"
	case o.members[to] != nil:
		want = "already_member"
	case m.taken(o)+more > m.plan.of(o.id):
		want = "seat_limit"
	}
	m.came(t, m.app.Orgs.Resend(context.Background(), a, o.id.String(), which), want)
	if want == "" {
		m.mailed(o, to, p)
	}
}

func (m *orgModel) setRole(t *rapid.T) {
	o, _, a, want := m.asks(orgs.PermMemberRole)
	to, role := m.member(o, "of"), anyRole.Draw(t, "role")
	switch {
	case want != "":
	case o.members[to] == nil:
		want = "not_found"
	case role == "king":
		want = "validation_failed"
	case to == o.owner || role == orgs.Owner:
		want = "owner_required"
	}
	_, err := m.app.Orgs.SetRole(context.Background(), a, o.id.String(), to.id, string(role))
	m.came(t, err, want)
	if want == "" {
		o.members[to].role = role
	}
}

func (m *orgModel) remove(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermMemberRemove)
	who := m.member(o, "of")
	if who == p {
		t.Skip("that is leaving")
	}
	m.end(t, o, who, a, want)
}

func (m *orgModel) leave(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermLeave)
	m.end(t, o, p, a, want)
}

func (m *orgModel) end(t *rapid.T, o *modelOrg, who *modelPerson, a audit.Actor, want string) {
	switch {
	case want != "":
	case o.members[who] == nil:
		want = "not_found"
	case who == o.owner:
		want = "owner_required"
	}
	m.came(t, m.app.Orgs.Remove(context.Background(), a, o.id.String(), who.id), want)
	if want == "" {
		delete(o.members, who)
	}
}

// slug is what has to be typed to confirm, or something else.
func (m *orgModel) slug(t *rapid.T, o *modelOrg) (typed string, right bool) {
	stored, err := m.store.Org(context.Background(), o.id)
	require.NoError(t, err)
	if right = !m.rarely("typed wrong"); !right {
		return stored.Slug + "x", false
	}
	return stored.Slug, true
}

func (m *orgModel) transfer(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermTransfer)
	to := m.member(o, "to")
	typed, right := m.slug(t, o)
	switch {
	case want != "":
	case o.role(to) == "":
		want = "not_found"
	case !right || to == p || o.demand && !m.now().Before(o.since) && !to.two:
		want = "validation_failed"
	}
	m.came(t, m.app.Orgs.TransferOwnership(context.Background(), a, o.id.String(), to.id, typed), want)
	if want == "" {
		o.members[p].role, o.owner = orgs.Admin, to
	}
}

// suspend takes somebody's rights away, or gives them back, which asks for no seat.
func (m *orgModel) suspend(t *rapid.T) {
	o, suspended := m.org(), rapid.Bool().Draw(t, "suspended")
	who := m.member(o, "of")
	if !o.purge.IsZero() {
		t.Skip("deleted")
	}
	want, act := "", m.app.Orgs.ReinstateMember
	if suspended {
		act = m.app.Orgs.SuspendMember
	}
	switch {
	case o.members[who] == nil:
		want = "not_found"
	case who == o.owner:
		want = "owner_required"
	}
	m.came(t, act(context.Background(), m.as(o.owner, true), o.id, who.id), "forbidden") // it is for nobody in it
	m.came(t, act(context.Background(), audit.System("model"), o.id, who.id), want)
	if want == "" {
		o.members[who].suspended = suspended
		o.seats = max(o.seats, m.taken(o))
	}
}

func (m *orgModel) deleteOrg(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "really") < 2 {
		t.Skip("most organizations live")
	}
	o, _, a, want := m.asks(orgs.PermOrgDelete)
	typed, right := m.slug(t, o)
	if want == "" && !right {
		want = "validation_failed"
	}
	_, err := m.app.Orgs.Delete(context.Background(), a, o.id.String(), typed)
	m.came(t, err, want)
	if want == "" {
		o.purge = m.now().Add(30 * modelDay)
	}
}

func (m *orgModel) restore(t *rapid.T) {
	o, _, a, want := m.asks(orgs.PermOrgRestore)
	if want == "" && !m.now().Before(o.purge) {
		want = "not_found"
	}
	m.came(t, m.app.Orgs.Restore(context.Background(), a, o.id.String()), want)
	if want == "" {
		o.purge = time.Time{}
	}
}

func (m *orgModel) clock(t *rapid.T) {
	steps := []time.Duration{
		time.Minute, time.Hour, time.Hour, modelDay, modelDay, 2 * modelDay, 7 * modelDay, 7*modelDay - time.Microsecond, 30 * modelDay,
	}
	m.app.Clock.Advance(rapid.SampledFrom(steps).Draw(t, "passes"))
}

// setDomain lists the domain, proves it, says who may join, or removes it.
func (m *orgModel) setDomain(t *rapid.T) {
	o, _, a, want := m.asks(orgs.PermDomains)
	ctx, ref := context.Background(), o.id.String()
	switch {
	case o.listed.ID.IsZero():
		d, err := m.app.Orgs.AddDomain(ctx, a, ref, m.domain)
		m.came(t, err, want)
		if want == "" {
			o.listed = d
			m.dns.publish(object{"name": d.Record().Host, "value": d.Record().Value})
		}
	case m.rarely("given up"):
		m.came(t, m.app.Orgs.RemoveDomain(ctx, a, ref, o.listed.ID), want)
		if want == "" {
			o.listed, o.joinable = orgs.Domain{}, ""
			if m.proven == o {
				m.proven = nil
			}
		}
	case m.proven != o:
		if want == "" && m.proven != nil {
			want = "domain_taken"
		}
		_, err := m.app.Orgs.VerifyDomain(ctx, a, ref, o.listed.ID)
		m.came(t, err, want)
		if want == "" {
			m.proven = o
		}
	default:
		role, open := rapid.SampledFrom([]orgs.Role{orgs.Member, orgs.Viewer, orgs.Admin}).Draw(t, "role"), rapid.Bool().Draw(t, "open")
		text := string(role)
		_, err := m.app.Orgs.UpdateDomain(ctx, a, ref, o.listed.ID, orgs.DomainPatch{AutoJoin: &open, Role: &text})
		m.came(t, err, want)
		if want == "" {
			if o.joinable = ""; open {
				o.joinable = role
			}
		}
	}
}

func (m *orgModel) joinOrg(t *rapid.T) {
	o := m.org()
	p := m.guest(o, "who")
	open, err := m.app.Orgs.Joinable(context.Background(), m.as(p, false))
	m.came(t, err, "")
	listed := slices.ContainsFunc(open, func(j orgs.Joinable) bool { return j.Org.ID == o.id })
	require.Equal(t, p.there && o.joinable != "" && o.members[p] == nil && o.purge.IsZero(), listed)
	want := m.join(o, p)
	_, err = m.app.Orgs.Join(context.Background(), m.as(p, false), o.id.String())
	m.came(t, err, want)
}

func (m *orgModel) setPolicy(t *rapid.T) {
	o, p, a, want := m.asks(orgs.PermPolicyChange)
	in := orgs.SecurityPolicy{RequireSecondFactor: rapid.Bool().Draw(t, "on")}
	since := m.now().Add(rapid.SampledFrom([]time.Duration{0, modelDay, 10 * modelDay}).Draw(t, "grace"))
	if in.RequireSecondFactor {
		in.GraceUntil = since
		if want == "" && !p.two {
			want = "validation_failed"
		}
	}
	_, err := m.app.Orgs.SetSecurityPolicy(context.Background(), a, o.id.String(), in)
	m.came(t, err, want)
	if want == "" {
		o.demand, o.since = in.RequireSecondFactor, since
	}
}

// setSeats is a change of plan: whoever is there stays, and nobody more comes.
func (m *orgModel) setSeats(t *rapid.T) {
	m.plan.set(m.org().id, rapid.IntRange(1, 6).Draw(t, "seats"))
}

func (m *orgModel) rename(t *rapid.T) {
	o, _, a, want := m.asks(orgs.PermOrgUpdate)
	m.renamed++
	name := fmt.Sprint("Acme ", m.renamed)
	_, err := m.app.Orgs.Update(context.Background(), a, o.id.String(), orgs.Patch{Name: &name})
	m.came(t, err, want)
	stored, err := m.store.Org(context.Background(), o.id)
	require.NoError(t, err)
	require.Equal(t, want == "", stored.Name == name)
}
