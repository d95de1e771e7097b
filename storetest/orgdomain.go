package storetest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

func orgDomainTests() []check {
	return []check{
		{"InsertDomain/EveryFieldIsReadAsWritten", domainRoundTrip},
		{"InsertDomain/IsNotProvenYet", domainUnproven},
		{"InsertDomain/ErrDomainExistsInTheOrganization", domainExists},
		{"InsertDomain/NotAsOwner", domainOwner},
		{"VerifyDomain/NotesTheProof", verifyDomain},
		{"VerifyDomain/ErrDomainTakenIfAnothers", verifyTaken},
		{"VerifyDomain/AnothersIsErrDomainNotFound", verifyOfOthers},
		{"VerifyDomain/OneWinnerOf16Organizations", verifyRace},
		{"UpdateDomain/StoresAutoJoinAndRole", updateDomain},
		{"UpdateDomain/AnothersIsErrDomainNotFound", updateDomainOfOthers},
		{"DeleteDomain/ReturnsWhatItRemoved", deleteDomain},
		{"DeleteDomain/LetsAnotherProveIt", deleteDomainFrees},
		{"DeleteDomain/AnothersIsErrDomainNotFound", deleteDomainOfOthers},
		{"AutoJoin/ProvenOnesThatLetPeopleJoin", autoJoin},
		{"AutoJoin/OfLivingOrganizations", autoJoinDeleted},
		{"AutoJoin/NotWhereOneIsAMember", autoJoinMember},
	}
}

// newDomain returns a domain that is not stored yet.
func newDomain(org id.Org, name string) orgs.Domain {
	return orgs.Domain{ID: id.NewDomain(), Org: org, Name: name, Token: "token-of-" + name, Role: orgs.Member, CreatedAt: base}
}

func (w *world) insertDomain(d orgs.Domain) error {
	return w.locked(d.Org, func(ctx context.Context, tx orgs.Tx) error { return tx.InsertDomain(ctx, d) })
}

func (w *world) verify(d orgs.Domain, now time.Time) error {
	return w.locked(d.Org, func(ctx context.Context, tx orgs.Tx) error { return tx.VerifyDomain(ctx, d.Org, d.ID, now) })
}

// claims stores a domain.
func (w *world) claims(org id.Org, name string) orgs.Domain {
	w.Helper()
	d := newDomain(org, name)
	w.must(w.insertDomain(d))
	return d
}

// proven stores a domain by which people may join.
func (w *world) proven(org id.Org, name string) orgs.Domain {
	w.Helper()
	d := newDomain(org, name)
	d.AutoJoin = true
	w.must(w.insertDomain(d))
	w.must(w.verify(d, base.Add(tick)))
	d.VerifiedAt = base.Add(tick)
	return d
}

func (w *world) wantDomains(org id.Org, want ...orgs.Domain) {
	w.Helper()
	got, err := w.s.Orgs().Domains(w.ctx, org)
	w.must(err)
	w.sameDomains("Domains", got, want)
}

func (w *world) wantAutoJoin(user id.User, name string, want ...orgs.Domain) {
	w.Helper()
	got, err := w.s.Orgs().AutoJoin(w.ctx, user, name)
	w.must(err)
	w.sameDomains("AutoJoin", got, want)
}

func (w *world) sameDomains(what string, got, want []orgs.Domain) {
	w.Helper()
	if len(got) != len(want) {
		w.Fatalf("%s: %d domains, want %d", what, len(got), len(want))
	}
	for i := range want {
		w.same(what, got[i], want[i])
	}
}

func domainRoundTrip(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	var all []orgs.Domain
	for i, at := range moments() {
		d := newDomain(o.ID, string(rune('a'+(i*5)%8))+".example.com")
		d.Token, d.AutoJoin, d.CreatedAt = `acme="x'y"?1`+strconv.Itoa(i), i%2 == 0, at
		d.Role = []orgs.Role{orgs.Admin, orgs.Member, orgs.Viewer}[i%3]
		w.must(w.insertDomain(d))
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b orgs.Domain) int { return int(a.Name[0]) - int(b.Name[0]) })
	w.wantDomains(o.ID, all...)
	w.wantDomains(other.ID)
}

func domainUnproven(w *world) {
	o, _ := w.founded("acme")
	d := newDomain(o.ID, "example.com")
	d.VerifiedAt, d.AutoJoin = base, true
	w.must(w.insertDomain(d))
	d.VerifiedAt = time.Time{}
	w.wantDomains(o.ID, d)
	w.wantAutoJoin(w.user("grace").ID, "example.com")
}

func domainExists(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	d := w.claims(o.ID, "example.com")
	w.must(w.locked(o.ID, func(ctx context.Context, tx orgs.Tx) error {
		w.refused("InsertDomain", tx.InsertDomain(ctx, newDomain(o.ID, "example.com")), orgs.ErrDomainExists)
		return nil
	}))
	w.wantDomains(o.ID, d)
	w.wantDomains(other.ID)
	w.wantDomains(other.ID, w.claims(other.ID, "example.com"))
}

func domainOwner(w *world) {
	o, _ := w.founded("acme")
	d := w.claims(o.ID, "example.com")
	for _, role := range notRoles {
		another, changed := newDomain(o.ID, "another.example.com"), d
		another.Role, changed.Role = role, role
		if w.insertDomain(another) == nil {
			w.Errorf("InsertDomain as %q succeeds", role)
		}
		if w.updateDomain(changed) == nil {
			w.Errorf("UpdateDomain to %q succeeds", role)
		}
	}
	w.wantDomains(o.ID, d)
}

func verifyDomain(w *world) {
	o, _ := w.founded("acme")
	d, another := w.claims(o.ID, "example.com"), w.claims(o.ID, "example.org")
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error { return tx.VerifyDomain(ctx, o.ID, d.ID, base.Add(day)) })
	w.wantDomains(o.ID, d, another)
	w.must(w.verify(d, base.Add(day)))
	d.VerifiedAt = base.Add(day)
	w.wantDomains(o.ID, d, another)
	w.must(w.verify(d, base.Add(day))) // again is no failure
	w.wantDomains(o.ID, d, another)
}

func verifyTaken(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	d, claimed, free := w.proven(o.ID, "example.com"), w.claims(other.ID, "example.com"), w.claims(other.ID, "example.org")
	w.must(w.locked(other.ID, func(ctx context.Context, tx orgs.Tx) error {
		w.refused("VerifyDomain", tx.VerifyDomain(ctx, other.ID, claimed.ID, base.Add(day)), orgs.ErrDomainTaken)
		return tx.VerifyDomain(ctx, other.ID, free.ID, base.Add(day))
	}))
	free.VerifiedAt = base.Add(day)
	w.wantDomains(o.ID, d)
	w.wantDomains(other.ID, claimed, free)
}

// domainsOfOthers proves that act is refused about a domain of another organization.
func (w *world) domainsOfOthers(act func(ctx context.Context, tx orgs.Tx, d orgs.Domain) error) {
	w.Helper()
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	d := w.claims(o.ID, "example.com")
	stolen, unknown := d, newDomain(o.ID, "example.com")
	stolen.Org = other.ID
	w.orgs(func(ctx context.Context, tx orgs.Tx) error {
		for _, d := range []orgs.Domain{stolen, unknown, {Role: orgs.Member}} {
			w.refused("of another organization", act(ctx, tx, d), orgs.ErrDomainNotFound)
		}
		return nil
	})
	w.wantDomains(o.ID, d)
	w.wantDomains(other.ID)
}

func verifyOfOthers(w *world) {
	w.domainsOfOthers(func(ctx context.Context, tx orgs.Tx, d orgs.Domain) error {
		return tx.VerifyDomain(ctx, d.Org, d.ID, base)
	})
}

func verifyRace(w *world) {
	ada := w.user("ada")
	var all [racers]orgs.Org
	for i := range all {
		all[i] = newOrg("acme-"+strconv.Itoa(i), ada.ID)
		w.must(w.insertOrg(all[i]))
	}
	for round := range w.opts.rounds() {
		var claims [racers]orgs.Domain
		for i := range all {
			claims[i] = w.claims(all[i].ID, "example-"+strconv.Itoa(round)+".com")
		}
		winner := w.oneWinner(w.race(func(i int) error { return w.verify(claims[i], base) }), orgs.ErrDomainTaken)
		list, err := w.s.Orgs().Domains(w.ctx, all[winner].ID)
		w.must(err)
		if list[len(list)-1].VerifiedAt.IsZero() {
			w.Error("the winner has proven nothing")
		}
	}
}

func (w *world) updateDomain(d orgs.Domain) error {
	return w.locked(d.Org, func(ctx context.Context, tx orgs.Tx) error { return tx.UpdateDomain(ctx, d) })
}

func updateDomain(w *world) {
	o, _ := w.founded("acme")
	d, another := w.proven(o.ID, "example.com"), w.claims(o.ID, "example.org")
	for i, role := range []orgs.Role{orgs.Viewer, orgs.Admin, orgs.Member} {
		changed := d
		changed.Name, changed.Token, changed.VerifiedAt, changed.CreatedAt = "stolen.com", "stolen", base.Add(day), base.Add(day)
		changed.AutoJoin, changed.Role = i%2 == 1, role
		w.must(w.updateDomain(changed))
		d.AutoJoin, d.Role = changed.AutoJoin, role
		w.wantDomains(o.ID, d, another)
	}
}

func updateDomainOfOthers(w *world) {
	w.domainsOfOthers(func(ctx context.Context, tx orgs.Tx, d orgs.Domain) error {
		d.AutoJoin = true
		return tx.UpdateDomain(ctx, d)
	})
}

func (w *world) deleteDomain(d orgs.Domain) (removed orgs.Domain, err error) {
	err = w.locked(d.Org, func(ctx context.Context, tx orgs.Tx) error {
		removed, err = tx.DeleteDomain(ctx, d.Org, d.ID)
		return err
	})
	return removed, err
}

func deleteDomain(w *world) {
	o, _ := w.founded("acme")
	d, another := w.proven(o.ID, "example.com"), w.claims(o.ID, "example.org")
	w.undoneOrg(func(ctx context.Context, tx orgs.Tx) error {
		_, err := tx.DeleteDomain(ctx, o.ID, d.ID)
		return err
	})
	w.wantDomains(o.ID, d, another)
	got, err := w.deleteDomain(d)
	w.must(err)
	w.same("DeleteDomain", got, d)
	w.wantDomains(o.ID, another)
	_, err = w.deleteDomain(d)
	w.refused("DeleteDomain again", err, orgs.ErrDomainNotFound)
}

func deleteDomainFrees(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	d, claimed := w.proven(o.ID, "example.com"), w.claims(other.ID, "example.com")
	_, err := w.deleteDomain(d)
	w.must(err)
	w.must(w.verify(claimed, base))
	w.wantAutoJoin(w.user("grace").ID, "example.com")
}

func deleteDomainOfOthers(w *world) {
	w.domainsOfOthers(func(ctx context.Context, tx orgs.Tx, d orgs.Domain) error {
		_, err := tx.DeleteDomain(ctx, d.Org, d.ID)
		return err
	})
}

func autoJoin(w *world) {
	o, _ := w.founded("acme")
	other, _ := w.founded("others")
	grace := w.user("grace")
	claimed := newDomain(other.ID, "example.com")
	claimed.AutoJoin = true
	w.must(w.insertDomain(claimed))
	d := w.proven(o.ID, "example.com")
	w.proven(o.ID, "example.org")
	w.wantAutoJoin(grace.ID, "example.com", d)
	for _, name := range []string{"", "Example.com", "example", "sub.example.com", "com", "%", "a\x00", "xexample.com"} {
		w.wantAutoJoin(grace.ID, name)
	}
	d.AutoJoin = false
	w.must(w.updateDomain(d))
	w.wantAutoJoin(grace.ID, "example.com")
}

func autoJoinDeleted(w *world) {
	o, _ := w.founded("acme")
	grace := w.user("grace")
	d := w.proven(o.ID, "example.com")
	w.deleteOrg(o.ID)
	w.wantAutoJoin(grace.ID, "example.com")
	w.must(w.restoreOrg(o.ID))
	w.wantAutoJoin(grace.ID, "example.com", d)
}

func autoJoinMember(w *world) {
	o, ada := w.founded("acme")
	grace := w.joined(o.ID, "grace", orgs.Viewer)
	d := w.proven(o.ID, "example.com")
	w.wantAutoJoin(ada.ID, "example.com")
	w.wantAutoJoin(grace.ID, "example.com")
	w.must(w.suspend(o.ID, grace.ID, true)) // and cannot get back in this way
	w.wantAutoJoin(grace.ID, "example.com")
	w.must(w.remove(o.ID, grace.ID))
	w.wantAutoJoin(grace.ID, "example.com", d)
}
