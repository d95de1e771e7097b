package storetest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func memberListTests() []check {
	return []check{
		{"Members/ByFoldedName", membersByName},
		{"Members/ActiveOfTheOrganizationAlone", membersOfOthers},
		{"Members/PagesHoldEachOnce", membersPages},
		{"Members/StableWhileMembersComeAndGo", membersStable},
		{"Members/PrefixOfNamesThenOfAddresses", membersPrefix},
		{"Members/PrefixPagesHoldEachOnce", membersPrefixPages},
		{"Members/AddressesOnlyIfAskedFor", membersWithoutAddresses},
		{"Members/PrefixIgnoresCaseAndAccents", membersFolded},
		{"Members/WildcardsAreThemselves", membersWildcards},
		{"Members/FollowChangesOfNameAndAddress", membersFollow},
		{"Members/LongNamesAreFound", membersLong},
		{"WithoutSecondFactor/NeitherAppNorPasskey", withoutSecondFactor},
		{"Seats/ActiveMembersAndPendingInvitations", seats},
	}
}

// called stores somebody with a name of their own, at local@example.com.
func (w *world) called(name, local string) accounts.User {
	w.Helper()
	u := newUser(local)
	u.Name = name
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.InsertUser(ctx, u) })
	return u
}

// team stores an organization of somebody who is called "@" and members with
// these names, at m0@example.com, m1@example.com and so on.
func (w *world) team(all ...string) orgs.Org {
	w.Helper()
	o := newOrg("acme", w.called("@", "@owner").ID)
	w.must(w.insertOrg(o))
	for i, name := range all {
		w.must(w.join(o.ID, w.called(name, "m"+strconv.Itoa(i)).ID, orgs.Member))
	}
	return o
}

func namesOf(list []orgs.MemberView) []string {
	var all []string
	for _, m := range list {
		all = append(all, m.Person.Name)
	}
	return all
}

func (w *world) wantNames(list []orgs.MemberView, want ...string) {
	w.Helper()
	if got := namesOf(list); !slices.Equal(got, want) {
		w.Errorf("members are %q, want %q", got, want)
	}
}

// wantMembers fails unless these are all active members, in any order.
func (w *world) wantMembers(org id.Org, want ...accounts.User) {
	w.Helper()
	list, next, err := w.s.Orgs().Members(w.ctx, org, "", true, nil, 1000)
	w.must(err)
	if next != nil || len(list) != len(want) {
		w.Fatalf("%d members, want %d; more: %t", len(list), len(want), next != nil)
	}
	for _, m := range list {
		i := slices.IndexFunc(want, func(u accounts.User) bool { return u.ID == m.User })
		if i < 0 || m.Org != org || m.Suspended {
			w.Fatalf("%+v is among the members", m)
		}
		w.same("Members", m.Person, orgPersonOf(want[i]), "TwoFactor")
	}
}

// pages returns the names of all members who are found, page by page.
func (w *world) pages(org id.Org, prefix string, byEmail bool, limit int) []string {
	w.Helper()
	var all []string
	var after *orgs.Position
	for {
		list, next, err := w.s.Orgs().Members(w.ctx, org, prefix, byEmail, after, limit)
		w.must(err)
		if len(list) > limit || next != nil && len(list) < limit {
			w.Fatalf("a page of %d, want %d; more: %t", len(list), limit, next != nil)
		}
		all = append(all, namesOf(list)...)
		if len(all) > 100 {
			w.Fatal("pages have no end")
		}
		if next == nil {
			return all
		}
		after = next
	}
}

// wantFound fails unless exactly these are found, in pages of any size.
func (w *world) wantFound(org id.Org, prefix string, want ...string) {
	w.Helper()
	for _, limit := range []int{1, 2, 3, max(1, len(want)), 100} {
		if got := w.pages(org, prefix, true, limit); !slices.Equal(got, want) {
			w.Errorf("%q finds %q in pages of %d, want %q", prefix, got, limit, want)
		}
	}
}

func membersByName(w *world) {
	o := w.team("zoe", "\u00c9mile", "Bob", "alice", "Z\u00f6e 2", "Fritz", "\u674e\u5c0f\u9f99")
	w.wantFound(o.ID, "", "@", "alice", "Bob", "\u00c9mile", "Fritz", "zoe", "Z\u00f6e 2", "\u674e\u5c0f\u9f99")
}

func membersOfOthers(w *world) {
	o, ada := w.founded("acme")
	grace, joan := w.joined(o.ID, "grace", orgs.Member), w.joined(o.ID, "joan", orgs.Viewer)
	other, eve := w.founded("others")
	w.must(w.suspend(o.ID, joan.ID, true))
	w.wantMembers(o.ID, ada, grace)
	w.wantMembers(other.ID, eve)
	w.wantMembers(id.NewOrg())
	for _, byEmail := range []string{"eve", "others", "joan"} {
		w.wantFound(o.ID, byEmail)
	}
	list, next, err := w.s.Orgs().Members(w.ctx, o.ID, "", false, nil, 0)
	w.must(err)
	if len(list) != 0 || next != nil {
		w.Errorf("a page of nobody has %d, and more: %t", len(list), next != nil)
	}
}

// membersPages has many of one name: then the order is that of their IDs.
func membersPages(w *world) {
	var all []string
	for i := range 7 {
		all = append(all, "Ada", "Grace "+strconv.Itoa(i))
	}
	o := w.team(all...)
	slices.Sort(all)
	w.wantFound(o.ID, "", append([]string{"@"}, all...)...)
}

// membersStable changes what was read, and what will be.
func membersStable(w *world) {
	o := w.team("a", "b", "c", "d", "e", "f")
	first, next, err := w.s.Orgs().Members(w.ctx, o.ID, "", false, nil, 3)
	w.must(err)
	w.wantNames(first, "@", "a", "b")
	w.must(w.remove(o.ID, first[2].User)) // which the position names
	w.must(w.remove(o.ID, first[1].User))
	for i, name := range []string{"aa", "bb", "dd"} {
		w.must(w.join(o.ID, w.called(name, "late"+strconv.Itoa(i)).ID, orgs.Member))
	}
	second, next, err := w.s.Orgs().Members(w.ctx, o.ID, "", false, next, 4)
	w.must(err)
	w.wantNames(second, "bb", "c", "d", "dd")
	third, next, err := w.s.Orgs().Members(w.ctx, o.ID, "", false, next, 4)
	w.must(err)
	w.wantNames(third, "e", "f")
	if next != nil {
		w.Error("there is more behind the last")
	}
}

func membersPrefix(w *world) {
	o := w.team("Grace Hopper", "grace kelly", "Margaret", "M0rtimer", "M1ra", "Ada Lovelace", "Gr")
	w.wantFound(o.ID, "grac", "Grace Hopper", "grace kelly")
	w.wantFound(o.ID, "gr", "Gr", "Grace Hopper", "grace kelly")
	w.wantFound(o.ID, "hopper")
	w.wantFound(o.ID, "grace k", "grace kelly")
	w.wantFound(o.ID, "m5", "Ada Lovelace")        // by address
	w.wantFound(o.ID, "m1", "M1ra", "grace kelly") // by name, then by address
	w.wantFound(o.ID, "m0", "M0rtimer", "Grace Hopper")
	w.wantFound(o.ID, "m1@example.com", "grace kelly")
	w.wantFound(o.ID, "example.com")
	w.wantFound(o.ID, "ac\x00")
	w.wantFound(o.ID, "\xff")
}

// membersPrefixPages has pages that end where names do, and where addresses begin.
func membersPrefixPages(w *world) {
	o := w.team("M", "Ada", "Bob", "Mary", "Zoe", "Max", "Cora")
	w.wantFound(o.ID, "m", "M", "Mary", "Max", "Ada", "Bob", "Zoe", "Cora")
}

func membersWithoutAddresses(w *world) {
	o := w.team("M", "Ada", "Mary", "Bob")
	for _, limit := range []int{1, 2, 3, 10} {
		if got := w.pages(o.ID, "m", false, limit); !slices.Equal(got, []string{"M", "Mary"}) {
			w.Errorf("%q are found by name in pages of %d", got, limit)
		}
	}
	// A position among addresses was for somebody who may see them.
	_, next, err := w.s.Orgs().Members(w.ctx, o.ID, "m", true, nil, 3)
	w.must(err)
	if next == nil || !next.ByEmail {
		w.Fatalf("the position is %+v", next)
	}
	list, next, err := w.s.Orgs().Members(w.ctx, o.ID, "m", false, next, 3)
	w.must(err)
	if len(list) != 0 || next != nil {
		w.Errorf("%q are found by address", namesOf(list))
	}
}

func membersFolded(w *world) {
	o := w.team("Zo\u00eb N\u00fa\u00f1ez", "Zoe\u0308 Adams", "stra\u00dfe", "\uff2d\uff41\uff58", "\u0130pek")
	for _, prefix := range []string{"zoe", "ZOE", "Zo\u00cb", "z\u00f3e", "\uff3aoe"} {
		w.wantFound(o.ID, prefix, "Zoe\u0308 Adams", "Zo\u00eb N\u00fa\u00f1ez")
	}
	w.wantFound(o.ID, "ZOE NUN", "Zo\u00eb N\u00fa\u00f1ez")
	w.wantFound(o.ID, "STRASS", "stra\u00dfe")
	w.wantFound(o.ID, "max", "\uff2d\uff41\uff58")
	w.wantFound(o.ID, "ipek", "\u0130pek")
}

func membersWildcards(w *world) {
	o := w.team("100% Ada", "100x Bob", "a_b", "axb", `a\b`, "a'b", "*", "\U0010fffd", "\ud7ff", "\ue000")
	for prefix, want := range map[string]string{
		"100%": "100% Ada", "a_": "a_b", `a\`: `a\b`, "a'": "a'b", "*": "*", "\U0010fffd": "\U0010fffd", "\ud7ff": "\ud7ff", "\ue000": "\ue000",
	} {
		w.wantFound(o.ID, prefix, want)
	}
	for _, prefix := range []string{"%", "_", "?", "' OR 1=1 --", "\U0010ffff"} {
		w.wantFound(o.ID, prefix)
	}
}

func membersFollow(w *world) {
	o := w.team("Ada", "Bob", "Cora")
	list, _, err := w.s.Orgs().Members(w.ctx, o.ID, "ada", false, nil, 1)
	w.must(err)
	ada, err := w.s.Accounts().UserByID(w.ctx, list[0].User)
	w.must(err)
	ada.Name = "Zo\u00eb"
	w.accounts(func(ctx context.Context, tx accounts.Tx) error { return tx.UpdateUser(ctx, ada) })
	w.wantFound(o.ID, "", "@", "Bob", "Cora", "Zo\u00eb")
	w.wantFound(o.ID, "ada")
	w.wantFound(o.ID, "zoe", "Zo\u00eb")
	w.accounts(func(ctx context.Context, tx accounts.Tx) error {
		return tx.ChangeEmail(ctx, ada.ID, "New@Example.com", "new@example.com", base, base.Add(day))
	})
	w.wantFound(o.ID, "new@", "Zo\u00eb")
	w.wantFound(o.ID, "m0@")
	w.wantFound(o.ID, "m", "Bob", "Cora")
}

// membersLong has names that grow when they are folded.
func membersLong(w *world) {
	for i, name := range []string{strings.Repeat("\ufdfa", 100), strings.Repeat("\U0001d400", 100), strings.Repeat("\u0390", 100)} {
		o := newOrg("acme-"+strconv.Itoa(i), w.called(name, "owner"+strconv.Itoa(i)).ID)
		w.must(w.insertOrg(o))
		w.wantFound(o.ID, name, name)
		w.wantFound(o.ID, string([]rune(name)[:1]), name)
	}
}

func withoutSecondFactor(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.joined(other.ID, "eve", orgs.Member)
	for i, name := range []string{"Dora", "carol", "\u00c9mile", "Bob", "Zoe"} {
		u := w.called(name, "member"+strconv.Itoa(i))
		w.must(w.join(o.ID, u.ID, orgs.Member))
		switch name {
		case "carol":
			w.addPasskey(u.ID, "key")
		case "Zoe":
			w.must(w.suspend(o.ID, u.ID, true))
		}
	}
	w.confirmed2FA(ada.ID, 1)
	for limit, want := range map[int][]string{0: nil, 1: {"Bob"}, 2: {"Bob", "Dora"}, 3: {"Bob", "Dora", "\u00c9mile"}, 10: {"Bob", "Dora", "\u00c9mile"}} {
		list, n, err := w.s.Orgs().WithoutSecondFactor(w.ctx, o.ID, limit)
		w.must(err)
		w.wantNames(list, want...)
		if n != 3 {
			w.Errorf("WithoutSecondFactor counts %d, want 3", n)
		}
	}
}

func (w *world) wantSeats(org id.Org, now time.Time, want int) {
	w.Helper()
	n, err := w.s.Orgs().Seats(w.ctx, org, now)
	w.must(err)
	if n != want {
		w.Errorf("Seats = %d, want %d", n, want)
	}
}

func seats(w *world) {
	o, ada := w.founded("acme")
	other, _ := w.founded("others")
	w.invited(newInvitation(other.ID, ada.ID, "elsewhere"))
	w.wantSeats(o.ID, base, 1)
	grace := w.joined(o.ID, "grace", orgs.Member)
	i := w.invited(newInvitation(o.ID, ada.ID, "joan"))
	w.wantSeats(o.ID, i.ExpiresAt.Add(-tick), 3)
	w.wantSeats(o.ID, i.ExpiresAt, 2)
	w.must(w.suspend(o.ID, grace.ID, true))
	w.wantSeats(o.ID, base, 2)
	_, err := w.reply(i.Hash, orgs.Declined, id.User{}, base)
	w.must(err)
	w.wantSeats(o.ID, base, 1)
	w.wantSeats(id.NewOrg(), base, 0)
}
